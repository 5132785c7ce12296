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
use crate::issuer::TokenIssuer;
use crate::issuer::client::DynClientAuthenticator;
use crate::issuer::service::Config;
use crate::key::KeyRing;
use crate::revocation::Revocations;
use crate::sign::TokenSigner;
use crate::sign::TokenSignerBuilder;
use crate::token::TokenForm;

/// Builder of a [`TokenIssuer`].
#[must_use]
pub struct TokenIssuerBuilder {
    signer: TokenSignerBuilder,
    clients: Arc<dyn DynClientAuthenticator>,
    password: Option<PasswordGrant>,
    #[cfg(feature = "oidc")]
    oidc: Option<OidcGrant>,
    revocations: Option<Revocations>,
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
            store_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
        }
    }

    /// Sets the grant that answers logins by password. Default: none, such logins are a 400.
    pub fn password(mut self, grant: PasswordGrant) -> Self {
        self.password = Some(grant);
        self
    }

    /// Sets the grant that answers logins by OpenID Connect (feature `oidc`). Default: none, such logins
    /// are a 400.
    #[cfg(feature = "oidc")]
    pub fn oidc(mut self, grant: OidcGrant) -> Self {
        self.oidc = Some(grant);
        self
    }

    /// Sets the lifetime of the tokens (`exp - iat`), 1 second to 366 days. Default: 24 hours.
    ///
    /// It is in whole seconds; a fraction is dropped. A verifier accepts more than 24 hours only with a
    /// longer [`max_lifetime`](crate::VerifierBuilder::max_lifetime).
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.signer = self.signer.lifetime(lifetime);
        self
    }

    /// Sets the form of the tokens. Default: [`TokenForm::Compact`].
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

    /// Sets the revocation list that the verifiers of the tokens use. Default: none, or the one that an
    /// OpenID Connect grant revokes by.
    ///
    /// With it, a login whose customer's tokens are revoked while the password is being hashed (by a
    /// change of that password, say) is refused with 403. And one that begins after a revocation but in
    /// the same second waits until that second has ended, at most 1 s, because tokens of that second are
    /// revoked. It takes no place of the hash queue meanwhile, its password or identity is looked up once
    /// more at the end, and another revocation in that second refuses it. Where the clock doesn't reach
    /// the end of the second within 1.25 s, because it was set back, the answer is 503.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Sets the clock of the tokens. Default: [`SystemClock`](crate::clock::SystemClock).
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.signer = self.signer.clock(clock);
        self
    }

    /// Sets how long each call of the [`ClientAuthenticator`] and of the store may take, 1 ms to 60 s;
    /// past that the answer is 503. Default: 5 s.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// Sets how long the body of a request may take to arrive, 1 ms to 60 s; past that the answer is
    /// 408. Default: 10 s.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Creates the issuer.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NoGrants`] without a grant,
    /// - [`ConfigError::DifferentRevocations`] where the OpenID Connect grant revokes by another list,
    /// - [`ConfigError::NoSigningKey`] for a ring that only verifies,
    /// - [`ConfigError::LegacyFormWithKeyId`] for the legacy form with a key that has an id,
    /// - [`ConfigError::Empty`] for an empty audience or issuer,
    /// - [`ConfigError::LegacyFormWithAlgorithm`] for the legacy form with a key that is not for HS256,
    /// - [`ConfigError::DurationOutOfRange`] for a duration outside its bounds.
    pub fn build(self) -> Result<TokenIssuer, ConfigError> {
        #[cfg(feature = "oidc")]
        let linking = self.linking_revocations()?;
        #[cfg(not(feature = "oidc"))]
        let linking = None;
        let signer = match linking.or(self.revocations) {
            Some(revocations) => self.signer.revocations(revocations),
            None => self.signer,
        };
        let signer = signer.build()?;
        let timeouts = MIN_TIMEOUT..=MAX_TIMEOUT;
        ConfigError::check_duration("store_timeout", self.store_timeout, timeouts.clone())?;
        ConfigError::check_duration("body_timeout", self.body_timeout, timeouts)?;
        let config = Config {
            clients: self.clients,
            password: self.password,
            #[cfg(feature = "oidc")]
            oidc: self.oidc,
            signer,
            store_timeout: self.store_timeout,
            body_timeout: self.body_timeout,
        };
        if config.mechanisms().is_empty() {
            return Err(ConfigError::NoGrants);
        }
        Ok(TokenIssuer::new(config))
    }
}

#[cfg(feature = "oidc")]
impl TokenIssuerBuilder {
    /// The list by which the OpenID Connect grant revokes. The signer has to know it: the login that links
    /// a customer gets a token in the very second whose tokens it has revoked.
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
            .field("store_timeout", &self.store_timeout)
            .field("body_timeout", &self.body_timeout)
            .finish_non_exhaustive()
    }
}

const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);
