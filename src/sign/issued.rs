//! What a signer gives: a token, or why there is none.

use std::fmt;
use std::time::SystemTime;

use crate::clock::from_epoch;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;

/// Token that has just been made.
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

/// Why no token was made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The customer's tokens were revoked later than the proof was looked at, which may be by what no
    /// longer counts: a former password, say. The only one that is the customer's to mend.
    #[error("the customer's tokens were revoked after the proof")]
    Revoked,
    /// The customer's tokens were revoked earlier in the very second of the proof. `iat` counts whole
    /// seconds, so that a token of this second is one of those.
    #[error("no token can be signed for this customer before the next second")]
    NotYet {
        /// When a token can be signed: the end of the second. The proof has to be looked at once more
        /// then, because it may no longer hold.
        valid_from: SystemTime,
    },
    /// The ring has no key that signs, or one that the token's form can't name.
    #[error("the key ring can't sign tokens of this form")]
    Key(#[source] ConfigError),
    /// The token would be longer than any verifier takes, because of the customer's name.
    #[error("the token would be {length} bytes long, more than a verifier takes")]
    TooLong {
        /// Bytes it would have.
        length: usize,
    },
    /// The clock shows a time, millions of years ahead, that no verifier takes as an `exp`.
    #[error("the clock is out of range")]
    ClockOutOfRange,
    /// The key could not sign: the machine had no randomness that its algorithm needs.
    #[error("the key could not sign the token")]
    Signature,
    /// The operating system gave no random bytes for the token's id.
    #[error("no random bytes for the token's id")]
    Random(#[source] getrandom::Error),
}

impl IssuedToken {
    /// Returns the token as the header carries it.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the token's id (`jti`).
    #[must_use]
    pub const fn token_id(&self) -> &TokenId {
        &self.token_id
    }

    /// Returns the customer the token speaks for (`sub`).
    #[must_use]
    pub const fn customer_id(&self) -> &CustomerId {
        &self.customer_id
    }

    /// Returns when the token was issued (`iat`), a whole second.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        from_epoch(self.issued_at)
    }

    /// Returns the first second at which the token is no longer good (`exp`).
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
