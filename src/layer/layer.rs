//! What can be set about the middleware.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::Response;
use http::StatusCode;
use tower_layer::Layer;

use super::CUSTOMER_TOKEN;
use super::service::CustomerAuth;
use crate::reject::Rejection;
use crate::reject::RejectionKind;
use crate::verify::Verifier;

/// Layer that applies [`CustomerAuth`], which verifies the customer token of each request.
///
/// See the [crate docs](crate) for the rules in their order.
#[derive(Clone, Debug)]
#[must_use]
pub struct CustomerAuthLayer {
    config: Arc<Config>,
}

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
    rejection_response: Arc<dyn RejectionResponse>,
}

impl CustomerAuthLayer {
    /// Creates a layer that refuses a request without a token, or with a bad one.
    pub fn required(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Required)
    }

    /// Creates a layer that passes a request without a token, and refuses one with a bad token: a
    /// customer whose token has expired must not silently become a stranger.
    pub fn optional(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Optional)
    }

    /// Creates a layer that refuses nothing, for a dry run: a good token gives identity, and what
    /// [`required`](Self::required) would have refused is counted and logged.
    pub fn observe(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Observe)
    }

    fn new(verifier: Verifier, mode: Mode) -> Self {
        let config = Config {
            verifier,
            mode,
            header: CUSTOMER_TOKEN,
            forward_as: None,
            strip_token: false,
            status: StatusCode::UNAUTHORIZED,
            rejection_response: Arc::new(Rejection::to_response),
        };
        Self { config: Arc::new(config) }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }

    /// Sets the header that carries the token. Default `x-moltin-customer-token`.
    pub fn header(self, header: HeaderName) -> Self {
        self.with(|config| config.header = header)
    }

    /// Sets the status of a refusal that is the caller's fault. Default 401; one that is ours is
    /// always 503, and a gRPC call has a gRPC status instead.
    ///
    /// Elastic Path's JavaScript SDK takes a 401 as being about `Authorization`: it fetches a new
    /// bearer and tries again, four times in about seven seconds. For its sake, use 403.
    ///
    /// # Panics
    ///
    /// If the status is not 400 to 499: another would make a refusal look like something else.
    pub fn status(self, status: StatusCode) -> Self {
        assert!(status.is_client_error(), "a refusal's status is 400 to 499, not {status}");
        self.with(|config| config.status = status)
    }

    /// Sets a header in which the inner service gets the customer's id as text. Default none.
    ///
    /// A header of that name that the client sent is always removed, on every path.
    pub fn forward_as(self, header: HeaderName) -> Self {
        self.with(|config| config.forward_as = Some(header))
    }

    /// Takes the token out of the request before the inner service sees it. By default it stays,
    /// marked sensitive.
    pub fn strip_token(self) -> Self {
        self.with(|config| config.strip_token = true)
    }

    /// Replaces the answer to a refused request. Default [`Rejection::to_response`].
    pub fn rejection_response(self, response: impl RejectionResponse) -> Self {
        self.with(|config| config.rejection_response = Arc::new(response))
    }
}

impl<S> Layer<S> for CustomerAuthLayer {
    type Service = CustomerAuth<S>;

    fn layer(&self, inner: S) -> CustomerAuth<S> {
        CustomerAuth::new(inner, Arc::clone(&self.config))
    }
}

impl Config {
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
/// [`required`](CustomerAuthLayer::required) would. The extractors for axum do so by themselves.
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
