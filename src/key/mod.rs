//! Keys, each bound to its one algorithm, and the ring they are rotated in.

mod hs256;
mod key_text;
mod ring;

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::Algorithm;

use self::hs256::Hs256;
pub use self::ring::KeyRing;
pub(crate) use self::ring::Refusal;
use crate::error::ConfigError;

/// The longest key id, in characters.
const MAX_KEY_ID_LEN: usize = 128;

/// Key that verifies tokens.
///
/// It has exactly one algorithm (RFC 8725 section 3.1), and maybe an id, the `kid` of the tokens it
/// is for. Cloning is cheap. The secret itself is not kept: an HS256 key is two hash states, which
/// are overwritten when the last clone is dropped.
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<Arc<str>>,
    material: Arc<Hs256>,
}

/// Key that signs tokens, and verifies them.
#[derive(Clone)]
pub struct SigningKey {
    verifying: VerifyingKey,
}

impl VerifyingKey {
    /// Creates a key for HS256 (RFC 7518 section 3.2) without an id.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs256`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self { id: None, material: Arc::new(Hs256::new(secret.as_ref())?) })
    }

    /// Gives the key an id: it then verifies the tokens whose `kid` this is, and no others.
    ///
    /// # Panics
    ///
    /// If the id is not 1 to 128 characters of printable ASCII (`0x21` to `0x7E`).
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        self.try_with_id(id).expect("a key id that a token may carry")
    }

    /// Gives the key an id that comes from outside the program, such as a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidKeyId`] if it is not 1 to 128 characters of printable ASCII.
    pub fn try_with_id(mut self, id: impl Into<String>) -> Result<Self, ConfigError> {
        let id = id.into();
        let printable = id.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || id.len() > MAX_KEY_ID_LEN || !printable {
            return Err(ConfigError::InvalidKeyId { id });
        }
        self.id = Some(id.into());
        Ok(self)
    }

    /// Returns the key's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the one algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }

    /// Checks in constant time whether `signature` is this key's over `signing_input`.
    fn fits(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.material.verify(signing_input, signature)
    }

    /// Whether both are the same key under the same id.
    fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.material.fingerprint() == other.material.fingerprint()
    }
}

impl SigningKey {
    /// Creates a key for HS256 (RFC 7518 section 3.2) without an id.
    ///
    /// The secret is random bytes, such as `openssl rand -hex 32` prints: whoever can guess it can
    /// be any customer, and guessing needs nothing but one token.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::SecretTooShort`] for less than 32 bytes,
    /// - [`ConfigError::SecretRepeatsOneByte`] for a placeholder,
    /// - [`ConfigError::SecretIsKeyText`] for the text of a PEM, DER, SSH or JWK key.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        VerifyingKey::hs256(secret).map(|verifying| Self { verifying })
    }

    /// Gives the key an id, which the tokens it signs carry as `kid`.
    ///
    /// # Panics
    ///
    /// If the id is not 1 to 128 characters of printable ASCII (`0x21` to `0x7E`).
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { verifying: self.verifying.with_id(id) }
    }

    /// Gives the key an id that comes from outside the program, such as a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidKeyId`] if it is not 1 to 128 characters of printable ASCII.
    pub fn try_with_id(self, id: impl Into<String>) -> Result<Self, ConfigError> {
        self.verifying.try_with_id(id).map(|verifying| Self { verifying })
    }

    /// Returns the key's id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.verifying.id()
    }

    /// Returns the one algorithm that the key is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// Returns the key that verifies what this one signs.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    #[cfg(any(feature = "issuer", feature = "test-util"))]
    pub(crate) fn sign(&self, signing_input: &[u8]) -> [u8; 32] {
        self.verifying.material.sign(signing_input)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.verifying.id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
