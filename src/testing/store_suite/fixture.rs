//! What the suites need of a store beside its traits.

use std::future::Future;
use std::time::Duration;

use crate::customer::Customer;
use crate::customer::CustomerStore;
#[cfg(feature = "oidc")]
use crate::customer::IdentityStore;
#[cfg(feature = "oidc")]
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::throttle::ThrottleCounters;

/// Customer store that [`customer_store_suite!`](crate::testing::customer_store_suite) can fill.
///
/// Implement it beside the tests. A method that fails panics.
pub trait CustomerStoreFixture: CustomerStore {
    /// Inserts a customer, or changes the one who has this identifier.
    ///
    /// The customer has then this name, this e-mail and this password hash. `None` means no
    /// password; the suites give `None` only for customers who have none, so that a store without a
    /// way to take a password away passes too. The customer's identities stay as they are.
    ///
    /// # Panics
    ///
    /// If the store can't do it.
    fn put(
        &self,
        customer: &Customer,
        password: Option<&PasswordHash>,
    ) -> impl Future<Output = ()> + Send;
}

/// Counters that [`throttle_counters_suite!`](crate::testing::throttle_counters_suite) can test.
pub trait ThrottleCountersFixture: ThrottleCounters {
    /// Advances the clock of the counters by a time, of up to 400 days.
    ///
    /// # Panics
    ///
    /// If the clock cannot be advanced.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Identity store that [`identity_store_suite!`](crate::testing::identity_store_suite) can fill.
///
/// The suite needs both traits of a store, because a link takes the customer's password away. A
/// method that fails panics.
#[cfg(feature = "oidc")]
pub trait IdentityStoreFixture: CustomerStoreFixture + IdentityStore {
    /// Deletes a customer, in the way your application does it.
    ///
    /// # Panics
    ///
    /// If the store can't do it.
    fn delete(&self, id: &CustomerId) -> impl Future<Output = ()> + Send;
}
