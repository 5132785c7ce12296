//! What the cache keeps of a token.

use triomphe::ThinArc;

use crate::key::Vouch;
use crate::verify::VerifiedToken;
use crate::verify::times::Times;

/// One block of memory for all of it, the token's text behind the facts: a look-up in a large cache is
/// as slow as the number of blocks it has to wait for.
pub(super) type Entry = ThinArc<Facts, u8>;

pub(in crate::verify) struct Facts {
    pub(in crate::verify) verified: VerifiedToken,
    pub(in crate::verify) times: Times,
    pub(super) vouch: Vouch,
}

pub(super) fn text(entry: &Entry) -> &[u8] {
    &entry.slice
}

pub(super) fn facts(entry: &Entry) -> &Facts {
    &entry.header.header
}
