//! The middleware, in one file a role: what is set, what is shared, what happens, and what comes out.

mod body;
mod config;
mod future;
mod headers;
#[expect(clippy::module_inception, reason = "the file of the `Layer`, as in tower-http")]
mod layer;
mod preflight;
mod service;

pub use self::body::AuthBody;
pub use self::config::NoIdentity;
pub use self::config::RejectionResponse;
pub use self::future::ResponseFuture;
pub use self::layer::CustomerAuthLayer;
pub use self::service::CustomerAuth;

/// The header that carries the customer token, where nothing else is set.
pub(crate) const CUSTOMER_TOKEN: http::HeaderName =
    http::HeaderName::from_static("x-moltin-customer-token");
