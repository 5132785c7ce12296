//! Logins by OpenID Connect: whose customer an identity is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::timeout_at;

use super::OidcGrantBuilder;
use super::linker::Found;
use super::linker::Linker;
use crate::clock::Clock;
use crate::customer::Customer;
use crate::customer::DuplicateEmail;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::id::CustomerId;
use crate::issuer::response::Refusal;
use crate::oidc::CodeExchange;
use crate::oidc::OidcError;
use crate::oidc::OidcErrorKind;
use crate::oidc::OidcProfile;
use crate::oidc::RelyingParty;
use crate::oidc::SpentCodes;
use crate::revocation::Revocations;
use crate::telemetry;

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
/// # What a front end sends
///
/// To the provider's `authorization_endpoint`: `response_type=code`, `client_id`, `redirect_uri`, `scope`
/// (`openid profile email`), a random `state` that it checks when the customer comes back, and PKCE:
/// `code_challenge` and `code_challenge_method=S256` (RFC 7636). To the issuer, as JSON, under the same
/// bearer token as a login by password:
///
/// ```json
/// {"data":{"type":"token","authentication_mechanism":"oidc",
///   "oauth_authorization_code":"…","oauth_redirect_uri":"https://shop.example/","oauth_code_verifier":"…"}}
/// ```
///
/// The answer is `{"data":{"type":"token","id":…,"customer_id":…,"token":…,"expires":…}}`, `expires` in
/// seconds since 1970.
///
/// # What is accepted of a provider
///
/// ID tokens signed with RS256, PS256, ES256 or EdDSA (Ed25519) by the provider's keys, or with HS256 by
/// the client's own secret; of at most 64 KiB, not encrypted, for this client alone, `exp` without any
/// leeway, `iat` at most ten minutes old. An e-mail of more than 254 bytes, or with invisible
/// characters ([`email_has_invisible_characters`](crate::customer::email_has_invisible_characters)), counts as
/// none; a name ends after 255 characters. Where the ID token of a new identity has no e-mail or no name,
/// userinfo is asked.
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
        self.0.linker.duplicate_email()
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

    /// Finds out who logs in: their identity, the customer it belongs to, and since when it is known to.
    ///
    /// That is not the moment at which the login began, as it is for a password: the provider's word for
    /// somebody doesn't change with what happens here meanwhile, and only whose it is is looked up.
    pub(in crate::issuer) async fn login(
        &self,
        login: CodeExchange,
        clock: &Arc<dyn Clock>,
        store_timeout: Duration,
    ) -> Result<(Identity, Found), Refusal> {
        let inner = &*self.0;
        // Not one that is registered here: the provider would not take it either, and is not asked.
        let party = inner.party(&login.redirect_uri).ok_or(Refusal::Credentials)?;
        // One deadline for all that the provider is asked in this login.
        let deadline = Instant::now() + inner.timeout;
        let redeemed = within(deadline, party.redeem(&login, &inner.spent, &**clock)).await;
        let mut proof = redeemed.map_err(|error| refusal(&error))?;

        if let Some(known) = self.find(&proof.identity, &**clock, store_timeout).await? {
            return Ok((proof.identity, known));
        }
        // Only now, because for a customer who is known nothing more has to be known.
        let person = within(deadline, party.describe(&mut proof)).await;
        let person = person.map_err(|error| refusal(&error))?;
        let id = CustomerId::random().map_err(|error| {
            telemetry::fault("no customer id could be made", &error);
            Refusal::Fault
        })?;
        let newcomer =
            Newcomer::new(proof.identity.clone(), Customer::new(id, person.name, person.email))
                .email_verified(person.email_verified);
        let admitted = inner.linker.admit(&newcomer, clock, store_timeout).await?;
        Ok((proof.identity, admitted))
    }

    /// Finds the customer of an identity that has been proved, and since when it is known to be theirs.
    pub(in crate::issuer) async fn find(
        &self,
        identity: &Identity,
        clock: &dyn Clock,
        store_timeout: Duration,
    ) -> Result<Option<Found>, Refusal> {
        self.0.linker.find(identity, clock, store_timeout).await
    }
}

impl OidcGrant {
    /// The list by which the tokens of linked customers are revoked.
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
            telemetry::fault("an OpenID provider's statement was refused", error);
            Refusal::Credentials
        }
        OidcErrorKind::Overloaded => Refusal::Overloaded,
        OidcErrorKind::Unavailable => {
            telemetry::fault("an OpenID provider is of no use at the moment", error);
            Refusal::Fault
        }
    }
}
