//! Private keys, on `aws-lc-rs`, which overwrites them when they are dropped.
#![cfg_attr(
    not(any(feature = "issuer", feature = "test-util")),
    expect(dead_code, unused_imports, reason = "a build that issues nothing only reads them")
)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::RsaKeyPair;
use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;

use super::public::Numbers;
use super::public::PublicKey;
use crate::error::ConfigError;

pub(super) enum PrivateKey {
    Rsa { pair: RsaKeyPair, padding: &'static dyn signature::RsaEncoding },
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Reads PKCS#8 (RFC 5958), or for RSA PKCS#1 (RFC 8017), from PEM; gives the public half with it.
    pub(super) fn from_pem(
        algorithm: Algorithm,
        pem: &[u8],
    ) -> Result<(Self, PublicKey), ConfigError> {
        let not_pem =
            |_| ConfigError::InvalidKey { reason: "it is not PEM of the algorithm's kind" };
        let rejected =
            |_| ConfigError::InvalidKey { reason: "it is no private key of the algorithm's kind" };
        let (key, numbers) = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => {
                let der = EncodingKey::from_rsa_pem(pem).map_err(not_pem)?;
                let pair = RsaKeyPair::from_der(der.as_bytes()).map_err(rejected)?;
                let numbers = Numbers::rsa(pair.public_key());
                let padding: &dyn signature::RsaEncoding = if algorithm == Algorithm::RS256 {
                    &signature::RSA_PKCS1_SHA256
                } else {
                    &signature::RSA_PSS_SHA256
                };
                (Self::Rsa { pair, padding }, numbers)
            }
            Algorithm::ES256 => {
                let der = EncodingKey::from_ec_pem(pem).map_err(not_pem)?;
                let kind = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_pkcs8(kind, der.as_bytes()).map_err(rejected)?;
                let numbers = Numbers::P256(pair.public_key().as_ref().to_vec());
                (Self::P256(pair), numbers)
            }
            Algorithm::EdDSA => {
                let der = EncodingKey::from_ed_pem(pem).map_err(not_pem)?;
                // Without a public half inside (PKCS#8 version 1) there is nothing to check it against.
                let pair =
                    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.as_bytes()).map_err(rejected)?;
                let numbers = Numbers::Ed25519(pair.public_key().as_ref().to_vec());
                (Self::Ed25519(pair), numbers)
            }
            _ => return Err(ConfigError::UnsupportedAlgorithm { algorithm }),
        };
        Ok((key, PublicKey::new(algorithm, numbers)?))
    }

    /// Signs as RFC 7518 section 3 writes it; `None` when the machine has no randomness for it.
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
