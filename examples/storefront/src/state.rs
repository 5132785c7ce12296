//! What the handlers share.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRef;
use sqlx::SqlitePool;
use tower_customer_auth::Clock;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::Revocations;
use tower_customer_auth::password::PasswordHasher;

use crate::access::AccessTokens;
use crate::writes::Customers;
use crate::writes::Writes;

/// The store: its data, and the parts of the crate that look after its customers.
#[derive(Clone, Debug)]
pub(crate) struct Storefront {
    /// For handlers to read with. They write with what [`write_for`](Self::write_for) hands them.
    pub(crate) pool: SqlitePool,
    pub(crate) writes: Writes,
    pub(crate) customers: Customers,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) hasher: PasswordHasher,
    pub(crate) revocations: Revocations,
    /// Where there is a provider to sign in with.
    pub(crate) oidc: Option<OidcGrant>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Storefront {
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
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
