//! Rejections for gRPC clients: a status in the headers and no body.
//!
//! The gRPC over HTTP/2 protocol calls this "Trailers-Only"; gRPC-Web uses it as well.

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::Version;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::wire::is_tchar;
use crate::wire::json::keep_from_caches;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// gRPC status codes of rejections.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GrpcStatus {
    /// Verification is temporarily unavailable.
    Unavailable = 14,
    /// The call has no valid credentials.
    Unauthenticated = 16,
}

const GRPC: &str = "application/grpc";

/// Content types of gRPC-Web, with the message formats that its protocol names. A name without a
/// format precedes the same name with one.
const GRPC_WEB: [&str; 8] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web+json",
    "application/grpc-web+thrift",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    "application/grpc-web-text+json",
    "application/grpc-web-text+thrift",
];

/// The parts of a request that decide whether it is a gRPC call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestMeta<'a> {
    pub(crate) method: &'a Method,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
}

impl<'a, B> From<&'a Request<B>> for RequestMeta<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self { method: request.method(), version: request.version(), headers: request.headers() }
    }
}

impl<'a> From<&'a Parts> for RequestMeta<'a> {
    fn from(request: &'a Parts) -> Self {
        Self { method: &request.method, version: request.version, headers: &request.headers }
    }
}

impl RequestMeta<'_> {
    /// Returns the content type of the response if the request is a gRPC call.
    ///
    /// `grpc` is the layer's setting of that name.
    ///
    /// The client controls the content type, and a rejection with HTTP status 200 is a success to
    /// an intermediary that does not speak gRPC: nginx's `auth_request` lets the request pass. So
    /// the method and the version are checked too: such an intermediary sends a GET, or HTTP/1.1.
    /// One that repeats its client's POST and its type of gRPC-Web needs `.grpc(false)`.
    pub(crate) fn answer_type(self, grpc: Option<bool>) -> Option<&'static str> {
        if grpc == Some(false) || self.method != Method::POST {
            return None;
        }
        // Two content types: a server behind this one may read the other one.
        let mut lines = self.headers.get_all(CONTENT_TYPE).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return None;
        };
        let answer_type = answer_type(line.as_bytes())?;
        let is_carried =
            answer_type != GRPC || self.version == Version::HTTP_2 || grpc == Some(true);
        is_carried.then_some(answer_type)
    }
}

/// Returns the content type of the response to a call with this content type.
///
/// It is the same type without parameters, as one of our constants, so that no byte of the request
/// is echoed. An unknown gRPC-Web format is omitted: the response has no message that it would
/// apply to.
fn answer_type(content_type: &[u8]) -> Option<&'static str> {
    let media_type = match content_type.iter().position(|byte| *byte == b';') {
        // Optional white space may precede a parameter (RFC 9110 section 5.6.6).
        Some(parameters) => content_type[..parameters].trim_ascii_end(),
        None => content_type,
    };
    if !media_type.iter().all(|byte| is_tchar(*byte) || *byte == b'/') {
        return None;
    }
    let name = media_type.split(|byte| *byte == b'+').next().unwrap_or_default();
    if name.eq_ignore_ascii_case(GRPC.as_bytes()) {
        return Some(GRPC);
    }
    let find = |wanted: &[u8]| {
        GRPC_WEB.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(wanted))
    };
    let without_format = find(name)?;
    Some(find(media_type).unwrap_or(without_format))
}

/// Builds the response; `message` is printable ASCII without `%`, as `grpc-message` requires.
pub(crate) fn trailers_only(
    content_type: &'static str,
    status: GrpcStatus,
    message: &'static str,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(GRPC_STATUS, HeaderValue::from(status as u16));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    keep_from_caches(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Option<&str> = Some("application/grpc-web");
    const WEB_TEXT: Option<&str> = Some("application/grpc-web-text");

    #[test]
    fn only_a_content_type_of_grpc_makes_a_call_and_none_is_echoed() {
        for (why, content_type, expected) in [
            ("gRPC", "application/grpc", Some(GRPC)),
            ("in other letters", "Application/GRPC", Some(GRPC)),
            ("a format", "application/grpc+proto", Some(GRPC)),
            ("another format", "application/grpc+x", Some(GRPC)),
            ("an empty format", "application/grpc+", Some(GRPC)),
            ("a parameter", "application/grpc;charset=utf-8", Some(GRPC)),
            ("a space before it", "application/grpc ; charset=utf-8", Some(GRPC)),
            ("a tab before it", "application/grpc+proto\t;a=b", Some(GRPC)),
            ("an empty parameter", "application/grpc;", Some(GRPC)),
            ("web", "application/grpc-web", WEB),
            ("web in other letters", "APPLICATION/grpc-WEB", WEB),
            ("web with a format", "application/grpc-web+proto", Some("application/grpc-web+proto")),
            ("in capitals", "Application/Grpc-Web+Json", Some("application/grpc-web+json")),
            ("thrift", "application/grpc-web+thrift;a", Some("application/grpc-web+thrift")),
            ("a format that is not known", "application/grpc-web+x", WEB),
            ("a format that is no token", "application/grpc-web+<script>", None),
            ("two types in a line", "application/grpc-web+json, text/html", None),
            ("two types in a line for HTTP/2", "application/grpc+json, text/html", None),
            ("web with a parameter", "application/grpc-web; x=<script>", WEB),
            ("text", "application/grpc-web-text", WEB_TEXT),
            (
                "text with a format",
                "application/grpc-web-text+proto ;a=b",
                Some("application/grpc-web-text+proto"),
            ),
            ("text with a format that is not known", "application/grpc-web-text+a+b", WEB_TEXT),
            ("a longer name", "application/grpcx", None),
            ("a longer name of web", "application/grpc-website", None),
            ("a longer name of text", "application/grpc-web-texts", None),
            ("a name that goes on", "application/grpc-web-", None),
            ("a shorter name", "application/grp", None),
            ("another delimiter", "application/grpc,application/json", None),
            ("a space without a parameter", "application/grpc ", None),
            ("a space before the format", "application/grpc +proto", None),
            ("a space before the name", " application/grpc", None),
            ("not at the start", "text/application/grpc", None),
            ("only as a parameter", "text/html;application/grpc", None),
            ("another type", "application/json", None),
            ("nothing", "", None),
        ] {
            assert_eq!(answer_type(content_type.as_bytes()), expected, "{why}: {content_type}");
        }
        assert_eq!(answer_type(b"application/grpc\xff"), None);
        assert_eq!(answer_type(b"application/grpc-web+\xff"), None);
    }

    #[test]
    fn a_call_is_a_post_and_plain_grpc_needs_http_2() {
        const V1: Version = Version::HTTP_11;
        const V2: Version = Version::HTTP_2;
        const PLAIN: &[&str] = &["application/grpc"];
        const ON_WEB: &[&str] = &["application/grpc-web"];
        // The last three columns: unset, `grpc(true)`, `grpc(false)`.
        for (why, method, version, lines, expected) in [
            ("gRPC over HTTP/2", Method::POST, V2, PLAIN, [true, true, false]),
            ("gRPC over HTTP/1.1", Method::POST, V1, PLAIN, [false, true, false]),
            ("gRPC over HTTP/1.0", Method::POST, Version::HTTP_10, PLAIN, [false, true, false]),
            ("web over HTTP/1.1", Method::POST, V1, ON_WEB, [true, true, false]),
            ("web over HTTP/2", Method::POST, V2, ON_WEB, [true, true, false]),
            ("a GET over HTTP/2", Method::GET, V2, PLAIN, [false; 3]),
            ("a GET of web", Method::GET, V1, ON_WEB, [false; 3]),
            ("a HEAD", Method::HEAD, V1, ON_WEB, [false; 3]),
            ("a PUT", Method::PUT, V2, PLAIN, [false; 3]),
            ("no type", Method::POST, V2, &[], [false; 3]),
            ("two types", Method::POST, V2, &["application/grpc"; 2], [false; 3]),
            (
                "two types, one of them JSON",
                Method::POST,
                V2,
                &["application/grpc", "application/json"],
                [false; 3],
            ),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(line));
            }
            let request = RequestMeta { method: &method, version, headers: &headers };
            let is_call = |grpc| request.answer_type(grpc).is_some();
            assert_eq!([None, Some(true), Some(false)].map(is_call), expected, "{why}");
        }
    }
}
