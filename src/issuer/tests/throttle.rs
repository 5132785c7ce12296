//! Logins that the throttle limits.

use std::net::IpAddr;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::throttle::LoginThrottleBuilder;
use crate::throttle::MemoryCounters;

const SOURCE: &str = "192.0.2.1";

/// A throttle that reads the source that `from` sets, with a clock of its own.
fn throttle() -> (LoginThrottleBuilder, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let counters = MemoryCounters::new().clock(clock.clone());
    let builder = LoginThrottle::builder().counters(counters);
    (builder.source(|extensions| extensions.get().copied()), clock)
}

fn from(address: &str, mut login: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    login.extensions_mut().insert(address.parse::<IpAddr>().unwrap());
    login
}

fn wrong(email: &str) -> Request<Full<Bytes>> {
    from(SOURCE, login(email, "wrong"))
}

fn right() -> Request<Full<Bytes>> {
    from(SOURCE, login("ron@swanson.com", "mysecretpassword"))
}

fn throttled(seconds: &str) -> Answer {
    Answer::refusal(
        429,
        Some(("retry-after", seconds)),
        r#"{"status":429,"title":"Too Many Requests","detail":"Too many attempts, try again later"}"#,
    )
}

/// An issuer, the store whose look-ups it counts (one for each hash), and the throttle's clock.
async fn counting(hasher: PasswordHasher) -> (TokenIssuer, Scripted, Arc<ManualClock>) {
    let store = Scripted::new(customers().await);
    let (throttle, clock) = throttle();
    let builder = builder(store.clone(), hasher).throttle(throttle.build().unwrap());
    (builder.build().unwrap(), store, clock)
}

#[tokio::test]
async fn of_1000_wrong_guesses_at_once_exactly_5_are_hashed_and_the_next_one_after_its_wait() {
    // An unknown e-mail is counted like a customer's.
    for email in ["ron@swanson.com", "nobody@example.com"] {
        let (issuer, store, clock) = counting(hasher()).await;
        let guesses = (0..1_000).map(|_| Answer::of(&issuer, wrong(email)));
        let mut answers = join_all(guesses).await;
        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers[..5], vec![Answer::wrong_credentials(); 5], "{email}");
        assert_eq!(answers[5..], vec![throttled("1"); 995], "{email}");
        let hashed = || store.found.load(Ordering::SeqCst);
        assert_eq!(hashed(), 5, "{email}");
        for (wait, next) in [(1_000, "2"), (2_000, "4"), (4_000, "8")] {
            let before = hashed();
            clock.advance(Duration::from_millis(wait - 1));
            assert_eq!(Answer::of(&issuer, wrong(email)).await, throttled("1"), "{email}");
            clock.advance(Duration::from_millis(1));
            assert_eq!(Answer::of(&issuer, wrong(email)).await, Answer::wrong_credentials());
            assert_eq!(Answer::of(&issuer, wrong(email)).await, throttled(next));
            assert_eq!(hashed(), before + 1, "{email}");
        }
    }
}

#[tokio::test]
async fn of_300_sources_at_once_exactly_20_are_hashed_and_the_21st_after_30_s() {
    let (issuer, store, clock) = counting(hasher()).await;
    let guesses = (0..300).map(|source| {
        let address = format!("2001:db8:0:{source:x}::1");
        let guess = from(&address, login("ron@swanson.com", "wrong"));
        Answer::of(&issuer, guess)
    });
    let answers = join_all(guesses).await;
    let refused = answers.iter().filter(|answer| **answer == throttled("30")).count();
    let wrong = answers.iter().filter(|answer| **answer == Answer::wrong_credentials()).count();
    assert_eq!((wrong, refused, store.found.load(Ordering::SeqCst)), (20, 280, 20));
    clock.advance(Duration::from_secs(30));
    let guess = from("192.0.2.9", login("ron@swanson.com", "wrong"));
    assert_eq!(Answer::of(&issuer, guess).await, Answer::wrong_credentials());
    let guess = from("192.0.2.10", login("ron@swanson.com", "wrong"));
    assert_eq!(Answer::of(&issuer, guess).await, throttled("60"));
}

#[tokio::test]
async fn every_tier_has_the_same_answer() {
    let (issuer, _, _) = counting(hasher()).await;
    // Source: 30 accounts.
    for account in 0..30 {
        let guess = wrong(&format!("customer{account}@example.com"));
        assert_eq!(Answer::of(&issuer, guess).await, Answer::wrong_credentials());
    }
    assert_eq!(Answer::of(&issuer, right()).await, throttled("10"));
}

#[tokio::test]
async fn a_customer_at_a_known_source_logs_in_while_1000_sources_guess() {
    let (issuer, _, _) = counting(hasher()).await;
    assert_eq!(Answer::of(&issuer, right()).await.status, 200);
    let guesses = (0..1_000).map(|source| {
        let address = format!("2001:db8:0:{source:x}::1");
        Answer::of(&issuer, from(&address, login("ron@swanson.com", "wrong")))
    });
    let mut guesses: Vec<_> = guesses.map(Box::pin).collect();
    let answers: Vec<_> = guesses.iter_mut().map(FutureExt::now_or_never).collect();
    assert_eq!(Answer::of(&issuer, right()).await.status, 200);
    let waiting = guesses.into_iter().zip(answers).filter(|(_, answer)| answer.is_none());
    join_all(waiting.map(|(guess, _)| guess)).await;
    assert_eq!(Answer::of(&issuer, right()).await.status, 200);
}

#[tokio::test]
async fn correct_logins_at_once_all_succeed() {
    let (issuer, _, _) = counting(hasher()).await;
    let answers = join_all((0..21).map(|_| Answer::of(&issuer, right()))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200; 21]);
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones_of_its_account() {
    let (issuer, _, _) = counting(hasher()).await;
    for _ in 0..7 {
        for _ in 0..4 {
            let answer = Answer::of(&issuer, wrong("ron@swanson.com")).await;
            assert_eq!(answer, Answer::wrong_credentials());
        }
        assert_eq!(Answer::of(&issuer, right()).await.status, 200);
    }
    // But not those of the source: an attacker may have an account.
    for _ in 0..2 {
        let answer = Answer::of(&issuer, wrong("ron@swanson.com")).await;
        assert_eq!(answer, Answer::wrong_credentials());
    }
    assert_eq!(Answer::of(&issuer, right()).await, throttled("10"));
}

#[tokio::test]
async fn a_shed_login_and_a_fault_of_the_store_are_not_counted() {
    let hasher = PasswordHasher::builder().params(FAST).threads(1).max_waiting(0).build().unwrap();
    let (issuer, _, _) = counting(hasher.clone()).await;
    let busy = occupy(&hasher).await;
    for _ in 0..100 {
        assert_eq!(Answer::of(&issuer, wrong("ron@swanson.com")).await, Answer::unavailable());
    }
    drop(busy);

    let (builder_of_throttle, _) = throttle();
    let throttle = builder_of_throttle.build().unwrap();
    let mut failing = Scripted::new(customers().await);
    failing.find = Script::Fails;
    let failing = builder(failing, hasher.clone()).throttle(throttle.clone()).build().unwrap();
    for _ in 0..100 {
        assert_eq!(Answer::of(&failing, wrong("ron@swanson.com")).await, Answer::unavailable());
    }
    let works = builder(customers().await, super::hasher()).throttle(throttle).build().unwrap();
    for issuer in [issuer, works] {
        for _ in 0..5 {
            let mut answer = Answer::of(&issuer, wrong("ron@swanson.com")).await;
            while answer == Answer::unavailable() {
                // The thread has not noticed yet that it is free.
                tokio::task::yield_now().await;
                answer = Answer::of(&issuer, wrong("ron@swanson.com")).await;
            }
            assert_eq!(answer, Answer::wrong_credentials());
        }
        assert_eq!(Answer::of(&issuer, wrong("ron@swanson.com")).await, throttled("1"));
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_its_hash_begins_is_not_counted() {
    let hasher = PasswordHasher::builder().params(FAST).threads(1).max_waiting(4).build().unwrap();
    let (issuer, _, _) = counting(hasher.clone()).await;
    let busy = occupy(&hasher).await;
    for _ in 0..100 {
        let mut guess = Box::pin(Answer::of(&issuer, wrong("ron@swanson.com")));
        assert_eq!((&mut guess).now_or_never(), None);
    }
    drop(busy);
    for _ in 0..5 {
        assert_eq!(
            Answer::of(&issuer, wrong("ron@swanson.com")).await,
            Answer::wrong_credentials()
        );
    }
    assert_eq!(Answer::of(&issuer, wrong("ron@swanson.com")).await, throttled("1"));
}

#[tokio::test]
async fn a_client_that_leaves_while_its_guess_is_hashed_is_counted() {
    // The real parameters, so that a hash takes long enough to be left.
    let hasher = PasswordHasher::builder().threads(1).build().unwrap();
    let (issuer, _, _) = counting(hasher.clone()).await;
    for _ in 0..5 {
        let mut guess = Box::pin(Answer::of(&issuer, wrong("nobody@example.com")));
        assert_eq!((&mut guess).now_or_never(), None);
        while hasher.pool().running() == 0 {
            tokio::task::yield_now().await;
        }
        drop(guess);
        while hasher.pool().running() == 1 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(Answer::of(&issuer, wrong("nobody@example.com")).await, throttled("1"));
}

#[tokio::test]
async fn an_issuer_without_a_throttle_of_its_own_limits_accounts() {
    let issuer = builder(customers().await, hasher()).build().unwrap();
    for _ in 0..20 {
        let answer = Answer::of(&issuer, login("ron@swanson.com", "wrong")).await;
        assert_eq!(answer, Answer::wrong_credentials());
    }
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer, throttled("30"));
}
