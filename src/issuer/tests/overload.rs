//! Overload, failing and hanging stores, and disconnecting callers.

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::issuer::ClientAuthenticator;
use crate::issuer::ClientDecision;

fn small(waiting: usize) -> PasswordHasher {
    let builder = PasswordHasher::builder().params(FAST).threads(1).max_waiting(waiting);
    builder.max_wait(Duration::from_secs(1)).build().unwrap()
}

struct Clients(Script);

impl ClientAuthenticator for Clients {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        assert_eq!(bearer, "XXXX");
        Scripted::play(self.0).await.map(|()| ClientDecision::Accepted)
    }
}

#[tokio::test]
async fn of_more_logins_than_fit_exactly_the_excess_gets_503() {
    let hasher = small(16);
    let issuer = builder(customers().await, hasher.clone()).build().unwrap();
    let busy = occupy(&hasher).await;
    let mut logins: Vec<_> = (0..100)
        .map(|_| Box::pin(Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword"))))
        .collect();
    // The excess is rejected at the first poll, while every thread is busy.
    let answers: Vec<_> = logins.iter_mut().map(FutureExt::now_or_never).collect();
    let shed = answers.iter().flatten().filter(|answer| **answer == Answer::unavailable());
    assert_eq!(shed.count(), 84);
    assert_eq!(hasher.pool().waiting(), 16);
    drop(busy);
    let waiting = logins.into_iter().zip(answers).filter(|(_, answer)| answer.is_none());
    let statuses: Vec<u16> =
        join_all(waiting.map(|(login, _)| login)).await.into_iter().map(|a| a.status).collect();
    assert_eq!(statuses, [200; 16]);
}

#[tokio::test]
async fn overload_tells_nothing_about_who_exists() {
    let hasher = small(0);
    let issuer = builder(customers().await, hasher.clone()).build().unwrap();
    let _busy = occupy(&hasher).await;
    for email in ["ron@swanson.com", "nobody@example.com"] {
        let answer = Answer::of(&issuer, login(email, "mysecretpassword")).await;
        assert_eq!(answer, Answer::unavailable(), "{email}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_waits_1_s_for_a_thread_and_no_longer() {
    let hasher = small(16);
    let issuer = builder(customers().await, hasher.clone()).build().unwrap();
    let _busy = occupy(&hasher).await;
    let begun = tokio::time::Instant::now();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer, Answer::unavailable());
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test]
async fn a_login_whose_caller_has_gone_is_not_hashed_and_leaves_its_place() {
    let hasher = small(1);
    let issuer = builder(customers().await, hasher.clone()).build().unwrap();
    let busy = occupy(&hasher).await;
    let mut gone = Box::pin(Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")));
    assert_eq!((&mut gone).now_or_never(), None);
    assert_eq!(hasher.pool().waiting(), 1);
    drop(gone);
    assert_eq!(hasher.pool().waiting(), 0);
    let mut next = Box::pin(Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")));
    assert_eq!((&mut next).now_or_never(), None);
    drop(busy);
    assert_eq!(next.await.status, 200);
}

#[tokio::test]
async fn a_store_that_cannot_tell_is_503() {
    let mut store = Scripted::new(customers().await);
    store.find = Script::Fails;
    let issuer = builder(store, hasher()).build().unwrap();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer, Answer::unavailable());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_503_after_5_s() {
    let mut store = Scripted::new(customers().await);
    store.find = Script::Hangs;
    let issuer = builder(store, hasher()).build().unwrap();
    let begun = tokio::time::Instant::now();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer, Answer::unavailable());
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn an_authenticator_that_cannot_tell_or_hangs_is_503_and_never_401() {
    let grant = PasswordGrant::new(customers().await).hasher(hasher());
    for (script, waited) in [(Script::Fails, 0), (Script::Hangs, 2)] {
        let issuer = TokenIssuer::builder(keys(), Clients(script))
            .password(grant.clone())
            .store_timeout(Duration::from_secs(2))
            .build()
            .unwrap();
        let begun = tokio::time::Instant::now();
        let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
        assert_eq!(answer, Answer::unavailable());
        assert_eq!(begun.elapsed(), Duration::from_secs(waited));
    }
    let issuer =
        TokenIssuer::builder(keys(), Clients(Script::Works)).password(grant).build().unwrap();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_store_is_not_asked_for_a_request_that_is_wrong() {
    let store = Scripted::new(customers().await);
    let issuer = builder(store.clone(), hasher()).build().unwrap();
    for body in ["$", "{}", r#"{"data":{"type":"token","email":"ron@swanson.com"}}"#] {
        assert_eq!(Answer::of(&issuer, request(body)).await.status, 400);
    }
    assert_eq!(store.found.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_panic_of_the_store_is_left_to_the_caller_and_breaks_nothing() {
    #[derive(Clone)]
    struct Panics;

    impl CustomerStore for Panics {
        async fn find_by_email(&self, _: &str) -> Result<Option<StoredCustomer>, StoreError> {
            panic!("a panic on purpose")
        }

        async fn replace_password_hash(
            &self,
            _: &CustomerId,
            _: &PasswordHash,
            _: &PasswordHash,
        ) -> Result<bool, StoreError> {
            Ok(false)
        }
    }

    let hasher = small(1);
    let issuer = builder(Panics, hasher.clone()).build().unwrap();
    let panicking =
        tokio::spawn(async move { Answer::of(&issuer, login("ron@swanson.com", "p")).await });
    assert!(panicking.await.unwrap_err().is_panic());
    let other = builder(customers().await, hasher).build().unwrap();
    let answer = Answer::of(&other, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn ten_thousand_logins_dropped_at_random_awaits_leave_no_place_taken() {
    let hasher = PasswordHasher::builder().params(FAST).threads(2).max_waiting(6).build().unwrap();
    let pool = hasher.pool();
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let revocations = Revocations::in_memory();
    let issuer = builder(customers().await, hasher.clone())
        .clock(clock.clone())
        .revocations(revocations.clone())
        .throttle(LoginThrottle::builder().danger_unlimited().build().unwrap())
        .build()
        .unwrap();
    // Logins with the right password wait for the end of this second, which never comes.
    clock.advance(Duration::from_millis(1));
    revocations.revoke_customer(ron().id(), clock.now()).await.unwrap();
    let mut random = fastrand::Rng::with_seed(13);
    let mut logins = Vec::new();
    let (mut dropped, mut statuses) = (0, std::collections::BTreeSet::new());
    let (mut most_waiting, mut most_running) = (0, 0);
    while dropped < 10_000 {
        let password = random.choice(["mysecretpassword", "wrong"]).unwrap();
        let email = random.choice(["ron@swanson.com", "nobody@example.com"]).unwrap();
        let (issuer, login) = (issuer.clone(), login(email, password));
        logins.push(Box::pin(async move { Answer::of(&issuer, login).await.status }));
        for _ in 0..random.usize(..8) {
            let login = random.usize(..logins.len());
            if let Some(status) = (&mut logins[login]).now_or_never() {
                statuses.insert(status);
                drop(logins.swap_remove(login));
                break;
            }
        }
        most_waiting = most_waiting.max(pool.waiting());
        most_running = most_running.max(pool.running());
        if random.bool() {
            tokio::task::yield_now().await;
        }
        while logins.len() > random.usize(..16) {
            drop(logins.swap_remove(random.usize(..logins.len())));
            dropped += 1;
        }
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [403, 503]);
    // Two more may wait while no thread has come for them yet.
    assert!(most_waiting >= 6 && most_running >= 1, "{most_waiting} waited, {most_running} ran");
    drop(logins);
    // Running jobs end. These two then occupy every thread.
    let _busy = (occupy(&hasher).await, occupy(&hasher).await);
    assert_eq!((pool.waiting(), pool.running()), (0, 2));
}

/// Cancels a login at each point where it can be cancelled.
#[tokio::test]
async fn a_login_that_is_dropped_at_any_await_leaves_the_issuer_whole() {
    let hasher = small(4);
    let issuer = builder(customers().await, hasher.clone()).build().unwrap();
    for polls in 0..200 {
        let mut login = Box::pin(Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")));
        for _ in 0..polls % 10 {
            if (&mut login).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(hasher.pool().waiting(), 0);
    assert_eq!(hasher.pool().threads(), 1);
}
