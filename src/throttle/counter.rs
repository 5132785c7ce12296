//! The arithmetic of one counter, without storage.

use std::time::Duration;

use crate::throttle::Backoff;
use crate::throttle::ThrottleLimits;

/// Milliseconds since 1970.
pub(super) type Millis = u64;

/// What is counted for one source, one account, or one pair of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// Failures that have not been forgotten; for a source, attempts that its bucket has not
    /// regained.
    pub(super) failures: u32,
    /// Attempts that are reserved and whose outcome is not known yet.
    pub(super) in_flight: u32,
    /// Of an account: failures since the last success.
    pub(super) consecutive: u32,
    /// Of a pair: the second, since 1970, until which the source is known.
    pub(super) known_until: u32,
    /// The time of the last failure; for a source, since when the bucket regains the next attempt.
    pub(super) last: Millis,
}

/// Why an attempt is refused, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    pub(super) retry_after: Duration,
    /// Whether it would be granted if the attempts in flight succeeded.
    pub(super) by_attempts_in_flight: bool,
}

/// What is counted, and the limits that apply.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted<'a> {
    Source(&'a ThrottleLimits),
    Pair(&'a ThrottleLimits),
    Account(&'a ThrottleLimits),
}

/// Account and source. Zero stands for all: `(0, source)` is the source over all accounts.
pub(super) type CounterKey = (u64, u64);

impl<'a> Counted<'a> {
    pub(super) fn by(key: CounterKey, limits: &'a ThrottleLimits) -> Self {
        match key {
            (0, _) => Self::Source(limits),
            (_, 0) => Self::Account(limits),
            _ => Self::Pair(limits),
        }
    }

    /// Forgets what has lapsed by now.
    pub(super) fn refresh(self, counter: &mut Counter, now: Millis) {
        // The clock was set back. Waits begin anew, and don't grow by the difference.
        counter.last = counter.last.min(now);
        let since = now - counter.last;
        match self {
            Self::Source(limits) => {
                let interval = millis(limits.source_interval());
                let regained = since / interval;
                counter.failures = counter.failures.saturating_sub(to_u32(regained));
                counter.last += regained * interval;
            }
            Self::Pair(limits) => counter.forget(since, limits.pair_backoff()),
            Self::Account(limits) => {
                counter.forget(since, limits.account_backoff());
                if !is_locked(counter, limits) && since >= millis(FORGET_CONSECUTIVE) {
                    counter.consecutive = 0;
                }
            }
        }
    }

    /// Returns whether one more attempt is granted. The counter is refreshed.
    pub(super) fn check(self, counter: &Counter, now: Millis) -> Result<(), Blocked> {
        let Err(retry_after) = self.wait(counter, now) else {
            return Ok(());
        };
        let settled = Counter { in_flight: 0, ..*counter };
        let by_attempts_in_flight = self.wait(&settled, now).is_ok();
        Err(Blocked { retry_after, by_attempts_in_flight })
    }

    /// Returns how long to wait if an attempt is not granted now.
    fn wait(self, counter: &Counter, now: Millis) -> Result<(), Duration> {
        match self {
            Self::Source(limits) => {
                if counter.pending() < limits.source_burst() {
                    return Ok(());
                }
                // A full bucket begins to regain with the first failure of those in flight.
                let since = if counter.failures == 0 { now } else { counter.last };
                let regained_at = since + millis(limits.source_interval());
                Err(Duration::from_millis(regained_at.saturating_sub(now)))
            }
            Self::Pair(limits) => counter.wait(limits.pair_backoff(), now),
            Self::Account(limits) => {
                let consecutive = counter.consecutive.saturating_add(counter.in_flight);
                if limits.consecutive_limit().is_some_and(|limit| consecutive >= limit) {
                    return Err(limits.account_backoff().longest_wait());
                }
                counter.wait(limits.account_backoff(), now)
            }
        }
    }

    /// Counts the failure of an attempt that was in flight.
    pub(super) fn fail(self, counter: &mut Counter, now: Millis) {
        counter.in_flight = counter.in_flight.saturating_sub(1);
        // A bucket that was full begins to regain now.
        if !matches!(self, Self::Source(_)) || counter.failures == 0 {
            counter.last = now;
        }
        counter.failures = counter.failures.saturating_add(1);
        if matches!(self, Self::Account(_)) {
            counter.consecutive = counter.consecutive.saturating_add(1);
        }
    }

    /// Returns whether the counter is as good as a new one. The counter is refreshed.
    pub(super) fn is_new(self, counter: &Counter, now: Millis) -> bool {
        counter.failures == 0
            && counter.in_flight == 0
            && counter.consecutive == 0
            && !counter.is_known(now)
    }
}

impl Counter {
    pub(super) fn is_known(&self, now: Millis) -> bool {
        Millis::from(self.known_until) * 1_000 > now
    }

    fn pending(&self) -> u32 {
        self.failures.saturating_add(self.in_flight)
    }

    fn forget(&mut self, since: Millis, backoff: Backoff) {
        if since >= millis(backoff.forgotten_after()) {
            self.failures = 0;
        }
    }

    /// Returns how long to wait if an attempt is not granted now.
    ///
    /// After the free ones, attempts are made one at a time: the next wait depends on the outcome.
    fn wait(&self, backoff: Backoff, now: Millis) -> Result<(), Duration> {
        if self.pending() < backoff.free() {
            return Ok(());
        }
        if self.in_flight > 0 {
            return Err(backoff.wait_after(self.pending()));
        }
        let due = self.last + millis(backoff.wait_after(self.failures));
        match due.saturating_sub(now) {
            0 => Ok(()),
            left => Err(Duration::from_millis(left)),
        }
    }
}

/// Returns whether unknown sources are refused until a success or a reset.
pub(super) fn is_locked(counter: &Counter, limits: &ThrottleLimits) -> bool {
    limits.consecutive_limit().is_some_and(|limit| counter.consecutive >= limit)
}

pub(super) fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}

fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// After this time without a failure, the consecutive failures of an account are forgotten.
pub(super) const FORGET_CONSECUTIVE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
