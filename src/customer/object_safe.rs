//! Object-safe twins of the traits of stores.

use std::future::Future;
use std::pin::Pin;

use crate::customer::Customer;
use crate::customer::CustomerLookup;
use crate::customer::CustomerStore;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::id::CustomerId;
use crate::password::PasswordHash;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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
