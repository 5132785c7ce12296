//! Stores of customers.
//!
//! `SqliteCustomers` (feature `sqlite`) keeps customers in a SQLite file, and `PostgresCustomers`
//! (feature `postgres`) in a PostgreSQL database that any number of nodes share. Their methods are
//! the same. To write a store for another database, implement
//! [`CustomerStore`](crate::CustomerStore), for logins by OpenID Connect also
//! `customer::IdentityStore`, and instantiate `testing::customer_store_suite!` and
//! `testing::identity_store_suite!` in its tests (feature `test-util`).
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # mod example {
//! use tower_customer_auth::Customer;
//! use tower_customer_auth::store::SqliteCustomers;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let customers = SqliteCustomers::open(":memory:").await?;
//! let ron = Customer::new("ron".parse()?, "Ron Swanson", "ron@swanson.com");
//! customers.insert(&ron, None).await?;
//! assert_eq!(customers.count().await?, 1);
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "sqlite")]
//! # example::main().unwrap();
//! ```

mod ended;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;

use std::future::Future;

use tokio::spawn;

#[cfg(feature = "postgres")]
pub use self::postgres::PostgresCustomers;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresCustomersTransaction;
#[cfg(feature = "sqlite")]
pub use self::sqlite::CustomersTransaction;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteCustomers;
use crate::customer::StoreError;

/// Runs a write to its end, even if the caller is dropped.
async fn to_end<T, E>(write: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    // The write panicked, or the runtime is shutting down.
    spawn(write).await.unwrap_or_else(|error| Err(StoreError::new(error).into()))
}
