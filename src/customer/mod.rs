//! Customers: who may log in, with which password hash, and where they are kept.
//!
//! - [`CustomerStore`] is what a password login asks of a store; [`SqliteCustomers`] is one (feature
//!   `sqlite`), `MemoryCustomers` another (feature `test-util`), and the trait's documentation holds
//!   a whole third one.
//! - [`PasswordHash`] is an argon2id hash as a PHC string, [`PasswordParams`] what it costs.
//! - [`PasswordHasher`] hashes on a bounded pool of threads of its own, so that a storm of logins
//!   neither blocks the runtime nor takes all memory.
//! - [`IdentityStore`] is what a login at a provider asks of a store, where a customer is known by an
//!   [`Identity`]; [`LinkDecision`] is what becomes of somebody nobody knows yet. A trait of its own: a
//!   store that only knows passwords stays a whole store.

mod email;
mod error;
mod hash;
mod hasher;
mod identity;
mod identity_store;
mod link;
#[cfg(any(test, feature = "test-util"))]
mod memory;
mod model;
mod params;
mod pool;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
#[cfg(test)]
mod suite;

pub use self::email::email_has_invisible_characters;
pub use self::email::email_key;
pub use self::error::ChangeError;
pub use self::error::ChangeErrorKind;
pub use self::error::HashError;
pub use self::error::HashErrorKind;
pub use self::error::InvalidPasswordHash;
pub use self::error::StoreError;
pub use self::hash::PasswordHash;
pub use self::hasher::PasswordHasher;
pub use self::hasher::PasswordHasherBuilder;
pub use self::identity::Identity;
pub use self::identity::InvalidIdentity;
pub use self::identity::Newcomer;
pub use self::identity_store::Admission;
pub use self::identity_store::IdentityStore;
pub use self::link::DuplicateEmail;
pub use self::link::EmailHolder;
pub use self::link::LinkDecision;
pub use self::link::LinkRefusal;
#[cfg(any(test, feature = "test-util"))]
pub use self::memory::MemoryCustomers;
pub use self::model::Customer;
pub use self::model::CustomerRecord;
pub use self::model::CustomerUpdate;
pub use self::model::StoredCustomer;
pub use self::params::PasswordParams;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteCustomers;
pub use self::store::CustomerStore;
