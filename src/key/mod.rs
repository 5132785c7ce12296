//! Keys and key rings.
//!
//! A [`SigningKey`] signs and verifies tokens, a [`VerifyingKey`] only verifies them. Each key has
//! exactly one [`Algorithm`]. A [`KeyRing`] holds several keys: the newest one signs, all live ones
//! verify, so keys can be rotated without logging customers out.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::SigningKey;
//!
//! # fn main() -> Result<(), tower_customer_auth::ConfigError> {
//! let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
//! // Tokens signed with the first secret stay valid for a day, until they expire.
//! let next = SigningKey::hs256("fedcba9876543210fedcba9876543210")?;
//! keys.rotate(next, Duration::from_secs(24 * 60 * 60));
//! # Ok(())
//! # }
//! ```

mod algorithm;
mod hs256;
#[cfg(feature = "asymmetric")]
mod jwk;
mod key_text;
#[cfg(feature = "asymmetric")]
mod private;
#[cfg(feature = "asymmetric")]
mod private_jwk;
#[cfg(feature = "asymmetric")]
mod public;
#[cfg(feature = "oidc")]
mod public_keys;
mod ring;
#[cfg(feature = "asymmetric")]
mod rsa;
mod signing;
mod verifying;
mod versioned;
#[cfg(all(test, feature = "asymmetric"))]
mod wycheproof;

/// JWS signature algorithms (RFC 7518 section 3.1).
pub use jsonwebtoken::Algorithm;

#[cfg(feature = "oidc")]
pub(crate) use self::algorithm::SupportedAlgorithm;
#[cfg(feature = "oidc")]
pub(crate) use self::public_keys::PublicKeys;
pub use self::ring::KeyRing;
pub(crate) use self::ring::KeyVersion;
pub(crate) use self::ring::LiveKeys;
pub(crate) use self::ring::SignatureError;
pub use self::signing::SigningKey;
pub use self::verifying::VerifyingKey;

/// Synchronization primitives of `versioned`; its model replaces them by types of the same names.
mod shared {
    use std::sync::Arc;

    pub(super) use arc_swap::ArcSwap;

    pub(super) type Loaded<T> = arc_swap::Guard<Arc<T>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ConfigError;

    #[test]
    fn takes_an_id_that_a_header_can_carry_and_no_other() {
        let key = SigningKey::hs256([7; 31].into_iter().chain([8]).collect::<Vec<_>>()).unwrap();
        let longest = "k".repeat(128);
        for id in ["k", "2026-11", &longest] {
            assert_eq!(key.clone().with_id(id).id(), Some(id));
        }
        for id in ["", "a b", "a\n", "ü", &"k".repeat(129)] {
            let refused = key.clone().try_with_id(id).unwrap_err();
            assert_eq!(refused, ConfigError::InvalidKeyId { id: id.to_owned() });
        }
    }

    #[test]
    fn debug_shows_id_and_algorithm_and_nothing_of_the_secret() {
        let key = SigningKey::hs256("correct horse battery staple 0123").unwrap().with_id("k1");
        let shown = format!("{key:?} {:?}", key.verifying_key());
        assert_eq!(
            shown,
            "SigningKey { id: Some(\"k1\"), algorithm: HS256, .. } \
             VerifyingKey { id: Some(\"k1\"), algorithm: HS256, .. }"
        );
    }
}
