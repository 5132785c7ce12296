//! A key that signs.

use std::fmt;
#[cfg(feature = "asymmetric")]
use std::sync::Arc;

use jsonwebtoken::Algorithm;

use crate::error::ConfigError;
use crate::key::VerifyingKey;
#[cfg(feature = "asymmetric")]
use crate::key::private::PrivateKey;

/// Key that signs tokens, and verifies them.
#[derive(Clone)]
pub struct SigningKey {
    verifying: VerifyingKey,
    /// What an HS256 key has no need of: it signs by what it verifies by.
    #[cfg(feature = "asymmetric")]
    #[cfg_attr(
        not(any(feature = "issuer", feature = "test-util")),
        expect(dead_code, reason = "a build that issues nothing only reads it")
    )]
    private: Option<Arc<PrivateKey>>,
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
        Ok(Self {
            verifying: VerifyingKey::hs256(secret)?,
            #[cfg(feature = "asymmetric")]
            private: None,
        })
    }

    /// Reads a private key from PEM (feature `asymmetric`), for RS256, PS256, ES256 or EdDSA
    /// (Ed25519): PKCS#8, or for RSA also PKCS#1.
    ///
    /// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem` makes one for ES256,
    /// `openssl genpkey -algorithm ed25519 -out key.pem` one for EdDSA. `BEGIN EC PRIVATE KEY` is another
    /// format (SEC1), which `openssl pkcs8 -topk8 -nocrypt` converts.
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::from_pem`].
    #[cfg(feature = "asymmetric")]
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (private, public) = PrivateKey::from_pem(algorithm.try_into()?, pem.as_ref())?;
        Ok(Self { verifying: VerifyingKey::public(public), private: Some(Arc::new(private)) })
    }

    /// Reads a private key from DER (feature `asymmetric`): PKCS#8, RFC 5958.
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::from_pem`].
    #[cfg(feature = "asymmetric")]
    pub fn from_der(algorithm: Algorithm, pkcs8: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (private, public) = PrivateKey::from_der(algorithm.try_into()?, pkcs8.as_ref())?;
        Ok(Self { verifying: VerifyingKey::public(public), private: Some(Arc::new(private)) })
    }

    /// Reads a private key from a JSON Web Key (RFC 7517), with its `kid` as id (feature
    /// `asymmetric`): RSA with all of its numbers, P-256 or Ed25519. What its `use`, `key_ops`, `alg`
    /// and `crv` forbid is refused. An RSA key without `alg` is for RS256.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidKey`] as [`VerifyingKey::from_pem`], for a public or a symmetric key,
    ///   and for one whose private part does not fit its public one,
    /// - [`ConfigError::InvalidKeyId`] for a `kid` that no token may carry.
    #[cfg(feature = "asymmetric")]
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (private, verifying) = super::private_jwk::read(json.as_ref())?;
        Ok(Self { verifying, private: Some(Arc::new(private)) })
    }

    /// Names the algorithm as RFC 9864 does (feature `asymmetric`): an EdDSA key then writes `Ed25519`
    /// into its tokens and its JWK. Default `EdDSA` (RFC 8037), unless a JWK's `alg` says otherwise.
    /// The other algorithms have one name, which is fully specified as it is.
    ///
    /// Verifiers of this crate take both names; ask the others first.
    #[cfg(feature = "asymmetric")]
    #[must_use]
    pub fn fully_specified(mut self) -> Self {
        self.verifying = self.verifying.fully_specified();
        self
    }

    /// Gives the key an id, which the tokens it signs carry as `kid`.
    ///
    /// # Panics
    ///
    /// If the id is not 1 to 128 characters of printable ASCII (`0x21` to `0x7E`).
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.verifying = self.verifying.with_id(id);
        self
    }

    /// Gives the key an id that comes from outside the program, such as a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidKeyId`] if it is not 1 to 128 characters of printable ASCII.
    pub fn try_with_id(mut self, id: impl Into<String>) -> Result<Self, ConfigError> {
        self.verifying = self.verifying.try_with_id(id)?;
        Ok(self)
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

    /// The algorithm's name in a header.
    #[cfg(feature = "issuer")]
    pub(crate) fn alg(&self) -> &'static str {
        self.verifying.alg()
    }

    /// Signs; `None` when the machine has no randomness that the algorithm needs.
    #[cfg(any(feature = "issuer", feature = "test-util"))]
    pub(crate) fn sign(&self, signing_input: &[u8]) -> Option<Vec<u8>> {
        #[cfg(feature = "asymmetric")]
        if let Some(private) = &self.private {
            return private.sign(signing_input);
        }
        self.verifying.as_hs256().map(|key| key.sign(signing_input).to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
