//! The cached endpoints and keys of a provider.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use ::url::Url;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::ACCEPT;
use http_body_util::Full;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::error::ConfigError;
use crate::key::PublicKeys;
use crate::oidc::HttpClient;
use crate::oidc::OidcError;
use crate::oidc::OidcProfile;
use crate::oidc::freshness;
use crate::oidc::url;
use crate::telemetry;

/// Cache of a provider's metadata and keys, for one profile.
///
/// The first login, or `prefetch`, fetches the metadata and keys; from then on a task renews them
/// before they expire. Logins use the cache, and wait for the provider only when it is empty or
/// lacks the key that they need.
pub(super) struct Provider {
    issuer: String,
    metadata_url: Url,
    http_on_loopback: bool,
    may_have_no_keys: bool,
    http: HttpClient,
    known: ArcSwapOption<Known>,
    flight: Mutex<Flight>,
}

/// One consistent state: the keys are those of this metadata.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) endpoints: Endpoints,
    pub(super) keys: PublicKeys,
    fetched_at: Instant,
    lifetime: Duration,
}

/// The endpoints, whose URLs have been checked.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) authorization: Option<Url>,
    pub(super) token: Url,
    pub(super) user_info: Option<Url>,
    keys: Url,
}

type Outcome = Result<Arc<Known>, OidcError>;

#[derive(Default)]
struct Flight {
    /// The latest fetch; its value is `None` while it is running.
    outcome: Option<watch::Receiver<Option<Outcome>>>,
    /// When keys were last fetched for an unknown key, and whether that succeeded.
    for_unknown_key: Option<(Instant, bool)>,
    refresher: Option<AbortHandle>,
}

/// Reason for a fetch.
#[derive(Clone, Copy, PartialEq)]
enum Why {
    /// The cache is empty, or a renewal is due.
    Due,
    /// A token has an unknown key: the provider may have rotated its keys.
    UnknownKey,
}

impl Provider {
    pub(super) fn new(
        profile: &OidcProfile,
        may_have_no_keys: bool,
        http: HttpClient,
    ) -> Result<Arc<Self>, ConfigError> {
        Ok(Arc::new(Self {
            issuer: profile.issuer().to_owned(),
            metadata_url: profile.check()?,
            http_on_loopback: profile.http_on_loopback(),
            may_have_no_keys,
            http,
            known: ArcSwapOption::empty(),
            flight: Mutex::default(),
        }))
    }

    /// Returns the cached state, and fetches it first if there is none.
    pub(super) async fn known(self: &Arc<Self>) -> Outcome {
        match self.known.load_full() {
            Some(known) if known.fetched_at.elapsed() < known.lifetime + MAX_STALE => Ok(known),
            _ => self.fetch(Why::Due).await,
        }
    }

    /// Returns a newer state than `missed`, in which a key was not found; `None` if there is none.
    ///
    /// Unknown keys cause one fetch a minute at most. Renewals do not count, so that a rotation
    /// right after one is noticed immediately.
    pub(super) async fn known_after(
        self: &Arc<Self>,
        missed: &Arc<Known>,
    ) -> Result<Option<Arc<Known>>, OidcError> {
        // A running renewal may have begun before the rotation, so it doesn't count.
        if let Some(outcome) = self.under_way() {
            let known = landed(outcome).await?;
            if !Arc::ptr_eq(&known, missed) {
                return Ok(Some(known));
            }
        }
        let known = self.known.load_full();
        if let Some(newer) = known.filter(|known| !Arc::ptr_eq(known, missed)) {
            return Ok(Some(newer));
        }
        let last = self.lock().for_unknown_key;
        match last {
            Some((at, true)) if at.elapsed() < UNKNOWN_KEY_INTERVAL => Ok(None),
            Some((at, false)) if at.elapsed() < FAILED_INTERVAL => {
                Err(OidcError::unavailable("the provider's keys could not be fetched just now"))
            }
            _ => self.fetch(Why::UnknownKey).await.map(Some),
        }
    }

    /// Starts a fetch if the cache is empty.
    pub(super) fn prefetch(self: &Arc<Self>) {
        if self.known.load().is_none() {
            self.begin(Why::Due);
        }
    }

    async fn fetch(self: &Arc<Self>, why: Why) -> Outcome {
        landed(self.begin(why)).await
    }

    fn under_way(&self) -> Option<watch::Receiver<Option<Outcome>>> {
        self.lock().under_way()
    }

    /// Starts a fetch, or joins the running one. It runs in a separate task, so a caller that is
    /// cancelled doesn't end it for the others.
    fn begin(self: &Arc<Self>, why: Why) -> watch::Receiver<Option<Outcome>> {
        let mut flight = self.lock();
        if let Some(outcome) = flight.under_way() {
            return outcome;
        }
        // A finished task ended with its runtime.
        if flight.refresher.as_ref().is_none_or(AbortHandle::is_finished) {
            let refresher = tokio::spawn(refresh(Arc::downgrade(self)));
            flight.refresher = Some(refresher.abort_handle());
        }
        let (landed, outcome) = watch::channel(None);
        flight.outcome = Some(outcome.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = this.fetch_now().await;
            match &fetched {
                Ok(known) => this.known.store(Some(Arc::clone(known))),
                Err(error) => telemetry::fault("an OpenID provider's keys were not fetched", error),
            }
            if why == Why::UnknownKey {
                this.lock().for_unknown_key = Some((Instant::now(), fetched.is_ok()));
            }
            landed.send_replace(Some(fetched));
        });
        outcome
    }

    async fn fetch_now(&self) -> Outcome {
        let endpoints = match (self.discover().await, self.known.load_full()) {
            (Ok(endpoints), _) => endpoints,
            // The keys are more urgent, and their URL most likely still valid.
            (Err(error), Some(known)) => {
                telemetry::fault("an OpenID provider's metadata was not renewed", &error);
                known.endpoints.clone()
            }
            (Err(error), None) => return Err(error),
        };
        let answer = self.get(&endpoints.keys).await?;
        let keys = PublicKeys::from_jwk_set(answer.body())
            .map_err(|error| OidcError::unavailable_because("the JWK Set is unusable", error))?;
        // An empty set is valid only if the client secret may be the key. Otherwise it is the
        // provider's mistake, and the previous keys are kept.
        if keys.is_empty() && !self.may_have_no_keys {
            return Err(OidcError::unavailable("the JWK Set has no key that may verify ID tokens"));
        }
        let lifetime = freshness::lifetime(answer.headers());
        Ok(Arc::new(Known { endpoints, keys, fetched_at: Instant::now(), lifetime }))
    }

    /// Fetches the provider's metadata (OpenID Connect Discovery section 4).
    async fn discover(&self) -> Result<Endpoints, OidcError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            authorization_endpoint: Option<String>,
            token_endpoint: String,
            userinfo_endpoint: Option<String>,
            jwks_uri: String,
        }

        let answer = self.get(&self.metadata_url).await?;
        // NB: serde's error would repeat its input.
        let metadata: Metadata = serde_json::from_slice(answer.body())
            .map_err(|_| OidcError::unavailable("the provider's metadata can't be read"))?;
        // A provider that could claim another issuer could sign in as its customers (section 4.3).
        if metadata.issuer != self.issuer {
            return Err(OidcError::unavailable("the provider's metadata names another issuer"));
        }
        let read = |text: &str| {
            url::read(text, self.http_on_loopback)
                .map_err(|reason| OidcError::unavailable_because("an endpoint is refused", reason))
        };
        Ok(Endpoints {
            authorization: metadata.authorization_endpoint.as_deref().map(read).transpose()?,
            token: read(&metadata.token_endpoint)?,
            user_info: metadata.userinfo_endpoint.as_deref().map(read).transpose()?,
            keys: read(&metadata.jwks_uri)?,
        })
    }

    async fn get(&self, url: &Url) -> Result<Response<Bytes>, OidcError> {
        let unusable = || OidcError::unavailable("an endpoint's URL is no URI");
        let mut request = Request::new(Full::default());
        *request.uri_mut() = url::to_uri(url).ok_or_else(unusable)?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let response = timeout(REQUEST_TIMEOUT, self.http.send(request)).await;
        let response = response.unwrap_or_else(|_| Err(OidcError::slow()))?;
        if response.status() != StatusCode::OK {
            return Err(OidcError::unavailable(
                "the provider answered with another status than 200",
            ));
        }
        Ok(response)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    fn under_way(&self) -> Option<watch::Receiver<Option<Outcome>>> {
        let outcome = self.outcome.clone()?;
        // A fetch whose task was dropped with its runtime never ends.
        let flies = outcome.borrow().is_none() && outcome.has_changed().is_ok();
        flies.then_some(outcome)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // The task sleeps for hours, and would otherwise end only then.
        if let Some(refresher) = self.lock().refresher.take() {
            refresher.abort();
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

async fn landed(mut outcome: watch::Receiver<Option<Outcome>>) -> Outcome {
    let landed = outcome.wait_for(Option::is_some).await;
    match landed.as_deref() {
        Ok(Some(outcome)) => outcome.clone(),
        _ => Err(OidcError::unavailable("the fetch of the provider's keys was given up")),
    }
}

/// Renews the cache before it expires, until the provider is dropped.
async fn refresh(provider: Weak<Provider>) {
    let mut failures = 0;
    loop {
        let Some(this) = provider.upgrade() else {
            return;
        };
        let known = this.known.load_full();
        drop(this);
        let until_due = known.map_or(Duration::ZERO, |known| {
            (known.lifetime * 4 / 5).saturating_sub(known.fetched_at.elapsed())
        });
        // The cache is empty or overdue: retries back off, and a login still fetches immediately.
        let pause = RETRY.saturating_mul(1 << failures.min(6)).min(MAX_RETRY);
        if !until_due.is_zero() {
            failures = 0;
            sleep(until_due).await;
        } else {
            sleep(pause).await;
        }
        let Some(this) = provider.upgrade() else {
            return;
        };
        let due = this.known.load_full();
        let due = due.is_none_or(|known| known.fetched_at.elapsed() >= known.lifetime * 4 / 5);
        if due && this.fetch(Why::Due).await.is_err() {
            failures += 1;
        }
    }
}

/// Timeout of each request of a fetch. It is shorter than a login's default timeout, so that a
/// login that waits for a hanging fetch fails with it, and the next one starts another.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

/// How long expired keys are used while the provider is unavailable.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);
/// A failed fetch is not caused by forged tokens, so the next login may retry soon.
const FAILED_INTERVAL: Duration = Duration::from_secs(1);

const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);
