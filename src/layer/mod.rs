//! Middleware that verifies the customer token of each request.
//!
//! [`CustomerAuthLayer`] documents the rules in the order in which they apply.
//!
//! A rejected request gets a JSON response, `{"errors":[{"status":401,"title":…,"detail":…}]}`, or
//! a `grpc-status` if it is a gRPC call. The response says whether the token is missing, expired or
//! invalid. The exact reason is the [`Rejection`] in the response's extensions.
//!
//! # Example
//!
//! Rejections with status 403, and the customer's id in a header for the inner service:
//!
//! ```
//! use http::HeaderName;
//! use http::StatusCode;
//! use tower_customer_auth::CustomerAuthLayer;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Verifier;
//!
//! # fn main() -> Result<(), tower_customer_auth::ConfigError> {
//! let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
//! let layer = CustomerAuthLayer::required(Verifier::new(keys))
//!     .status(StatusCode::FORBIDDEN)
//!     .forward_as(HeaderName::from_static("x-customer-id"));
//! # let _ = layer;
//! # Ok(())
//! # }
//! ```

mod body;
mod config;
mod future;
mod headers;
#[expect(clippy::module_inception, reason = "the file of the `Layer`, as in tower-http")]
mod layer;
mod preflight;
mod rejection;
mod service;

pub use self::body::AuthBody;
pub use self::config::NoIdentity;
pub use self::config::RejectionResponse;
pub use self::future::ResponseFuture;
pub use self::layer::CustomerAuthLayer;
pub use self::rejection::Rejection;
pub use self::rejection::RejectionKind;
pub use self::service::CustomerAuth;
