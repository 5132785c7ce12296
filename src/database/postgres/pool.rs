//! Connections that calls share.
//!
//! Not sqlx's pool: that one tests a connection when it comes back, without a limit of time. Behind
//! a network that drops packets, such a test never ends, and its place in the pool is lost.

use std::mem::take;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::Row;
use sqlx::postgres::PgConnectOptions;
use sqlx::postgres::PgConnection;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::database::postgres::error::is_lost;

pub(super) struct Pool {
    options: PgConnectOptions,
    size: usize,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Idle>>>,
}

struct Idle {
    connection: PgConnection,
    opened_at: Instant,
    since: Instant,
}

/// Connection of one call. It is closed when it is dropped, unless [`end`](Self::end) gives it back.
pub(crate) struct Lease {
    // First, because fields are dropped in this order: the connection is closed before another one
    // may be opened in its place.
    connection: Option<PgConnection>,
    opened_at: Instant,
    idle: Arc<Mutex<Vec<Idle>>>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, size: usize) -> Self {
        let permits = Arc::new(Semaphore::new(size));
        Self { options, size, permits, idle: Arc::default() }
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Takes the connection that was used last, or opens one.
    pub(super) async fn lease(&self) -> Result<Lease, sqlx::Error> {
        // Fails if the semaphore is closed, which it never is.
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        loop {
            let last = lock(&self.idle).pop();
            let Some(Idle { mut connection, opened_at, since }) = last else {
                let connection = connect(&self.options).await?;
                return Ok(self.lent(connection, Instant::now(), permit));
            };
            // The server may have gone since. After a shorter time, the call itself finds out.
            if since.elapsed() < TRUSTED || connection.ping().await.is_ok() {
                return Ok(self.lent(connection, opened_at, permit));
            }
        }
    }

    fn lent(
        &self,
        connection: PgConnection,
        opened_at: Instant,
        permit: OwnedSemaphorePermit,
    ) -> Lease {
        let idle = Arc::clone(&self.idle);
        Lease { connection: Some(connection), opened_at, idle, _permit: permit }
    }

    /// Returns the number of connections, and of those that are idle.
    pub(super) fn count(&self) -> (usize, usize) {
        let idle = lock(&self.idle).len();
        (self.size - self.permits.available_permits() + idle, idle)
    }
}

impl Lease {
    /// Ends the call with its result, and gives the connection back unless the result is in doubt.
    ///
    /// Not called in a transaction: its connection is given back by [`give_back`](Self::give_back)
    /// when it has ended.
    pub(crate) fn end<T>(self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match &result {
            // If this one is dead, so are the others.
            Err(error) if is_lost(error) => drop(take(&mut *lock(&self.idle))),
            Ok(_) | Err(sqlx::Error::Database(_)) => self.give_back(),
            // What is left to read of the answer is not known.
            Err(_) => {}
        }
        result
    }

    /// Gives the connection back. Invariant: it has answered completely, and is in no transaction.
    pub(crate) fn give_back(mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let mut idle = lock(&self.idle);
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        if self.opened_at.elapsed() < MAX_LIFETIME {
            idle.push(Idle { connection, opened_at: self.opened_at, since: Instant::now() });
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(LENT)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(LENT)
    }
}

/// Opens a connection, and refuses a server that would lose what it has acknowledged.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    if connection.server_version_num().is_some_and(|version| version < OLDEST) {
        return Err(refused("the server is older than PostgreSQL 13"));
    }
    let row = sqlx::raw_sql(CHECK).fetch_one(&mut connection).await?;
    if row.try_get(0)? {
        return Err(refused("the server is a standby, which can't write"));
    }
    if row.try_get(1)? {
        return Err(refused("the server has fsync = off, and would lose what it acknowledged"));
    }
    Ok(connection)
}

fn refused(reason: &str) -> sqlx::Error {
    sqlx::Error::Configuration(reason.into())
}

fn lock(idle: &Mutex<Vec<Idle>>) -> MutexGuard<'_, Vec<Idle>> {
    // Nothing panics while it is locked.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

const LENT: &str = "a lease has its connection until it ends";

const CHECK: &str = "SELECT pg_is_in_recovery(), NOT current_setting('fsync')::bool";
const OLDEST: u32 = 130_000;
/// How long an idle connection is used again without a test.
const TRUSTED: Duration = Duration::from_secs(1);
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
