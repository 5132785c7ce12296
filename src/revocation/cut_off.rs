//! The time before which logins are revoked.

use std::time::Duration;
use std::time::SystemTime;

use crate::clock::ceil_seconds;
use crate::clock::from_epoch;
use crate::clock::since_epoch;

/// Time before which logins are revoked.
///
/// It has two parts. `at` is the exact time of the revocation. A login is compared with it while it
/// is in progress: one that began before `at` gets no token. `valid_from` is the first whole second
/// whose logins are valid, because the times in tokens are whole seconds. It is `at` rounded up, or
/// later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CutOff {
    pub(crate) at: Duration,
    pub(crate) valid_from: u64,
}

impl CutOff {
    /// Revokes no token: every login is valid.
    pub(super) const NONE: Self = Self::since(Duration::ZERO);

    /// Creates a cut-off at this time. `valid_from` is the time rounded up to whole seconds.
    #[must_use]
    pub fn new(at: SystemTime) -> Self {
        Self::since(since_epoch(at))
    }

    /// Creates a cut-off whose `valid_from` is not before this time, also rounded up.
    ///
    /// For a change that takes effect after `at` was read: `valid_from` bounds when it does.
    #[must_use]
    pub fn with_valid_from(at: SystemTime, valid_from: SystemTime) -> Self {
        let later = Self::new(valid_from.max(at));
        Self { at: since_epoch(at), ..later }
    }

    pub(super) const fn since(at: Duration) -> Self {
        Self { at, valid_from: ceil_seconds(at) }
    }

    /// Returns the exact time of the revocation.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.at
    }

    /// Returns the first second whose logins are valid.
    #[must_use]
    pub fn valid_from(&self) -> SystemTime {
        from_epoch(self.valid_from)
    }

    /// Returns the cut-off after another revocation: of each part, the later one counts.
    pub(crate) fn and(self, other: Self) -> Self {
        // Never moved further than the later of the two. A token issued between two revocations
        // within a second has that second as its `iat`, and both revoke it, because tokens are
        // never dated ahead.
        Self { at: self.at.max(other.at), valid_from: self.valid_from.max(other.valid_from) }
    }
}
