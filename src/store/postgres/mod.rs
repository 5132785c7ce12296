//! The store of customers in PostgreSQL.

#[cfg(feature = "oidc")]
mod identities;
#[cfg(test)]
mod tests;
mod transaction;

use std::fmt;
use std::sync::Arc;

use sqlx::postgres::PgArguments;
use sqlx::postgres::PgRow;
use sqlx::postgres::Postgres;
use sqlx::query::Query;

pub use self::transaction::PostgresCustomersTransaction;
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
use crate::database::Columns;
use crate::database::Migrations;
use crate::database::PostgresDatabase;
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::revocation::PostgresRevocationLog;
use crate::revocation::Revocations;
use crate::store::rows::customer;
use crate::store::rows::record;
use crate::store::statements;
use crate::store::to_end;

/// Store of customers in a PostgreSQL database, which any number of nodes share.
///
/// A write is on the server's disk when its method returns. Each call has one deadline for all its
/// work, 2 s by default, and then fails with a [`StoreError`], which the issuer answers with 503.
/// While the server restarts, calls are repeated until then. A clone is a handle to the same pool.
///
/// The store has separate tables (`customer_auth_…`) in a separate schema, including one for its
/// migrations. [`PostgresDatabase::builder`] has the settings.
///
/// Every look-up is a single statement. Writes run in a transaction and in a separate task, so that
/// cancelling the caller doesn't stop a write that has begun. [`begin`](Self::begin) makes several
/// changes in one transaction. PostgreSQL keeps no NUL in a text: a change with one fails, and a
/// look-up finds nothing.
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
/// ```no_run
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::Secret;
/// use tower_customer_auth::customer::CustomerUpdate;
/// use tower_customer_auth::password::PasswordHasher;
/// use tower_customer_auth::store::PostgresCustomers;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let customers = PostgresCustomers::open("postgres://shop@localhost/shop").await?;
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
pub struct PostgresCustomers {
    database: PostgresDatabase,
    log: PostgresRevocationLog,
    revocations: Option<Revocations>,
    clock: Arc<dyn Clock>,
}

impl PostgresCustomers {
    /// Connects to a database, and migrates the store's tables.
    ///
    /// # Errors
    ///
    /// As for [`PostgresDatabase::open`] and [`new`](Self::new).
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let database = PostgresDatabase::open(url).await.map_err(StoreError::new)?;
        Self::new(database).await
    }

    /// Creates a store in an open database, and migrates the store's tables.
    ///
    /// Nodes that start at the same time wait for the one that migrates. To a database that is
    /// migrated, a role needs no rights but those on the rows.
    ///
    /// # Errors
    ///
    /// The database can't be written, or was written by a later version of this crate.
    pub async fn new(database: PostgresDatabase) -> Result<Self, StoreError> {
        database.migrate(&MIGRATIONS).await.map_err(StoreError::new)?;
        let log = PostgresRevocationLog::new(database.clone()).await.map_err(StoreError::new)?;
        Ok(Self { database, log, revocations: None, clock: SystemClock::shared() })
    }

    /// Sets the list of this process that a change updates before it returns. Default: none.
    ///
    /// It is the list that follows [`revocation_log`](Self::revocation_log). Without it, the list
    /// knows a few milliseconds later, as those of other nodes do.
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

    /// Returns the database, for an application's own tables.
    #[must_use]
    pub fn database(&self) -> &PostgresDatabase {
        &self.database
    }

    /// Returns the revocation log in the same database.
    #[must_use]
    pub fn revocation_log(&self) -> PostgresRevocationLog {
        self.log.clone()
    }

    /// Begins a transaction, for several changes together or with an application's own tables.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn begin(&self) -> Result<PostgresCustomersTransaction, StoreError> {
        let write = self.database.begin().await.map_err(StoreError::new)?;
        Ok(PostgresCustomersTransaction::new(self.clone(), write))
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
            let (store, customer, password) = (&store, &customer, password.as_ref());
            let insert = move || async move {
                let mut transaction = store.begin_once().await?;
                let inserted = transaction.insert(customer, password).await;
                transaction.end(inserted).await
            };
            store.database.repeat(insert, ChangeError::store).await
        })
        .await
    }

    /// Returns a customer, or `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn get(&self, id: &CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        let id = id.to_string();
        let rows = self.rows(|| sqlx::query(self.database.sql(statements::GET)).bind(&id)).await?;
        rows.first().map(record).transpose().map_err(StoreError::new)
    }

    /// Returns a page of customers, in insertion order.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn list(&self, limit: u32, offset: u32) -> Result<Vec<CustomerRecord>, StoreError> {
        let list =
            || sqlx::query(self.database.sql(LIST)).bind(i64::from(limit)).bind(i64::from(offset));
        let rows = self.rows(list).await?;
        let records: Result<_, _> = rows.iter().map(record).collect();
        records.map_err(StoreError::new)
    }

    /// Returns the number of customers.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let rows = self.rows(|| sqlx::query(self.database.sql(statements::COUNT))).await?;
        let count = rows.first().map_or(Ok(None), |row| row.integer_at(0));
        let count = count.map_err(StoreError::new)?.unwrap_or_default();
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
            let (store, id) = (&store, &id);
            let delete = move || async move {
                let mut transaction = store.begin_once().await?;
                let existed = transaction.delete(id).await;
                transaction.end(existed).await
            };
            store.database.repeat(delete, StoreError::new).await
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
            let (store, id, update) = (&store, &id, &update);
            let update = move || async move {
                let mut transaction = store.begin_once().await?;
                let updated = transaction.update(id, update).await;
                transaction.end(updated).await
            };
            store.database.repeat(update, ChangeError::store).await
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

impl PostgresCustomers {
    /// Begins a transaction, without a deadline or a second attempt.
    async fn begin_once(&self) -> Result<PostgresCustomersTransaction, StoreError> {
        let write = self.database.begin_once().await.map_err(StoreError::new)?;
        Ok(PostgresCustomersTransaction::new(self.clone(), write))
    }

    /// Runs a statement that only reads.
    async fn rows<'q>(
        &self,
        query: impl Fn() -> Query<'q, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let query = &query;
        let read = move || async move {
            let mut lease = self.database.lease().await?;
            let rows = query().fetch_all(&mut *lease).await;
            lease.end(rows)
        };
        self.database.repeat(read, |error| error).await.map_err(StoreError::new)
    }
}

impl CustomerStore for PostgresCustomers {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        let key = email_key(email);
        // No stored e-mail has one, and the server refuses the text.
        if key.contains('\0') {
            return Ok(None);
        }
        let find = || sqlx::query(self.database.sql(statements::FIND)).bind(&key);
        let rows = self.rows(find).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let phc = row.text("password_hash").map_err(StoreError::new)?;
        Ok(Some(StoredCustomer::from_phc(customer(row).map_err(StoreError::new)?, phc)))
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let (store, id, old, new) = (self.clone(), id.clone(), old.clone(), new.clone());
        to_end(async move {
            let (store, id, old, new) = (&store, &id, &old, &new);
            let replace = move || async move {
                let mut transaction = store.begin_once().await?;
                let replaced = transaction.replace_hash(id, old, new).await;
                transaction.end(replaced).await
            };
            store.database.repeat(replace, StoreError::new).await
        })
        .await
    }
}

impl CustomerLookup for PostgresCustomers {
    async fn find_by_id(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        Ok(self.get(id).await?.map(|record| record.customer))
    }
}

impl fmt::Debug for PostgresCustomers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCustomers")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

// Ordered by a number, not by time: the clock may be set back.
const LIST: &str = "\
    SELECT id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers ORDER BY position LIMIT $1 OFFSET $2";

const MIGRATIONS: Migrations = Migrations {
    table: "customer_auth_migrations",
    steps: &[("customers", include_str!("../../../migrations/postgres/0001_customers.sql"))],
};
