//! The requirements on customer stores, revocation logs and throttle counters, as tests that each
//! implementation instantiates.
//!
//! `customers`, `identities`, `revocation_log` and `throttle_counters` have one generic function for
//! each test, and a macro that lists them. They use the traits alone, so that stores outside of this
//! crate pass them too.
//! `own_customers` and `own_identities` test what `MemoryCustomers` and `SqliteCustomers` have in
//! common beside that.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

pub mod customers;
mod fixture;
#[cfg(feature = "oidc")]
pub mod identities;
pub mod revocation_log;
#[cfg(test)]
pub(crate) mod tests;
pub mod throttle_counters;

use std::future::Future;

pub use self::customers::customer_store_suite;
pub use self::fixture::CustomerStoreFixture;
#[cfg(feature = "oidc")]
pub use self::fixture::IdentityStoreFixture;
pub use self::fixture::ThrottleCountersFixture;
#[cfg(feature = "oidc")]
pub use self::identities::identity_store_suite;
pub use self::revocation_log::revocation_log_suite;
pub use self::throttle_counters::throttle_counters_suite;
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::password::PasswordParams;
use crate::secret::Secret;

pub(crate) const RON: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
pub(crate) const LESLIE: &str = "be076eb9-689e-4cfe-8299-8489f99a14e6";

/// The number of concurrent calls where one of them must win.
pub(crate) const RIVALS: usize = 20;

pub(crate) fn id(text: &str) -> CustomerId {
    text.parse().unwrap()
}

pub(crate) fn hash(password: &str) -> PasswordHash {
    let params = PasswordParams::worthless_but_fast();
    PasswordHash::compute(&Secret::from(password), params).unwrap()
}

/// Runs a test on two threads: a store that looks and writes in two steps must have the chance to
/// fail.
pub fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
}

/// Expands to a module with a `#[test]` for each function of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_suite {
    ($(#[$attribute:meta])* $name:ident, $open:expr, $suite:ident: $($test:ident)*) => {
        mod $name {
            #[allow(unused_imports, clippy::wildcard_imports)]
            use super::*;

            $crate::testing::store_suite::tests_of! {
                @each [$(#[$attribute])*] $open, $suite: $($test)*
            }
        }
    };
    (@each $attributes:tt $open:expr, $suite:ident: $($test:ident)*) => {
        $($crate::testing::store_suite::tests_of! { @one $attributes $open, $suite: $test })*
    };
    (@one [$(#[$attribute:meta])*] $open:expr, $suite:ident: $test:ident) => {
        // By its path: `super` may have another attribute called `test`.
        #[::core::prelude::v1::test]
        $(#[$attribute])*
        fn $test() {
            $crate::testing::store_suite::run(async {
                let (store, _guard) = $open.await;
                $crate::testing::store_suite::$suite::$test(store).await;
            });
        }
    };
}
pub use __store_suite as tests_of;
