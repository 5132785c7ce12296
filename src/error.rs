//! Configuration errors.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Error of a configuration that cannot work or is not safe.
///
/// Each variant contains the rejected input, but never a secret or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An HMAC secret is shorter than the output of its hash (RFC 7518 section 3.2).
    #[error("an HS256 secret must have at least 32 bytes, this one has {length}")]
    SecretTooShort {
        /// Length of the secret in bytes.
        length: usize,
    },
    /// An HMAC secret repeats a single byte, as placeholders do.
    #[error("an HS256 secret must be random, this one repeats a single byte")]
    SecretRepeatsOneByte,
    /// An HMAC secret is the text of an asymmetric key or a key set. Anyone who has such a *public*
    /// key could sign tokens with it (algorithm confusion, CVE-2015-9235).
    #[error("an HS256 secret must be random bytes, this one is a key in {format} format")]
    SecretIsKeyText {
        /// The detected format: `PEM`, `DER`, `SSH` or `JWK`.
        format: &'static str,
    },
    /// The algorithm is not supported, or not with the enabled features.
    #[error("keys for {algorithm:?} are not supported")]
    UnsupportedAlgorithm {
        /// The algorithm.
        algorithm: jsonwebtoken::Algorithm,
    },
    /// A key cannot be parsed or is not safe.
    #[error("the key is not usable: {reason}")]
    InvalidKey {
        /// What is wrong with the key.
        reason: &'static str,
    },
    /// The legacy token form supports only HS256, and the key is for another algorithm.
    #[error("the legacy form requires HS256, the signing key is for {algorithm:?}")]
    LegacyFormWithAlgorithm {
        /// The algorithm of the key.
        algorithm: jsonwebtoken::Algorithm,
    },
    /// A `kid` is empty, longer than 128 characters, or not printable ASCII.
    #[error("a key id must be 1 to 128 characters of printable ASCII, not {id:?}")]
    InvalidKeyId {
        /// The id.
        id: String,
    },
    /// Two keys of a key ring have the same `kid`.
    #[error("two keys have the id {id:?}")]
    DuplicateKeyId {
        /// The id.
        id: String,
    },
    /// A key ring has no keys.
    #[error("a key ring needs at least one key")]
    NoKeys,
    /// A key ring has no signing key where one is needed.
    #[error("the key ring has no signing key")]
    NoSigningKey,
    /// The signing key cannot be retired. Rotate to another key first.
    #[error("the signing key can't be retired, rotate to another one first")]
    RetiresSigningKey,
    /// The list of accepted token forms is empty.
    #[error("a verifier needs at least one token form")]
    NoTokenForms,
    /// The signing key has an id. A legacy token has no `kid`, so a key with an id never verifies
    /// it.
    #[error("the legacy form carries no key id, but the signing key has the id {id:?}")]
    LegacyFormWithKeyId {
        /// The id.
        id: String,
    },
    /// A duration is out of range.
    #[error("{setting} must be {min:?} to {max:?}, not {value:?}")]
    DurationOutOfRange {
        /// Name of the setter.
        setting: &'static str,
        /// The rejected value.
        value: Duration,
        /// The minimum.
        min: Duration,
        /// The maximum.
        max: Duration,
    },
    /// A number is out of range.
    #[error("{setting} must be {min} to {max}, not {value}")]
    NumberOutOfRange {
        /// Name of the setter.
        setting: &'static str,
        /// The rejected value.
        value: u64,
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// A required string is empty.
    #[error("{setting} must not be empty")]
    Empty {
        /// Name of the setter.
        setting: &'static str,
    },
    /// A text is not UTF-8 or contains control characters, such as a trailing line break.
    #[error("{setting} must be UTF-8 without control characters")]
    NotText {
        /// Name of the setter.
        setting: &'static str,
    },
    /// A URL is not usable.
    #[error("{setting} {url:?} is not usable: {reason}")]
    InvalidUrl {
        /// Name of the setter.
        setting: &'static str,
        /// The rejected URL, without credentials.
        url: String,
        /// What is wrong with the URL.
        reason: &'static str,
    },
    /// An OpenID Connect grant has no profile.
    #[error("an OpenID Connect grant needs at least one profile")]
    NoProfiles,
    /// An OpenID Connect profile has no redirect URI.
    #[error("the profile of client {client_id:?} needs at least one redirect URI")]
    NoRedirectUris {
        /// The profile's client id.
        client_id: String,
    },
    /// A redirect URI is registered twice, in one profile or in two.
    #[error("the redirect URI {uri:?} is registered twice")]
    DuplicateRedirectUri {
        /// The redirect URI.
        uri: String,
    },
    /// The OpenID Connect grant revokes tokens in another list than the token issuer uses.
    #[error("the OpenID Connect grant and the token issuer use different revocation lists")]
    DifferentRevocations,
    /// A token issuer has logout and refresh, and no revocation list to end tokens with.
    #[error("logout and refresh need a revocation list")]
    NoRevocations,
    /// No root certificates were found, so TLS servers cannot be authenticated.
    #[error("no root certificates were found to verify TLS servers with")]
    NoRootCertificates,
    /// The operating system provided no random bytes, which the token cache needs for its key.
    #[error("the operating system provided no random bytes")]
    NoRandomness,
    /// A token issuer has no grant.
    #[error("a token issuer needs at least one grant")]
    NoGrants,
}

impl ConfigError {
    /// Rejects a duration outside `bounds`.
    pub(crate) fn check_duration(
        setting: &'static str,
        value: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Result<(), Self> {
        if bounds.contains(&value) {
            return Ok(());
        }
        let (min, max) = bounds.into_inner();
        Err(Self::DurationOutOfRange { setting, value, min, max })
    }

    /// Rejects a number outside `bounds`.
    pub(crate) fn check_number(
        setting: &'static str,
        value: u64,
        bounds: RangeInclusive<u64>,
    ) -> Result<(), Self> {
        if bounds.contains(&value) {
            return Ok(());
        }
        let (min, max) = bounds.into_inner();
        Err(Self::NumberOutOfRange { setting, value, min, max })
    }

    /// Creates an `InvalidUrl` error and removes the credentials from the URL.
    #[cfg(feature = "oidc")]
    pub(crate) fn invalid_url(setting: &'static str, url: &str, reason: &'static str) -> Self {
        let shown = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
        Self::InvalidUrl { setting, url: shown.to_owned(), reason }
    }

    /// Rejects an empty text.
    pub(crate) fn check_not_empty(setting: &'static str, text: &str) -> Result<(), Self> {
        if text.is_empty() { Err(Self::Empty { setting }) } else { Ok(()) }
    }
}
