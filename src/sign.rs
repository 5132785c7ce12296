//! Making tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::clock::from_epoch;
use crate::clock::since_epoch;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::key::KeyRing;
use crate::key::SigningKey;
use crate::revocation::Revocations;
use crate::token::MAX_TOKEN_LEN;
use crate::token::NewClaims;
use crate::token::TokenForm;
use crate::token::encode;

/// A day, as the seed says: "24 hours from the moment the token is generated".
const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

const MIN_LIFETIME: Duration = Duration::from_secs(1);

const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);

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

/// Token that has just been made.
///
/// `Debug` shows everything but the token.
#[derive(Clone)]
pub struct IssuedToken {
    token: String,
    token_id: TokenId,
    customer_id: CustomerId,
    issued_at: u64,
    expires_at: u64,
}

/// Why no token was made. The fault is never the customer's.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The ring has no key that signs, or one that the token's form can't name.
    #[error("the key ring can't sign tokens of this form")]
    Key(#[source] ConfigError),
    /// The token would be longer than any verifier takes, because of the customer's name.
    #[error("the token would be {length} bytes long, more than a verifier takes")]
    TooLong {
        /// Bytes it would have.
        length: usize,
    },
    /// The operating system gave no random bytes for the token's id.
    #[error("no random bytes for the token's id")]
    Random(#[source] getrandom::Error),
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
        let (min, max) = (MIN_LIFETIME, MAX_LIFETIME);
        if !(min..=max).contains(&lifetime) {
            let setting = "lifetime";
            return Err(ConfigError::DurationOutOfRange {
                setting,
                value: lifetime,
                min,
                max,
            });
        }
        self.lifetime = lifetime;
        Ok(self)
    }

    /// Sets the form. Default [`TokenForm::Compact`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::LegacyFormWithKeyId`] for the legacy form with a key that has an id.
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
        self.audience = Some(not_empty("audience", audience.into())?);
        Ok(self)
    }

    /// Sets the `iss` of every token. Default none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Empty`] for an empty string.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Result<Self, ConfigError> {
        self.issuer = Some(not_empty("issuer", issuer.into())?);
        Ok(self)
    }

    /// Sets the list that the verifiers of these tokens ask, so that a token made in the very second
    /// in which its customer's earlier ones were revoked is not one of them: its `iat` is then that
    /// second's end. Default none.
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
    /// - [`SignError::Key`] if a rotation has left no key that signs this form,
    /// - [`SignError::TooLong`] for a name of thousands of characters,
    /// - [`SignError::Random`] if the operating system has no random bytes.
    pub fn sign(
        &self,
        customer_id: &CustomerId,
        name: Option<&str>,
    ) -> Result<IssuedToken, SignError> {
        let key = self.signing_key().map_err(SignError::Key)?;
        let token_id = random_token_id().map_err(SignError::Random)?;
        let issued_at = self.issued_at(customer_id);
        let expires_at = issued_at.saturating_add(self.lifetime.as_secs());
        let claims = NewClaims {
            sub: customer_id,
            name,
            exp: expires_at,
            iat: issued_at,
            jti: &token_id,
            aud: self.audience.as_deref(),
            iss: self.issuer.as_deref(),
        };
        let token = encode(self.form, key.id(), &claims, |signing_input| {
            key.sign(signing_input)
        });
        if token.len() > MAX_TOKEN_LEN {
            return Err(SignError::TooLong {
                length: token.len(),
            });
        }
        Ok(IssuedToken {
            token,
            token_id,
            customer_id: customer_id.clone(),
            issued_at,
            expires_at,
        })
    }

    fn signing_key(&self) -> Result<SigningKey, ConfigError> {
        let key = self.keys.signing_key().ok_or(ConfigError::NoSigningKey)?;
        match (self.form, key.id()) {
            (TokenForm::Legacy, Some(id)) => {
                Err(ConfigError::LegacyFormWithKeyId { id: id.to_owned() })
            }
            _ => Ok(key),
        }
    }

    fn issued_at(&self, customer_id: &CustomerId) -> u64 {
        let now = since_epoch(self.clock.now()).as_secs();
        let valid_from = self
            .revocations
            .as_ref()
            .and_then(|list| list.customer_valid_from(customer_id));
        // Only the second that is running: a customer cut off until later stays cut off.
        match valid_from {
            Some(valid_from) if valid_from == now + 1 => valid_from,
            _ => now,
        }
    }
}

impl IssuedToken {
    /// Returns the token as the header carries it.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the token's id (`jti`).
    #[must_use]
    pub const fn token_id(&self) -> &TokenId {
        &self.token_id
    }

    /// Returns the customer the token speaks for (`sub`).
    #[must_use]
    pub const fn customer_id(&self) -> &CustomerId {
        &self.customer_id
    }

    /// Returns when the token was issued (`iat`), a whole second.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        from_epoch(self.issued_at)
    }

    /// Returns the first second at which the token is no longer good (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        from_epoch(self.expires_at)
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("token", &"[redacted]")
            .field("token_id", &self.token_id)
            .field("customer_id", &self.customer_id)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

fn not_empty(setting: &'static str, text: String) -> Result<String, ConfigError> {
    if text.is_empty() {
        Err(ConfigError::Empty { setting })
    } else {
        Ok(text)
    }
}

/// A random UUID (RFC 9562 section 5.4), as the seed's ids are.
fn random_token_id() -> Result<TokenId, getrandom::Error> {
    let mut uuid = [0; 16];
    getrandom::fill(&mut uuid)?;
    uuid[6] = uuid[6] & 0x0F | 0x40;
    uuid[8] = uuid[8] & 0x3F | 0x80;
    Ok(TokenId::from_uuid_bytes(uuid))
}
