//! The store of identities, and what is made of its answers.

use std::time::Duration;

use tokio::time::timeout;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::issuer::BoxFuture;
use crate::issuer::response::Refusal;
use crate::observe;

/// An [`IdentityStore`] whose type is forgotten, so that only bodies are generic.
pub(super) trait DynIdentityStore: Send + Sync {
    fn find_by_identity<'a>(
        &'a self,
        identity: &'a Identity,
    ) -> BoxFuture<'a, Result<Option<Customer>, StoreError>>;

    fn email_holder<'a>(&'a self, email: &'a str)
    -> BoxFuture<'a, Result<EmailHolder, StoreError>>;

    fn create<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        email_must_be_free: bool,
    ) -> BoxFuture<'a, Result<Admission, StoreError>>;

    fn link<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        id: &'a CustomerId,
    ) -> BoxFuture<'a, Result<Admission, StoreError>>;
}

impl<S: IdentityStore> DynIdentityStore for S {
    fn find_by_identity<'a>(
        &'a self,
        identity: &'a Identity,
    ) -> BoxFuture<'a, Result<Option<Customer>, StoreError>> {
        Box::pin(IdentityStore::find_by_identity(self, identity))
    }

    fn email_holder<'a>(
        &'a self,
        email: &'a str,
    ) -> BoxFuture<'a, Result<EmailHolder, StoreError>> {
        Box::pin(IdentityStore::email_holder(self, email))
    }

    fn create<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        email_must_be_free: bool,
    ) -> BoxFuture<'a, Result<Admission, StoreError>> {
        Box::pin(IdentityStore::create(self, newcomer, email_must_be_free))
    }

    fn link<'a>(
        &'a self,
        newcomer: &'a Newcomer,
        id: &'a CustomerId,
    ) -> BoxFuture<'a, Result<Admission, StoreError>> {
        Box::pin(IdentityStore::link(self, newcomer, id))
    }
}

/// Waits for an answer of the store's, and tells the operator where there is none.
pub(super) async fn store_answer<T>(
    limit: Duration,
    answer: BoxFuture<'_, Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            observe::fault("the customer store could not tell", &error);
            Err(Refusal::Fault)
        }
        Err(elapsed) => {
            observe::fault("the customer store has not answered", &elapsed);
            Err(Refusal::Fault)
        }
    }
}
