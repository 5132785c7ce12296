//! The middleware that verifies the customer token of each request.
//!
//! [`CustomerAuthLayer`] has the rules in the order in which they apply, and an example.
//!
//! A refused request is answered with JSON, `{"errors":[{"status":401,"title":…,"detail":…}]}`, or
//! with a `grpc-status` if it is a gRPC call. The caller learns whether the token is missing,
//! expired or invalid. The exact reason is in the [`Rejection`] in the response's extensions.

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

/// The header that carries the customer token by default.
pub(crate) const CUSTOMER_TOKEN: http::HeaderName =
    http::HeaderName::from_static("x-moltin-customer-token");
