//! Customers that sign in at an OpenID provider.

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::customer::email_key;
use crate::id::CustomerId;
use crate::store::PostgresCustomers;
use crate::store::PostgresCustomersTransaction;
use crate::store::rows::customer;
use crate::store::rows::email_holder;
use crate::store::statements;
use crate::store::to_end;

impl IdentityStore for PostgresCustomers {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        let (issuer, subject) = (identity.issuer(), identity.subject());
        // No stored identity has one, and the server refuses the text.
        if issuer.contains('\0') || subject.contains('\0') {
            return Ok(None);
        }
        let database = &self.database;
        let find =
            || sqlx::query(database.sql(statements::FIND_BY_IDENTITY)).bind(issuer).bind(subject);
        let rows = self.rows(find).await?;
        rows.first().map(customer).transpose().map_err(StoreError::new)
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        if email.contains('\0') {
            return Ok(EmailHolder::Free);
        }
        let key = email_key(email);
        let find = || sqlx::query(self.database.sql(EMAIL_HOLDER)).bind(&key).bind(email);
        email_holder(&self.rows(find).await?).map_err(StoreError::new)
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        let (store, newcomer) = (self.clone(), newcomer.clone());
        to_end(async move {
            let (store, newcomer) = (&store, &newcomer);
            let create = move || async move {
                let mut transaction = store.begin_once().await?;
                let created = create(&mut transaction, newcomer, email_must_be_free).await;
                end(transaction, created).await
            };
            store.database.repeat(create, StoreError::new).await
        })
        .await
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let (store, newcomer, id) = (self.clone(), newcomer.clone(), id.clone());
        to_end(async move {
            let (store, newcomer, id) = (&store, &newcomer, &id);
            let link = move || async move {
                let mut transaction = store.begin_once().await?;
                let reservation = transaction.reserve(id)?;
                let linked = link(&mut transaction, newcomer, id).await;
                if let Ok(Some(_)) = &linked {
                    transaction.end_tokens(id, reservation);
                }
                end(transaction, linked).await
            };
            store.database.repeat(link, StoreError::new).await
        })
        .await
    }
}

/// Commits if a customer was admitted.
async fn end(
    transaction: PostgresCustomersTransaction,
    admitted: Result<Option<Customer>, sqlx::Error>,
) -> Result<Admission, StoreError> {
    match admitted {
        Ok(Some(customer)) => transaction.end(Ok(Admission::Admitted(customer))).await,
        Ok(None) => {
            transaction.rollback().await?;
            Ok(Admission::Stale)
        }
        Err(error) => transaction.end(Err(StoreError::new(error))).await,
    }
}

/// Returns `None` if the decision to create is outdated.
async fn create(
    transaction: &mut PostgresCustomersTransaction,
    newcomer: &Newcomer,
    email_must_be_free: bool,
) -> Result<Option<Customer>, sqlx::Error> {
    let customer = newcomer.customer();
    let key = email_key(customer.email());
    transaction.lock_email(&key).await?;
    let create = transaction.database().sql(statements::CREATE);
    let created = sqlx::query(create)
        .bind(customer.id().to_string())
        .bind(customer.name())
        .bind(customer.email())
        .bind(key)
        .bind(transaction.now())
        .bind(newcomer.identity().issuer())
        .bind(newcomer.identity().subject())
        .bind(email_must_be_free)
        .execute(transaction.connection())
        .await?;
    let is_created =
        created.rows_affected() == 1 && add_identity(transaction, newcomer, customer.id()).await?;
    Ok(is_created.then(|| customer.clone()))
}

/// Returns `None` if the decision to link is outdated.
async fn link(
    transaction: &mut PostgresCustomersTransaction,
    newcomer: &Newcomer,
    id: &CustomerId,
) -> Result<Option<Customer>, sqlx::Error> {
    let email = newcomer.customer().email();
    if !newcomer.has_verified_email() || email.contains('\0') {
        return Ok(None);
    }
    let database = transaction.database();
    let key = email_key(email);
    // With both locks, nothing that the holder depends on changes before the commit: no customer
    // comes to this e-mail, and none who has it changes.
    transaction.lock_email(&key).await?;
    let lock = sqlx::query(database.sql(LOCK_HOLDERS)).bind(&key);
    lock.fetch_all(transaction.connection()).await?;
    let holder = sqlx::query(database.sql(EMAIL_HOLDER)).bind(&key).bind(email);
    let holder = email_holder(&holder.fetch_all(transaction.connection()).await?)?;
    if holder != EmailHolder::Linkable(id.clone())
        || !add_identity(transaction, newcomer, id).await?
    {
        return Ok(None);
    }
    let take = sqlx::query(database.sql(statements::TAKE_PASSWORD))
        .bind(id.to_string())
        .bind(transaction.now());
    let mut rows = take.fetch_all(transaction.connection()).await?;
    // Invariant: the row is locked, so no other transaction has deleted it.
    let row = rows.pop().ok_or(sqlx::Error::RowNotFound)?;
    customer(&row).map(Some)
}

/// Adds an identity. Returns `false` if it belongs to a customer already.
async fn add_identity(
    transaction: &mut PostgresCustomersTransaction,
    newcomer: &Newcomer,
    id: &CustomerId,
) -> Result<bool, sqlx::Error> {
    let verified = newcomer.has_verified_email().then(|| newcomer.customer().email());
    let add = transaction.database().sql(statements::ADD_IDENTITY);
    let added = sqlx::query(add)
        .bind(newcomer.identity().issuer())
        .bind(newcomer.identity().subject())
        .bind(id.to_string())
        .bind(verified)
        .bind(transaction.now())
        .execute(transaction.connection())
        .await?;
    Ok(added.rows_affected() == 1)
}

const LOCK_HOLDERS: &str =
    "SELECT id FROM customer_auth_customers WHERE email_key = $1 ORDER BY id FOR UPDATE";

// As for SQLite: two rows are enough to detect ambiguity. A customer's claim to the address is 3 with
// identities, 2 with a password, 1 otherwise, and 0 if it must not be linked. To be linked, the
// address must be equal except for the case of ASCII letters, which is what `lower` changes in the
// collation "C": the key maps other letters to ASCII.
const EMAIL_HOLDER: &str = "\
    SELECT id, CASE \
        WHEN disabled OR lower(email COLLATE \"C\") <> lower($2 COLLATE \"C\") OR EXISTS ( \
            SELECT 1 FROM customer_auth_identities WHERE customer_id = id \
            AND lower(verified_email COLLATE \"C\") IS DISTINCT FROM lower($2 COLLATE \"C\") \
        ) THEN 0 \
        WHEN EXISTS (SELECT 1 FROM customer_auth_identities WHERE customer_id = id) THEN 3 \
        WHEN password_hash IS NOT NULL THEN 2 \
        ELSE 1 \
    END::int8 AS claim \
    FROM customer_auth_customers WHERE email_key = $1 AND $1 <> '' \
    ORDER BY claim DESC LIMIT 2";
