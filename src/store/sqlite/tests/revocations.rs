//! Changes that end tokens, and their revocations.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt;

use crate::clock::Clock;
use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
use crate::id::CustomerId;
use crate::revocation::CutOff;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;
use crate::revocation::Revocations;
use crate::store::SqliteCustomers;
use crate::testing::is_revoked;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;

/// Goes on by a step with each reading.
#[derive(Debug)]
struct SteppingClock {
    millis: AtomicU64,
    step: u64,
}

impl Clock for SteppingClock {
    fn now(&self) -> SystemTime {
        let millis = self.millis.fetch_add(self.step, Ordering::Relaxed);
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }
}

/// Milliseconds since 1970, near the end of a second.
const NOW: u64 = 1_510_000_000_900;

fn time(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

/// A store with Ron in it, with a clock that takes steps, and its list.
async fn store(step: u64, capacity: usize) -> (SqliteCustomers, Revocations) {
    let clock = Arc::new(SteppingClock { millis: AtomicU64::new(NOW), step });
    let store = SqliteCustomers::open(":memory:").await.unwrap().clock(clock);
    let log = store.revocation_log();
    let list = Revocations::durable(log).capacity(capacity).start().unwrap();
    list.ready().await.unwrap();
    let store = store.revocations(list.clone());
    store.insert(&ron(), Some(&hash("old"))).await.unwrap();
    (store, list)
}

fn ron() -> Customer {
    Customer::new(id(RON), "Ron Swanson", "ron@swanson.com")
}

async fn log(store: &SqliteCustomers) -> Vec<RevocationEntry> {
    let mut entries = Vec::new();
    store.revocation_log().snapshot(&mut |entry| entries.push(entry)).await.unwrap();
    entries
}

fn ended(customer: CustomerId, cut_off: CutOff) -> RevocationEntry {
    RevocationEntry::Customer { id: customer, cut_off }
}

fn knows(list: &Revocations, customer: &str, login_at: SystemTime) -> bool {
    is_revoked(list, &"t".parse().unwrap(), &id(customer), login_at)
}

/// A cut-off whose first valid second begins after a commit of usual length.
fn now_ended() -> RevocationEntry {
    ended(id(RON), CutOff::with_valid_from(time(NOW), time(NOW + 250)))
}

#[tokio::test]
async fn a_password_disabling_and_deleting_end_the_tokens_when_they_return() {
    let password = CustomerUpdate::new().password(hash("new"));
    for update in [Some(password), Some(CustomerUpdate::new().enabled(false)), None] {
        let (store, list) = store(0, 10).await;
        match &update {
            Some(update) => assert!(store.update(&id(RON), update).await.unwrap().is_some()),
            None => assert!(store.delete(&id(RON)).await.unwrap()),
        }
        assert_eq!(log(&store).await, [now_ended()], "{update:?}");
        // 1.15 s later begins the second 1_510_000_002.
        assert!(knows(&list, RON, time(1_510_000_001_000)), "{update:?}");
        assert!(!knows(&list, RON, time(1_510_000_002_000)), "{update:?}");
        assert!(!knows(&list, LESLIE, time(0)), "{update:?}");
    }
}

#[cfg(feature = "oidc")]
#[tokio::test]
async fn a_link_ends_the_tokens_and_a_stale_one_does_not() {
    use crate::customer::Admission;
    use crate::customer::IdentityStore;
    use crate::testing::store_suite::identities::unverified;
    use crate::testing::store_suite::identities::verified;

    let (store, list) = store(0, 10).await;
    let stale = store.link(&unverified("ron", LESLIE, "ron@swanson.com"), &id(RON)).await.unwrap();
    assert_eq!((stale, log(&store).await), (Admission::Stale, vec![]));
    let linked = store.link(&verified("ron", LESLIE, "ron@swanson.com"), &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(ron()));
    assert_eq!(log(&store).await, [now_ended()]);
    assert!(knows(&list, RON, time(NOW)));
}

#[tokio::test]
async fn other_changes_and_changes_of_unknown_customers_end_nothing() {
    let (store, list) = store(0, 10).await;
    for update in [
        CustomerUpdate::new(),
        CustomerUpdate::new().name("R"),
        CustomerUpdate::new().email("r@example.com"),
        CustomerUpdate::new().enabled(true),
    ] {
        assert!(store.update(&id(RON), &update).await.unwrap().is_some());
    }
    let update = CustomerUpdate::new().password(hash("new")).enabled(false);
    assert_eq!(store.update(&id(LESLIE), &update).await.unwrap(), None);
    assert!(!store.delete(&id(LESLIE)).await.unwrap());
    let stored = store.find_by_email("r@example.com").await.unwrap().unwrap();
    let (old, new) = (stored.password_hash().unwrap(), hash("old"));
    assert!(store.replace_password_hash(&id(RON), old, &new).await.unwrap());
    assert_eq!(log(&store).await, []);
    assert!(!knows(&list, RON, time(0)) && !knows(&list, LESLIE, time(0)));
}

#[tokio::test]
async fn a_transaction_that_is_not_committed_changes_and_ends_nothing() {
    let (store, list) = store(0, 1).await;
    let mut transaction = store.begin().await.unwrap();
    let update = CustomerUpdate::new().name("R").password(hash("new"));
    assert!(transaction.update(&id(RON), &update).await.unwrap().is_some());
    assert!(transaction.delete(&id(RON)).await.unwrap());
    drop(transaction);
    assert_eq!(store.get(&id(RON)).await.unwrap().unwrap().customer(), &ron());
    assert_eq!(log(&store).await, []);
    assert!(!knows(&list, RON, time(0)));
    // The place in the list is free again.
    list.revoke_customer(&id(LESLIE), time(NOW)).await.unwrap();
}

#[tokio::test]
async fn a_commit_whose_caller_is_cancelled_is_carried_out() {
    let (store, list) = store(0, 1).await;
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.delete(&id(RON)).await.unwrap());
    let mut commit = Box::pin(transaction.commit());
    assert!((&mut commit).now_or_never().is_none());
    drop(commit);
    // The next writer's turn comes when the commit is complete.
    drop(store.begin().await.unwrap());
    assert!(store.get(&id(RON)).await.unwrap().is_none());
    assert_eq!(log(&store).await, [now_ended()]);
    assert!(knows(&list, RON, time(NOW)));
}

#[tokio::test]
async fn a_full_list_refuses_the_change_before_it_is_made() {
    let (store, list) = store(0, 1).await;
    list.revoke_customer(&id(LESLIE), time(NOW)).await.unwrap();
    let before = log(&store).await;
    let update = CustomerUpdate::new().name("R").password(hash("new"));
    let refused = store.update(&id(RON), &update).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap();
    assert_eq!(cause.source().unwrap().to_string(), "the list is full at 1 entries");
    assert!(store.delete(&id(RON)).await.is_err_and(|error| error.to_string().contains("store")));
    assert_eq!(store.get(&id(RON)).await.unwrap().unwrap().customer(), &ron());
    assert_eq!(log(&store).await, before);
}

#[tokio::test]
async fn a_commit_that_takes_long_is_followed_by_a_later_cut_off() {
    let (store, list) = store(400, 10).await;
    store.set_password(&id(RON), &hash("new")).await.unwrap();
    let entries = log(&store).await;
    let [RevocationEntry::Customer { cut_off, .. }] = &entries[..] else {
        panic!("{entries:?}");
    };
    // The insertion and the change read the clock three times each, the last time after the commit.
    assert_eq!(*cut_off, CutOff::new(time(NOW + 5 * 400)));
    assert!(knows(&list, RON, time(NOW + 5 * 400 - 1_000)));
}

#[tokio::test]
async fn changes_and_rows_of_an_application_are_committed_together() {
    let (store, list) = store(0, 10).await;
    let mut transaction = store.begin().await.unwrap();
    sqlx::query("CREATE TABLE notes (text TEXT)").execute(transaction.connection()).await.unwrap();
    assert!(transaction.delete(&id(RON)).await.unwrap());
    transaction.insert(&ron(), None).await.unwrap();
    transaction.commit().await.unwrap();
    let notes: i64 =
        sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(store.pool()).await.unwrap();
    assert_eq!(notes, 0);
    assert!(!store.get(&id(RON)).await.unwrap().unwrap().has_password());
    assert!(knows(&list, RON, time(NOW)));
}

#[tokio::test]
async fn a_transaction_knows_what_was_revoked_before_it() {
    let (store, list) = store(0, 10).await;
    let token = "t".parse().unwrap();
    list.revoke(&token, time(NOW + 1_000)).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let other = "u".parse().unwrap();
    for (asked, expected) in [(&token, true), (&other, false)] {
        let revoked = transaction.is_revoked(asked, asked, &id(RON), time(NOW)).await.unwrap();
        assert_eq!(revoked, expected, "{asked}");
    }
}

#[tokio::test]
async fn a_disabled_customer_is_shown_as_such_and_is_not_linked() {
    let (store, _) = store(0, 10).await;
    let disable = CustomerUpdate::new().enabled(false);
    let record = store.update(&id(RON), &disable).await.unwrap().unwrap();
    let disabled = ron().enabled(false);
    assert_eq!(record.customer(), &disabled);
    let found = store.find_by_email("ron@swanson.com").await.unwrap().unwrap();
    assert_eq!(found.customer(), &disabled);
    #[cfg(feature = "oidc")]
    {
        use crate::customer::EmailHolder;
        use crate::customer::IdentityStore;

        let holder = store.email_holder("ron@swanson.com").await.unwrap();
        assert_eq!(holder, EmailHolder::NotLinkable);
    }
    let enable = CustomerUpdate::new().enabled(true);
    let record = store.update(&id(RON), &enable).await.unwrap().unwrap();
    assert_eq!(record.customer(), &ron());
}
