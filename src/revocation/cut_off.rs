//! Where a customer's tokens begin to be good.

use std::time::Duration;

use crate::clock::ceil_seconds;

/// Where a customer's tokens begin to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutOff {
    /// The moment since 1970 of the latest revocation, as it was given.
    pub(crate) at: Duration,
    /// The first `iat` that is good: `at` rounded up, because `iat` counts whole seconds.
    pub(crate) valid_from: u64,
}

impl CutOff {
    pub(super) const fn new(at: Duration) -> Self {
        Self { at, valid_from: ceil_seconds(at) }
    }

    /// The cut-off after one more revocation.
    pub(super) fn and(self, at: Duration) -> Self {
        if at <= self.at {
            return self;
        }
        // A later one within the same second: tokens of between the two have the first one's end of
        // the second as their `iat`, and must be refused now.
        let valid_from = ceil_seconds(at).max(self.valid_from.saturating_add(1));
        Self { at, valid_from }
    }
}
