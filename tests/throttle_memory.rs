//! What full tables of the throttle weigh, by a counting allocator: a program of its own, because
//! it counts everything.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::throttle::Attempt;
use tower_customer_auth::throttle::AttemptOutcome;
use tower_customer_auth::throttle::Decision;
use tower_customer_auth::throttle::MemoryCounters;
use tower_customer_auth::throttle::ThrottleCounters;
use tower_customer_auth::throttle::ThrottleKey;
use tower_customer_auth::throttle::ThrottleLimits;

const MAX_BYTES: u64 = 64_000_000;

/// What 1 048 576 counters take at least: a key of 16 bytes, and 24 bytes.
const MIN_BYTES: u64 = 1_048_576 * 40;

fn key(number: u64) -> ThrottleKey {
    ThrottleKey::from_bytes(number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes())
}

fn attempt(account: u64, source: u64) -> Attempt {
    Attempt::new(Some(key(account)), Some(key(source)))
}

/// Makes an attempt, if it is granted.
fn make(counters: &MemoryCounters, attempt: Attempt, outcome: AttemptOutcome) {
    // A success leaves nothing behind, so that counters are removed all the time.
    let limits = ThrottleLimits::default().known_source(Duration::ZERO);
    let reserved = counters.reserve(attempt, &limits).now_or_never().expect("memory never waits");
    if reserved.unwrap() == Decision::Reserved {
        let settled = counters.settle(attempt, outcome, &limits).now_or_never();
        settled.expect("memory never waits").unwrap();
    }
}

#[test]
fn a_million_counters_take_64_mb_at_most_while_they_grow_and_while_they_change() {
    let clock = Arc::new(ManualClock::at_epoch_seconds(1_510_597_800));
    let counters = MemoryCounters::new().clock(clock.clone());
    // An attempt leaves a counter of its source, its account, and their pair.
    let filled = allocation_counter::measure(|| {
        for number in 1..=450_000 {
            make(&counters, attempt(number, number), AttemptOutcome::Failure);
        }
    });
    assert!(filled.bytes_current as u64 >= MIN_BYTES, "{filled:?}");
    assert!(filled.bytes_max <= MAX_BYTES, "{filled:?}");
    let changed = allocation_counter::measure(|| {
        let mut random = Rng::with_seed(7);
        let mut new = 450_000..;
        // Counters of sources lapse after 10 s, so some do while others come.
        for _ in 0..40 {
            clock.advance(Duration::from_secs(1));
            for source in new.by_ref().take(40_000) {
                let attempt = Attempt::new(None, Some(key(source)));
                make(&counters, attempt, AttemptOutcome::Failure);
            }
        }
        // Those of pairs lapse after 24 h, and those of accounts with a success.
        for _ in 0..40 {
            clock.advance(Duration::from_secs(3_600));
            for account in new.by_ref().take(20_000) {
                let known = random.u64(1..account);
                make(&counters, attempt(known, known), AttemptOutcome::Success);
                make(&counters, attempt(account, account), AttemptOutcome::Failure);
                make(&counters, attempt(account, known), AttemptOutcome::Cancelled);
            }
        }
    });
    let most = filled.bytes_current as u64 + changed.bytes_max;
    assert!(most <= MAX_BYTES, "{most} bytes: {filled:?}, {changed:?}");
    println!("{} bytes when full, {most} at most", filled.bytes_current);
}
