//! Transactions that change customers, and revoke tokens with the change.

use std::fmt;
use std::time::SystemTime;

use sqlx::postgres::PgArguments;
use sqlx::postgres::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::postgres::Postgres;
use sqlx::query::Query;

use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerRecord;
use crate::customer::CustomerUpdate;
use crate::customer::StoreError;
use crate::customer::email_key;
use crate::database::InDoubt;
use crate::database::PostgresDatabase;
use crate::database::PostgresTransaction;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::password::PasswordHash;
use crate::revocation::Reservation;
use crate::revocation::RevocationLog;
use crate::store::PostgresCustomers;
use crate::store::ended::Ended;
use crate::store::rows::record;
use crate::store::statements;
use crate::store::to_end;

/// Transaction over customers, created by [`PostgresCustomers::begin`].
///
/// Keep it short: others wait for the rows that it has changed. Each method has the deadline of a
/// call. After an error, the transaction can only be rolled back. Dropping it rolls it back and
/// closes its connection.
///
/// # Example
///
/// A customer's change is carried out only if their token is still valid, and together with a row
/// of the application:
///
/// ```
/// use tower_customer_auth::VerifiedToken;
/// use tower_customer_auth::customer::CustomerUpdate;
/// use tower_customer_auth::store::PostgresCustomers;
///
/// # type Error = Box<dyn std::error::Error>;
/// async fn rename(customers: &PostgresCustomers, token: &VerifiedToken) -> Result<bool, Error> {
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
pub struct PostgresCustomersTransaction {
    store: PostgresCustomers,
    write: PostgresTransaction,
    ended: Ended,
}

impl PostgresCustomersTransaction {
    pub(super) fn new(store: PostgresCustomers, write: PostgresTransaction) -> Self {
        Self { store, write, ended: Ended::default() }
    }

    /// Returns the connection, for other tables in the same database.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.write.connection()
    }

    /// Returns whether a token is revoked at this moment.
    ///
    /// The arguments are those of the `VerifiedToken`; `login_at` is its `authenticated_at`. A
    /// revocation that is committed later, also before this transaction, counts as after it.
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
        let database = self.store.database.clone();
        let connection = self.write.statement();
        let log = &self.store.log;
        let revoked = log.is_revoked_in(connection, token_id, session_id, customer_id, login_at);
        let revoked = database.within(revoked, |error| error).await.map_err(StoreError::new)?;
        self.write.answered();
        Ok(revoked)
    }

    /// Inserts a customer, as [`PostgresCustomers::insert`] does.
    ///
    /// # Errors
    ///
    /// As for that method.
    pub async fn insert(
        &mut self,
        customer: &Customer,
        password: Option<&PasswordHash>,
    ) -> Result<CustomerRecord, ChangeError> {
        let database = self.database();
        let insert = async {
            let key = email_key(customer.email());
            self.lock_email(&key).await.map_err(ChangeError::store)?;
            let insert = sqlx::query(database.sql(statements::INSERT))
                .bind(customer.id().to_string())
                .bind(customer.name())
                .bind(customer.email())
                .bind(key)
                .bind(password.map(PasswordHash::expose))
                .bind(self.now())
                .bind(!customer.is_enabled());
            let row = self.row(insert).await.map_err(change_error)?;
            let row = row.ok_or(ChangeError::DUPLICATE_ID)?;
            record(&row).map_err(ChangeError::store)
        };
        database.within(insert, ChangeError::store).await
    }

    /// Changes attributes of a customer, as [`PostgresCustomers::update`] does.
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
        let database = self.database();
        let update = async {
            let key = email.as_deref().map(email_key);
            if let Some(key) = &key {
                self.lock_email(key).await.map_err(ChangeError::store)?;
            }
            let update = sqlx::query(database.sql(statements::UPDATE))
                .bind(id.to_string())
                .bind(name.as_deref())
                .bind(email.as_deref())
                .bind(key)
                .bind(password.as_ref().map(PasswordHash::expose))
                .bind(self.now())
                .bind(enabled.map(|is_enabled| !is_enabled));
            self.row(update).await.map_err(change_error)
        };
        let Some(row) = database.within(update, ChangeError::store).await? else {
            return Ok(None);
        };
        if let Some(reservation) = reservation {
            self.end_tokens(id, reservation);
        }
        record(&row).map(Some).map_err(ChangeError::store)
    }

    /// Deletes a customer, as [`PostgresCustomers::delete`] does.
    ///
    /// # Errors
    ///
    /// As for that method.
    pub async fn delete(&mut self, id: &CustomerId) -> Result<bool, StoreError> {
        let reservation = self.reserve(id)?;
        let database = self.database();
        let delete = sqlx::query(database.sql(statements::DELETE)).bind(id.to_string());
        let deleted = database.within(self.row(delete), |error| error).await;
        let existed = deleted.map_err(StoreError::new)?.is_some();
        if existed {
            self.end_tokens(id, reservation);
        }
        Ok(existed)
    }

    /// Commits. The changes and their revocations are on the server's disk when this returns.
    ///
    /// Cancelling the caller does not stop it.
    ///
    /// # Errors
    ///
    /// The store is unavailable, or a statement of this transaction failed before. The changes and
    /// their revocations were rolled back, or in rare cases committed.
    pub async fn commit(self) -> Result<(), StoreError> {
        // Stopped between the commit and what follows, this list would not know, and a commit that
        // took long would lack its second revocation.
        to_end(async move {
            let database = self.database();
            database.within(self.commit_and_apply(), StoreError::new).await
        })
        .await
    }

    /// Rolls back, and waits for it. Dropping the transaction closes the connection instead.
    ///
    /// # Errors
    ///
    /// The store is unavailable. The changes are rolled back in any case.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.write.rollback().await.map_err(StoreError::new)
    }
}

impl PostgresCustomersTransaction {
    pub(super) fn database(&self) -> PostgresDatabase {
        self.store.database.clone()
    }

    /// Ends with a result, without a deadline: commits if it is one, else rolls back.
    pub(super) async fn end<T, E: From<StoreError>>(self, result: Result<T, E>) -> Result<T, E> {
        match result {
            Ok(value) => {
                self.commit_and_apply().await?;
                Ok(value)
            }
            Err(error) => {
                // The first error counts. A rollback that fails closes the connection.
                drop(self.rollback().await);
                Err(error)
            }
        }
    }

    /// The time for the columns of times, in milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.store.clock.since_epoch().as_millis()).unwrap_or(i64::MAX)
    }

    /// Waits until no other transaction writes customers with this e-mail.
    ///
    /// The rules about several customers with an e-mail are about rows that may not exist yet, so
    /// there is none to lock.
    pub(super) async fn lock_email(&mut self, key: &str) -> Result<(), sqlx::Error> {
        if key.is_empty() {
            return Ok(());
        }
        let lock = sqlx::query(LOCK).bind(self.store.database.table(key));
        self.row(lock).await.map(drop)
    }

    /// Replaces a hash of the same password. Returns whether the old one was still there.
    pub(super) async fn replace_hash(
        &mut self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let replace = sqlx::query(self.store.database.sql(statements::REPLACE_HASH))
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
            let appended = store.log.insert_in(write.connection(), entry).await;
            appended.map_err(StoreError::new)?;
        }
        write.commit_once().await.map_err(StoreError::new)?;
        if entries.is_empty() {
            return Ok(());
        }
        store.log.hint();
        ended.apply(store.revocations.as_ref(), &entries)?;
        let committed_at = store.clock.now();
        if committed_at > latest {
            let entries = ended.since(committed_at);
            for entry in &entries {
                let appended = store.log.append(entry).await;
                appended.map_err(|error| StoreError::new(InDoubt(error.into())))?;
            }
            ended.apply(store.revocations.as_ref(), &entries)?;
        }
        Ok(())
    }

    /// Runs a statement that writes at most one row, and returns that row.
    async fn row(
        &mut self,
        statement: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<PgRow>, sqlx::Error> {
        let rows = statement.fetch_all(self.write.statement()).await;
        self.write.answered();
        Ok(rows?.pop())
    }
}

impl fmt::Debug for PostgresCustomersTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCustomersTransaction").finish_non_exhaustive()
    }
}

fn change_error(error: sqlx::Error) -> ChangeError {
    let database = error.as_database_error().filter(|error| error.is_unique_violation());
    match database.and_then(|error| error.constraint()) {
        Some("customer_auth_customers_pkey") => ChangeError::DUPLICATE_ID,
        Some("customer_auth_customers_login") => ChangeError::DUPLICATE_EMAIL,
        _ => ChangeError::store(error),
    }
}

const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 1))";
