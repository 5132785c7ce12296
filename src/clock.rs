//! Sources of the current time.
//!
//! [`CoarseClock`] is the default of a [`Verifier`](crate::Verifier); everything else defaults to
//! [`SystemClock`]. `testing::ManualClock` (feature `test-util`) moves only when a test advances
//! it.
//!
//! # Example
//!
//! A clock with a fixed time, for reproducible examples and tests:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use std::time::SystemTime;
//!
//! use tower_customer_auth::Clock;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Verifier;
//!
//! #[derive(Debug)]
//! struct FixedClock(SystemTime);
//!
//! impl Clock for FixedClock {
//!     fn now(&self) -> SystemTime {
//!         self.0
//!     }
//! }
//!
//! # fn main() -> Result<(), tower_customer_auth::ConfigError> {
//! let clock = FixedClock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_510_597_800));
//! let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
//! let verifier = Verifier::builder(keys).clock(Arc::new(clock)).build()?;
//! # let _ = verifier;
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

#[cfg(target_os = "linux")]
use rustix::time::ClockId;
#[cfg(target_os = "linux")]
use rustix::time::clock_gettime;

/// Source of the current time.
///
/// Each verification reads the time once. The [module page](self) says which clock is the default
/// where.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> SystemTime;

    /// Returns the time since 1970-01-01 UTC, or zero before it.
    ///
    /// The default implementation converts [`now`](Self::now). Override it only to save that
    /// conversion: both methods are used, and must return the same time.
    fn since_epoch(&self) -> Duration {
        since_epoch(self.now())
    }
}

/// Clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

#[cfg(any(feature = "asymmetric", feature = "revocation-log"))]
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

/// Clock of the operating system as of its last tick, which is faster to read.
///
/// It is never ahead of [`SystemClock`] and at most one tick behind it, which is 1 to 10 ms. Near
/// the end of a second it reads [`SystemClock`], so that both are in the same *second*. The times
/// of a token are whole seconds, so verification has the same result with both clocks if leeway and
/// clock skew are whole seconds too. A key that was rotated out may verify for one more tick. A
/// reading takes about 4 ns instead of about 25 ns. On systems other than Linux this clock is the
/// same as [`SystemClock`].
///
/// In a virtual machine, the host can suspend the CPU that counts the ticks. This clock is then
/// behind for as long as that lasts. If this matters, set [`SystemClock`] with
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
            // No tick is longer, so this second has not ended.
            Some(tick) if tick.subsec_millis() < 1_000 - LONGEST_TICK_MILLIS => tick,
            _ => since_epoch(SystemTime::now()),
        }
    }
}

/// Linux ticks at least 100 times a second (`CONFIG_HZ`).
const LONGEST_TICK_MILLIS: u32 = 10;

/// Returns the time of the last tick, since 1970.
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

/// Converts to the time since 1970, as RFC 7519's `NumericDate` counts it.
///
/// A time before 1970 converts to zero: every token is then "issued in the future" and rejected,
/// which is the safe side.
#[inline]
pub(crate) fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Converts from a `NumericDate`.
///
/// Invariant: claims and configuration bound `seconds` by 2^53, far within the range of
/// `SystemTime`.
pub(crate) fn from_epoch(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Rounds up to whole seconds.
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
        // Not all of them: this machine may be virtual and miss a tick.
        assert!(timely >= READINGS / 100 * 99, "{timely} of {READINGS}");
    }
}
