//! Customer authentication for any tower stack.
//!
//! - [`CustomerAuthLayer`] verifies the JWT in the header `X-Moltin-Customer-Token` (signature, times,
//!   revocation) and puts a [`CustomerId`] into the request.
//! - `TokenIssuer` (feature `issuer`) answers `POST /v2/customers/tokens` with such a token, after a
//!   login by e-mail and password or by OpenID Connect.
//!
//! Both share a [`KeyRing`], and [`Revocations`] if tokens are revoked.
//!
//! # Example
//!
//! With the feature `axum`:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app() -> Result<axum::Router, Box<dyn std::error::Error>> {
//! use axum::Router;
//! use axum::routing::get;
//! use tower_customer_auth::CustomerAuthLayer;
//! use tower_customer_auth::CustomerId;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Verifier;
//!
//! async fn orders(customer: CustomerId) -> String {
//!     format!("the orders of {customer}")
//! }
//!
//! // `openssl rand -hex 32` makes a secret.
//! let keys = KeyRing::hs256(std::env::var("CUSTOMER_TOKEN_SECRET")?)?;
//! let app = Router::new()
//!     .route("/v2/orders", get(orders))
//!     .layer(CustomerAuthLayer::required(Verifier::new(keys)));
//! # Ok(app)
//! # }
//! ```
//!
//! # Modules
//!
//! The names you need most are in the crate root. Each module has the rest of its subject, and a page
//! that explains it.
//!
//! | module | subject | feature |
//! | --- | --- | --- |
//! | [`layer`] | the middleware, its rules and its rejections | |
//! | [`verify`] | verification of tokens, without HTTP | |
//! | [`key`] | keys and key rings, rotation | |
//! | [`revocation`] | revocation of tokens and of all tokens of a customer | |
//! | [`id`], [`clock`] | identifiers; sources of time | |
//! | `issuer` | the token service: password and OpenID Connect logins, logout, refresh | `issuer` |
//! | `customer` | customers, and the traits of their stores | `issuer` |
//! | `password` | password hashes and the hash pool | `issuer` |
//! | `throttle` | limits on failed logins | `issuer` |
//! | `sign` | signing of tokens, without HTTP | `issuer` |
//! | `oidc` | OpenID providers | `oidc` |
//! | `store`, `database` | customers in SQLite or PostgreSQL; the database they are in | `sqlite`, `postgres` |
//! | `jwk_set` | publication of public keys | `asymmetric` |
//! | `extract` | extractors for axum | `axum` |
//! | `testing` | clock, tokens, stores and an OpenID provider for tests | `test-util` |
//!
//! # Token forms
//!
//! [`TokenForm::Compact`] is JWS Compact Serialization (RFC 7515 section 7.1). [`TokenForm::Legacy`] is
//! the form of Elastic Path's documented samples, which no JWT library reads. Each token has exactly one
//! spelling that is accepted.
//!
//! # Features
//!
//! None is on by default, and none changes what works without it. Beside those in the table above:
//! `tracing` emits events in the target `tower_customer_auth`, and `metrics` counts requests by reason.
//! `revocation-log` adds `Revocations::durable`; `issuer` turns it on.
//! `oidc`, `sqlite` and `postgres` turn on `issuer`; `oidc` also turns on `asymmetric`. `sqlite` and
//! `postgres` need Rust 1.94. `postgres-tls` encrypts connections to PostgreSQL.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The readme's code compiles.
#[cfg(all(doctest, feature = "axum", feature = "oidc", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// So does that of the page about accounts.
#[cfg(all(doctest, feature = "axum", feature = "oidc", feature = "sqlite"))]
#[doc = include_str!("../docs/accounts.md")]
struct Accounts;

pub mod clock;
#[cfg(feature = "issuer")]
pub mod customer;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod database;
mod error;
#[cfg(feature = "axum")]
pub mod extract;
#[cfg(feature = "issuer")]
mod fair_queue;
pub mod id;
#[cfg(feature = "issuer")]
pub mod issuer;
#[cfg(feature = "asymmetric")]
pub mod jwk_set;
pub mod key;
pub mod layer;
#[cfg(feature = "oidc")]
pub mod oidc;
#[cfg(feature = "issuer")]
pub mod password;
pub mod revocation;
mod secret;
#[cfg(feature = "issuer")]
pub mod sign;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod store;
mod telemetry;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "issuer")]
pub mod throttle;
mod token;
pub mod verify;
mod wire;

pub use crate::clock::Clock;
#[cfg(feature = "issuer")]
pub use crate::customer::Customer;
#[cfg(feature = "issuer")]
pub use crate::customer::CustomerStore;
pub use crate::error::ConfigError;
pub use crate::id::CustomerId;
pub use crate::id::TokenId;
#[cfg(feature = "issuer")]
pub use crate::issuer::ClientAuthenticator;
#[cfg(feature = "issuer")]
pub use crate::issuer::IssuerBody;
#[cfg(feature = "oidc")]
pub use crate::issuer::OidcGrant;
#[cfg(feature = "issuer")]
pub use crate::issuer::PasswordGrant;
#[cfg(feature = "issuer")]
pub use crate::issuer::StaticBearer;
#[cfg(feature = "issuer")]
pub use crate::issuer::TokenIssuer;
#[cfg(feature = "issuer")]
pub use crate::issuer::TokenIssuerBuilder;
pub use crate::key::KeyRing;
pub use crate::key::SigningKey;
pub use crate::key::VerifyingKey;
pub use crate::layer::CustomerAuth;
pub use crate::layer::CustomerAuthLayer;
pub use crate::layer::Rejection;
pub use crate::layer::RejectionKind;
pub use crate::revocation::Revocations;
pub use crate::secret::Secret;
#[cfg(feature = "issuer")]
pub use crate::sign::IssuedToken;
pub use crate::token::TokenForm;
pub use crate::verify::VerifiedToken;
pub use crate::verify::Verifier;
pub use crate::verify::VerifierBuilder;
pub use crate::verify::VerifyError;
pub use crate::verify::VerifyErrorKind;
