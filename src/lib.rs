//! Customer authentication for any tower stack.
//!
//! - [`CustomerAuthLayer`] verifies the JWT that a request carries in `X-Moltin-Customer-Token`
//!   (signature, times, revocation) and hands the handler a [`CustomerId`]. Its documentation has the
//!   rules in their order.
//! - `TokenIssuer` (feature `issuer`) is the service that makes those tokens: it answers
//!   `POST /v2/customers/tokens`.
//!
//! Both ends share a [`KeyRing`], and where tokens are revoked, [`Revocations`].
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
//! // `openssl rand -hex 32` makes one.
//! let keys = KeyRing::hs256(std::env::var("CUSTOMER_TOKEN_SECRET")?)?;
//! let app = Router::new()
//!     .route("/v2/orders", get(orders))
//!     .layer(CustomerAuthLayer::required(Verifier::new(keys)));
//! # Ok(app)
//! # }
//! ```
//!
//! # The two forms of a token
//!
//! [`TokenForm::Compact`] is JWS Compact Serialization (RFC 7515 section 7.1). [`TokenForm::Legacy`] is
//! the form of Elastic Path's documented samples, which no JWT library reads. Each token has exactly one
//! spelling that is accepted.
//!
//! # What is told
//!
//! A refused request is answered with JSON, `{"errors":[{"status":401,"title":…,"detail":…}]}`, or with
//! a `grpc-status` where it is a gRPC call. The caller learns whether the token is missing, expired or
//! invalid; the exact reason is in the [`Rejection`] that the answer's extensions hold, in an event of
//! the target `tower_customer_auth` (feature `tracing`), and in the label `reason` of the counter
//! `customer_auth_requests_total` (feature `metrics`).
//!
//! # Features
//!
//! None is on by default, and none changes what works without it.
//!
//! | feature | adds |
//! | --- | --- |
//! | `issuer` | `TokenIssuer` and its password grant, `CustomerStore` and `IdentityStore`, `TokenSigner` |
//! | `oidc` | `OidcGrant`: logins by OpenID Connect |
//! | `sqlite` | `SqliteCustomers`, an embedded store (Rust 1.94) |
//! | `asymmetric` | RS256, PS256, ES256 and EdDSA keys from PEM, DER and JWK; `JwkSetService` |
//! | `axum` | extractors of [`CustomerId`], [`VerifiedToken`] and `Option` of each |
//! | `tracing` | events |
//! | `metrics` | counters |
//! | `test-util` | `testing`: a clock turned by hand, tokens of every kind, identities without tokens; with `issuer` `MemoryCustomers`; with `oidc` an OpenID provider that does what it is told |
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The readme's code compiles.
#[cfg(all(doctest, feature = "axum", feature = "oidc", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// That of the page about accounts, too.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../docs/accounts.md")]
struct Accounts;

mod clock;
#[cfg(feature = "issuer")]
mod customer;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod id;
#[cfg(feature = "issuer")]
mod issuer;
mod key;
mod layer;
mod observe;
#[cfg(feature = "oidc")]
mod oidc;
mod reject;
mod revocation;
mod secret;
#[cfg(feature = "issuer")]
mod sign;
#[cfg(feature = "test-util")]
pub mod testing;
mod token;
mod verify;

/// The algorithms' names (RFC 7518 section 3.1), as `jsonwebtoken` has them.
pub use jsonwebtoken::Algorithm;

pub use crate::clock::Clock;
pub use crate::clock::CoarseClock;
pub use crate::clock::SystemClock;
#[cfg(feature = "issuer")]
pub use crate::customer::Admission;
#[cfg(feature = "issuer")]
pub use crate::customer::ChangeError;
#[cfg(feature = "issuer")]
pub use crate::customer::ChangeErrorKind;
#[cfg(feature = "issuer")]
pub use crate::customer::Customer;
#[cfg(feature = "issuer")]
pub use crate::customer::CustomerRecord;
#[cfg(feature = "issuer")]
pub use crate::customer::CustomerStore;
#[cfg(feature = "issuer")]
pub use crate::customer::CustomerUpdate;
#[cfg(feature = "issuer")]
pub use crate::customer::DuplicateEmail;
#[cfg(feature = "issuer")]
pub use crate::customer::EmailHolder;
#[cfg(feature = "issuer")]
pub use crate::customer::HashError;
#[cfg(feature = "issuer")]
pub use crate::customer::HashErrorKind;
#[cfg(feature = "issuer")]
pub use crate::customer::Identity;
#[cfg(feature = "issuer")]
pub use crate::customer::IdentityStore;
#[cfg(feature = "issuer")]
pub use crate::customer::InvalidIdentity;
#[cfg(feature = "issuer")]
pub use crate::customer::InvalidPasswordHash;
#[cfg(feature = "issuer")]
pub use crate::customer::LinkDecision;
#[cfg(feature = "issuer")]
pub use crate::customer::LinkRefusal;
#[cfg(all(feature = "issuer", any(test, feature = "test-util")))]
pub use crate::customer::MemoryCustomers;
#[cfg(feature = "issuer")]
pub use crate::customer::Newcomer;
#[cfg(feature = "issuer")]
pub use crate::customer::PasswordHash;
#[cfg(feature = "issuer")]
pub use crate::customer::PasswordHasher;
#[cfg(feature = "issuer")]
pub use crate::customer::PasswordHasherBuilder;
#[cfg(feature = "issuer")]
pub use crate::customer::PasswordParams;
#[cfg(feature = "sqlite")]
pub use crate::customer::SqliteCustomers;
#[cfg(feature = "issuer")]
pub use crate::customer::StoreError;
#[cfg(feature = "issuer")]
pub use crate::customer::StoredCustomer;
#[cfg(feature = "issuer")]
pub use crate::customer::email_has_invisible_characters;
#[cfg(feature = "issuer")]
pub use crate::customer::email_key;
pub use crate::error::ConfigError;
#[cfg(feature = "axum")]
pub use crate::extract::ExtractRejection;
pub use crate::id::CustomerId;
pub use crate::id::InvalidId;
pub use crate::id::TokenId;
#[cfg(feature = "issuer")]
pub use crate::issuer::ClientAuthenticator;
#[cfg(feature = "issuer")]
pub use crate::issuer::ClientDecision;
#[cfg(feature = "issuer")]
pub use crate::issuer::IssuerBody;
#[cfg(feature = "issuer")]
pub use crate::issuer::IssuerFuture;
#[cfg(all(feature = "issuer", feature = "asymmetric"))]
pub use crate::issuer::JwkSetService;
#[cfg(feature = "oidc")]
pub use crate::issuer::OidcGrant;
#[cfg(feature = "oidc")]
pub use crate::issuer::OidcGrantBuilder;
#[cfg(feature = "issuer")]
pub use crate::issuer::PasswordGrant;
#[cfg(feature = "issuer")]
pub use crate::issuer::StaticBearer;
#[cfg(feature = "issuer")]
pub use crate::issuer::TokenIssuer;
#[cfg(feature = "issuer")]
pub use crate::issuer::TokenIssuerBuilder;
#[cfg(feature = "issuer")]
pub use crate::issuer::bearer_token;
pub use crate::key::KeyRing;
pub use crate::key::SigningKey;
pub use crate::key::VerifyingKey;
pub use crate::layer::AuthBody;
pub use crate::layer::CustomerAuth;
pub use crate::layer::CustomerAuthLayer;
pub use crate::layer::NoIdentity;
pub use crate::layer::RejectionResponse;
pub use crate::layer::ResponseFuture;
#[cfg(feature = "oidc")]
pub use crate::oidc::ClientAuthMethod;
#[cfg(feature = "oidc")]
pub use crate::oidc::HttpClient;
#[cfg(feature = "oidc")]
pub use crate::oidc::NoncePolicy;
#[cfg(feature = "oidc")]
pub use crate::oidc::OidcError;
#[cfg(feature = "oidc")]
pub use crate::oidc::OidcErrorKind;
#[cfg(feature = "oidc")]
pub use crate::oidc::OidcProfile;
pub use crate::reject::Rejection;
pub use crate::reject::RejectionKind;
pub use crate::revocation::Reservation;
pub use crate::revocation::Revocations;
pub use crate::revocation::RevokeError;
pub use crate::revocation::RevokeErrorKind;
pub use crate::secret::Secret;
#[cfg(feature = "issuer")]
pub use crate::sign::IssuedToken;
#[cfg(feature = "issuer")]
pub use crate::sign::SignError;
#[cfg(feature = "issuer")]
pub use crate::sign::TokenSigner;
pub use crate::token::TokenForm;
pub use crate::verify::VerifiedToken;
pub use crate::verify::Verifier;
pub use crate::verify::VerifierBuilder;
pub use crate::verify::VerifyError;
pub use crate::verify::VerifyErrorKind;
