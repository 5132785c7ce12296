//! Configuration of a signer.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::error::ConfigError;
use crate::key::KeyRing;
use crate::revocation::Revocations;
use crate::sign::TokenSigner;
use crate::token::TokenForm;

/// A day, as the vendor's documentation says: "24 hours from the moment the token is generated".
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const MIN_LIFETIME: Duration = Duration::from_secs(1);

pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Builder for a [`TokenSigner`].
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenSignerBuilder {
    keys: KeyRing,
    lifetime: Duration,
    form: TokenForm,
    audience: Option<String>,
    issuer: Option<String>,
    revocations: Option<Revocations>,
    clock: Arc<dyn Clock>,
}

impl TokenSignerBuilder {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            lifetime: DEFAULT_LIFETIME,
            form: TokenForm::Compact,
            audience: None,
            issuer: None,
            revocations: None,
            clock: SystemClock::shared(),
        }
    }

    /// Sets the lifetime of the tokens (`exp - iat`), 1 second to 366 days. Default: 24 hours.
    ///
    /// Fractions of a second are dropped. A verifier accepts more than 24 hours only with a longer
    /// [`max_lifetime`](crate::VerifierBuilder::max_lifetime).
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the token form. Default: [`TokenForm::Compact`].
    pub const fn form(mut self, form: TokenForm) -> Self {
        self.form = form;
        self
    }

    /// Sets the `aud` claim. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets the `iss` claim. Default: none.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the revocation list shared with the verifiers. Default: none.
    ///
    /// The signer then signs no token that the verifiers would reject as revoked. After a
    /// revocation, signing fails for the rest of that second
    /// ([`SignError::NotYet`](super::SignError::NotYet)), and for any earlier proof
    /// ([`SignError::Revoked`](super::SignError::Revoked)).
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Sets the clock that `iat` and `exp` are based on. Default: [`SystemClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Creates the signer.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NoSigningKey`] for a ring that only verifies,
    /// - [`ConfigError::DurationOutOfRange`] for a lifetime outside 1 second to 366 days,
    /// - [`ConfigError::LegacyFormWithKeyId`] for the legacy form with a key that has an id,
    /// - [`ConfigError::LegacyFormWithAlgorithm`] for the legacy form with a key of another
    ///   algorithm than HS256,
    /// - [`ConfigError::Empty`] for an empty audience or issuer.
    pub fn build(self) -> Result<TokenSigner, ConfigError> {
        ConfigError::check_duration("lifetime", self.lifetime, MIN_LIFETIME..=MAX_LIFETIME)?;
        for (setting, text) in [("audience", &self.audience), ("issuer", &self.issuer)] {
            if let Some(text) = text {
                ConfigError::check_not_empty(setting, text)?;
            }
        }
        let signer = TokenSigner {
            keys: self.keys,
            lifetime: self.lifetime,
            form: self.form,
            audience: self.audience,
            issuer: self.issuer,
            revocations: self.revocations,
            clock: self.clock,
        };
        signer.signing_key()?;
        Ok(signer)
    }
}
