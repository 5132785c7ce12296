//! The signing key.

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
    /// `None` for HS256, which signs and verifies with the same state.
    #[cfg(feature = "asymmetric")]
    #[cfg_attr(
        not(any(feature = "issuer", feature = "test-util")),
        expect(dead_code, reason = "a build that issues nothing only reads it")
    )]
    private: Option<Arc<PrivateKey>>,
}

impl SigningKey {
    /// Creates an HS256 key (RFC 7518 section 3.2) without an id.
    ///
    /// The secret must be random, such as the output of `openssl rand -hex 32`.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::SecretTooShort`] for less than 32 bytes,
    /// - [`ConfigError::SecretRepeatsOneByte`] for a placeholder,
    /// - [`ConfigError::SecretIsKeyText`] for the text of a PEM, DER, SSH or JWK key.
    ///
    /// # Security
    ///
    /// With a guessable secret, anyone who has one token can search for the secret offline and sign
    /// tokens for any customer.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Ok(Self {
            verifying: VerifyingKey::hs256(secret)?,
            #[cfg(feature = "asymmetric")]
            private: None,
        })
    }

    /// Reads a private key from PEM (feature `asymmetric`).
    ///
    /// The key is for RS256, PS256, ES256 or EdDSA (Ed25519), in PKCS#8; RSA keys may also be in
    /// PKCS#1.
    ///
    /// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem` creates one
    /// for ES256, `openssl genpkey -algorithm ed25519 -out key.pem` one for EdDSA. `BEGIN EC
    /// PRIVATE KEY` is SEC1, which `openssl pkcs8 -topk8 -nocrypt` converts to PKCS#8.
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::from_pem`].
    #[cfg(feature = "asymmetric")]
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (private, public) = PrivateKey::from_pem(algorithm.try_into()?, pem.as_ref())?;
        Ok(Self { verifying: VerifyingKey::public(public), private: Some(Arc::new(private)) })
    }

    /// Reads a private key in PKCS#8 (RFC 5958) from DER (feature `asymmetric`).
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::from_pem`].
    #[cfg(feature = "asymmetric")]
    pub fn from_der(algorithm: Algorithm, pkcs8: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (private, public) = PrivateKey::from_der(algorithm.try_into()?, pkcs8.as_ref())?;
        Ok(Self { verifying: VerifyingKey::public(public), private: Some(Arc::new(private)) })
    }

    /// Reads a private key from a JSON Web Key (RFC 7517) (feature `asymmetric`).
    ///
    /// The `kid` becomes the id. RSA keys need all of their numbers; elliptic curve keys are P-256
    /// or Ed25519. A key whose `use`, `key_ops`, `alg` or `crv` does not allow signing is rejected.
    /// An RSA key without `alg` is for RS256.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::InvalidKey`] as [`VerifyingKey::from_pem`], for a public or symmetric key,
    ///   and for a private part that does not match the public one,
    /// - [`ConfigError::InvalidKeyId`] for a `kid` that is not 1 to 128 characters of printable
    ///   ASCII.
    #[cfg(feature = "asymmetric")]
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let (private, verifying) = super::private_jwk::read(json.as_ref())?;
        Ok(Self { verifying, private: Some(Arc::new(private)) })
    }

    /// Uses the fully specified algorithm name of RFC 9864 (feature `asymmetric`).
    ///
    /// An EdDSA key then writes `Ed25519` into its tokens and its JWK. Default: `EdDSA` (RFC 8037),
    /// or the `alg` of the JWK. The names of the other algorithms are fully specified already.
    ///
    /// Verifiers of this crate accept both names. Check your other verifiers first.
    #[cfg(feature = "asymmetric")]
    #[must_use]
    pub fn fully_specified(mut self) -> Self {
        self.verifying = self.verifying.fully_specified();
        self
    }

    /// Sets the key's id, the `kid` of the tokens it signs. Default: none.
    ///
    /// # Panics
    ///
    /// If the id is not 1 to 128 characters of printable ASCII (`0x21` to `0x7E`).
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.verifying = self.verifying.with_id(id);
        self
    }

    /// Sets the key's id from input such as a file, and returns an error if it is invalid.
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

    /// Returns the key's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// Returns the key that verifies this key's signatures.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// Returns the `alg` of a header.
    #[cfg(feature = "issuer")]
    pub(crate) fn alg(&self) -> &'static str {
        self.verifying.alg()
    }

    /// Signs; `None` when the operating system has no random bytes that the algorithm needs.
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
