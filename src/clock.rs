//! What time it is, as an argument that tests can turn by hand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

/// A source of the current time.
///
/// The time is asked for once a verification. [`SystemClock`] is the default everywhere;
/// `testing::ManualClock` (feature `test-util`) stands still until it is told otherwise.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    pub(crate) fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }
}

/// The time since 1970, as RFC 7519's `NumericDate` counts it. A clock before 1970 reads as 1970:
/// every token is then "issued in the future", which refuses rather than accepts.
pub(crate) fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The time a `NumericDate` names.
///
/// Invariant: claims and configuration bound `seconds` by 2^53, far inside what `SystemTime` holds.
pub(crate) fn from_epoch(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Whole seconds, a started second counted as whole.
pub(crate) const fn ceil_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add((time.subsec_nanos() > 0) as u64)
}
