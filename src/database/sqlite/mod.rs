//! The SQLite database that customers and revocations share.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::Transaction;
use sqlx::sqlite::Sqlite;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteSynchronous;
use tokio::spawn;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use crate::database::Migrations;

/// SQLite database with a queue of writers.
///
/// SQLite lets waiting writers in at random, and each of them holds a pool connection meanwhile.
/// Here, writers wait in a queue without a connection, and one of them at a time writes. A clone is
/// a handle to the same queue and pool. The [module page](crate::database) has an example.
#[derive(Clone)]
pub struct SqliteDatabase {
    pool: SqlitePool,
    turn: Arc<Mutex<()>>,
}

/// Transaction that may write, created by [`SqliteDatabase::begin`].
///
/// While it exists, other writers wait.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct WriteTransaction {
    // First, because fields are dropped in this order: the next writer must find it rolled back.
    transaction: Transaction<'static, Sqlite>,
    _turn: OwnedMutexGuard<()>,
}

impl SqliteDatabase {
    /// Opens a database file, and creates it if it does not exist.
    ///
    /// `:memory:` is a database that lives until its last handle is dropped. A file is in WAL mode
    /// with `synchronous=FULL`, so committed data is on disk. A caller waits at most 1 s for a pool
    /// connection, at most 1 s for its turn to write, and at most 2 s for a locked file.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or is not a database. A path that is empty or begins with `file:`
    /// is rejected: SQLite opens a temporary database for the former and parses the latter as a
    /// URI, so the data would not be at the given path.
    ///
    /// # Security
    ///
    /// The process' umask determines the permissions of a new file.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, sqlx::Error> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() || path.as_os_str().as_encoded_bytes().starts_with(b"file:")
        {
            return Err(sqlx::Error::Configuration("the path is empty or a URI".into()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROW_BUFFER_SIZE);
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = if path.as_os_str() == ":memory:" {
            // Each connection to `:memory:` is a separate database, so the pool has exactly one,
            // forever. It is not tested before use either, because a caller that is dropped during
            // the test closes it.
            pool.max_connections(1)
                .min_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        } else {
            // When the disk is full or fails, SQLite rolls back by itself. sqlx still counts a
            // transaction then, and never begins another one on that connection.
            let pool = pool.max_connections(MAX_CONNECTIONS).max_lifetime(MAX_LIFETIME);
            pool.before_acquire(|connection, _| {
                let is_idle = !connection.is_in_transaction();
                Box::pin(async move { Ok(is_idle) })
            })
        };
        let pool = pool.connect_lazy_with(options);
        first_connection(&pool).await?;
        Ok(Self::from_pool(pool))
    }

    /// Creates a handle to the database of a pool, with a new queue of writers.
    ///
    /// Journal mode, durability and timeouts are those of the pool: [`open`](Self::open) lists the
    /// recommended ones. The default acquire timeout of sqlx, 30 s, is too long for a login.
    ///
    /// When the disk is full or fails, SQLite rolls back by itself, and sqlx can't begin a
    /// transaction on that connection any more. Let the pool's `before_acquire` return `Ok(false)`
    /// for a connection that [`is_in_transaction`](sqlx::Connection::is_in_transaction). While a
    /// file can't be written, new connections are read-only for good: keep `max_lifetime` short.
    #[must_use]
    pub fn from_pool(pool: SqlitePool) -> Self {
        Self { pool, turn: Arc::default() }
    }

    /// Returns the pool, for reading.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Applies pending migrations. Fails if a later version of the crate has applied more.
    pub(crate) async fn migrate(&self, migrations: &Migrations) -> Result<(), sqlx::Error> {
        // sqlx does not lock SQLite while it migrates: two processes that open a new file at once
        // would both find it empty. With this lock, the second waits here until the first has
        // committed.
        let mut lock = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let exists = sqlx::query_scalar(TABLE_EXISTS).bind(migrations.table);
        if exists.fetch_one(&mut *lock).await? {
            let latest = AssertSqlSafe(migrations.latest(migrations.table));
            migrations.check(sqlx::query_scalar(latest).fetch_one(&mut *lock).await?)?;
        }
        migrations.migrator(migrations.table.into()).run_direct(None, &mut *lock, false).await?;
        lock.commit().await
    }

    /// Begins a transaction that writes, in the caller's turn.
    ///
    /// Until it ends, no other connection writes, in this process or another. Dropping it rolls it
    /// back. A caller that is cancelled while the file is locked keeps its turn until the wait has
    /// ended, so that cancelled callers do not take all connections of the pool.
    ///
    /// # Errors
    ///
    /// [`sqlx::Error::PoolTimedOut`] if the caller's turn or a connection does not come within 1 s
    /// each; or the file is locked by another process, or can't be written.
    pub async fn begin(&self) -> Result<WriteTransaction, sqlx::Error> {
        let turn = timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.turn).lock_owned()).await;
        let turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let pool = self.pool.clone();
        // In a task: SQLite goes on waiting for a locked file when the caller is cancelled, with a
        // connection of the pool.
        let begin = spawn(async move {
            // Not a deferred transaction, which may have read what another has changed since.
            let transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
            Ok(WriteTransaction { transaction, _turn: turn })
        });
        // The runtime is shutting down.
        begin.await.unwrap_or_else(|error| Err(sqlx::Error::Io(error.into())))
    }
}

impl WriteTransaction {
    /// Returns the connection, to read and write with.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Commits. What was written is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// The database failed. What was written is rolled back, or in rare cases committed.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await
    }

    /// Rolls back, and waits for it. Dropping the transaction does not wait.
    ///
    /// # Errors
    ///
    /// The database failed. What was written is rolled back in any case.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.transaction.rollback().await
    }
}

/// Waits longer for the first connection than later callers do: the file may have to be created.
async fn first_connection(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match pool.acquire().await {
            Err(sqlx::Error::PoolTimedOut) if tries < MAX_FIRST_TRIES => {}
            first => return first.map(drop),
        }
    }
}

impl fmt::Debug for SqliteDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteDatabase")
            .field("connections", &self.pool.size())
            .finish_non_exhaustive()
    }
}

// The sum is below the 5 s that the issuer allows a store.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
// SQLite has one writer at a time; additional connections would only wait for it.
const MAX_CONNECTIONS: u32 = 4;
// A file that can't be written is opened read-only, and stays so for this connection.
const MAX_LIFETIME: Duration = Duration::from_secs(60);
// Rows that SQLite's thread may be ahead. With the default of 50, threads that hand over long results
// wake each other too often.
const ROW_BUFFER_SIZE: usize = 1_000;
// Each waits for the acquire timeout.
const MAX_FIRST_TRIES: u32 = 10;

const TABLE_EXISTS: &str =
    "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
