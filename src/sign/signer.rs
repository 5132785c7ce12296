//! The token signer.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use jsonwebtoken::Algorithm;
use serde::Serialize;

use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::clock::since_epoch;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::key::KeyRing;
use crate::key::SigningKey;
use crate::revocation::CutOff;
use crate::revocation::Revocations;
use crate::sign::IssuedToken;
use crate::sign::SignError;
use crate::sign::TokenSignerBuilder;
use crate::token::MAX_NUMERIC_DATE;
use crate::token::MAX_TOKEN_LEN;
use crate::token::TokenForm;
use crate::token::encode;

/// Signer of customer tokens, with the newest key in the ring.
///
/// [`TokenIssuer`](crate::TokenIssuer) contains one. Use it directly to issue tokens without the
/// HTTP service.
///
/// # Example
///
/// ```
/// # use std::time::Duration;
/// # use tower_customer_auth::KeyRing;
/// # use tower_customer_auth::sign::TokenSigner;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
/// let hour = Duration::from_secs(60 * 60);
/// let signer = TokenSigner::builder(keys).lifetime(hour).issuer("https://shop.example").build()?;
/// let issued = signer.sign(&"ron".parse()?, Some("Ron Swanson"))?;
/// assert_eq!(issued.expires_at().duration_since(issued.issued_at())?, hour);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TokenSigner {
    pub(super) keys: KeyRing,
    pub(super) lifetime: Duration,
    pub(super) form: TokenForm,
    pub(super) audience: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) revocations: Option<Revocations>,
    pub(super) clock: Arc<dyn Clock>,
}

impl TokenSigner {
    /// Creates a signer with the default settings.
    ///
    /// They are: a lifetime of 24 hours, [`TokenForm::Compact`], no audience, no issuer, no
    /// revocation list, the system clock.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoSigningKey`] for a ring that only verifies.
    pub fn new(keys: KeyRing) -> Result<Self, ConfigError> {
        Self::builder(keys).build()
    }

    /// Returns a builder with the default settings.
    pub fn builder(keys: KeyRing) -> TokenSignerBuilder {
        TokenSignerBuilder::new(keys)
    }

    /// Signs a token for a customer.
    ///
    /// `sub` and `name` are as given, `jti` is a random UUID (version 4), `iat` is now, and `exp`
    /// one lifetime later.
    ///
    /// # Errors
    ///
    /// - [`SignError::NotYet`] in the second in which the customer's tokens were revoked,
    /// - [`SignError::Revoked`] if they are revoked until a later time,
    /// - [`SignError::Key`] if a rotation has left no signing key for this form,
    /// - [`SignError::TooLong`] for a name of thousands of characters,
    /// - [`SignError::Signature`] and [`SignError::Random`] if the operating system gives no random
    ///   bytes.
    pub fn sign(
        &self,
        customer_id: &CustomerId,
        name: Option<&str>,
    ) -> Result<IssuedToken, SignError> {
        self.sign_at(customer_id, name, self.clock.now())
    }

    /// Signs a token whose `iat` is the second in which the customer was authenticated.
    ///
    /// Like [`sign`](Self::sign), for a proof that took time to check. `proved_at` is the time
    /// *before* the check began. The `iat` is never later than the clock's time.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign), for revocations since `proved_at`, or before it in the same second.
    ///
    /// # Security
    ///
    /// A password may be changed, and the customer's tokens revoked, while the old one is still
    /// being hashed. With this `iat`, a token for the old password is revoked too.
    ///
    /// After [`SignError::NotYet`], wait until its `valid_from`, read the time again, check the
    /// proof again, and only then sign with that time. A token for the earlier proof with a later
    /// `proved_at` would survive a change made in between, within the same second.
    ///
    /// # Example
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
        let claims = NewClaims {
            sub: customer_id,
            name,
            exp: issued_at.saturating_add(self.lifetime.as_secs()),
            iat: issued_at,
            jti: &token_id,
            aud: self.audience.as_deref(),
            iss: self.issuer.as_deref(),
            auth_time: None,
            sid: None,
        };
        self.write(&key, &claims)
    }

    /// Writes and signs a token with these claims, unless no verifier would accept it.
    pub(super) fn write(
        &self,
        key: &SigningKey,
        claims: &NewClaims<'_>,
    ) -> Result<IssuedToken, SignError> {
        if claims.exp > MAX_NUMERIC_DATE {
            return Err(SignError::ClockOutOfRange);
        }
        let header = Header { alg: key.alg(), typ: "JWT", kid: key.id() };
        let token = encode(self.form, &json(&header), &json(claims), |signing_input| {
            key.sign(signing_input)
        })
        .ok_or(SignError::Signature)?;
        if token.len() > MAX_TOKEN_LEN {
            return Err(SignError::TooLong { length: token.len() });
        }
        Ok(IssuedToken {
            token,
            token_id: claims.jti.clone(),
            customer_id: claims.sub.clone(),
            issued_at: claims.iat,
            expires_at: claims.exp,
        })
    }

    /// Returns the current signing key, if it supports this form.
    pub(super) fn signing_key(&self) -> Result<SigningKey, ConfigError> {
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

    /// Returns the `iat` for a proof of that time, unless verifiers would reject it as revoked.
    fn issued_at(&self, customer_id: &CustomerId, proved_at: Duration) -> Result<u64, SignError> {
        // A clock that was set back, or a caller's mistake, must not produce a future `iat`: the
        // token would survive the revocations until then.
        let issued_at = proved_at.min(self.clock.since_epoch()).as_secs();
        match self.cut_off(customer_id) {
            Some(cut_off) if proved_at < cut_off.at => Err(SignError::Revoked),
            Some(CutOff { valid_from, .. }) if issued_at < valid_from => {
                Err(SignError::NotYet { valid_from: from_epoch(valid_from) })
            }
            _ => Ok(issued_at),
        }
    }

    pub(super) fn cut_off(&self, customer_id: &CustomerId) -> Option<CutOff> {
        self.revocations.as_ref()?.customer_cut_off(customer_id)
    }

    /// Returns whether the customer's tokens were revoked after `proved_at`.
    pub(crate) fn is_revoked_since(&self, customer_id: &CustomerId, proved_at: SystemTime) -> bool {
        self.cut_off(customer_id).is_some_and(|cut_off| since_epoch(proved_at) < cut_off.at)
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
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
///
/// Without `aud` and `iss` they have one of the two shapes that verifiers read without the JSON
/// parser (`token::IssuedClaims`).
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
    /// When the customer logged in, in a refreshed token (OpenID Connect Core section 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<u64>,
    /// The `jti` of the login's token, in a refreshed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<&'a TokenId>,
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Invariant: strings and numbers under names that are strings; nothing there can fail.
    serde_json::to_vec(value).expect("plain structs serialize")
}
