//! Rejections: the reason for the program, and the response for the caller.

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::RETRY_AFTER;
use http::header::WWW_AUTHENTICATE;

use crate::verify::VerifyError;
use crate::verify::VerifyErrorKind;
use crate::wire::ErrorObject;
use crate::wire::GrpcStatus;
use crate::wire::RETRY_AFTER_A_SECOND;
use crate::wire::RequestMeta;
use crate::wire::error_response;
use crate::wire::trailers_only;

/// Rejection of a request because of its customer token.
///
/// The layer inserts it into the response's extensions, where an outer layer finds the exact
/// reason. The caller can distinguish only three cases: the token is missing, it has expired (and
/// its signature is valid), or it is invalid.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", kind.describe())]
pub struct Rejection {
    kind: RejectionKind,
    status: StatusCode,
    /// Content type of the response, if the request is a gRPC call.
    grpc: Option<&'static str>,
    source: Option<VerifyError>,
}

/// Reason why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The request has no customer token.
    MissingToken,
    /// The request has more than one token header. If one were picked, two hops could see two
    /// different customers.
    SeveralTokens,
    /// The token failed verification.
    Token(VerifyErrorKind),
}

impl RejectionKind {
    /// Returns the kind's name for metrics and logs, in `snake_case`.
    ///
    /// For [`Token`](Self::Token), this is the name of the [`VerifyErrorKind`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::SeveralTokens => "several_tokens",
            Self::Token(kind) => kind.as_str(),
        }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::MissingToken => "the request has no customer token",
            Self::SeveralTokens => "the request has several customer tokens",
            Self::Token(_) => "the request's customer token is not accepted",
        }
    }

    /// Returns whether the token may be valid, but verification is unavailable.
    const fn is_our_fault(self) -> bool {
        matches!(self, Self::Token(VerifyErrorKind::UnknownRevocationStatus))
    }
}

/// The layer's settings for rejections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RejectionSettings {
    /// HTTP status, unless verification is unavailable.
    pub(crate) status: StatusCode,
    /// The setting `grpc` of the layer; `None` is the default rule.
    pub(crate) grpc: Option<bool>,
}

impl Rejection {
    /// Creates the rejection of a request.
    pub(crate) fn new(
        kind: RejectionKind,
        settings: RejectionSettings,
        request: RequestMeta<'_>,
    ) -> Self {
        let status =
            if kind.is_our_fault() { StatusCode::SERVICE_UNAVAILABLE } else { settings.status };
        Self { kind, status, grpc: request.answer_type(settings.grpc), source: None }
    }

    pub(crate) fn of_token(
        error: VerifyError,
        settings: RejectionSettings,
        request: RequestMeta<'_>,
    ) -> Self {
        let kind = RejectionKind::Token(error.kind());
        Self { source: Some(error), ..Self::new(kind, settings, request) }
    }

    /// Returns the reason for the rejection.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Returns the HTTP status of the response to a request that is not a gRPC call.
    ///
    /// It is 503 if verification is unavailable, else the layer's
    /// [`status`](crate::CustomerAuthLayer::status).
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns whether the request is a gRPC call.
    ///
    /// [`CustomerAuthLayer::grpc`](crate::CustomerAuthLayer::grpc) documents the rule.
    #[must_use]
    pub const fn is_grpc(&self) -> bool {
        self.grpc.is_some()
    }

    /// Builds the default response: JSON, or a `grpc-status` for a gRPC call.
    ///
    /// A gRPC call gets HTTP 200 with `grpc-status` 16, or 14 if verification is unavailable. Both
    /// kinds of response have `Cache-Control: no-store` and `X-Content-Type-Options: nosniff`.
    ///
    /// A gRPC-Web call gets its own content type back, without parameters, and with the format
    /// `+proto`, `+json` or `+thrift` if it has one of these.
    #[must_use]
    pub fn to_response(&self) -> Response<Bytes> {
        let our_fault = self.kind.is_our_fault();
        let (detail, challenge) = match self.kind {
            RejectionKind::MissingToken => {
                ("A customer token is required", HeaderValue::from_static("CustomerToken"))
            }
            RejectionKind::Token(VerifyErrorKind::Expired) => (
                "The customer token has expired",
                HeaderValue::from_static(r#"CustomerToken error="expired_token""#),
            ),
            // One response for all other reasons: which check failed would only help an attacker.
            RejectionKind::SeveralTokens | RejectionKind::Token(_) => (
                "The customer token is invalid",
                HeaderValue::from_static(r#"CustomerToken error="invalid_token""#),
            ),
        };
        let detail = if our_fault {
            "The customer token can't be verified at the moment, try again"
        } else {
            detail
        };

        if let Some(content_type) = self.grpc {
            let status =
                if our_fault { GrpcStatus::Unavailable } else { GrpcStatus::Unauthenticated };
            return trailers_only(content_type, status, detail);
        }
        self.http_response(detail, challenge)
    }

    fn http_response(&self, detail: &'static str, challenge: HeaderValue) -> Response<Bytes> {
        let title = self.status.canonical_reason().unwrap_or("Refused");
        let error = ErrorObject { status: self.status.as_u16(), source: None, title, detail };
        let mut response = error_response(self.status, &[error]);
        let headers = response.headers_mut();
        if self.kind.is_our_fault() {
            headers.insert(RETRY_AFTER, RETRY_AFTER_A_SECOND);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::HeaderName;
    use http::Method;
    use http::Version;
    use http::header::CACHE_CONTROL;
    use http::header::CONTENT_TYPE;
    use http::header::X_CONTENT_TYPE_OPTIONS;

    use super::*;

    /// The response to a POST over HTTP/2.
    fn answer(kind: RejectionKind, status: StatusCode, content_type: &str) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        let request =
            RequestMeta { method: &Method::POST, version: Version::HTTP_2, headers: &headers };
        Rejection::new(kind, RejectionSettings { status, grpc: None }, request).to_response()
    }

    fn headers(response: &Response<Bytes>) -> Vec<(&HeaderName, &str)> {
        let mut headers: Vec<(&HeaderName, &str)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name, value.to_str().unwrap()))
            .collect();
        headers.sort_unstable_by_key(|(name, _)| name.as_str());
        headers
    }

    #[test]
    fn tells_missing_expired_and_invalid_apart_and_nothing_else_t30() {
        for (kind, detail, challenge) in [
            (RejectionKind::MissingToken, "A customer token is required", "CustomerToken"),
            (
                RejectionKind::Token(VerifyErrorKind::Expired),
                "The customer token has expired",
                r#"CustomerToken error="expired_token""#,
            ),
            (
                RejectionKind::SeveralTokens,
                "The customer token is invalid",
                r#"CustomerToken error="invalid_token""#,
            ),
            (
                RejectionKind::Token(VerifyErrorKind::InvalidSignature),
                "The customer token is invalid",
                r#"CustomerToken error="invalid_token""#,
            ),
            (
                RejectionKind::Token(VerifyErrorKind::Revoked),
                "The customer token is invalid",
                r#"CustomerToken error="invalid_token""#,
            ),
        ] {
            let response = answer(kind, StatusCode::UNAUTHORIZED, "application/json");
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(
                *response.body(),
                format!(
                    r#"{{"errors":[{{"status":401,"title":"Unauthorized","detail":"{detail}"}}]}}"#
                )
            );
            assert_eq!(
                headers(&response),
                [
                    (&CACHE_CONTROL, "no-store"),
                    (&CONTENT_TYPE, "application/json"),
                    (&WWW_AUTHENTICATE, challenge),
                    (&X_CONTENT_TYPE_OPTIONS, "nosniff"),
                ]
            );
        }
    }

    #[test]
    fn a_challenge_goes_with_401_alone() {
        let response = answer(RejectionKind::MissingToken, StatusCode::FORBIDDEN, "text/plain");
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers().get(WWW_AUTHENTICATE), None);
    }

    #[test]
    fn our_fault_is_503_with_retry_after_whatever_the_status_for_refusals() {
        let kind = RejectionKind::Token(VerifyErrorKind::UnknownRevocationStatus);
        let response = answer(kind, StatusCode::FORBIDDEN, "application/json");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            *response.body(),
            r#"{"errors":[{"status":503,"title":"Service Unavailable","detail":"The customer token can't be verified at the moment, try again"}]}"#
        );
        assert_eq!(
            headers(&response),
            [
                (&CACHE_CONTROL, "no-store"),
                (&CONTENT_TYPE, "application/json"),
                (&RETRY_AFTER, "1"),
                (&X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ]
        );
    }

    #[test]
    fn a_grpc_call_gets_a_grpc_status_without_a_body_that_no_cache_may_keep() {
        for (content_type, expected) in [
            ("application/grpc", "application/grpc"),
            ("application/grpc+proto", "application/grpc"),
            ("Application/GRPC-web", "application/grpc-web"),
            ("application/grpc-web-text+proto; a=b", "application/grpc-web-text+proto"),
        ] {
            let response =
                answer(RejectionKind::MissingToken, StatusCode::UNAUTHORIZED, content_type);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.body().len(), 0);
            assert_eq!(
                headers(&response),
                [
                    (&CACHE_CONTROL, "no-store"),
                    (&CONTENT_TYPE, expected),
                    (&HeaderName::from_static("grpc-message"), "A customer token is required"),
                    (&HeaderName::from_static("grpc-status"), "16"),
                    (&X_CONTENT_TYPE_OPTIONS, "nosniff"),
                ]
            );
        }
        let unknown = RejectionKind::Token(VerifyErrorKind::UnknownRevocationStatus);
        let response = answer(unknown, StatusCode::UNAUTHORIZED, "application/grpc");
        assert_eq!(response.headers()["grpc-status"], "14");
    }

    #[test]
    fn no_line_of_the_error_chain_repeats_another() {
        let error = VerifyError::from(crate::token::Malformed("the reason"));
        let settings = RejectionSettings { status: StatusCode::UNAUTHORIZED, grpc: None };
        let headers = HeaderMap::new();
        let request =
            RequestMeta { method: &Method::GET, version: Version::HTTP_11, headers: &headers };
        let rejection = Rejection::of_token(error, settings, request);
        let mut lines = vec![rejection.to_string()];
        let mut next = std::error::Error::source(&rejection);
        while let Some(error) = next {
            lines.push(error.to_string());
            next = error.source();
        }
        assert_eq!(
            lines,
            [
                "the request's customer token is not accepted",
                "the token is malformed",
                "the reason"
            ]
        );
    }
}
