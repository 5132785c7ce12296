//! The store of customers in SQLite.

#[cfg(feature = "oidc")]
mod identities;
mod rows;
mod statements;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sqlx::Row;
use sqlx::query::Query;
use sqlx::sqlite::Sqlite;
use sqlx::sqlite::SqliteArguments;
use sqlx::sqlite::SqlitePool;
use sqlx::sqlite::SqliteRow;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::customer::ChangeError;
use crate::customer::Customer;
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
use crate::store::sqlite::rows::change_error;
use crate::store::sqlite::rows::customer;
use crate::store::sqlite::rows::record;

/// Store of customers in an embedded SQLite database.
///
/// A write is on the disk when its method returns: the file is in WAL mode with `synchronous=FULL`.
/// A call waits up to 1 s for earlier writers, 1 s for a connection of the pool and 2 s for a
/// locked file, and then fails with a [`StoreError`]. A clone is a handle to the same pool.
///
/// The store has separate tables (`customer_auth_…`), including one for its migrations. An
/// application can keep its tables and migrations in the same file, through [`pool`](Self::pool).
///
/// Every look-up is a single statement. Writes run one after the other, each in a separate task.
/// Cancelling the caller doesn't stop a write, and writes keep their order, so that a cancelled
/// change can't undo a later one.
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
        Ok(Self { database, clock: SystemClock::shared() })
    }

    /// Sets the clock for insertion and change times. Default: [`SystemClock`].
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
        let insert = sqlx::query(statements::INSERT)
            .bind(customer.id().to_string())
            .bind(customer.name().to_owned())
            .bind(customer.email().to_owned())
            .bind(email_key(customer.email()))
            .bind(password.map(|hash| hash.expose().to_owned()))
            .bind(self.now());
        let row = self.write(insert).await.map_err(change_error)?;
        let row = row.ok_or(ChangeError::DUPLICATE_ID)?;
        record(&row).map_err(ChangeError::store)
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
        let rows = sqlx::query(statements::LIST)
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

    /// Deletes a customer with all identities. Returns whether the customer existed.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    ///
    /// # Security
    ///
    /// Tokens are verified without the store: revoke the customer's tokens, or they stay valid
    /// until they expire.
    pub async fn delete(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let delete = sqlx::query(statements::DELETE).bind(id.to_string());
        Ok(self.write(delete).await.map_err(StoreError::new)?.is_some())
    }

    /// Changes attributes of a customer. Returns `None` if the customer does not exist.
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
        let CustomerUpdate { name, email, password } = update.clone();
        let update = sqlx::query(statements::UPDATE)
            .bind(id.to_string())
            .bind(name)
            .bind(email.clone())
            .bind(email.as_deref().map(email_key))
            .bind(password.map(|hash| hash.expose().to_owned()))
            .bind(self.now());
        let row = self.write(update).await.map_err(change_error)?;
        row.as_ref().map(record).transpose().map_err(ChangeError::store)
    }

    /// Replaces a customer's password. Returns whether the customer exists.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail) if the customer had no
    /// password, and another customer with a password has the e-mail; or the store is unavailable.
    ///
    /// # Security
    ///
    /// Revoke the customer's tokens too, see [`CustomerUpdate::password`].
    pub async fn set_password(
        &self,
        id: &CustomerId,
        password: &PasswordHash,
    ) -> Result<bool, ChangeError> {
        let update = CustomerUpdate::new().password(password.clone());
        Ok(self.update(id, &update).await?.is_some())
    }

    /// Runs a statement that writes at most one row, and returns that row.
    async fn write(
        &self,
        statement: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Option<SqliteRow>, sqlx::Error> {
        let pool = self.pool().clone();
        // NB: not `fetch_one` or `fetch_optional`. SQLite returns the row of `RETURNING` before it
        // commits, and these two don't wait for the commit: the change would be acknowledged before
        // it is on the disk and visible to other connections.
        let written = self.database.in_turn(async move { statement.fetch_all(&pool).await });
        Ok(written.await?.pop())
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(i64::MAX)
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
        let replace = sqlx::query(statements::REPLACE_HASH)
            .bind(id.to_string())
            .bind(old.expose().to_owned())
            .bind(new.expose().to_owned());
        Ok(self.write(replace).await.map_err(StoreError::new)?.is_some())
    }
}

impl fmt::Debug for SqliteCustomers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCustomers")
            .field("connections", &self.pool().size())
            .finish_non_exhaustive()
    }
}

const MIGRATIONS: Migrations = Migrations {
    table: "customer_auth_migrations",
    steps: &[
        ("customers", include_str!("../../../migrations/sqlite/0001_customers.sql")),
        ("identities", include_str!("../../../migrations/sqlite/0002_identities.sql")),
    ],
};
