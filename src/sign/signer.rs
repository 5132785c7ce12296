//! The signer, and what it writes.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use jsonwebtoken::Algorithm;
use serde::Serialize;

use super::IssuedToken;
use super::SignError;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::clock::from_epoch;
use crate::clock::since_epoch;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::key::KeyRing;
use crate::key::SigningKey;
use crate::revocation::CutOff;
use crate::revocation::Revocations;
use crate::token::MAX_NUMERIC_DATE;
use crate::token::MAX_TOKEN_LEN;
use crate::token::TokenForm;
use crate::token::encode;

/// A day, as the vendor's documentation says: "24 hours from the moment the token is generated".
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const MIN_LIFETIME: Duration = Duration::from_secs(1);

pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Maker of customer tokens, always with the newest key of its ring.
///
/// [`TokenIssuer`](crate::TokenIssuer) has one inside. It is for programs that issue tokens some
/// other way.
#[derive(Clone, Debug)]
pub struct TokenSigner {
    keys: KeyRing,
    lifetime: Duration,
    form: TokenForm,
    audience: Option<String>,
    issuer: Option<String>,
    revocations: Option<Revocations>,
    clock: Arc<dyn Clock>,
}

impl TokenSigner {
    /// Creates a signer with the defaults: 24 hours, [`TokenForm::Compact`], no audience, no issuer,
    /// the system's clock.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoSigningKey`] for a ring that only verifies.
    pub fn new(keys: KeyRing) -> Result<Self, ConfigError> {
        let signer = Self {
            keys,
            lifetime: DEFAULT_LIFETIME,
            form: TokenForm::Compact,
            audience: None,
            issuer: None,
            revocations: None,
            clock: SystemClock::shared(),
        };
        signer.signing_key()?;
        Ok(signer)
    }

    /// Sets how long a token is good, in whole seconds; a part of one is dropped. Default 24 hours.
    /// A verifier takes longer ones only with a longer
    /// [`max_lifetime`](crate::VerifierBuilder::max_lifetime).
    ///
    /// # Errors
    ///
    /// [`ConfigError::DurationOutOfRange`] outside 1 second to 366 days.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("lifetime", lifetime, MIN_LIFETIME..=MAX_LIFETIME)?;
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Sets the form. Default [`TokenForm::Compact`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::LegacyFormWithKeyId`] for the legacy form with a key that has an id,
    /// [`ConfigError::LegacyFormWithAlgorithm`] with one that is not for HS256.
    pub fn form(mut self, form: TokenForm) -> Result<Self, ConfigError> {
        self.form = form;
        self.signing_key()?;
        Ok(self)
    }

    /// Sets the `aud` of every token. Default none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Empty`] for an empty string.
    pub fn audience(mut self, audience: impl Into<String>) -> Result<Self, ConfigError> {
        let audience = audience.into();
        ConfigError::check_not_empty("audience", &audience)?;
        self.audience = Some(audience);
        Ok(self)
    }

    /// Sets the `iss` of every token. Default none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Empty`] for an empty string.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        ConfigError::check_not_empty("issuer", &issuer)?;
        self.issuer = Some(issuer);
        Ok(self)
    }

    /// Sets the list that the verifiers of these tokens ask, so that no token is signed which they would
    /// refuse as revoked. Default none.
    ///
    /// A customer whose tokens are revoked gets none in the rest of that second
    /// ([`SignError::NotYet`]), and none for what was proved before ([`SignError::Revoked`]).
    #[must_use]
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Sets the clock. Default [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a token for a customer: `sub` and `name` as given, a random `jti` (UUID version 4),
    /// `iat` now, and `exp` one lifetime later.
    ///
    /// # Errors
    ///
    /// - [`SignError::NotYet`] in the second in which the customer's tokens were revoked,
    /// - [`SignError::Revoked`] if they are revoked until later than now,
    /// - [`SignError::Key`] if a rotation has left no key that signs this form,
    /// - [`SignError::TooLong`] for a name of thousands of characters,
    /// - [`SignError::Signature`] and [`SignError::Random`] if the machine has no randomness.
    pub fn sign(
        &self,
        customer_id: &CustomerId,
        name: Option<&str>,
    ) -> Result<IssuedToken, SignError> {
        self.sign_at(customer_id, name, self.clock.now())
    }

    /// As [`sign`](Self::sign), for a customer who proved themselves a while ago: `iat` is the second
    /// of `proved_at`, the time *before* the proof was looked at. It is never later than the clock's.
    ///
    /// # Errors
    ///
    /// Those of [`sign`](Self::sign), by what was revoked since `proved_at`, or before it in the same
    /// second.
    ///
    /// # Security
    ///
    /// A password may be changed, and the customer's tokens revoked, while the old one is still being
    /// hashed. Dated so, a token for the old password is among the revoked.
    ///
    /// After [`SignError::NotYet`], wait until its `valid_from`, take the time anew, look at the proof
    /// again, and only then sign by that time. A token for the earlier proof with a later `proved_at`
    /// would outlive a change that was made meanwhile, and whose time lies within the second.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use tower_customer_auth::{CustomerId, IssuedToken};
    /// # use tower_customer_auth::sign::{SignError, TokenSigner};
    /// # async fn check_password() -> CustomerId { "ron".parse().unwrap() }
    /// async fn log_in(signer: &TokenSigner) -> Result<IssuedToken, SignError> {
    ///     loop {
    ///         let proved_at = SystemTime::now();
    ///         let customer = check_password().await;
    ///         match signer.sign_at(&customer, None, proved_at) {
    ///             Err(SignError::NotYet { valid_from }) => {
    ///                 let left = valid_from.duration_since(SystemTime::now());
    ///                 tokio::time::sleep(left.unwrap_or_default()).await;
    ///             }
    ///             signed => return signed,
    ///         }
    ///     }
    /// }
    /// ```
    pub fn sign_at(
        &self,
        customer_id: &CustomerId,
        name: Option<&str>,
        proved_at: SystemTime,
    ) -> Result<IssuedToken, SignError> {
        let key = self.signing_key().map_err(SignError::Key)?;
        let token_id = TokenId::random().map_err(SignError::Random)?;
        let issued_at = self.issued_at(customer_id, since_epoch(proved_at))?;
        let expires_at = issued_at.saturating_add(self.lifetime.as_secs());
        if expires_at > MAX_NUMERIC_DATE {
            return Err(SignError::ClockOutOfRange);
        }
        let header = Header { alg: key.alg(), typ: "JWT", kid: key.id() };
        let claims = NewClaims {
            sub: customer_id,
            name,
            exp: expires_at,
            iat: issued_at,
            jti: &token_id,
            aud: self.audience.as_deref(),
            iss: self.issuer.as_deref(),
        };
        let token = encode(self.form, &json(&header), &json(&claims), |signing_input| {
            key.sign(signing_input)
        })
        .ok_or(SignError::Signature)?;
        if token.len() > MAX_TOKEN_LEN {
            return Err(SignError::TooLong { length: token.len() });
        }
        Ok(IssuedToken { token, token_id, customer_id: customer_id.clone(), issued_at, expires_at })
    }

    fn signing_key(&self) -> Result<SigningKey, ConfigError> {
        let key = self.keys.signing_key().ok_or(ConfigError::NoSigningKey)?;
        match (self.form, key.id(), key.algorithm()) {
            (TokenForm::Legacy, Some(id), _) => {
                Err(ConfigError::LegacyFormWithKeyId { id: id.to_owned() })
            }
            (TokenForm::Legacy, None, algorithm) if algorithm != Algorithm::HS256 => {
                Err(ConfigError::LegacyFormWithAlgorithm { algorithm })
            }
            _ => Ok(key),
        }
    }

    /// The `iat` of a token for what was proved then, if no verifier would refuse it as revoked.
    fn issued_at(&self, customer_id: &CustomerId, proved_at: Duration) -> Result<u64, SignError> {
        // A clock that was set back meanwhile, or a caller's mistake, must not date a token ahead: it
        // would outlive the revocations of the time between.
        let issued_at = proved_at.min(self.clock.since_epoch()).as_secs();
        match self.cut_off(customer_id) {
            Some(cut_off) if proved_at < cut_off.at => Err(SignError::Revoked),
            Some(CutOff { valid_from, .. }) if issued_at < valid_from => {
                Err(SignError::NotYet { valid_from: from_epoch(valid_from) })
            }
            _ => Ok(issued_at),
        }
    }

    fn cut_off(&self, customer_id: &CustomerId) -> Option<CutOff> {
        self.revocations.as_ref()?.customer_cut_off(customer_id)
    }

    /// Tells whether the customer's tokens were revoked later than this.
    pub(crate) fn is_revoked_since(&self, customer_id: &CustomerId, proved_at: SystemTime) -> bool {
        self.cut_off(customer_id).is_some_and(|cut_off| since_epoch(proved_at) < cut_off.at)
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) fn shared_clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

/// The header of an issued token, in this order and without white space.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// The claims of an issued token, in the order of the vendor's documented samples.
#[derive(Serialize)]
pub(super) struct NewClaims<'a> {
    pub(super) sub: &'a CustomerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    pub(super) exp: u64,
    pub(super) iat: u64,
    pub(super) jti: &'a TokenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iss: Option<&'a str>,
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Invariant: strings and numbers under names that are strings; nothing there can fail.
    serde_json::to_vec(value).expect("plain structs serialize")
}
