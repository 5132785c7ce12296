//! Configuration of the middleware.

use std::sync::Arc;

use http::HeaderName;
use http::StatusCode;
use tower_layer::Layer;

use crate::layer::config::Config;
use crate::layer::config::Mode;
use crate::layer::config::RejectionResponse;
use crate::layer::service::CustomerAuth;
use crate::verify::Verifier;

/// Layer that verifies the customer token of each request.
///
/// For each request, in this order:
///
/// 1. The request is a CORS preflight if it is an `OPTIONS` with exactly one `Origin`, which is not
///    empty, and exactly one `Access-Control-Request-Method`, which is an RFC 9110 token.
///    [`preflights`](Self::preflights) turns this rule off.
/// 2. The token header is located, by its exact name, and marked sensitive. *Spellings* of a header
///    name are the names that equal it if every byte other than an ASCII letter or digit counts as
///    `-`: `X_Customer.Id` is a spelling of `x-customer-id`, and CGI, PHP and similar systems read
///    both as one variable.
/// 3. The token is verified, except for a preflight: browsers send none with it.
/// 4. These are removed: the token header, if [`strip_token`](Self::strip_token) is set, and its
///    other spellings always; the header named by [`forward_as`](Self::forward_as), in all
///    spellings; both names, in all spellings, from `Connection`, so that no later hop drops what
///    this layer sets (RFC 9110 section 7.6.1). Other options of `Connection` stay.
/// 5. A preflight passes without identity. A request without a token is rejected by
///    [`required`](Self::required) and passes without identity through
///    [`optional`](Self::optional). A repeated token header or a token that fails verification is
///    rejected by both. [`observe`](Self::observe) lets all of these pass without identity, and
///    records them.
/// 6. With a valid token, [`CustomerId`](crate::CustomerId) and
///    [`VerifiedToken`](crate::VerifiedToken) are inserted into the extensions, and the id into the
///    header named by [`forward_as`](Self::forward_as). A request that passes without identity has
///    neither in its extensions, even if an outer layer inserted them.
///
/// A rejection is JSON, or a `grpc-status` for a [gRPC call](Self::grpc). Each has
/// `Cache-Control: no-store`.
///
/// `Authorization` is not read: it belongs to the store's own API access.
///
/// # Security
///
/// Read the identity from the extensions, or from the header named by
/// [`forward_as`](Self::forward_as), never from *trailers*. Trailers arrive in frames of the
/// request body, which this layer does not touch, so a client may send a trailer of any name.
/// Servers such as hyper keep trailers apart from headers. Behind a gateway that forwards trailers,
/// do not use a server that merges them into the headers (RFC 9110 section 6.5.1 forbids it for a
/// field like this one).
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
///     // `required` rejects every request without a customer.
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
    /// Creates a layer that rejects requests without a token or with an invalid one.
    pub fn required(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Required)
    }

    /// Creates a layer that rejects invalid tokens, but accepts requests without a token.
    ///
    /// A request with an expired token is rejected instead of treated as anonymous, so that a
    /// customer's session does not end unnoticed.
    ///
    /// axum handlers behind it take `Option<CustomerId>`: the extractor of a plain `CustomerId`
    /// rejects a request without identity.
    pub fn optional(verifier: Verifier) -> Self {
        Self::new(verifier, Mode::Optional)
    }

    /// Creates a layer that rejects nothing, for a dry run.
    ///
    /// A valid token gives the request an identity. What [`required`](Self::required) would have
    /// rejected passes without identity, and is counted and logged.
    ///
    /// axum handlers behind it take `Option<CustomerId>`, as behind [`optional`](Self::optional).
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

    /// Sets the name of the token header. Default `x-moltin-customer-token`.
    pub fn header(self, header: HeaderName) -> Self {
        self.with(|config| config.headers.token = header)
    }

    /// Sets which requests are rejected as gRPC calls. Default: by content type and HTTP version,
    /// as below.
    ///
    /// Such a rejection is HTTP 200 without a body, with `grpc-status` 16 (14 if verification is
    /// unavailable) in its headers.
    ///
    /// By default, a gRPC call is a POST with the content type `application/grpc` over HTTP/2, or
    /// with `application/grpc-web` or `application/grpc-web-text` over any version; each name
    /// exactly, or followed by `+` or `;`. A request with several content types is not a gRPC call.
    ///
    /// - `true` also accepts `application/grpc` over any HTTP version. Inside tonic-web's
    ///   `GrpcWebLayer` this is required, because it passes calls on with this type over HTTP/1.1.
    ///   Outside it, the default is right.
    /// - `false` rejects every request in HTTP terms.
    ///
    /// # Security
    ///
    /// An intermediary that reads only the HTTP status takes a gRPC rejection for success. Use
    /// `false` where no gRPC is served, in particular where a gateway asks this service whether a
    /// request is allowed.
    pub fn grpc(self, answers: bool) -> Self {
        self.with(|config| config.settings.grpc = Some(answers))
    }

    /// Sets whether CORS preflights pass without identity. Default `true`.
    ///
    /// With `false`, an `OPTIONS` is treated like any other request. Use it if a CORS layer outside
    /// this one answers preflights, as tower-http's `CorsLayer` does: anyone can send a request
    /// that looks like a preflight, and with `true` it reaches the inner service.
    pub fn preflights(self, pass: bool) -> Self {
        self.with(|config| config.preflights = pass)
    }

    /// Sets the HTTP status of rejections, 400 to 499. Default 401.
    ///
    /// The status is always 503 if verification is unavailable. A [gRPC call](Self::grpc) gets a
    /// gRPC status instead.
    ///
    /// Elastic Path's JavaScript SDK relates a 401 to `Authorization`: it fetches a new bearer
    /// token and retries, four times in about seven seconds. Use 403 for its sake.
    ///
    /// # Panics
    ///
    /// If the status is not 400 to 499.
    pub fn status(self, status: StatusCode) -> Self {
        assert!(status.is_client_error(), "a rejection's status must be 400 to 499, not {status}");
        self.with(|config| config.settings.status = status)
    }

    /// Sets a header that passes the customer's id to the inner service. Default: none.
    ///
    /// A header of that name from the client is always removed, and so are headers whose names
    /// differ from it only in bytes other than ASCII letters and digits, such as `_` or `.` for
    /// `-`.
    pub fn forward_as(self, header: HeaderName) -> Self {
        self.with(|config| config.headers.forward_as = Some(header))
    }

    /// Removes the token header before the inner service sees it. Default: it stays, marked
    /// sensitive.
    ///
    /// Other spellings of the name, such as `X_Moltin_Customer_Token`, are never read as the token
    /// and always removed: CGI and similar systems would take them for the verified header.
    pub fn strip_token(self) -> Self {
        self.with(|config| config.strip_token = true)
    }

    /// Sets the response to a rejected request. Default
    /// [`Rejection::to_response`](crate::Rejection::to_response).
    ///
    /// The layer adds `Cache-Control: no-store` unless the response sets `Cache-Control`.
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
