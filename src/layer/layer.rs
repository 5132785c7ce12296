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
/// 1. It is a CORS preflight if it is an `OPTIONS` with one `Origin`, not empty, and one
///    `Access-Control-Request-Method`, an RFC 9110 token. [`preflights`](Self::preflights) turns
///    this rule off.
/// 2. One walk along the headers finds the token's, which is marked sensitive, and those that the
///    inner service must not get. Only the exact name is read as the token. *Spellings* of a name
///    are those that are equal to it where every byte but an ASCII letter or digit counts as `-`:
///    `X_Customer.Id` is one of `x-customer-id`, and CGI, PHP and their like read both as one
///    variable.
/// 3. The token is verified. A preflight's is not: browsers send none with it.
/// 4. Removed are: the token's header, where [`strip_token`](Self::strip_token) says so, and its
///    other spellings always; the header named by [`forward_as`](Self::forward_as), in all
///    spellings; both names, in all spellings, from `Connection`, so that no later hop drops what
///    this layer sets (RFC 9110 section 7.6.1). Other options of `Connection` stay.
/// 5. A preflight passes without identity. Without a token, a request is refused by
///    [`required`](Self::required), and passes without identity by [`optional`](Self::optional).
///    The header twice, or a token that is not accepted: refused by both.
///    [`observe`](Self::observe) passes all of these, and records them.
/// 6. A good token: [`CustomerId`](crate::CustomerId) and [`VerifiedToken`](crate::VerifiedToken)
///    go into the extensions, and the id into the header named by [`forward_as`](Self::forward_as).
///    What passes without identity has neither in its extensions, also if an outer layer had put
///    them there.
///
/// A refusal is JSON, or for a [gRPC call](Self::grpc) a `grpc-status`. Each carries
/// `Cache-Control: no-store`.
///
/// `Authorization` is not looked at: it belongs to the store's own API access.
///
/// # Security
///
/// Identity is read from the extensions, or from the header named by
/// [`forward_as`](Self::forward_as), never from *trailers*. Those arrive in frames of the request's
/// body, which goes on untouched, so that a client may send a trailer of any name. Servers such as
/// hyper keep trailers apart from headers. Behind a gateway that forwards them, do not use a
/// server that merges them into the headers (RFC 9110 section 6.5.1 forbids it for a field like
/// this one).
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
    /// An axum handler behind it takes `Option<CustomerId>`, as behind
    /// [`optional`](Self::optional).
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
        self.with(|config| config.headers.token = header)
    }

    /// Sets which requests are refused as gRPC calls. Unset by default, which is the rule below.
    ///
    /// Such a refusal is HTTP 200 without a body, with `grpc-status` 16 (14 when the fault is ours)
    /// in its headers.
    ///
    /// A gRPC call is a POST with the content type `application/grpc` over HTTP/2, or with
    /// `application/grpc-web` or `application/grpc-web-text` over any version; each name exactly,
    /// or followed by `+` or `;`. A request with several content types is none.
    ///
    /// - `true` also takes `application/grpc` over any version of HTTP. Inside of tonic-web's
    ///   `GrpcWebLayer` that is needed: it hands calls inward with this type over HTTP/1.1. Outside
    ///   of it the default is right.
    /// - `false` answers each refusal in HTTP terms.
    ///
    /// # Security
    ///
    /// An intermediary that looks at the HTTP status alone takes a gRPC answer for success. Use
    /// `false` where no gRPC is served, above all where a gateway asks this service whether a
    /// request may pass.
    pub fn grpc(self, answers: bool) -> Self {
        self.with(|config| config.terms.grpc = Some(answers))
    }

    /// Sets whether CORS preflights pass without identity. Default `true`.
    ///
    /// `false` treats an `OPTIONS` like any other request. That is right where a CORS layer outside
    /// of this one answers preflights, as tower-http's `CorsLayer` does, and closes the handlers of
    /// this service to requests that only look like one: anyone can send them.
    pub fn preflights(self, pass: bool) -> Self {
        self.with(|config| config.preflights = pass)
    }

    /// Sets the status of a refusal that is the caller's fault. Default 401; one that is ours is
    /// always 503, and a [gRPC call](Self::grpc) has a gRPC status instead.
    ///
    /// Elastic Path's JavaScript SDK takes a 401 as being about `Authorization`: it fetches a new
    /// bearer and tries again, four times in about seven seconds. For its sake, use 403.
    ///
    /// # Panics
    ///
    /// If the status is not 400 to 499: another would make a refusal look like something else.
    pub fn status(self, status: StatusCode) -> Self {
        assert!(status.is_client_error(), "a refusal's status is 400 to 499, not {status}");
        self.with(|config| config.terms.status = status)
    }

    /// Sets a header in which the inner service gets the customer's id as text. Default none.
    ///
    /// A header of that name that the client sent is always removed, on every path, and so are
    /// those whose names differ from it only in bytes other than ASCII letters and digits, such as
    /// `_` or `.` for `-`.
    pub fn forward_as(self, header: HeaderName) -> Self {
        self.with(|config| config.headers.forward_as = Some(header))
    }

    /// Takes the token out of the request before the inner service sees it. By default it stays,
    /// marked sensitive.
    ///
    /// Other spellings of the header's name, such as `X_Moltin_Customer_Token`, are not read as the
    /// token and are removed in any case: to CGI and its like they would be the header that was
    /// verified.
    pub fn strip_token(self) -> Self {
        self.with(|config| config.strip_token = true)
    }

    /// Replaces the answer to a refused request. Default
    /// [`Rejection::to_response`](crate::Rejection::to_response).
    ///
    /// The layer adds `Cache-Control: no-store` to an answer that has no `Cache-Control`.
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
