//! State that the handlers share.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use axum::extract::FromRef;
use sqlx::SqlitePool;
use tower_customer_auth::Clock;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::Revocations;
use tower_customer_auth::customer::ChangeError;
use tower_customer_auth::customer::CustomerRecord;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::password::PasswordHash;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::store::CustomersTransaction;
use tower_customer_auth::store::SqliteCustomers;
use tower_customer_auth::throttle::LoginThrottle;

use crate::access::AccessTokens;
use crate::access::Caller;
use crate::problem::Problem;

/// The store: its data, and the parts of the crate that authenticate its customers.
#[derive(Clone, Debug)]
pub(crate) struct Storefront {
    /// For reading. Handlers write in a transaction from [`begin_for`](Self::begin_for).
    pub(crate) pool: SqlitePool,
    pub(crate) customers: Customers,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) hasher: PasswordHasher,
    pub(crate) throttle: LoginThrottle,
    pub(crate) revocations: Revocations,
    /// `STOREFRONT_MAX_STALENESS`, which the revocations were started with.
    pub(crate) max_staleness: Duration,
    /// Present if a provider is configured.
    pub(crate) oidc: Option<OidcGrant>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Storefront {
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Begins the transaction that a handler writes in. Fails with 403 if the caller's customer
    /// token is revoked.
    ///
    /// The layer verified the token when the request arrived. Meanwhile the customer may have
    /// changed the password and received the response: after that, a stolen token must not write.
    /// No other process can revoke the token before the transaction ends.
    ///
    /// A database in memory has a single connection. While the transaction exists, read with
    /// [`connection`](CustomersTransaction::connection) and not from the pool.
    pub(crate) async fn begin_for(&self, caller: &Caller) -> Result<CustomersTransaction, Problem> {
        let mut transaction = self.customers.0.begin().await?;
        if let Caller::Customer(token) = caller {
            let (id, session) = (token.token_id(), token.session_id());
            let (customer, login_at) = (token.customer_id(), token.authenticated_at());
            if transaction.is_revoked(id, session, customer, login_at).await? {
                return Err(Problem::forbidden("the customer token has been revoked"));
            }
        }
        Ok(transaction)
    }
}

/// What handlers may do with customers outside of a transaction: read, and register.
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

impl FromRef<Storefront> for SqlitePool {
    fn from_ref(store: &Storefront) -> Self {
        store.pool.clone()
    }
}

impl FromRef<Storefront> for AccessTokens {
    fn from_ref(store: &Storefront) -> Self {
        store.access_tokens.clone()
    }
}
