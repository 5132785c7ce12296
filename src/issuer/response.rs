//! Responses: a token, nothing after a logout, or the errors.

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::ALLOW;
use http::header::CACHE_CONTROL;
use http::header::RETRY_AFTER;
use http::header::WWW_AUTHENTICATE;
use serde::Serialize;

use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::issuer::endpoint::Allow;
use crate::sign::IssuedToken;
use crate::telemetry;
use crate::telemetry::TokenOutcome;
use crate::wire::ErrorObject;
use crate::wire::JsonBody;
use crate::wire::NO_STORE;
use crate::wire::RETRY_AFTER_A_SECOND;
use crate::wire::error_response;
use crate::wire::json_response;

/// Reason why no token is issued.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// The bearer token is missing or rejected.
    Client,
    /// The method is not allowed.
    Method(Allow),
    TooLarge,
    MediaType,
    /// The body did not arrive in time.
    Slow,
    /// Reading the body failed.
    Broken,
    Json,
    /// One error for each invalid field.
    Fields(Vec<ErrorObject>),
    /// Unknown e-mail, no password, or a wrong password; a rejected OpenID Connect login.
    Credentials,
    /// The customer token of a logout or a refresh is missing or rejected, or its customer is not
    /// enabled.
    CustomerToken,
    /// There is no such customer, or it is not the customer of the token.
    UnknownCustomer,
    /// The throttle refuses the attempt, for this many seconds.
    Throttled(u64),
    /// The hash queue has no place, or too many logins wait for a provider or for each other.
    Overloaded,
    /// A store, a provider or the machine failed.
    Fault,
    /// The same, for a logout.
    LogoutFault,
}

impl Refusal {
    /// Returns the same reason in the words of a logout, which asks for no token.
    pub(super) fn of_logout(self) -> Self {
        match self {
            Self::Fault => Self::LogoutFault,
            reason => reason,
        }
    }

    pub(super) fn answer(&self) -> Response<JsonBody> {
        telemetry::token_request(self.outcome());
        let status = self.status();
        let mut response = match self {
            Self::Fields(errors) => error_response(status, errors),
            _ => error_response(status, &[self.error(status)]),
        };
        let extra = match self {
            Self::Client => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Method(allow) => Some((ALLOW, allow.header())),
            Self::Throttled(seconds) => Some((RETRY_AFTER, HeaderValue::from(*seconds))),
            Self::Overloaded | Self::Fault | Self::LogoutFault => {
                Some((RETRY_AFTER, RETRY_AFTER_A_SECOND))
            }
            _ => None,
        };
        response.headers_mut().extend(extra);
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Client => StatusCode::UNAUTHORIZED,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Json | Self::Fields(_) => StatusCode::BAD_REQUEST,
            // Not 401: it concerns the bearer token, and makes an SDK retry the wrong password.
            Self::Credentials | Self::CustomerToken => StatusCode::FORBIDDEN,
            Self::UnknownCustomer => StatusCode::NOT_FOUND,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::Fault | Self::LogoutFault => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error(&self, status: StatusCode) -> ErrorObject {
        let reason = status.canonical_reason().unwrap_or_default();
        let (title, detail) = match self {
            Self::Client => (
                "Unable to validate access token",
                "The Authorization header must hold one valid bearer token",
            ),
            Self::Method(allow) => (reason, allow.detail()),
            Self::TooLarge => (reason, "The body must have at most 16384 bytes"),
            Self::MediaType => (reason, "The body must be application/json in UTF-8"),
            Self::Slow => (reason, "The body did not arrive in time"),
            Self::Broken => (reason, "The body could not be read"),
            Self::Json | Self::Fields(_) => {
                (reason, "The body must be one JSON object without duplicate member names")
            }
            Self::Credentials => (reason, "The credentials are not valid"),
            Self::CustomerToken => {
                (reason, "The X-Moltin-Customer-Token header must hold one valid customer token")
            }
            Self::UnknownCustomer => (reason, "There is no such customer"),
            // The same for every tier.
            Self::Throttled(_) => (reason, "Too many attempts, try again later"),
            // Clients cannot distinguish the two.
            Self::Overloaded | Self::Fault => (reason, "No token can be generated at the moment"),
            Self::LogoutFault => (reason, "Whether the tokens have ended is unknown at the moment"),
        };
        ErrorObject { status: status.as_u16(), source: None, title, detail }
    }

    fn outcome(&self) -> TokenOutcome {
        match self {
            Self::Client => TokenOutcome::ClientRefused,
            Self::Credentials => TokenOutcome::CredentialsRefused,
            Self::CustomerToken => TokenOutcome::TokenRefused,
            Self::UnknownCustomer => TokenOutcome::UnknownCustomer,
            Self::Throttled(_) => TokenOutcome::Throttled,
            Self::Overloaded => TokenOutcome::Overloaded,
            Self::Fault | Self::LogoutFault => TokenOutcome::Fault,
            _ => TokenOutcome::BadRequest,
        }
    }
}

/// Builds the response with a token, with the members in the order of the documented sample.
pub(super) fn issued(token: &IssuedToken, outcome: TokenOutcome) -> Response<JsonBody> {
    #[derive(Serialize)]
    struct Document<'a> {
        data: Data<'a>,
    }

    #[derive(Serialize)]
    struct Data<'a> {
        r#type: &'static str,
        id: &'a TokenId,
        customer_id: &'a CustomerId,
        token: &'a str,
        expires: u64,
    }

    telemetry::token_request(outcome);
    let data = Data {
        r#type: "token",
        id: token.token_id(),
        customer_id: token.customer_id(),
        token: token.token(),
        expires: since_epoch(token.expires_at()).as_secs(),
    };
    // Invariant: strings and a number in structs always serialize.
    let json = serde_json::to_vec(&Document { data }).expect("plain structs serialize");
    json_response(StatusCode::OK, json.into())
}

/// Builds the response to a logout: 204 without a body.
pub(super) fn ended(outcome: TokenOutcome) -> Response<JsonBody> {
    telemetry::token_request(outcome);
    let mut response = Response::new(JsonBody::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    // There is no body whose type could be sniffed.
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
