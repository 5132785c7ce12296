//! Configuration of an issuer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::ConfigError;
use crate::issuer::ClientAuthenticator;
#[cfg(feature = "oidc")]
use crate::issuer::OidcGrant;
use crate::issuer::PasswordGrant;
use crate::issuer::Sessions;
use crate::issuer::TokenIssuer;
use crate::issuer::client::DynClientAuthenticator;
use crate::issuer::config::Config;
use crate::issuer::login::Logins;
use crate::key::KeyRing;
use crate::revocation::Revocations;
use crate::sign::TokenSigner;
use crate::sign::TokenSignerBuilder;
use crate::throttle::LoginThrottle;
#[cfg(doc)]
use crate::throttle::LoginThrottleBuilder;
use crate::token::TokenForm;

/// Builder for a [`TokenIssuer`].
#[must_use]
pub struct TokenIssuerBuilder {
    signer: TokenSignerBuilder,
    clients: Arc<dyn DynClientAuthenticator>,
    password: Option<PasswordGrant>,
    #[cfg(feature = "oidc")]
    oidc: Option<OidcGrant>,
    revocations: Option<Revocations>,
    sessions: Option<Sessions>,
    throttle: Option<LoginThrottle>,
    store_timeout: Duration,
    body_timeout: Duration,
}

impl TokenIssuerBuilder {
    pub(super) fn new(keys: KeyRing, clients: impl ClientAuthenticator) -> Self {
        Self {
            signer: TokenSigner::builder(keys),
            clients: Arc::new(clients),
            password: None,
            #[cfg(feature = "oidc")]
            oidc: None,
            revocations: None,
            sessions: None,
            throttle: None,
            store_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
        }
    }

    /// Sets the grant for password logins. Default: none, password logins get a 400.
    pub fn password(mut self, grant: PasswordGrant) -> Self {
        self.password = Some(grant);
        self
    }

    /// Sets the grant for OpenID Connect logins (feature `oidc`). Default: none, these logins get a
    /// 400.
    #[cfg(feature = "oidc")]
    pub fn oidc(mut self, grant: OidcGrant) -> Self {
        self.oidc = Some(grant);
        self
    }

    /// Sets the lifetime of tokens, 1 s to 366 days. Default 24 hours.
    ///
    /// The default is also the maximum that a verifier accepts by default.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.signer = self.signer.lifetime(lifetime);
        self
    }

    /// Sets the token form. Default [`TokenForm::Compact`].
    pub fn form(mut self, form: TokenForm) -> Self {
        self.signer = self.signer.form(form);
        self
    }

    /// Sets the `aud` of the tokens. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.signer = self.signer.audience(audience);
        self
    }

    /// Sets the `iss` of the tokens. Default: none.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.signer = self.signer.issuer(issuer);
        self
    }

    /// Sets the revocation list of the verifiers. Default: none, or the list of the OpenID Connect
    /// grant.
    ///
    /// With a list, a login whose customer's tokens are revoked while the password is being hashed
    /// (by a password change, for example) is rejected with 403. A login that starts after a
    /// revocation but in the same second waits until that second has ended, at most 1 s, because
    /// tokens of that second are revoked. After a change that `SqliteCustomers` has written in the
    /// last quarter of a second, it waits for the end of the next one. It takes no place in the
    /// hash queue meanwhile. At the end its password or identity is looked up again, and another
    /// revocation in that time rejects it. If the clock does not get there within 1.5 s, because it
    /// was set back, the response is 503.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Turns on logout and refresh. Default: off, and the issuer answers `POST` only.
    ///
    /// They need a list: that of [`revocations`](Self::revocations), or of the OpenID Connect grant.
    pub fn sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Sets the throttle of logins. Default: one with default limits that limits accounts only.
    ///
    /// The default does not know where to find the address of a client. Set one that does, by
    /// [`source`](LoginThrottleBuilder::source) or
    /// [`source_behind_proxies`](LoginThrottleBuilder::source_behind_proxies):
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// use tower_customer_auth::ConfigError;
    /// use tower_customer_auth::TokenIssuerBuilder;
    /// use tower_customer_auth::throttle::LoginThrottle;
    ///
    /// fn throttled(issuer: TokenIssuerBuilder) -> Result<TokenIssuerBuilder, ConfigError> {
    ///     let throttle = LoginThrottle::builder()
    ///         .source(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
    ///         .build()?;
    ///     Ok(issuer.throttle(throttle))
    /// }
    /// ```
    pub fn throttle(mut self, throttle: LoginThrottle) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// Sets the clock that dates tokens. Default [`SystemClock`](crate::clock::SystemClock).
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.signer = self.signer.clock(clock);
        self
    }

    /// Sets the timeout of calls to the store and the client authenticator, 1 ms to 60 s. Default 5
    /// s.
    ///
    /// It applies to each call. When it expires, the response is 503.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// Sets the timeout for receiving a request body, 1 ms to 60 s. Default 10 s.
    ///
    /// When it expires, the response is 408.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Builds the issuer.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NoGrants`] without a grant,
    /// - [`ConfigError::DifferentRevocations`] if the OpenID Connect grant uses another revocation
    ///   list,
    /// - [`ConfigError::NoRevocations`] for logout and refresh without a revocation list,
    /// - [`ConfigError::NoSigningKey`] for a key ring without a signing key,
    /// - [`ConfigError::LegacyFormWithKeyId`] for the legacy form with a signing key that has an
    ///   id,
    /// - [`ConfigError::Empty`] for an empty audience or issuer,
    /// - [`ConfigError::LegacyFormWithAlgorithm`] for the legacy form with a signing key that is
    ///   not for HS256,
    /// - [`ConfigError::DurationOutOfRange`] for a duration out of range,
    /// - [`ConfigError::NoRandomness`] if the operating system provides no random bytes for the
    ///   default throttle.
    pub fn build(self) -> Result<TokenIssuer, ConfigError> {
        #[cfg(feature = "oidc")]
        let linking = self.linking_revocations()?;
        #[cfg(not(feature = "oidc"))]
        let linking = None;
        let revocations = linking.or(self.revocations);
        let signer = match revocations.clone() {
            Some(revocations) => self.signer.revocations(revocations),
            None => self.signer,
        };
        let signer = signer.build()?;
        let sessions = match (self.sessions, revocations) {
            (Some(sessions), Some(revocations)) => Some(sessions.manager(&signer, revocations)?),
            (Some(_), None) => return Err(ConfigError::NoRevocations),
            (None, _) => None,
        };
        let timeouts = MIN_TIMEOUT..=MAX_TIMEOUT;
        ConfigError::check_duration("store_timeout", self.store_timeout, timeouts.clone())?;
        ConfigError::check_duration("body_timeout", self.body_timeout, timeouts)?;
        let throttle = match self.throttle {
            Some(throttle) => throttle,
            None => LoginThrottle::builder().build()?,
        };
        let logins = Logins {
            password: self.password,
            #[cfg(feature = "oidc")]
            oidc: self.oidc,
            sessions,
            throttle,
            signer,
            store_timeout: self.store_timeout,
        };
        if logins.mechanisms().has_no_grant() {
            return Err(ConfigError::NoGrants);
        }
        let (clients, body_timeout) = (self.clients, self.body_timeout);
        Ok(TokenIssuer::new(Config { clients, logins, body_timeout }))
    }
}

#[cfg(feature = "oidc")]
impl TokenIssuerBuilder {
    /// Returns the revocation list of the OpenID Connect grant. The signer needs it: a login that
    /// links a customer gets a token in the same second in which it has revoked the customer's
    /// tokens.
    fn linking_revocations(&self) -> Result<Option<Revocations>, ConfigError> {
        let linking = self.oidc.as_ref().and_then(OidcGrant::revocations);
        match (linking, &self.revocations) {
            (Some(linking), Some(ours)) if !linking.is(ours) => {
                Err(ConfigError::DifferentRevocations)
            }
            (linking, _) => Ok(linking.cloned()),
        }
    }
}

impl fmt::Debug for TokenIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuerBuilder")
            .field("signer", &self.signer)
            .field("password", &self.password)
            .field("revocations", &self.revocations)
            .field("sessions", &self.sessions)
            .field("throttle", &self.throttle)
            .field("store_timeout", &self.store_timeout)
            .field("body_timeout", &self.body_timeout)
            .finish_non_exhaustive()
    }
}

const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
