//! The time before which a customer's tokens are revoked.

use std::time::Duration;

use crate::clock::ceil_seconds;

/// Time before which a customer's tokens are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutOff {
    /// Exact time of the latest revocation, since 1970.
    pub(crate) at: Duration,
    /// The first valid `iat`: `at` rounded up, because `iat` is in whole seconds.
    pub(crate) valid_from: u64,
}

impl CutOff {
    /// Revokes no token: every `iat` is valid.
    pub(super) const NONE: Self = Self::new(Duration::ZERO);

    pub(super) const fn new(at: Duration) -> Self {
        Self { at, valid_from: ceil_seconds(at) }
    }

    /// Returns the cut-off after another revocation: the later of the two counts.
    pub(super) fn and(self, at: Duration) -> Self {
        // Rounded up only, never moved further by an earlier revocation. A token issued between two
        // revocations within a second has that second as its `iat`, and both revoke it, because
        // tokens are never dated ahead.
        if at <= self.at { self } else { Self::new(at) }
    }
}
