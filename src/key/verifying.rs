//! The verifying key.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use jsonwebtoken::Algorithm;

use crate::error::ConfigError;
#[cfg(feature = "oidc")]
use crate::key::SignatureError;
use crate::key::algorithm::SupportedAlgorithm;
use crate::key::hs256::Hs256;
#[cfg(feature = "asymmetric")]
use crate::key::public::PublicKey;
#[cfg(feature = "oidc")]
use crate::token::UnverifiedToken;

/// The longest key id, in characters.
const MAX_KEY_ID_LEN: usize = 128;

/// Key that verifies tokens.
///
/// A key has exactly one algorithm (RFC 8725 section 3.1) and optionally an id, the `kid` of its
/// tokens. Cloning is cheap. The secret itself is not kept: an HS256 key is two hash states, which
/// are overwritten when the last clone is dropped.
#[derive(Clone)]
pub struct VerifyingKey {
    id: Option<Arc<str>>,
    material: Arc<Material>,
    /// Whether EdDSA is called `Ed25519`, as RFC 9864 does.
    #[cfg(feature = "asymmetric")]
    fully_specified: bool,
}

enum Material {
    Hs256(Hs256),
    #[cfg(feature = "asymmetric")]
    Public(PublicKey),
}

impl VerifyingKey {
    /// Creates an HS256 key (RFC 7518 section 3.2) without an id.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs256`](crate::SigningKey::hs256).
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self::of(Material::Hs256(Hs256::new(secret.as_ref())?)))
    }

    /// Reads a public key or a certificate from PEM (feature `asymmetric`).
    ///
    /// The key is for RS256, PS256, ES256 or EdDSA (Ed25519).
    ///
    /// # Errors
    ///
    /// - [`ConfigError::UnsupportedAlgorithm`] for another algorithm,
    /// - [`ConfigError::InvalidKey`] for text that is not a public key of the algorithm's type, for
    ///   an RSA key that is not 2048 to 4096 bits long or has an even modulus, an exponent below
    ///   65537 or the ROCA fingerprint, and for a point that is not on its curve.
    #[cfg(feature = "asymmetric")]
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        PublicKey::from_pem(algorithm.try_into()?, pem.as_ref()).map(Self::public)
    }

    /// Reads a public key from DER (feature `asymmetric`).
    ///
    /// The structure is `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    #[cfg(feature = "asymmetric")]
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        PublicKey::from_der(algorithm.try_into()?, der.as_ref()).map(Self::public)
    }

    /// Reads a public key from a JSON Web Key (RFC 7517) (feature `asymmetric`).
    ///
    /// The `kid` becomes the id. A key whose `use`, `key_ops`, `alg` or `crv` does not allow
    /// verification is rejected. An RSA key without `alg` is for RS256.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidKey`] as [`from_pem`](Self::from_pem), and for a symmetric key,
    /// - [`ConfigError::InvalidKeyId`] for a `kid` that is not 1 to 128 characters of printable
    ///   ASCII.
    #[cfg(feature = "asymmetric")]
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        super::jwk::read_one(json.as_ref())
    }

    #[cfg(feature = "asymmetric")]
    pub(super) fn public(key: PublicKey) -> Self {
        Self::of(Material::Public(key))
    }

    fn of(material: Material) -> Self {
        Self {
            id: None,
            material: Arc::new(material),
            #[cfg(feature = "asymmetric")]
            fully_specified: false,
        }
    }

    #[cfg(feature = "asymmetric")]
    pub(super) fn fully_specified(mut self) -> Self {
        self.fully_specified = true;
        self
    }

    /// Sets the key's id. Default: none.
    ///
    /// The key then verifies only the tokens with this `kid`.
    ///
    /// # Panics
    ///
    /// If the id is not 1 to 128 characters of printable ASCII (`0x21` to `0x7E`).
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        self.try_with_id(id).expect("a key id that a token may carry")
    }

    /// Sets the key's id from input such as a file, and returns an error if it is invalid.
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

    /// Returns the key's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.supported_algorithm().into()
    }

    #[inline]
    fn supported_algorithm(&self) -> SupportedAlgorithm {
        match &*self.material {
            Material::Hs256(_) => SupportedAlgorithm::Hs256,
            #[cfg(feature = "asymmetric")]
            Material::Public(key) => SupportedAlgorithm::Public(key.algorithm()),
        }
    }

    /// Returns the key's SHA-256 thumbprint (RFC 7638), a good key id (feature `asymmetric`).
    ///
    /// `None` for an HMAC key: its thumbprint would allow guesses of the secret.
    #[cfg(feature = "asymmetric")]
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        super::jwk::thumbprint(self)
    }

    /// Returns the `alg` of a header (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864).
    #[cfg(any(feature = "issuer", feature = "asymmetric"))]
    pub(super) fn alg(&self) -> &'static str {
        #[cfg(feature = "asymmetric")]
        if self.fully_specified {
            return self.supported_algorithm().fully_specified_name();
        }
        self.supported_algorithm().name()
    }

    /// Returns whether a header's `alg` names this key's algorithm exactly. Ed25519 has two names
    /// (RFC 8037, RFC 9864).
    #[inline]
    pub(super) fn is_named(&self, alg: &str) -> bool {
        self.supported_algorithm().is_named(alg)
    }

    /// Verifies a token's `alg` and signature with this key. The `kid` is ignored.
    #[cfg(feature = "oidc")]
    pub(crate) fn verify_token(
        &self,
        token: &UnverifiedToken<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if !self.is_named(token.unverified_alg()) {
            return Err(SignatureError::DisallowedAlgorithm);
        }
        let fits = self.fits(token.signing_input(), signature);
        if fits { Ok(()) } else { Err(SignatureError::InvalidSignature) }
    }

    /// Checks in constant time whether a signature is this key's over `signing_input`. A MAC's
    /// signature is decoded halfway, for the reason given at [`Hs256::verify`]; others are decoded
    /// first.
    #[inline(always)]
    pub(super) fn verify<S: AsRef<[u8]>, E>(
        &self,
        signing_input: &[u8],
        signature: impl FnOnce() -> Result<S, E>,
    ) -> Result<(S, bool), E> {
        match &*self.material {
            Material::Hs256(key) => key.verify(signing_input, signature),
            #[cfg(feature = "asymmetric")]
            Material::Public(key) => {
                let signature = signature()?;
                let fits = key.verify(signing_input, signature.as_ref());
                Ok((signature, fits))
            }
        }
    }

    /// Checks a signature that is already decoded; see [`verify`](Self::verify).
    pub(super) fn fits(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok((_, fits)) = self.verify(signing_input, || Ok::<_, Infallible>(signature));
        fits
    }

    /// Returns whether both are the same key with the same id. The name of the algorithm is
    /// ignored.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same_material = match (&*self.material, &*other.material) {
            (Material::Hs256(one), Material::Hs256(other)) => {
                one.fingerprint() == other.fingerprint()
            }
            #[cfg(feature = "asymmetric")]
            (Material::Public(one), Material::Public(other)) => {
                (one.algorithm(), one.numbers()) == (other.algorithm(), other.numbers())
            }
            #[cfg(feature = "asymmetric")]
            _ => false,
        };
        self.id == other.id && same_material
    }

    #[cfg(feature = "asymmetric")]
    pub(super) fn as_public(&self) -> Option<&PublicKey> {
        match &*self.material {
            Material::Hs256(_) => None,
            Material::Public(key) => Some(key),
        }
    }

    #[cfg(any(feature = "issuer", feature = "test-util"))]
    pub(super) fn as_hs256(&self) -> Option<&Hs256> {
        match &*self.material {
            Material::Hs256(key) => Some(key),
            #[cfg(feature = "asymmetric")]
            Material::Public(_) => None,
        }
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
