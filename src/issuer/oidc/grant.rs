//! Logins by OpenID Connect: whose customer an identity is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;
use tokio::time::timeout_at;

use super::OidcGrantBuilder;
use super::store::DynIdentityStore;
use crate::clock::Clock;
use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::DuplicateEmail;
use crate::customer::IdentityStore;
use crate::customer::LinkDecision;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::issuer::response::Refusal;
use crate::issuer::store_answer::store_answer;
use crate::observe;
use crate::oidc::CodeExchange;
use crate::oidc::OidcError;
use crate::oidc::OidcErrorKind;
use crate::oidc::OidcProfile;
use crate::oidc::RelyingParty;
use crate::oidc::SpentCodes;
use crate::revocation::Revocations;

/// Logins by OpenID Connect (Authorization Code Flow with PKCE), for a
/// [`TokenIssuer`](crate::TokenIssuer).
///
/// A front end sends the customer to a provider and gets a code back at its redirect URI. It posts code,
/// redirect URI and code verifier; the redirect URI chooses the [`OidcProfile`]. The code is exchanged,
/// the ID token verified, and the customer found by its issuer and subject, or created.
///
/// A provider's metadata and keys are fetched at the first login, or by [`prefetch`](Self::prefetch);
/// a provider that is down keeps no program from starting. From then on they are renewed in the background
/// ahead of their time (`Cache-Control`, within 5 minutes and 24 hours), used for up to 24 hours longer
/// while the provider is down, and fetched at once for a key that isn't known, once a minute at most.
///
/// A clone is a handle to the same grant.
///
/// # Security
///
/// A code is tried once. It is remembered for ten minutes, hashed, and a second try is refused without
/// the provider hearing of it; the latest 100 000 codes are remembered.
///
/// A provider is not asked less because it failed: each login tries it, within the bound of
/// [`OidcProfile::max_in_flight`], and without that bound of one provider touching any other.
///
/// # Example
///
/// ```
/// use tower_customer_auth::ConfigError;
/// use tower_customer_auth::IdentityStore;
/// use tower_customer_auth::OidcGrant;
/// use tower_customer_auth::OidcProfile;
///
/// fn grant(customers: impl IdentityStore) -> Result<OidcGrant, ConfigError> {
///     let profile = OidcProfile::new("https://id.example", "storefront")
///         .redirect_uri("https://shop.example/signed-in");
///     OidcGrant::builder(customers).profile(profile).build()
/// }
/// ```
#[derive(Clone)]
pub struct OidcGrant(Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: Arc<dyn DynIdentityStore>,
    pub(super) parties: Vec<RelyingParty>,
    pub(super) profiles: Vec<OidcProfile>,
    pub(super) duplicate_email: DuplicateEmail,
    /// Of [`DuplicateEmail::ApiOnly`].
    pub(super) revocations: Option<Revocations>,
    pub(super) timeout: Duration,
    pub(super) spent: SpentCodes,
}

impl OidcGrant {
    /// Starts a grant over a store.
    pub fn builder(store: impl IdentityStore) -> OidcGrantBuilder {
        OidcGrantBuilder::new(store)
    }

    /// Returns the profiles.
    pub fn profiles(&self) -> &[OidcProfile] {
        &self.0.profiles
    }

    /// Returns the policy for a newcomer whose e-mail a customer has already.
    #[must_use]
    pub fn duplicate_email(&self) -> DuplicateEmail {
        self.0.duplicate_email
    }

    /// Begins to fetch what is needed of every provider, in the background, so that the first login
    /// doesn't wait for it.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn prefetch(&self) {
        self.0.parties.iter().for_each(RelyingParty::prefetch);
    }

    /// Returns where a front end sends the customer to: the `authorization_endpoint` of the provider of
    /// the profile that has this redirect URI; `None` where none has it.
    ///
    /// # Errors
    ///
    /// The provider's metadata isn't known yet, and can't be had within the grant's timeout.
    pub async fn authorization_endpoint(
        &self,
        redirect_uri: &str,
    ) -> Result<Option<String>, OidcError> {
        let Some(party) = self.0.party(redirect_uri) else {
            return Ok(None);
        };
        let deadline = Instant::now() + self.0.timeout;
        within(deadline, party.authorization_endpoint()).await.map(Some)
    }

    /// Finds out who logs in, and since when that is known to hold: `begun_at`, or later where the
    /// customer's earlier tokens had to be revoked.
    pub(in crate::issuer) async fn login(
        &self,
        login: CodeExchange,
        begun_at: SystemTime,
        clock: &dyn Clock,
        store_timeout: Duration,
    ) -> Result<(Customer, SystemTime), Refusal> {
        let inner = &*self.0;
        // Not one that is registered here: the provider would not take it either, and is not asked.
        let party = inner.party(&login.redirect_uri).ok_or(Refusal::Credentials)?;
        // One deadline for all that the provider is asked in this login.
        let deadline = Instant::now() + inner.timeout;
        let redeemed = within(deadline, party.redeem(&login, &inner.spent, clock)).await;
        let mut proof = redeemed.map_err(|error| refusal(&error))?;

        let known = inner.store.find_by_identity(&proof.identity);
        if let Some(known) = store_answer(store_timeout, known).await? {
            return Ok((known, begun_at));
        }
        // Only now, because for a customer who is known nothing more has to be known.
        let person = within(deadline, party.describe(&mut proof)).await;
        let person = person.map_err(|error| refusal(&error))?;
        let id = CustomerId::random().map_err(|error| {
            observe::fault("no customer id could be made", &error);
            Refusal::Fault
        })?;
        let newcomer =
            Newcomer::new(proof.identity.clone(), Customer::new(id, person.name, person.email))
                .email_verified(person.email_verified);
        inner.admit(&newcomer, begun_at, clock, store_timeout).await
    }
}

impl OidcGrant {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl Inner {
    fn party(&self, redirect_uri: &str) -> Option<&RelyingParty> {
        let registered = |party: &&RelyingParty| {
            party.profile().redirect_uris().iter().any(|uri| uri == redirect_uri)
        };
        self.parties.iter().find(registered)
    }

    /// Makes a newcomer a customer, as the policy says.
    async fn admit(
        &self,
        newcomer: &Newcomer,
        begun_at: SystemTime,
        clock: &dyn Clock,
        store_timeout: Duration,
    ) -> Result<(Customer, SystemTime), Refusal> {
        let store = &*self.store;
        for _ in 0..MAX_LOOKS {
            let known =
                store_answer(store_timeout, store.find_by_identity(newcomer.identity())).await?;
            let email = newcomer.customer().email();
            let holder = store_answer(store_timeout, store.email_holder(email)).await?;
            let decision = LinkDecision::of(
                self.duplicate_email,
                known.as_ref().map(Customer::id),
                newcomer.has_verified_email(),
                &holder,
            );
            let (admission, held_since) = match (decision, known) {
                (LinkDecision::Known(_), Some(known)) => return Ok((known, begun_at)),
                (LinkDecision::Create, _) => {
                    let must_be_free = self.duplicate_email == DuplicateEmail::Disallowed;
                    let created = store.create(newcomer, must_be_free);
                    (store_answer(store_timeout, created).await?, begun_at)
                }
                (LinkDecision::Link(id), _) => {
                    // Before, so that whoever registered this e-mail is out even if we stop between the
                    // two; and after, for whoever logs in by the old password between the two.
                    self.revoke(&id, clock).await?;
                    let linked = store.link(newcomer, &id);
                    let linked = store_answer(store_timeout, linked).await?;
                    self.revoke(&id, clock).await?;
                    (linked, clock.now())
                }
                _ => return Err(Refusal::Credentials),
            };
            if let Admission::Admitted(customer) = admission {
                return Ok((customer, held_since));
            }
            // Somebody was faster, with another first login of this identity perhaps.
        }
        let changing = StoreError::new("it changed at every look");
        observe::fault("a newcomer could not be admitted", &changing);
        Err(Refusal::Fault)
    }

    async fn revoke(&self, id: &CustomerId, clock: &dyn Clock) -> Result<(), Refusal> {
        // Invariant: the policy that links comes with them.
        let Some(revocations) = &self.revocations else {
            return Err(Refusal::Fault);
        };
        revocations.revoke_customer(id, clock.now()).await.map_err(|error| {
            observe::fault("a linked customer's tokens were not revoked", &error);
            Refusal::Fault
        })
    }
}

impl fmt::Debug for OidcGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcGrant")
            .field("profiles", &self.0.profiles)
            .field("duplicate_email", &self.0.duplicate_email)
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

async fn within<T>(
    deadline: Instant,
    asked: impl Future<Output = Result<T, OidcError>>,
) -> Result<T, OidcError> {
    timeout_at(deadline, asked).await.unwrap_or_else(|_| Err(OidcError::slow()))
}

fn refusal(error: &OidcError) -> Refusal {
    match error.kind() {
        // The client's own doing, as a wrong password is.
        OidcErrorKind::CodeRefused => Refusal::Credentials,
        OidcErrorKind::IdentityRefused => {
            // A front end can't make this happen: the provider is misconfigured, or attacked.
            observe::fault("an OpenID provider's statement was refused", error);
            Refusal::Credentials
        }
        OidcErrorKind::Overloaded => Refusal::Overloaded,
        OidcErrorKind::Unavailable => {
            observe::fault("an OpenID provider is of no use at the moment", error);
            Refusal::Fault
        }
    }
}

/// How often a newcomer's place may have changed between the look and the step.
const MAX_LOOKS: usize = 3;
