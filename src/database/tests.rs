//! Writers that wait for a locked file.

use futures_util::FutureExt;
use sqlx::ConnectOptions;
use sqlx::Connection;

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
