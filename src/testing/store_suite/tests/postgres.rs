//! Databases for tests that need a PostgreSQL server, which `scripts/test` starts.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::database::PostgresDatabase;

/// Returns a database with a new schema, and with time for a machine that is busy.
pub(crate) async fn database() -> PostgresDatabase {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let url = std::env::var("TEST_POSTGRES_URL").expect("scripts/test sets TEST_POSTGRES_URL");
    PostgresDatabase::builder(url.parse().unwrap())
        .schema(format!("unit_{}_{number}", std::process::id()))
        .max_connections(NonZeroU32::new(4).unwrap())
        .deadline(Duration::from_secs(20))
        .open()
        .await
        .unwrap()
}
