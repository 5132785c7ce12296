//! How old a list is that follows a log.

use std::time::Duration;

use crate::revocation::sync::AtomicU64;
use crate::revocation::sync::Ordering;

/// When the log was last read, and how long that may be ago.
///
/// Times are those of the verifiers' clock, which a verification has read anyway. After a step of
/// that clock, in either direction, the list counts as stale until the next read, a second later at
/// the most.
pub(super) struct Freshness {
    /// Nanoseconds since 1970. Zero before the first snapshot.
    read_at: AtomicU64,
    /// `None`: stale answers are accepted.
    max_staleness: Option<Duration>,
}

impl Freshness {
    #[cfg(feature = "revocation-log")]
    pub(super) fn new(max_staleness: Option<Duration>) -> Self {
        Self { read_at: AtomicU64::new(0), max_staleness }
    }

    #[inline]
    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        self.max_staleness.is_none_or(|max| now.abs_diff(self.read_at()) <= max)
    }

    /// Returns how long ago the log was read, or `None` before the first snapshot.
    #[cfg(feature = "revocation-log")]
    pub(super) fn staleness(&self, now: Duration) -> Option<Duration> {
        let read_at = self.read_at();
        (!read_at.is_zero()).then(|| now.abs_diff(read_at))
    }

    /// Records a complete read of the log that began at `now`.
    #[cfg(feature = "revocation-log")]
    pub(super) fn read_completed(&self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).max(1);
        // Released, so that a verifier that sees this time sees the entries that were read.
        self.read_at.store(nanos, Ordering::Release);
    }

    fn read_at(&self) -> Duration {
        Duration::from_nanos(self.read_at.load(Ordering::Acquire))
    }
}
