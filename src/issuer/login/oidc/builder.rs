//! Configuration of a grant.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::OidcGrant;
use super::admission::Admissions;
use super::grant::Inner;
use super::store::DynIdentityStore;
use crate::customer::DuplicateEmail;
use crate::customer::IdentityStore;
use crate::error::ConfigError;
use crate::oidc::HttpClient;
use crate::oidc::OidcProfile;
use crate::oidc::RelyingParty;
use crate::oidc::SpentCodes;
use crate::revocation::Revocations;

/// Builder of an [`OidcGrant`].
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

    /// Adds a profile. Default: none, and at least one is needed.
    pub fn profile(mut self, profile: OidcProfile) -> Self {
        self.profiles.push(profile);
        self
    }

    /// Lets a newcomer with an e-mail that the provider has verified become the customer who has it
    /// ([`DuplicateEmail::ApiOnly`]): the customer's password is removed, and earlier tokens revoked by
    /// `revocations`, because whoever registered the e-mail may not have owned it. It is the list that
    /// the verifiers of the customer tokens ask; the issuer takes it too. Default: each identity
    /// gets a customer of its own ([`DuplicateEmail::Allowed`]).
    ///
    /// A login that links gets its token when the second of the revocation has ended. While the list is
    /// full it is answered with 503, and nothing is linked.
    ///
    /// # Security
    ///
    /// Only the ways in are closed. What the one before has left in the account, a name or an address
    /// perhaps, stays there, and so does whatever the application itself has given out. A process that
    /// ends between the link and the revocation leaves that customer's tokens good until they expire,
    /// unless the store notes such a link.
    ///
    /// Whoever may verify e-mails at *any* of the providers may become any customer with such an e-mail.
    pub fn link_by_verified_email(mut self, revocations: Revocations) -> Self {
        self.duplicate_email = DuplicateEmail::ApiOnly;
        self.revocations = Some(revocations);
        self
    }

    /// Refuses a newcomer whose e-mail a customer has ([`DuplicateEmail::Disallowed`]).
    pub fn refuse_duplicate_email(mut self) -> Self {
        self.duplicate_email = DuplicateEmail::Disallowed;
        self.revocations = None;
        self
    }

    /// Sets the HTTP client. Default: HTTP/1.1 over TLS 1.2 and 1.3 by rustls with the machine's root
    /// certificates; no proxy, no redirects.
    pub fn http_client(mut self, client: HttpClient) -> Self {
        self.http = Some(client);
        self
    }

    /// Sets how long a login waits for its provider, for all requests together, 1 ms to 60 s; past that
    /// the answer is 503. Default: 5 s. A single request for metadata or keys, which several logins may
    /// be waiting for, has 4 s, whatever this says.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Creates the grant. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NoProfiles`] without a profile, [`ConfigError::NoRedirectUris`] for one that no
    ///   login could choose, [`ConfigError::DuplicateRedirectUri`] for a redirect URI that would choose
    ///   two,
    /// - [`ConfigError::InvalidUrl`] for an issuer or discovery URL that is not `https`, or a redirect URI
    ///   that is no absolute URL without a fragment,
    /// - [`ConfigError::Empty`] and [`ConfigError::NotText`] for a client id or a secret,
    /// - [`ConfigError::DurationOutOfRange`] and [`ConfigError::NumberOutOfRange`] outside the bounds,
    /// - [`ConfigError::NoRootCertificates`] where the default HTTP client finds none.
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
            admissions: Arc::new(Admissions::new(
                self.store,
                self.duplicate_email,
                self.revocations,
            )),
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
