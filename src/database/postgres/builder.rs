//! Settings of a PostgreSQL database.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::database::PostgresDatabase;
use crate::database::postgres::pool::Pool;

/// Builder of a [`PostgresDatabase`], created by [`PostgresDatabase::builder`].
///
/// # Example
///
/// ```no_run
/// use std::time::Duration;
/// use tower_customer_auth::database::PostgresDatabase;
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let database = PostgresDatabase::builder("postgres://shop@localhost/shop".parse()?)
///     .schema("accounts")
///     .deadline(Duration::from_secs(1))
///     .open()
///     .await?;
/// # let _ = database;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct PostgresBuilder {
    options: PgConnectOptions,
    schema: String,
    max_connections: NonZeroU32,
    deadline: Duration,
}

impl PostgresBuilder {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            schema: DEFAULT_SCHEMA.to_owned(),
            max_connections: DEFAULT_CONNECTIONS,
            deadline: DEFAULT_DEADLINE,
        }
    }

    /// Sets the schema of the tables. Default `customer_auth`.
    ///
    /// It is created if it does not exist. A separate schema keeps the tables apart from those of
    /// the application, and can be granted, dumped and dropped as one. The name has 1 to 40
    /// lower-case letters, digits and underscores, and does not begin with a digit or `pg_`.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Sets the largest number of connections in the pool. Default 10.
    ///
    /// A revocation log that is followed has one more, to listen for hints.
    pub fn max_connections(mut self, max_connections: NonZeroU32) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// Sets the time for all database work of a call. Default 2 s, from 10 ms to 60 s.
    ///
    /// It includes the wait for a connection and, after a failure, further attempts. The server
    /// gives up a statement after the same time (`statement_timeout`).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Connects to the database.
    ///
    /// # Errors
    ///
    /// The schema's name or the deadline is not valid, the server can't be reached within the
    /// deadline, or it is refused: a standby, `fsync = off`, or older than PostgreSQL 13.
    pub async fn open(self) -> Result<PostgresDatabase, sqlx::Error> {
        let Self { options, schema, max_connections, deadline } = self;
        let invalid = |reason: &str| sqlx::Error::Configuration(reason.into());
        if !is_schema(&schema) {
            return Err(invalid("the name of the schema is not valid"));
        }
        if !(MIN_DEADLINE..=MAX_DEADLINE).contains(&deadline) {
            return Err(invalid("the deadline is not between 10 ms and 60 s"));
        }
        let millis = deadline.as_millis().to_string();
        let options = options.options(KEEPALIVE).options([("statement_timeout", &millis)]);
        let pool = Pool::new(options, max_connections.get().try_into().unwrap_or(usize::MAX >> 3));
        let database = PostgresDatabase::new(pool, schema.into(), deadline);
        // The first connection, so that a server that is refused is known at once.
        let first = async || {
            database.lease().await?.give_back();
            Ok(())
        };
        database.repeat(first, |error| error).await?;
        Ok(database)
    }
}

fn is_schema(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (1..=MAX_SCHEMA).contains(&name.len())
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
        && !name.starts_with("pg_")
}

impl fmt::Debug for PostgresBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the options, which have the password.
        f.debug_struct("PostgresBuilder")
            .field("schema", &self.schema)
            .field("max_connections", &self.max_connections)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

const DEFAULT_SCHEMA: &str = "customer_auth";
const MAX_SCHEMA: usize = 40;
// Invariant: not zero.
const DEFAULT_CONNECTIONS: NonZeroU32 = NonZeroU32::new(10).unwrap();
const DEFAULT_DEADLINE: Duration = Duration::from_secs(2);
const MIN_DEADLINE: Duration = Duration::from_millis(10);
const MAX_DEADLINE: Duration = Duration::from_secs(60);

/// How soon the server ends the session of a node that has vanished, and its transaction.
///
/// sqlx can't set the options of the socket on this side. Here, the deadline and the heartbeat of
/// the listener do what a keepalive would.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("idle_in_transaction_session_timeout", "10000"),
];
