//! What happens to a request.

use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use http::HeaderValue;
use http::Request;
use http::Response;
use tower_service::Service;

use super::body::AuthBody;
use super::config::Config;
use super::config::Mode;
use super::config::NoIdentity;
use super::future::ResponseFuture;
use super::headers::Found;
use super::headers::Lines;
use super::preflight::is_preflight;
use crate::id::CustomerId;
use crate::layer::Rejection;
use crate::layer::RejectionKind;
use crate::telemetry;
use crate::telemetry::Verdict;
use crate::verify::VerifiedToken;

/// Middleware that verifies the customer token of each request.
///
/// Made by [`CustomerAuthLayer`](crate::CustomerAuthLayer), whose documentation has the rules.
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

    /// Returns the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service for changing.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out.
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
        match admit(&self.config, &mut request) {
            // The very instance that was polled ready: a clone of it would not be.
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(rejection) => {
                // What `poll_ready` reserved (a permit of `ConcurrencyLimit`, a slot of `Buffer`)
                // lives in the ready instance and would be kept until the next call. A fresh clone
                // in its place gives it back.
                self.inner = self.inner.clone();
                ResponseFuture::refused(self.config.refuse(rejection))
            }
        }
    }
}

/// Applies the rules to a request, those that `CustomerAuthLayer` documents.
fn admit<B>(config: &Arc<Config>, request: &mut Request<B>) -> Result<(), Rejection> {
    let is_preflight = config.preflights && is_preflight(request);
    let Found { token, foreign } = config.headers.find(request.headers_mut());
    let outcome = match token {
        // A browser's own question carries no token, and so is not judged by one.
        _ if is_preflight => Ok(None),
        // The value as it is: a joined `a, b` is no token, and nothing is trimmed into one.
        Lines::One(token) => config
            .verifier
            .verify(token.as_bytes())
            .map(Some)
            .map_err(|error| Rejection::of_token(error, config.terms, (&*request).into())),
        Lines::None if config.mode == Mode::Optional => Ok(None),
        Lines::None => Err(config.reject(RejectionKind::MissingToken, (&*request).into())),
        Lines::Several => Err(config.reject(RejectionKind::SeveralTokens, (&*request).into())),
    };

    if config.strip_token {
        request.headers_mut().remove(&config.headers.token);
    }
    // NB: a header that says already who is asking comes from a client that we don't know. The
    // extensions that say so go below: a value put there takes the place of one of its type.
    config.headers.remove(foreign, request.headers_mut());

    match outcome {
        Ok(Some(verified)) => {
            telemetry::request(Verdict::Accepted, "none");
            let_in(config, request, verified);
        }
        Ok(None) => let_by(config, request),
        Err(rejection) if config.mode == Mode::Observe => {
            telemetry::request(Verdict::WouldRefuse, rejection.kind().as_str());
            let_by(config, request);
        }
        Err(rejection) => {
            telemetry::request(Verdict::Refused, rejection.kind().as_str());
            return Err(rejection);
        }
    }
    Ok(())
}

fn let_in<B>(config: &Config, request: &mut Request<B>, verified: VerifiedToken) {
    if let Some(forward_as) = &config.headers.forward_as {
        // Invariant: an id is printable ASCII, which every header may carry.
        let id = verified.customer_id().with_str(HeaderValue::from_str);
        request.headers_mut().insert(forward_as, id.expect("an id is a header value"));
    }
    let extensions = request.extensions_mut();
    extensions.remove::<NoIdentity>();
    extensions.insert::<CustomerId>(verified.customer_id().clone());
    extensions.insert::<VerifiedToken>(verified);
}

/// Passes a request on without identity.
fn let_by<B>(config: &Arc<Config>, request: &mut Request<B>) {
    let extensions = request.extensions_mut();
    extensions.remove::<CustomerId>();
    extensions.remove::<VerifiedToken>();
    extensions.insert::<NoIdentity>(NoIdentity::new(config));
}
