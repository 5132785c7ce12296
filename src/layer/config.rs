//! What every request is judged by, shared by all clones of a service.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;

use super::CUSTOMER_TOKEN;
use super::headers::IdentityHeaders;
use crate::layer::Rejection;
use crate::layer::RejectionKind;
use crate::layer::rejection::Terms;
use crate::verify::Verifier;
use crate::wire::CallMarks;
use crate::wire::NO_STORE;

/// Builder of the answer to a refused request; every closure
/// `Fn(&Rejection) -> Response<Bytes>` is one.
///
/// [`Rejection::to_response`] gives the layer's own answer, to add to or to leave. To each answer
/// the layer adds the [`Rejection`], in its extensions, and `Cache-Control: no-store` where the
/// answer has no `Cache-Control`: a cache in front must not serve a refusal to other callers.
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
    pub(super) headers: IdentityHeaders,
    pub(super) strip_token: bool,
    pub(super) preflights: bool,
    pub(super) terms: Terms,
    pub(super) rejection_response: Arc<dyn RejectionResponse>,
}

impl Config {
    pub(super) fn new(verifier: Verifier, mode: Mode) -> Self {
        Self {
            verifier,
            mode,
            headers: IdentityHeaders { token: CUSTOMER_TOKEN, forward_as: None },
            strip_token: false,
            preflights: true,
            terms: Terms { status: StatusCode::UNAUTHORIZED, grpc: None },
            rejection_response: Arc::new(Rejection::to_response),
        }
    }

    pub(super) fn reject(&self, kind: RejectionKind, request: CallMarks<'_>) -> Rejection {
        Rejection::new(kind, self.terms, request)
    }

    /// Builds the answer to a refused request, with its reason in the extensions.
    pub(super) fn refuse(&self, rejection: Rejection) -> Response<Bytes> {
        let mut response = self.rejection_response.response(&rejection);
        response.headers_mut().entry(CACHE_CONTROL).or_insert(NO_STORE);
        response.extensions_mut().insert(rejection);
        response
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("verifier", &self.verifier)
            .field("mode", &self.mode)
            .field("headers", &self.headers)
            .field("strip_token", &self.strip_token)
            .field("preflights", &self.preflights)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

/// Mark on a request that the layer passed without identity, in its extensions.
///
/// With it a handler can tell "nobody in particular" from "no layer", and refuse as
/// [`required`](crate::CustomerAuthLayer::required) would. The extractors for axum do so by
/// themselves.
#[derive(Clone)]
pub struct NoIdentity(Arc<Config>);

impl NoIdentity {
    pub(super) fn new(config: &Arc<Config>) -> Self {
        Self(Arc::clone(config))
    }

    /// Builds the layer's answer to this request without a token.
    #[must_use]
    pub fn refuse(&self, request: &Parts) -> Response<Bytes> {
        self.0.refuse(self.0.reject(RejectionKind::MissingToken, request.into()))
    }
}

impl fmt::Debug for NoIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoIdentity").finish_non_exhaustive()
    }
}
