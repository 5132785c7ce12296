//! A clock for tests.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::clock::from_epoch;

/// Clock that changes only when set or advanced.
#[derive(Debug)]
pub struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    /// Creates a clock at the given time.
    #[must_use]
    pub const fn at(time: SystemTime) -> Self {
        Self(Mutex::new(time))
    }

    /// Creates a clock at a time in seconds since 1970-01-01, like `exp` and `iat`.
    #[must_use]
    pub fn at_epoch_seconds(seconds: u64) -> Self {
        Self::at(from_epoch(seconds))
    }

    /// Sets the time, forward or back.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Moves the time forward.
    ///
    /// # Panics
    ///
    /// If the new time exceeds the range of `SystemTime`.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
