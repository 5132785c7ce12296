//! What an attacker reaches with the default limits. `SECURITY.md` quotes these numbers.

use futures_util::FutureExt;

use super::*;
use crate::clock::ceil_seconds;
use crate::throttle::Backoff;
use crate::throttle::ThrottleTier;

const DAY: u64 = 86_400;

/// A service under attack.
struct Attacked {
    counters: Counters,
    limits: ThrottleLimits,
    /// Seconds since the attack began.
    now: u64,
}

/// Answer to a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Hashed,
    Refused { tier: ThrottleTier, seconds: u64 },
}

impl Attacked {
    fn new() -> Self {
        Self { counters: Counters::new(), limits: ThrottleLimits::default(), now: 0 }
    }

    fn wait(&mut self, seconds: u64) {
        self.counters.clock.advance(Duration::from_secs(seconds));
        self.now += seconds;
    }

    /// Makes a wrong guess.
    fn guess(&self, account: u64, source: u64) -> Guess {
        let key = |number: u64| ThrottleKey::from_bytes(number.to_be_bytes());
        let attempt = Attempt::new(Some(key(account)), Some(key(source)));
        let reserved = self.counters.reserve(attempt, &self.limits).now_or_never();
        match reserved.expect("memory never waits").unwrap() {
            Decision::Reserved => {
                let failure = AttemptOutcome::Failure;
                let settled = self.counters.settle(attempt, failure, &self.limits).now_or_never();
                settled.expect("memory never waits").unwrap();
                Guess::Hashed
            }
            Decision::Refused { tier, retry_after, .. } => {
                Guess::Refused { tier, seconds: ceil_seconds(retry_after) }
            }
        }
    }

    /// Makes the guesses at one account that are possible now, from any of these sources. Returns
    /// their number, and the seconds until the next one, or none if the account is locked.
    fn guess_all(&self, account: u64, sources: u64) -> (u64, Option<u64>) {
        let (mut guesses, mut next) = (0, u64::MAX);
        for source in 1..=sources {
            loop {
                match self.guess(account, source) {
                    Guess::Hashed => guesses += 1,
                    Guess::Refused { tier: ThrottleTier::LockedAccount, .. } => {
                        return (guesses, None);
                    }
                    Guess::Refused { seconds, tier } => {
                        next = next.min(seconds);
                        if tier == ThrottleTier::Account {
                            return (guesses, Some(seconds));
                        }
                        break;
                    }
                }
            }
        }
        (guesses, Some(next))
    }
}

/// Outcome of an attack on one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    guesses: u64,
    /// When the account was locked.
    locked_after: Option<u64>,
}

/// Guesses at one account for some time. After a wait of more than `patience` for the account, the
/// attacker stops for an hour instead, which gives the free guesses back.
fn attack(sources: u64, patience: u64, time: u64) -> Reached {
    let mut attacked = Attacked::new();
    let mut guesses = 0;
    loop {
        let (new, next) = attacked.guess_all(1, sources);
        guesses += new;
        let Some(next) = next else {
            return Reached { guesses, locked_after: Some(attacked.now) };
        };
        // Both are over by then.
        let next = if next > patience { next.max(3_600) } else { next };
        if attacked.now + next >= time {
            return Reached { guesses, locked_after: None };
        }
        attacked.wait(next);
    }
}

/// The best of all patiences.
fn best(sources: u64, time: u64) -> Reached {
    let attacks = (0..=3_600).step_by(30).map(|patience| attack(sources, patience, time));
    let better = |reached: &Reached| {
        (reached.guesses, std::cmp::Reverse(reached.locked_after.unwrap_or(u64::MAX)))
    };
    attacks.max_by_key(better).unwrap()
}

#[test]
fn guesses_at_one_account_by_sources() {
    let hours = |hours: f64| Some((hours * 3_600.0) as u64);
    // Sources, guesses in an hour, guesses in a day, and the hours until the account is locked.
    for (sources, in_an_hour, in_a_day, locked_after) in [
        (1, 17, 97, Some(89_403)),
        (2, 26, 100, Some(44_339)),
        (3, 26, 100, Some(30_141)),
        (5, 26, 100, Some(18_910)),
        (10, 26, 100, Some(14_527)),
        (20, 26, 100, hours(4.0)),
        (1_000, 26, 100, hours(4.0)),
    ] {
        assert_eq!(best(sources, 3_600).guesses, in_an_hour, "{sources} sources");
        assert_eq!(best(sources, DAY).guesses, in_a_day, "{sources} sources");
        // However long it goes on, there are no more than these.
        assert_eq!(best(sources, 30 * DAY), Reached { guesses: 100, locked_after }, "{sources}");
    }
}

/// With as many sources as it takes, the account's tier alone decides. An attacker chooses before
/// each hour's pause how many waits to take.
#[test]
fn an_account_is_locked_after_4_hours_at_the_earliest() {
    let limits = ThrottleLimits::default();
    let (backoff, limit) = (limits.account_backoff(), limits.consecutive_limit().unwrap());
    /// The least time for so many failures.
    fn least(failures: u32, backoff: Backoff) -> Duration {
        let rounds = (0..=10).map(|paid| {
            let waits: Duration = (0..paid).map(|n| backoff.wait_after(backoff.free() + n)).sum();
            match failures.checked_sub(backoff.free() + paid) {
                None | Some(0) => {
                    let needed = failures.saturating_sub(backoff.free());
                    (0..needed).map(|n| backoff.wait_after(backoff.free() + n)).sum()
                }
                Some(left) => waits + backoff.forgotten_after() + least(left, backoff),
            }
        });
        rounds.min().unwrap()
    }
    assert_eq!(least(limit, backoff), Duration::from_secs(4 * 3_600));
}

#[test]
fn a_known_source_has_109_guesses_a_day() {
    let mut attacked = Attacked::new();
    let key = |number: u64| ThrottleKey::from_bytes(number.to_be_bytes());
    let login = Attempt::new(Some(key(1)), Some(key(1)));
    let (counters, limits) = (&attacked.counters, &attacked.limits);
    let reserved = counters.reserve(login, limits).now_or_never().unwrap();
    assert_eq!(reserved.unwrap(), Decision::Reserved);
    let settled = counters.settle(login, AttemptOutcome::Success, limits).now_or_never();
    settled.unwrap().unwrap();
    let mut guesses = 0;
    while attacked.now < DAY {
        let (new, next) = attacked.guess_all(1, 1);
        guesses += new;
        attacked.wait(next.unwrap());
    }
    assert_eq!(guesses, 109);
}

#[test]
fn without_a_source_an_account_has_2899_guesses_a_day() {
    let (counters, limits) = (Counters::new(), ThrottleLimits::default().without_source());
    let attempt = Attempt::new(Some(ThrottleKey::from_bytes([1; 8])), None);
    let mut guesses = 0;
    for _ in 0..DAY {
        while counters.reserve(attempt, &limits).now_or_never().unwrap().unwrap()
            == Decision::Reserved
        {
            guesses += 1;
            let failure = AttemptOutcome::Failure;
            counters.settle(attempt, failure, &limits).now_or_never().unwrap().unwrap();
        }
        counters.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(guesses, 2_899);
}

/// Password spraying: one guess at each account.
#[test]
fn a_source_has_30_guesses_at_once_and_8669_a_day() {
    let mut attacked = Attacked::new();
    let (mut account, mut at_once) = (0, None);
    while attacked.now < DAY {
        let next = loop {
            account += 1;
            if let Guess::Refused { tier, seconds } = attacked.guess(account, 1) {
                assert_eq!((tier, seconds), (ThrottleTier::Source, 10));
                account -= 1;
                break seconds;
            }
        };
        at_once.get_or_insert(account);
        attacked.wait(next);
    }
    assert_eq!((at_once, account), (Some(30), 8_669));
}
