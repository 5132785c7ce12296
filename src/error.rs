//! Mistakes in a configuration.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A configuration that can't work or would not be safe.
///
/// Each variant carries the offending input, but never a secret or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An HMAC secret shorter than the hash it feeds (RFC 7518 section 3.2).
    #[error("an HS256 secret has at least 32 bytes, this one has {length}")]
    SecretTooShort {
        /// Bytes the secret has.
        length: usize,
    },
    /// An HMAC secret that is one byte over and over: a placeholder.
    #[error("an HS256 secret is random, this one repeats a single byte")]
    SecretRepeatsOneByte,
    /// An HMAC secret that is the text of an asymmetric key or a key set. Whoever has such a
    /// *public* key could sign tokens with it (CVE-2015-9235 and its kin).
    #[error("an HS256 secret is random bytes, this one is a key in {format} format")]
    SecretIsKeyText {
        /// The format it was recognised by: `PEM`, `DER`, `SSH` or `JWK`.
        format: &'static str,
    },
    /// An algorithm that this crate has no keys for, or not with the features that are on.
    #[error("keys for {algorithm:?} are not supported")]
    UnsupportedAlgorithm {
        /// The algorithm.
        algorithm: jsonwebtoken::Algorithm,
    },
    /// A key that can't be read, or that would not be safe.
    #[error("the key is not usable: {reason}")]
    InvalidKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A token form that has only HS256, with a key for another algorithm.
    #[error("the legacy form is signed with HS256, not with {algorithm:?}")]
    LegacyFormWithAlgorithm {
        /// The key's algorithm.
        algorithm: jsonwebtoken::Algorithm,
    },
    /// A `kid` that no token may carry: empty, longer than 128 characters, or not printable ASCII.
    #[error("a key id is 1 to 128 characters of printable ASCII, {id:?} is not")]
    InvalidKeyId {
        /// The id.
        id: String,
    },
    /// Two keys of one key ring under one `kid`.
    #[error("two keys have the id {id:?}")]
    DuplicateKeyId {
        /// The id.
        id: String,
    },
    /// A key ring without any key.
    #[error("a key ring has at least one key")]
    NoKeys,
    /// A key ring that only verifies, where one is needed that signs.
    #[error("the key ring has no signing key")]
    NoSigningKey,
    /// Retirement of the key that signs. Rotate to another one first.
    #[error("the signing key can't be retired, rotate to another one first")]
    RetiresSigningKey,
    /// A list of token forms without any form.
    #[error("a verifier accepts at least one token form")]
    NoTokenForms,
    /// A legacy token can't name its key, so a key that has an id never verifies it.
    #[error("the legacy form carries no key id, but the signing key has the id {id:?}")]
    LegacyFormWithKeyId {
        /// The id.
        id: String,
    },
    /// A duration outside its bounds.
    #[error("{setting} is {min:?} to {max:?}, not {value:?}")]
    DurationOutOfRange {
        /// The setter's name.
        setting: &'static str,
        /// What it was given.
        value: Duration,
        /// The smallest it takes.
        min: Duration,
        /// The largest it takes.
        max: Duration,
    },
    /// A number outside its bounds.
    #[error("{setting} is {min} to {max}, not {value}")]
    NumberOutOfRange {
        /// The setter's name.
        setting: &'static str,
        /// What it was given.
        value: u64,
        /// The smallest it takes.
        min: u64,
        /// The largest it takes.
        max: u64,
    },
    /// An empty string where text is needed.
    #[error("{setting} is empty")]
    Empty {
        /// The setter's name.
        setting: &'static str,
    },
    /// Bytes that are not text in UTF-8, or have control characters, such as a line break at the end.
    #[error("{setting} is not UTF-8 without control characters")]
    NotText {
        /// The setter's name.
        setting: &'static str,
    },
    /// A URL that can't be used. Credentials in it are left out.
    #[error("{setting} {url:?} is not usable: {reason}")]
    InvalidUrl {
        /// The setter's name.
        setting: &'static str,
        /// What it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An OpenID Connect grant without any profile.
    #[error("an OpenID Connect grant needs at least one profile")]
    NoProfiles,
    /// A profile that no login could choose.
    #[error("the profile of client {client_id:?} needs at least one redirect URI")]
    NoRedirectUris {
        /// The client id.
        client_id: String,
    },
    /// A redirect URI that would choose two profiles, or one twice.
    #[error("the redirect URI {uri:?} is registered twice")]
    DuplicateRedirectUri {
        /// The redirect URI.
        uri: String,
    },
    /// An OpenID Connect grant that links customers and revokes their tokens by another list than the
    /// token issuer has.
    #[error("the OpenID Connect grant and the token issuer have different lists of revocations")]
    DifferentRevocations,
    /// A machine without root certificates, on which no server can be told from another.
    #[error("no root certificates were found to trust TLS servers by")]
    NoRootCertificates,
    /// An operating system that gives no random bytes, which the key of a token cache is made of.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// A token issuer that could answer no request.
    #[error("a token issuer needs at least one grant")]
    NoGrants,
}

impl ConfigError {
    /// Refuses a duration outside `bounds`.
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

    /// Refuses a number outside `bounds`.
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

    /// A URL that can't be used, without its credentials.
    #[cfg(feature = "oidc")]
    pub(crate) fn invalid_url(setting: &'static str, url: &str, reason: &'static str) -> Self {
        let shown = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
        Self::InvalidUrl { setting, url: shown.to_owned(), reason }
    }

    /// Refuses an empty text.
    pub(crate) fn check_not_empty(setting: &'static str, text: &str) -> Result<(), Self> {
        if text.is_empty() { Err(Self::Empty { setting }) } else { Ok(()) }
    }
}
