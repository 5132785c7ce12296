//! Transactions over customers, and the revocations in them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt;
use futures_util::future::join_all;
use sqlx::Connection;
use tower_customer_auth::Clock;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::CustomerStore;
use tower_customer_auth::Revocations;
use tower_customer_auth::Secret;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::ChangeErrorKind;
use tower_customer_auth::customer::CustomerUpdate;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;
use tower_customer_auth::password::PasswordHash;
use tower_customer_auth::password::PasswordParams;
use tower_customer_auth::revocation::CutOff;
use tower_customer_auth::revocation::RevocationEntry;
use tower_customer_auth::revocation::RevocationLog;
use tower_customer_auth::store::PostgresCustomers;
use tower_customer_auth::testing::is_revoked;

use crate::support::customers;

/// Goes on by a step with each reading.
#[derive(Debug)]
struct SteppingClock {
    millis: AtomicU64,
    step: u64,
}

impl Clock for SteppingClock {
    fn now(&self) -> SystemTime {
        time(self.millis.fetch_add(self.step, Ordering::Relaxed))
    }
}

/// Milliseconds since 1970, near the end of a second.
const NOW: u64 = 1_510_000_000_900;
const EMAIL: &str = "ron@swanson.com";

fn time(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn id(text: &str) -> CustomerId {
    text.parse().unwrap()
}

fn ron() -> Customer {
    Customer::new(id("ron"), "Ron Swanson", EMAIL)
}

fn hash(password: &str) -> PasswordHash {
    PasswordHash::compute(&Secret::from(password), PasswordParams::default()).unwrap()
}

/// A store with Ron in it, with a clock that takes steps, and its list.
async fn store(step: u64, capacity: usize) -> (PostgresCustomers, Revocations) {
    let clock = Arc::new(SteppingClock { millis: AtomicU64::new(NOW), step });
    let store = customers().await.0.clock(clock);
    let list = Revocations::durable(store.revocation_log()).capacity(capacity).start().unwrap();
    list.ready().await.unwrap();
    let store = store.revocations(list.clone());
    store.insert(&ron(), Some(&hash("old"))).await.unwrap();
    (store, list)
}

async fn log(store: &PostgresCustomers) -> Vec<RevocationEntry> {
    let mut entries = Vec::new();
    store.revocation_log().snapshot(&mut |entry| entries.push(entry)).await.unwrap();
    entries
}

fn knows(list: &Revocations, customer: &str, login_at: SystemTime) -> bool {
    is_revoked(list, &"t".parse().unwrap(), &id(customer), login_at)
}

/// A cut-off whose first valid second begins after a commit of usual length.
fn now_ended() -> RevocationEntry {
    let cut_off = CutOff::with_valid_from(time(NOW), time(NOW + 250));
    RevocationEntry::Customer { id: id("ron"), cut_off }
}

fn newcomer(is_verified: bool) -> Newcomer {
    let identity = Identity::new("https://issuer.example", "ron").unwrap();
    let customer = Customer::new(id("new"), "Ron", EMAIL);
    Newcomer::new(identity, customer).email_verified(is_verified)
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_password_disabling_and_deleting_end_the_tokens_when_they_return() {
    let password = CustomerUpdate::new().password(hash("new"));
    for update in [Some(password), Some(CustomerUpdate::new().enabled(false)), None] {
        let (store, list) = store(0, 10).await;
        match &update {
            Some(update) => assert!(store.update(&id("ron"), update).await.unwrap().is_some()),
            None => assert!(store.delete(&id("ron")).await.unwrap()),
        }
        assert_eq!(log(&store).await, [now_ended()], "{update:?}");
        assert!(knows(&list, "ron", time(1_510_000_001_000)), "{update:?}");
        assert!(!knows(&list, "ron", time(1_510_000_002_000)), "{update:?}");
        assert!(!knows(&list, "leslie", time(0)), "{update:?}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_link_ends_the_tokens_and_a_stale_one_does_not() {
    let (store, list) = store(0, 10).await;
    let stale = store.link(&newcomer(false), &id("ron")).await.unwrap();
    assert_eq!((stale, log(&store).await), (Admission::Stale, vec![]));
    let linked = store.link(&newcomer(true), &id("ron")).await.unwrap();
    assert_eq!(linked, Admission::Admitted(ron()));
    assert_eq!(log(&store).await, [now_ended()]);
    assert!(knows(&list, "ron", time(NOW)));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_transaction_that_is_not_committed_changes_and_ends_nothing() {
    let (store, list) = store(0, 1).await;
    let mut transaction = store.begin().await.unwrap();
    let update = CustomerUpdate::new().name("R").password(hash("new"));
    assert!(transaction.update(&id("ron"), &update).await.unwrap().is_some());
    assert!(transaction.delete(&id("ron")).await.unwrap());
    drop(transaction);
    assert_eq!(store.get(&id("ron")).await.unwrap().unwrap().customer(), &ron());
    assert_eq!(log(&store).await, []);
    assert!(!knows(&list, "ron", time(0)));
    // The place in the list is free again.
    list.revoke_customer(&id("leslie"), time(NOW)).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_commit_whose_caller_is_cancelled_is_carried_out() {
    let (store, list) = store(0, 1).await;
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.delete(&id("ron")).await.unwrap());
    let mut commit = Box::pin(transaction.commit());
    assert!((&mut commit).now_or_never().is_none());
    drop(commit);
    while !knows(&list, "ron", time(NOW)) {
        tokio::task::yield_now().await;
    }
    assert!(store.get(&id("ron")).await.unwrap().is_none());
    assert_eq!(log(&store).await, [now_ended()]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_full_list_refuses_the_change_before_it_is_made() {
    let (store, list) = store(0, 1).await;
    list.revoke_customer(&id("leslie"), time(NOW)).await.unwrap();
    let before = log(&store).await;
    let update = CustomerUpdate::new().name("R").password(hash("new"));
    let refused = store.update(&id("ron"), &update).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap();
    assert_eq!(cause.source().unwrap().to_string(), "the list is full at 1 entries");
    assert_eq!(store.get(&id("ron")).await.unwrap().unwrap().customer(), &ron());
    assert_eq!(log(&store).await, before);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_commit_that_takes_long_is_followed_by_a_later_cut_off() {
    let (store, list) = store(400, 10).await;
    store.set_password(&id("ron"), &hash("new")).await.unwrap();
    let entries = log(&store).await;
    let [RevocationEntry::Customer { cut_off, .. }] = &entries[..] else {
        panic!("{entries:?}");
    };
    // The insertion reads the clock twice, the change three times, the last time after the commit.
    assert_eq!(*cut_off, CutOff::new(time(NOW + 4 * 400)));
    assert!(knows(&list, "ron", time(NOW + 4 * 400 - 1_000)));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn changes_and_rows_of_an_application_are_committed_together() {
    let (store, list) = store(0, 10).await;
    let token = "t".parse().unwrap();
    list.revoke(&token, time(NOW + 1_000)).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let other = "u".parse().unwrap();
    for (asked, expected) in [(&token, true), (&other, false)] {
        let revoked = transaction.is_revoked(asked, asked, &id("ron"), time(NOW)).await.unwrap();
        assert_eq!(revoked, expected, "{asked}");
    }
    let create = "CREATE TEMPORARY TABLE notes (text text)";
    sqlx::raw_sql(create).execute(transaction.connection()).await.unwrap();
    assert!(transaction.delete(&id("ron")).await.unwrap());
    transaction.insert(&ron(), None).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(!store.get(&id("ron")).await.unwrap().unwrap().has_password());
    assert!(knows(&list, "ron", time(NOW)));
}

/// The server answers such a commit by a rollback, which is no error to sqlx.
#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_transaction_in_which_a_statement_failed_is_not_said_to_be_committed() {
    let (store, _) = store(0, 10).await;
    let mut transaction = store.begin().await.unwrap();
    let leslie = Customer::new(id("leslie"), "Leslie", EMAIL);
    let refused = transaction.insert(&leslie, Some(&hash("p"))).await.unwrap_err();
    assert_eq!(refused.kind(), ChangeErrorKind::DuplicateEmail);
    transaction.commit().await.unwrap_err();
    // In a savepoint, it fails alone.
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.delete(&id("ron")).await.unwrap());
    let mut savepoint = transaction.connection().begin().await.unwrap();
    sqlx::raw_sql("SELECT 1 / 0").execute(&mut *savepoint).await.unwrap_err();
    savepoint.rollback().await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.count().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn of_an_insertion_and_a_link_and_a_creation_at_once_the_rules_of_an_email_hold() {
    for round in 0..20 {
        let (store, _) = customers().await;
        store.insert(&ron(), Some(&hash("old"))).await.unwrap();
        // A second customer who came by the e-mail's owner, with an equal claim or a better one.
        let newcomers = (0..6).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let name = format!("{round}-{number}");
                let identity = Identity::new("https://issuer.example", &*name).unwrap();
                let customer = Customer::new(id(&name), "Ron", EMAIL);
                let newcomer = Newcomer::new(identity, customer).email_verified(true);
                if number % 2 == 0 {
                    store.create(&newcomer, false).await.unwrap()
                } else {
                    store.link(&newcomer, &id("ron")).await.unwrap()
                }
            })
        });
        let admitted = join_all(newcomers).await;
        let linked = admitted.iter().filter(|admission| {
            matches!(admission, Ok(Admission::Admitted(customer)) if *customer.id() == id("ron"))
        });
        // Each link was decided by what was committed before it: after a creation, Ron's claim by a
        // password is worse than the newcomer's.
        let has_password = store.get(&id("ron")).await.unwrap().unwrap().has_password();
        assert_eq!(linked.count() == 0, has_password, "round {round}");
        let found = store.find_by_email(EMAIL).await.unwrap();
        assert_eq!(found.is_some(), has_password);
    }
}
