//! Dispatch by method.

use http::HeaderValue;
use http::Method;

use crate::issuer::response::Refusal;

/// Operation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `POST`: issue a token for a login.
    IssueToken,
}

impl Endpoint {
    /// The methods of all operations.
    const ALLOW: HeaderValue = HeaderValue::from_static("POST");

    pub(super) fn of(method: &Method) -> Result<Self, Refusal> {
        match *method {
            Method::POST => Ok(Self::IssueToken),
            _ => Err(Refusal::Method { allow: Self::ALLOW }),
        }
    }
}
