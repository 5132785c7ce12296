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
    /// Ends no token: every `iat` is good.
    pub(super) const NONE: Self = Self::new(Duration::ZERO);

    pub(super) const fn new(at: Duration) -> Self {
        Self { at, valid_from: ceil_seconds(at) }
    }

    /// The cut-off after one more revocation: of two, the later one counts.
    pub(super) fn and(self, at: Duration) -> Self {
        // Only ever rounded up, and never moved on by what came before. A token of between two
        // revocations within a second has that second as its `iat`, and both end it: no token is
        // dated ahead.
        if at <= self.at { self } else { Self::new(at) }
    }
}
