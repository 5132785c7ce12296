//! The storefront's own writes, one at a time, each by a caller who may still write.
//!
//! A request's customer token is judged when the request comes. Until the write is carried out, its
//! owner may have changed the password and have been answered: the token of a thief must not write
//! after that. So a handler is handed what it writes with, a [`Turn`], only when the write's turn
//! has come and the token has been found not to have ended.
//!
//! The look and the write are one step because everything that ends a customer's tokens takes a
//! turn as well, and keeps the cut-off in the database before its turn is over, and so before it is
//! acknowledged: changes of the password and deletions (`cutoffs::ending_tokens`), and links by
//! OpenID Connect (`linking`, by `cutoffs::kept_with`). What is added to these must take a turn
//! too. No transaction around both would do: the crate's store writes through a connection of its
//! own.
//!
//! Turns are of one process, as
//! [`Revocations::in_memory`](tower_customer_auth::Revocations::in_memory) is.

use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use tokio::spawn;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::customer::ChangeError;
use tower_customer_auth::customer::CustomerRecord;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::password::PasswordHash;
use tower_customer_auth::store::SqliteCustomers;

use crate::access::Caller;
use crate::cutoffs::ending_tokens;
use crate::cutoffs::has_ended;
use crate::problem::Problem;
use crate::state::Storefront;

/// What a write of a caller's is carried out with. Only this module makes one.
pub(crate) struct Turn {
    pub(crate) pool: SqlitePool,
    pub(crate) customers: SqliteCustomers,
}

impl Storefront {
    /// Carries out a caller's write in its turn, unless the caller's token has ended by then: 403.
    pub(crate) async fn write_for<T, E, W>(
        &self,
        caller: &Caller,
        write: impl FnOnce(Turn) -> W + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.writes.carry_out(unless_ended(caller.clone(), self.turn(), write)).await
    }

    /// Carries out a change that ends a customer's tokens as [`ending_tokens`] does, for a caller
    /// whose own token must not have ended by then.
    pub(crate) async fn end_tokens_for<T, E, W>(
        &self,
        caller: &Caller,
        customer: &CustomerId,
        change: impl FnOnce(Turn) -> W + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        ending_tokens(self, customer, unless_ended(caller.clone(), self.turn(), change)).await
    }

    fn turn(&self) -> Turn {
        Turn { pool: self.pool.clone(), customers: self.customers.0.clone() }
    }
}

/// Looks at the caller's token, and then writes. To be carried out in one turn.
async fn unless_ended<T, E: Into<Problem>, W: Future<Output = Result<T, E>>>(
    caller: Caller,
    turn: Turn,
    write: impl FnOnce(Turn) -> W,
) -> Result<T, Problem> {
    if let Caller::Customer(token) = &caller
        && has_ended(token, &turn.pool).await?
    {
        return Err(Problem::forbidden("the customer token has been revoked"));
    }
    write(turn).await.map_err(Into::into)
}

/// The customers as handlers have them: to read, and to register. A [`Turn`] has them to change.
#[derive(Clone, Debug)]
pub(crate) struct Customers(SqliteCustomers);

impl Customers {
    pub(crate) fn new(customers: SqliteCustomers) -> Self {
        Self(customers)
    }

    pub(crate) async fn get(&self, id: &CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        self.0.get(id).await
    }

    pub(crate) async fn list(
        &self,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<CustomerRecord>, StoreError> {
        self.0.list(limit, offset).await
    }

    pub(crate) async fn count(&self) -> Result<u64, StoreError> {
        self.0.count().await
    }

    pub(crate) async fn insert(
        &self,
        customer: &Customer,
        password: &PasswordHash,
    ) -> Result<CustomerRecord, ChangeError> {
        self.0.insert(customer, Some(password)).await
    }
}

/// The queue of writes.
///
/// SQLite has one writer at a time. While another process holds the file, each writer would wait
/// with a connection of the pool in its hands, and soon there would be none for those who only
/// read, whom a writer doesn't stop. The crate's own writes take turns too: between them and these,
/// two connections at most are waiting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes(Arc<Mutex<()>>);

impl Writes {
    /// Carries out a write in its turn, which is waited for 1 s. Handlers write by
    /// [`Storefront::write_for`], which looks at the caller's token first.
    ///
    /// In a task of its own, because a client that hangs up drops the handler: it must not be able
    /// to stop a change half-way, nor to pass the turn on while its statement goes on waiting.
    pub(crate) async fn carry_out<T, E, W>(&self, write: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let turn = timeout(PATIENCE, Arc::clone(&self.0).lock_owned()).await;
        let turn = turn.map_err(|_| Problem::busy())?;
        let task = spawn(async move {
            let _turn = turn;
            write.await
        });
        task.await.map_err(|error| Problem::unavailable(&error))?.map_err(Into::into)
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
