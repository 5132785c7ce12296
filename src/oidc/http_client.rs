//! How providers are reached: any tower service, or ours over hyper and rustls.

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

/// HTTP client that reaches OpenID providers: any tower service.
///
/// A clone is a handle to the same service. Whatever the service is, of an answer at most 1 MiB is
/// read, and a login waits for all of its requests together no longer than
/// [`OidcGrantBuilder::timeout`](crate::issuer::OidcGrantBuilder::timeout) says.
///
/// # Security
///
/// A service that follows redirects would carry codes and client secrets to wherever the provider
/// points; the default one follows none, and takes a redirect as a failure. Only `https` URLs are asked
/// for, unless a profile says otherwise; that the certificate is checked is up to the service.
///
/// # Example
///
/// A proxy, retries of safe requests, metrics: whatever a `tower::ServiceBuilder` can stack.
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
///         // Send it.
///         Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default()))
///     },
/// );
/// let client = HttpClient::new(service);
/// # let _ = client;
/// ```
#[derive(Clone)]
pub struct HttpClient(Arc<dyn Transport>);

impl HttpClient {
    /// Creates a client from a service.
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

    /// The default client, over hyper: HTTP/1.1, TLS 1.2 and 1.3 by rustls with aws-lc-rs and the
    /// machine's root certificates, no proxy, no redirects.
    pub(crate) fn over_hyper(needs_tls: bool) -> Result<Self, ConfigError> {
        let mut client = Client::builder(TokioExecutor::new());
        client
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_SIZE);
        if !needs_tls {
            return Ok(Self::new(client.build::<_, Full<Bytes>>(HttpConnector::new())));
        }
        // Not the process' default provider: whether there is one, and which, is the application's.
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|_| ConfigError::NoRootCertificates)?
            // Whether a provider may be asked by http is its profile's to say.
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self::new(client.build::<_, Full<Bytes>>(connector)))
    }

    /// Sends a request, and reads the answer's body up to its cap.
    pub(super) fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.0.send(request)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// A service whose type is forgotten.
trait Transport: Send + Sync {
    fn send(&self, request: Request<Full<Bytes>>) -> Answer;
}

/// The mutex is held only to clone, so that the service needs not be `Sync`.
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
