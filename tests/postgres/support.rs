//! Databases for tests, each with its own schema.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tower_customer_auth::database::PostgresBuilder;
use tower_customer_auth::database::PostgresDatabase;
use tower_customer_auth::revocation::PostgresRevocationLog;
use tower_customer_auth::store::PostgresCustomers;

/// The URL of the server that all tests share.
pub(crate) fn url() -> String {
    std::env::var("TEST_POSTGRES_URL").expect("scripts/test sets TEST_POSTGRES_URL")
}

/// Returns a name for a schema that no other test has.
pub(crate) fn schema() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Returns a database in this schema, with time for a machine that is busy.
pub(crate) fn builder(url: &str, schema: &str) -> PostgresBuilder {
    PostgresDatabase::builder(url.parse().unwrap())
        .schema(schema)
        .max_connections(NonZeroU32::new(4).unwrap())
        .deadline(Duration::from_secs(20))
}

pub(crate) async fn database() -> PostgresDatabase {
    builder(&url(), &schema()).open().await.unwrap()
}

pub(crate) async fn customers() -> (PostgresCustomers, ()) {
    (PostgresCustomers::new(database().await).await.unwrap(), ())
}

pub(crate) async fn log() -> (PostgresRevocationLog, ()) {
    (PostgresRevocationLog::new(database().await).await.unwrap(), ())
}
