//! Random orders of the steps of a login throttle: attempts that are reserved, wait for each other,
//! and end in each way. The code is that of the library, the files themselves, with shuttle's
//! threads and locks beneath.
//!
//! Every operation of the counters reads the clock once, under its locks. The clock keeps the order
//! in which that happens, and each run is repeated in this order by counters that are as simple as
//! the limits' documentation. A wake-up that is lost is a deadlock, because no wait has an end here.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]
#![allow(unfulfilled_lint_expectations, reason = "files of the library")]
#![allow(dead_code, unreachable_pub, unused_imports, missing_docs, reason = "files of the library")]

#[path = "../src/clock.rs"]
mod clock;

mod customer {
    pub(crate) use tower_customer_auth::customer::StoreError;
}

mod error {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    /// The limits of the model are within their bounds.
    pub(crate) struct ConfigError;

    impl ConfigError {
        pub(crate) fn check_number(
            _: &'static str,
            _: u64,
            _: RangeInclusive<u64>,
        ) -> Result<(), Self> {
            Ok(())
        }

        pub(crate) fn check_duration(
            _: &'static str,
            _: Duration,
            _: RangeInclusive<Duration>,
        ) -> Result<(), Self> {
            Ok(())
        }
    }
}

mod fair_queue {
    pub(crate) use tower_customer_auth::password::Flow;
}

// The paths below are relative to this folder.
#[path = "."]
mod throttle {
    #[path = "../src/throttle/counter.rs"]
    mod counter;
    #[path = "../src/throttle/counters.rs"]
    mod counters;
    #[path = "../src/throttle/limits.rs"]
    mod limits;
    #[path = "../src/throttle/memory.rs"]
    mod memory;
    #[path = "../src/throttle/reservation.rs"]
    mod reservation;
    #[path = "../src/throttle/table.rs"]
    mod table;
    #[path = "../src/throttle/waiting.rs"]
    mod waiting;

    mod sync {
        use std::convert::Infallible;
        pub(super) use std::sync::PoisonError;

        pub(super) use shuttle::sync::Arc;
        pub(super) use shuttle::sync::Mutex;
        pub(super) use shuttle::sync::MutexGuard;
        /// Each of its operations is one step.
        pub(super) use tokio::sync::Notify;
        use tokio::time::Instant;

        /// Waits without an end, so that a wake-up that is lost shows.
        pub(super) async fn timeout_at<F: Future>(
            _: Instant,
            future: F,
        ) -> Result<F::Output, Infallible> {
            Ok(future.await)
        }
    }

    use std::sync::Arc;

    pub(crate) use self::counters::Attempt;
    pub(crate) use self::counters::AttemptOutcome;
    pub(crate) use self::counters::Decision;
    pub(crate) use self::counters::ThrottleCounters;
    pub(crate) use self::counters::ThrottleKey;
    pub(crate) use self::counters::ThrottleTier;
    pub(crate) use self::limits::Backoff;
    pub(crate) use self::limits::ThrottleLimits;
    pub(crate) use self::memory::MemoryCounters;
    pub(crate) use self::reservation::ReservedAttempt;
    use self::waiting::Reserved;
    use self::waiting::WaitingRoom;

    /// The throttle, without requests, telemetry and time limits.
    #[derive(Clone)]
    pub(crate) struct LoginThrottle(Arc<Inner>);

    struct Inner {
        counters: MemoryCounters,
        limits: ThrottleLimits,
        waiting: WaitingRoom,
        history: Arc<crate::History>,
    }

    impl LoginThrottle {
        /// Creates a throttle with room for so many counters in each shard.
        pub(crate) fn new(
            limits: ThrottleLimits,
            room: usize,
            history: &Arc<crate::History>,
        ) -> Self {
            let clock: Arc<dyn crate::clock::Clock> = history.clone();
            Self(Arc::new(Inner {
                counters: MemoryCounters::with_bounds(32 * room, 32 * room).clock(clock),
                limits,
                waiting: WaitingRoom::default(),
                history: Arc::clone(history),
            }))
        }

        /// Reserves an attempt, as the library's throttle does.
        pub(crate) async fn reserve(&self, attempt: Attempt) -> Option<ReservedAttempt> {
            let reserved = self.0.waiting.reserve(|| self.try_reserve(attempt)).await;
            reserved.ok()
        }

        async fn try_reserve(&self, attempt: Attempt) -> Reserved<ReservedAttempt, ()> {
            let Inner { counters, limits, history, .. } = &*self.0;
            history.begin(crate::Operation::Reserve(attempt));
            let decision = counters.reserve(attempt, limits).await.unwrap();
            history.end(decision == Decision::Reserved);
            // What is in flight may be settled before the attempt begins to wait for it.
            shuttle::thread::yield_now();
            match decision {
                Decision::Reserved => {
                    let flow = crate::fair_queue::Flow::new();
                    Reserved::Granted(ReservedAttempt::new(self.clone(), attempt, flow))
                }
                Decision::Refused { tier, by_attempts_in_flight, .. } => {
                    match attempt.key_of(tier).filter(|_| by_attempts_in_flight) {
                        Some(key) => Reserved::InFlight(key, ()),
                        None => Reserved::Refused(()),
                    }
                }
            }
        }

        pub(crate) fn in_flight(&self) -> u64 {
            self.0.counters.in_flight()
        }

        pub(crate) fn waiting(&self) -> usize {
            self.0.waiting.len()
        }
    }

    impl Inner {
        async fn settle(&self, attempt: Attempt, outcome: AttemptOutcome) {
            self.history.begin(crate::Operation::Settle(attempt, outcome));
            self.counters.settle(attempt, outcome, &self.limits).await.unwrap();
            self.history.end(true);
            for key in [attempt.account(), attempt.source()].into_iter().flatten() {
                self.waiting.wake(key);
            }
        }
    }
}

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;
use std::time::SystemTime;

use shuttle::future::block_on;
use shuttle::rand::Rng;
use shuttle::thread;
use shuttle::thread::ThreadId;

use self::clock::Clock;
use self::throttle::Attempt;
use self::throttle::AttemptOutcome;
use self::throttle::Backoff;
use self::throttle::LoginThrottle;
use self::throttle::ThrottleKey;
use self::throttle::ThrottleLimits;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Reserve(Attempt),
    Settle(Attempt, AttemptOutcome),
}

/// A clock that keeps which operation has read it when.
///
/// Its own locks are not shuttle's: none of its methods is interrupted.
#[derive(Debug, Default)]
struct History {
    now: Mutex<Duration>,
    /// What each thread is doing, and where that is in the order of all operations.
    current: Mutex<HashMap<ThreadId, (Operation, Option<usize>)>>,
    /// How the attempts have ended that were granted.
    ends: Mutex<Vec<AttemptOutcome>>,
    /// In this order. The last is whether it was granted, when that is known.
    steps: Mutex<Vec<(Operation, Duration, Option<bool>)>>,
}

impl Clock for History {
    fn now(&self) -> SystemTime {
        let now = *self.now.lock().unwrap();
        let mut current = self.current.lock().unwrap();
        let (operation, step) = current.get_mut(&thread::current().id()).unwrap();
        let mut steps = self.steps.lock().unwrap();
        assert_eq!(step.replace(steps.len()), None, "an operation reads the clock once");
        steps.push((*operation, now, None));
        SystemTime::UNIX_EPOCH + START + now
    }
}

impl History {
    fn begin(&self, operation: Operation) {
        self.current.lock().unwrap().insert(thread::current().id(), (operation, None));
    }

    fn end(&self, granted: bool) {
        let (_, step) = self.current.lock().unwrap().remove(&thread::current().id()).unwrap();
        self.steps.lock().unwrap()[step.unwrap()].2 = Some(granted);
    }

    fn advance(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }

    /// Repeats all operations in their order, one at a time.
    fn check(&self, limits: &ThrottleLimits) -> Simple {
        let mut simple = Simple::default();
        for &(operation, now, granted) in &*self.steps.lock().unwrap() {
            match operation {
                Operation::Reserve(attempt) => {
                    let expected = simple.reserve(attempt, limits, now);
                    assert_eq!(granted, Some(expected), "{simple:?}");
                }
                Operation::Settle(attempt, outcome) => simple.settle(attempt, outcome, now),
            }
        }
        simple
    }
}

/// Counters that do one thing at a time, and forget nothing that they should not.
#[derive(Debug, Default)]
struct Simple {
    sources: HashMap<ThrottleKey, Count>,
    pairs: HashMap<(ThrottleKey, ThrottleKey), Count>,
    accounts: HashMap<ThrottleKey, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    failures: u32,
    in_flight: u32,
    last: Duration,
    /// Of a pair.
    is_known: bool,
}

impl Count {
    fn grants(&self, backoff: Backoff, now: Duration) -> bool {
        let is_due = || now >= self.last + backoff.wait_after(self.failures);
        self.failures + self.in_flight < backoff.free() || self.in_flight == 0 && is_due()
    }

    fn fail(&mut self, now: Duration) {
        (self.failures, self.last) = (self.failures + 1, now);
    }
}

impl Simple {
    /// The three counts of an attempt, which has all of them in this model.
    fn counts(&mut self, attempt: Attempt) -> [&mut Count; 3] {
        let (account, source) = (attempt.account().unwrap(), attempt.source().unwrap());
        [
            self.sources.entry(source).or_default(),
            self.pairs.entry((account, source)).or_default(),
            self.accounts.entry(account).or_default(),
        ]
    }

    fn reserve(&mut self, attempt: Attempt, limits: &ThrottleLimits, now: Duration) -> bool {
        let [source, pair, account] = self.counts(attempt);
        // The runs are too short for a source to regain an attempt.
        let granted = source.failures + source.in_flight < limits.source_burst()
            && pair.grants(limits.pair_backoff(), now)
            && (pair.is_known || account.grants(limits.account_backoff(), now));
        if granted {
            [source, pair, account].into_iter().for_each(|count| count.in_flight += 1);
        }
        granted
    }

    fn settle(&mut self, attempt: Attempt, outcome: AttemptOutcome, now: Duration) {
        let [source, pair, account] = self.counts(attempt);
        for count in [&mut *source, &mut *pair, &mut *account] {
            count.in_flight = count.in_flight.checked_sub(1).expect("no refund is doubled");
        }
        match outcome {
            AttemptOutcome::Success => {
                (pair.failures, account.failures, pair.is_known) = (0, 0, true);
            }
            AttemptOutcome::Failure => {
                source.fail(now);
                pair.fail(now);
                if !pair.is_known {
                    account.fail(now);
                }
            }
            AttemptOutcome::Cancelled => {}
        }
    }

    fn in_flight(&self) -> u32 {
        let counts = self.sources.values().chain(self.pairs.values()).chain(self.accounts.values());
        counts.map(|count| count.in_flight).sum()
    }
}

fn attempt(account: u64, source: u64) -> Attempt {
    let key = |number: u64| ThrottleKey::from_bytes(number.to_be_bytes());
    Attempt::new(Some(key(account)), Some(key(source)))
}

fn limits() -> ThrottleLimits {
    let hour = Duration::from_secs(3_600);
    ThrottleLimits::default()
        .source(3, hour)
        .pair(Backoff::new(2, SECOND, hour))
        .account(Backoff::new(3, 2 * SECOND, hour))
}

/// What a thread does with an attempt that is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Succeeds,
    Fails,
    /// The client leaves before the hash begins.
    LeavesBefore,
    /// The client leaves during the hash.
    LeavesDuring,
    /// The check ends without an outcome.
    Breaks,
}

impl End {
    fn random() -> Self {
        match shuttle::rand::thread_rng().gen_range(0..6) {
            0 => Self::Succeeds,
            1 | 2 => Self::Fails,
            3 => Self::LeavesBefore,
            4 => Self::LeavesDuring,
            _ => Self::Breaks,
        }
    }

    fn outcome(self) -> AttemptOutcome {
        match self {
            Self::Succeeds => AttemptOutcome::Success,
            Self::Fails | Self::LeavesDuring => AttemptOutcome::Failure,
            Self::LeavesBefore | Self::Breaks => AttemptOutcome::Cancelled,
        }
    }

    fn of(self, mut reservation: throttle::ReservedAttempt) {
        thread::yield_now();
        match self {
            Self::LeavesBefore => return,
            Self::Succeeds | Self::Fails | Self::LeavesDuring | Self::Breaks => reservation.begin(),
        }
        thread::yield_now();
        match self {
            Self::Succeeds => reservation.success(),
            Self::Fails => reservation.failure(),
            Self::Breaks => reservation.cancel(),
            Self::LeavesBefore | Self::LeavesDuring => {}
        }
    }
}

/// Makes these attempts, each on a thread of its own. Returns which were granted.
fn at_once(
    throttle: &LoginThrottle,
    history: &History,
    attempts: Vec<(Attempt, End)>,
) -> Vec<bool> {
    let ends: Vec<_> = attempts.iter().map(|(_, end)| end.outcome()).collect();
    let threads = attempts.into_iter().map(|(attempt, end)| {
        let throttle = throttle.clone();
        thread::spawn(move || {
            let reserved = block_on(throttle.reserve(attempt));
            let granted = reserved.is_some();
            reserved.into_iter().for_each(|reservation| end.of(reservation));
            granted
        })
    });
    let threads: Vec<_> = threads.collect();
    let granted: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let ends = ends.into_iter().zip(&granted).filter(|(_, granted)| **granted);
    history.ends.lock().unwrap().extend(ends.map(|(end, _)| end));
    granted
}

/// Checks all operations, and that nothing is in flight after them.
fn finish(throttle: &LoginThrottle, history: &History) {
    assert_eq!(history.check(&limits()).in_flight(), 0);
    assert_eq!((throttle.in_flight(), throttle.waiting()), (0, 0));
    for outcome in [AttemptOutcome::Success, AttemptOutcome::Failure] {
        let ends = history.ends.lock().unwrap();
        let steps = history.steps.lock().unwrap();
        let settled = steps.iter().filter(
            |(operation, ..)| matches!(operation, Operation::Settle(_, ended) if *ended == outcome),
        );
        assert_eq!(settled.count(), ends.iter().filter(|end| **end == outcome).count());
    }
}

fn new() -> (LoginThrottle, Arc<History>) {
    with_room(100)
}

fn with_room(room: usize) -> (LoginThrottle, Arc<History>) {
    let history = Arc::new(History::default());
    (LoginThrottle::new(limits(), room, &history), history)
}

fn granted(answers: &[bool]) -> usize {
    answers.iter().filter(|granted| **granted).count()
}

#[test]
fn of_wrong_guesses_at_once_exactly_the_free_ones_are_granted() {
    let run = || {
        // One source, and sources of their own.
        for (shared, free) in [(true, 2), (false, 3)] {
            let (throttle, history) = new();
            let source = |number| if shared { 1 } else { number };
            let guesses = (1..=5).map(|number| (attempt(1, source(number)), End::Fails));
            assert_eq!(granted(&at_once(&throttle, &history, guesses.collect())), free);
            finish(&throttle, &history);
        }
    };
    shuttle::check_random(run, ITERATIONS);
    shuttle::check_pct(run, ITERATIONS, 3);
}

#[test]
fn right_logins_at_once_all_succeed() {
    let run = || {
        // One account, accounts of one source, and sources of one account.
        for attempts in [
            [attempt(1, 1); 5],
            [1, 2, 3, 4, 5].map(|account| attempt(account, 1)),
            [1, 2, 3, 4, 5].map(|source| attempt(1, source)),
        ] {
            let (throttle, history) = new();
            let logins = attempts.map(|attempt| (attempt, End::Succeeds));
            assert_eq!(at_once(&throttle, &history, logins.into()), [true; 5]);
            finish(&throttle, &history);
        }
    };
    shuttle::check_random(run, ITERATIONS);
    shuttle::check_pct(run, ITERATIONS, 3);
}

#[test]
fn attempts_that_end_in_any_way_are_counted_as_one_after_the_other() {
    let run = || {
        let (throttle, history) = new();
        let mut random = shuttle::rand::thread_rng();
        for _ in 0..2 {
            let (accounts, sources) = (random.gen_range(1..4), random.gen_range(1..4));
            let attempts = (0..5).map(|_| {
                let (account, source) =
                    (random.gen_range(0..accounts), random.gen_range(0..sources));
                (attempt(1 + account, 1 + source), End::random())
            });
            at_once(&throttle, &history, attempts.collect());
        }
        finish(&throttle, &history);
    };
    shuttle::check_random(run, ITERATIONS);
    shuttle::check_pct(run, ITERATIONS, 3);
}

#[test]
fn attempts_without_room_are_given_back_once() {
    let run = || {
        let (throttle, history) = with_room(1);
        // All are in one shard.
        let attempts = (1..=5).map(|number| (attempt(number, number), End::random()));
        // In a shared counter, an attempt may wait for one of another account, which wakes it only
        // by its time limit: these leave instead.
        let threads: Vec<_> = attempts
            .map(|(attempt, end)| {
                let throttle = throttle.clone();
                thread::spawn(move || {
                    let mut context = Context::from_waker(Waker::noop());
                    let reserved = pin!(throttle.reserve(attempt)).poll(&mut context);
                    if let Poll::Ready(Some(reservation)) = reserved {
                        end.of(reservation);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((throttle.in_flight(), throttle.waiting()), (0, 0));
        let steps = history.steps.lock().unwrap();
        let is_granted = |(operation, _, granted): &&(Operation, Duration, Option<bool>)| {
            matches!(operation, Operation::Reserve(_)) && *granted == Some(true)
        };
        let reserved = steps.iter().filter(is_granted).count();
        let settled = steps.iter().filter(|step| matches!(step.0, Operation::Settle(..))).count();
        assert_eq!(reserved, settled);
    };
    shuttle::check_random(run, ITERATIONS);
    shuttle::check_pct(run, ITERATIONS, 3);
}

#[test]
fn clients_that_leave_while_they_wait_keep_no_one_from_their_turn() {
    let run = || {
        let (throttle, history) = new();
        let leaving: Vec<_> = (0..2)
            .map(|_| {
                let throttle = throttle.clone();
                thread::spawn(move || {
                    let mut reserving = pin!(throttle.reserve(attempt(1, 1)));
                    for _ in 0..2 {
                        let mut context = Context::from_waker(Waker::noop());
                        if reserving.as_mut().poll(&mut context).is_ready() {
                            return;
                        }
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let answers = at_once(&throttle, &history, vec![(attempt(1, 1), End::Succeeds); 4]);
        assert_eq!(answers, [true; 4]);
        leaving.into_iter().for_each(|thread| thread.join().unwrap());
        finish(&throttle, &history);
    };
    shuttle::check_random(run, ITERATIONS);
    shuttle::check_pct(run, ITERATIONS, 3);
}

#[test]
fn no_wait_is_shortened_while_time_passes() {
    let run = || {
        let (throttle, history) = new();
        at_once(&throttle, &history, vec![(attempt(1, 1), End::Fails); 2]);
        let time = thread::spawn({
            let history = Arc::clone(&history);
            move || {
                for _ in 0..8 {
                    history.advance(SECOND / 4);
                    thread::yield_now();
                }
            }
        });
        for _ in 0..2 {
            at_once(&throttle, &history, vec![(attempt(1, 1), End::Fails); 2]);
        }
        time.join().unwrap();
        finish(&throttle, &history);
    };
    shuttle::check_random(run, ITERATIONS);
    shuttle::check_pct(run, ITERATIONS, 3);
}

const SECOND: Duration = Duration::from_secs(1);

/// Since 1970.
const START: Duration = Duration::from_secs(1_510_000_000);

const ITERATIONS: usize = 400;
