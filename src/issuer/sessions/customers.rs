//! The object-safe twin of the customer lookup.

use crate::customer::Customer;
use crate::customer::CustomerLookup;
use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::issuer::BoxFuture;

/// Object-safe twin of [`CustomerLookup`].
pub(super) trait DynCustomerLookup: Send + Sync {
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
