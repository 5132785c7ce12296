//! Transactions.

use std::fmt;
use std::io;

use sqlx::SqlSafeStr;
use sqlx::postgres::PgConnection;
use sqlx::postgres::PgTransactionManager;
// Through it, sqlx counts the transaction, and a `begin` of an application's is a savepoint.
use sqlx_core::transaction::TransactionManager;

use crate::database::PostgresDatabase;
use crate::database::postgres::InDoubt;
use crate::database::postgres::Lease;
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
    /// # Errors
    ///
    /// A statement failed before or the commit did, and what was written is rolled back; or the
    /// connection was lost during the commit or it missed the deadline, and whether it was carried
    /// out is not known.
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
        let id: Option<String> = sqlx::query_scalar(ID).fetch_one(&mut *lease).await?;
        let committed = PgTransactionManager::commit(&mut lease).await;
        match lease.end(committed) {
            // Without an id, nothing was written.
            Err(error) if is_lost(&error) && id.is_some() => {
                // NB: `pg_xact_status` would not tell. A server that has crashed assigns ids again
                // that did not reach its disk, and "committed" may be said of another transaction.
                Err(sqlx::Error::Io(io::Error::other(InDoubt(error.into()))))
            }
            Err(error) if is_lost(&error) => Ok(()),
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

impl fmt::Debug for PostgresTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTransaction").finish_non_exhaustive()
    }
}

// One round trip. A database may have turned it off for speed.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on";

const ID: &str = "SELECT pg_current_xact_id_if_assigned()::text";
