//! Configuration shared by all clones of a service.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;

use crate::layer::Rejection;
use crate::layer::RejectionKind;
use crate::layer::headers::IdentityHeaders;
use crate::layer::rejection::RejectionSettings;
use crate::verify::Verifier;
use crate::wire::CUSTOMER_TOKEN;
use crate::wire::NO_STORE;
use crate::wire::RequestMeta;

/// Builder of the response to a rejected request.
///
/// It is implemented for every closure `Fn(&Rejection) -> Response<Bytes>`.
/// [`Rejection::to_response`] returns the default response, as a starting point. To each response
/// the layer adds the [`Rejection`], as an extension, and `Cache-Control: no-store` unless
/// `Cache-Control` is set: a cache in front must not serve a rejection to other callers.
pub trait RejectionResponse: Send + Sync + 'static {
    /// Builds the response.
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
    pub(super) settings: RejectionSettings,
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
            settings: RejectionSettings { status: StatusCode::UNAUTHORIZED, grpc: None },
            rejection_response: Arc::new(Rejection::to_response),
        }
    }

    pub(super) fn reject(&self, kind: RejectionKind, request: RequestMeta<'_>) -> Rejection {
        Rejection::new(kind, self.settings, request)
    }

    /// Builds the response to a rejected request, with the reason in its extensions.
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
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Request extension set when the layer lets a request through unauthenticated.
///
/// With it, a handler can tell an anonymous request from a missing layer, and reject it as
/// [`required`](crate::CustomerAuthLayer::required) would. The extractors for axum do this.
#[derive(Clone)]
pub struct NoIdentity(Arc<Config>);

impl NoIdentity {
    pub(super) fn new(config: &Arc<Config>) -> Self {
        Self(Arc::clone(config))
    }

    /// Builds the response to a request without a token.
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
