//! What every store must do: one suite, instantiated for each.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::customer::PasswordHash;
use crate::customer::PasswordParams;
use crate::id::CustomerId;
use crate::secret::Secret;

const RON: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
const LESLIE: &str = "be076eb9-689e-4cfe-8299-8489f99a14e6";

/// A time with a fraction that stores don't keep.
const INSERTED: Duration = Duration::from_nanos(1_510_597_800_123_456_789);
const KEPT: Duration = Duration::from_millis(1_510_597_800_123);

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + INSERTED
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(Fixed)
}

fn id(text: &str) -> CustomerId {
    text.parse().unwrap()
}

fn hash(password: &str) -> PasswordHash {
    let params = PasswordParams::worthless_but_fast();
    PasswordHash::compute(&Secret::from(password), params).unwrap()
}

macro_rules! customer_store_suite {
    ($name:ident, $open:expr) => {
        mod $name {
            use std::time::SystemTime;

            use super::*;
            use crate::customer::ChangeErrorKind;
            use crate::customer::Customer;
            use crate::customer::CustomerStore;
            use crate::customer::CustomerUpdate;

            fn ron() -> Customer {
                Customer::new(id(RON), "Ron Swanson", "Ron@Swanson.com")
            }

            fn leslie(email: &str) -> Customer {
                Customer::new(id(LESLIE), "Leslie Knope", email)
            }

            async fn found(store: &impl CustomerStore, email: &str) -> Option<(Customer, String)> {
                let stored = store.find_by_email(email).await.unwrap()?;
                let phc = stored.password_hash().unwrap().expose().to_owned();
                Some((stored.into_customer(), phc))
            }

            #[tokio::test]
            async fn finds_a_customer_in_any_case_and_shows_the_email_as_given() {
                let (store, _guard) = $open.await;
                let password = hash("mysecretpassword");
                store.insert(&ron(), Some(&password)).await.unwrap();
                let expected = Some((ron(), password.expose().to_owned()));
                for email in ["Ron@Swanson.com", "ron@swanson.com", "RON@SWANSON.COM"] {
                    assert_eq!(found(&store, email).await, expected, "{email}");
                }
                for email in
                    ["", "ron", "ron@swanson.com ", "ron@swanson.com\0", "%", "r_n@swanson.com"]
                {
                    assert_eq!(found(&store, email).await, None, "{email:?}");
                }
            }

            #[tokio::test]
            async fn compares_letters_beyond_ascii_in_any_case_too() {
                let (store, _guard) = $open.await;
                let elodie = Customer::new(id(RON), "Élodie", "Élodie@Example.fr");
                store.insert(&elodie, Some(&hash("p"))).await.unwrap();
                let customer =
                    found(&store, "ÉLODIE@example.FR").await.map(|(customer, _)| customer);
                assert_eq!(customer, Some(elodie));
                assert_eq!(found(&store, "elodie@example.fr").await, None);
            }

            #[tokio::test]
            async fn keeps_any_text_as_it_is() {
                let (store, _guard) = $open.await;
                let text = "a'\"\0\n%_\\;--\u{202e}🦀";
                let odd = Customer::new(id("auth0|';DROP/**/TABLE/**/x;--"), text, text);
                let shown = store.insert(&odd, Some(&hash("p"))).await.unwrap();
                assert_eq!(shown.customer(), &odd);
                assert_eq!(found(&store, text).await.map(|(customer, _)| customer), Some(odd));
            }

            #[tokio::test]
            async fn never_finds_a_customer_without_a_password() {
                let (store, _guard) = $open.await;
                let shown = store.insert(&ron(), None).await.unwrap();
                assert!(!shown.has_password());
                assert_eq!(found(&store, "ron@swanson.com").await, None);
                assert!(store.set_password(&id(RON), &hash("p")).await.unwrap());
                let customer = found(&store, "ron@swanson.com").await.map(|(customer, _)| customer);
                assert_eq!(customer, Some(ron()));
                assert!(store.get(&id(RON)).await.unwrap().unwrap().has_password());
            }

            #[tokio::test]
            async fn refuses_a_second_password_for_an_email_in_any_case() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let refused = store.insert(&leslie("RON@swanson.com"), Some(&hash("q"))).await;
                assert_eq!(refused.unwrap_err().kind(), ChangeErrorKind::DuplicateEmail);
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
            }

            #[tokio::test]
            async fn several_without_a_password_share_an_email_and_none_of_them_gets_one() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                store.insert(&leslie("ron@swanson.com"), None).await.unwrap();
                let april = Customer::new(id("april"), "April", "ron@swanson.com");
                store.insert(&april, None).await.unwrap();
                let refused = store.set_password(&id(LESLIE), &hash("q")).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateEmail);
                let customer = found(&store, "ron@swanson.com").await.map(|(customer, _)| customer);
                assert_eq!(customer, Some(ron()));
            }

            #[tokio::test]
            async fn refuses_a_second_customer_with_one_identifier() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), None).await.unwrap();
                let other = Customer::new(id(RON), "Other", "other@example.com");
                let refused = store.insert(&other, None).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateId);
                assert_eq!(store.get(&id(RON)).await.unwrap().unwrap().customer(), &ron());
            }

            #[tokio::test]
            async fn tells_a_taken_identifier_before_a_taken_email() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let refused = store.insert(&ron(), Some(&hash("p"))).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateId);
            }

            #[tokio::test]
            async fn shows_when_a_customer_was_inserted_to_the_millisecond() {
                let (store, _guard) = $open.await;
                let inserted = store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let at = SystemTime::UNIX_EPOCH + KEPT;
                assert_eq!((inserted.created_at(), inserted.updated_at()), (at, at));
                assert_eq!(inserted.customer(), &ron());
                assert!(inserted.has_password());
                assert_eq!(store.get(&id(RON)).await.unwrap(), Some(inserted));
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
            }

            #[tokio::test]
            async fn changes_only_what_an_update_names() {
                let (store, _guard) = $open.await;
                let password = hash("p");
                store.insert(&ron(), Some(&password)).await.unwrap();
                for (update, name, email, phc) in [
                    (CustomerUpdate::new(), "Ron Swanson", "Ron@Swanson.com", &password),
                    (CustomerUpdate::new().name(""), "", "Ron@Swanson.com", &password),
                    (
                        CustomerUpdate::new().email("Duke@Silver.com"),
                        "",
                        "Duke@Silver.com",
                        &password,
                    ),
                    // Its own e-mail in another case is no duplicate.
                    (
                        CustomerUpdate::new().email("duke@silver.com"),
                        "",
                        "duke@silver.com",
                        &password,
                    ),
                ] {
                    let customer = Customer::new(id(RON), name, email);
                    let shown = store.update(&id(RON), &update).await.unwrap().unwrap();
                    assert_eq!(shown.customer(), &customer);
                    assert_eq!(store.get(&id(RON)).await.unwrap(), Some(shown));
                    let expected = Some((customer, phc.expose().to_owned()));
                    assert_eq!(found(&store, email).await, expected);
                }
                assert_eq!(found(&store, "ron@swanson.com").await, None);
                let new = hash("q");
                let update = CustomerUpdate::new().name("Ron").password(new.clone());
                store.update(&id(RON), &update).await.unwrap().unwrap();
                let customer = Customer::new(id(RON), "Ron", "duke@silver.com");
                let expected = Some((customer, new.expose().to_owned()));
                assert_eq!(found(&store, "duke@silver.com").await, expected);
            }

            #[tokio::test]
            async fn an_update_that_is_refused_changes_nothing() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let before =
                    store.insert(&leslie("leslie@pawnee.gov"), Some(&hash("q"))).await.unwrap();
                let update = CustomerUpdate::new().name("Ron?").email("RON@swanson.com");
                let refused = store.update(&id(LESLIE), &update).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateEmail);
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), Some(before));
            }

            #[tokio::test]
            async fn tells_that_there_is_no_such_customer() {
                let (store, _guard) = $open.await;
                let (old, new) = (hash("p"), hash("q"));
                let update = CustomerUpdate::new().name("Ron");
                assert_eq!(store.update(&id(RON), &update).await.unwrap(), None);
                assert!(!store.set_password(&id(RON), &new).await.unwrap());
                assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
            }

            #[tokio::test]
            async fn replaces_a_hash_only_if_it_still_is_the_old_one() {
                let (store, _guard) = $open.await;
                let (first, second, third) = (hash("p"), hash("p"), hash("changed"));
                let before = store.insert(&ron(), Some(&first)).await.unwrap();
                assert!(store.replace_password_hash(&id(RON), &first, &second).await.unwrap());
                // No change of the customer's.
                assert_eq!(store.get(&id(RON)).await.unwrap(), Some(before));
                assert!(store.set_password(&id(RON), &third).await.unwrap());
                assert!(!store.replace_password_hash(&id(RON), &second, &first).await.unwrap());
                let phc = found(&store, "ron@swanson.com").await.map(|(_, phc)| phc);
                assert_eq!(phc.as_deref(), Some(third.expose()));
            }

            #[tokio::test]
            async fn never_gives_a_password_to_a_customer_who_has_none_by_replacement() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), None).await.unwrap();
                let (old, new) = (hash("p"), hash("q"));
                assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
                assert!(!store.get(&id(RON)).await.unwrap().unwrap().has_password());
            }

            #[tokio::test]
            async fn of_many_registrations_at_once_one_wins() {
                let (store, _guard) = $open.await;
                let tries = (0..16).map(|number| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let customer =
                            Customer::new(id(&number.to_string()), "", "one@example.com");
                        store.insert(&customer, Some(&hash("p"))).await.map_err(|e| e.kind())
                    })
                });
                let mut outcomes = Vec::new();
                for outcome in futures_util::future::join_all(tries).await {
                    outcomes.push(outcome.unwrap().err());
                }
                outcomes.sort_by_key(Option::is_some);
                assert_eq!(outcomes[0], None);
                assert_eq!(outcomes[1..], [Some(ChangeErrorKind::DuplicateEmail); 15]);
            }

            #[tokio::test]
            async fn debug_shows_no_customer() {
                let (store, _guard) = $open.await;
                let password = hash("mysecretpassword");
                store.insert(&ron(), Some(&password)).await.unwrap();
                let stored = store.find_by_email("ron@swanson.com").await.unwrap();
                let record = store.get(&id(RON)).await.unwrap();
                let shown = format!("{store:?} {stored:?} {record:?}").to_lowercase();
                for secret in ["argon2", "swanson", &password.expose().to_lowercase()] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    };
}

customer_store_suite!(memory, async {
    (crate::customer::MemoryCustomers::new().clock(clock()), ())
});

#[cfg(feature = "sqlite")]
customer_store_suite!(sqlite_file, async {
    let file = sqlite::TempFile::new();
    let store = crate::customer::SqliteCustomers::open(&file.0).await.unwrap();
    (store.clock(clock()), file)
});

#[cfg(feature = "sqlite")]
customer_store_suite!(sqlite_memory, async {
    let store = crate::customer::SqliteCustomers::open(":memory:").await.unwrap();
    (store.clock(clock()), ())
});

/// What only a store on a disk can do.
#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;

    use futures_util::FutureExt;
    use sqlx::Row;
    use sqlx::SqlSafeStr;
    use sqlx::migrate::Migration;
    use sqlx::migrate::MigrationType;
    use sqlx::migrate::Migrator;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::sqlite::SqlitePool;

    use super::*;
    use crate::customer::ChangeErrorKind;
    use crate::customer::Customer;
    use crate::customer::CustomerStore;
    use crate::customer::CustomerUpdate;
    use crate::customer::InvalidPasswordHash;
    use crate::customer::SqliteCustomers;
    use crate::customer::StoredCustomer;

    pub(super) struct TempFile(pub(super) PathBuf);

    impl TempFile {
        pub(super) fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("customers-{}-{number}.sqlite3", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for TempFile {
        fn drop(&mut self) {
            for suffix in ["", "-wal", "-shm"] {
                let mut path = self.0.clone().into_os_string();
                path.push(suffix);
                drop(std::fs::remove_file(path));
            }
        }
    }

    fn ron() -> Customer {
        Customer::new(id(RON), "Ron Swanson", "ron@swanson.com")
    }

    async fn pragma(store: &SqliteCustomers, sql: &'static str) -> String {
        let row = sqlx::query(sql).fetch_one(store.pool()).await.unwrap();
        row.try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string()))
            .unwrap()
    }

    #[tokio::test]
    async fn a_file_is_in_wal_mode_and_every_commit_reaches_the_disk() {
        let file = TempFile::new();
        let store = SqliteCustomers::open(&file.0).await.unwrap();
        assert_eq!(pragma(&store, "PRAGMA journal_mode").await, "wal");
        assert_eq!(pragma(&store, "PRAGMA synchronous").await, "2");
        assert_eq!(pragma(&store, "PRAGMA busy_timeout").await, "2000");
        assert_eq!(pragma(&store, "PRAGMA foreign_keys").await, "1");
    }

    #[tokio::test]
    async fn customers_are_there_when_the_file_is_opened_again() {
        let file = TempFile::new();
        let password = hash("p");
        let store = SqliteCustomers::open(&file.0).await.unwrap();
        let inserted = store.insert(&ron(), Some(&password)).await.unwrap();
        store.pool().close().await;
        let store = SqliteCustomers::open(&file.0).await.unwrap();
        assert_eq!(store.get(&id(RON)).await.unwrap(), Some(inserted));
    }

    #[tokio::test]
    async fn lists_and_counts_customers_in_the_order_of_their_insertion() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        assert_eq!(store.count().await.unwrap(), 0);
        let mut inserted = Vec::new();
        // Not the order of the ids.
        for name in ["c", "a", "b"] {
            let customer = Customer::new(id(name), name, "shared@pawnee.gov");
            inserted.push(store.insert(&customer, None).await.unwrap());
        }
        assert_eq!(store.count().await.unwrap(), 3);
        assert_eq!(store.list(10, 0).await.unwrap(), inserted);
        assert_eq!(store.list(1, 1).await.unwrap(), inserted[1..2]);
        assert_eq!(store.list(10, 3).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_deleted_customer_is_gone_and_leaves_the_e_mail_free() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        let password = hash("p");
        store.insert(&ron(), Some(&password)).await.unwrap();
        assert!(store.delete(&id(RON)).await.unwrap());
        assert!(!store.delete(&id(RON)).await.unwrap());
        assert_eq!(store.get(&id(RON)).await.unwrap(), None);
        let found = store.find_by_email("ron@swanson.com").await.unwrap();
        assert_eq!(found.map(StoredCustomer::into_customer), None);
        let next = Customer::new(id(LESLIE), "Leslie", "ron@swanson.com");
        assert_eq!(store.insert(&next, Some(&password)).await.unwrap().customer(), &next);
    }

    #[tokio::test]
    async fn many_open_one_new_file_at_once() {
        let file = TempFile::new();
        let opened = (0..8).map(|_| SqliteCustomers::open(file.0.clone()));
        for store in futures_util::future::join_all(opened).await {
            assert_eq!(store.unwrap().get(&id(RON)).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn an_applications_own_migrations_live_in_the_same_file() {
        let file = TempFile::new();
        let store = SqliteCustomers::open(&file.0).await.unwrap();
        // The first migration of an application has the number that ours has.
        let sql = "CREATE TABLE customers (id TEXT PRIMARY KEY)";
        let kind = MigrationType::Simple;
        let own = Migration::new(1, "own".into(), kind, sql.into_sql_str(), false);
        let own = Migrator::with_migrations(vec![own]);
        own.run(store.pool()).await.unwrap();
        let again = SqliteCustomers::from_pool(store.pool().clone()).await.unwrap();
        own.run(again.pool()).await.unwrap();
        assert_eq!(pragma(&again, "SELECT count(*) FROM _sqlx_migrations").await, "1");
        assert_eq!(pragma(&again, "SELECT count(*) FROM customer_auth_migrations").await, "1");
    }

    #[tokio::test]
    async fn refuses_a_file_that_is_no_database_and_keeps_it() {
        let file = TempFile::new();
        let text = "this is a text that is longer than the header of a database file. ".repeat(9);
        std::fs::write(&file.0, &text).unwrap();
        let refused = SqliteCustomers::open(&file.0).await.unwrap_err();
        assert_eq!(refused.to_string(), "the store could not tell");
        assert_eq!(std::fs::read_to_string(&file.0).unwrap(), text);
    }

    #[tokio::test]
    async fn refuses_paths_that_sqlite_would_take_for_something_else() {
        for path in ["", "file:customers.sqlite3", "file::memory:"] {
            let refused = SqliteCustomers::open(path).await.unwrap_err();
            let cause = std::error::Error::source(&refused).unwrap().to_string();
            assert_eq!(cause, "the path is empty or a URI", "{path:?}");
        }
    }

    #[tokio::test]
    async fn a_database_in_memory_outlives_callers_who_go_away() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        let ron = ron();
        store.insert(&ron, None).await.unwrap();
        for polls in 0..500 {
            let mut look_up = Box::pin(store.get(ron.id()));
            for _ in 0..polls % 5 {
                if (&mut look_up).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let found = store.get(ron.id()).await.unwrap().unwrap();
        assert_eq!(found.customer(), &ron);
    }

    #[tokio::test]
    async fn a_look_up_goes_by_the_index() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        let sql = "EXPLAIN QUERY PLAN SELECT id, name, email, password_hash \
                   FROM customer_auth_customers WHERE email_key = ?1 AND password_hash IS NOT NULL";
        let row = sqlx::query(sql).fetch_one(store.pool()).await.unwrap();
        let plan: String = row.try_get("detail").unwrap();
        assert_eq!(
            plan,
            "SEARCH customer_auth_customers USING INDEX customer_auth_customers_login (email_key=?)"
        );
    }

    #[tokio::test]
    async fn reports_text_that_is_no_hash_as_such_and_not_as_a_fault_of_the_store() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        store.insert(&ron(), Some(&hash("p"))).await.unwrap();
        sqlx::query("UPDATE customer_auth_customers SET password_hash = 'spoiled'")
            .execute(store.pool())
            .await
            .unwrap();
        let stored = store.find_by_email("ron@swanson.com").await.unwrap().unwrap();
        assert_eq!(stored.customer(), &ron());
        let unusable = stored.password_hash().map(PasswordHash::expose);
        assert_eq!(unusable, Err(InvalidPasswordHash));
    }

    #[tokio::test]
    async fn a_change_that_was_given_up_undoes_no_later_one_and_leaves_the_pool_whole() {
        let file = TempFile::new();
        let store = SqliteCustomers::open(&file.0).await.unwrap();
        store.insert(&ron(), Some(&hash("p"))).await.unwrap();
        for number in 0..40 {
            let update = CustomerUpdate::new().name(number.to_string());
            // Dropped at its first await, its second, and so on.
            let ron = id(RON);
            let mut future = Box::pin(store.update(&ron, &update));
            for _ in 0..number % 5 {
                if (&mut future).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let update = CustomerUpdate::new().name("last");
        let shown = store.update(&id(RON), &update).await.unwrap().unwrap();
        assert_eq!(shown.customer().name(), "last");
        assert_eq!(store.get(&id(RON)).await.unwrap(), Some(shown));
        assert_eq!(pragma(&store, "PRAGMA integrity_check").await, "ok");
        assert!(store.find_by_email("ron@swanson.com").await.unwrap().is_some());
    }

    /// `RETURNING` gives its row before the commit.
    #[tokio::test]
    async fn what_is_acknowledged_is_seen_by_every_connection() {
        let file = TempFile::new();
        let writer = SqliteCustomers::open(&file.0).await.unwrap();
        let reader = SqliteCustomers::open(&file.0).await.unwrap();
        for number in 0..100 {
            let customer = Customer::new(id(&number.to_string()), "before", number.to_string());
            let inserted = writer.insert(&customer, None).await.unwrap();
            assert_eq!(reader.get(customer.id()).await.unwrap(), Some(inserted));
            let update = CustomerUpdate::new().name("after");
            let updated = writer.update(customer.id(), &update).await.unwrap();
            assert_eq!(reader.get(customer.id()).await.unwrap(), updated);
        }
    }

    #[tokio::test]
    async fn a_file_that_stays_locked_is_a_fault_of_the_store_and_of_no_customer() {
        let file = TempFile::new();
        let store = SqliteCustomers::open(&file.0).await.unwrap();
        store.insert(&ron(), Some(&hash("p"))).await.unwrap();
        let impatient = SqliteConnectOptions::new().filename(&file.0).busy_timeout(Duration::ZERO);
        let impatient = SqlitePool::connect_with(impatient).await.unwrap();
        let impatient = SqliteCustomers::from_pool(impatient).await.unwrap();
        let lock = store.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
        let refused = impatient.set_password(&id(RON), &hash("q")).await.unwrap_err();
        assert_eq!(refused.kind(), ChangeErrorKind::Store);
        // Readers don't wait for writers.
        let stored = impatient.find_by_email("ron@swanson.com").await.unwrap();
        assert_eq!(stored.map(StoredCustomer::into_customer), Some(ron()));
        lock.rollback().await.unwrap();
        assert!(impatient.set_password(&id(RON), &hash("q")).await.unwrap());
    }
}
