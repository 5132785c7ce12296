//! Customers, and the traits that a customer store implements.
//!
//! - [`CustomerStore`] is the trait behind password logins. [`SqliteCustomers`]
//!   (feature `sqlite`) and `PostgresCustomers` (feature `postgres`) implement it; the documentation
//!   of the trait contains a complete store as an example.
//! - [`IdentityStore`] is the trait behind OpenID Connect logins (feature `oidc`). It finds a
//!   customer by [`Identity`]. [`LinkDecision`] says what happens to an identity that the store
//!   does not have yet. A store for password logins alone does not need it.
//! - [`CustomerLookup`] is the trait behind logout and refresh
//!   ([`Sessions`](crate::issuer::Sessions)). It finds a customer by their identifier.
//!
//! E-mail addresses are compared by [`email_key`] and stored as given.
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::Customer;
//! use tower_customer_auth::customer::email_has_invisible_characters;
//! use tower_customer_auth::customer::email_key;
//!
//! let email = "Ron@Swanson.com";
//! assert!(!email_has_invisible_characters(email));
//!
//! let id = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
//! let customer = Customer::new(id, "Ron Swanson", email);
//! assert_eq!(customer.email(), "Ron@Swanson.com");
//! assert_eq!(email_key(customer.email()), "ron@swanson.com");
//! # Ok::<(), tower_customer_auth::id::InvalidId>(())
//! ```
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
mod lookup;
mod model;
mod object_safe;
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
pub use self::lookup::CustomerLookup;
pub use self::model::Customer;
pub use self::model::CustomerRecord;
pub use self::model::CustomerUpdate;
pub use self::model::StoredCustomer;
pub(crate) use self::object_safe::BoxFuture;
pub(crate) use self::object_safe::DynCustomerLookup;
pub(crate) use self::object_safe::DynCustomerStore;
#[cfg(feature = "oidc")]
pub(crate) use self::object_safe::DynIdentityStore;
pub use self::store::CustomerStore;
