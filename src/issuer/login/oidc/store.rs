//! The object-safe twin of the identity store.

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::issuer::BoxFuture;

/// Object-safe twin of [`IdentityStore`].
pub(in crate::issuer) trait DynIdentityStore: Send + Sync {
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
