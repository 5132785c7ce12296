//! The verifier.

use std::sync::Arc;

use crate::key::KeyRing;
use crate::verify::VerifiedToken;
use crate::verify::VerifierBuilder;
use crate::verify::VerifyError;
use crate::verify::config::Config;

/// Verifier of customer tokens.
///
/// [`verify`](Self::verify) is synchronous: it does no I/O and takes no lock except the
/// allocator's. A clone shares keys, revocations and cache with the original.
///
/// # Example
///
/// ```
/// # use tower_customer_auth::{ConfigError, KeyRing, Verifier, VerifyErrorKind};
/// # fn main() -> Result<(), ConfigError> {
/// let verifier = Verifier::new(KeyRing::hs256("0123456789abcdef0123456789abcdef")?);
/// let error = verifier.verify(b"not.a.token").unwrap_err();
/// assert_eq!(error.kind(), VerifyErrorKind::Malformed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    config: Arc<Config>,
}

impl Verifier {
    /// Creates a verifier with default settings and a private revocation list you cannot write to.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        VerifierBuilder::new(keys).verifier(None)
    }

    /// Returns a builder with default settings.
    pub fn builder(keys: KeyRing) -> VerifierBuilder {
        VerifierBuilder::new(keys)
    }

    pub(super) fn of(config: Config) -> Self {
        Self { config: Arc::new(config) }
    }

    /// Verifies a token, given as the exact value of the header. Nothing is trimmed.
    ///
    /// # Errors
    ///
    /// The [`VerifyErrorKind`](crate::VerifyErrorKind) of the first check that fails, in this
    /// order: form and encoding, algorithm, key, signature, JSON of the claims, `aud`, `iss`,
    /// `exp`, `nbf`, `iat`, lifetime, revocation.
    pub fn verify(&self, token: &[u8]) -> Result<VerifiedToken, VerifyError> {
        self.config.verify(token)
    }
}
