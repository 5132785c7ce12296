//! What only a store on a disk can do with identities.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqlitePool;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::IdentityStore;
use crate::database::SqliteDatabase;
use crate::store::SqliteCustomers;
use crate::store::sqlite::tests::TempFile;
use crate::store::sqlite::tests::customers::pragma;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;
use crate::testing::store_suite::identities::identity;
use crate::testing::store_suite::identities::unverified;
use crate::testing::store_suite::identities::verified;

const EMAIL: &str = "ron@swanson.com";

fn ron() -> Customer {
    Customer::new(id(RON), "Ron Swanson", EMAIL)
}

async fn found(store: &SqliteCustomers, subject: &str) -> Option<Customer> {
    store.find_by_identity(&identity(subject)).await.unwrap()
}

/// A file as the version before identities left it, with one customer in it.
async fn first_version() -> TempFile {
    let file = TempFile::new();
    let sql = include_str!("../../../../migrations/sqlite/0001_customers.sql");
    let kind = MigrationType::Simple;
    let first = Migration::new(1, "customers".into(), kind, sql.into_sql_str(), false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("customer_auth_migrations");
    let options = SqliteConnectOptions::new().filename(&file.0).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    migrator.run(&pool).await.unwrap();
    sqlx::query(
        "INSERT INTO customer_auth_customers \
         (id, name, email, email_key, password_hash, created_at, updated_at) \
         VALUES (?1, 'Ron Swanson', ?2, ?2, ?3, 1510597800123, 1510597800123)",
    )
    .bind(RON)
    .bind(EMAIL)
    .bind(hash("p").expose())
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    file
}

#[tokio::test]
async fn a_file_of_the_version_before_identities_is_brought_up_to_date_and_keeps_its_customers() {
    let file = first_version().await;
    let store = SqliteCustomers::open(&file.0).await.unwrap();
    assert_eq!(pragma(&store, "SELECT max(version) FROM customer_auth_migrations").await, "3");
    let record = store.get(&id(RON)).await.unwrap().unwrap();
    assert_eq!((record.customer(), record.has_password()), (&ron(), true));
    assert_eq!(store.email_holder(EMAIL).await.unwrap(), EmailHolder::Linkable(id(RON)));
    let linked = store.link(&verified("ron", LESLIE, EMAIL), &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(ron()));
    store.pool().close().await;
    let store = SqliteCustomers::open(&file.0).await.unwrap();
    assert_eq!(found(&store, "ron").await, Some(ron()));
    assert!(!store.get(&id(RON)).await.unwrap().unwrap().has_password());
}

#[tokio::test]
async fn many_bring_one_file_up_to_date_at_once() {
    let file = first_version().await;
    let opened = (0..8).map(|_| SqliteCustomers::open(file.0.clone()));
    for store in join_all(opened).await {
        assert_eq!(found(&store.unwrap(), "ron").await, None);
    }
}

#[tokio::test]
async fn refuses_a_file_of_a_later_version() {
    let file = TempFile::new();
    let store = SqliteCustomers::open(&file.0).await.unwrap();
    sqlx::query(
        "INSERT INTO customer_auth_migrations \
         (version, description, success, checksum, execution_time) VALUES (4, '', 1, x'', 0)",
    )
    .execute(store.pool())
    .await
    .unwrap();
    store.pool().close().await;
    let refused = SqliteCustomers::open(&file.0).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    let versions =
        "customer_auth_migrations is at version 4, and this program supports up to version 3";
    assert_eq!(cause, format!("error with configuration: {versions}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_first_logins_at_two_nodes_one_creates() {
    let file = TempFile::new();
    // Two pools, which do not wait for each other's turn, as two processes do not.
    let nodes = [
        SqliteCustomers::open(&file.0).await.unwrap(),
        SqliteCustomers::open(&file.0).await.unwrap(),
    ];
    let logins = (0..50).map(|number| {
        let store = nodes[number % 2].clone();
        tokio::spawn(async move {
            let newcomer = verified("ron", &number.to_string(), EMAIL);
            let admission = store.create(&newcomer, true).await.unwrap();
            (admission, found(&store, "ron").await)
        })
    });
    let mut created = Vec::new();
    let mut seen = Vec::new();
    for login in join_all(logins).await {
        let (admission, customer) = login.unwrap();
        if let Admission::Admitted(customer) = admission {
            created.push(Some(customer));
        }
        seen.push(customer);
    }
    assert_eq!(created.len(), 1);
    assert_eq!(seen, vec![created[0].clone(); 50]);
    assert_eq!(nodes[0].count().await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_acknowledged_is_seen_by_every_connection() {
    let file = TempFile::new();
    let writer = SqliteCustomers::open(&file.0).await.unwrap();
    let reader = SqliteCustomers::open(&file.0).await.unwrap();
    for number in 0..50 {
        let (first, second) = (format!("first-{number}"), format!("second-{number}"));
        let newcomer = verified(&first, &first, &first);
        let created = writer.create(&newcomer, true).await.unwrap();
        assert_eq!(created, Admission::Admitted(found(&reader, &first).await.unwrap()));
        let newcomer = verified(&second, &second, &first);
        let linked = writer.link(&newcomer, &id(&first)).await.unwrap();
        assert_eq!(linked, Admission::Admitted(found(&reader, &second).await.unwrap()));
    }
}

/// Where the runtime ends in the middle of a write, as a process does that is told to stop.
#[test]
fn a_runtime_that_ends_leaves_nothing_half_done() {
    let file = TempFile::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for polls in 0..30 {
        let name = format!("after-{polls}");
        let newcomer = verified(&name, &name, &name);
        runtime().block_on(async {
            let store = SqliteCustomers::open(&file.0).await.unwrap();
            let mut future = Box::pin(store.create(&newcomer, true));
            for _ in 0..polls {
                if (&mut future).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
        runtime().block_on(async {
            let store = SqliteCustomers::open(&file.0).await.unwrap();
            let record = store.get(&id(&name)).await.unwrap();
            let customer = record.map(|record| record.customer().clone());
            assert_eq!(found(&store, &name).await, customer, "{polls}");
            // Whichever it was, the login comes through when it is tried again.
            let again = store.create(&newcomer, true).await.unwrap();
            let expected = match customer {
                Some(_) => Admission::Stale,
                None => Admission::Admitted(newcomer.customer().clone()),
            };
            assert_eq!(again, expected, "{polls}");
        });
    }
}

#[tokio::test]
async fn a_file_that_stays_locked_is_a_fault_and_nothing_is_written() {
    let file = TempFile::new();
    let store = SqliteCustomers::open(&file.0).await.unwrap();
    store.insert(&ron(), Some(&hash("p"))).await.unwrap();
    let impatient = SqliteConnectOptions::new().filename(&file.0).busy_timeout(Duration::ZERO);
    let impatient = SqlitePool::connect_with(impatient).await.unwrap();
    let impatient = SqliteCustomers::new(SqliteDatabase::from_pool(impatient)).await.unwrap();
    let newcomer = verified("ron", LESLIE, EMAIL);
    let lock = store.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    for fault in [
        impatient.create(&newcomer, false).await.unwrap_err(),
        impatient.link(&newcomer, &id(RON)).await.unwrap_err(),
    ] {
        assert_eq!(fault.to_string(), "the store is unavailable");
    }
    // Readers don't wait for writers.
    assert_eq!(found(&impatient, "ron").await, None);
    assert_eq!(impatient.email_holder(EMAIL).await.unwrap(), EmailHolder::Linkable(id(RON)));
    lock.rollback().await.unwrap();
    // A refusal gives the file back at once, too: nobody would wait for it.
    for _ in 0..20 {
        let stale = impatient.link(&unverified("ron", LESLIE, EMAIL), &id(RON)).await.unwrap();
        assert_eq!(stale, Admission::Stale);
    }
    let linked = impatient.link(&newcomer, &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(ron()));
}

#[tokio::test]
async fn identities_go_with_their_customer_even_where_foreign_keys_are_off() {
    let options = SqliteConnectOptions::new().filename(":memory:").foreign_keys(false);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.unwrap();
    let store = SqliteCustomers::new(SqliteDatabase::from_pool(pool)).await.unwrap();
    assert_eq!(pragma(&store, "PRAGMA foreign_keys").await, "0");
    let created = store.create(&verified("ron", RON, EMAIL), true).await.unwrap();
    assert!(matches!(created, Admission::Admitted(_)));
    assert!(store.delete(&id(RON)).await.unwrap());
    let left = "SELECT count(*) FROM customer_auth_identities";
    assert_eq!(pragma(&store, left).await, "0");
}

#[tokio::test]
async fn identities_go_by_the_foreign_key_alone() {
    let store = SqliteCustomers::open(":memory:").await.unwrap();
    sqlx::query("DROP TRIGGER customer_auth_customers_deleted")
        .execute(store.pool())
        .await
        .unwrap();
    let created = store.create(&verified("ron", RON, EMAIL), true).await.unwrap();
    assert!(matches!(created, Admission::Admitted(_)));
    assert!(store.delete(&id(RON)).await.unwrap());
    let left = "SELECT count(*) FROM customer_auth_identities";
    assert_eq!(pragma(&store, left).await, "0");
}
