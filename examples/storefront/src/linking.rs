//! The customers as sign-ins by OpenID Connect see them.

use std::sync::Arc;

use tower_customer_auth::Clock;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::EmailHolder;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::store::SqliteCustomers;

use crate::cutoffs;
use crate::writes::Writes;

/// The crate's store of customers, which keeps a cut-off with each link.
///
/// Who is linked to a customer may not be who has signed in as that customer until now: the grant
/// ends the tokens that are out. In memory, though, and a restart would give them back.
#[derive(Clone, Debug)]
pub(crate) struct LinkingCustomers {
    pub(crate) customers: SqliteCustomers,
    pub(crate) writes: Writes,
    pub(crate) clock: Arc<dyn Clock>,
}

impl IdentityStore for LinkingCustomers {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        self.customers.find_by_identity(identity).await
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        self.customers.email_holder(email).await
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        self.customers.create(newcomer, email_must_be_free).await
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let Self { customers, writes, clock } = self.clone();
        let (newcomer, id) = (newcomer.clone(), id.clone());
        let pool = customers.pool().clone();
        let link = cutoffs::kept_with(pool, clock, id.clone(), async move {
            let admission = customers.link(&newcomer, &id).await?;
            let linked = matches!(admission, Admission::Admitted(_));
            Ok((admission, linked))
        });
        // What happened stands in the log already.
        let linked = writes.carry_out(link).await;
        linked.map_err(|_| StoreError::new("the link could not be carried out"))
    }
}
