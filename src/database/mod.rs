//! The database that customers, revocations and an application's own tables share.
//!
//! `SqliteDatabase` (feature `sqlite`) opens a file and serializes writers. `PostgresDatabase`
//! (feature `postgres`) connects to a server that any number of nodes share, and limits the time
//! of every call.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # mod example {
//! use tower_customer_auth::database::SqliteDatabase;
//! use tower_customer_auth::store::SqliteCustomers;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = SqliteDatabase::open(":memory:").await?;
//! let customers = SqliteCustomers::new(database.clone()).await?;
//!
//! // The application's own tables are in the same database.
//! let mut transaction = database.begin().await?;
//! let create = sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
//! create.execute(transaction.connection()).await?;
//! transaction.commit().await?;
//! # let _ = customers;
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "sqlite")]
//! # example::main().unwrap();
//! ```

mod columns;
mod migrations;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub(crate) use self::columns::Columns;
pub(crate) use self::migrations::Migrations;
#[cfg(feature = "postgres")]
pub(crate) use self::postgres::InDoubt;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresBuilder;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresDatabase;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresTransaction;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteDatabase;
#[cfg(feature = "sqlite")]
pub use self::sqlite::WriteTransaction;
