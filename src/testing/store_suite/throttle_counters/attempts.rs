//! What the tests have in common: attempts, and answers to compare.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::ceil_seconds;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::AttemptOutcome::Failure;
use crate::throttle::AttemptOutcome::Success;
use crate::throttle::Backoff;
use crate::throttle::Decision;
use crate::throttle::ThrottleCounters;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;
use crate::throttle::ThrottleTier;

/// A refusal, with its wait in whole seconds, rounded up: the counters' time may go on meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) tier: ThrottleTier,
    seconds: u64,
    by_attempts_in_flight: bool,
}

pub(super) fn by(tier: ThrottleTier, seconds: u64) -> Refused {
    Refused { tier, seconds, by_attempts_in_flight: false }
}

pub(super) fn in_flight(refused: Refused) -> Refused {
    Refused { by_attempts_in_flight: true, ..refused }
}

pub(super) async fn refused(
    counters: &impl ThrottleCounters,
    attempt: Attempt,
    limits: &ThrottleLimits,
) -> Refused {
    match counters.reserve(attempt, limits).await.unwrap() {
        Decision::Refused { tier, retry_after, by_attempts_in_flight } => {
            Refused { tier, seconds: ceil_seconds(retry_after), by_attempts_in_flight }
        }
        Decision::Reserved => panic!("the attempt is granted"),
    }
}

pub(super) async fn reserve(
    counters: &impl ThrottleCounters,
    attempt: Attempt,
    limits: &ThrottleLimits,
) {
    assert_eq!(counters.reserve(attempt, limits).await.unwrap(), Decision::Reserved);
}

pub(super) async fn settle(
    counters: &impl ThrottleCounters,
    attempt: Attempt,
    outcome: AttemptOutcome,
    limits: &ThrottleLimits,
) {
    reserve(counters, attempt, limits).await;
    counters.settle(attempt, outcome, limits).await.unwrap();
}

pub(super) async fn fail(
    counters: &impl ThrottleCounters,
    attempt: Attempt,
    limits: &ThrottleLimits,
) {
    settle(counters, attempt, Failure, limits).await;
}

pub(super) async fn succeed(
    counters: &impl ThrottleCounters,
    attempt: Attempt,
    limits: &ThrottleLimits,
) {
    settle(counters, attempt, Success, limits).await;
}

/// Reserves many attempts in parallel, and counts the answers.
pub(super) async fn at_once(
    counters: impl ThrottleCounters,
    attempts: impl Iterator<Item = Attempt>,
    limits: &ThrottleLimits,
) -> BTreeMap<&'static str, usize> {
    let counters = Arc::new(counters);
    let tasks = attempts.map(|attempt| {
        let (counters, limits) = (Arc::clone(&counters), limits.clone());
        tokio::spawn(async move { counters.reserve(attempt, &limits).await.unwrap() })
    });
    let mut answers = BTreeMap::new();
    for task in tasks.collect::<Vec<_>>() {
        let answer = match task.await.unwrap() {
            Decision::Refused { tier, by_attempts_in_flight: true, .. } => tier.as_str(),
            Decision::Refused { .. } => "refused though nothing has failed",
            Decision::Reserved => "granted",
        };
        *answers.entry(answer).or_default() += 1;
    }
    answers
}

pub(super) fn key(number: u64) -> ThrottleKey {
    // Spread like hashes are.
    ThrottleKey::from_bytes(number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes())
}

pub(super) fn attempt(account: u64, source: u64) -> Attempt {
    Attempt::new(Some(key(account)), Some(key(source)))
}

/// Limits that are reached by accounts only.
pub(super) fn many_sources() -> ThrottleLimits {
    ThrottleLimits::default().source(60_000, seconds(1)).account(generous()).max_consecutive(60_000)
}

pub(super) fn generous() -> Backoff {
    Backoff::new(60_000, seconds(1), seconds(1))
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const HALF_A_SECOND: Duration = Duration::from_millis(500);
pub(super) const HOUR: u64 = 60 * 60;
pub(super) const DAY: u64 = 24 * HOUR;
/// More than the free attempts of any tier.
pub(super) const ATTEMPTS: usize = 100;
