//! The revocation log in SQLite.

mod changes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use sqlx::Row;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tokio::task::JoinHandle;

use crate::clock::ceil_seconds;
use crate::clock::since_epoch;
use crate::database::Migrations;
use crate::database::SqliteDatabase;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::LogError;
use crate::revocation::LogPosition;
use crate::revocation::LogRead;
use crate::revocation::LogSize;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;
use crate::revocation::rows;
use crate::revocation::rows::COUNT;
use crate::revocation::rows::IS_REVOKED;
use crate::revocation::rows::Record;
use crate::revocation::rows::SESSION;
use crate::revocation::rows::TOKEN;
use crate::revocation::rows::integer;
use crate::revocation::sqlite::changes::Changes;

/// Revocation log in a SQLite database, usually that of the customers.
///
/// An entry is on the disk when [`append`](RevocationLog::append) returns. Processes that share the
/// file notice each other's entries within about 50 ms.
///
/// A clone is a handle to the same log. `SqliteCustomers::revocation_log` returns that of a store,
/// which writes a customer's revocation in the transaction of the change that causes it.
///
/// # Example
///
/// ```
/// # use std::time::SystemTime;
/// use tower_customer_auth::Revocations;
/// use tower_customer_auth::database::SqliteDatabase;
/// use tower_customer_auth::revocation::SqliteRevocationLog;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = SqliteDatabase::open(":memory:").await?;
/// let log = SqliteRevocationLog::new(database).await?;
/// let revocations = Revocations::durable(log).start()?;
/// revocations.ready().await?;
/// revocations.revoke(&"6f1e3a77-3f4c-4f3c-9f29-8a4d6d1f8b10".parse()?, SystemTime::now()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteRevocationLog {
    database: SqliteDatabase,
    changes: Arc<Changes>,
}

impl SqliteRevocationLog {
    /// Creates a log in an open database, and migrates its tables.
    ///
    /// # Errors
    ///
    /// The database can't be written, or was written by a later version of this crate.
    pub async fn new(database: SqliteDatabase) -> Result<Self, sqlx::Error> {
        database.migrate(&MIGRATIONS).await?;
        let changes = Arc::new(Changes::of(&database));
        Ok(Self { database, changes })
    }

    /// Appends an entry in a transaction of the caller, who commits it.
    ///
    /// # Errors
    ///
    /// The database failed.
    pub async fn append_in(
        &self,
        connection: &mut SqliteConnection,
        entry: &RevocationEntry,
    ) -> Result<(), sqlx::Error> {
        let record = Record::of(entry);
        sqlx::query(APPEND)
            .bind(record.kind)
            .bind(record.subject)
            .bind(record.until)
            .bind(record.moment)
            .execute(connection)
            .await
            .map(drop)
    }

    /// Returns whether a token is revoked as of a transaction of the caller.
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
        connection: &mut SqliteConnection,
        token_id: &TokenId,
        session_id: &TokenId,
        customer_id: &CustomerId,
        login_at: SystemTime,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(IS_REVOKED)
            .bind(token_id.to_string())
            .bind(session_id.to_string())
            .bind(customer_id.to_string())
            .bind(integer(since_epoch(login_at).as_secs()))
            .fetch_one(connection)
            .await
    }

    /// Returns the epoch, and the position of the latest entry that was ever appended.
    async fn end(&self) -> Result<(String, i64), LogError> {
        let row = sqlx::query(END).fetch_optional(self.database.pool()).await;
        let row = row.map_err(log_error)?;
        let row = row.ok_or_else(|| LogError::corrupt("the log has no epoch"))?;
        Ok((row.try_get(0).map_err(log_error)?, row.try_get(1).map_err(log_error)?))
    }

    /// Returns the first rows behind a position.
    async fn rows(&self, after: i64, limit: u32) -> Result<Rows, LogError> {
        let rows = sqlx::query(READ).bind(after).bind(limit).fetch_all(self.database.pool()).await;
        rows.map_err(log_error)?.iter().map(entry).collect()
    }
}

impl SqliteRevocationLog {
    fn rows_in_background(&self, after: i64) -> JoinHandle<Result<Rows, LogError>> {
        let log = self.clone();
        tokio::spawn(async move { log.rows(after, ROWS_A_READ).await })
    }
}

impl RevocationLog for SqliteRevocationLog {
    async fn append(&self, entry: &RevocationEntry) -> Result<(), LogError> {
        let appended = async {
            let mut transaction = self.database.begin().await?;
            self.append_in(transaction.connection(), entry).await?;
            transaction.commit().await
        };
        appended.await.map_err(log_error)
    }

    async fn size_hint(&self) -> LogSize {
        let count = async |kind: &'static str| {
            let count = sqlx::query_scalar(COUNT).bind(kind).fetch_one(self.database.pool()).await;
            count.ok().and_then(|count: i64| usize::try_from(count).ok()).unwrap_or_default()
        };
        LogSize { tokens: count(TOKEN).await, sessions: count(SESSION).await }
    }

    async fn snapshot(
        &self,
        each: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> Result<LogPosition, LogError> {
        let (epoch, end) = self.end().await?;
        let mut position = 0;
        let mut next = self.rows_in_background(position);
        loop {
            let rows = next.await.map_err(LogError::unavailable)??;
            let Some((last, _)) = rows.last() else {
                return Ok(LogPosition::new(epoch, position.max(end).to_string()));
            };
            // A row that is replaced moves to the end: going up, none is missed.
            position = *last;
            // SQLite reads the next rows while these are passed on: half of the time.
            next = self.rows_in_background(position);
            for (_, entry) in rows {
                each(entry);
            }
        }
    }

    async fn read(&self, after: &LogPosition) -> Result<LogRead, LogError> {
        let (epoch, end) = self.end().await?;
        // A position that the log has not reached is one of a log that was restored.
        let after = match after.offset().parse() {
            Ok(offset) if epoch == after.epoch() && offset <= end => offset,
            _ => return Ok(LogRead::Gap),
        };
        if after == end {
            let position = LogPosition::new(epoch, end.to_string());
            return Ok(LogRead::Entries { entries: Vec::new(), position, is_end: true });
        }
        let rows = self.rows(after, ROWS_A_READ).await?;
        let is_end = rows.len() < ROWS_A_READ as usize;
        let last = rows.last().map_or(after, |(position, _)| *position);
        let position = if is_end { last.max(end) } else { last };
        let entries = rows.into_iter().map(|(_, entry)| entry).collect();
        let position = LogPosition::new(epoch, position.to_string());
        Ok(LogRead::Entries { entries, position, is_end })
    }

    async fn changed(&self) {
        self.changes.next().await;
    }

    async fn prune(&self, ended_before: SystemTime) -> Result<(), LogError> {
        let ended_before = integer(ceil_seconds(since_epoch(ended_before)));
        loop {
            let pruned = async {
                let mut transaction = self.database.begin().await?;
                let prune = sqlx::query(PRUNE).bind(ended_before).bind(ROWS_A_READ);
                let pruned = prune.execute(transaction.connection()).await?.rows_affected();
                transaction.commit().await?;
                Ok(pruned)
            };
            // In small transactions, so that other writers get their turns between them.
            if pruned.await.map_err(log_error)? < u64::from(ROWS_A_READ) {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for SqliteRevocationLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRevocationLog").finish_non_exhaustive()
    }
}

/// Reads a row, and its position.
fn entry(row: &SqliteRow) -> Result<(i64, RevocationEntry), LogError> {
    let position: i64 = row.try_get(0).map_err(log_error)?;
    let entry = rows::entry(row, 1).ok_or_else(|| {
        LogError::corrupt(format!("row {position} of customer_auth_revocations is not valid"))
    })?;
    Ok((position, entry))
}

/// Converts an error, and tells a damaged file from one that can't be read at the moment.
fn log_error(error: sqlx::Error) -> LogError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    // The low byte is the primary result code.
    if matches!(code & 0xFF, SQLITE_CORRUPT | SQLITE_NOTADB) {
        LogError::corrupt(error)
    } else {
        LogError::unavailable(error)
    }
}

const MIGRATIONS: Migrations = Migrations {
    table: "customer_auth_revocation_migrations",
    steps: &[("revocations", include_str!("../../../migrations/sqlite/revocations_0001.sql"))],
};

/// Entries with their positions.
type Rows = Vec<(i64, RevocationEntry)>;

/// Rows that are read, or pruned, in one step.
const ROWS_A_READ: u32 = 10_000;

// `REPLACE` deletes the row of the same subject, so that the new one has a new position. Of two
// times, the later one counts.
const APPEND: &str = "\
    INSERT OR REPLACE INTO customer_auth_revocations (kind, subject, until, moment) \
    SELECT ?1, ?2, max(?3, coalesce(known.until, ?3)), max(?4, coalesce(known.moment, ?4)) \
    FROM (SELECT 1) LEFT JOIN customer_auth_revocations AS known \
    ON known.kind = ?1 AND known.subject = ?2";

const END: &str = "\
    SELECT epoch, coalesce( \
        (SELECT seq FROM sqlite_sequence WHERE name = 'customer_auth_revocations'), 0) \
    FROM customer_auth_revocations_epoch";

const READ: &str = "\
    SELECT position, kind, subject, until, moment FROM customer_auth_revocations \
    WHERE position > ?1 ORDER BY position LIMIT ?2";

const PRUNE: &str = "\
    DELETE FROM customer_auth_revocations WHERE position IN ( \
        SELECT position FROM customer_auth_revocations \
        INDEXED BY customer_auth_revocations_ended \
        WHERE kind IN ('token', 'session') AND until < ?1 LIMIT ?2)";

const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;
