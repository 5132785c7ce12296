//! What PostgreSQL plans.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::*;
use crate::testing::store_suite::tests::postgres::database;

/// Returns the lines of a plan that name how tables are read.
async fn plan(connection: &mut PgConnection, sql: String) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    let lines = rows
        .iter()
        .map(|row| row.get::<String, _>(0).trim_start_matches([' ', '-', '>']).to_owned());
    // That table has one row.
    lines.filter(|line| line.contains("revocations") && !line.contains("_epoch")).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn reads_and_prunings_go_by_indexes() {
    let database = database().await;
    PostgresRevocationLog::new(database.clone()).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    let connection = transaction.connection();
    let fill = "INSERT INTO customer_auth_revocations (kind, subject, until, tx) \
                SELECT 'token', i::text, i, i::text::xid8 FROM generate_series(1, 20000) AS i";
    sqlx::query(database.sql(fill)).execute(&mut *connection).await.unwrap();
    let analyze = database.sql("ANALYZE customer_auth_revocations");
    sqlx::query(analyze).execute(&mut *connection).await.unwrap();
    for (name, types, arguments, statement, expected) in [
        ("read", "text, text[], int8", "'19990', '{12,19}', 100000", READ, "_tx"),
        ("prune", "int8, int8", "10, 5000", PRUNE, "_ended"),
        ("is_revoked", "text, text, text, int8", "'a', 'b', 'c', 1", IS_REVOKED, "_pkey"),
    ] {
        let prepare = format!("PREPARE {name} ({types}) AS {}", database.sql(statement).0);
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
        // The server decides for good after five times.
        for _ in 0..7 {
            let explain = format!("EXPLAIN EXECUTE {name} ({arguments})");
            let lines = plan(connection, explain).await;
            let index = format!("customer_auth_revocations{expected}");
            assert!(lines.iter().any(|line| line.contains(&index)), "{name}: {lines:?}");
            assert!(!lines.iter().any(|line| line.contains("Seq Scan")), "{name}: {lines:?}");
        }
    }
    transaction.rollback().await.unwrap();
}
