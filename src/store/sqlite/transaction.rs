//! Transactions that change customers, and revoke tokens with the change.

use std::fmt;
use std::time::SystemTime;

use sqlx::error::DatabaseError;
use sqlx::query::Query;
use sqlx::sqlite::Sqlite;
use sqlx::sqlite::SqliteArguments;
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerRecord;
use crate::customer::CustomerUpdate;
use crate::customer::StoreError;
use crate::customer::email_key;
use crate::database::WriteTransaction;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::password::PasswordHash;
use crate::revocation::Reservation;
use crate::revocation::RevocationLog;
use crate::store::SqliteCustomers;
use crate::store::ended::Ended;
use crate::store::rows::record;
use crate::store::statements;
use crate::store::to_end;

/// Transaction over customers, created by [`SqliteCustomers::begin`].
///
/// While it exists, other writers wait: keep it short. Dropping it rolls it back.
///
/// # Example
///
/// A customer's change is carried out only if their token is still valid, and together with a row
/// of the application:
///
/// ```
/// use tower_customer_auth::VerifiedToken;
/// use tower_customer_auth::customer::CustomerUpdate;
/// use tower_customer_auth::store::SqliteCustomers;
///
/// # type Error = Box<dyn std::error::Error>;
/// async fn rename(customers: &SqliteCustomers, token: &VerifiedToken) -> Result<bool, Error> {
///     let mut transaction = customers.begin().await?;
///     let login_at = token.authenticated_at();
///     let (id, session) = (token.token_id(), token.session_id());
///     if transaction.is_revoked(id, session, token.customer_id(), login_at).await? {
///         return Ok(false);
///     }
///     let rename = CustomerUpdate::new().name("Ron Ulysses Swanson");
///     transaction.update(token.customer_id(), &rename).await?;
///     let audit = sqlx::query("INSERT INTO audit (what) VALUES ('renamed')");
///     audit.execute(transaction.connection()).await?;
///     transaction.commit().await?;
///     Ok(true)
/// }
/// ```
#[must_use = "a transaction that is dropped is rolled back"]
pub struct CustomersTransaction {
    store: SqliteCustomers,
    write: WriteTransaction,
    ended: Ended,
}

impl CustomersTransaction {
    pub(super) fn new(store: SqliteCustomers, write: WriteTransaction) -> Self {
        Self { store, write, ended: Ended::default() }
    }

    /// Returns the connection, for other tables in the same file.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        self.write.connection()
    }

    /// Returns whether a token is revoked as of this transaction.
    ///
    /// The arguments are those of the `VerifiedToken`; `login_at` is its `authenticated_at`. Until
    /// the transaction ends, no other process can revoke it.
    ///
    /// # Errors
    ///
    /// The store is unavailable.
    pub async fn is_revoked(
        &mut self,
        token_id: &TokenId,
        session_id: &TokenId,
        customer_id: &CustomerId,
        login_at: SystemTime,
    ) -> Result<bool, StoreError> {
        let connection = self.write.connection();
        let log = &self.store.log;
        let revoked = log.is_revoked_in(connection, token_id, session_id, customer_id, login_at);
        revoked.await.map_err(StoreError::new)
    }

    /// Inserts a customer, as [`SqliteCustomers::insert`] does.
    ///
    /// # Errors
    ///
    /// As for that method.
    pub async fn insert(
        &mut self,
        customer: &Customer,
        password: Option<&PasswordHash>,
    ) -> Result<CustomerRecord, ChangeError> {
        let insert = sqlx::query(statements::INSERT)
            .bind(customer.id().to_string())
            .bind(customer.name())
            .bind(customer.email())
            .bind(email_key(customer.email()))
            .bind(password.map(PasswordHash::expose))
            .bind(self.now())
            .bind(!customer.is_enabled());
        let row = self.row(insert).await.map_err(change_error)?;
        let row = row.ok_or(ChangeError::DUPLICATE_ID)?;
        record(&row).map_err(ChangeError::store)
    }

    /// Changes attributes of a customer, as [`SqliteCustomers::update`] does.
    ///
    /// # Errors
    ///
    /// As for that method.
    pub async fn update(
        &mut self,
        id: &CustomerId,
        update: &CustomerUpdate,
    ) -> Result<Option<CustomerRecord>, ChangeError> {
        let CustomerUpdate { name, email, password, enabled } = update;
        let reservation = if password.is_some() || *enabled == Some(false) {
            Some(self.reserve(id)?)
        } else {
            None
        };
        let update = sqlx::query(statements::UPDATE)
            .bind(id.to_string())
            .bind(name.as_deref())
            .bind(email.as_deref())
            .bind(email.as_deref().map(email_key))
            .bind(password.as_ref().map(PasswordHash::expose))
            .bind(self.now())
            .bind(enabled.map(|is_enabled| !is_enabled));
        let Some(row) = self.row(update).await.map_err(change_error)? else {
            return Ok(None);
        };
        if let Some(reservation) = reservation {
            self.end_tokens(id, reservation);
        }
        record(&row).map(Some).map_err(ChangeError::store)
    }

    /// Deletes a customer, as [`SqliteCustomers::delete`] does.
    ///
    /// # Errors
    ///
    /// As for that method.
    pub async fn delete(&mut self, id: &CustomerId) -> Result<bool, StoreError> {
        let reservation = self.reserve(id)?;
        let delete = sqlx::query(statements::DELETE).bind(id.to_string());
        let existed = self.row(delete).await.map_err(StoreError::new)?.is_some();
        if existed {
            self.end_tokens(id, reservation);
        }
        Ok(existed)
    }

    /// Commits. The changes and their revocations are on the disk when this returns.
    ///
    /// Cancelling the caller does not stop it.
    ///
    /// # Errors
    ///
    /// The store is unavailable. The changes and their revocations were rolled back, or in rare
    /// cases committed.
    pub async fn commit(self) -> Result<(), StoreError> {
        // Stopped between the commit and what follows, this list would not know, and a commit that
        // took long would lack its second revocation.
        to_end(self.commit_and_apply()).await
    }

    /// Rolls back, and waits for it. Dropping the transaction does not wait.
    ///
    /// # Errors
    ///
    /// The store is unavailable. The changes are rolled back in any case.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.write.rollback().await.map_err(StoreError::new)
    }
}

impl CustomersTransaction {
    /// The time for the columns of times, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.store.clock.since_epoch().as_millis()).unwrap_or(i64::MAX)
    }

    /// Replaces a hash of the same password. Returns whether the old one was still there.
    pub(super) async fn replace_hash(
        &mut self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let replace = sqlx::query(statements::REPLACE_HASH)
            .bind(id.to_string())
            .bind(old.expose())
            .bind(new.expose());
        Ok(self.row(replace).await.map_err(StoreError::new)?.is_some())
    }

    /// Reserves the place for a customer's cut-off. Called before a change, which a full list
    /// refuses.
    pub(super) fn reserve(&self, id: &CustomerId) -> Result<Option<Reservation>, StoreError> {
        Ended::reserve(self.store.revocations.as_ref(), id)
    }

    /// Ends the customer's tokens with this transaction.
    pub(super) fn end_tokens(&mut self, id: &CustomerId, reservation: Option<Reservation>) {
        self.ended.push(id, reservation);
    }

    async fn commit_and_apply(self) -> Result<(), StoreError> {
        let Self { store, mut write, ended } = self;
        let (latest, entries) = ended.with_commit_at(store.clock.now());
        for entry in &entries {
            let appended = store.log.append_in(write.connection(), entry).await;
            appended.map_err(StoreError::new)?;
        }
        write.commit().await.map_err(StoreError::new)?;
        ended.apply(store.revocations.as_ref(), &entries)?;
        let committed_at = store.clock.now();
        if committed_at > latest {
            let entries = ended.since(committed_at);
            for entry in &entries {
                store.log.append(entry).await.map_err(StoreError::new)?;
            }
            ended.apply(store.revocations.as_ref(), &entries)?;
        }
        Ok(())
    }

    /// Runs a statement that writes at most one row, and returns that row.
    async fn row(
        &mut self,
        statement: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Option<SqliteRow>, sqlx::Error> {
        Ok(statement.fetch_all(self.write.connection()).await?.pop())
    }
}

impl fmt::Debug for CustomersTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomersTransaction").finish_non_exhaustive()
    }
}

fn change_error(error: sqlx::Error) -> ChangeError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.as_deref() {
        Some(SQLITE_CONSTRAINT_UNIQUE) => ChangeError::DUPLICATE_EMAIL,
        _ => ChangeError::store(error),
    }
}

// Extended result code of SQLite. The only unique index of the customers is the one on login
// e-mails.
const SQLITE_CONSTRAINT_UNIQUE: &str = "2067";
