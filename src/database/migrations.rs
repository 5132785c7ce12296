//! Bringing tables up to date.

use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

use super::SqliteDatabase;

/// The tables of one part of the crate, as the steps that make them from nothing.
pub(crate) struct Migrations {
    /// Table in which the steps that were taken are noted.
    pub(crate) table: &'static str,
    /// Description and SQL of each step, in order.
    pub(crate) steps: &'static [(&'static str, &'static str)],
}

impl SqliteDatabase {
    /// Takes the steps that were not taken yet. Fails if a later version of the crate took more.
    pub(crate) async fn migrate(&self, migrations: &Migrations) -> Result<(), sqlx::Error> {
        let steps = (1..).zip(migrations.steps).map(|(version, (description, sql))| {
            let kind = MigrationType::Simple;
            Migration::new(version, (*description).into(), kind, sql.into_sql_str(), false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        // "Dangerous" where a table of that kind exists under another name. Ours never had another.
        migrator.dangerous_set_table_name(migrations.table);
        // sqlx doesn't lock SQLite while it migrates. Two processes that open one new file at once would
        // both find it empty; so the second waits here until the first has committed.
        let mut lock = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        migrator.run_direct(None, &mut *lock, false).await?;
        lock.commit().await
    }
}
