//! Public keys: RSA, P-256 and Ed25519, on `aws-lc-rs`.

use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::DecodingKeyKind;

use crate::error::ConfigError;
use crate::key::algorithm::PublicAlgorithm;
use crate::key::algorithm::Scheme;
use crate::key::rsa;

/// A public key with its one algorithm.
pub(super) struct PublicKey {
    algorithm: &'static PublicAlgorithm,
    numbers: Numbers,
    parsed: ParsedPublicKey,
}

/// Numbers of a public key, as in a JWK (RFC 7518 section 6, RFC 8037 section 2).
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
    /// Creates a key for an algorithm, after checking its type and strength.
    pub(super) fn new(
        algorithm: &'static PublicAlgorithm,
        numbers: Numbers,
    ) -> Result<Self, ConfigError> {
        let parsed = match (algorithm.scheme(), &numbers) {
            (Scheme::Rsa { verification, .. }, Numbers::Rsa { n, e }) => {
                rsa::check(n, e)?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(verification)
            }
            // Rejects a point that is not on the curve.
            (Scheme::P256 { verification, .. }, Numbers::P256(point))
                if point.len() == P256_POINT_LEN =>
            {
                ParsedPublicKey::new(verification, point)
            }
            (Scheme::Ed25519 { verification }, Numbers::Ed25519(point)) => {
                ParsedPublicKey::new(verification, point)
            }
            (Scheme::Rsa { .. } | Scheme::P256 { .. } | Scheme::Ed25519 { .. }, _) => {
                return Err(ConfigError::InvalidKey {
                    reason: "it is not of the algorithm's kind",
                });
            }
        };
        let parsed = parsed.map_err(|_| ConfigError::InvalidKey {
            reason: "it is not a valid point or modulus",
        })?;
        Ok(Self { algorithm, numbers, parsed })
    }

    /// Reads a public key, or the one in a certificate, from PEM.
    pub(super) fn from_pem(
        algorithm: &'static PublicAlgorithm,
        pem: &[u8],
    ) -> Result<Self, ConfigError> {
        let key = match algorithm.scheme() {
            Scheme::Rsa { .. } => DecodingKey::from_rsa_pem(pem),
            Scheme::P256 { .. } => DecodingKey::from_ec_pem(pem),
            Scheme::Ed25519 { .. } => DecodingKey::from_ed_pem(pem),
        };
        let key = key.map_err(|_| ConfigError::InvalidKey {
            reason: "it is not PEM of the algorithm's kind",
        })?;
        Self::new(algorithm, Numbers::of(&key, algorithm)?)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    pub(super) fn from_der(
        algorithm: &'static PublicAlgorithm,
        der: &[u8],
    ) -> Result<Self, ConfigError> {
        let base64 = base64_simd::STANDARD.encode_to_string(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
        Self::from_pem(algorithm, pem.as_bytes())
    }

    pub(super) const fn algorithm(&self) -> &'static PublicAlgorithm {
        self.algorithm
    }

    pub(super) const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Checks a signature as RFC 7518 section 3 writes it: for ES256 both numbers in 64 bytes; DER
    /// is rejected.
    pub(super) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(signing_input, signature).is_ok()
    }
}

impl Numbers {
    pub(super) fn of(key: &DecodingKey, algorithm: &PublicAlgorithm) -> Result<Self, ConfigError> {
        match (algorithm.scheme(), key.kind()) {
            (Scheme::Rsa { .. }, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let [n, e] = [n, e].map(|number| without_leading_zeros(number).to_vec());
                Ok(Self::Rsa { n, e })
            }
            (Scheme::Rsa { .. }, DecodingKeyKind::SecretOrDer(der)) => {
                let key = aws_lc_rs::rsa::PublicKey::from_der(der);
                let key =
                    key.map_err(|_| ConfigError::InvalidKey { reason: "it is no RSA public key" })?;
                Ok(Self::rsa(&key))
            }
            (Scheme::P256 { .. }, DecodingKeyKind::SecretOrDer(point)) => {
                Ok(Self::P256(point.clone()))
            }
            (Scheme::Ed25519 { .. }, DecodingKeyKind::SecretOrDer(point)) => {
                Ok(Self::Ed25519(point.clone()))
            }
            (
                Scheme::P256 { .. } | Scheme::Ed25519 { .. },
                DecodingKeyKind::RsaModulusExponent { .. },
            ) => Err(ConfigError::InvalidKey { reason: "it is not of the algorithm's kind" }),
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
