//! The verifier.

use std::sync::Arc;

use super::VerifiedToken;
use super::VerifierBuilder;
use super::VerifyError;
use super::config::Config;
use crate::key::KeyRing;

/// Verifier of customer tokens.
///
/// [`verify`](Self::verify) is synchronous: it never waits for the network, nor for a lock but the
/// allocator's. Cloning is cheap, and clones share everything.
///
/// # Example
///
/// ```
/// # use tower_customer_auth::{ConfigError, KeyRing, Verifier, VerifyErrorKind};
/// # fn main() -> Result<(), ConfigError> {
/// let verifier = Verifier::new(KeyRing::hs256("0123456789abcdef0123456789abcdef")?);
/// let refused = verifier.verify(b"not.a.token").unwrap_err();
/// assert_eq!(refused.kind(), VerifyErrorKind::Malformed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    config: Arc<Config>,
}

impl Verifier {
    /// Creates a verifier with all defaults and a private revocation list you cannot write to.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        VerifierBuilder::new(keys).verifier(None)
    }

    /// Starts a configuration from the defaults.
    pub fn builder(keys: KeyRing) -> VerifierBuilder {
        VerifierBuilder::new(keys)
    }

    pub(super) fn of(config: Config) -> Self {
        Self { config: Arc::new(config) }
    }

    /// Verifies a token: the value of the header, byte for byte, nothing trimmed.
    ///
    /// # Errors
    ///
    /// The [`VerifyErrorKind`](crate::VerifyErrorKind) of the first check that fails, in this order:
    /// form and encoding, algorithm, key, signature, the claims' JSON, `aud`, `iss`, `exp`, `nbf`,
    /// `iat`, lifetime, revocation.
    pub fn verify(&self, token: &[u8]) -> Result<VerifiedToken, VerifyError> {
        self.config.verify(token)
    }
}
