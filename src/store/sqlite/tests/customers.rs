//! What only a store on a disk can do.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqlitePool;

use crate::customer::ChangeErrorKind;
use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
use crate::customer::StoredCustomer;
use crate::database::SqliteDatabase;
use crate::password::InvalidPasswordHash;
use crate::password::PasswordHash;
use crate::store::SqliteCustomers;
use crate::store::sqlite::tests::TempFile;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;

fn ron() -> Customer {
    Customer::new(id(RON), "Ron Swanson", "ron@swanson.com")
}

pub(super) async fn pragma(store: &SqliteCustomers, sql: &'static str) -> String {
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
    let again =
        SqliteCustomers::new(SqliteDatabase::from_pool(store.pool().clone())).await.unwrap();
    own.run(again.pool()).await.unwrap();
    assert_eq!(pragma(&again, "SELECT count(*) FROM _sqlx_migrations").await, "1");
    assert_eq!(pragma(&again, "SELECT count(*) FROM customer_auth_migrations").await, "3");
}

#[tokio::test]
async fn refuses_a_file_that_is_no_database_and_keeps_it() {
    let file = TempFile::new();
    let text = "this is a text that is longer than the header of a database file. ".repeat(9);
    std::fs::write(&file.0, &text).unwrap();
    let refused = SqliteCustomers::open(&file.0).await.unwrap_err();
    assert_eq!(refused.to_string(), "the store is unavailable");
    assert_eq!(std::fs::read_to_string(&file.0).unwrap(), text);
}

#[tokio::test]
async fn refuses_paths_that_sqlite_would_take_for_something_else() {
    for path in ["", "file:customers.sqlite3", "file::memory:"] {
        let refused = SqliteCustomers::open(path).await.unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(cause, "error with configuration: the path is empty or a URI", "{path:?}");
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
    let impatient = SqliteCustomers::new(SqliteDatabase::from_pool(impatient)).await.unwrap();
    let lock = store.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = impatient.set_password(&id(RON), &hash("q")).await.unwrap_err();
    assert_eq!(refused.kind(), ChangeErrorKind::Store);
    // Readers don't wait for writers.
    let stored = impatient.find_by_email("ron@swanson.com").await.unwrap();
    assert_eq!(stored.map(StoredCustomer::into_customer), Some(ron()));
    lock.rollback().await.unwrap();
    assert!(impatient.set_password(&id(RON), &hash("q")).await.unwrap());
}
