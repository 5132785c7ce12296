//! The middleware service.

use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use http::HeaderValue;
use http::Request;
use http::Response;
use tower_service::Service;

use crate::id::CustomerId;
use crate::layer::Rejection;
use crate::layer::RejectionKind;
use crate::layer::body::AuthBody;
use crate::layer::config::Config;
use crate::layer::config::Mode;
use crate::layer::config::NoIdentity;
use crate::layer::future::ResponseFuture;
use crate::layer::headers::Scan;
use crate::layer::preflight::is_preflight;
use crate::telemetry;
use crate::telemetry::Verdict;
use crate::verify::VerifiedToken;
use crate::wire::TokenHeader;

/// Service that verifies the customer token of each request.
///
/// Created by [`CustomerAuthLayer`](crate::CustomerAuthLayer), which documents the rules.
#[derive(Clone, Debug)]
#[must_use]
pub struct CustomerAuth<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> CustomerAuth<S> {
    pub(super) const fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CustomerAuth<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<AuthBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match authenticate(&self.config, &mut request) {
            // The instance that was polled ready. A clone would not be.
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(rejection) => {
                // What `poll_ready` reserved (a permit of `ConcurrencyLimit`, a slot of `Buffer`)
                // belongs to the ready instance and would be held until the next call. Replacing it
                // with a fresh clone releases it.
                self.inner = self.inner.clone();
                ResponseFuture::rejected(self.config.refuse(rejection))
            }
        }
    }
}

/// Applies the rules that `CustomerAuthLayer` documents to a request.
fn authenticate<B>(config: &Arc<Config>, request: &mut Request<B>) -> Result<(), Rejection> {
    let is_preflight = config.preflights && is_preflight(request);
    let Scan { token, untrusted } = config.headers.scan(request.headers_mut());
    let outcome = match token {
        // Browsers send no token with a preflight, so none is verified.
        _ if is_preflight => Ok(None),
        // The value is not split or trimmed: a joined `a, b` is not a token.
        TokenHeader::Single(token) => config
            .verifier
            .verify(token.as_bytes())
            .map(Some)
            .map_err(|error| Rejection::of_token(error, config.settings, (&*request).into())),
        TokenHeader::Missing if config.mode == Mode::Optional => Ok(None),
        TokenHeader::Missing => Err(config.reject(RejectionKind::MissingToken, (&*request).into())),
        TokenHeader::Repeated => {
            Err(config.reject(RejectionKind::SeveralTokens, (&*request).into()))
        }
    };

    if config.strip_token {
        request.headers_mut().remove(&config.headers.token);
    }
    // NB: identity headers in the request come from an untrusted client. Identity extensions are
    // handled below: inserting one replaces another of the same type.
    config.headers.remove(untrusted, request.headers_mut());

    match outcome {
        Ok(Some(verified)) => {
            telemetry::request(Verdict::Accepted, "none");
            pass_with_identity(config, request, verified);
        }
        Ok(None) => pass_without_identity(config, request),
        Err(rejection) if config.mode == Mode::Observe => {
            telemetry::request(Verdict::WouldRefuse, rejection.kind().as_str());
            pass_without_identity(config, request);
        }
        Err(rejection) => {
            telemetry::request(Verdict::Refused, rejection.kind().as_str());
            return Err(rejection);
        }
    }
    Ok(())
}

fn pass_with_identity<B>(config: &Config, request: &mut Request<B>, verified: VerifiedToken) {
    if let Some(forward_as) = &config.headers.forward_as {
        // Invariant: an id is printable ASCII, which is valid in a header.
        let id = verified.customer_id().with_str(HeaderValue::from_str);
        request.headers_mut().insert(forward_as, id.expect("an id is a header value"));
    }
    let extensions = request.extensions_mut();
    extensions.remove::<NoIdentity>();
    extensions.insert::<CustomerId>(verified.customer_id().clone());
    extensions.insert::<VerifiedToken>(verified);
}

/// Passes a request on without identity.
fn pass_without_identity<B>(config: &Arc<Config>, request: &mut Request<B>) {
    let extensions = request.extensions_mut();
    extensions.remove::<CustomerId>();
    extensions.remove::<VerifiedToken>();
    extensions.insert::<NoIdentity>(NoIdentity::new(config));
}
