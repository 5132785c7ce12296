//! What can be set about the middleware.

use std::sync::Arc;

use http::HeaderName;
use http::StatusCode;
use tower_layer::Layer;

use super::config::Config;
use super::config::Mode;
use super::config::RejectionResponse;
use super::service::CustomerAuth;
use crate::verify::Verifier;

/// Layer that verifies the customer token of each request.
///
/// For each request, in this order:
///
/// 1. Identity that an outer layer or a client may have left is removed: [`CustomerId`](crate::CustomerId) and
///    [`VerifiedToken`](crate::VerifiedToken) from the extensions, the header named by
///    [`forward_as`](Self::forward_as) from the request.
/// 2. The token's header is marked sensitive, and taken out where
///    [`strip_token`](Self::strip_token) says so.
/// 3. A CORS preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) passes without
///    identity, because browsers send none with it. Nothing else does.
/// 4. No token: refused by [`required`](Self::required), passed without identity by
///    [`optional`](Self::optional). The header twice, or a token that is not accepted:
///    refused by both. [`observe`](Self::observe) passes all of these, and records them.
/// 5. A good token: [`CustomerId`](crate::CustomerId) and [`VerifiedToken`](crate::VerifiedToken) go into the extensions, and the id into the
///    header named by [`forward_as`](Self::forward_as).
///
/// `Authorization` is not looked at: it belongs to the store's own API access.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http::Response;
/// use http::StatusCode;
/// use http_body_util::Full;
/// use tower::BoxError;
/// use tower::Service;
/// use tower::ServiceBuilder;
/// use tower::ServiceExt;
/// use tower_customer_auth::CustomerAuthLayer;
/// use tower_customer_auth::CustomerId;
/// use tower_customer_auth::KeyRing;
/// use tower_customer_auth::Verifier;
///
/// async fn orders(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
///     // `required` lets no request through without one.
///     let customer = request.extensions().get::<CustomerId>().ok_or("no identity")?;
///     Ok(Response::new(format!("orders of {customer}").into()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
/// let mut service = ServiceBuilder::new()
///     .layer(CustomerAuthLayer::required(Verifier::new(keys)))
///     .service_fn(orders);
///
/// let request = Request::get("/v2/orders").body(Full::default())?;
/// let response = service.ready().await?.call(request).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CustomerAuthLayer {
    config: Arc<Config>,
}

impl CustomerAuthLayer {
    /// Creates a layer that refuses a request without a token, or with a bad one.
    pub fn required(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Required)
    }

    /// Creates a layer that passes a request without a token, and refuses one with a bad token: a
    /// customer whose token has expired must not silently become a stranger.
    ///
    /// An axum handler behind it takes `Option<CustomerId>`: the extractor of a plain `CustomerId`
    /// refuses a request without identity.
    pub fn optional(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Optional)
    }

    /// Creates a layer that refuses nothing, for a dry run: a good token gives identity, and what
    /// [`required`](Self::required) would have refused is counted and logged.
    ///
    /// An axum handler behind it takes `Option<CustomerId>`, as behind [`optional`](Self::optional).
    pub fn observe(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Observe)
    }

    fn new(verifier: Verifier, mode: Mode) -> Self {
        Self { config: Arc::new(Config::new(verifier, mode)) }
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
    /// A header of that name that the client sent is always removed, on every path, and so are those
    /// whose names differ from it only in `_` for `-`.
    pub fn forward_as(self, header: HeaderName) -> Self {
        self.with(|config| config.forward_as = Some(header))
    }

    /// Takes the token out of the request before the inner service sees it. By default it stays,
    /// marked sensitive.
    pub fn strip_token(self) -> Self {
        self.with(|config| config.strip_token = true)
    }

    /// Replaces the answer to a refused request. Default [`Rejection::to_response`](crate::Rejection::to_response).
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
