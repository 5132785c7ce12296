//! A look at who is revoked.

use std::time::SystemTime;

use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::Revocations;

/// Asks a list whether it refuses an otherwise good token, as a verifier asks it: for tests of what
/// revokes.
#[must_use]
pub fn is_revoked(
    revocations: &Revocations,
    token_id: &TokenId,
    customer_id: &CustomerId,
    issued_at: SystemTime,
) -> bool {
    revocations.is_revoked(token_id, customer_id, since_epoch(issued_at).as_secs())
}
