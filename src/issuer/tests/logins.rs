//! Password logins, and what a failed one must not reveal.

use super::*;
use crate::customer::CustomerUpdate;

#[tokio::test]
async fn every_login_that_fails_gets_one_and_the_same_answer() {
    let customers = customers().await;
    let no_password = Customer::new("no-password".parse().unwrap(), "", "sso@example.com");
    customers.insert(&no_password, None).await.unwrap();
    let spoiled = Customer::new("spoiled".parse().unwrap(), "", "spoiled@example.com");
    customers.insert(&spoiled, Some(&hash(b"p", FAST))).await.unwrap();
    customers.spoil_password(spoiled.id()).await;
    let long = "x".repeat(1025);
    let endless = Customer::new("endless".parse().unwrap(), "", "endless@example.com");
    customers.insert(&endless, Some(&hash(long.as_bytes(), FAST))).await.unwrap();
    let old = Customer::new("old".parse().unwrap(), "", "old@example.com");
    let params = PasswordParams { passes: 2, ..FAST };
    customers.insert(&old, Some(&hash(b"p", params))).await.unwrap();
    let disabled = Customer::new("disabled".parse().unwrap(), "", "disabled@example.com");
    customers.insert(&disabled.enabled(false), Some(&hash(b"p", FAST))).await.unwrap();
    let issuer = builder(customers, hasher()).build().unwrap();
    for (why, email, password) in [
        ("disabled, right", "disabled@example.com", "p"),
        ("disabled, wrong", "disabled@example.com", "q"),
        ("wrong password", "ron@swanson.com", "mysecretpasswore"),
        ("another case", "ron@swanson.com", "MySecretPassword"),
        ("a space behind", "ron@swanson.com", "mysecretpassword "),
        ("a NUL and more", "ron@swanson.com", "mysecretpassword\0x"),
        ("unknown e-mail", "nobody@example.com", "mysecretpassword"),
        ("no e-mail at all", "%", "mysecretpassword"),
        ("a space in the e-mail", "ron@swanson.com ", "mysecretpassword"),
        ("a NUL in the e-mail", "ron@swanson.com\0", "mysecretpassword"),
        ("the longest e-mail", &"e".repeat(254), "mysecretpassword"),
        ("no password in the store", "sso@example.com", "mysecretpassword"),
        ("an unusable hash, by the former password", "spoiled@example.com", "p"),
        ("an unusable hash, by itself", "spoiled@example.com", "spoiled"),
        ("over-long, unknown", "nobody@example.com", &long),
        ("over-long, wrong", "ron@swanson.com", &long),
        ("over-long, right", "endless@example.com", &long),
        ("other parameters", "old@example.com", "wrong"),
    ] {
        let answer = Answer::of(&issuer, login(email, password)).await;
        assert_eq!(answer, Answer::wrong_credentials(), "{why}");
    }
}

#[tokio::test]
async fn every_login_that_fails_asks_the_store_once_and_hashes_once() {
    let customers = customers().await;
    let disabled = Customer::new("disabled".parse().unwrap(), "", "disabled@example.com");
    customers.insert(&disabled.enabled(false), Some(&hash(b"p", FAST))).await.unwrap();
    let store = Scripted::new(customers);
    let hasher = PasswordHasher::builder().params(FAST).threads(1).max_waiting(1).build().unwrap();
    let issuer = builder(store.clone(), hasher.clone()).build().unwrap();
    let long = "x".repeat(2000);
    let tries = [
        ("ron@swanson.com", "wrong"),
        ("nobody@example.com", "wrong"),
        ("ron@swanson.com", &long),
        ("nobody@example.com", &long),
        ("disabled@example.com", "p"),
    ];
    for (number, (email, password)) in tries.into_iter().enumerate() {
        let busy = occupy(&hasher).await;
        let trying = {
            let issuer = issuer.clone();
            let login = login(email, password);
            tokio::spawn(async move { Answer::of(&issuer, login).await })
        };
        // One job waits, and it is the only one: the queue has room for one.
        while hasher.pool().waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.found.load(Ordering::SeqCst), number + 1);
        drop(busy);
        assert_eq!(trying.await.unwrap(), Answer::wrong_credentials(), "{email}");
        assert_eq!(hasher.pool().waiting(), 0);
    }
}

#[tokio::test]
async fn passwords_are_bytes_and_any_of_1_to_1024_will_do() {
    let longest = "é".repeat(512);
    for password in ["p", " ", "\0", "a\0b", "🦀\u{202e}\"\\\n", &longest] {
        let customers = MemoryCustomers::new();
        customers.insert(&ron(), Some(&hash(password.as_bytes(), FAST))).await.unwrap();
        let issuer = builder(customers, hasher()).build().unwrap();
        let answer = Answer::of(&issuer, login("ron@swanson.com", password)).await;
        assert_eq!(answer.status, 200, "{password:?}");
    }
}

#[tokio::test]
async fn an_email_is_taken_in_any_case() {
    let issuer = issuer().await;
    for email in ["ron@swanson.com", "Ron@Swanson.com", "RON@SWANSON.COM"] {
        let answer = Answer::of(&issuer, login(email, "mysecretpassword")).await;
        assert_eq!(answer.status, 200, "{email}");
    }
}

async fn with_old_hash() -> (Scripted, PasswordHash) {
    let customers = MemoryCustomers::new();
    let old = hash(b"mysecretpassword", PasswordParams { passes: 2, ..FAST });
    customers.insert(&ron(), Some(&old)).await.unwrap();
    (Scripted::new(customers), old)
}

async fn stored(store: &Scripted) -> PasswordHash {
    let stored = store.customers.find_by_email("ron@swanson.com").await.unwrap().unwrap();
    stored.password_hash().unwrap().clone()
}

#[tokio::test]
async fn a_hash_with_other_parameters_is_replaced_after_a_login() {
    let (store, old) = with_old_hash().await;
    let replaced = store.replacement();
    let issuer = builder(store.clone(), hasher()).build().unwrap();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "wrong")).await;
    assert_eq!(answer, Answer::wrong_credentials());
    assert_eq!(stored(&store).await.expose(), old.expose());
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
    replaced.await.unwrap();
    let new = stored(&store).await;
    assert!(!new.needs_rehash(FAST), "{}", new.expose());
    let again = store.replacement();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
    drop(issuer);
    // No other replacement was requested: the sender is still in the store.
    drop(store.replaced.lock().unwrap().take());
    assert_eq!(again.await.ok(), None);
    assert_eq!(stored(&store).await.expose(), new.expose());
}

#[tokio::test]
async fn a_disabled_customers_hash_is_not_replaced_and_an_enabled_one_gets_in_again() {
    let (store, old) = with_old_hash().await;
    let issuer = builder(store.clone(), hasher()).build().unwrap();
    let replaced = store.replacement();
    store.customers.update(ron().id(), &CustomerUpdate::new().enabled(false)).await.unwrap();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer, Answer::wrong_credentials());
    tokio::task::yield_now().await;
    assert!(store.replaced.lock().unwrap().is_some(), "no replacement was requested");
    assert_eq!(stored(&store).await.expose(), old.expose());

    store.customers.update(ron().id(), &CustomerUpdate::new().enabled(true)).await.unwrap();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
    replaced.await.unwrap();
}

#[tokio::test]
async fn a_replacement_never_undoes_a_change_of_the_password() {
    let (store, _) = with_old_hash().await;
    let hasher = PasswordHasher::builder().params(FAST).threads(1).max_waiting(1).build().unwrap();
    let issuer = builder(store.clone(), hasher.clone()).build().unwrap();
    let replaced = store.replacement();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
    // The replacement's task has had no turn yet on this one thread of the test.
    let changed = hash(b"changed", FAST);
    store.customers.set_password(ron().id(), &changed).await.unwrap();
    replaced.await.unwrap();
    assert_eq!(stored(&store).await.expose(), changed.expose());
}

#[tokio::test]
async fn a_replacement_that_fails_fails_no_login() {
    let (mut store, old) = with_old_hash().await;
    store.replace = Script::Fails;
    let issuer = builder(store.clone(), hasher()).build().unwrap();
    for _ in 0..2 {
        let replaced = store.replacement();
        let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
        assert_eq!(answer.status, 200);
        replaced.await.unwrap();
    }
    assert_eq!(stored(&store).await.expose(), old.expose());
}

#[tokio::test]
async fn a_replacement_is_dropped_when_there_is_no_room_for_it() {
    let (store, old) = with_old_hash().await;
    let hasher = PasswordHasher::builder().params(FAST).threads(1).max_waiting(0).build().unwrap();
    let issuer = builder(store.clone(), hasher.clone()).build().unwrap();
    let replaced = store.replacement();
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer.status, 200);
    // Its task has had no turn yet, and when it has, the one thread is busy and nothing may wait.
    let busy = {
        let (release, until) = mpsc::channel::<()>();
        let hasher = hasher.clone();
        let mut job =
            Box::pin(
                async move { hasher.pool().run(Flow::new(), move |_| until.recv().ok()).await },
            );
        assert!(futures_util::FutureExt::now_or_never(&mut job).is_none());
        (release, job)
    };
    drop(issuer);
    tokio::task::yield_now().await;
    drop(store.replaced.lock().unwrap().take());
    assert_eq!(replaced.await.ok(), None);
    assert_eq!(stored(&store).await.expose(), old.expose());
    drop(busy.0);
    assert_eq!(busy.1.await.ok(), Some(None));
}

/// The response to a login whose password is replaced after `wait`, by the clock, while it is being
/// hashed.
async fn login_overtaken_by_a_change(wait: Duration, overtaken: bool) -> Answer {
    let customers = customers().await;
    let revocations = Revocations::in_memory();
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let hasher = PasswordHasher::builder().params(FAST).threads(1).build().unwrap();
    let issuer = builder(customers.clone(), hasher.clone())
        .revocations(revocations.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let busy = occupy(&hasher).await;
    let trying = tokio::spawn(async move {
        Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await
    });
    while hasher.pool().waiting() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(wait);
    if overtaken {
        customers.set_password(ron().id(), &hash(b"another password", FAST)).await.unwrap();
        revocations.revoke_customer(ron().id(), clock.now()).await.unwrap();
    }
    drop(busy);
    trying.await.unwrap()
}

#[tokio::test]
async fn a_login_by_a_password_that_is_changed_meanwhile_is_refused() {
    for wait in [Duration::from_nanos(1), Duration::from_millis(999), Duration::from_secs(3)] {
        let answer = login_overtaken_by_a_change(wait, true).await;
        assert_eq!(answer, Answer::wrong_credentials(), "{wait:?}");
        let answer = login_overtaken_by_a_change(wait, false).await;
        assert_eq!(answer.status, 200, "{wait:?}");
    }
}
