//! A set of keys that can be rotated without logging customers out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::since_epoch;
use crate::error::ConfigError;
use crate::key::SigningKey;
use crate::key::VerifyingKey;
use crate::key::shared::Loaded;
use crate::key::versioned::Version;
use crate::key::versioned::Versioned;
use crate::token::Decoded;
use crate::token::UnverifiedToken;

/// Set of keys, of which the newest signs and all live ones verify.
///
/// A token with a `kid` is verified only with the key of that id. A token without one is tried with
/// every key that has no id, newest first.
///
/// A clone is a handle to the same ring: a rotation takes effect immediately in every layer and
/// issuer that has a clone, and verification never waits for it.
///
/// # Example
///
/// ```
/// # use std::time::Duration;
/// # use tower_customer_auth::{ConfigError, KeyRing, SigningKey};
/// # fn main() -> Result<(), ConfigError> {
/// # let secret = "0123456789abcdef0123456789abcdef";
/// # let next_secret = "fedcba9876543210fedcba9876543210";
/// let keys = KeyRing::hs256(secret)?;
/// // From now on the next secret signs. Tokens of the old one stay valid for a day, until they
/// // expire.
/// keys.rotate(SigningKey::hs256(next_secret)?, Duration::from_secs(24 * 60 * 60));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<Versioned<Keys>>,
}

/// One consistent set: a reader sees the keys before or after a rotation, never in between.
#[derive(Clone, Default)]
struct Keys {
    signing: Option<SigningKey>,
    /// Newest first, including the signing key.
    verifying: Vec<Live>,
}

#[derive(Clone, Debug)]
struct Live {
    key: VerifyingKey,
    /// When the key stops verifying; `None` for as long as it stays in the ring.
    until: Option<Duration>,
}

impl Live {
    #[inline]
    fn is_live(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The keys of a ring that are live at one moment.
pub(crate) struct LiveKeys {
    keys: Loaded<Version<Keys>>,
    now: Duration,
}

/// Version of a key ring at one moment. Two moments with one version have the same live keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyVersion {
    /// How many rotations and retirements there have been.
    changes: u64,
    /// How many keys of the ring have expired since, by the clock.
    ended: u64,
}

impl KeyVersion {
    #[cfg(test)]
    pub(crate) const fn new(changes: u64, ended: u64) -> Self {
        Self { changes, ended }
    }

    pub(crate) const fn words(self) -> [u64; 2] {
        [self.changes, self.ended]
    }
}

/// Reason why no key verifies a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureError {
    DisallowedAlgorithm,
    UnknownKey,
    InvalidSignature,
}

impl KeyRing {
    /// Creates a ring of one HS256 key without an id.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs256`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        SigningKey::hs256(secret).map(Self::new)
    }

    /// Creates a ring of one key.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let verifying = vec![Live { key: key.verifying_key(), until: None }];
        Self::of(Keys { signing: Some(key), verifying })
    }

    /// Creates a ring without a signing key, for a service that only verifies.
    ///
    /// The first key counts as the newest.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NoKeys`] for no key,
    /// - [`ConfigError::DuplicateKeyId`] for two keys with one id.
    pub fn verify_only(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, ConfigError> {
        let keys = distinct(keys)?;
        if keys.is_empty() {
            return Err(ConfigError::NoKeys);
        }
        let verifying = keys.into_iter().map(|key| Live { key, until: None }).collect();
        Ok(Self::of(Keys { signing: None, verifying }))
    }

    /// Creates a verify-only ring from a JWK Set (RFC 7517 section 5) (feature `asymmetric`).
    ///
    /// Keys that are not for verifying signatures, or of an unknown type, are ignored. An RSA key
    /// without `alg` is for RS256.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidKey`] for text that is not a JWK Set, more than 32 usable keys, a
    ///   symmetric or private key in the set, or a key that [`VerifyingKey::from_pem`] would
    ///   reject,
    /// - [`ConfigError::InvalidKeyId`] for a `kid` that is not 1 to 128 characters of printable
    ///   ASCII,
    /// - [`ConfigError::DuplicateKeyId`] for two keys with one id,
    /// - [`ConfigError::NoKeys`] for a set without usable keys.
    #[cfg(feature = "asymmetric")]
    pub fn from_jwk_set(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::verify_only(super::jwk::read_set(json.as_ref(), super::jwk::Unfit::Refused)?)
    }

    /// Returns the public keys that are live at `now` as a JWK Set (feature `asymmetric`).
    ///
    /// HMAC keys are secrets and are left out.
    #[cfg(feature = "asymmetric")]
    #[must_use]
    pub fn to_jwk_set(&self, now: SystemTime) -> String {
        let keys = &self.keys.load().value;
        let now = since_epoch(now);
        let live = keys.verifying.iter().filter(|live| live.is_live(now));
        let keys: Vec<_> = live.filter_map(|live| super::jwk::write(&live.key)).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    fn of(keys: Keys) -> Self {
        Self { keys: Arc::new(Versioned::new(keys)) }
    }

    /// Makes `next` the signing key, and keeps the previous one for verification during `grace`.
    ///
    /// A grace of the token lifetime plus the clock skew logs no customer out. Zero removes the
    /// previous key immediately.
    ///
    /// A key with the same id as `next` is replaced immediately, because an id names one key.
    pub fn rotate(&self, next: SigningKey, grace: Duration) {
        self.rotate_at(next, grace, SystemTime::now());
    }

    /// Rotates like [`rotate`](Self::rotate), at the given time instead of the system's.
    ///
    /// Use it when the verifier has its own [`Clock`](crate::Clock).
    #[expect(clippy::needless_pass_by_value, reason = "the ring owns its keys")]
    pub fn rotate_at(&self, next: SigningKey, grace: Duration, now: SystemTime) {
        let now = since_epoch(now);
        self.keys.change(|keys| {
            let next_key = next.verifying_key();
            let superseded = |live: &Live| {
                live.key.is(&next_key) || next_key.id().is_some() && live.key.id() == next_key.id()
            };
            let mut verifying = vec![Live { key: next_key.clone(), until: None }];
            for live in keys.verifying.iter().filter(|live| live.is_live(now) && !superseded(live))
            {
                let mut live = live.clone();
                if keys
                    .signing
                    .as_ref()
                    .is_some_and(|signing| signing.verifying_key().is(&live.key))
                {
                    // A grace past the range of `Duration` never ends.
                    live.until = now.checked_add(grace);
                }
                verifying.push(live);
            }
            Some(Keys { signing: Some(next.clone()), verifying })
        });
    }

    /// Removes a key immediately; tokens signed with it are rejected.
    ///
    /// This applies to every verifier that has this ring.
    ///
    /// Returns whether the ring had the key. An HS256 key created again from the same secret, with
    /// the same id, is the same key.
    ///
    /// # Errors
    ///
    /// [`ConfigError::RetiresSigningKey`] for the signing key; [`rotate`](Self::rotate) with a
    /// grace of zero replaces it immediately.
    pub fn retire(&self, key: &VerifyingKey) -> Result<bool, ConfigError> {
        let mut outcome = Ok(false);
        self.keys.change(|keys| {
            if keys.signing.as_ref().is_some_and(|signing| signing.verifying_key().is(key)) {
                outcome = Err(ConfigError::RetiresSigningKey);
                return None;
            }
            let mut rest = Keys::clone(keys);
            rest.verifying.retain(|live| !live.key.is(key));
            let retired = rest.verifying.len() < keys.verifying.len();
            outcome = Ok(retired);
            retired.then_some(rest)
        });
        outcome
    }

    /// Returns the signing key, or `None` if the ring only verifies.
    #[must_use]
    pub fn signing_key(&self) -> Option<SigningKey> {
        self.keys.load().value.signing.clone()
    }

    /// Returns the keys that are live at `now`. Later changes of the ring do not affect them.
    #[inline(always)]
    pub(crate) fn live_at(&self, now: Duration) -> LiveKeys {
        LiveKeys { keys: self.keys.load(), now }
    }
}

impl LiveKeys {
    /// Returns the ring's version that these keys belong to.
    ///
    /// A signature that they have verified stays valid as long as the ring has this version.
    #[inline(always)]
    pub(crate) fn version(&self) -> KeyVersion {
        let ended = self.keys.value.verifying.iter().filter(|live| !live.is_live(self.now));
        KeyVersion { changes: self.keys.number, ended: ended.count() as u64 }
    }

    /// Finds the key that has signed the token, and decodes the token meanwhile.
    #[inline(always)]
    pub(crate) fn verify<'r, E: From<SignatureError>>(
        &self,
        token: &UnverifiedToken<'_>,
        decode: impl FnOnce() -> Result<Decoded<'r>, E>,
    ) -> Result<Decoded<'r>, E> {
        let live = self.keys.value.verifying.iter().filter(|live| live.is_live(self.now));

        // The key determines the algorithm, never the token: a key is not used with another one
        // (RFC 8725 section 3.1).
        let kid = token.unverified_kid();
        let has_kid = |live: &&Live| live.key.id() == kid;
        let is_for_alg = |live: &&Live| live.key.is_named(token.unverified_alg());
        let mut candidates = live.clone().filter(has_kid).filter(is_for_alg);
        let signing_input = token.signing_input();
        let Some(first) = candidates.next() else {
            // A malformed token is reported as malformed even if its key is unknown.
            decode()?;
            return Err(refusal(live, token).into());
        };
        let (decoded, fits) = first.key.verify(signing_input, decode)?;
        let is_anothers = |other: &Live| other.key.fits(signing_input, decoded.signature);
        if fits || candidates.any(is_anothers) {
            return Ok(decoded);
        }
        Err(refusal(live, token).into())
    }
}

/// Determines why no key verifies a token's signature. A `kid` names one key at most.
#[cold]
fn refusal<'k>(
    mut live: impl Iterator<Item = &'k Live> + Clone,
    token: &UnverifiedToken<'_>,
) -> SignatureError {
    let kid = token.unverified_kid();
    let is_for_alg = |live: &Live| live.key.is_named(token.unverified_alg());
    if !live.clone().any(is_for_alg) {
        return SignatureError::DisallowedAlgorithm;
    }
    match live.find(|live| live.key.id() == kid) {
        None if kid.is_some() => SignatureError::UnknownKey,
        Some(live) if kid.is_some() && !is_for_alg(live) => SignatureError::DisallowedAlgorithm,
        _ => SignatureError::InvalidSignature,
    }
}

/// Checks that each id names one key.
pub(super) fn distinct(
    keys: impl IntoIterator<Item = VerifyingKey>,
) -> Result<Vec<VerifyingKey>, ConfigError> {
    let mut distinct: Vec<VerifyingKey> = Vec::new();
    for key in keys {
        let same_id = |other: &VerifyingKey| other.id() == key.id();
        if let Some(id) = key.id().filter(|_| distinct.iter().any(same_id)) {
            return Err(ConfigError::DuplicateKeyId { id: id.to_owned() });
        }
        distinct.push(key);
    }
    Ok(distinct)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = &self.keys.load().value;
        f.debug_struct("KeyRing")
            .field("signing", &keys.signing)
            .field("verifying", &keys.verifying)
            .finish()
    }
}
