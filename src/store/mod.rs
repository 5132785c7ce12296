//! Stores of customers.
//!
//! [`SqliteCustomers`] keeps them in a SQLite file. To write a store for another database,
//! implement [`CustomerStore`](crate::CustomerStore), for logins by OpenID Connect
//! [`IdentityStore`](crate::customer::IdentityStore) too, and instantiate
//! [`customer_store_suite!`](crate::testing::customer_store_suite) and
//! [`identity_store_suite!`](crate::testing::identity_store_suite) in its tests (feature
//! `test-util`).

mod sqlite;

pub use self::sqlite::SqliteCustomers;
