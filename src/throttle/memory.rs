//! Counters in memory.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::customer::StoreError;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::Decision;
use crate::throttle::ThrottleCounters;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;
use crate::throttle::ThrottleTier;
use crate::throttle::counter::Blocked;
use crate::throttle::counter::Counted;
use crate::throttle::counter::Counter;
use crate::throttle::counter::CounterKey;
use crate::throttle::counter::Millis;
use crate::throttle::counter::is_locked;
use crate::throttle::counter::millis;
use crate::throttle::table::Found;
use crate::throttle::table::Locked;
use crate::throttle::table::Table;

/// Counters in the memory of one process.
///
/// There are at most 1 048 576 counters, in at most 64 MB: 819 200 of accounts and of their pairs
/// with sources, and 229 376 of sources. Beyond that, new keys share 6 144 counters until there is
/// room. They are limited more strictly, and a source that logs in is not known afterwards.
///
/// Everything is forgotten when the process ends.
pub struct MemoryCounters {
    accounts: Table,
    sources: Table,
    clock: Arc<dyn Clock>,
}

impl MemoryCounters {
    /// Creates counters, with the clock of the operating system.
    #[must_use]
    pub fn new() -> Self {
        Self::with_bounds(MAX_ACCOUNTS, MAX_SOURCES)
    }

    pub(super) fn with_bounds(accounts: usize, sources: usize) -> Self {
        let (accounts, sources) = (Table::new(accounts), Table::new(sources));
        Self { accounts, sources, clock: SystemClock::shared() }
    }

    /// Sets the clock, which times waits. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn now(&self) -> Millis {
        millis(self.clock.since_epoch())
    }

    fn reserve_now(&self, attempt: Attempt, limits: &ThrottleLimits) -> Decision {
        let mut tiers = self.lock(attempt, limits);
        if let Err((tier, blocked)) = tiers.check() {
            let Blocked { retry_after, by_attempts_in_flight } = blocked;
            return Decision::Refused { tier, retry_after, by_attempts_in_flight };
        }
        let begin = |counter: &mut Counter, _| counter.in_flight += 1;
        tiers.update_source(begin);
        tiers.update_pair(begin);
        tiers.update_account(begin);
        Decision::Reserved
    }

    fn settle_now(&self, attempt: Attempt, outcome: AttemptOutcome, limits: &ThrottleLimits) {
        let mut tiers = self.lock(attempt, limits);
        let now = tiers.now;
        let end = |counter: &mut Counter| counter.in_flight = counter.in_flight.saturating_sub(1);
        match outcome {
            AttemptOutcome::Success => {
                // Nothing else of the source is forgotten: an attacker may have an account.
                tiers.update_source(|counter, _| end(counter));
                tiers.update_pair(|counter, is_shared| {
                    end(counter);
                    if !is_shared {
                        counter.failures = 0;
                        counter.known_until = seconds(now + millis(limits.known_source_time()));
                    }
                });
                tiers.update_account(|counter, is_shared| {
                    end(counter);
                    if !is_shared {
                        forget(counter);
                    }
                });
            }
            AttemptOutcome::Failure => {
                let is_known = tiers.source_is_known();
                tiers.update_source(|counter, _| Counted::Source(limits).fail(counter, now));
                tiers.update_pair(|counter, _| Counted::Pair(limits).fail(counter, now));
                tiers.update_account(|counter, _| {
                    if is_known {
                        end(counter);
                    } else {
                        Counted::Account(limits).fail(counter, now);
                    }
                });
            }
            AttemptOutcome::Cancelled => {
                tiers.update_source(|counter, _| end(counter));
                tiers.update_pair(|counter, _| end(counter));
                tiers.update_account(|counter, _| end(counter));
            }
        }
    }

    /// Locks the counters of an attempt. That of the source comes first, always: no two operations
    /// wait for each other.
    fn lock<'a>(&'a self, attempt: Attempt, limits: &'a ThrottleLimits) -> Tiers<'a> {
        let source = attempt.source().map(ThrottleKey::number);
        let account = attempt.account().map(ThrottleKey::number);
        let of_source = source.map(|key| ((0, key), self.sources.lock(key, limits)));
        let of_account = account.map(|key| ((key, 0), self.accounts.lock(key, limits)));
        let now = self.now();
        Tiers {
            of_source: of_source.map(|(key, counters)| (key, counters.at(now))),
            pair: account.zip(source),
            of_account: of_account.map(|(key, counters)| (key, counters.at(now))),
            limits,
            now,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.accounts.len() + self.sources.len()
    }

    /// The attempts in flight, over all counters.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> u64 {
        self.accounts.in_flight() + self.sources.in_flight()
    }
}

impl Default for MemoryCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCounters").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl ThrottleCounters for MemoryCounters {
    async fn reserve(
        &self,
        attempt: Attempt,
        limits: &ThrottleLimits,
    ) -> Result<Decision, StoreError> {
        Ok(self.reserve_now(attempt, limits))
    }

    async fn settle(
        &self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &ThrottleLimits,
    ) -> Result<(), StoreError> {
        self.settle_now(attempt, outcome, limits);
        Ok(())
    }

    async fn reset(&self, account: ThrottleKey, limits: &ThrottleLimits) -> Result<(), StoreError> {
        let mut counters = self.accounts.lock(account.number(), limits);
        counters.each_of(account.number(), forget);
        Ok(())
    }
}

/// The locked counters of an attempt. The counters of an account and of its pairs are in one shard.
struct Tiers<'a> {
    of_source: Option<(CounterKey, Locked<'a>)>,
    pair: Option<CounterKey>,
    of_account: Option<(CounterKey, Locked<'a>)>,
    limits: &'a ThrottleLimits,
    now: Millis,
}

impl Tiers<'_> {
    fn check(&mut self) -> Result<(), (ThrottleTier, Blocked)> {
        if let Some((key, counters)) = &mut self.of_source {
            let of_source = counters.get(*key).counter;
            let checked = Counted::Source(self.limits).check(&of_source, self.now);
            checked.map_err(|blocked| (ThrottleTier::Source, blocked))?;
        }
        let Some((key, counters)) = &mut self.of_account else {
            return Ok(());
        };
        if let Some(pair) = self.pair {
            let of_pair = counters.get(pair).counter;
            let checked = Counted::Pair(self.limits).check(&of_pair, self.now);
            checked.map_err(|blocked| (ThrottleTier::Pair, blocked))?;
            if of_pair.is_known(self.now) {
                return Ok(());
            }
        }
        let of_account = counters.get(*key).counter;
        let tier = if is_locked(&of_account, self.limits) {
            ThrottleTier::LockedAccount
        } else {
            ThrottleTier::Account
        };
        let checked = Counted::Account(self.limits).check(&of_account, self.now);
        checked.map_err(|blocked| (tier, blocked))
    }

    fn source_is_known(&mut self) -> bool {
        match (self.pair, &mut self.of_account) {
            (Some(pair), Some((_, counters))) => counters.get(pair).counter.is_known(self.now),
            _ => false,
        }
    }

    fn update_source(&mut self, change: impl FnOnce(&mut Counter, bool)) {
        if let Some((key, counters)) = &mut self.of_source {
            update(counters, *key, change);
        }
    }

    fn update_pair(&mut self, change: impl FnOnce(&mut Counter, bool)) {
        if let (Some(pair), Some((_, counters))) = (self.pair, &mut self.of_account) {
            update(counters, pair, change);
        }
    }

    fn update_account(&mut self, change: impl FnOnce(&mut Counter, bool)) {
        if let Some((key, counters)) = &mut self.of_account {
            update(counters, *key, change);
        }
    }
}

/// Changes a counter, knowing whether it is a shared one.
fn update(counters: &mut Locked<'_>, key: CounterKey, change: impl FnOnce(&mut Counter, bool)) {
    let Found { mut counter, is_shared } = counters.get(key);
    change(&mut counter, is_shared);
    counters.put(key, counter);
}

/// Forgets what has settled.
fn forget(counter: &mut Counter) {
    (counter.failures, counter.consecutive) = (0, 0);
}

fn seconds(time: Millis) -> u32 {
    u32::try_from(time.div_ceil(1_000)).unwrap_or(u32::MAX)
}

const MAX_ACCOUNTS: usize = 819_200;
const MAX_SOURCES: usize = 229_376;
