//! Logins by OpenID Connect.

mod admission;
mod builder;
mod grant;
mod store;

pub use self::builder::OidcGrantBuilder;
pub use self::grant::OidcGrant;
