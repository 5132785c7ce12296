//! Middleware that verifies the customer token of each request.
//!
//! For each request, in this order:
//!
//! 1. Identity that an outer layer or a client may have left is removed: [`CustomerId`] and
//!    [`VerifiedToken`] from the extensions, the header named by
//!    [`forward_as`](CustomerAuthLayer::forward_as) from the request.
//! 2. The token's header is marked sensitive, and taken out where
//!    [`strip_token`](CustomerAuthLayer::strip_token) says so.
//! 3. A CORS preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) passes without
//!    identity, because browsers send none with it. Nothing else does.
//! 4. No token: refused by [`required`](CustomerAuthLayer::required), passed without identity by
//!    [`optional`](CustomerAuthLayer::optional). The header twice, or a token that is not accepted:
//!    refused by both. [`observe`](CustomerAuthLayer::observe) passes all of these, and records them.
//! 5. A good token: [`CustomerId`] and [`VerifiedToken`] go into the extensions, and the id into the
//!    header named by [`forward_as`](CustomerAuthLayer::forward_as).
//!
//! `Authorization` is not looked at: it belongs to the store's own API access.
//!
//! [`CustomerId`]: crate::CustomerId
//! [`VerifiedToken`]: crate::VerifiedToken
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::Request;
//! use http::Response;
//! use http::StatusCode;
//! use http_body_util::Full;
//! use tower::BoxError;
//! use tower::Service;
//! use tower::ServiceBuilder;
//! use tower::ServiceExt;
//! use tower_customer_auth::CustomerAuthLayer;
//! use tower_customer_auth::CustomerId;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Verifier;
//!
//! async fn orders(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
//!     // `required` lets no request through without one.
//!     let customer = request.extensions().get::<CustomerId>().ok_or("no identity")?;
//!     Ok(Response::new(format!("orders of {customer}").into()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
//! let mut service = ServiceBuilder::new()
//!     .layer(CustomerAuthLayer::required(Verifier::new(keys)))
//!     .service_fn(orders);
//!
//! let request = Request::get("/v2/orders").body(Full::default())?;
//! let response = service.ready().await?.call(request).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```

mod body;
mod future;
#[expect(clippy::module_inception, reason = "the file of the `Layer`, as in tower-http")]
mod layer;
mod service;

pub use self::body::AuthBody;
pub use self::future::ResponseFuture;
pub use self::layer::CustomerAuthLayer;
pub use self::layer::NoIdentity;
pub use self::layer::RejectionResponse;
pub use self::service::CustomerAuth;

/// The header that carries the customer token, where nothing else is set.
pub(crate) const CUSTOMER_TOKEN: http::HeaderName =
    http::HeaderName::from_static("x-moltin-customer-token");
