//! Object-safe twins of the traits of stores.

use std::future::Future;
use std::pin::Pin;

#[cfg(feature = "oidc")]
use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::CustomerLookup;
use crate::customer::CustomerStore;
#[cfg(feature = "oidc")]
use crate::customer::EmailHolder;
#[cfg(feature = "oidc")]
use crate::customer::Identity;
#[cfg(feature = "oidc")]
use crate::customer::IdentityStore;
#[cfg(feature = "oidc")]
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::id::CustomerId;
use crate::password::PasswordHash;

/// A boxed future.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Object-safe twin of [`CustomerStore`].
pub(crate) trait DynCustomerStore: Send + Sync {
    fn find_by_email<'a>(
        &'a self,
        email: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredCustomer>, StoreError>>;

    fn replace_password_hash<'a>(
        &'a self,
        id: &'a CustomerId,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
}

impl<S: CustomerStore> DynCustomerStore for S {
    fn find_by_email<'a>(
        &'a self,
        email: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredCustomer>, StoreError>> {
        Box::pin(CustomerStore::find_by_email(self, email))
    }

    fn replace_password_hash<'a>(
        &'a self,
        id: &'a CustomerId,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(CustomerStore::replace_password_hash(self, id, old, new))
    }
}

/// Object-safe twin of [`CustomerLookup`].
pub(crate) trait DynCustomerLookup: Send + Sync {
    fn find_by_id<'a>(
        &'a self,
        id: &'a CustomerId,
    ) -> BoxFuture<'a, Result<Option<Customer>, StoreError>>;
}

impl<S: CustomerLookup> DynCustomerLookup for S {
    fn find_by_id<'a>(
        &'a self,
        id: &'a CustomerId,
    ) -> BoxFuture<'a, Result<Option<Customer>, StoreError>> {
        Box::pin(CustomerLookup::find_by_id(self, id))
    }
}

/// Object-safe twin of [`IdentityStore`].
#[cfg(feature = "oidc")]
pub(crate) trait DynIdentityStore: Send + Sync {
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

#[cfg(feature = "oidc")]
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
