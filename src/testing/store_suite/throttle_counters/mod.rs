//! The requirements on the counters of a login throttle, as tests that they instantiate.

mod attempts;

use std::collections::BTreeMap;

use crate::testing::ThrottleCountersFixture;
use crate::testing::store_suite::throttle_counters::attempts::ATTEMPTS;
use crate::testing::store_suite::throttle_counters::attempts::DAY;
use crate::testing::store_suite::throttle_counters::attempts::HALF_A_SECOND;
use crate::testing::store_suite::throttle_counters::attempts::HOUR;
use crate::testing::store_suite::throttle_counters::attempts::at_once;
use crate::testing::store_suite::throttle_counters::attempts::attempt;
use crate::testing::store_suite::throttle_counters::attempts::by;
use crate::testing::store_suite::throttle_counters::attempts::fail;
use crate::testing::store_suite::throttle_counters::attempts::generous;
use crate::testing::store_suite::throttle_counters::attempts::in_flight;
use crate::testing::store_suite::throttle_counters::attempts::key;
use crate::testing::store_suite::throttle_counters::attempts::many_sources;
use crate::testing::store_suite::throttle_counters::attempts::refused;
use crate::testing::store_suite::throttle_counters::attempts::reserve;
use crate::testing::store_suite::throttle_counters::attempts::seconds;
use crate::testing::store_suite::throttle_counters::attempts::settle;
use crate::testing::store_suite::throttle_counters::attempts::succeed;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome::Cancelled;
use crate::throttle::AttemptOutcome::Failure;
use crate::throttle::AttemptOutcome::Success;
use crate::throttle::ThrottleLimits;
use crate::throttle::ThrottleTier::Account;
use crate::throttle::ThrottleTier::LockedAccount;
use crate::throttle::ThrottleTier::Pair;
use crate::throttle::ThrottleTier::Source;

/// Expands to a module with the tests that every
/// [`ThrottleCounters`](crate::throttle::ThrottleCounters) must pass.
///
/// The arguments are the name of the module, and an expression for a future that opens new counters.
/// The expression is evaluated for each test. Its output is the counters, which implement
/// [`ThrottleCountersFixture`](crate::testing::ThrottleCountersFixture), and a guard that is dropped
/// after them; `()` if there is none. The module sees the names of the one around it.
///
/// A test is a `#[test]` of its own, on a new Tokio runtime with two threads and with all drivers.
/// Attributes before the name, such as `#[ignore = "needs a server"]`, become those of each test.
///
/// # Example
///
/// The features `issuer` and `test-util` are on in the `dev-dependencies`.
///
/// ```
/// # mod tests {
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use tower_customer_auth::customer::StoreError;
/// # use tower_customer_auth::testing::ManualClock;
/// # use tower_customer_auth::throttle::{Attempt, AttemptOutcome, Decision, MemoryCounters};
/// # use tower_customer_auth::throttle::{ThrottleCounters, ThrottleKey, ThrottleLimits};
/// # struct MyCounters { counters: MemoryCounters, clock: Arc<ManualClock> }
/// # impl MyCounters {
/// #     fn new() -> Self {
/// #         let clock = Arc::new(ManualClock::at_epoch_seconds(1_510_597_800));
/// #         Self { counters: MemoryCounters::new().clock(clock.clone()), clock }
/// #     }
/// # }
/// # impl ThrottleCounters for MyCounters {
/// #     async fn reserve(
/// #         &self, attempt: Attempt, limits: &ThrottleLimits,
/// #     ) -> Result<Decision, StoreError> {
/// #         self.counters.reserve(attempt, limits).await
/// #     }
/// #     async fn settle(
/// #         &self, attempt: Attempt, outcome: AttemptOutcome, limits: &ThrottleLimits,
/// #     ) -> Result<(), StoreError> {
/// #         self.counters.settle(attempt, outcome, limits).await
/// #     }
/// #     async fn reset(&self, account: ThrottleKey, limits: &ThrottleLimits) -> Result<(), StoreError> {
/// #         self.counters.reset(account, limits).await
/// #     }
/// # }
/// use tower_customer_auth::testing::ThrottleCountersFixture;
///
/// impl ThrottleCountersFixture for MyCounters {
///     async fn pass(&self, time: Duration) {
///         self.clock.advance(time);
///     }
/// }
///
/// tower_customer_auth::testing::throttle_counters_suite!(mine, async { (MyCounters::new(), ()) });
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __throttle_counters_suite {
    ($(#[$attribute:meta])* $name:ident, $open:expr $(,)?) => {
        $crate::testing::store_suite::tests_of! {
            $(#[$attribute])* $name, $open, throttle_counters:
            a_source_has_a_burst_and_then_one_attempt_an_interval
            a_pair_has_free_failures_and_then_waits_that_double
            a_pair_is_forgotten_after_its_time
            an_account_counts_all_unknown_sources
            an_account_is_forgotten_after_its_time_but_for_the_consecutive_failures
            an_account_is_locked_until_a_known_source_logs_in
            an_account_is_locked_until_it_is_reset
            of_attempts_at_once_exactly_the_free_ones_are_granted
            of_many_sources_at_once_exactly_the_free_ones_are_granted
            after_the_free_ones_one_attempt_is_in_flight_at_a_time
            a_refusal_changes_nothing
            a_cancelled_attempt_leaves_nothing_behind
            a_success_forgets_what_has_settled_and_no_attempt_in_flight
            a_success_gives_its_source_back_its_own_attempt_alone
            a_known_source_is_not_affected_by_others
            a_source_is_known_for_its_time
            the_failures_of_a_known_source_are_not_those_of_the_account
            accounts_do_not_affect_each_other
            without_a_source_the_account_counts
            without_an_account_the_source_counts
        }
    };
}
#[doc(inline)]
pub use __throttle_counters_suite as throttle_counters_suite;

pub async fn a_source_has_a_burst_and_then_one_attempt_an_interval(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    for account in 1..=30 {
        fail(&counters, attempt(account, 1), &limits).await;
    }
    for wait in [10, 3] {
        assert_eq!(refused(&counters, attempt(31, 1), &limits).await, by(Source, wait));
        counters.pass(seconds(7)).await;
    }
    // 14 s have passed, so one has come back, and the next one comes 6 s later.
    fail(&counters, attempt(32, 1), &limits).await;
    assert_eq!(refused(&counters, attempt(33, 1), &limits).await, by(Source, 6));
    fail(&counters, attempt(33, 2), &limits).await;
    counters.pass(seconds(300)).await;
    for account in 41..=70 {
        fail(&counters, attempt(account, 1), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(71, 1), &limits).await, by(Source, 10));
}

pub async fn a_pair_has_free_failures_and_then_waits_that_double(
    counters: impl ThrottleCountersFixture,
) {
    let limits = many_sources();
    for _ in 0..5 {
        fail(&counters, attempt(1, 1), &limits).await;
    }
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, wait));
        counters.pass(seconds(wait) - HALF_A_SECOND).await;
        assert_eq!(
            refused(&counters, attempt(1, 1), &limits).await.tier,
            Pair,
            "after {wait} s but for 0.5 s"
        );
        counters.pass(HALF_A_SECOND).await;
        fail(&counters, attempt(1, 1), &limits).await;
    }
}

pub async fn a_pair_is_forgotten_after_its_time(counters: impl ThrottleCountersFixture) {
    let limits = many_sources();
    for _ in 0..2 {
        for _ in 0..5 {
            fail(&counters, attempt(1, 1), &limits).await;
        }
        assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, 1));
        counters.pass(seconds(DAY)).await;
    }
}

pub async fn an_account_counts_all_unknown_sources(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default();
    for source in 1..=20 {
        fail(&counters, attempt(1, source), &limits).await;
    }
    let mut source = 20;
    for wait in [30, 60, 120, 240, 480, 960, 1_920] {
        source += 1;
        assert_eq!(refused(&counters, attempt(1, source), &limits).await, by(Account, wait));
        counters.pass(seconds(wait)).await;
        fail(&counters, attempt(1, source), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(1, 99), &limits).await, by(Account, 3_600));
}

pub async fn an_account_is_forgotten_after_its_time_but_for_the_consecutive_failures(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    for round in 0..5 {
        for source in 1..=20 {
            fail(&counters, attempt(1, 20 * round + source), &limits).await;
        }
        let answer = refused(&counters, attempt(1, 999), &limits).await;
        let locked = round == 4;
        let expected = if locked { by(LockedAccount, 3_600) } else { by(Account, 30) };
        assert_eq!(answer, expected, "round {round}");
        counters.pass(seconds(HOUR)).await;
    }
    counters.pass(seconds(400 * DAY)).await;
    assert_eq!(refused(&counters, attempt(1, 999), &limits).await, by(LockedAccount, 3_600));
}

pub async fn an_account_is_locked_until_a_known_source_logs_in(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default().max_consecutive(3);
    succeed(&counters, attempt(1, 1), &limits).await;
    for source in 2..=4 {
        fail(&counters, attempt(1, source), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(1, 5), &limits).await, by(LockedAccount, 3_600));
    succeed(&counters, attempt(1, 1), &limits).await;
    fail(&counters, attempt(1, 5), &limits).await;
}

pub async fn an_account_is_locked_until_it_is_reset(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default().max_consecutive(3);
    for _ in 0..5 {
        // The failures of the pair are forgotten too.
        for account in [1, 2] {
            for _ in 0..3 {
                fail(&counters, attempt(account, 1), &limits).await;
            }
            assert_eq!(
                refused(&counters, attempt(account, 1), &limits).await,
                by(LockedAccount, 3_600)
            );
        }
        counters.reset(key(1), &limits).await.unwrap();
        fail(&counters, attempt(1, 1), &limits).await;
        assert_eq!(refused(&counters, attempt(2, 1), &limits).await, by(LockedAccount, 3_600));
        counters.reset(key(1), &limits).await.unwrap();
        counters.reset(key(2), &limits).await.unwrap();
        counters.pass(seconds(100)).await;
    }
}

pub async fn of_attempts_at_once_exactly_the_free_ones_are_granted(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    let answers = at_once(counters, (0..ATTEMPTS).map(|_| attempt(1, 1)), &limits).await;
    let refused = ATTEMPTS - 5;
    assert_eq!(answers, BTreeMap::from([("granted", 5), ("pair", refused)]));
}

pub async fn of_many_sources_at_once_exactly_the_free_ones_are_granted(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    let attempts = (1..).map(|source| attempt(1, source)).take(ATTEMPTS);
    let answers = at_once(counters, attempts, &limits).await;
    let refused = ATTEMPTS - 20;
    assert_eq!(answers, BTreeMap::from([("granted", 20), ("account", refused)]));
}

pub async fn after_the_free_ones_one_attempt_is_in_flight_at_a_time(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    for _ in 0..5 {
        fail(&counters, attempt(1, 1), &limits).await;
    }
    counters.pass(seconds(1)).await;
    reserve(&counters, attempt(1, 1), &limits).await;
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, in_flight(by(Pair, 2)));
    counters.settle(attempt(1, 1), Cancelled, &limits).await.unwrap();
    // Nothing was learned, so the wait is that of before, and is over.
    fail(&counters, attempt(1, 1), &limits).await;
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, 2));
}

pub async fn a_refusal_changes_nothing(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default();
    for _ in 0..5 {
        fail(&counters, attempt(1, 1), &limits).await;
    }
    for _ in 0..2 {
        for _ in 0..100 {
            assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, 1));
        }
        counters.pass(HALF_A_SECOND).await;
    }
    fail(&counters, attempt(1, 1), &limits).await;
    // The source has lost 6 of 30 attempts, not 1 006.
    for account in 2..=25 {
        fail(&counters, attempt(account, 1), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(26, 1), &limits).await.tier, Source);
}

pub async fn a_cancelled_attempt_leaves_nothing_behind(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default();
    for _ in 0..200 {
        settle(&counters, attempt(1, 1), Cancelled, &limits).await;
    }
    for _ in 0..5 {
        fail(&counters, attempt(1, 1), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, 1));
}

pub async fn a_success_forgets_what_has_settled_and_no_attempt_in_flight(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    for _ in 0..3 {
        fail(&counters, attempt(1, 1), &limits).await;
    }
    reserve(&counters, attempt(1, 1), &limits).await;
    reserve(&counters, attempt(1, 1), &limits).await;
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, in_flight(by(Pair, 1)));
    // One of the two succeeds. The other one is a guess that still has to be counted.
    counters.settle(attempt(1, 1), Success, &limits).await.unwrap();
    for _ in 0..4 {
        reserve(&counters, attempt(1, 1), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, in_flight(by(Pair, 1)));
    for _ in 0..5 {
        counters.settle(attempt(1, 1), Failure, &limits).await.unwrap();
    }
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, 1));
}

pub async fn a_success_gives_its_source_back_its_own_attempt_alone(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default();
    // The attacker logs in to an account of their own after each guess.
    for account in 1..=30 {
        fail(&counters, attempt(account, 1), &limits).await;
        if account < 30 {
            succeed(&counters, attempt(1_000, 1), &limits).await;
        }
    }
    assert_eq!(refused(&counters, attempt(31, 1), &limits).await, by(Source, 10));
}

pub async fn a_known_source_is_not_affected_by_others(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default();
    succeed(&counters, attempt(1, 1), &limits).await;
    for source in 2..=21 {
        fail(&counters, attempt(1, source), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(1, 22), &limits).await, by(Account, 30));
    succeed(&counters, attempt(1, 1), &limits).await;
    // Known to this account alone.
    for source in 2..=21 {
        fail(&counters, attempt(2, source), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(2, 1), &limits).await, by(Account, 30));
}

pub async fn a_source_is_known_for_its_time(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default().max_consecutive(1);
    succeed(&counters, attempt(1, 1), &limits).await;
    fail(&counters, attempt(1, 2), &limits).await;
    counters.pass(seconds(30 * DAY - 1)).await;
    settle(&counters, attempt(1, 1), Cancelled, &limits).await;
    counters.pass(seconds(2)).await;
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(LockedAccount, 3_600));
}

pub async fn the_failures_of_a_known_source_are_not_those_of_the_account(
    counters: impl ThrottleCountersFixture,
) {
    let limits = ThrottleLimits::default().max_consecutive(2);
    succeed(&counters, attempt(1, 1), &limits).await;
    for _ in 0..5 {
        fail(&counters, attempt(1, 1), &limits).await;
    }
    for source in [2, 3] {
        fail(&counters, attempt(1, source), &limits).await;
    }
    assert_eq!(refused(&counters, attempt(1, 4), &limits).await, by(LockedAccount, 3_600));
    // It is limited like every pair.
    assert_eq!(refused(&counters, attempt(1, 1), &limits).await, by(Pair, 1));
}

pub async fn accounts_do_not_affect_each_other(counters: impl ThrottleCountersFixture) {
    let limits = many_sources();
    for account in 1..=50 {
        for _ in 0..5 {
            fail(&counters, attempt(account, 1), &limits).await;
        }
        assert_eq!(refused(&counters, attempt(account, 1), &limits).await, by(Pair, 1));
    }
}

pub async fn without_a_source_the_account_counts(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default();
    let unknown = Attempt::new(Some(key(1)), None);
    for _ in 0..20 {
        fail(&counters, unknown, &limits).await;
    }
    for attempt in [unknown, attempt(1, 1)] {
        assert_eq!(refused(&counters, attempt, &limits).await, by(Account, 30));
    }
    // No source is known by it.
    succeed(&counters, Attempt::new(Some(key(2)), None), &limits).await;
    let limits = limits.max_consecutive(1);
    fail(&counters, Attempt::new(Some(key(2)), None), &limits).await;
    assert_eq!(
        refused(&counters, Attempt::new(Some(key(2)), None), &limits).await,
        by(LockedAccount, 3_600)
    );
}

pub async fn without_an_account_the_source_counts(counters: impl ThrottleCountersFixture) {
    let limits = ThrottleLimits::default();
    let only_source = Attempt::new(None, Some(key(1)));
    for _ in 0..15 {
        fail(&counters, only_source, &limits).await;
        fail(&counters, attempt(2, 1), &limits.clone().pair(generous())).await;
    }
    for attempt in [only_source, attempt(3, 1)] {
        assert_eq!(refused(&counters, attempt, &limits).await, by(Source, 10));
    }
}
