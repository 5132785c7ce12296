//! The SQLite file that customers, revocations and an application's own tables share.

mod migrations;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteSynchronous;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub(crate) use self::migrations::Migrations;

/// SQLite file with one writer at a time.
///
/// SQLite lets waiting writers in by chance, and each of them keeps a connection of the pool
/// meanwhile. So writers queue here, and one of them at a time has a connection. A clone is a handle
/// to the same queue and pool.
///
/// # Example
///
/// ```
/// use tower_customer_auth::database::SqliteDatabase;
/// use tower_customer_auth::store::SqliteCustomers;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = SqliteDatabase::open(":memory:").await?;
/// let customers = SqliteCustomers::new(database.clone()).await?;
///
/// // The application's own tables are in the same file.
/// let pool = database.pool().clone();
/// let create = sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
/// database.in_turn(async move { create.execute(&pool).await }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteDatabase {
    pool: SqlitePool,
    turn: Arc<Mutex<()>>,
}

impl SqliteDatabase {
    /// Opens a file, and creates it if there is none. `:memory:` is a database that ends with the last
    /// handle.
    ///
    /// The file is in WAL mode with `synchronous=FULL`, so what is committed is on the disk. A
    /// connection of the pool, and the turn to write, are waited for 1 s each, a locked file 2 s.
    ///
    /// # Errors
    ///
    /// The file can't be opened or is no database. A path that is empty or begins with `file:` is
    /// refused: SQLite takes the one for a temporary database and the other for a URI, so the data
    /// would be elsewhere than the path says.
    ///
    /// # Security
    ///
    /// The file is created with the rights that the process' umask leaves.
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
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = if path.as_os_str() == ":memory:" {
            // Each connection to `:memory:` is a database of its own: exactly one, for ever. It is
            // not tested before use either, because a caller who goes away during the test closes it.
            pool.max_connections(1)
                .min_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        } else {
            pool.max_connections(MAX_CONNECTIONS)
        };
        let pool = pool.connect_lazy_with(options);
        first_connection(&pool).await?;
        Ok(Self::from_pool(pool))
    }

    /// Creates a handle to a pool's database, with a new queue of writers.
    ///
    /// Journal mode, durability and timeouts are the pool's own: [`open`](Self::open) says what they
    /// should be. The acquire timeout of sqlx' default, 30 s, is too long for a login.
    #[must_use]
    pub fn from_pool(pool: SqlitePool) -> Self {
        Self { pool, turn: Arc::default() }
    }

    /// Returns the pool, to read with.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Carries out work that writes, after the work before it, whether or not the caller waits.
    ///
    /// # Errors
    ///
    /// Those of the work; [`sqlx::Error::PoolTimedOut`] if its turn does not come within 1 s;
    /// [`sqlx::Error::WorkerCrashed`] if the runtime ends.
    pub async fn in_turn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
    ) -> Result<T, sqlx::Error> {
        let turn = self.turn.clone();
        // A dropped future doesn't take its statement back: sqlx' thread carries it out whenever the
        // file lets it in, and by then a later change may have been acknowledged.
        let done = tokio::spawn(async move {
            let turn = timeout(ACQUIRE_TIMEOUT, turn.lock()).await;
            let _turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
            work.await
        });
        // Neither panics nor is aborted, but by the end of the runtime.
        done.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

/// Waits for a start as no login would: the file is to be made, and the disk may be busy.
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

// Together well under the 5 s that the issuer gives a store.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
// SQLite has one writer at a time; more connections than this would only wait for it.
const MAX_CONNECTIONS: u32 = 4;
// Of the acquire timeout each.
const MAX_FIRST_TRIES: u32 = 10;
