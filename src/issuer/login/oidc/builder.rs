//! Configuration of the OpenID Connect grant.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::customer::DuplicateEmail;
use crate::customer::DynIdentityStore;
use crate::customer::IdentityStore;
use crate::error::ConfigError;
use crate::issuer::login::oidc::OidcGrant;
use crate::issuer::login::oidc::grant::Inner;
use crate::issuer::login::oidc::linker::Linker;
use crate::oidc::HttpClient;
use crate::oidc::OidcProfile;
use crate::oidc::RelyingParty;
use crate::oidc::SpentCodes;
use crate::revocation::Revocations;

/// Builder for an [`OidcGrant`].
#[must_use]
pub struct OidcGrantBuilder {
    store: Arc<dyn DynIdentityStore>,
    profiles: Vec<OidcProfile>,
    duplicate_email: DuplicateEmail,
    revocations: Option<Revocations>,
    http: Option<HttpClient>,
    timeout: Duration,
}

impl OidcGrantBuilder {
    pub(in crate::issuer) fn new(store: impl IdentityStore) -> Self {
        Self {
            store: Arc::new(store),
            profiles: Vec::new(),
            duplicate_email: DuplicateEmail::Allowed,
            revocations: None,
            http: None,
            timeout: Duration::from_secs(5),
        }
    }

    /// Adds a profile. At least one is required.
    pub fn profile(mut self, profile: OidcProfile) -> Self {
        self.profiles.push(profile);
        self
    }

    /// Links a new identity to the customer with the same verified e-mail
    /// ([`DuplicateEmail::ApiOnly`]).
    ///
    /// Default: each new identity gets a new customer ([`DuplicateEmail::Allowed`]). Linking
    /// removes the customer's password and revokes the customer's earlier tokens in `revocations`,
    /// because the e-mail may have been registered by someone who did not own it. Pass the
    /// revocation list of the verifiers; the issuer uses it too.
    ///
    /// A login that links gets its token when the second of the revocation has ended. If the list
    /// is full, the response is 503 and nothing is linked.
    ///
    /// # Security
    ///
    /// Linking ends all other ways to log in. Data that a previous user of the account left, such
    /// as a name or an address, stays, and so does whatever else the application has issued. If the
    /// process ends between the link and the revocation, that customer's tokens stay valid until
    /// they expire, unless the store records such links.
    ///
    /// Anyone who can verify an e-mail at *any* of the providers can become the customer with that
    /// e-mail.
    pub fn link_by_verified_email(mut self, revocations: Revocations) -> Self {
        self.duplicate_email = DuplicateEmail::ApiOnly;
        self.revocations = Some(revocations);
        self
    }

    /// Rejects a new identity whose e-mail belongs to a customer ([`DuplicateEmail::Disallowed`]).
    ///
    /// Default: each new identity gets a new customer ([`DuplicateEmail::Allowed`]).
    pub fn refuse_duplicate_email(mut self) -> Self {
        self.duplicate_email = DuplicateEmail::Disallowed;
        self.revocations = None;
        self
    }

    /// Sets the HTTP client. Default: hyper over rustls.
    ///
    /// The default client speaks HTTP/1.1 over TLS 1.2 or 1.3 with the system's root certificates,
    /// without a proxy, and follows no redirects.
    pub fn http_client(mut self, client: HttpClient) -> Self {
        self.http = Some(client);
        self
    }

    /// Sets the timeout of all provider requests of a login together, 1 ms to 60 s. Default 5 s.
    ///
    /// When it expires, the response is 503. A request for metadata or keys, which several logins
    /// may wait for, always has 4 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Builds the grant. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NoProfiles`] without a profile, [`ConfigError::NoRedirectUris`] for a
    ///   profile without a redirect URI, [`ConfigError::DuplicateRedirectUri`] for a redirect URI
    ///   that is registered twice,
    /// - [`ConfigError::InvalidUrl`] for an issuer or discovery URL that is not `https`, or a
    ///   redirect URI that is not an absolute URL or has a fragment,
    /// - [`ConfigError::Empty`] and [`ConfigError::NotText`] for an invalid client id or secret,
    /// - [`ConfigError::DurationOutOfRange`] and [`ConfigError::NumberOutOfRange`] for values out
    ///   of range,
    /// - [`ConfigError::NoRootCertificates`] if the default HTTP client finds none.
    pub fn build(self) -> Result<OidcGrant, ConfigError> {
        ConfigError::check_duration("timeout", self.timeout, MIN_TIMEOUT..=MAX_TIMEOUT)?;
        if self.profiles.is_empty() {
            return Err(ConfigError::NoProfiles);
        }
        let mut uris: Vec<&String> =
            self.profiles.iter().flat_map(OidcProfile::redirect_uris).collect();
        uris.sort_unstable();
        if let Some(twice) = uris.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::DuplicateRedirectUri { uri: twice[0].clone() });
        }
        let http = match self.http {
            Some(http) => http,
            None => HttpClient::over_hyper(self.profiles.iter().any(OidcProfile::needs_tls))?,
        };
        let parties = self.profiles.iter().cloned();
        let parties = parties.map(|profile| RelyingParty::new(profile, http.clone()));
        Ok(OidcGrant::new(Inner {
            parties: parties.collect::<Result<_, _>>()?,
            linker: Arc::new(Linker::new(self.store, self.duplicate_email, self.revocations)),
            profiles: self.profiles,
            timeout: self.timeout,
            spent: SpentCodes::new(MAX_SPENT_CODES),
        }))
    }
}

impl fmt::Debug for OidcGrantBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcGrantBuilder")
            .field("profiles", &self.profiles)
            .field("duplicate_email", &self.duplicate_email)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

const MAX_SPENT_CODES: usize = 100_000;
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
