//! What a revocation log is made of.

use std::time::SystemTime;

use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::CutOff;

/// Revocation, as a [`RevocationLog`](super::RevocationLog) keeps it.
///
/// Entries merge by union: applying one twice, or in another order, gives the same list. Of two
/// entries for one subject, the later time counts.
#[expect(
    clippy::exhaustive_enums,
    reason = "a log stores every kind: a new one must not compile until the log handles it"
)]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RevocationEntry {
    /// Revokes exactly one token.
    Token {
        /// The token's `jti`.
        id: TokenId,
        /// The token's `exp`, after which the entry has no effect.
        expires_at: SystemTime,
    },
    /// Revokes a login and every token that was refreshed from it.
    Session {
        /// The session's id: the `jti` of its first token, and the `sid` of the others.
        id: TokenId,
        /// When the last token of the session can expire.
        ends_at: SystemTime,
    },
    /// Revokes the logins of a customer before a time.
    Customer {
        /// The customer.
        id: CustomerId,
        /// The time.
        cut_off: CutOff,
    },
    /// Revokes the logins of all customers before a time.
    Everyone {
        /// The time.
        cut_off: CutOff,
    },
}
