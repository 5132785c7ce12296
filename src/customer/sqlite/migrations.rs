//! Bringing the tables up to date.

use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqlitePool;

use crate::customer::StoreError;

pub(super) async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrations = MIGRATIONS.map(|(version, description, sql)| {
        let kind = MigrationType::Simple;
        Migration::new(version, description.into(), kind, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    // "Dangerous" where a table of that kind exists under another name. Ours never had another.
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    // sqlx doesn't lock SQLite while it migrates. Two processes that open one new file at once would
    // both find it empty; so the second waits here until the first has committed.
    let mut lock = pool.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::new)?;
    migrator.run_direct(None, &mut *lock, false).await.map_err(StoreError::new)?;
    lock.commit().await.map_err(StoreError::new)
}

const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "customers", include_str!("../../../migrations/sqlite/0001_customers.sql")),
    (2, "identities", include_str!("../../../migrations/sqlite/0002_identities.sql")),
];
const MIGRATIONS_TABLE: &str = "customer_auth_migrations";
