//! The revocation log in PostgreSQL.

mod hints;
mod position;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::postgres::PgRow;

use crate::clock::ceil_seconds;
use crate::clock::since_epoch;
use crate::database::Columns;
use crate::database::Migrations;
use crate::database::PostgresDatabase;
use crate::database::PostgresTransaction;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::LogError;
use crate::revocation::LogPosition;
use crate::revocation::LogRead;
use crate::revocation::LogSize;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;
use crate::revocation::postgres::hints::Hints;
use crate::revocation::postgres::position::Position;
use crate::revocation::rows;
use crate::revocation::rows::COUNT;
use crate::revocation::rows::IS_REVOKED;
use crate::revocation::rows::Record;
use crate::revocation::rows::SESSION;
use crate::revocation::rows::TOKEN;
use crate::revocation::rows::integer;

/// Revocation log in a PostgreSQL database, usually that of the customers.
///
/// An entry is on the server's disk when [`append`](RevocationLog::append) returns. Nodes that share
/// the database notice each other's entries within some milliseconds by `NOTIFY`, which is a hint
/// only: without it, they notice within a second.
///
/// A clone is a handle to the same log. `PostgresCustomers::revocation_log` returns that of a store,
/// which writes a customer's revocation in the transaction of the change that causes it.
///
/// A restored copy of the database, another server behind the same address, and a promoted standby
/// are detected, and the list then loads the whole log again. A copy is detected by the server's log
/// of writes, which must not have gone back.
///
/// # Example
///
/// ```no_run
/// # use std::time::SystemTime;
/// use tower_customer_auth::Revocations;
/// use tower_customer_auth::database::PostgresDatabase;
/// use tower_customer_auth::revocation::PostgresRevocationLog;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = PostgresDatabase::open("postgres://shop@localhost/shop").await?;
/// let log = PostgresRevocationLog::new(database).await?;
/// let revocations = Revocations::durable(log).start()?;
/// revocations.ready().await?;
/// revocations.revoke(&"6f1e3a77-3f4c-4f3c-9f29-8a4d6d1f8b10".parse()?, SystemTime::now()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresRevocationLog {
    database: PostgresDatabase,
    hints: Arc<Hints>,
    watermark: Arc<Mutex<Watermark>>,
}

/// How far the server's log of writes was when this process last read from it.
#[derive(Default)]
struct Watermark {
    /// Its length in bytes. It never becomes shorter, also not in a crash: only what is on the disk
    /// is counted.
    length: i64,
    /// How often it was found shorter. Positions of before are not valid then.
    resets: u64,
}

impl PostgresRevocationLog {
    /// Creates a log in an open database, and migrates its tables.
    ///
    /// # Errors
    ///
    /// The database can't be written, or was written by a later version of this crate.
    pub async fn new(database: PostgresDatabase) -> Result<Self, sqlx::Error> {
        database.migrate(&MIGRATIONS).await?;
        let hints = Arc::new(Hints::of(&database));
        Ok(Self { database, hints, watermark: Arc::default() })
    }

    /// Appends an entry in a transaction of the caller, who commits it.
    ///
    /// The commit becomes durable (`synchronous_commit = on`), and notifies the other nodes. Keep
    /// the transaction short: all commits that notify wait for each other.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn append_in(
        &self,
        connection: &mut PgConnection,
        entry: &RevocationEntry,
    ) -> Result<(), sqlx::Error> {
        self.insert_in(&mut *connection, entry).await?;
        self.hints.notify_in(connection).await
    }

    /// Returns whether a token is revoked, as a connection of the caller sees it at this moment.
    ///
    /// A request is verified when it arrives. A handler that writes asks again in the transaction
    /// that it writes in: a token that was revoked meanwhile must not change anything. `login_at` is
    /// the token's `auth_time` or `iat`.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn is_revoked_in(
        &self,
        connection: &mut PgConnection,
        token_id: &TokenId,
        session_id: &TokenId,
        customer_id: &CustomerId,
        login_at: SystemTime,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(self.database.sql(IS_REVOKED))
            .bind(token_id.to_string())
            .bind(session_id.to_string())
            .bind(customer_id.to_string())
            .bind(integer(since_epoch(login_at).as_secs()))
            .fetch_one(connection)
            .await
    }
}

impl PostgresRevocationLog {
    /// Appends an entry without a hint, which the caller gives after the commit.
    pub(crate) async fn insert_in(
        &self,
        connection: &mut PgConnection,
        entry: &RevocationEntry,
    ) -> Result<(), sqlx::Error> {
        let record = Record::of(entry);
        sqlx::query(self.database.sql(APPEND))
            .bind(record.kind)
            .bind(record.subject)
            .bind(record.until)
            .bind(record.moment)
            .execute(connection)
            .await
            .map(drop)
    }

    /// Tells all nodes, soon, that there is something new.
    pub(crate) fn hint(&self) {
        self.hints.notify();
    }

    async fn append_once(&self, entry: &RevocationEntry) -> Result<(), sqlx::Error> {
        let mut transaction = self.database.begin_once().await?;
        let inserted = self.insert_in(transaction.connection(), entry).await;
        transaction.end(inserted).await
    }

    /// Reads what was written since a position, and the state of the log at that moment.
    async fn rows(&self, after: &Position) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut lease = self.database.lease().await?;
        let rows = sqlx::query(self.database.sql(READ))
            .bind(after.highest.to_string())
            .bind(after.running.iter().map(u64::to_string).collect::<Vec<_>>())
            .bind(MOST_ROWS)
            .fetch_all(&mut *lease)
            .await;
        lease.end(rows)
    }

    /// Returns how long the server's log of writes was when it was read last.
    fn length_seen(&self) -> i64 {
        self.watermark.lock().unwrap_or_else(PoisonError::into_inner).length
    }

    /// Returns the epoch of the log from the row of a statement that began at a length of the
    /// server's log of writes, or after it.
    fn epoch(&self, row: &PgRow, began_at: i64) -> Result<String, sqlx::Error> {
        let length = row.integer_at(1)?.unwrap_or_default();
        let mut watermark = self.watermark.lock().unwrap_or_else(PoisonError::into_inner);
        if length < began_at {
            watermark.resets += 1;
            watermark.length = length;
        }
        watermark.length = watermark.length.max(length);
        Ok(format!("{}.{}", row.text_at(0)?, watermark.resets))
    }

    /// Begins a snapshot: returns the position, and a transaction with the cursor `entries`.
    async fn start(&self) -> Result<(LogPosition, PostgresTransaction), LogError> {
        let began_at = self.length_seen();
        let mut transaction = self.database.begin_once().await.map_err(log_error)?;
        let connection = transaction.connection();
        let start = sqlx::query(self.database.sql(START)).fetch_optional(&mut *connection).await;
        let start = start.map_err(log_error)?.ok_or_else(no_epoch)?;
        // Later than the position, so it has all entries before it.
        let declare = sqlx::query(self.database.sql(SNAPSHOT));
        declare.execute(connection).await.map_err(log_error)?;
        let highest = start.text_at(3).map_err(log_error)?.parse().map_err(LogError::corrupt)?;
        let running = start.text_at(2).map_err(log_error)?;
        let position = Position::new(highest, running).ok_or_else(no_epoch)?;
        let epoch = self.epoch(&start, began_at).map_err(log_error)?;
        Ok((LogPosition::new(epoch, position.to_string()), transaction))
    }
}

impl RevocationLog for PostgresRevocationLog {
    async fn append(&self, entry: &RevocationEntry) -> Result<(), LogError> {
        // Appending twice is like appending once, so it is repeated when its outcome is not known.
        let append = || self.append_once(entry);
        self.database.repeat(append, |error| error).await.map_err(log_error)?;
        self.hint();
        Ok(())
    }

    async fn size_hint(&self) -> LogSize {
        let count = async |kind: &'static str| {
            let count = async {
                let mut lease = self.database.lease().await?;
                let count = sqlx::query_scalar(self.database.sql(COUNT)).bind(kind);
                let count = count.fetch_one(&mut *lease).await;
                lease.end(count)
            };
            let count: Option<i64> = self.database.within(count, |error| error).await.ok();
            count.and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
        };
        LogSize { tokens: count(TOKEN).await, sessions: count(SESSION).await }
    }

    async fn snapshot(
        &self,
        each: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> Result<LogPosition, LogError> {
        // As a whole, it may take longer than the deadline. Each of its steps may not.
        let (position, mut transaction) = self.database.repeat(|| self.start(), log_error).await?;
        loop {
            let rows = sqlx::query(FETCH).fetch_all(transaction.connection());
            let rows = self.database.within(rows, |error| error).await.map_err(log_error)?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                each(entry(row, 0)?);
            }
        }
        transaction.rollback().await.map_err(log_error)?;
        Ok(position)
    }

    async fn read(&self, after: &LogPosition) -> Result<LogRead, LogError> {
        let Some(position) = Position::parse(after.offset()) else {
            return Ok(LogRead::Gap);
        };
        let began_at = self.length_seen();
        let rows = self.database.repeat(|| self.rows(&position), |error| error).await;
        let rows = rows.map_err(log_error)?;
        let first = rows.first().ok_or_else(no_epoch)?;
        // Of very many rows, a snapshot keeps only some at a time.
        if self.epoch(first, began_at).map_err(log_error)? != after.epoch()
            || rows.len() >= MOST_ROWS as usize
        {
            return Ok(LogRead::Gap);
        }
        let mut highest = position.highest;
        let mut entries = Vec::new();
        for row in &rows {
            // The row of the epoch has no transaction if there is no entry beside it.
            let Some(tx) = row.integer_at(3).map_err(log_error)? else {
                return Ok(LogRead::Entries { entries, position: after.clone(), is_end: true });
            };
            highest = highest.max(tx.unsigned_abs());
            entries.push(entry(row, 4)?);
        }
        let running = first.text_at(2).map_err(log_error)?;
        let position = Position::new(highest, running).ok_or_else(no_epoch)?;
        let position = LogPosition::new(after.epoch(), position.to_string());
        Ok(LogRead::Entries { entries, position, is_end: true })
    }

    async fn changed(&self) {
        self.hints.next().await;
    }

    async fn prune(&self, ended_before: SystemTime) -> Result<(), LogError> {
        let ended_before = integer(ceil_seconds(since_epoch(ended_before)));
        let prune = || async {
            let mut transaction = self.database.begin_once().await?;
            let prune = sqlx::query(self.database.sql(PRUNE)).bind(ended_before).bind(PRUNED_ROWS);
            let pruned = prune.execute(transaction.connection()).await;
            transaction.end(pruned.map(|done| done.rows_affected())).await
        };
        // In small transactions, each within the deadline.
        while self.database.repeat(prune, |error| error).await.map_err(log_error)? > 0 {}
        Ok(())
    }
}

impl fmt::Debug for PostgresRevocationLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresRevocationLog").finish_non_exhaustive()
    }
}

/// Reads an entry from four columns, the first of which is at `first`.
fn entry(row: &PgRow, first: usize) -> Result<RevocationEntry, LogError> {
    rows::entry(row, first).ok_or_else(|| {
        let [kind, subject] = [0, 1].map(|at| row.text_at(first + at).unwrap_or_default());
        let row = format!("{kind} {subject}");
        LogError::corrupt(format!("row {row:?} of customer_auth_revocations is not valid"))
    })
}

fn no_epoch() -> LogError {
    LogError::corrupt("the log has no epoch")
}

/// Converts an error, and tells damaged data from a server that can't be reached at the moment.
fn log_error(error: sqlx::Error) -> LogError {
    match error.as_database_error().and_then(DatabaseError::code).as_deref() {
        // data_corrupted, index_corrupted
        Some("XX001" | "XX002") => LogError::corrupt(error),
        _ => LogError::unavailable(error),
    }
}

const MIGRATIONS: Migrations = Migrations {
    table: "customer_auth_revocation_migrations",
    steps: &[("revocations", include_str!("../../../migrations/postgres/revocations_0001.sql"))],
};

/// Rows of a read from which on a snapshot is taken instead.
const MOST_ROWS: i64 = 100_000;

/// Rows that are pruned in one transaction.
const PRUNED_ROWS: i64 = 5_000;

// Of two times, the later one counts. The row becomes one of this transaction, which followers read.
// `set_config` is here for transactions of an application's, which may have turned it off.
const APPEND: &str = "\
    WITH durable AS (SELECT set_config('synchronous_commit', 'on', true)) \
    INSERT INTO customer_auth_revocations AS known (kind, subject, until, moment) \
    SELECT $1, $2, $3, $4 FROM durable \
    ON CONFLICT (kind, subject) DO UPDATE SET \
        until = greatest(known.until, excluded.until), \
        moment = greatest(known.moment, excluded.moment), \
        tx = pg_current_xact_id()";

// The state of the log: its epoch, how much of the server's log of writes is on the disk, and the
// transactions in progress. A position is one of this log on this server, in one timeline.
//
// One statement has one snapshot, so the rows that it returns are exactly those that the snapshot in
// it sees. Both parts of the condition go by the index.
const READ: &str = "\
    WITH state AS MATERIALIZED ( \
        SELECT epoch || '.' || system_identifier || '.' || \
            left(pg_walfile_name(pg_current_wal_lsn()), 8) AS epoch, \
            (pg_current_wal_flush_lsn() - '0/0')::int8 AS length, \
            pg_current_snapshot()::text AS running \
        FROM customer_auth_revocations_epoch, pg_control_system() LIMIT 1 \
    ) \
    SELECT state.epoch, state.length, state.running, entry.tx::text::int8, \
        entry.kind, entry.subject, entry.until, entry.moment \
    FROM state LEFT JOIN customer_auth_revocations AS entry \
    ON entry.tx > $1::xid8 OR entry.tx = ANY($2::xid8[]) LIMIT $3";

const START: &str = "\
    WITH state AS MATERIALIZED ( \
        SELECT epoch || '.' || system_identifier || '.' || \
            left(pg_walfile_name(pg_current_wal_lsn()), 8) AS epoch, \
            (pg_current_wal_flush_lsn() - '0/0')::int8 AS length, \
            pg_current_snapshot()::text AS running \
        FROM customer_auth_revocations_epoch, pg_control_system() LIMIT 1 \
    ) \
    SELECT state.epoch, state.length, state.running, coalesce(( \
        SELECT tx FROM customer_auth_revocations ORDER BY tx DESC LIMIT 1), '0')::text \
    FROM state";

const SNAPSHOT: &str = "\
    DECLARE entries NO SCROLL CURSOR FOR \
    SELECT kind, subject, until, moment FROM customer_auth_revocations";

const FETCH: &str = "FETCH 10000 FROM entries";

// A row that another transaction makes later meanwhile is locked by it, and is not deleted.
const PRUNE: &str = "\
    DELETE FROM customer_auth_revocations WHERE (kind, subject) IN ( \
        SELECT kind, subject FROM customer_auth_revocations \
        WHERE kind IN ('token', 'session') AND until < $1 \
        LIMIT $2 FOR UPDATE SKIP LOCKED)";
