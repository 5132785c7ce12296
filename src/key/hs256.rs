//! HMAC with SHA-256 (RFC 7518 section 3.2), keyed once.

use hmac::KeyInit;
use hmac::block_api::HmacCore;
use hmac::digest::CtOutput;
use hmac::digest::Output;
use hmac::digest::block_api::Block;
use hmac::digest::block_api::Buffer;
use hmac::digest::block_api::FixedOutputCore;
use hmac::digest::block_api::UpdateCore;
use sha2::Sha256;

use crate::error::ConfigError;
use crate::key::key_text;

/// The length of the hash's output (RFC 7518 section 3.2).
const MIN_SECRET_LEN: usize = 32;

/// Blocks of 64 bytes that the signing input of a usual token has at most.
const USUAL_BLOCKS: usize = 8;

pub(super) struct Hs256 {
    /// Both pads, hashed once, so that a token costs only its own blocks.
    keyed: HmacCore<Sha256>,
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
        let keyed = HmacCore::new_from_slice(secret).expect("HMAC takes any key");
        // No token has this signing input: it has no dot.
        let fingerprint = mac(&keyed, b"fingerprint");
        Ok(Self { keyed, fingerprint })
    }

    /// Checks in constant time whether a signature is this key's. The signature is decoded while
    /// the MAC is computed: each step of the hash depends on the one before, so the processor
    /// decodes in parallel.
    #[inline(always)]
    pub(super) fn verify<S: AsRef<[u8]>, E>(
        &self,
        signing_input: &[u8],
        signature: impl FnOnce() -> Result<S, E>,
    ) -> Result<(S, bool), E> {
        // The parts of `Hmac`, which would itself be copied as a whole between the steps.
        let mut hmac = self.keyed.clone();
        let (blocks, rest) = Block::<HmacCore<Sha256>>::slice_as_chunks(signing_input);
        // A long input is hashed only after the signature has decoded: otherwise malformed
        // kilobytes would cost half a MAC.
        let before = if blocks.len() > USUAL_BLOCKS { 0 } else { blocks.len() / 2 };
        let (first, second) = blocks.split_at(before);
        hmac.update_blocks(first);
        let signature = signature()?;
        hmac.update_blocks(second);
        let mac = finalize(&mut hmac, rest);
        let fits = match signature.as_ref().try_into() {
            Ok(bytes) => CtOutput::<HmacCore<Sha256>>::new(bytes) == CtOutput::new(mac),
            Err(_) => false,
        };
        Ok((signature, fits))
    }

    #[cfg(any(feature = "issuer", feature = "test-util"))]
    pub(super) fn sign(&self, signing_input: &[u8]) -> [u8; 32] {
        mac(&self.keyed, signing_input)
    }

    /// Returns what identifies the key without keeping the secret.
    pub(super) const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

fn mac(keyed: &HmacCore<Sha256>, input: &[u8]) -> [u8; 32] {
    finalize(&mut keyed.clone(), input).into()
}

/// Returns the MAC after the remaining input.
#[inline(always)]
fn finalize(hmac: &mut HmacCore<Sha256>, rest: &[u8]) -> Output<HmacCore<Sha256>> {
    let mut buffer = Buffer::<HmacCore<Sha256>>::default();
    buffer.digest_blocks(rest, |blocks| hmac.update_blocks(blocks));
    let mut mac = Output::<HmacCore<Sha256>>::default();
    hmac.finalize_fixed_core(&mut buffer, &mut mac);
    mac
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn verifies(key: &Hs256, signing_input: &[u8], signature: &[u8]) -> bool {
        let verified: Result<_, Infallible> = key.verify(signing_input, || Ok(signature));
        verified.unwrap().1
    }

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
        assert!(verifies(&key, b"a.b", &signature));
        assert!(!verifies(&key, b"a.c", &signature));
        assert!(!verifies(&other, b"a.b", &signature));
        assert!(!verifies(&key, b"a.b", &signature[..31]));
        assert!(!verifies(&key, b"a.b", &[signature.as_slice(), &[0]].concat()));
        assert!(!verifies(&key, b"a.b", b""));
    }

    #[test]
    fn signs_as_rfc_4231_test_case_6_says() {
        // Key of 131 bytes, "Test Using Larger Than Block-Size Key - Hash Key First".
        let mut secret = [0xAA; 131];
        let keyed = HmacCore::<Sha256>::new_from_slice(&secret).unwrap();
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
