//! Keys, each bound to its one algorithm, and the ring they are rotated in.

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

#[cfg(feature = "oidc")]
pub(crate) use self::public_keys::PublicKeys;
pub use self::ring::KeyRing;
pub(crate) use self::ring::KeyVersion;
pub(crate) use self::ring::LiveKeys;
pub(crate) use self::ring::Refusal;
pub use self::signing::SigningKey;
pub use self::verifying::VerifyingKey;

/// What `versioned` is shared between threads by; its model has others of the same names.
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
