//! What a caller is told when a request is refused: little, and always in a body it can parse.

mod document;
mod grpc;
mod rejection;

#[cfg(any(feature = "issuer", feature = "axum"))]
pub(crate) use self::document::ErrorObject;
#[cfg(any(feature = "issuer", feature = "axum"))]
pub(crate) use self::document::error_document;
pub(crate) use self::grpc::CallMarks;
pub use self::rejection::Rejection;
pub use self::rejection::RejectionKind;
pub(crate) use self::rejection::Terms;

use http::HeaderValue;

/// The one content type of every HTTP answer that this crate writes.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// No answer about somebody's identity belongs into a cache.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Seconds after which a caller may ask again when the fault was ours.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
