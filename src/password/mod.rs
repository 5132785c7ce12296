//! Password hashes, and hashing with bounded threads and memory.
//!
//! - [`PasswordHash`] is an argon2id hash as a PHC string, [`PasswordParams`] are its costs.
//! - [`PasswordHasher`] hashes on a bounded thread pool, without blocking the runtime.
//! - [`Flow`] names the source and the account of a hash, between which the pool takes turns.
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::Secret;
//! use tower_customer_auth::password::PasswordHasher;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hash = PasswordHasher::new().hash(Secret::from("mysecretpassword")).await?;
//! assert!(hash.expose().starts_with("$argon2id$"));
//! # Ok(())
//! # }
//! ```

mod error;
mod hash;
mod hasher;
mod params;
mod pool;

pub use crate::fair_queue::Flow;

pub use self::error::HashError;
pub use self::error::HashErrorKind;
pub use self::error::InvalidPasswordHash;
pub use self::hash::PasswordHash;
pub use self::hasher::PasswordHasher;
pub use self::hasher::PasswordHasherBuilder;
pub use self::params::PasswordParams;
