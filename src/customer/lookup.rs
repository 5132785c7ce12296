//! The customer store of logout and refresh.

use std::future::Future;
use std::sync::Arc;

use crate::customer::Customer;
use crate::customer::StoreError;
use crate::id::CustomerId;

/// Lookup of customers by their identifier, for `issuer::Sessions`.
///
/// It is independent of [`CustomerStore`](crate::CustomerStore): a store may implement one of them
/// or both.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::CustomerId;
/// use tower_customer_auth::customer::CustomerLookup;
/// use tower_customer_auth::customer::StoreError;
///
/// struct Customers(HashMap<CustomerId, Customer>);
///
/// impl CustomerLookup for Customers {
///     async fn find_by_id(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
///         Ok(self.0.get(id).cloned())
///     }
/// }
/// ```
pub trait CustomerLookup: Send + Sync + 'static {
    /// Finds a customer, enabled or disabled.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn find_by_id(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;
}

impl<S: CustomerLookup> CustomerLookup for Arc<S> {
    fn find_by_id(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send {
        (**self).find_by_id(id)
    }
}
