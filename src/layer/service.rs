//! What happens to a request.

use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::header::ORIGIN;
use tower_service::Service;

use super::body::AuthBody;
use super::config::Config;
use super::config::Mode;
use super::config::NoIdentity;
use super::future::ResponseFuture;
use crate::id::CustomerId;
use crate::observe;
use crate::observe::Verdict;
use crate::reject::Rejection;
use crate::reject::RejectionKind;
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
    // A browser's own question carries no token, and so is not judged by one.
    let outcome = if is_preflight(request) {
        hide_token(&config.header, request.headers_mut());
        Ok(None)
    } else {
        identify(config, request.headers_mut())
    };

    if config.strip_token {
        request.headers_mut().remove(&config.header);
    }
    // NB: whatever says already who is asking comes from somebody we don't know. The extensions that
    // say so go below: a value put there takes the place of one of its type.
    if let Some(forward_as) = &config.forward_as {
        remove_all_spellings(forward_as, request.headers_mut());
    }

    match outcome {
        Ok(Some(verified)) => {
            observe::request(Verdict::Accepted, "none");
            let_in(config, request, verified);
        }
        Ok(None) => let_by(config, request),
        Err(rejection) if config.mode == Mode::Observe => {
            observe::request(Verdict::WouldRefuse, rejection.kind().as_str());
            let_by(config, request);
        }
        Err(rejection) => {
            observe::request(Verdict::Refused, rejection.kind().as_str());
            return Err(rejection);
        }
    }
    Ok(())
}

/// What a browser asks before a request from another origin (Fetch, "CORS-preflight request"). The
/// three marks together, because an `OPTIONS` alone may well be a request for data.
fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn identify(config: &Config, headers: &mut HeaderMap) -> Result<Option<VerifiedToken>, Rejection> {
    let kind = match hide_token(&config.header, headers) {
        // The value as it stands: a joined `a, b` is no token, and nothing is trimmed into one.
        Lines::One(token) => match config.verifier.verify(token.as_bytes()) {
            Ok(verified) => return Ok(Some(verified)),
            Err(error) => return Err(Rejection::of_token(error, config.status, headers)),
        },
        Lines::None if config.mode == Mode::Optional => return Ok(None),
        Lines::None => RejectionKind::MissingToken,
        Lines::Several => RejectionKind::SeveralTokens,
    };
    Err(Rejection::new(kind, config.status, headers))
}

/// Takes a header out, and those whose names differ only in `_` for `-`: CGI and its heirs read both as
/// one variable, so that a client's `X_Customer_Id` would pass for ours.
fn remove_all_spellings(name: &HeaderName, headers: &mut HeaderMap) {
    let fold = |byte| if byte == b'_' { b'-' } else { byte };
    let name = name.as_str();
    let is_spelling = |other: &&HeaderName| {
        let other = other.as_str();
        other.len() == name.len() && other.bytes().map(fold).eq(name.bytes().map(fold))
    };
    while let Some(other) = headers.keys().find(is_spelling).cloned() {
        headers.remove(other);
    }
}

/// How often a request has the token's header.
enum Lines<'a> {
    None,
    One(&'a HeaderValue),
    Several,
}

/// Marks every line of that name sensitive (a dry run passes several on), and tells of them.
///
/// One walk along the headers does both: to hash a name as long as the token's takes longer than to
/// pass by the dozen headers that a request has.
fn hide_token<'a>(name: &HeaderName, headers: &'a mut HeaderMap) -> Lines<'a> {
    let mut lines = Lines::None;
    for (other, value) in headers.iter_mut() {
        if other == name {
            value.set_sensitive(true);
            lines = if let Lines::None = lines { Lines::One(value) } else { Lines::Several };
        }
    }
    lines
}

fn let_in<B>(config: &Config, request: &mut Request<B>, verified: VerifiedToken) {
    if let Some(forward_as) = &config.forward_as {
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
