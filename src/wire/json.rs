//! JSON responses, and the format of errors:
//! `{"errors":[{"status":400,"source":"email","title":"required","detail":"email is required"}]}`.

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::header::CONTENT_TYPE;
use http::header::X_CONTENT_TYPE_OPTIONS;
use serde::Serialize;

/// `Cache-Control` of a response that must not be cached.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `Retry-After` of a 503, in seconds.
pub(crate) const RETRY_AFTER_A_SECOND: HeaderValue = HeaderValue::from_static("1");

/// One error of a response. It contains nothing from the request, so nothing is echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorObject {
    /// The HTTP status, as a number.
    pub(crate) status: u16,
    /// The field of the request that is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'static str>,
    pub(crate) title: &'static str,
    pub(crate) detail: &'static str,
}

/// Builds the response to a rejected request.
pub(crate) fn error_response<B: From<Bytes>>(
    status: StatusCode,
    errors: &[ErrorObject],
) -> Response<B> {
    json_response(status, error_document(errors))
}

/// Builds a response that is not cached, because it may concern one customer.
pub(crate) fn json_response<B: From<Bytes>>(status: StatusCode, json: Bytes) -> Response<B> {
    let mut response = Response::new(json.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    keep_from_caches(headers);
    response
}

/// Forbids caching a response and sniffing its content type.
pub(super) fn keep_from_caches(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn error_document(errors: &[ErrorObject]) -> Bytes {
    #[derive(Serialize)]
    struct Document<'a> {
        errors: &'a [ErrorObject],
    }

    // Invariant: numbers and strings in structs always serialize.
    serde_json::to_vec(&Document { errors }).expect("plain structs serialize").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_number_and_source_only_there_for_a_field() {
        let general = ErrorObject {
            status: 403,
            source: None,
            title: "Forbidden",
            detail: "The customer token has expired",
        };
        let field = ErrorObject { status: 400, source: Some("email"), ..general };
        assert_eq!(
            error_document(&[general, field]),
            r#"{"errors":[{"status":403,"title":"Forbidden","detail":"The customer token has expired"},{"status":400,"source":"email","title":"Forbidden","detail":"The customer token has expired"}]}"#
        );
    }
}
