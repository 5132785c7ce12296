//! The token service: answers `POST /v2/customers/tokens` with a customer token.
//!
//! [`TokenIssuer`] accepts logins by e-mail and password ([`PasswordGrant`]), by an OpenID Connect
//! code (`OidcGrant`, feature `oidc`), or both, from clients that a [`ClientAuthenticator`]
//! accepts. Its documentation lists all responses.
//!
//! # Example
//!
//! An issuer with password logins, mounted in an axum router:
//!
//! ```
//! use axum::Router;
//! use tower_customer_auth::ConfigError;
//! use tower_customer_auth::CustomerStore;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::PasswordGrant;
//! use tower_customer_auth::StaticBearer;
//! use tower_customer_auth::TokenIssuer;
//!
//! fn app(keys: KeyRing, customers: impl CustomerStore) -> Result<Router, ConfigError> {
//!     let clients = StaticBearer::new(["b7UrM0Kp2dZf4QhW"]);
//!     let issuer = TokenIssuer::builder(keys, clients)
//!         .password(PasswordGrant::new(customers))
//!         .build()?;
//!     Ok(Router::new().route_service("/v2/customers/tokens", issuer))
//! }
//! ```

mod builder;
mod client;
mod config;
mod endpoint;
mod future;
mod login;
mod response;
mod service;
mod sessions;
mod store_answer;
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
pub use self::sessions::Sessions;
pub use crate::wire::JsonBody as IssuerBody;
pub use crate::wire::bearer_token;

/// A boxed future.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
