//! The one shape of an error answer: `{"errors":[{"status":…,"source":…,"title":…,"detail":…}]}`.

use std::error::Error;
use std::fmt;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde::Serialize;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::throttle::ThrottleError;
use tower_customer_auth::throttle::ThrottleErrorKind;

use crate::log;

/// A request that is not answered with what it asked for.
///
/// Its text is fixed: nothing a client sent, and nothing a database said, is ever in it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    errors: Vec<FieldError>,
    /// The seconds of `Retry-After`.
    retry_after: Option<u64>,
}

/// One thing that is wrong, and the field it is about.
#[derive(Debug)]
pub(crate) struct FieldError {
    source: Option<&'static str>,
    title: &'static str,
    detail: String,
}

impl FieldError {
    pub(crate) fn required(source: &'static str) -> Self {
        let detail = format!("{source} is required");
        Self { source: Some(source), title: "required", detail }
    }

    pub(crate) fn invalid(source: &'static str, detail: impl fmt::Display) -> Self {
        let detail = format!("{source} {detail}");
        Self { source: Some(source), title: "invalid", detail }
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: &'static str, detail: &str) -> Self {
        let detail = detail.to_owned();
        Self { errors: vec![FieldError { source: None, title, detail }], ..Self::empty(status) }
    }

    /// A 400 with one error for each field that is wrong.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::empty(StatusCode::BAD_REQUEST) }
    }

    pub(crate) fn field(error: FieldError) -> Self {
        Self::fields(vec![error])
    }

    pub(crate) fn bad_request(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request", detail)
    }

    /// The access token is missing, unknown or expired. The only 401 of this program: the SDKs
    /// answer it by fetching another access token and repeating the call.
    pub(crate) fn unauthorized() -> Self {
        let title = "Unable to validate access token";
        Self::new(StatusCode::UNAUTHORIZED, title, "a valid access token is required")
    }

    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", detail)
    }

    /// The same bytes for what does not exist and for what exists but is another customer's.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found", "there is no such resource")
    }

    pub(crate) fn conflict(source: &'static str, detail: impl fmt::Display) -> Self {
        let detail = format!("{source} {detail}");
        let errors = vec![FieldError { source: Some(source), title: "Conflict", detail }];
        Self { errors, ..Self::empty(StatusCode::CONFLICT) }
    }

    pub(crate) fn request_timeout() -> Self {
        let title = "Request Timeout";
        Self::new(StatusCode::REQUEST_TIMEOUT, title, "the body did not arrive in time")
    }

    pub(crate) fn payload_too_large() -> Self {
        let title = "Payload Too Large";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, title, "the body is too large")
    }

    pub(crate) fn internal() -> Self {
        let title = "Internal Server Error";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, title, "the request could not be answered")
    }

    /// Not the client's fault, and worth another try. The cause goes to the log alone.
    pub(crate) fn unavailable(cause: &dyn Error) -> Self {
        log::fault(cause);
        Self::busy()
    }

    pub(crate) fn busy() -> Self {
        let title = "Service Unavailable";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, title, "try again later")
    }

    /// The throttle refuses the request, for this many seconds. The same body as the issuer's.
    pub(crate) fn throttled(retry_after: u64) -> Self {
        let (title, detail) = ("Too Many Requests", "Too many attempts, try again later");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, title, detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    fn empty(status: StatusCode) -> Self {
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, errors: Vec::new(), retry_after }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(&error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<ThrottleError> for Problem {
    fn from(error: ThrottleError) -> Self {
        match error.kind() {
            ThrottleErrorKind::Limited => Self::throttled(error.retry_after()),
            ThrottleErrorKind::Overloaded => Self::busy(),
            _ => Self::unavailable(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            errors: Vec<Element<'a>>,
        }

        #[derive(Serialize)]
        struct Element<'a> {
            status: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            source: Option<&'static str>,
            title: &'static str,
            detail: &'a str,
        }

        let status = self.status.as_u16();
        let errors = self.errors.iter();
        let errors = errors.map(|FieldError { source, title, detail }| Element {
            status,
            source: *source,
            title,
            detail,
        });
        let mut response =
            (self.status, Json(Document { errors: errors.collect() })).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 11.6.1 demands the challenge.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
