//! Customers that sign in at an OpenID provider.

use sqlx::Executor;
use sqlx::sqlite::Sqlite;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::customer::email_key;
use crate::id::CustomerId;
use crate::store::CustomersTransaction;
use crate::store::SqliteCustomers;
use crate::store::rows::customer;
use crate::store::rows::email_holder;
use crate::store::statements;
use crate::store::to_end;

impl IdentityStore for SqliteCustomers {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        let row = sqlx::query(statements::FIND_BY_IDENTITY)
            .bind(identity.issuer())
            .bind(identity.subject())
            .fetch_optional(self.pool())
            .await
            .map_err(StoreError::new)?;
        row.as_ref().map(customer).transpose().map_err(StoreError::new)
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        holder(self.pool(), email).await.map_err(StoreError::new)
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        let (store, newcomer) = (self.clone(), newcomer.clone());
        to_end(async move {
            let mut transaction = store.begin().await?;
            let created = create(&mut transaction, &newcomer, email_must_be_free).await;
            end(transaction, created).await
        })
        .await
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let (store, newcomer, id) = (self.clone(), newcomer.clone(), id.clone());
        to_end(async move {
            let mut transaction = store.begin().await?;
            let reservation = transaction.reserve(&id)?;
            let linked = link(&mut transaction, &newcomer, &id).await;
            if let Ok(Some(_)) = &linked {
                transaction.end_tokens(&id, reservation);
            }
            end(transaction, linked).await
        })
        .await
    }
}

/// Commits if a customer was admitted.
async fn end(
    transaction: CustomersTransaction,
    admitted: Result<Option<Customer>, sqlx::Error>,
) -> Result<Admission, StoreError> {
    let Some(customer) = admitted.map_err(StoreError::new)? else {
        // Not left to the drop, which would still hold the lock when the next write begins.
        transaction.rollback().await?;
        return Ok(Admission::Stale);
    };
    transaction.commit().await?;
    Ok(Admission::Admitted(customer))
}

/// Returns `None` if the decision to create is outdated.
async fn create(
    transaction: &mut CustomersTransaction,
    newcomer: &Newcomer,
    email_must_be_free: bool,
) -> Result<Option<Customer>, sqlx::Error> {
    let customer = newcomer.customer();
    let created = sqlx::query(statements::CREATE)
        .bind(customer.id().to_string())
        .bind(customer.name())
        .bind(customer.email())
        .bind(email_key(customer.email()))
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
    transaction: &mut CustomersTransaction,
    newcomer: &Newcomer,
    id: &CustomerId,
) -> Result<Option<Customer>, sqlx::Error> {
    let holder = holder(transaction.connection(), newcomer.customer().email()).await?;
    if !newcomer.has_verified_email()
        || holder != EmailHolder::Linkable(id.clone())
        || !add_identity(transaction, newcomer, id).await?
    {
        return Ok(None);
    }
    let take = sqlx::query(statements::TAKE_PASSWORD).bind(id.to_string()).bind(transaction.now());
    let mut rows = take.fetch_all(transaction.connection()).await?;
    // Invariant: the e-mail's holder was read in this transaction, so no other writer has deleted
    // it.
    let row = rows.pop().ok_or(sqlx::Error::RowNotFound)?;
    customer(&row).map(Some)
}

/// Adds an identity. Returns `false` if it belongs to a customer already.
async fn add_identity(
    transaction: &mut CustomersTransaction,
    newcomer: &Newcomer,
    id: &CustomerId,
) -> Result<bool, sqlx::Error> {
    let verified = newcomer.has_verified_email().then(|| newcomer.customer().email());
    let added = sqlx::query(statements::ADD_IDENTITY)
        .bind(newcomer.identity().issuer())
        .bind(newcomer.identity().subject())
        .bind(id.to_string())
        .bind(verified)
        .bind(transaction.now())
        .execute(transaction.connection())
        .await?;
    Ok(added.rows_affected() == 1)
}

async fn holder(
    executor: impl Executor<'_, Database = Sqlite>,
    email: &str,
) -> Result<EmailHolder, sqlx::Error> {
    let rows =
        sqlx::query(EMAIL_HOLDER).bind(email_key(email)).bind(email).fetch_all(executor).await?;
    email_holder(&rows)
}

// Two rows are enough to detect ambiguity. A customer's claim to the address is 3 with identities,
// 2 with a password, 1 otherwise, and 0 if it must not be linked. To be linked, the address must be
// equal except for the case of ASCII letters, which is what NOCASE compares: the key maps other
// letters to ASCII. `IS NOT` is true for NULL too: that identity has no verified address.
const EMAIL_HOLDER: &str = "\
    SELECT id, CASE \
        WHEN disabled OR email <> ?2 COLLATE NOCASE OR EXISTS ( \
            SELECT 1 FROM customer_auth_identities \
            WHERE customer_id = id AND verified_email IS NOT ?2 COLLATE NOCASE \
        ) THEN 0 \
        WHEN EXISTS (SELECT 1 FROM customer_auth_identities WHERE customer_id = id) THEN 3 \
        WHEN password_hash IS NOT NULL THEN 2 \
        ELSE 1 \
    END AS claim \
    FROM customer_auth_customers WHERE email_key = ?1 AND ?1 <> '' \
    ORDER BY claim DESC LIMIT 2";

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;
    use sqlx::Row;

    use super::*;
    use crate::store::SqliteCustomers;

    #[tokio::test]
    async fn look_ups_of_identities_go_by_indexes() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        for (statement, plan) in [
            (
                statements::FIND_BY_IDENTITY,
                &[
                    "SEARCH customer_auth_identities USING PRIMARY KEY (issuer=? AND subject=?)",
                    "SEARCH customer_auth_customers USING INDEX \
                     sqlite_autoindex_customer_auth_customers_1 (id=?)",
                ][..],
            ),
            (
                EMAIL_HOLDER,
                &[
                    "SEARCH customer_auth_customers USING INDEX \
                     customer_auth_customers_email (email_key=?)",
                    "CORRELATED SCALAR SUBQUERY 1",
                    "SEARCH customer_auth_identities USING INDEX \
                     customer_auth_identities_customer (customer_id=?)",
                    "CORRELATED SCALAR SUBQUERY 2",
                    "SEARCH customer_auth_identities USING COVERING INDEX \
                     customer_auth_identities_customer (customer_id=?)",
                    "USE TEMP B-TREE FOR ORDER BY",
                ],
            ),
        ] {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let rows = sqlx::query(explain).fetch_all(store.pool()).await.unwrap();
            let rows = rows.iter().map(|row| row.try_get("detail").unwrap());
            assert_eq!(rows.collect::<Vec<String>>(), plan);
        }
    }
}
