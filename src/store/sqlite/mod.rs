//! The store of customers in SQLite.

#[cfg(feature = "oidc")]
mod identities;
#[cfg(test)]
mod tests;
mod transaction;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sqlx::Row;
use sqlx::sqlite::SqlitePool;

pub use self::transaction::CustomersTransaction;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerLookup;
use crate::customer::CustomerRecord;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::customer::email_key;
use crate::database::Migrations;
use crate::database::SqliteDatabase;
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::revocation::Revocations;
use crate::revocation::SqliteRevocationLog;
use crate::store::rows::customer;
use crate::store::rows::record;
use crate::store::statements;
use crate::store::to_end;

/// Store of customers in an embedded SQLite database.
///
/// A write is on the disk when its method returns: the file is in WAL mode with `synchronous=FULL`.
/// A call waits up to 1 s for earlier writers, 1 s for a connection of the pool and 2 s for a
/// locked file, and then fails with a [`StoreError`]. A clone is a handle to the same pool.
///
/// The store has separate tables (`customer_auth_…`), including one for its migrations. An
/// application can keep its tables and migrations in the same file, through [`pool`](Self::pool).
///
/// Every look-up is a single statement. Writes run one after the other, each in a transaction and in
/// a separate task. Cancelling the caller doesn't stop a write, and writes keep their order, so that
/// a cancelled change can't undo a later one. [`begin`](Self::begin) makes several changes in one
/// transaction.
///
/// # Revocation
///
/// A new password, a linked identity, disabling and deleting end the customer's tokens: the store
/// writes the revocation to its [`revocation_log`](Self::revocation_log) in the transaction of the
/// change, so that no crash can come between the two. A list that follows the log takes it from
/// there. With the list set by [`revocations`](Self::revocations), the verifiers of this process
/// refuse the tokens when the method returns, and a list that is full refuses the change.
///
/// # Example
///
/// ```
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::customer::CustomerUpdate;
/// use tower_customer_auth::password::PasswordHasher;
/// use tower_customer_auth::Secret;
/// use tower_customer_auth::store::SqliteCustomers;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let customers = SqliteCustomers::open(":memory:").await?;
/// let password = PasswordHasher::new().hash(Secret::from("mysecretpassword")).await?;
/// let id = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
/// let ron = Customer::new(id, "Ron Swanson", "ron@swanson.com");
/// customers.insert(&ron, Some(&password)).await?;
/// customers.update(ron.id(), &CustomerUpdate::new().name("Ron U. Swanson")).await?;
/// let ron = customers.get(ron.id()).await?.expect("he was inserted");
/// assert_eq!((ron.customer().name(), ron.has_password()), ("Ron U. Swanson", true));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteCustomers {
    database: SqliteDatabase,
    log: SqliteRevocationLog,
    revocations: Option<Revocations>,
    clock: Arc<dyn Clock>,
}

impl SqliteCustomers {
    /// Opens or creates a SQLite file, and migrates the store's tables.
    ///
    /// `:memory:` is a private in-memory database, which ends with the last handle.
    ///
    /// # Errors
    ///
    /// The file can't be opened, is not a database, or was written by a later version of this
    /// crate. A path that is empty or begins with `file:` is rejected: SQLite treats the former as
    /// a temporary database and the latter as a URI, so that the data would not be at the path.
    ///
    /// # Security
    ///
    /// The file holds e-mail addresses and password hashes. It is created with the permissions of
    /// the process's umask.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let database = SqliteDatabase::open(path).await.map_err(StoreError::new)?;
        Self::new(database).await
    }

    /// Creates a store in an open database, and migrates the store's tables.
    ///
    /// # Errors
    ///
    /// The database can't be written, or was written by a later version of this crate.
    pub async fn new(database: SqliteDatabase) -> Result<Self, StoreError> {
        database.migrate(&MIGRATIONS).await.map_err(StoreError::new)?;
        let log = SqliteRevocationLog::new(database.clone()).await.map_err(StoreError::new)?;
        Ok(Self { database, log, revocations: None, clock: SystemClock::shared() })
    }

    /// Sets the list of this process that a change updates before it returns. Default: none.
    ///
    /// It is the list that follows [`revocation_log`](Self::revocation_log). Without it, the list
    /// knows about 50 ms later, as those of other processes do.
    #[must_use]
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = Some(revocations);
        self
    }

    /// Sets the clock for insertion, change and revocation times. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the connection pool, for other tables in the same file.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        self.database.pool()
    }

    /// Returns the revocation log in the same database.
    #[must_use]
    pub fn revocation_log(&self) -> SqliteRevocationLog {
        self.log.clone()
    }

    /// Begins a transaction, for several changes together or with an application's own tables.
    ///
    /// # Errors
    ///
    /// The store is unavailable, or the caller's turn to write does not come within 1 s.
    pub async fn begin(&self) -> Result<CustomersTransaction, StoreError> {
        let write = self.database.begin().await.map_err(StoreError::new)?;
        Ok(CustomersTransaction::new(self.clone(), write))
    }

    /// Inserts a customer, with a password or without.
    ///
    /// # Errors
    ///
    /// [`DuplicateId`](crate::customer::ChangeErrorKind::DuplicateId) if the id exists, checked
    /// first; [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail) if another
    /// customer with a password has the e-mail and this one has a password too; or the store is
    /// unavailable.
    pub async fn insert(
        &self,
        customer: &Customer,
        password: Option<&PasswordHash>,
    ) -> Result<CustomerRecord, ChangeError> {
        let (store, customer, password) = (self.clone(), customer.clone(), password.cloned());
        to_end(async move {
            let mut transaction = store.begin().await?;
            let record = transaction.insert(&customer, password.as_ref()).await?;
            transaction.commit().await?;
            Ok(record)
        })
        .await
    }

    /// Returns a customer, or `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn get(&self, id: &CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        let row = sqlx::query(statements::GET)
            .bind(id.to_string())
            .fetch_optional(self.pool())
            .await
            .map_err(StoreError::new)?;
        row.as_ref().map(record).transpose().map_err(StoreError::new)
    }

    /// Returns a page of customers, in insertion order.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn list(&self, limit: u32, offset: u32) -> Result<Vec<CustomerRecord>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(limit)
            .bind(offset)
            .fetch_all(self.pool())
            .await
            .map_err(StoreError::new)?;
        let records: Result<_, _> = rows.iter().map(record).collect();
        records.map_err(StoreError::new)
    }

    /// Returns the number of customers.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(statements::COUNT)
            .fetch_one(self.pool())
            .await
            .map_err(StoreError::new)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Deletes a customer with all identities, and revokes their tokens. Returns whether the customer
    /// existed.
    ///
    /// # Errors
    ///
    /// The store is unavailable, or the list of revocations is full.
    pub async fn delete(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let (store, id) = (self.clone(), id.clone());
        to_end(async move {
            let mut transaction = store.begin().await?;
            let existed = transaction.delete(&id).await?;
            transaction.commit().await?;
            Ok(existed)
        })
        .await
    }

    /// Changes attributes of a customer. Returns `None` if the customer does not exist.
    ///
    /// A new password, and disabling, revoke the customer's tokens.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail) if another customer
    /// with a password has the e-mail and this one has a password too; or the store is unavailable.
    pub async fn update(
        &self,
        id: &CustomerId,
        update: &CustomerUpdate,
    ) -> Result<Option<CustomerRecord>, ChangeError> {
        let (store, id, update) = (self.clone(), id.clone(), update.clone());
        to_end(async move {
            let mut transaction = store.begin().await?;
            let record = transaction.update(&id, &update).await?;
            transaction.commit().await?;
            Ok(record)
        })
        .await
    }

    /// Replaces a customer's password, and revokes their tokens. Returns whether the customer exists.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail) if the customer had no
    /// password, and another customer with a password has the e-mail; or the store is unavailable.
    pub async fn set_password(
        &self,
        id: &CustomerId,
        password: &PasswordHash,
    ) -> Result<bool, ChangeError> {
        let update = CustomerUpdate::new().password(password.clone());
        Ok(self.update(id, &update).await?.is_some())
    }
}

impl CustomerStore for SqliteCustomers {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        let row = sqlx::query(statements::FIND)
            .bind(email_key(email))
            .fetch_optional(self.pool())
            .await
            .map_err(StoreError::new)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let phc: String = row.try_get("password_hash").map_err(StoreError::new)?;
        Ok(Some(StoredCustomer::from_phc(customer(&row).map_err(StoreError::new)?, phc)))
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let (store, id, old, new) = (self.clone(), id.clone(), old.clone(), new.clone());
        to_end(async move {
            let mut transaction = store.begin().await?;
            let replaced = transaction.replace_hash(&id, &old, &new).await?;
            transaction.commit().await?;
            Ok(replaced)
        })
        .await
    }
}

impl CustomerLookup for SqliteCustomers {
    async fn find_by_id(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        Ok(self.get(id).await?.map(|record| record.customer))
    }
}

impl fmt::Debug for SqliteCustomers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCustomers")
            .field("connections", &self.pool().size())
            .finish_non_exhaustive()
    }
}

// Ordered by row number, not by time: the clock may be set back.
const LIST: &str = "\
    SELECT id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers ORDER BY rowid LIMIT $1 OFFSET $2";

const MIGRATIONS: Migrations = Migrations {
    table: "customer_auth_migrations",
    steps: &[
        ("customers", include_str!("../../../migrations/sqlite/0001_customers.sql")),
        ("identities", include_str!("../../../migrations/sqlite/0002_identities.sql")),
        ("disabled", include_str!("../../../migrations/sqlite/0003_disabled.sql")),
    ],
};
