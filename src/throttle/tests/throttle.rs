//! Attempts, reservations and sources.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use futures_util::future::join_all;
use http::Request;
use http::request::Parts;

use super::*;
use crate::throttle::LoginThrottle;
use crate::throttle::ReservedAttempt;
use crate::throttle::ThrottleError;
use crate::throttle::ThrottleErrorKind;
use crate::throttle::ThrottleTier;

const RON: &str = "ron@swanson.com";

fn throttle() -> (LoginThrottle, Counters) {
    let counters = Counters::new();
    let builder = LoginThrottle::builder().counters(counters.clone());
    (builder.source(|extensions| extensions.get().copied()).build().unwrap(), counters)
}

fn from(address: &str) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.extensions.insert(address.parse::<IpAddr>().unwrap());
    head
}

fn from_nowhere() -> Parts {
    Request::new(()).into_parts().0
}

/// The wait of a refused login.
async fn wait(throttle: &LoginThrottle, head: &Parts, email: &str) -> u64 {
    let error = throttle.reserve_login(head, email).await.unwrap_err();
    assert_eq!(error.kind(), ThrottleErrorKind::Limited);
    error.retry_after()
}

async fn fail(throttle: &LoginThrottle, head: &Parts, email: &str) {
    throttle.reserve_login(head, email).await.unwrap().failure();
}

fn outcome(answer: &Result<ReservedAttempt, ThrottleError>) -> Option<ThrottleErrorKind> {
    answer.as_ref().err().map(ThrottleError::kind)
}

/// Polls logins once. Returns those that are granted, and those that wait.
fn try_all<L>(logins: impl IntoIterator<Item = L>) -> (Vec<ReservedAttempt>, Vec<L>)
where
    L: Future<Output = Result<ReservedAttempt, ThrottleError>> + Unpin,
{
    let (mut granted, mut waiting) = (Vec::new(), Vec::new());
    for mut login in logins {
        match (&mut login).now_or_never() {
            Some(answer) => granted.push(answer.unwrap()),
            None => waiting.push(login),
        }
    }
    (granted, waiting)
}

/// Lets logins succeed one by one, while the others wait for them. Returns how many have, and how
/// many wait still.
fn succeed_in_turn<L>(mut in_flight: Vec<ReservedAttempt>, mut waiting: Vec<L>) -> (usize, usize)
where
    L: Future<Output = Result<ReservedAttempt, ThrottleError>> + Unpin,
{
    let mut succeeded = 0;
    while let Some(login) = in_flight.pop() {
        login.success();
        succeeded += 1;
        let (granted, still_waiting) = try_all(waiting);
        in_flight.extend(granted);
        waiting = still_waiting;
    }
    (succeeded, waiting.len())
}

#[tokio::test]
async fn of_1000_wrong_guesses_at_once_5_are_granted_and_the_next_one_after_its_wait() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    let mut answers = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..1_000 {
        let mut guess = Box::pin(throttle.reserve_login(&head, RON));
        match (&mut guess).now_or_never() {
            Some(answer) => answers.push(answer),
            None => waiting.push(guess),
        }
    }
    assert_eq!(waiting.len(), 16);
    let (granted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((granted.len(), refused.len()), (5, 979));
    for answer in refused {
        assert_eq!(outcome(&answer), Some(ThrottleErrorKind::Limited));
    }
    granted.into_iter().filter_map(Result::ok).for_each(ReservedAttempt::failure);
    // Those that waited for the outcome learn that it was a failure.
    for answer in join_all(waiting).await {
        assert_eq!(outcome(&answer), Some(ThrottleErrorKind::Limited));
    }
    assert_eq!(wait(&throttle, &head, RON).await, 1);
    counters.clock.advance(Duration::from_millis(999));
    assert_eq!(wait(&throttle, &head, RON).await, 1);
    counters.clock.advance(Duration::from_millis(1));
    fail(&throttle, &head, RON).await;
    assert_eq!(wait(&throttle, &head, RON).await, 2);
    assert_eq!(counters.memory.in_flight(), 0);
}

#[tokio::test]
async fn of_300_sources_at_once_20_are_granted_and_the_next_one_after_30_s() {
    let (throttle, counters) = throttle();
    let heads: Vec<_> = (0..300).map(|n| from(&format!("2001:db8:0:{n:x}::1"))).collect();
    let mut granted = Vec::new();
    let mut waiting = Vec::new();
    for head in &heads {
        let mut guess = Box::pin(throttle.reserve_login(head, RON));
        match (&mut guess).now_or_never() {
            Some(Ok(reservation)) => granted.push(reservation),
            Some(answer) => assert_eq!(outcome(&answer), Some(ThrottleErrorKind::Limited)),
            None => waiting.push(guess),
        }
    }
    assert_eq!((granted.len(), waiting.len()), (20, 16));
    granted.into_iter().for_each(ReservedAttempt::failure);
    for answer in join_all(waiting).await {
        assert_eq!(outcome(&answer), Some(ThrottleErrorKind::Limited));
    }
    assert_eq!(wait(&throttle, &from("192.0.2.1"), RON).await, 30);
    counters.clock.advance(Duration::from_millis(29_999));
    assert_eq!(wait(&throttle, &from("192.0.2.2"), RON).await, 1);
    counters.clock.advance(Duration::from_millis(1));
    fail(&throttle, &from("192.0.2.3"), RON).await;
    assert_eq!(wait(&throttle, &from("192.0.2.4"), RON).await, 60);
}

#[tokio::test]
async fn correct_logins_at_once_wait_for_each_other() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    let logins = (0..21).map(|_| Box::pin(throttle.reserve_login(&head, RON)));
    let (in_flight, waiting) = try_all(logins);
    assert_eq!((in_flight.len(), waiting.len()), (5, 16));
    assert_eq!(succeed_in_turn(in_flight, waiting), (21, 0));
    assert_eq!(counters.memory.in_flight(), 0);
}

#[tokio::test]
async fn correct_logins_of_a_source_at_once_wait_for_each_other() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    let emails: Vec<_> = (0..46).map(|number| format!("customer{number}@example.com")).collect();
    let logins = emails.iter().map(|email| Box::pin(throttle.reserve_login(&head, email)));
    let (in_flight, waiting) = try_all(logins);
    assert_eq!((in_flight.len(), waiting.len()), (30, 16));
    // The room of the source is full. No one waits for another account there for long.
    let mut other = Box::pin(throttle.reserve_login(&head, RON));
    let answer = (&mut other).now_or_never().unwrap();
    assert_eq!(outcome(&answer), Some(ThrottleErrorKind::Limited));
    assert_eq!(succeed_in_turn(in_flight, waiting), (46, 0));
    assert_eq!(throttle.0.waiting.len(), 0);
    assert_eq!(counters.memory.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_login_waits_1_s_for_others_and_no_longer() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    let logins = (0..5).map(|_| throttle.reserve_login(&head, RON));
    let in_flight: Vec<_> = join_all(logins).await.into_iter().map(Result::unwrap).collect();
    let begun = tokio::time::Instant::now();
    let answer = throttle.reserve_login(&head, RON).await;
    assert_eq!(outcome(&answer), Some(ThrottleErrorKind::Overloaded));
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    drop(in_flight);
    assert_eq!(counters.memory.in_flight(), 0);
    fail(&throttle, &head, RON).await;
}

#[tokio::test(start_paused = true)]
async fn a_login_tries_again_when_an_outcome_may_have_come_elsewhere() {
    let counters = Scripted { busy: Arc::new(AtomicU32::new(3)), ..Scripted::default() };
    let throttle = LoginThrottle::builder().counters(counters).build().unwrap();
    let begun = tokio::time::Instant::now();
    drop(throttle.reserve_login(&from_nowhere(), RON).await.unwrap());
    // The first two tries are before the wait.
    assert_eq!(begun.elapsed(), Duration::from_millis(500));
}

#[tokio::test]
async fn a_reservation_that_is_dropped_is_given_back_until_its_check_begins() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    for _ in 0..100 {
        drop(throttle.reserve_login(&head, RON).await.unwrap());
        let mut fault = throttle.reserve_login(&head, RON).await.unwrap();
        fault.begin();
        fault.cancel();
        drop(fault);
    }
    for _ in 0..5 {
        let mut guess = throttle.reserve_login(&head, RON).await.unwrap();
        guess.begin();
        drop(guess);
    }
    assert_eq!(wait(&throttle, &head, RON).await, 1);
    assert_eq!(counters.memory.in_flight(), 0);
}

#[tokio::test]
async fn a_panic_during_the_check_costs_the_client_nothing() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    for _ in 0..10 {
        let mut guess = throttle.reserve_login(&head, RON).await.unwrap();
        guess.begin();
        let panicked = std::thread::spawn(move || {
            let _guess = guess;
            panic!("a panic on purpose");
        });
        let payload = panicked.join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"a panic on purpose"));
    }
    assert_eq!(counters.memory.in_flight(), 0);
    fail(&throttle, &head, RON).await;
}

#[tokio::test]
async fn an_account_is_its_e_mail_in_lower_case_and_a_source_its_network() {
    let (throttle, _) = throttle();
    for (email, address) in [
        ("ron@swanson.com", "2001:db8::1"),
        ("Ron@Swanson.com", "2001:db8::2"),
        ("RON@SWANSON.COM", "2001:db8::ffff:ffff:ffff:ffff"),
        ("ron@swanson.com", "2001:db8:0:0:8000::"),
        ("ron@swanson.com", "2001:db8::1"),
    ] {
        fail(&throttle, &from(address), email).await;
    }
    assert_eq!(wait(&throttle, &from("2001:db8::7"), RON).await, 1);
    for (email, address) in [
        ("ron+1@swanson.com", "2001:db8::1"),
        (RON, "2001:db8:0:1::1"),
        (RON, "192.0.2.1"),
        (RON, "192.0.2.2"),
    ] {
        fail(&throttle, &from(address), email).await;
    }
}

#[tokio::test]
async fn an_ipv4_address_is_the_same_source_over_an_ipv6_socket() {
    let (throttle, _) = throttle();
    for address in ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"] {
        fail(&throttle, &from(address), RON).await;
    }
    assert_eq!(wait(&throttle, &from("::ffff:192.0.2.1"), RON).await, 1);
    fail(&throttle, &from("::ffff:192.0.2.2"), RON).await;
}

#[tokio::test]
async fn without_a_source_waits_are_short_and_no_account_is_locked() {
    let (throttle, counters) = throttle();
    for _ in 0..20 {
        fail(&throttle, &from_nowhere(), RON).await;
    }
    for _ in 0..200 {
        assert_eq!(wait(&throttle, &from_nowhere(), RON).await, 30);
        counters.clock.advance(Duration::from_secs(30));
        fail(&throttle, &from_nowhere(), RON).await;
    }
    // Nothing limits requests that have neither.
    for _ in 0..100 {
        throttle.reserve(&from_nowhere()).await.unwrap().failure();
    }
}

#[tokio::test]
async fn other_requests_are_limited_by_their_source() {
    let (throttle, counters) = throttle();
    let head = from("192.0.2.1");
    for _ in 0..30 {
        throttle.reserve(&head).await.unwrap().failure();
        drop(throttle.reserve(&head).await);
    }
    let error = throttle.reserve(&head).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ThrottleErrorKind::Limited, 10));
    assert_eq!(wait(&throttle, &head, RON).await, 10);
    counters.clock.advance(Duration::from_secs(10));
    fail(&throttle, &head, RON).await;
}

#[tokio::test]
async fn a_reset_forgets_the_failures_of_an_account() {
    let (throttle, _) = throttle();
    let head = from("192.0.2.1");
    for email in [RON, "leslie@knope.com"] {
        for _ in 0..5 {
            fail(&throttle, &head, email).await;
        }
    }
    throttle.reset("RON@swanson.com").await.unwrap();
    fail(&throttle, &head, RON).await;
    assert_eq!(wait(&throttle, &head, "leslie@knope.com").await, 1);
}

#[tokio::test]
async fn an_unlimited_throttle_refuses_nothing() {
    let throttle = LoginThrottle::builder().danger_unlimited().build().unwrap();
    for _ in 0..1_000 {
        fail(&throttle, &from("192.0.2.1"), RON).await;
    }
    throttle.reset(RON).await.unwrap();
}

#[tokio::test]
async fn throttles_with_one_key_and_the_same_counters_count_together() {
    let counters = Counters::new();
    let throttle = |key: &str| {
        let builder = LoginThrottle::builder().counters(counters.clone()).key(key);
        builder.source(|extensions| extensions.get().copied()).build().unwrap()
    };
    let key = "0123456789abcdef0123456789abcdef";
    let nodes = [throttle(key), throttle(key), throttle("another key of as many characters")];
    let head = from("192.0.2.1");
    for _ in 0..5 {
        fail(&nodes[0], &head, RON).await;
    }
    assert_eq!(wait(&nodes[1], &head, RON).await, 1);
    fail(&nodes[2], &head, RON).await;
}

/// Counters whose answers a test decides.
#[derive(Clone, Default)]
struct Scripted {
    settled: Arc<Mutex<Vec<AttemptOutcome>>>,
    fails: bool,
    settles_later: bool,
    /// Never settles.
    hangs: bool,
    /// Attempts that are refused because of others in flight.
    busy: Arc<AtomicU32>,
}

impl ThrottleCounters for Scripted {
    async fn reserve(&self, _: Attempt, _: &ThrottleLimits) -> Result<Decision, StoreError> {
        if self.fails {
            return Err(StoreError::new("down"));
        }
        let busy = self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        Ok(match busy {
            Err(_) => Decision::Reserved,
            Ok(_) => Decision::Refused {
                tier: ThrottleTier::Pair,
                retry_after: Duration::from_secs(1),
                by_attempts_in_flight: true,
            },
        })
    }

    async fn settle(
        &self,
        _: Attempt,
        outcome: AttemptOutcome,
        _: &ThrottleLimits,
    ) -> Result<(), StoreError> {
        if self.hangs {
            let _held = Arc::clone(&self.settled);
            std::future::pending::<()>().await;
        }
        if self.settles_later {
            // Needs a runtime, as connections and timers do.
            tokio::spawn(async {}).await.unwrap();
        }
        self.settled.lock().unwrap().push(outcome);
        Ok(())
    }

    async fn reset(&self, _: ThrottleKey, _: &ThrottleLimits) -> Result<(), StoreError> {
        Err(StoreError::new("down"))
    }
}

#[tokio::test]
async fn counters_that_fail_refuse_no_one_for_good() {
    let counters = Scripted { fails: true, ..Scripted::default() };
    let throttle = LoginThrottle::builder().counters(counters).build().unwrap();
    let error = throttle.reserve_login(&from_nowhere(), RON).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ThrottleErrorKind::Failed, 1));
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the store is unavailable");
    assert_eq!(throttle.reset(RON).await.unwrap_err().to_string(), "the store is unavailable");
}

#[tokio::test]
async fn counters_that_have_to_wait_are_told_every_outcome_once() {
    for settles_later in [false, true] {
        let counters = Scripted { settles_later, ..Scripted::default() };
        let settled = Arc::clone(&counters.settled);
        let throttle = LoginThrottle::builder().counters(counters).build().unwrap();
        let reserve = || async { throttle.reserve_login(&from_nowhere(), RON).await.unwrap() };
        reserve().await.success();
        reserve().await.failure();
        drop(reserve().await);
        // On a thread of the hash pool, which has no runtime.
        let failed = reserve().await;
        std::thread::spawn(|| failed.failure()).join().unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        use AttemptOutcome::Cancelled;
        use AttemptOutcome::Failure;
        use AttemptOutcome::Success;
        assert_eq!(*settled.lock().unwrap(), [Success, Failure, Cancelled, Failure]);
    }
}

#[tokio::test(start_paused = true)]
async fn counters_that_hang_are_given_up_after_2_s() {
    let counters = Scripted { hangs: true, ..Scripted::default() };
    let settled = Arc::clone(&counters.settled);
    let throttle = LoginThrottle::builder().counters(counters).build().unwrap();
    throttle.reserve_login(&from_nowhere(), RON).await.unwrap().failure();
    // Of this test, of the counters, and of the task that settles.
    tokio::time::sleep(Duration::from_millis(1_999)).await;
    assert_eq!(Arc::strong_count(&settled), 3);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(Arc::strong_count(&settled), 2);
}
