//! The table of supported algorithms.
//!
//! A new algorithm of a known [`KeyType`] is one more row. A new type of key also touches the files
//! that read, write and use such keys, and the compiler names them: no `match` here or there has a
//! wildcard arm for it.

use jsonwebtoken::Algorithm;

#[cfg(feature = "asymmetric")]
use aws_lc_rs::digest;
#[cfg(feature = "asymmetric")]
use aws_lc_rs::signature;

#[cfg(feature = "asymmetric")]
use crate::error::ConfigError;

/// Algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SupportedAlgorithm {
    /// HMAC with SHA-256 (RFC 7518 section 3.2).
    Hs256,
    /// A row of the table.
    #[cfg(feature = "asymmetric")]
    Public(&'static PublicAlgorithm),
}

/// Algorithm of a key pair.
#[cfg(feature = "asymmetric")]
#[derive(Debug)]
pub(crate) struct PublicAlgorithm {
    algorithm: Algorithm,
    /// The name of RFC 7518 section 3.1 or RFC 8037 section 3.1.
    name: &'static str,
    /// The name of RFC 9864, another one for Ed25519 alone.
    fully_specified_name: &'static str,
    /// The hash whose left half is `at_hash` and `c_hash` (OpenID Connect Core section 3.1.3.6).
    #[cfg_attr(
        not(feature = "oidc"),
        expect(dead_code, reason = "only ID tokens have such claims")
    )]
    hash: &'static digest::Algorithm,
    scheme: Scheme,
}

/// Type of a key pair, with the algorithms of `aws-lc-rs`.
#[cfg(feature = "asymmetric")]
#[derive(Clone, Copy, Debug)]
pub(super) enum Scheme {
    Rsa {
        verification: &'static signature::RsaParameters,
        signing: &'static signature::RsaSignatureEncoding,
    },
    P256 {
        verification: &'static signature::EcdsaVerificationAlgorithm,
        signing: &'static signature::EcdsaSigningAlgorithm,
    },
    Ed25519 {
        verification: &'static signature::EdDSAParameters,
    },
}

/// Type of a key pair, as a JWK says it.
#[cfg(feature = "asymmetric")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum KeyType {
    Rsa,
    P256,
    Ed25519,
}

/// A JWK without `alg` is for the first row of its type; for RSA that is RS256, the default of
/// OpenID Connect.
#[cfg(feature = "asymmetric")]
static PUBLIC: [PublicAlgorithm; 4] = [
    // RFC 7518 section 3.3.
    PublicAlgorithm {
        algorithm: Algorithm::RS256,
        name: "RS256",
        fully_specified_name: "RS256",
        hash: &digest::SHA256,
        scheme: Scheme::Rsa {
            verification: &signature::RSA_PKCS1_2048_8192_SHA256,
            signing: &signature::RSA_PKCS1_SHA256,
        },
    },
    // RFC 7518 section 3.5.
    PublicAlgorithm {
        algorithm: Algorithm::PS256,
        name: "PS256",
        fully_specified_name: "PS256",
        hash: &digest::SHA256,
        scheme: Scheme::Rsa {
            verification: &signature::RSA_PSS_2048_8192_SHA256,
            signing: &signature::RSA_PSS_SHA256,
        },
    },
    // RFC 7518 section 3.4: both numbers in 64 bytes, never DER.
    PublicAlgorithm {
        algorithm: Algorithm::ES256,
        name: "ES256",
        fully_specified_name: "ES256",
        hash: &digest::SHA256,
        scheme: Scheme::P256 {
            verification: &signature::ECDSA_P256_SHA256_FIXED,
            signing: &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        },
    },
    // RFC 8037 section 3.1, with Ed25519 as its only curve. Its hash is that of RFC 8032 section
    // 5.1.
    PublicAlgorithm {
        algorithm: Algorithm::EdDSA,
        name: "EdDSA",
        fully_specified_name: "Ed25519",
        hash: &digest::SHA512,
        scheme: Scheme::Ed25519 { verification: &signature::ED25519 },
    },
];

impl SupportedAlgorithm {
    /// Returns the algorithm with this name in a header, in either spelling.
    #[cfg(feature = "oidc")]
    pub(crate) fn named(name: &str) -> Option<Self> {
        if Self::Hs256.is_named(name) {
            return Some(Self::Hs256);
        }
        PublicAlgorithm::named(name).map(Self::Public)
    }

    /// Returns the algorithm's name in a header.
    #[inline]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            #[cfg(feature = "asymmetric")]
            Self::Public(public) => public.name,
        }
    }

    /// Returns the algorithm's name in a header, as RFC 9864 has it.
    #[cfg(feature = "asymmetric")]
    pub(super) const fn fully_specified_name(self) -> &'static str {
        match self {
            Self::Hs256 => self.name(),
            Self::Public(public) => public.fully_specified_name,
        }
    }

    /// Returns whether a header's `alg` is exactly one of the algorithm's names.
    #[inline]
    pub(super) fn is_named(self, alg: &str) -> bool {
        match self {
            Self::Hs256 => alg == self.name(),
            #[cfg(feature = "asymmetric")]
            Self::Public(public) => public.is_named(alg),
        }
    }

    /// Returns the hash whose left half is `at_hash` and `c_hash` (OpenID Connect Core section
    /// 3.1.3.6).
    #[cfg(feature = "oidc")]
    pub(crate) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Hs256 => &digest::SHA256,
            Self::Public(public) => public.hash,
        }
    }
}

impl From<SupportedAlgorithm> for Algorithm {
    fn from(supported: SupportedAlgorithm) -> Self {
        match supported {
            SupportedAlgorithm::Hs256 => Self::HS256,
            #[cfg(feature = "asymmetric")]
            SupportedAlgorithm::Public(public) => public.algorithm,
        }
    }
}

#[cfg(feature = "asymmetric")]
impl PublicAlgorithm {
    /// Returns the algorithm with this name in a header, in either spelling.
    #[cfg(feature = "oidc")]
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        PUBLIC.iter().find(|public| public.is_named(name))
    }

    /// Returns the algorithm that a JWK's key is for, by its type and its `alg`.
    pub(super) fn of_jwk(key_type: KeyType, alg: Option<&str>) -> Option<&'static Self> {
        let mut of_type = PUBLIC.iter().filter(|public| public.scheme.key_type() == key_type);
        of_type.find(|public| alg.is_none_or(|alg| public.is_named(alg)))
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn is_named(&self, alg: &str) -> bool {
        alg == self.name || alg == self.fully_specified_name
    }
}

#[cfg(feature = "asymmetric")]
impl PartialEq for PublicAlgorithm {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm
    }
}

#[cfg(feature = "asymmetric")]
impl TryFrom<Algorithm> for &'static PublicAlgorithm {
    type Error = ConfigError;

    fn try_from(algorithm: Algorithm) -> Result<Self, ConfigError> {
        let found = PUBLIC.iter().find(|public| public.algorithm == algorithm);
        found.ok_or(ConfigError::UnsupportedAlgorithm { algorithm })
    }
}

#[cfg(feature = "asymmetric")]
impl Scheme {
    const fn key_type(self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::P256 { .. } => KeyType::P256,
            Self::Ed25519 { .. } => KeyType::Ed25519,
        }
    }
}

#[cfg(all(test, feature = "asymmetric"))]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_is_found_by_its_constant_and_both_of_its_names() {
        for public in &PUBLIC {
            let found = <&PublicAlgorithm>::try_from(public.algorithm);
            assert_eq!(found, Ok(public));
            for name in [public.name, public.fully_specified_name] {
                let found = PublicAlgorithm::of_jwk(public.scheme.key_type(), Some(name));
                assert_eq!(found, Some(public), "{name}");
            }
        }
    }

    #[test]
    fn no_row_shares_a_name_or_a_constant_with_another() {
        for (index, one) in PUBLIC.iter().enumerate() {
            for other in &PUBLIC[index + 1..] {
                assert_ne!(one.algorithm, other.algorithm);
                assert!(!other.is_named(one.name), "{}", one.name);
                assert!(!other.is_named(one.fully_specified_name), "{}", one.name);
            }
            assert!(!SupportedAlgorithm::Hs256.is_named(one.name));
        }
    }

    #[test]
    fn another_algorithm_is_not_supported() {
        for algorithm in [
            Algorithm::HS256,
            Algorithm::HS384,
            Algorithm::HS512,
            Algorithm::ES384,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS384,
            Algorithm::PS512,
        ] {
            let refused = <&PublicAlgorithm>::try_from(algorithm).unwrap_err();
            assert_eq!(refused, ConfigError::UnsupportedAlgorithm { algorithm });
        }
    }

    #[test]
    fn a_jwk_without_alg_is_for_the_default_of_its_type_and_none_is_for_another_types_alg() {
        for (key_type, alg, expected) in [
            (KeyType::Rsa, None, Some(Algorithm::RS256)),
            (KeyType::P256, None, Some(Algorithm::ES256)),
            (KeyType::Ed25519, None, Some(Algorithm::EdDSA)),
            (KeyType::Rsa, Some("PS256"), Some(Algorithm::PS256)),
            (KeyType::Ed25519, Some("Ed25519"), Some(Algorithm::EdDSA)),
            (KeyType::Rsa, Some("ES256"), None),
            (KeyType::P256, Some("RS256"), None),
            (KeyType::P256, Some("EdDSA"), None),
            (KeyType::Rsa, Some("HS256"), None),
            (KeyType::Rsa, Some("rs256"), None),
            (KeyType::Rsa, Some("none"), None),
        ] {
            let found = PublicAlgorithm::of_jwk(key_type, alg).map(|public| public.algorithm);
            assert_eq!(found, expected, "{key_type:?} {alg:?}");
        }
    }
}
