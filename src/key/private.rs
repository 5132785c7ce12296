//! Private keys, by `aws-lc-rs`, which overwrites them when they are dropped.
#![cfg_attr(
    not(any(feature = "issuer", feature = "test-util")),
    expect(dead_code, unused_imports, reason = "a build that issues nothing only reads them")
)]

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::EcdsaSigningAlgorithm;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::RsaKeyPair;
use aws_lc_rs::signature::RsaSignatureEncoding;
use jsonwebtoken::EncodingKey;

use crate::error::ConfigError;
use crate::key::algorithm::PublicAlgorithm;
use crate::key::algorithm::Scheme;
use crate::key::public::Numbers;
use crate::key::public::PublicKey;

pub(super) enum PrivateKey {
    Rsa { pair: RsaKeyPair, padding: &'static RsaSignatureEncoding },
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Reads PKCS#8 (RFC 5958), or for RSA PKCS#1 (RFC 8017), from PEM, and returns the public half
    /// too.
    pub(super) fn from_pem(
        algorithm: &'static PublicAlgorithm,
        pem: &[u8],
    ) -> Result<(Self, PublicKey), ConfigError> {
        let der = match algorithm.scheme() {
            Scheme::Rsa { .. } => EncodingKey::from_rsa_pem(pem),
            Scheme::P256 { .. } => EncodingKey::from_ec_pem(pem),
            Scheme::Ed25519 { .. } => EncodingKey::from_ed_pem(pem),
        };
        let der = der.map_err(|_| ConfigError::InvalidKey {
            reason: "it is not PEM of the algorithm's kind",
        })?;
        // jsonwebtoken has extracted the PKCS#1 from an RSA key's PKCS#8.
        Self::read(algorithm, der.as_bytes(), RsaKeyPair::from_der)
    }

    /// Reads PKCS#8 (RFC 5958), and returns the public half too.
    pub(super) fn from_der(
        algorithm: &'static PublicAlgorithm,
        pkcs8: &[u8],
    ) -> Result<(Self, PublicKey), ConfigError> {
        Self::read(algorithm, pkcs8, RsaKeyPair::from_pkcs8)
    }

    fn read(
        algorithm: &'static PublicAlgorithm,
        der: &[u8],
        read_rsa: fn(&[u8]) -> Result<RsaKeyPair, KeyRejected>,
    ) -> Result<(Self, PublicKey), ConfigError> {
        let rejected =
            |_| ConfigError::InvalidKey { reason: "it is no private key of the algorithm's kind" };
        let (key, numbers) = match algorithm.scheme() {
            Scheme::Rsa { signing: padding, .. } => {
                let pair = read_rsa(der).map_err(rejected)?;
                let numbers = Numbers::rsa(pair.public_key());
                (Self::Rsa { pair, padding }, numbers)
            }
            Scheme::P256 { signing, .. } => {
                let pair = EcdsaKeyPair::from_pkcs8(signing, der).map_err(rejected)?;
                let numbers = Numbers::P256(pair.public_key().as_ref().to_vec());
                (Self::P256(pair), numbers)
            }
            Scheme::Ed25519 { .. } => {
                // Without a public half inside (PKCS#8 version 1) there is nothing to check it
                // against.
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(rejected)?;
                let numbers = Numbers::Ed25519(pair.public_key().as_ref().to_vec());
                (Self::Ed25519(pair), numbers)
            }
        };
        Ok((key, PublicKey::new(algorithm, numbers)?))
    }

    /// Creates a key from all its numbers, which must be consistent.
    pub(super) fn from_rsa_numbers(
        padding: &'static RsaSignatureEncoding,
        numbers: &KeyPairComponents<&[u8]>,
    ) -> Result<Self, ConfigError> {
        let pair = RsaKeyPair::from_components(numbers).map_err(|_| UNFIT)?;
        Ok(Self::Rsa { pair, padding })
    }

    /// Creates a key from its number and its public point, which must match.
    pub(super) fn from_p256_numbers(
        signing: &'static EcdsaSigningAlgorithm,
        number: &[u8],
        point: &[u8],
    ) -> Result<Self, ConfigError> {
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, number, point);
        Ok(Self::P256(pair.map_err(|_| UNFIT)?))
    }

    /// Creates a key from its seed and its public point, which must match.
    pub(super) fn from_ed25519_seed(seed: &[u8], point: &[u8]) -> Result<Self, ConfigError> {
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, point);
        Ok(Self::Ed25519(pair.map_err(|_| UNFIT)?))
    }

    /// Signs as RFC 7518 section 3 writes it; `None` when the operating system has no random bytes.
    #[cfg(any(feature = "issuer", feature = "test-util"))]
    pub(super) fn sign(&self, signing_input: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa { pair, padding } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, signing_input, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(pair) => Some(pair.sign(&random, signing_input).ok()?.as_ref().to_vec()),
            Self::Ed25519(pair) => Some(pair.try_sign(signing_input).ok()?.as_ref().to_vec()),
        }
    }
}

const UNFIT: ConfigError =
    ConfigError::InvalidKey { reason: "its private part does not fit its public one" };
