//! What every request is judged by, shared by all clones of a service.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::Response;
use http::StatusCode;

use super::CUSTOMER_TOKEN;
use crate::reject::Rejection;
use crate::reject::RejectionKind;
use crate::verify::Verifier;

/// Builder of the answer to a refused request; every closure
/// `Fn(&Rejection) -> Response<Bytes>` is one.
///
/// [`Rejection::to_response`] gives the layer's own answer, to add to or to leave. The layer puts the
/// [`Rejection`] into the extensions of whatever is answered.
pub trait RejectionResponse: Send + Sync + 'static {
    /// Builds the answer.
    fn response(&self, rejection: &Rejection) -> Response<Bytes>;
}

impl<F> RejectionResponse for F
where
    F: Fn(&Rejection) -> Response<Bytes> + Send + Sync + 'static,
{
    fn response(&self, rejection: &Rejection) -> Response<Bytes> {
        self(rejection)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Required,
    Optional,
    Observe,
}

#[derive(Clone)]
pub(super) struct Config {
    pub(super) verifier: Verifier,
    pub(super) mode: Mode,
    pub(super) header: HeaderName,
    pub(super) forward_as: Option<HeaderName>,
    pub(super) strip_token: bool,
    pub(super) status: StatusCode,
    pub(super) rejection_response: Arc<dyn RejectionResponse>,
}

impl Config {
    pub(super) fn new(verifier: Verifier, mode: Mode) -> Self {
        Self {
            verifier,
            mode,
            header: CUSTOMER_TOKEN,
            forward_as: None,
            strip_token: false,
            status: StatusCode::UNAUTHORIZED,
            rejection_response: Arc::new(Rejection::to_response),
        }
    }

    /// Builds the answer to a refused request, with its reason in the extensions.
    pub(super) fn refuse(&self, rejection: Rejection) -> Response<Bytes> {
        let mut response = self.rejection_response.response(&rejection);
        response.extensions_mut().insert(rejection);
        response
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("verifier", &self.verifier)
            .field("mode", &self.mode)
            .field("header", &self.header)
            .field("forward_as", &self.forward_as)
            .field("strip_token", &self.strip_token)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Mark on a request that the layer passed without identity, in its extensions.
///
/// With it a handler can tell "nobody in particular" from "no layer", and refuse as
/// [`required`](crate::CustomerAuthLayer::required) would. The extractors for axum do so by themselves.
#[derive(Clone)]
pub struct NoIdentity(Arc<Config>);

impl NoIdentity {
    pub(super) fn new(config: &Arc<Config>) -> Self {
        Self(Arc::clone(config))
    }

    /// Builds the layer's answer to a request with these headers and no token.
    #[must_use]
    pub fn refuse(&self, request: &HeaderMap) -> Response<Bytes> {
        self.0.refuse(Rejection::new(RejectionKind::MissingToken, self.0.status, request))
    }
}

impl fmt::Debug for NoIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoIdentity").finish_non_exhaustive()
    }
}
