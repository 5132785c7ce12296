//! Migrations, which nodes that start at once apply once.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::time::timeout;

use crate::database::Migrations;
use crate::database::PostgresDatabase;
use crate::database::postgres::PostgresTransaction;
use crate::database::postgres::deadline_missed;

impl PostgresDatabase {
    /// Applies pending migrations. Fails if a later version of the crate has applied more.
    pub(crate) async fn migrate(&self, migrations: &Migrations) -> Result<(), sqlx::Error> {
        let migrate = async {
            let mut transaction = self.begin().await?;
            let migrated = self.migrate_in(&mut transaction, migrations).await;
            transaction.end(migrated).await
        };
        timeout(MAX_TIME, migrate).await.unwrap_or_else(|_| Err(deadline_missed(MAX_TIME)))
    }

    async fn migrate_in(
        &self,
        transaction: &mut PostgresTransaction,
        migrations: &Migrations,
    ) -> Result<(), sqlx::Error> {
        // A node that has all migrations needs no lock, and no right to create anything.
        let table = self.table(migrations.table);
        if self.is_migrated(transaction, migrations, &table).await? {
            return Ok(());
        }
        let connection = transaction.connection();
        sqlx::raw_sql("SET LOCAL statement_timeout = 0").execute(&mut *connection).await?;
        // Released with the transaction. The others wait here.
        let lock = format!("{table} is migrated");
        sqlx::query(LOCK).bind(lock).execute(&mut *connection).await?;
        if self.is_migrated(transaction, migrations, &table).await? {
            return Ok(());
        }
        let schema = self.schema();
        let connection = transaction.connection();
        // Names of indexes can't be qualified.
        let prepare = format!(
            "CREATE SCHEMA IF NOT EXISTS \"{schema}\"; SET LOCAL search_path TO \"{schema}\""
        );
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await?;
        migrations.migrator(table.into()).run_direct(None, connection, false).await?;
        Ok(())
    }

    async fn is_migrated(
        &self,
        transaction: &mut PostgresTransaction,
        migrations: &Migrations,
        table: &str,
    ) -> Result<bool, sqlx::Error> {
        let exists = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table);
        if !exists.fetch_one(transaction.connection()).await? {
            return Ok(false);
        }
        let latest = AssertSqlSafe(migrations.latest(table));
        let latest = sqlx::query_scalar(latest).fetch_one(transaction.connection()).await?;
        migrations.check(latest)
    }
}

const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

/// Migrations of large tables take their time, and other nodes wait for them.
const MAX_TIME: Duration = Duration::from_secs(10 * 60);
