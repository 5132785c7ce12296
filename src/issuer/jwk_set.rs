//! The issuer's public keys, for others to verify by.

use std::convert::Infallible;
use std::future::Ready;
use std::future::ready;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::ALLOW;
use http::header::CACHE_CONTROL;
use http::header::CONTENT_TYPE;
use tower_service::Service;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::issuer::IssuerBody;
use crate::key::KeyRing;
use crate::reject;
use crate::reject::ErrorObject;
use crate::reject::error_document;

/// Service that publishes a key ring's public keys as a JWK Set (RFC 7517 section 5), to be mounted at
/// `/.well-known/jwks.json` (features `issuer` and `asymmetric`).
///
/// It answers `GET` and `HEAD`, and may be kept for five minutes: so a key has to be in the set that
/// long before it signs, if no verifier is to meet a key that it doesn't know. HMAC keys are secrets
/// and never published.
///
/// # Example
///
/// ```
/// use tower_customer_auth::JwkSetService;
/// use tower_customer_auth::KeyRing;
///
/// fn routes(keys: KeyRing) -> axum::Router {
///     axum::Router::new().route_service("/.well-known/jwks.json", JwkSetService::new(keys))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct JwkSetService {
    keys: KeyRing,
    clock: Arc<dyn Clock>,
}

impl JwkSetService {
    /// Creates a service for this ring; rotations show at once.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self { keys, clock: SystemClock::shared() }
    }

    /// Sets the clock by which keys expire. Default [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn answer(&self, method: &Method) -> Response<IssuerBody> {
        if method != Method::GET && method != Method::HEAD {
            let error = ErrorObject {
                status: 405,
                source: None,
                title: "Method Not Allowed",
                detail: "The keys are there to be read",
            };
            let mut response = json(error_document(&[error]), reject::NO_STORE);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        json(self.keys.to_jwk_set(self.clock.now()).into(), FIVE_MINUTES)
    }
}

impl<B> Service<Request<B>> for JwkSetService {
    type Response = Response<IssuerBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<IssuerBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

fn json(body: Bytes, cache: HeaderValue) -> Response<IssuerBody> {
    let mut response = Response::new(IssuerBody::new(body));
    response.headers_mut().insert(CONTENT_TYPE, reject::JSON);
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}

const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
