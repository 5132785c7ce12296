//! Stores of customers.
//!
//! [`SqliteCustomers`] keeps customers in a SQLite file. To write a store for another database,
//! implement [`CustomerStore`](crate::CustomerStore), for logins by OpenID Connect also
//! `customer::IdentityStore`, and instantiate `testing::customer_store_suite!` and
//! `testing::identity_store_suite!` in its tests (feature `test-util`).
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::Customer;
//! use tower_customer_auth::store::SqliteCustomers;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let customers = SqliteCustomers::open(":memory:").await?;
//! let ron = Customer::new("ron".parse()?, "Ron Swanson", "ron@swanson.com");
//! customers.insert(&ron, None).await?;
//! assert_eq!(customers.count().await?, 1);
//! # Ok(())
//! # }
//! ```

mod sqlite;

pub use self::sqlite::CustomersTransaction;
pub use self::sqlite::SqliteCustomers;
