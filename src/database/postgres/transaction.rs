//! Transactions.

use std::fmt;
use std::io;

use sqlx::SqlSafeStr;
use sqlx::postgres::PgConnection;
use sqlx::postgres::PgTransactionManager;
// Through it, sqlx counts the transaction, and a `begin` of an application's is a savepoint.
use sqlx_core::transaction::TransactionManager;
use tokio::time::sleep;

use crate::database::PostgresDatabase;
use crate::database::postgres::InDoubt;
use crate::database::postgres::Lease;
use crate::database::postgres::PAUSE;
use crate::database::postgres::deadline_missed;
use crate::database::postgres::error::is_lost;

/// Transaction whose commit is durable, created by [`PostgresDatabase::begin`].
///
/// It is `READ COMMITTED`, with `synchronous_commit = on`. The server ends one that idles for 10 s.
/// Dropping it rolls it back and closes its connection.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct PostgresTransaction {
    database: PostgresDatabase,
    lease: Lease,
    /// Whether a statement of the crate has begun, and its answer has not been read.
    is_waiting: bool,
}

/// What PostgreSQL knows a transaction by, after it has ended.
struct Name {
    /// `None`: it has written nothing.
    id: Option<String>,
    /// A promoted standby assigns the same ids to others.
    timeline: String,
}

impl PostgresTransaction {
    pub(super) async fn begin(database: &PostgresDatabase) -> Result<Self, sqlx::Error> {
        let mut lease = database.lease().await?;
        let begin = PgTransactionManager::begin(&mut lease, Some(BEGIN.into_sql_str())).await;
        if let Err(error) = begin {
            return lease.end(Err(error));
        }
        Ok(Self { database: database.clone(), lease, is_waiting: false })
    }

    /// Returns the connection, to read and write with.
    ///
    /// After an error of a statement, PostgreSQL refuses all further ones and
    /// [`commit`](Self::commit) fails. A savepoint ([`sqlx::Connection::begin`]) limits that to the
    /// statements in it.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.lease
    }

    /// Commits. What was written is on the server's disk when this returns.
    ///
    /// If the connection is lost during the commit, another one asks the server for the outcome.
    ///
    /// # Errors
    ///
    /// A statement failed before or the commit did, and what was written is rolled back; or the
    /// outcome is not known within the deadline.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        let database = self.database.clone();
        database.within(self.commit_once(), |error| error).await
    }

    /// Rolls back, and waits for it. Dropping the transaction closes the connection instead.
    ///
    /// # Errors
    ///
    /// The database failed. What was written is rolled back in any case.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        let Self { database, mut lease, is_waiting } = self;
        if is_waiting {
            // What is left to read of the answer is not known: the connection is closed.
            return Ok(());
        }
        let rollback = async {
            let rolled_back = PgTransactionManager::rollback(&mut lease).await;
            lease.end(rolled_back)
        };
        database.within(rollback, |error| error).await
    }
}

impl PostgresTransaction {
    /// Returns the connection for a statement, whose answer the caller reports when it has it.
    pub(crate) fn statement(&mut self) -> &mut PgConnection {
        self.is_waiting = true;
        &mut self.lease
    }

    /// The answer to the last statement has been read.
    pub(crate) fn answered(&mut self) {
        self.is_waiting = false;
    }

    /// Commits, without a deadline.
    pub(crate) async fn commit_once(self) -> Result<(), sqlx::Error> {
        let Self { database, mut lease, is_waiting } = self;
        if is_waiting {
            // It missed the deadline or its caller was cancelled, and may have been carried out.
            return Err(deadline_missed(database.deadline()));
        }
        // Fails if a statement has failed: the server would answer the commit by a rollback, which
        // sqlx takes for success.
        let (id, timeline) = sqlx::query_as(NAME).fetch_one(&mut *lease).await?;
        let name = Name { id, timeline };
        let committed = PgTransactionManager::commit(&mut lease).await;
        match lease.end(committed) {
            Err(error) if is_lost(&error) => outcome(&database, name, error).await,
            result => result,
        }
    }

    /// Ends with a result: commits if it is one, else rolls back so that the connection is kept.
    pub(crate) async fn end<T, E: From<sqlx::Error>>(self, result: Result<T, E>) -> Result<T, E> {
        match result {
            Ok(value) => {
                self.commit_once().await?;
                Ok(value)
            }
            Err(error) => {
                // The first error counts. A rollback that fails closes the connection.
                drop(self.rollback().await);
                Err(error)
            }
        }
    }
}

/// Asks for the outcome of a commit that was not answered, until it is known.
async fn outcome(
    database: &PostgresDatabase,
    Name { id, timeline }: Name,
    lost: sqlx::Error,
) -> Result<(), sqlx::Error> {
    let Some(id) = id else {
        return Ok(());
    };
    loop {
        let asked = async {
            let mut lease = database.lease().await?;
            let status = sqlx::query_scalar(STATUS).bind(&id).bind(&timeline);
            let status = status.fetch_one(&mut *lease).await;
            lease.end(status)
        };
        let status: Option<String> = asked.await.unwrap_or(Some(IN_PROGRESS.to_owned()));
        match status.as_deref() {
            Some("committed") => return Ok(()),
            Some(IN_PROGRESS) => sleep(PAUSE).await,
            // Nothing was changed, and the caller may begin anew.
            Some(_) => return Err(lost),
            // Another server. Neither answer would be true.
            None => return Err(sqlx::Error::Io(io::Error::other(InDoubt(lost.into())))),
        }
    }
}

impl fmt::Debug for PostgresTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTransaction").finish_non_exhaustive()
    }
}

// One round trip. A database may have turned it off for speed.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on";

const NAME: &str = "\
    SELECT pg_current_xact_id_if_assigned()::text, \
    left(pg_walfile_name(pg_current_wal_lsn()), 8)";

// NULL where the timeline is another one.
const STATUS: &str = "\
    SELECT CASE left(pg_walfile_name(pg_current_wal_lsn()), 8) \
        WHEN $2 THEN pg_xact_status($1::xid8) END";

const IN_PROGRESS: &str = "in progress";
