//! Whose customer an identity is, and how somebody new becomes one.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::store::DynIdentityStore;
use crate::clock::Clock;
use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::DuplicateEmail;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::LinkDecision;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::issuer::login::store_answer::store_answer;
use crate::issuer::response::Refusal;
use crate::revocation::Revocations;
use crate::revocation::RevokeError;
use crate::telemetry;

/// The door: the store, and the policy for newcomers.
pub(in crate::issuer) struct Linker {
    store: Arc<dyn DynIdentityStore>,
    duplicate_email: DuplicateEmail,
    /// Of [`DuplicateEmail::ApiOnly`].
    revocations: Option<Revocations>,
    /// Links are carried out one after the other.
    linking: Arc<Mutex<()>>,
}

/// A customer, and the moment at which the identity was found to be theirs.
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
        patience: Duration,
    ) -> Result<Option<Found>, Refusal> {
        // Before the store is asked, so that a revocation from now on reaches this login's token.
        let looked_at = clock.now();
        let known = store_answer(patience, self.store.find_by_identity(identity)).await?;
        Ok(known.map(|known| (known, looked_at)))
    }

    /// Makes a newcomer a customer, as the policy says.
    pub(in crate::issuer) async fn admit(
        self: &Arc<Self>,
        newcomer: &Newcomer,
        clock: &Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Found, Refusal> {
        let email = newcomer.customer().email();
        let verified = newcomer.has_verified_email();
        for _ in 0..MAX_LOOKS {
            let looked_at = clock.now();
            let known = self.store.find_by_identity(newcomer.identity());
            let known = store_answer(patience, known).await?;
            let holder = store_answer(patience, self.store.email_holder(email)).await?;
            let known_id = known.as_ref().map(Customer::id);
            let (admission, held_since) = match (
                LinkDecision::of(self.duplicate_email, known_id, verified, &holder),
                known,
            ) {
                (LinkDecision::Known(_), Some(known)) => return Ok((known, looked_at)),
                (LinkDecision::Create, _) => {
                    // Where the next one of this e-mail would be linked, two at once must not both
                    // be the first.
                    let must_be_free = match self.duplicate_email {
                        DuplicateEmail::Allowed => false,
                        DuplicateEmail::ApiOnly => verified && holder == EmailHolder::Free,
                        DuplicateEmail::Disallowed => true,
                    };
                    let created = self.store.create(newcomer, must_be_free);
                    (store_answer(patience, created).await?, looked_at)
                }
                (LinkDecision::Link(id), _) => {
                    self.link(newcomer.clone(), id, Arc::clone(clock), patience).await?
                }
                _ => return Err(Refusal::Credentials),
            };
            if let Admission::Admitted(customer) = admission {
                return Ok((customer, held_since));
            }
            // Somebody was faster, with another first login of this identity perhaps.
        }
        let changing = StoreError::new("it changed at every look");
        telemetry::fault("a newcomer could not be admitted", &changing);
        Err(Refusal::Fault)
    }

    /// Links in a task of its own: neither a client that hangs up nor a store that is slow may keep the
    /// revocation from following the link.
    async fn link(
        self: &Arc<Self>,
        newcomer: Newcomer,
        id: CustomerId,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<(Admission, SystemTime), Refusal> {
        let unanswered = |elapsed| {
            telemetry::fault("the customer store has not answered", &elapsed);
            Refusal::Fault
        };
        let turn = timeout(patience, Arc::clone(&self.linking).lock_owned());
        let turn = turn.await.map_err(unanswered)?;
        let this = Arc::clone(self);
        let linked = tokio::spawn(async move {
            let _turn = turn;
            // Invariant: the policy that links comes with a list.
            let revocations = this.revocations.as_ref().ok_or(Refusal::Fault)?;
            // Another login of the same person may have been linked meanwhile: its token is to live.
            let known = this.store.find_by_identity(newcomer.identity());
            if store_answer(patience, known).await?.is_some() {
                return Ok((Admission::Stale, clock.now()));
            }
            // Before the link, which can't be taken back: a list that is full refuses it.
            let _room = revocations.reserve_customer(&id).map_err(unrevoked)?;
            // However long it takes: what the store has not given up may still happen.
            let linked = this.store.link(&newcomer, &id).await;
            // Once, and after: from the link on nobody can log in by the old password, and whoever has
            // done so until now is out. The store may have linked even where it could not tell.
            let held_since = clock.now();
            if !matches!(linked, Ok(Admission::Stale)) {
                revocations.revoke_customer(&id, held_since).await.map_err(unrevoked)?;
            }
            let linked = linked.map_err(|error| {
                telemetry::fault("the customer store could not tell", &error);
                Refusal::Fault
            });
            Ok((linked?, held_since))
        });
        let panicked = |panicked| {
            telemetry::fault("the customer store has panicked", &panicked);
            Refusal::Fault
        };
        timeout(patience, linked).await.map_err(unanswered)?.map_err(panicked)?
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unrevoked(error: RevokeError) -> Refusal {
    telemetry::fault("a linked customer's tokens can't be revoked", &error);
    Refusal::Fault
}

/// How often a newcomer's place may have changed between the look and the step.
const MAX_LOOKS: usize = 3;
