//! Schema migrations.

use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

use crate::database::SqliteDatabase;

/// The migrations of one part of the crate.
pub(crate) struct Migrations {
    /// The table that records the applied migrations.
    pub(crate) table: &'static str,
    /// Description and SQL of each migration, in order.
    pub(crate) steps: &'static [(&'static str, &'static str)],
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
        migrator.run_direct(None, &mut *lock, false).await?;
        lock.commit().await
    }
}
