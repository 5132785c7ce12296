//! A query of revocation lists.

use std::time::SystemTime;

use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::RevocationStatus;
use crate::revocation::Revocations;

/// Returns whether a list revokes a token, as a verifier would find.
///
/// For tests of code that revokes tokens.
#[must_use]
pub fn is_revoked(
    revocations: &Revocations,
    token_id: &TokenId,
    customer_id: &CustomerId,
    issued_at: SystemTime,
) -> bool {
    // As of a login, which is a session of one token.
    let login_at = since_epoch(issued_at);
    let status = revocations.status(token_id, token_id, customer_id, login_at.as_secs(), login_at);
    status == RevocationStatus::Revoked
}
