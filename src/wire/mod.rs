//! What goes over the wire beside tokens: JSON and gRPC answers, and the bearer token.

#[cfg(feature = "issuer")]
mod bearer;
#[cfg(any(feature = "issuer", feature = "asymmetric"))]
mod body;
mod grpc;
mod json;

#[cfg(feature = "issuer")]
pub use self::bearer::bearer_token;
#[cfg(any(feature = "issuer", feature = "asymmetric"))]
pub use self::body::JsonBody;
pub(crate) use self::grpc::CallMarks;
pub(crate) use self::grpc::GrpcStatus;
pub(crate) use self::grpc::trailers_only;
pub(crate) use self::json::ErrorObject;
pub(crate) use self::json::NO_STORE;
pub(crate) use self::json::RETRY_AFTER_A_SECOND;
pub(crate) use self::json::error_response;
#[cfg(any(feature = "issuer", feature = "asymmetric"))]
pub(crate) use self::json::json_response;
