//! The wire formats besides tokens: JSON and gRPC responses, and the headers with the tokens.

#[cfg(feature = "issuer")]
mod bearer;
#[cfg(any(feature = "issuer", feature = "asymmetric"))]
mod body;
mod customer_token;
mod grpc;
mod json;

#[cfg(feature = "issuer")]
pub use self::bearer::bearer_token;
#[cfg(any(feature = "issuer", feature = "asymmetric"))]
pub use self::body::JsonBody;
pub(crate) use self::customer_token::CUSTOMER_TOKEN;
pub(crate) use self::customer_token::TokenHeader;
pub(crate) use self::grpc::GrpcStatus;
pub(crate) use self::grpc::RequestMeta;
pub(crate) use self::grpc::trailers_only;
pub(crate) use self::json::ErrorObject;
pub(crate) use self::json::NO_STORE;
pub(crate) use self::json::RETRY_AFTER_A_SECOND;
pub(crate) use self::json::error_response;
#[cfg(any(feature = "issuer", feature = "asymmetric"))]
pub(crate) use self::json::json_response;

/// Returns whether a byte may be part of a `token` (RFC 9110 section 5.6.2).
pub(crate) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
