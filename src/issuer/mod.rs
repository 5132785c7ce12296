//! The token service: answers `POST /v2/customers/tokens` with a customer token.
//!
//! [`TokenIssuer`] accepts logins by e-mail and password ([`PasswordGrant`]), by an OpenID Connect
//! code (`OidcGrant`, feature `oidc`), or both, from clients that a [`ClientAuthenticator`]
//! accepts. Its documentation lists all responses. [`Sessions`] adds logout and refresh:
//!
//! | request | effect |
//! |---|---|
//! | `POST /v2/customers/tokens` with credentials | a login: the first token of a session |
//! | `POST /v2/customers/tokens` with a customer token | another token of the session |
//! | `DELETE /v2/customers/tokens` with a customer token | the session ends |
//! | `DELETE /v2/customers/{id}/tokens` | all sessions of the customer end |
//!
//! # Example
//!
//! An issuer with password logins, logout and refresh, mounted in an axum router at both paths. A
//! verifier with the same list refuses what has ended:
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//! use tower_customer_auth::ConfigError;
//! use tower_customer_auth::CustomerAuthLayer;
//! use tower_customer_auth::CustomerStore;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::PasswordGrant;
//! use tower_customer_auth::Revocations;
//! use tower_customer_auth::StaticBearer;
//! use tower_customer_auth::TokenIssuer;
//! use tower_customer_auth::Verifier;
//! use tower_customer_auth::customer::CustomerLookup;
//! use tower_customer_auth::issuer::Sessions;
//!
//! fn app(
//!     keys: KeyRing,
//!     customers: impl CustomerStore + CustomerLookup + Clone,
//! ) -> Result<Router, ConfigError> {
//!     let revocations = Revocations::in_memory();
//!     let verifier = Verifier::builder(keys.clone()).revocations(revocations.clone()).build()?;
//!     let clients = StaticBearer::new(["b7UrM0Kp2dZf4QhW"]);
//!     let issuer = TokenIssuer::builder(keys, clients)
//!         .password(PasswordGrant::new(customers.clone()))
//!         .revocations(revocations)
//!         .sessions(Sessions::new(customers))
//!         .build()?;
//!     Ok(Router::new()
//!         .route("/v2/orders", get(async || "the orders of a customer"))
//!         .layer(CustomerAuthLayer::required(verifier))
//!         // Added after the layer: a logout may have a token that has already ended.
//!         .route_service("/v2/customers/tokens", issuer.clone())
//!         .route_service("/v2/customers/{id}/tokens", issuer))
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
mod signing;
mod store_answer;
#[cfg(test)]
mod tests;

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
