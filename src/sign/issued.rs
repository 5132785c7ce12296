//! The result of signing.

use std::fmt;
use std::time::SystemTime;

use crate::clock::from_epoch;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;

/// Signed token, with its id and times.
///
/// `Debug` shows everything but the token.
#[derive(Clone)]
pub struct IssuedToken {
    pub(super) token: String,
    pub(super) token_id: TokenId,
    pub(super) customer_id: CustomerId,
    pub(super) issued_at: u64,
    pub(super) expires_at: u64,
}

/// Error of signing a token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The customer's tokens were revoked after the proof was checked.
    ///
    /// The proof may be a former password, or the login of a session. The customer can resolve this
    /// error and [`SessionEnded`](Self::SessionEnded) with a new login, and no other error.
    #[error("the customer's tokens were revoked after the proof")]
    Revoked,
    /// The customer's tokens were revoked earlier in the second of the proof, or just before it.
    ///
    /// `iat` is in whole seconds, so that a token of this second would be revoked too.
    #[error("no token can be signed for this customer before the next second")]
    NotYet {
        /// When a token can be signed: the end of the second, or of the next one where a store has
        /// dated the revocation ahead by the time that its commit may take. Check the proof again
        /// then, because it may no longer hold.
        valid_from: SystemTime,
    },
    /// The session has reached its end: only a new login can start another.
    #[error("the session has ended")]
    SessionEnded,
    /// The ring has no signing key, or one that the token form does not support.
    #[error("the key ring can't sign tokens of this form")]
    Key(#[source] ConfigError),
    /// The token would be longer than verifiers accept, because of the customer's name.
    #[error("the token would be {length} bytes long, more than a verifier takes")]
    TooLong {
        /// The token's length in bytes.
        length: usize,
    },
    /// The clock is so far ahead that no verifier accepts the `exp`, or is before the session's login.
    #[error("the clock is out of range")]
    ClockOutOfRange,
    /// The key could not sign: the operating system gave no random bytes.
    #[error("the key could not sign the token")]
    Signature,
    /// The operating system gave no random bytes for the token's id.
    #[error("no random bytes for the token's id")]
    Random(#[source] getrandom::Error),
}

impl IssuedToken {
    /// Returns the token as it is sent in the header.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the token's id (`jti`).
    #[must_use]
    pub const fn token_id(&self) -> &TokenId {
        &self.token_id
    }

    /// Returns the customer id (`sub`).
    #[must_use]
    pub const fn customer_id(&self) -> &CustomerId {
        &self.customer_id
    }

    /// Returns when the token was issued (`iat`), in whole seconds.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        from_epoch(self.issued_at)
    }

    /// Returns when the token expires (`exp`), the first second at which it is rejected.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        from_epoch(self.expires_at)
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("token", &"[redacted]")
            .field("token_id", &self.token_id)
            .field("customer_id", &self.customer_id)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}
