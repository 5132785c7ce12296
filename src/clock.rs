//! Sources of the current time.
//!
//! [`CoarseClock`] is the default of a [`Verifier`](crate::Verifier), [`SystemClock`] that of everything
//! else. `testing::ManualClock` (feature `test-util`) stands still until it is told otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

#[cfg(target_os = "linux")]
use rustix::time::ClockId;
#[cfg(target_os = "linux")]
use rustix::time::clock_gettime;

/// A source of the current time.
///
/// The time is asked for once per verification. [`CoarseClock`] is the default of a
/// [`Verifier`](crate::Verifier), [`SystemClock`] that of everything else;
/// `testing::ManualClock` (feature `test-util`) stands still until it is told otherwise.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> SystemTime;

    /// Returns the time since 1970-01-01 UTC, or zero before it.
    ///
    /// The default converts [`now`](Self::now). A clock has its own only to save that conversion: both
    /// must tell the same time, because both are asked.
    fn since_epoch(&self) -> Duration {
        since_epoch(self.now())
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

#[cfg(any(feature = "issuer", feature = "asymmetric"))]
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

/// The clock of the operating system as of its last tick.
///
/// It is never ahead of [`SystemClock`], and at most one tick behind it, which is 1 to 10 ms. Near the
/// end of a second it asks [`SystemClock`], so that both are in the same *second*: a token's times
/// are whole seconds, and no verdict on them differs where leeway and clock skew are whole too. A key that
/// was rotated out may verify for one more tick. Reading it takes some 4 ns instead of some 25. Where
/// there is no such clock (on systems other than Linux), it is [`SystemClock`].
///
/// A virtual machine whose host withholds the processor that counts its ticks misses some, and this
/// clock is then behind for as long as that lasts. Where that matters, set [`SystemClock`] with
/// [`VerifierBuilder::clock`](crate::VerifierBuilder::clock).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CoarseClock;

impl CoarseClock {
    pub(crate) fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for CoarseClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.since_epoch()
    }

    fn since_epoch(&self) -> Duration {
        match last_tick() {
            // No tick is longer, so that this second still lasts.
            Some(tick) if tick.subsec_millis() < 1_000 - LONGEST_TICK_MILLIS => tick,
            _ => since_epoch(SystemTime::now()),
        }
    }
}

/// Linux ticks 100 times a second at least (`CONFIG_HZ`).
const LONGEST_TICK_MILLIS: u32 = 10;

/// When the operating system's clock last ticked, since 1970.
#[cfg(target_os = "linux")]
#[inline]
fn last_tick() -> Option<Duration> {
    let tick = clock_gettime(ClockId::RealtimeCoarse);
    Some(Duration::new(tick.tv_sec.try_into().ok()?, tick.tv_nsec.try_into().ok()?))
}

#[cfg(not(target_os = "linux"))]
const fn last_tick() -> Option<Duration> {
    None
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn since_epoch(&self) -> Duration {
        (**self).since_epoch()
    }
}

/// The time since 1970, as RFC 7519's `NumericDate` counts it. A clock before 1970 reads as 1970:
/// every token is then "issued in the future", which refuses rather than accepts.
#[inline]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarse_clock_is_never_ahead_and_in_the_same_second_within_a_tick() {
        const READINGS: usize = 100_000;
        let longest_tick = Duration::from_millis(LONGEST_TICK_MILLIS.into());
        let mut timely = 0;
        for _ in 0..READINGS {
            let before = SystemTime::now();
            let coarse = CoarseClock.now();
            let after = SystemTime::now();
            assert!(coarse <= after, "{coarse:?} is ahead of {after:?}");
            let within_a_tick = before <= coarse + longest_tick;
            let same_second = since_epoch(before).as_secs() <= since_epoch(coarse).as_secs();
            timely += usize::from(within_a_tick && same_second);
        }
        // Not all of them, because this machine may be a virtual one that misses a tick.
        assert!(timely >= READINGS / 100 * 99, "{timely} of {READINGS}");
    }
}
