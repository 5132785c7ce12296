//! A key that verifies.

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
/// It has exactly one algorithm (RFC 8725 section 3.1), and maybe an id, the `kid` of the tokens it
/// is for. Cloning is cheap. The secret itself is not kept: an HS256 key is two hash states, which
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
    /// Creates a key for HS256 (RFC 7518 section 3.2) without an id.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs256`](crate::SigningKey::hs256).
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self::of(Material::Hs256(Hs256::new(secret.as_ref())?)))
    }

    /// Reads a public key, or the one in a certificate, from PEM (feature `asymmetric`), for RS256,
    /// PS256, ES256 or EdDSA (Ed25519).
    ///
    /// # Errors
    ///
    /// - [`ConfigError::UnsupportedAlgorithm`] for another algorithm,
    /// - [`ConfigError::InvalidKey`] for text that is no public key of the algorithm's kind, an RSA
    ///   key outside 2048 to 4096 bits, with an even modulus, an exponent below 65537 or the ROCA
    ///   fingerprint, and a point that is not on its curve.
    #[cfg(feature = "asymmetric")]
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        PublicKey::from_pem(algorithm.try_into()?, pem.as_ref()).map(Self::public)
    }

    /// Reads a public key from DER: a `SubjectPublicKeyInfo`, RFC 5280 section 4.1 (feature
    /// `asymmetric`).
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    #[cfg(feature = "asymmetric")]
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        PublicKey::from_der(algorithm.try_into()?, der.as_ref()).map(Self::public)
    }

    /// Reads a public key from a JSON Web Key (RFC 7517), with its `kid` as id (feature `asymmetric`).
    /// What its `use`, `key_ops`, `alg` and `crv` forbid is refused. An RSA key without `alg` is for
    /// RS256.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidKey`] as [`from_pem`](Self::from_pem), and for a symmetric key,
    /// - [`ConfigError::InvalidKeyId`] for a `kid` that no token may carry.
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

    /// Returns the key's thumbprint (RFC 7638, with SHA-256), which names it alone and is a good id
    /// for it (feature `asymmetric`); `None` for an HMAC key, whose thumbprint would be for guessing.
    #[cfg(feature = "asymmetric")]
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        super::jwk::thumbprint(self)
    }

    /// The algorithm's name in a header (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864).
    #[cfg(any(feature = "issuer", feature = "asymmetric"))]
    pub(super) fn alg(&self) -> &'static str {
        #[cfg(feature = "asymmetric")]
        if self.fully_specified {
            return self.supported_algorithm().fully_specified_name();
        }
        self.supported_algorithm().name()
    }

    /// Whether a header's `alg` names this key's algorithm, exactly. The two names of Ed25519
    /// (RFC 8037, RFC 9864) are both its own.
    #[inline]
    pub(super) fn is_named(&self, alg: &str) -> bool {
        self.supported_algorithm().is_named(alg)
    }

    /// Tells whether the token is signed by this key, with its one algorithm; its `kid` is not looked at.
    #[cfg(feature = "oidc")]
    pub(crate) fn vouches_for(
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

    /// Checks in constant time whether a signature is this key's over `signing_input`. For a MAC it is asked
    /// for halfway, for the reason that [`Hs256::verify`] gives, for others before the work begins.
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

    /// As [`verify`](Self::verify), of a signature that is at hand.
    pub(super) fn fits(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        let Ok((_, fits)) = self.verify(signing_input, || Ok::<_, Infallible>(signature));
        fits
    }

    /// Whether both are the same key under the same id, whatever the one calls its algorithm.
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
