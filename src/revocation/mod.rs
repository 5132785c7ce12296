//! Revocation of tokens: of one, of a session, of a customer, or of all.
//!
//! [`Revocations`] is a list in memory, which verification reads without I/O and without waiting for
//! writers. [`Revocations::in_memory`] ends with the process. With the feature `revocation-log`,
//! `Revocations::durable` follows a [`RevocationLog`]: a revocation that was acknowledged survives a
//! crash, and reaches all processes that follow the log. `SqliteRevocationLog` (feature `sqlite`)
//! keeps it in the file of the customers, and `PostgresRevocationLog` (feature `postgres`) in their
//! database, for processes on any number of machines.
//!
//! # Example
//!
//! ```
//! use std::time::SystemTime;
//!
//! use tower_customer_auth::CustomerId;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Revocations;
//! use tower_customer_auth::Verifier;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
//! let revocations = Revocations::in_memory();
//! let verifier = Verifier::builder(keys).revocations(revocations.clone()).build()?;
//! # let _ = verifier;
//!
//! // Log the customer out everywhere.
//! let customer: CustomerId = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
//! revocations.revoke_customer(&customer, SystemTime::now()).await?;
//! # Ok(())
//! # }
//! ```

mod buckets;
mod cut_off;
#[cfg(feature = "revocation-log")]
mod durable;
mod entry;
mod error;
#[cfg(feature = "revocation-log")]
mod follower;
mod freshness;
mod list;
mod log;
#[cfg(feature = "postgres")]
mod postgres;
mod replica;
mod reservation;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
mod scramble;
mod shards;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sync;
mod tag;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;
mod uuids;

pub use self::cut_off::CutOff;
#[cfg(feature = "issuer")]
pub(crate) use self::durable::DEFAULT_MAX_SESSION;
#[cfg(feature = "revocation-log")]
pub use self::durable::DurableBuilder;
#[cfg(feature = "issuer")]
pub(crate) use self::durable::MAX_SESSION;
pub use self::entry::RevocationEntry;
pub use self::error::LogError;
pub use self::error::LogErrorKind;
pub use self::error::RevokeError;
pub use self::error::RevokeErrorKind;
pub use self::list::Revocations;
pub use self::log::LogPosition;
pub use self::log::LogRead;
pub use self::log::LogSize;
pub use self::log::RevocationLog;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresRevocationLog;
pub(crate) use self::replica::MAX_LEEWAY;
pub(crate) use self::replica::RevocationStatus;
pub use self::reservation::Reservation;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteRevocationLog;
