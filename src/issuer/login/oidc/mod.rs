//! OpenID Connect logins.

mod builder;
mod grant;
mod linker;

pub use self::builder::OidcGrantBuilder;
pub use self::grant::OidcGrant;
