//! HMAC with SHA-256 (RFC 7518 section 3.2), keyed once.

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256;

use super::key_text;
use crate::error::ConfigError;

/// As long as the hash's output: anything shorter is easier to guess than to forge.
const MIN_SECRET_LEN: usize = 32;

pub(super) struct Hs256 {
    /// Both pads are hashed here, once, so that a token costs only its own blocks.
    keyed: Hmac<Sha256>,
    fingerprint: [u8; 32],
}

impl Hs256 {
    pub(super) fn new(secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < MIN_SECRET_LEN {
            return Err(ConfigError::SecretTooShort { length: secret.len() });
        }
        if secret.iter().all(|byte| *byte == secret[0]) {
            return Err(ConfigError::SecretRepeatsOneByte);
        }
        if let Some(format) = key_text::format_of(secret) {
            return Err(ConfigError::SecretIsKeyText { format });
        }
        // Invariant: HMAC takes a key of any length.
        let keyed = Hmac::new_from_slice(secret).expect("HMAC takes any key");
        // No token has this signing input: it has no dot.
        let fingerprint = mac(&keyed, b"fingerprint");
        Ok(Self { keyed, fingerprint })
    }

    pub(super) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        // Compares in constant time, the length included.
        self.keyed.clone().chain_update(signing_input).verify_slice(signature).is_ok()
    }

    #[cfg(any(feature = "issuer", feature = "test-util"))]
    pub(super) fn sign(&self, signing_input: &[u8]) -> [u8; 32] {
        mac(&self.keyed, signing_input)
    }

    /// Tells keys apart without keeping the secret.
    pub(super) const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

fn mac(keyed: &Hmac<Sha256>, input: &[u8]) -> [u8; 32] {
    keyed.clone().chain_update(input).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(secret: &[u8]) -> Option<ConfigError> {
        Hs256::new(secret).err()
    }

    #[test]
    fn refuses_a_secret_shorter_than_the_hash_or_of_one_repeated_byte_t08() {
        assert_eq!(refusal(b""), Some(ConfigError::SecretTooShort { length: 0 }));
        assert_eq!(refusal(&[7; 31]), Some(ConfigError::SecretTooShort { length: 31 }));
        assert_eq!(refusal(&[0; 32]), Some(ConfigError::SecretRepeatsOneByte));
        assert_eq!(refusal(&[b'x'; 64]), Some(ConfigError::SecretRepeatsOneByte));
        assert_eq!(refusal(b"0123456789abcdef0123456789abcdef"), None);
    }

    #[test]
    fn verifies_the_signature_of_its_own_secret_and_no_other() {
        let key = Hs256::new(b"0123456789abcdef0123456789abcdef").unwrap();
        let other = Hs256::new(b"0123456789abcdef0123456789abcdeg").unwrap();
        let signature = mac(&key.keyed, b"a.b");
        assert!(key.verify(b"a.b", &signature));
        assert!(!key.verify(b"a.c", &signature));
        assert!(!other.verify(b"a.b", &signature));
        assert!(!key.verify(b"a.b", &signature[..31]));
        assert!(!key.verify(b"a.b", &[signature.as_slice(), &[0]].concat()));
        assert!(!key.verify(b"a.b", b""));
    }

    #[test]
    fn signs_as_rfc_4231_test_case_6_says() {
        // Key of 131 bytes, "Test Using Larger Than Block-Size Key - Hash Key First".
        let mut secret = [0xAA; 131];
        let keyed = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        let signature = mac(&keyed, b"Test Using Larger Than Block-Size Key - Hash Key First");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        // The same secret is refused here, being one byte over and over; any other is not.
        assert_eq!(refusal(&secret), Some(ConfigError::SecretRepeatsOneByte));
        secret[0] = 0xAB;
        assert_eq!(refusal(&secret), None);
    }
}
