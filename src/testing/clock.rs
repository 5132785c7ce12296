//! A clock for tests.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::clock::from_epoch;

/// Clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    /// Creates a clock that shows this time.
    #[must_use]
    pub const fn at(time: SystemTime) -> Self {
        Self(Mutex::new(time))
    }

    /// Creates a clock that shows this many seconds since 1970, the unit of `exp` and `iat`.
    #[must_use]
    pub fn at_epoch_seconds(seconds: u64) -> Self {
        Self::at(from_epoch(seconds))
    }

    /// Sets the time, forwards or back.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Moves the time forward.
    ///
    /// # Panics
    ///
    /// If the time is then more than a `SystemTime` holds.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
