//! Schema migrations.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::Migration;
use sqlx::migrate::MigrationType;
use sqlx::migrate::Migrator;

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

impl Migrations {
    /// Returns the statement for the latest applied version, or 0.
    pub(super) fn latest(&self, table: &str) -> String {
        format!("SELECT coalesce(max(version), 0) FROM {table}")
    }

    /// Returns whether all migrations are applied. Fails if a later version has applied more.
    pub(super) fn check(&self, found: i64) -> Result<bool, sqlx::Error> {
        let supported = self.steps.len();
        match usize::try_from(found) {
            Ok(found) if found <= supported => Ok(found == supported),
            _ => {
                let later = LaterVersion { table: self.table, found, supported };
                Err(sqlx::Error::Configuration(later.into()))
            }
        }
    }

    /// Returns what applies them. `table` is the table of migrations, as statements name it.
    pub(super) fn migrator(&self, table: Cow<'static, str>) -> Migrator {
        let steps = (1..).zip(self.steps).map(|(version, (description, sql))| {
            let kind = MigrationType::Simple;
            Migration::new(version, (*description).into(), kind, sql.into_sql_str(), false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        // "Dangerous" if migrations were recorded under another table name before. Ours never were.
        migrator.dangerous_set_table_name(table);
        // The caller holds a lock in its transaction, which sqlx's lock would outlive.
        migrator.set_locking(false);
        migrator
    }
}
