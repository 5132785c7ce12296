//! The PostgreSQL database that customers and revocations share.

mod builder;
mod error;
mod migrations;
mod pool;
mod transaction;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use tokio::time::sleep;
use tokio::time::timeout;

pub use self::builder::PostgresBuilder;
pub(crate) use self::error::InDoubt;
pub(crate) use self::error::deadline_missed;
pub(crate) use self::error::is_transient;
pub(crate) use self::pool::Lease;
use self::pool::Pool;
pub use self::transaction::PostgresTransaction;

/// PostgreSQL database with a pool of connections and a deadline for every call.
///
/// A call of the crate, for example a look-up of a customer, does all its work within the
/// [`deadline`](PostgresBuilder::deadline) or fails. A connection whose call missed the deadline,
/// failed or was cancelled is closed and never used again, so that no call gets the answer of
/// another one, and the server rolls back what was not committed.
///
/// Each new connection is checked: a standby and a server with `fsync = off` are refused, because
/// they would lose revocations that were acknowledged. Needs PostgreSQL 13 or later, directly or
/// through a proxy that keeps one server session for each connection.
///
/// A clone is a handle to the same pool.
///
/// # Example
///
/// ```no_run
/// use tower_customer_auth::database::PostgresDatabase;
/// use tower_customer_auth::store::PostgresCustomers;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let database = PostgresDatabase::open("postgres://shop@localhost/shop").await?;
/// let customers = PostgresCustomers::new(database.clone()).await?;
///
/// // The application's own tables are in the same database.
/// let mut transaction = database.begin().await?;
/// let create = sqlx::query("CREATE TABLE orders (id bigint PRIMARY KEY)");
/// create.execute(transaction.connection()).await?;
/// transaction.commit().await?;
/// # let _ = customers;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresDatabase {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    schema: Box<str>,
    deadline: Duration,
}

impl PostgresDatabase {
    /// Connects to a database, with the default settings.
    ///
    /// The URL is `postgres://user:password@host:port/database`, with parameters such as `sslmode`
    /// and `sslrootcert`. The feature `postgres-tls` encrypts connections.
    ///
    /// # Errors
    ///
    /// The URL is not valid, the server can't be reached within the deadline, or it is refused: a
    /// standby, `fsync = off`, or older than PostgreSQL 13.
    ///
    /// # Security
    ///
    /// Over a network, set `sslmode=verify-full`. The default, `prefer`, also accepts a connection
    /// without encryption, and any certificate.
    pub async fn open(url: &str) -> Result<Self, sqlx::Error> {
        Self::builder(url.parse()?).open().await
    }

    /// Returns a builder with the default settings.
    pub fn builder(options: PgConnectOptions) -> PostgresBuilder {
        PostgresBuilder::new(options)
    }

    /// Begins a transaction whose commit is durable.
    ///
    /// Dropping it rolls it back and closes its connection.
    ///
    /// # Errors
    ///
    /// The database is not available within the deadline.
    pub async fn begin(&self) -> Result<PostgresTransaction, sqlx::Error> {
        self.repeat(|| self.begin_once(), |error| error).await
    }

    /// Returns the schema of the tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.inner.schema
    }

    /// Returns the number of open connections, and of those that are not in use.
    ///
    /// The connection that listens for hints of the revocation log is not counted.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.inner.pool.count()
    }
}

impl PostgresDatabase {
    fn new(pool: Pool, schema: Box<str>, deadline: Duration) -> Self {
        Self { inner: Arc::new(Inner { pool, schema, deadline }) }
    }

    /// Takes a connection from the pool. The caller limits the time.
    pub(crate) async fn lease(&self) -> Result<Lease, sqlx::Error> {
        self.inner.pool.lease().await
    }

    /// Begins a transaction, without a deadline or a second attempt.
    pub(crate) async fn begin_once(&self) -> Result<PostgresTransaction, sqlx::Error> {
        PostgresTransaction::begin(self).await
    }

    /// The settings of connections, for one outside of the pool.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        self.inner.pool.options()
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.inner.deadline
    }

    /// Returns a statement with the names of tables in the schema.
    pub(crate) fn sql(&self, statement: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(statement.replace(PREFIX, &self.table(PREFIX)))
    }

    /// Returns a name in the schema. Invariant: the schema has letters that need no escape.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("\"{}\".{name}", self.inner.schema)
    }

    /// Runs a call, and gives it up after the deadline.
    pub(crate) async fn within<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        error: impl Fn(sqlx::Error) -> E,
    ) -> Result<T, E> {
        let result = timeout(self.inner.deadline, call).await;
        result.unwrap_or_else(|_| Err(error(deadline_missed(self.inner.deadline))))
    }

    /// Runs a call that changes nothing when it fails, until it succeeds or the deadline is over.
    ///
    /// It is repeated while the server can't be reached, starts, or has no connection left.
    pub(crate) async fn repeat<T, E, F>(
        &self,
        call: impl Fn() -> F,
        error: impl Fn(sqlx::Error) -> E,
    ) -> Result<T, E>
    where
        E: Error + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let last = Mutex::new(None);
        let calls = async {
            loop {
                match call().await {
                    Err(error) if is_transient(&error) => {
                        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        sleep(PAUSE).await;
                    }
                    result => return result,
                }
            }
        };
        match timeout(self.inner.deadline, calls).await {
            Ok(result) => result,
            // The cause, where it is known, and not only that it took too long.
            Err(_) => Err(last
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .unwrap_or_else(|| error(deadline_missed(self.inner.deadline)))),
        }
    }
}

impl fmt::Debug for PostgresDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDatabase")
            .field("schema", &self.inner.schema)
            .field("connections", &self.connections().0)
            .finish_non_exhaustive()
    }
}

/// What all tables of the crate begin with.
const PREFIX: &str = "customer_auth_";

/// Pause before a call is repeated.
const PAUSE: Duration = Duration::from_millis(50);
