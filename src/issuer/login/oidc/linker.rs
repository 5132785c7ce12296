//! Lookup of the customer of an identity, and creation or linking for a new identity.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::DuplicateEmail;
use crate::customer::DynIdentityStore;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::LinkDecision;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::issuer::response::Refusal;
use crate::issuer::store_answer::store_answer;
use crate::revocation::Revocations;
use crate::revocation::RevokeError;
use crate::telemetry;

/// The store, and the policy for new identities.
pub(in crate::issuer) struct Linker {
    store: Arc<dyn DynIdentityStore>,
    duplicate_email: DuplicateEmail,
    /// Set with [`DuplicateEmail::ApiOnly`].
    revocations: Option<Revocations>,
    /// Links run one after the other.
    linking: Arc<Mutex<()>>,
}

/// A customer, and the time as of which the identity was theirs.
pub(in crate::issuer) type Found = (Customer, SystemTime);

impl Linker {
    pub(in crate::issuer) fn new(
        store: Arc<dyn DynIdentityStore>,
        duplicate_email: DuplicateEmail,
        revocations: Option<Revocations>,
    ) -> Self {
        Self { store, duplicate_email, revocations, linking: Arc::default() }
    }

    pub(in crate::issuer) fn duplicate_email(&self) -> DuplicateEmail {
        self.duplicate_email
    }

    pub(in crate::issuer) fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// Finds the customer of an identity.
    pub(in crate::issuer) async fn find(
        &self,
        identity: &Identity,
        clock: &dyn Clock,
        store_timeout: Duration,
    ) -> Result<Option<Found>, Refusal> {
        // Before the lookup, so that a revocation from now on reaches this login's token.
        let as_of = clock.now();
        let known = store_answer(store_timeout, self.store.find_by_identity(identity)).await?;
        Ok(known.map(|known| (known, as_of)))
    }

    /// Creates or links a customer for a newcomer, according to the policy.
    pub(in crate::issuer) async fn admit(
        self: &Arc<Self>,
        newcomer: &Newcomer,
        clock: &Arc<dyn Clock>,
        store_timeout: Duration,
    ) -> Result<Found, Refusal> {
        let email = newcomer.customer().email();
        let verified = newcomer.has_verified_email();
        for _ in 0..MAX_ATTEMPTS {
            let as_of = clock.now();
            let known = self.store.find_by_identity(newcomer.identity());
            let known = store_answer(store_timeout, known).await?;
            let holder = store_answer(store_timeout, self.store.email_holder(email)).await?;
            let known_id = known.as_ref().map(Customer::id);
            let (admission, as_of) = match (
                LinkDecision::of(self.duplicate_email, known_id, verified, &holder),
                known,
            ) {
                (LinkDecision::Known(_), Some(known)) => return Ok((known, as_of)),
                (LinkDecision::Create, _) => {
                    // If the next login with this e-mail would be linked, two concurrent ones must
                    // not both create a customer.
                    let must_be_free = match self.duplicate_email {
                        DuplicateEmail::Allowed => false,
                        DuplicateEmail::ApiOnly => verified && holder == EmailHolder::Free,
                        DuplicateEmail::Disallowed => true,
                    };
                    let created = self.store.create(newcomer, must_be_free);
                    (store_answer(store_timeout, created).await?, as_of)
                }
                (LinkDecision::Link(id), _) => {
                    self.link(newcomer.clone(), id, Arc::clone(clock), store_timeout).await?
                }
                _ => return Err(Refusal::Credentials),
            };
            if let Admission::Admitted(customer) = admission {
                return Ok((customer, as_of));
            }
            // A concurrent request was faster, for example another first login of this identity.
        }
        let changing = StoreError::new("the store changed at every attempt");
        telemetry::fault("a new customer could not be created or linked", &changing);
        Err(Refusal::Fault)
    }

    /// Links in a separate task.
    ///
    /// Neither a disconnecting client nor a slow store may keep the revocation from following the
    /// link.
    async fn link(
        self: &Arc<Self>,
        newcomer: Newcomer,
        id: CustomerId,
        clock: Arc<dyn Clock>,
        store_timeout: Duration,
    ) -> Result<(Admission, SystemTime), Refusal> {
        let timed_out = |elapsed| {
            telemetry::fault("the customer store timed out", &elapsed);
            Refusal::Fault
        };
        let turn = timeout(store_timeout, Arc::clone(&self.linking).lock_owned());
        let turn = turn.await.map_err(timed_out)?;
        let this = Arc::clone(self);
        let linked = tokio::spawn(async move {
            let _turn = turn;
            // Invariant: the policy that links comes with a list.
            let revocations = this.revocations.as_ref().ok_or(Refusal::Fault)?;
            // A concurrent login of this identity may have linked meanwhile: its token must stay
            // valid.
            let known = this.store.find_by_identity(newcomer.identity());
            if store_answer(store_timeout, known).await?.is_some() {
                return Ok((Admission::Stale, clock.now()));
            }
            // Before the link, which cannot be undone: a full list rejects it.
            let _reservation = revocations.reserve_customer(&id).map_err(revocation_failed)?;
            // Without a timeout: an operation that the store has not given up may still take
            // effect.
            let linked = this.store.link(&newcomer, &id).await;
            // Once, after the link: from then on the old password does not log in, and tokens
            // issued for it before are revoked. The store may have linked even if it returned an
            // error.
            let as_of = clock.now();
            if !matches!(linked, Ok(Admission::Stale)) {
                revocations.revoke_customer(&id, as_of).await.map_err(revocation_failed)?;
            }
            let linked = linked.map_err(|error| {
                telemetry::fault("the customer store failed", &error);
                Refusal::Fault
            });
            Ok((linked?, as_of))
        });
        let panicked = |panicked| {
            telemetry::fault("the customer store panicked", &panicked);
            Refusal::Fault
        };
        timeout(store_timeout, linked).await.map_err(timed_out)?.map_err(panicked)?
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn revocation_failed(error: RevokeError) -> Refusal {
    telemetry::fault("a linked customer's tokens could not be revoked", &error);
    Refusal::Fault
}

/// Maximum attempts if the store changes between lookup and write.
const MAX_ATTEMPTS: usize = 3;
