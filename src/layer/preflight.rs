//! CORS preflights.

use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::header::ORIGIN;

use crate::wire::is_tchar;

/// Returns whether a request is a CORS preflight (Fetch, "CORS-preflight request").
///
/// A preflight is an `OPTIONS` with an origin and a requested method.
///
/// All three are required, each as a browser sends it: any other `OPTIONS` may be a request for
/// data, and a handler for all methods would run without identity.
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && only_line(request, ORIGIN).is_some_and(|origin| !origin.trim_ascii().is_empty())
        && only_line(request, ACCESS_CONTROL_REQUEST_METHOD).is_some_and(is_token)
}

/// Returns the value of a header that occurs exactly once.
fn only_line<B>(request: &Request<B>, name: HeaderName) -> Option<&[u8]> {
    let mut lines = request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
    let first = lines.next();
    if lines.next().is_some() { None } else { first }
}

/// Returns whether this is a `token` (RFC 9110 section 5.6.2), as every method is.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_tchar(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_has_one_origin_and_asks_for_one_method() {
        const METHOD: &str = "access-control-request-method";
        const ASKS: (&str, &[u8]) = (METHOD, b"PUT");
        const FROM: (&str, &[u8]) = ("origin", b"https://store.example");
        for (why, lines, expected) in [
            ("as browsers send it", &[FROM, ASKS][..], true),
            ("an opaque origin", &[("origin", b"null"), ASKS], true),
            ("a method of its own", &[FROM, (METHOD, b"X-!#$%&'*+-.^_`|~9")], true),
            ("no origin", &[ASKS], false),
            ("an empty origin", &[("origin", b""), ASKS], false),
            ("a blank origin", &[("origin", b" \t"), ASKS], false),
            ("two origins", &[FROM, FROM, ASKS], false),
            ("no method", &[FROM], false),
            ("an empty method", &[FROM, (METHOD, b"")], false),
            ("a blank method", &[FROM, (METHOD, b" ")], false),
            ("two methods", &[FROM, ASKS, ASKS], false),
            ("two methods in a line", &[FROM, (METHOD, b"PUT,GET")], false),
            ("a method in quotes", &[FROM, (METHOD, b"\"PUT\"")], false),
            ("a method beyond ASCII", &[FROM, (METHOD, b"P\xdcT")], false),
            ("both empty", &[("origin", b""), (METHOD, b"")], false),
        ] {
            let mut request = Request::options("/").body(()).unwrap();
            for (name, value) in lines {
                let value = HeaderValue::from_bytes(value).unwrap();
                request.headers_mut().append(*name, value);
            }
            assert_eq!(is_preflight(&request), expected, "{why}");
            *request.method_mut() = Method::GET;
            assert!(!is_preflight(&request), "GET, {why}");
        }
    }
}
