//! Counters in memory: their bound, and what it costs no one.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use fastrand::Rng;
use futures_util::FutureExt;

use super::Counters;
use super::NOW;
use crate::testing::ManualClock;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::Decision;
use crate::throttle::MemoryCounters;
use crate::throttle::ThrottleCounters;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;

fn key(number: u64) -> ThrottleKey {
    ThrottleKey::from_bytes(number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes())
}

fn attempt(account: u64, source: u64) -> Attempt {
    Attempt::new(Some(key(account)), Some(key(source)))
}

/// Counters with room for 64 accounts and pairs, and for 32 sources.
fn small() -> Counters {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    Counters::with(MemoryCounters::with_bounds(64, 32), clock)
}

fn reserve(counters: &Counters, attempt: Attempt, limits: &ThrottleLimits) -> Decision {
    counters.reserve(attempt, limits).now_or_never().expect("memory never waits").unwrap()
}

fn settle(counters: &Counters, attempt: Attempt, outcome: AttemptOutcome, limits: &ThrottleLimits) {
    let settled = counters.settle(attempt, outcome, limits).now_or_never();
    settled.expect("memory never waits").unwrap();
}

/// What a full table grants is compared with what one without a bound would grant.
#[test]
fn a_full_table_is_never_more_generous_than_one_with_room() {
    let limits = ThrottleLimits::default().source(6, Duration::from_secs(10)).max_consecutive(8);
    let mut granted = 0;
    let mut refused_for_want_of_room = 0;
    for seed in 0..60 {
        let mut random = Rng::with_seed(seed);
        let bounded = small();
        let unbounded = Counters::with(MemoryCounters::new(), Arc::clone(&bounded.clock));
        let mut in_flight = Vec::new();
        for _ in 0..2_000 {
            match random.u8(..8) {
                0..4 => {
                    let (accounts, sources) = if random.bool() { (4, 3) } else { (400, 200) };
                    let attempt = attempt(random.u64(1..=accounts), random.u64(1..=sources));
                    let decision = reserve(&bounded, attempt, &limits);
                    let with_room = reserve(&unbounded, attempt, &limits);
                    match (decision, with_room) {
                        (Decision::Reserved, Decision::Reserved) => {
                            granted += 1;
                            in_flight.push(attempt);
                        }
                        (Decision::Refused { .. }, Decision::Reserved) => {
                            refused_for_want_of_room += 1;
                            settle(&unbounded, attempt, AttemptOutcome::Cancelled, &limits);
                        }
                        (Decision::Refused { .. }, Decision::Refused { .. }) => {}
                        (granted, refused) => panic!("{granted:?} for {refused:?}, seed {seed}"),
                    }
                }
                4..7 if !in_flight.is_empty() => {
                    let attempt = in_flight.swap_remove(random.usize(..in_flight.len()));
                    let outcome = match random.u8(..8) {
                        0 => AttemptOutcome::Success,
                        1 => AttemptOutcome::Cancelled,
                        _ => AttemptOutcome::Failure,
                    };
                    settle(&bounded, attempt, outcome, &limits);
                    settle(&unbounded, attempt, outcome, &limits);
                }
                _ => {
                    // Less than 30 days in all: then the lock of a shared counter ends.
                    let longest = [1, 20, 600, 4_000, 90_000][random.usize(..5)];
                    if random.u8(..4) == 0 {
                        bounded.clock.advance(Duration::from_millis(random.u64(..longest * 1_000)));
                    }
                }
            }
            assert!(bounded.memory.len() <= 96);
        }
        for attempt in in_flight {
            settle(&bounded, attempt, AttemptOutcome::Failure, &limits);
        }
        assert_eq!(bounded.memory.in_flight(), 0, "seed {seed}");
    }
    assert!(granted > 5_000, "{granted}");
    assert!(refused_for_want_of_room > 1_000, "{refused_for_want_of_room}");
}

#[test]
fn a_customer_with_a_counter_keeps_it_while_others_fill_the_table() {
    let (counters, limits) = (small(), ThrottleLimits::default());
    for _ in 0..5 {
        assert_eq!(reserve(&counters, attempt(1, 1), &limits), Decision::Reserved);
        settle(&counters, attempt(1, 1), AttemptOutcome::Failure, &limits);
    }
    let before = reserve(&counters, attempt(1, 1), &limits);
    for other in 2..10_000 {
        if reserve(&counters, attempt(other, other), &limits) == Decision::Reserved {
            settle(&counters, attempt(other, other), AttemptOutcome::Failure, &limits);
        }
    }
    assert_eq!(reserve(&counters, attempt(1, 1), &limits), before);
    assert_eq!(counters.memory.len(), 96);
}

#[test]
fn what_has_lapsed_makes_room() {
    let (counters, limits) = (small(), ThrottleLimits::default());
    for round in 0..3 {
        for other in 0..1_000 {
            let attempt = attempt(1 + other + 1_000 * round, 1 + other);
            if reserve(&counters, attempt, &limits) == Decision::Reserved {
                settle(&counters, attempt, AttemptOutcome::Failure, &limits);
            }
        }
        // Consecutive failures of accounts are kept for 30 days.
        counters.clock.advance(Duration::from_secs(31 * 86_400));
    }
    let known = attempt(9_999, 9_999);
    assert_eq!(reserve(&counters, known, &limits), Decision::Reserved);
    settle(&counters, known, AttemptOutcome::Success, &limits);
    for other in 0..20 {
        let attempt = attempt(9_999, 20_000 + other);
        assert_eq!(reserve(&counters, attempt, &limits), Decision::Reserved, "{other}");
        settle(&counters, attempt, AttemptOutcome::Failure, &limits);
    }
    // Only a source with a counter of its own is known.
    assert_eq!(reserve(&counters, known, &limits), Decision::Reserved);
    assert_ne!(reserve(&counters, attempt(9_999, 30_000), &limits), Decision::Reserved);
}

#[test]
fn logins_that_succeed_leave_one_counter_a_pair() {
    let (counters, limits) = (small(), ThrottleLimits::default());
    for _ in 0..1_000 {
        assert_eq!(reserve(&counters, attempt(1, 1), &limits), Decision::Reserved);
        settle(&counters, attempt(1, 1), AttemptOutcome::Success, &limits);
    }
    assert_eq!(counters.memory.len(), 1);
}

#[test]
fn a_clock_that_is_set_back_lengthens_no_wait() {
    let (counters, limits) = (Counters::new(), ThrottleLimits::default());
    for _ in 0..5 {
        assert_eq!(reserve(&counters, attempt(1, 1), &limits), Decision::Reserved);
        settle(&counters, attempt(1, 1), AttemptOutcome::Failure, &limits);
    }
    counters.clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - 86_400));
    for _ in 0..2 {
        let Decision::Refused { retry_after, .. } = reserve(&counters, attempt(1, 1), &limits)
        else {
            panic!("the wait has begun");
        };
        assert_eq!(retry_after, Duration::from_secs(1));
    }
    counters.clock.advance(Duration::from_secs(1));
    assert_eq!(reserve(&counters, attempt(1, 1), &limits), Decision::Reserved);
}

#[test]
fn sources_without_room_share_many_counters() {
    let (counters, limits) = (small(), ThrottleLimits::default());
    let is_granted = |source: &u64| {
        let attempt = Attempt::new(None, Some(key(*source)));
        reserve(&counters, attempt, &limits) == Decision::Reserved
    };
    // Some ten for each shared counter, which has a burst of 30.
    assert_eq!((1..=20_000).filter(is_granted).count(), 20_000);
    assert_eq!(counters.memory.len(), 32);
}

#[test]
fn what_has_lapsed_makes_room_after_the_clock_was_set_back() {
    let (counters, limits) = (small(), ThrottleLimits::default());
    let fill = |first: u64| {
        for other in first..first + 1_000 {
            if reserve(&counters, attempt(other, other), &limits) == Decision::Reserved {
                settle(&counters, attempt(other, other), AttemptOutcome::Failure, &limits);
            }
        }
    };
    let day = Duration::from_secs(86_400);
    fill(1);
    counters.clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) - 90 * day);
    fill(1_001);
    counters.clock.advance(31 * day);
    let newcomer = attempt(1_500, 1_500);
    assert_eq!(reserve(&counters, newcomer, &limits), Decision::Reserved);
    settle(&counters, newcomer, AttemptOutcome::Success, &limits);
    // It is known, and so has a counter of its own.
    for other in 0..20 {
        assert_eq!(reserve(&counters, attempt(1_500, 20_000 + other), &limits), Decision::Reserved);
    }
    assert_eq!(reserve(&counters, newcomer, &limits), Decision::Reserved);
}

#[test]
fn a_reservation_that_is_not_polled_counts_nothing() {
    let (counters, limits) = (Counters::new(), ThrottleLimits::default());
    drop(counters.memory.reserve(attempt(1, 1), &limits));
    assert_eq!(counters.memory.in_flight(), 0);
}
