//! The service that answers `POST /v2/customers/tokens`.
//!
//! [`TokenIssuer`] has the table of answers, and an example. It takes logins by e-mail and password
//! ([`PasswordGrant`]), by an OpenID Connect code (`OidcGrant`, feature `oidc`), or both, from the
//! programs that a [`ClientAuthenticator`] accepts.

mod builder;
mod client;
mod config;
mod endpoint;
mod future;
mod login;
mod response;
mod service;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

pub use self::builder::TokenIssuerBuilder;
pub use self::client::ClientAuthenticator;
pub use self::client::ClientDecision;
pub use self::client::StaticBearer;
pub use self::future::IssuerFuture;
#[cfg(feature = "oidc")]
pub use self::login::OidcGrant;
#[cfg(feature = "oidc")]
pub use self::login::OidcGrantBuilder;
pub use self::login::PasswordGrant;
pub use self::service::TokenIssuer;
pub use crate::wire::JsonBody as IssuerBody;
pub use crate::wire::bearer_token;

/// A future whose type is forgotten.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
