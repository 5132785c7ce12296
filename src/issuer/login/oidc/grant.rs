//! The OpenID Connect grant.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::clock::Clock;
use crate::customer::Customer;
use crate::customer::DuplicateEmail;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::id::CustomerId;
use crate::issuer::login::oidc::OidcGrantBuilder;
use crate::issuer::login::oidc::linker::Found;
use crate::issuer::login::oidc::linker::Linker;
use crate::issuer::response::Refusal;
use crate::oidc::CodeExchange;
use crate::oidc::OidcError;
use crate::oidc::OidcErrorKind;
use crate::oidc::OidcProfile;
use crate::oidc::RelyingParty;
use crate::oidc::SpentCodes;
use crate::revocation::Revocations;
use crate::telemetry;
use crate::throttle::ReservedAttempt;

/// Grant for OpenID Connect logins (Authorization Code Flow with PKCE).
///
/// A front end sends the customer to a provider and receives a code at its redirect URI. It posts
/// the code, the redirect URI and the code verifier; the redirect URI selects the [`OidcProfile`].
/// The grant exchanges the code, verifies the ID token, and finds the customer by issuer and
/// subject or creates one.
///
/// A provider's metadata and keys are fetched at the first login, or by
/// [`prefetch`](Self::prefetch), so that an unavailable provider does not keep a program from
/// starting. They are refreshed in the background before they expire (`Cache-Control`, within 5
/// minutes and 24 hours), used for up to 24 hours longer while the provider is unavailable, and
/// fetched at once for an unknown key, at most once a minute.
///
/// A clone is a handle to the same grant.
///
/// # What a front end sends
///
/// To the provider's `authorization_endpoint`: `response_type=code`, `client_id`, `redirect_uri`,
/// `scope` (`openid profile email`), a random `state` that it checks when the customer returns, and
/// PKCE: `code_challenge` and `code_challenge_method=S256` (RFC 7636). To the issuer, as JSON, with
/// the same bearer token as for a password login:
///
/// ```json
/// {"data":{"type":"token","authentication_mechanism":"oidc",
///   "oauth_authorization_code":"…","oauth_redirect_uri":"https://shop.example/",
///   "oauth_code_verifier":"…"}}
/// ```
///
/// The response is `{"data":{"type":"token","id":…,"customer_id":…,"token":…,"expires":…}}`, with
/// `expires` in seconds since 1970.
///
/// # Accepted ID tokens
///
/// ID tokens are accepted if they are signed with RS256, PS256, ES256 or EdDSA (Ed25519) by the
/// provider's keys, or with HS256 by the client secret; have at most 64 KiB; are not encrypted; are
/// for this client alone; have not reached `exp`, without leeway; and have an `iat` at most ten
/// minutes old. An e-mail of more than 254 bytes, or with invisible characters
/// ([`email_has_invisible_characters`](crate::customer::email_has_invisible_characters)), is
/// ignored; a name is truncated after 255 characters. If the ID token of a new identity has no
/// e-mail or no name, the userinfo endpoint is queried.
///
/// # Security
///
/// A code is used only once. Its hash is kept for ten minutes, for the latest 100 000 codes, and a
/// second use is rejected without asking the provider.
///
/// Failures do not reduce the requests to a provider: each login tries it, within the limit of
/// [`OidcProfile::max_in_flight`]. Each provider has its own limit, so that one does not affect
/// another.
///
/// # Example
///
/// ```
/// use tower_customer_auth::ConfigError;
/// use tower_customer_auth::customer::IdentityStore;
/// use tower_customer_auth::OidcGrant;
/// use tower_customer_auth::oidc::OidcProfile;
///
/// fn grant(customers: impl IdentityStore) -> Result<OidcGrant, ConfigError> {
///     let profile = OidcProfile::new("https://id.example", "storefront")
///         .redirect_uri("https://shop.example/signed-in");
///     OidcGrant::builder(customers).profile(profile).build()
/// }
/// ```
#[derive(Clone)]
pub struct OidcGrant(Arc<Inner>);

pub(in crate::issuer) struct Inner {
    pub(in crate::issuer) linker: Arc<Linker>,
    pub(in crate::issuer) parties: Vec<RelyingParty>,
    pub(in crate::issuer) profiles: Vec<OidcProfile>,
    pub(in crate::issuer) timeout: Duration,
    pub(in crate::issuer) spent: SpentCodes,
}

impl OidcGrant {
    /// Returns a builder for a grant with this store.
    pub fn builder(store: impl IdentityStore) -> OidcGrantBuilder {
        OidcGrantBuilder::new(store)
    }

    /// Returns the profiles.
    pub fn profiles(&self) -> &[OidcProfile] {
        &self.0.profiles
    }

    /// Returns the policy for a new identity whose e-mail already belongs to a customer.
    #[must_use]
    pub fn duplicate_email(&self) -> DuplicateEmail {
        self.0.linker.duplicate_email()
    }

    /// Starts to fetch every provider's metadata and keys in the background.
    ///
    /// The first login then does not wait for them.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn prefetch(&self) {
        self.0.parties.iter().for_each(RelyingParty::prefetch);
    }

    /// Returns the provider's `authorization_endpoint`, where a front end sends the customer.
    ///
    /// The provider is that of the profile with this redirect URI. Returns `None` if no profile has
    /// it.
    ///
    /// # Errors
    ///
    /// The provider's metadata is not cached and cannot be fetched within the grant's timeout.
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

    /// Authenticates a login, and settles its reservation. Returns the identity, its customer, and
    /// the time as of which it was theirs.
    ///
    /// That time is after the code exchange, unlike for a password: nothing that changes here
    /// affects the ID token, only the lookup of the customer.
    pub(in crate::issuer) async fn login(
        &self,
        login: CodeExchange,
        mut reservation: ReservedAttempt,
        clock: &Arc<dyn Clock>,
        store_timeout: Duration,
    ) -> Result<(Identity, Found), Refusal> {
        let outcome = self.redeem(login, &mut reservation, clock, store_timeout).await;
        match &outcome {
            Ok(_) => reservation.success(),
            Err(Refusal::Credentials) => reservation.failure(),
            Err(_) => reservation.cancel(),
        }
        outcome
    }

    async fn redeem(
        &self,
        login: CodeExchange,
        reservation: &mut ReservedAttempt,
        clock: &Arc<dyn Clock>,
        store_timeout: Duration,
    ) -> Result<(Identity, Found), Refusal> {
        let inner = &*self.0;
        // The provider would reject an unregistered redirect URI too, and is not asked.
        let party = inner.party(&login.redirect_uri).ok_or(Refusal::Credentials)?;
        // One deadline for all requests of this login to the provider.
        let deadline = Instant::now() + inner.timeout;
        let flow = reservation.flow();
        let begin = || reservation.begin();
        let redeemed = party.redeem(flow, deadline, &login, &inner.spent, &**clock, begin);
        let redeemed = within(deadline, redeemed).await;
        let mut proof = redeemed.map_err(|error| refusal(&error))?;

        if let Some(known) = self.find(&proof.identity, &**clock, store_timeout).await? {
            return Ok((proof.identity, known));
        }
        // Only for a new customer: a known one needs no name or e-mail.
        let person = within(deadline, party.describe(&mut proof)).await;
        let person = person.map_err(|error| refusal(&error))?;
        let id = CustomerId::random().map_err(|error| {
            telemetry::fault("a customer id could not be generated", &error);
            Refusal::Fault
        })?;
        let newcomer =
            Newcomer::new(proof.identity.clone(), Customer::new(id, person.name, person.email))
                .email_verified(person.email_verified);
        let admitted = inner.linker.admit(&newcomer, clock, store_timeout).await?;
        Ok((proof.identity, enabled(admitted)?))
    }

    /// Finds the customer of an authenticated identity, and the time as of which it was theirs.
    ///
    /// A disabled customer is refused.
    pub(in crate::issuer) async fn find(
        &self,
        identity: &Identity,
        clock: &dyn Clock,
        store_timeout: Duration,
    ) -> Result<Option<Found>, Refusal> {
        self.0.linker.find(identity, clock, store_timeout).await?.map(enabled).transpose()
    }
}

impl OidcGrant {
    /// The list that revokes the tokens of linked customers.
    pub(in crate::issuer) fn revocations(&self) -> Option<&Revocations> {
        self.0.linker.revocations()
    }

    pub(in crate::issuer) fn new(inner: Inner) -> Self {
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
}

impl fmt::Debug for OidcGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcGrant")
            .field("profiles", &self.0.profiles)
            .field("duplicate_email", &self.duplicate_email())
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

/// Refuses a disabled customer.
fn enabled(found: Found) -> Result<Found, Refusal> {
    if found.0.is_enabled() { Ok(found) } else { Err(Refusal::Credentials) }
}

async fn within<T>(
    deadline: Instant,
    asked: impl Future<Output = Result<T, OidcError>>,
) -> Result<T, OidcError> {
    timeout_at(deadline, asked).await.unwrap_or_else(|_| Err(OidcError::slow()))
}

fn refusal(error: &OidcError) -> Refusal {
    match error.kind() {
        // The client's fault, like a wrong password.
        OidcErrorKind::CodeRefused => Refusal::Credentials,
        OidcErrorKind::IdentityRefused => {
            // A front end cannot cause this: the provider is misconfigured, or under attack.
            telemetry::fault("an OpenID provider sent an invalid ID token or userinfo", error);
            Refusal::Credentials
        }
        OidcErrorKind::Overloaded => Refusal::Overloaded,
        OidcErrorKind::Unavailable => {
            telemetry::fault("an OpenID provider is unavailable", error);
            Refusal::Fault
        }
    }
}
