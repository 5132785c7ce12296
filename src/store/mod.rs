//! Stores of customers.
//!
//! [`SqliteCustomers`] keeps them in a SQLite file. To write a store for another database, implement
//! [`CustomerStore`](crate::CustomerStore), and instantiate
//! [`customer_store_suite!`](crate::customer_store_suite) in its tests (feature `test-util`).

pub(crate) mod sqlite;

pub use self::sqlite::SqliteCustomers;
