//! Schema migrations.

use sqlx::AssertSqlSafe;
use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnection;

use crate::database::SqliteDatabase;

/// The migrations of one part of the crate.
pub(crate) struct Migrations {
    /// The table that records the applied migrations.
    pub(crate) table: &'static str,
    /// Description and SQL of each migration, in order.
    pub(crate) steps: &'static [(&'static str, &'static str)],
}

/// Error of a database that a later version of the crate has written.
#[derive(Debug, thiserror::Error)]
#[error("{table} is at version {found}, and this program supports up to version {supported}")]
struct LaterVersion {
    table: &'static str,
    found: i64,
    supported: usize,
}

impl SqliteDatabase {
    /// Applies pending migrations. Fails if a later version of the crate has applied more.
    pub(crate) async fn migrate(&self, migrations: &Migrations) -> Result<(), sqlx::Error> {
        let steps = (1..).zip(migrations.steps).map(|(version, (description, sql))| {
            let kind = MigrationType::Simple;
            Migration::new(version, (*description).into(), kind, sql.into_sql_str(), false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        // "Dangerous" if migrations were recorded under another table name before. Ours never were.
        migrator.dangerous_set_table_name(migrations.table);
        // sqlx does not lock SQLite while it migrates: two processes that open a new file at once
        // would both find it empty. With this lock, the second waits here until the first has
        // committed.
        let mut lock = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        migrations.check_version(&mut lock).await?;
        migrator.run_direct(None, &mut *lock, false).await?;
        lock.commit().await
    }
}

impl Migrations {
    async fn check_version(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let exists = sqlx::query_scalar(TABLE_EXISTS).bind(self.table);
        if !exists.fetch_one(&mut *connection).await? {
            return Ok(());
        }
        let latest = AssertSqlSafe(format!("SELECT coalesce(max(version), 0) FROM {}", self.table));
        let found: i64 = sqlx::query_scalar(latest).fetch_one(connection).await?;
        let supported = self.steps.len();
        if usize::try_from(found).is_ok_and(|found| found <= supported) {
            return Ok(());
        }
        let later = LaterVersion { table: self.table, found, supported };
        Err(sqlx::Error::Configuration(later.into()))
    }
}

const TABLE_EXISTS: &str =
    "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
