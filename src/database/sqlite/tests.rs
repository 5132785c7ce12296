//! Writers that wait for a locked file.

use futures_util::FutureExt;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::error::DatabaseError;

use crate::database::SqliteDatabase;

#[tokio::test]
async fn a_cancelled_writer_keeps_its_turn_while_its_connection_waits_for_the_file() {
    let name = format!("database-{}.sqlite3", std::process::id());
    let path = std::env::temp_dir().join(name);
    let database = SqliteDatabase::open(&path).await.unwrap();
    let pool = database.pool();
    let mut other = pool.connect_options().connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut begin = Box::pin(database.begin());
    while pool.num_idle() == pool.size() as usize {
        assert!((&mut begin).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(begin);
    assert_eq!(database.turn.try_lock().map(drop).ok(), None);
    // Readers have the other connections.
    assert_eq!(sqlx::query_scalar("SELECT 7").fetch_one(pool).await.ok(), Some(7));
    lock.rollback().await.unwrap();
    database.begin().await.unwrap().rollback().await.unwrap();
    pool.close().await;
    other.close().await.unwrap();
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_writer_that_the_full_disk_rolled_back_leaves_no_broken_connection() {
    let path = std::env::temp_dir().join(format!("full-{}.sqlite3", std::process::id()));
    let database = SqliteDatabase::open(&path).await.unwrap();
    for round in 0..2 {
        let mut transaction = database.begin().await.unwrap();
        let connection = transaction.connection();
        let create = sqlx::query("CREATE TABLE IF NOT EXISTS filled (bytes BLOB)");
        create.execute(&mut *connection).await.unwrap();
        // Of this connection only. It can't be less than what the file has.
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut *connection).await.unwrap();
        let fill = sqlx::query("INSERT INTO filled VALUES (zeroblob(100000))");
        let error = fill.execute(&mut *connection).await.unwrap_err();
        let code = error.as_database_error().and_then(DatabaseError::code);
        assert_eq!(code.as_deref(), Some("13"), "round {round}");
        drop(transaction);
    }
    database.begin().await.unwrap().commit().await.unwrap();
    database.pool().close().await;
    std::fs::remove_file(path).unwrap();
}
