//! Publication of the public keys of a key ring as a JWK Set.
//!
//! [`JwkSetService`] lets other services verify customer tokens without sharing a secret.
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::jwk_set::JwkSetService;
//!
//! fn routes(keys: KeyRing) -> axum::Router {
//!     axum::Router::new().route_service("/.well-known/jwks.json", JwkSetService::new(keys))
//! }
//! ```

use std::convert::Infallible;
use std::future::Ready;
use std::future::ready;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::ALLOW;
use http::header::CACHE_CONTROL;
use tower_service::Service;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::key::KeyRing;
use crate::wire::ErrorObject;
use crate::wire::error_response;
use crate::wire::json_response;

pub use crate::wire::JsonBody as JwkSetBody;

/// Service that publishes the public keys of a key ring as a JWK Set (RFC 7517 section 5).
///
/// Mount it at `/.well-known/jwks.json`; the [module page](self) has an example. It requires the
/// feature `asymmetric`.
///
/// It answers `GET` and `HEAD`; other methods get a 405. Responses may be cached for 5 minutes, so
/// add a new key to the ring at least that long before it signs; otherwise verifiers reject tokens
/// signed with a key they do not know yet. HMAC keys are secret and never published.
#[derive(Clone, Debug)]
pub struct JwkSetService {
    keys: KeyRing,
    clock: Arc<dyn Clock>,
}

impl JwkSetService {
    /// Creates a service for this key ring; rotations take effect immediately.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self { keys, clock: SystemClock::shared() }
    }

    /// Sets the clock that decides which keys have expired. Default [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn answer(&self, method: &Method) -> Response<JwkSetBody> {
        if method != Method::GET && method != Method::HEAD {
            let error = ErrorObject {
                status: 405,
                source: None,
                title: "Method Not Allowed",
                detail: "Only GET and HEAD are allowed",
            };
            let mut response = error_response(StatusCode::METHOD_NOT_ALLOWED, &[error]);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let keys = self.keys.to_jwk_set(self.clock.now());
        let mut response = json_response(StatusCode::OK, keys.into());
        // The key set contains nothing about a customer.
        response.headers_mut().insert(CACHE_CONTROL, FIVE_MINUTES);
        response
    }
}

impl<B> Service<Request<B>> for JwkSetService {
    type Response = Response<JwkSetBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<JwkSetBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
