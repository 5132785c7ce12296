//! Customers in a SQLite file.

mod identities;
mod migrations;
mod rows;
mod statements;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::query::Query;
use sqlx::sqlite::Sqlite;
use sqlx::sqlite::SqliteArguments;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteRow;
use sqlx::sqlite::SqliteSynchronous;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerRecord;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
use crate::customer::PasswordHash;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::customer::email_key;
use crate::customer::sqlite::rows::change_error;
use crate::customer::sqlite::rows::customer;
use crate::customer::sqlite::rows::record;
use crate::id::CustomerId;

/// Customers in a SQLite file, embedded in the process.
///
/// What a method has acknowledged is on the disk: the file is in WAL mode with `synchronous=FULL`. The
/// writers before are waited for 1 s, a connection of the pool 1 s, a locked file 2 s; past that the
/// answer is a [`StoreError`]. A clone is a handle to the same pool.
///
/// The crate brings its own tables (`customer_auth_…`) and notes them in a migrations table of its
/// own, so that an application can keep its tables and its migrations in the same file, through
/// [`pool`](Self::pool).
///
/// Every look-up is a single statement. A write is carried out in a task of its own, after those before
/// it: a caller who goes away while it waits doesn't stop it, and it never overtakes or is overtaken, so
/// that a change which was given up can't undo a later one.
///
/// # Example
///
/// ```
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::CustomerUpdate;
/// use tower_customer_auth::PasswordHasher;
/// use tower_customer_auth::Secret;
/// use tower_customer_auth::SqliteCustomers;
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
    pool: SqlitePool,
    // SQLite has one writer at a time, and lets those that wait in by chance.
    writer: Arc<Mutex<()>>,
    clock: Arc<dyn Clock>,
}

impl SqliteCustomers {
    /// Opens a file, makes it if there is none, and brings its tables up to date. `:memory:` is a
    /// database of this store alone, which ends with the last handle.
    ///
    /// # Errors
    ///
    /// The file can't be opened, is no database, or was written by a later version of this crate. A
    /// path that is empty or begins with `file:` is refused: SQLite takes the one for a temporary
    /// database and the other for a URI, so that the data would be elsewhere than the path says.
    ///
    /// # Security
    ///
    /// The file holds e-mail addresses and password hashes. It is made with the rights that the
    /// process' umask leaves.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() || path.as_os_str().as_encoded_bytes().starts_with(b"file:")
        {
            return Err(StoreError::new("the path is empty or a URI"));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = if path.as_os_str() == ":memory:" {
            // Each connection to `:memory:` is a database of its own: exactly one, for ever. It is
            // not tested before use either, because a caller who goes away during the test closes it.
            pool.max_connections(1)
                .min_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        } else {
            pool.max_connections(MAX_CONNECTIONS)
        };
        let pool = pool.connect_lazy_with(options);
        first_connection(&pool).await.map_err(StoreError::new)?;
        Self::from_pool(pool).await
    }

    /// Keeps the customers in a pool's database, and brings the crate's tables there up to date.
    ///
    /// Journal mode, durability and timeouts are the pool's own: [`open`](Self::open) says what they
    /// should be. The acquire timeout of sqlx' default, 30 s, is too long for a login.
    ///
    /// # Errors
    ///
    /// The database can't be written, or was written by a later version of this crate.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StoreError> {
        migrations::migrate(&pool).await?;
        Ok(Self { pool, writer: Arc::default(), clock: SystemClock::shared() })
    }

    /// Sets the clock that tells when a customer was inserted and changed.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the pool, for an application's own tables in the same file.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Inserts a customer, with a password or without.
    ///
    /// # Errors
    ///
    /// [`DuplicateId`](crate::ChangeErrorKind::DuplicateId), told first;
    /// [`DuplicateEmail`](crate::ChangeErrorKind::DuplicateEmail) where both have a password; or the
    /// store could not tell.
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

    /// Returns a customer.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    pub async fn get(&self, id: &CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        let row = sqlx::query(statements::GET)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::new)?;
        row.as_ref().map(record).transpose().map_err(StoreError::new)
    }

    /// Returns a part of all customers, in the order in which they were inserted.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    pub async fn list(&self, limit: u32, offset: u32) -> Result<Vec<CustomerRecord>, StoreError> {
        let rows = sqlx::query(statements::LIST)
            .bind(limit)
            .bind(offset)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::new)?;
        let records: Result<_, _> = rows.iter().map(record).collect();
        records.map_err(StoreError::new)
    }

    /// Returns how many customers there are.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(statements::COUNT)
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::new)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Deletes a customer and the customer's identities. Tells whether there was one.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    ///
    /// # Security
    ///
    /// Tokens are verified without a look into the store: revoke the customer's, or they go on being
    /// good until they expire.
    pub async fn delete(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let delete = sqlx::query(statements::DELETE).bind(id.to_string());
        Ok(self.write(delete).await.map_err(StoreError::new)?.is_some())
    }

    /// Changes some of a customer's attributes. `None` says that there is no such customer.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::ChangeErrorKind::DuplicateEmail) where both have a password, or the
    /// store could not tell.
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

    /// Sets a customer's password, whatever the present one is. Tells whether there is such a
    /// customer.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::ChangeErrorKind::DuplicateEmail): the customer had no password so
    /// far, and another one who has shares the e-mail. Or the store could not tell.
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

    /// Carries out a statement that writes at most one row, and returns what it wrote.
    async fn write(
        &self,
        statement: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<Option<SqliteRow>, sqlx::Error> {
        let pool = self.pool.clone();
        // NB: not `fetch_one` or `fetch_optional`. SQLite hands out the row that `RETURNING` asks for
        // before it commits, and those two don't wait for what comes after the row: the change would
        // be acknowledged before it is on the disk, and other connections would not see it yet.
        let written = self.in_turn(async move { statement.fetch_all(&pool).await });
        Ok(written.await?.pop())
    }

    /// Carries out work that writes, after the work before it, whether or not the caller waits.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
    ) -> Result<T, sqlx::Error> {
        let writer = self.writer.clone();
        // A dropped future doesn't take its statement back: sqlx' thread carries it out whenever the
        // file lets it in, and by then a later change may have been acknowledged.
        let done = tokio::spawn(async move {
            let turn = timeout(ACQUIRE_TIMEOUT, writer.lock()).await;
            let _turn = turn.map_err(|_| sqlx::Error::PoolTimedOut)?;
            work.await
        });
        // Neither panics nor is aborted, but by the end of the runtime.
        done.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(i64::MAX)
    }
}

impl CustomerStore for SqliteCustomers {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        let row = sqlx::query(statements::FIND)
            .bind(email_key(email))
            .fetch_optional(&self.pool)
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

/// Waits for a start as no login would: the file is to be made, and the disk may be busy.
async fn first_connection(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match pool.acquire().await {
            Err(sqlx::Error::PoolTimedOut) if tries < MAX_FIRST_TRIES => {}
            first => return first.map(drop),
        }
    }
}

impl fmt::Debug for SqliteCustomers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCustomers")
            .field("connections", &self.pool.size())
            .finish_non_exhaustive()
    }
}

// Together well under the 5 s that the issuer gives a store.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
// SQLite has one writer at a time; more connections than this would only wait for it.
const MAX_CONNECTIONS: u32 = 4;
// Of the acquire timeout each.
const MAX_FIRST_TRIES: u32 = 10;
