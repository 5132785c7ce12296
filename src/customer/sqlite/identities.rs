//! Customers who sign in at a provider.

use sqlx::Executor;
use sqlx::Row;
use sqlx::Transaction;
use sqlx::sqlite::Sqlite;
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::SqliteCustomers;
use crate::customer::StoreError;
use crate::customer::email_key;
use crate::customer::sqlite::rows::customer;
use crate::customer::sqlite::statements;
use crate::id::CustomerId;

impl IdentityStore for SqliteCustomers {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        let row = sqlx::query(statements::FIND_BY_IDENTITY)
            .bind(identity.issuer())
            .bind(identity.subject())
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::new)?;
        row.as_ref().map(customer).transpose().map_err(StoreError::new)
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        holder(&self.pool, email).await.map_err(StoreError::new)
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        let (pool, newcomer, now) = (self.pool.clone(), newcomer.clone(), self.now());
        let created = self.in_turn(async move {
            let mut transaction = begin(&pool).await?;
            let created = create(&mut transaction, &newcomer, email_must_be_free, now).await?;
            end(transaction, created).await
        });
        created.await.map_err(StoreError::new)
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let (pool, newcomer, now) = (self.pool.clone(), newcomer.clone(), self.now());
        let id = id.clone();
        let linked = self.in_turn(async move {
            let mut transaction = begin(&pool).await?;
            let linked = link(&mut transaction, &newcomer, &id, now).await?;
            end(transaction, linked).await
        });
        linked.await.map_err(StoreError::new)
    }
}

/// From here on nobody else writes, not even another process.
async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    pool.begin_with("BEGIN IMMEDIATE").await
}

async fn end(
    transaction: Transaction<'static, Sqlite>,
    admission: Admission,
) -> Result<Admission, sqlx::Error> {
    match admission {
        Admission::Admitted(_) => transaction.commit().await?,
        // Not left to its drop: that would still hold the file when it is the next one's turn.
        Admission::Stale => transaction.rollback().await?,
    }
    Ok(admission)
}

async fn create(
    connection: &mut SqliteConnection,
    newcomer: &Newcomer,
    email_must_be_free: bool,
    now: i64,
) -> Result<Admission, sqlx::Error> {
    let customer = newcomer.customer();
    let created = sqlx::query(statements::CREATE)
        .bind(customer.id().to_string())
        .bind(customer.name())
        .bind(customer.email())
        .bind(email_key(customer.email()))
        .bind(now)
        .bind(newcomer.identity().issuer())
        .bind(newcomer.identity().subject())
        .bind(email_must_be_free)
        .execute(&mut *connection)
        .await?;
    if created.rows_affected() == 0
        || !add_identity(connection, newcomer, customer.id(), now).await?
    {
        return Ok(Admission::Stale);
    }
    Ok(Admission::Admitted(customer.clone()))
}

async fn link(
    connection: &mut SqliteConnection,
    newcomer: &Newcomer,
    id: &CustomerId,
    now: i64,
) -> Result<Admission, sqlx::Error> {
    let holder = holder(&mut *connection, newcomer.customer().email()).await?;
    if !newcomer.has_verified_email()
        || holder != EmailHolder::Linkable(id.clone())
        || !add_identity(connection, newcomer, id, now).await?
    {
        return Ok(Admission::Stale);
    }
    let mut rows = sqlx::query(statements::TAKE_PASSWORD)
        .bind(id.to_string())
        .bind(now)
        .fetch_all(connection)
        .await?;
    // Invariant: the holder of the e-mail was there a moment ago, and nobody else has written since.
    let row = rows.pop().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Admission::Admitted(customer(&row)?))
}

/// Tells whether the identity was nobody's.
async fn add_identity(
    connection: &mut SqliteConnection,
    newcomer: &Newcomer,
    id: &CustomerId,
    now: i64,
) -> Result<bool, sqlx::Error> {
    let verified = newcomer.has_verified_email().then(|| newcomer.customer().email());
    let added = sqlx::query(statements::ADD_IDENTITY)
        .bind(newcomer.identity().issuer())
        .bind(newcomer.identity().subject())
        .bind(id.to_string())
        .bind(verified)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(added.rows_affected() == 1)
}

async fn holder(
    executor: impl Executor<'_, Database = Sqlite>,
    email: &str,
) -> Result<EmailHolder, sqlx::Error> {
    let rows = sqlx::query(statements::EMAIL_HOLDER)
        .bind(email_key(email))
        .bind(email)
        .fetch_all(executor)
        .await?;
    let Some(first) = rows.first() else {
        return Ok(EmailHolder::Nobody);
    };
    // The best claim is first. Of two that are equally good nobody can tell whose it is.
    let best: i64 = first.try_get("claim")?;
    let next = rows.get(1).map_or(Ok(0), |second| second.try_get("claim"))?;
    if best <= next {
        return Ok(EmailHolder::NotLinkable);
    }
    let id: String = first.try_get("id")?;
    let id = id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(EmailHolder::Linkable(id))
}
