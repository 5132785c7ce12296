//! Public keys: RSA, P-256 and Ed25519, on `aws-lc-rs`.

use aws_lc_rs::signature;
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::DecodingKeyKind;

use super::rsa;
use crate::error::ConfigError;

/// A public key with its one algorithm.
pub(super) struct PublicKey {
    algorithm: Algorithm,
    numbers: Numbers,
    parsed: ParsedPublicKey,
}

/// What a public key consists of, as a JWK has it (RFC 7518 section 6, RFC 8037 section 2).
#[derive(Debug, PartialEq)]
pub(super) enum Numbers {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point: the byte 4, then both coordinates.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Binds a key to an algorithm, after checking that it is one of that algorithm, and a sound one.
    pub(super) fn new(algorithm: Algorithm, numbers: Numbers) -> Result<Self, ConfigError> {
        let parsed = match (algorithm, &numbers) {
            (Algorithm::RS256 | Algorithm::PS256, Numbers::Rsa { n, e }) => {
                rsa::check(n, e)?;
                let padding = if algorithm == Algorithm::RS256 {
                    &signature::RSA_PKCS1_2048_8192_SHA256
                } else {
                    &signature::RSA_PSS_2048_8192_SHA256
                };
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(padding)
            }
            // Refuses a point that is not on the curve.
            (Algorithm::ES256, Numbers::P256(point)) if point.len() == P256_POINT_LEN => {
                ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
            }
            (Algorithm::EdDSA, Numbers::Ed25519(point)) => {
                ParsedPublicKey::new(&signature::ED25519, point)
            }
            (Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 | Algorithm::EdDSA, _) => {
                return Err(ConfigError::InvalidKey {
                    reason: "it is not of the algorithm's kind",
                });
            }
            _ => return Err(ConfigError::UnsupportedAlgorithm { algorithm }),
        };
        let parsed = parsed.map_err(|_| ConfigError::InvalidKey {
            reason: "it is not a valid point or modulus",
        })?;
        Ok(Self { algorithm, numbers, parsed })
    }

    /// Reads a public key, or the one in a certificate, from PEM.
    pub(super) fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, ConfigError> {
        let key = match algorithm {
            Algorithm::RS256 | Algorithm::PS256 => DecodingKey::from_rsa_pem(pem),
            Algorithm::ES256 => DecodingKey::from_ec_pem(pem),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(pem),
            _ => return Err(ConfigError::UnsupportedAlgorithm { algorithm }),
        };
        let key = key.map_err(|_| ConfigError::InvalidKey {
            reason: "it is not PEM of the algorithm's kind",
        })?;
        Self::new(algorithm, Numbers::of(&key, algorithm)?)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, ConfigError> {
        let base64 = base64_simd::STANDARD.encode_to_string(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
        Self::from_pem(algorithm, pem.as_bytes())
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Checks a signature as RFC 7518 section 3 writes it: for ES256 both numbers in 64 bytes, DER is
    /// refused.
    pub(super) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(signing_input, signature).is_ok()
    }
}

impl Numbers {
    pub(super) fn of(key: &DecodingKey, algorithm: Algorithm) -> Result<Self, ConfigError> {
        match (algorithm, key.kind()) {
            (Algorithm::RS256 | Algorithm::PS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let [n, e] = [n, e].map(|number| without_leading_zeros(number).to_vec());
                Ok(Self::Rsa { n, e })
            }
            (Algorithm::RS256 | Algorithm::PS256, DecodingKeyKind::SecretOrDer(der)) => {
                let key = aws_lc_rs::rsa::PublicKey::from_der(der);
                let key =
                    key.map_err(|_| ConfigError::InvalidKey { reason: "it is no RSA public key" })?;
                Ok(Self::rsa(&key))
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                Ok(Self::P256(point.clone()))
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
                Ok(Self::Ed25519(point.clone()))
            }
            _ => Err(ConfigError::UnsupportedAlgorithm { algorithm }),
        }
    }

    pub(super) fn rsa(key: &aws_lc_rs::rsa::PublicKey) -> Self {
        Self::Rsa {
            n: key.modulus().big_endian_without_leading_zero().to_vec(),
            e: key.exponent().big_endian_without_leading_zero().to_vec(),
        }
    }
}

pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

const P256_POINT_LEN: usize = 65;
