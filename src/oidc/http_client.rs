//! The HTTP client for providers: any tower service, or the default over hyper and rustls.

use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioTimer;
use tower_service::Service;

use crate::error::ConfigError;
use crate::oidc::OidcError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Result<Response<Bytes>, OidcError>> + Send>>;

/// HTTP client for OpenID providers, over any tower service.
///
/// A clone is a handle to the same service. At most 1 MiB of a response body is read, and
/// [`OidcGrantBuilder::timeout`](crate::issuer::OidcGrantBuilder::timeout) limits all requests of a
/// login together.
///
/// # Security
///
/// The service must not follow redirects: it would send codes and client secrets to the target. The
/// default one follows none, and treats a redirect as a failure. Only `https` URLs are requested
/// unless a profile allows `http`; the service has to verify the certificate.
///
/// # Example
///
/// A `tower::ServiceBuilder` can add a proxy, retries of safe requests or metrics.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http::Response;
/// use http_body_util::Full;
/// use tower::ServiceBuilder;
/// use tower_customer_auth::oidc::HttpClient;
///
/// let service = ServiceBuilder::new().concurrency_limit(32).service_fn(
///     |request: Request<Full<Bytes>>| async move {
///         # let _ = request;
///         // Send the request.
///         Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default()))
///     },
/// );
/// let client = HttpClient::new(service);
/// # let _ = client;
/// ```
#[derive(Clone)]
pub struct HttpClient(Arc<dyn Transport>);

impl HttpClient {
    /// Creates a client from a tower service.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        Self(Arc::new(Cloned(Mutex::new(service))))
    }

    /// Creates the default client, over hyper: HTTP/1.1, TLS 1.2 and 1.3 by rustls with aws-lc-rs
    /// and the system's root certificates, no proxy, no redirects.
    pub(crate) fn over_hyper(needs_tls: bool) -> Result<Self, ConfigError> {
        let mut client = Client::builder(TokioExecutor::new());
        client
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE);
        if !needs_tls {
            return Ok(Self::new(client.build::<_, Full<Bytes>>(HttpConnector::new())));
        }
        // Not the process's default crypto provider: that one is the application's choice.
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|_| ConfigError::NoRootCertificates)?
            // The profile determines whether `http` is allowed.
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self::new(client.build::<_, Full<Bytes>>(connector)))
    }

    /// Sends a request, and reads the response body up to its limit.
    pub(super) fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.0.send(request)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// A type-erased service.
trait Transport: Send + Sync {
    fn send(&self, request: Request<Full<Bytes>>) -> Answer;
}

/// The mutex is held only to clone, so that the service need not be `Sync`.
struct Cloned<S>(Mutex<S>);

impl<S, B> Transport for Cloned<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let mut service = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let unreachable = |error| OidcError::unavailable_because(UNREACHABLE, error);
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(unreachable)?;
            let response = service.call(request).await.map_err(unreachable)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_BODY_LEN).collect().await;
            let body = body.map_err(|error| OidcError::unavailable_because(BROKEN, error))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        })
    }
}

const UNREACHABLE: &str = "the provider can't be reached";
const BROKEN: &str = "the provider's answer broke off, or has more than 1 MiB";

const MAX_BODY_LEN: usize = 1024 * 1024;
const POOL_IDLE: Duration = Duration::from_secs(30);
const POOL_SIZE: usize = 32;
