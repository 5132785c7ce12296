//! What is known of a provider: its endpoints and its keys, fetched when needed and kept fresh.

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

/// A provider, as one profile sees it.
///
/// The first login fetches the provider's metadata and keys, or a call of `prefetch` does; from then on
/// a task renews them ahead of their time. Logins are judged by what there is, and wait for the provider
/// only where there is nothing yet, or not the key that they need.
pub(super) struct Provider {
    issuer: String,
    metadata_url: Url,
    http_on_loopback: bool,
    may_have_no_keys: bool,
    http: HttpClient,
    known: ArcSwapOption<Known>,
    flight: Mutex<Flight>,
}

/// One consistent state: the keys are those that this metadata points to.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) endpoints: Endpoints,
    pub(super) keys: PublicKeys,
    fetched_at: Instant,
    lifetime: Duration,
}

/// The endpoints, which were all allowed to be.
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
    /// The fetch that was begun last: `None` in it while it is under way.
    outcome: Option<watch::Receiver<Option<Outcome>>>,
    /// When keys were last fetched because of a key that isn't known, and whether they came.
    for_unknown_key: Option<(Instant, bool)>,
    refresher: Option<AbortHandle>,
}

/// What a fetch is for.
#[derive(Clone, Copy, PartialEq)]
enum Why {
    /// There is nothing yet, or it is time.
    Due,
    /// A token names a key that isn't known: the provider may have rotated.
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

    /// Returns what is known, and fetches it first where nothing is.
    pub(super) async fn known(self: &Arc<Self>) -> Outcome {
        match self.known.load_full() {
            Some(known) if known.fetched_at.elapsed() < known.lifetime + MAX_STALE => Ok(known),
            _ => self.fetch(Why::Due).await,
        }
    }

    /// Returns what is known now that a key was not found in `missed`; `None` where that is all that
    /// there is.
    ///
    /// A provider is asked so once a minute at most, whatever tokens say. That budget is for unknown
    /// keys alone, so that a rotation right after a renewal is noticed at once.
    pub(super) async fn known_after(
        self: &Arc<Self>,
        missed: &Arc<Known>,
    ) -> Result<Option<Arc<Known>>, OidcError> {
        // A renewal that is under way may have begun before the rotation, so it doesn't count.
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

    /// Begins to fetch what isn't known yet.
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

    /// Begins a fetch, or joins the one that is under way. It is carried out in a task of its own: a
    /// caller who goes away doesn't end it for the others.
    fn begin(self: &Arc<Self>, why: Why) -> watch::Receiver<Option<Outcome>> {
        let mut flight = self.lock();
        if let Some(outcome) = flight.under_way() {
            return outcome;
        }
        // One that is finished ended with its runtime.
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
            // The keys are more urgent, and most likely where they were.
            (Err(error), Some(known)) => {
                telemetry::fault("an OpenID provider's metadata was not renewed", &error);
                known.endpoints.clone()
            }
            (Err(error), None) => return Err(error),
        };
        let answer = self.get(&endpoints.keys).await?;
        let keys = PublicKeys::from_jwk_set(answer.body())
            .map_err(|error| OidcError::unavailable_because("the JWK Set is unusable", error))?;
        // Only where the client's own secret may be the key: else it is a slip of the provider's, and the
        // keys of before are better.
        if keys.is_empty() && !self.may_have_no_keys {
            return Err(OidcError::unavailable("the JWK Set has no key that may verify ID tokens"));
        }
        let lifetime = freshness::lifetime(answer.headers());
        Ok(Arc::new(Known { endpoints, keys, fetched_at: Instant::now(), lifetime }))
    }

    /// Reads the provider's metadata (OpenID Connect Discovery section 4).
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
        // NB: serde's own words would repeat what it read.
        let metadata: Metadata = serde_json::from_slice(answer.body())
            .map_err(|_| OidcError::unavailable("the provider's metadata can't be read"))?;
        // Whoever could choose another issuer could vouch for other people's customers (section 4.3).
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
        // One whose task was dropped, with its runtime, lands never.
        let flies = outcome.borrow().is_none() && outcome.has_changed().is_ok();
        flies.then_some(outcome)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It sleeps for hours, and would find out only then.
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

/// Renews what is known ahead of its time, as long as somebody has the provider.
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
        // Nothing yet, or overdue: the provider is asked less and less often, and logins ask it at
        // once in any case.
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

/// How long each request of a fetch may take: less than a login waits by default, so that whoever waits
/// for one that hangs fails with it, and whoever comes next begins anew.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

/// How long past their lifetime keys are good while the provider doesn't give newer ones.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);
/// Keys that could not be fetched are nobody's bogus tokens: the next login may try soon.
const FAILED_INTERVAL: Duration = Duration::from_secs(1);

const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);
