//! Customers, and what a login asks of the store that keeps them.
//!
//! - [`CustomerStore`] is the trait behind password logins. [`SqliteCustomers`] implements it
//!   (feature `sqlite`), and the trait's documentation has a whole store of its own.
//! - [`IdentityStore`] is the trait behind logins by OpenID Connect (feature `oidc`), where a customer
//!   is known by an [`Identity`]. [`LinkDecision`] says what happens to an identity that is not known
//!   yet. A store that only knows passwords does not need it.
//!
//! [`SqliteCustomers`]: crate::store::SqliteCustomers

mod email;
mod error;
#[cfg(feature = "oidc")]
mod identity;
#[cfg(feature = "oidc")]
mod identity_store;
#[cfg(feature = "oidc")]
mod link;
mod model;
mod store;

pub use self::email::email_has_invisible_characters;
pub use self::email::email_key;
pub use self::error::ChangeError;
pub use self::error::ChangeErrorKind;
pub use self::error::StoreError;
#[cfg(feature = "oidc")]
pub use self::identity::Identity;
#[cfg(feature = "oidc")]
pub use self::identity::InvalidIdentity;
#[cfg(feature = "oidc")]
pub use self::identity::Newcomer;
#[cfg(feature = "oidc")]
pub use self::identity_store::Admission;
#[cfg(feature = "oidc")]
pub use self::identity_store::IdentityStore;
#[cfg(feature = "oidc")]
pub use self::link::DuplicateEmail;
#[cfg(feature = "oidc")]
pub use self::link::EmailHolder;
#[cfg(feature = "oidc")]
pub use self::link::LinkDecision;
#[cfg(feature = "oidc")]
pub use self::link::LinkRefusal;
pub use self::model::Customer;
pub use self::model::CustomerRecord;
pub use self::model::CustomerUpdate;
pub use self::model::StoredCustomer;
pub use self::store::CustomerStore;
