//! Refusals as gRPC clients read them: a status in the headers and no body ("Trailers-Only" in the
//! gRPC over HTTP/2 protocol).

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Response;
use http::header::CONTENT_TYPE;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// `UNAUTHENTICATED`: the call has no valid credentials.
pub(super) const UNAUTHENTICATED: HeaderValue = HeaderValue::from_static("16");

/// `UNAVAILABLE`: the fault is ours, and passing.
pub(super) const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");

/// Whether a request is a gRPC call: its content type is `application/grpc`, alone or followed by
/// `+proto` and the like.
pub(super) fn is_call(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type
        .and_then(|value| value.get(..b"application/grpc".len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"))
}

/// Builds the answer; `message` is printable ASCII without `%`, as `grpc-message` wants it.
pub(super) fn trailers_only(status: HeaderValue, message: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, status);
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    response
}
