//! The throttle, as applications and the issuer use it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hmac::Hmac;
use hmac::Mac;
use http::request::Parts;
use sha2::Sha256;
use tokio::time::timeout;

use crate::customer::StoreError;
use crate::customer::email_key;
use crate::fair_queue::Flow;
use crate::fair_queue::network;
use crate::telemetry;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::Decision;
use crate::throttle::LoginThrottleBuilder;
use crate::throttle::ReservedAttempt;
use crate::throttle::ThrottleError;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;
use crate::throttle::counters::DynThrottleCounters;
use crate::throttle::source::Source;
use crate::throttle::waiting::NotReserved;
use crate::throttle::waiting::Reserved;
use crate::throttle::waiting::WaitingRoom;

/// Throttle for logins, and for other requests that cost a password hash.
///
/// A [`TokenIssuer`](crate::TokenIssuer) has one by default. Build one to set the source of a
/// request, to share it with registration, or to reset an account. A clone is a handle to the same
/// throttle. The [module page](super) describes what is limited.
///
/// # Example
///
/// With axum, served by `into_make_service_with_connect_info::<SocketAddr>()`. The
/// [builder](LoginThrottleBuilder::source) has the lines for tonic and for proxies.
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::ConnectInfo;
/// use tower_customer_auth::ConfigError;
/// use tower_customer_auth::throttle::LoginThrottle;
///
/// # fn main() -> Result<(), ConfigError> {
/// let throttle = LoginThrottle::builder()
///     .source(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
///     .build()?;
/// // TokenIssuer::builder(keys, clients).throttle(throttle.clone())
/// # let _ = throttle;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LoginThrottle(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// None if nothing is limited.
    pub(super) counters: Option<Box<dyn DynThrottleCounters>>,
    pub(super) limits: ThrottleLimits,
    pub(super) limits_without_source: ThrottleLimits,
    pub(super) source: Source,
    pub(super) key: Hmac<Sha256>,
    pub(super) waiting: WaitingRoom,
    pub(super) warnings: Warnings,
}

/// The warnings that have been given, each once.
#[derive(Default)]
pub(super) struct Warnings {
    no_source: AtomicBool,
    forwarding_header: AtomicBool,
}

impl LoginThrottle {
    /// Returns a builder with the default limits, and without a source.
    pub fn builder() -> LoginThrottleBuilder {
        LoginThrottleBuilder::new()
    }

    /// Reserves an attempt to log in to an account, given by its e-mail in any case.
    ///
    /// Settle the attempt when the password has been checked. An attempt that is refused only
    /// because of others in flight waits for their outcome, for at most 1 s, and with at most 15
    /// others of its account or source. A [`TokenIssuer`](crate::TokenIssuer) reserves its logins
    /// itself: this is for other checks of a password.
    ///
    /// # Errors
    ///
    /// - [`Limited`](super::ThrottleErrorKind::Limited) if a limit is reached,
    /// - [`Overloaded`](super::ThrottleErrorKind::Overloaded) if others are in flight for 1 s,
    /// - [`Failed`](super::ThrottleErrorKind::Failed) if the counters failed or took 2 s.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn reserve_login(
        &self,
        head: &Parts,
        email: &str,
    ) -> Result<ReservedAttempt, ThrottleError> {
        let (source, flow) = self.source_and_flow(head);
        let account = email_key(email);
        let attempt = Attempt::new(Some(self.0.account(&account)), source);
        count(self.reserve_attempt(attempt, flow.account(&account)).await)
    }

    /// Reserves a request that has no account, such as a registration, for its source.
    ///
    /// Call [`failure`](ReservedAttempt::failure) to count it; otherwise it is given back. If the
    /// source is unknown, nothing is limited. It waits for others in flight as a login does.
    ///
    /// # Errors
    ///
    /// - [`Limited`](super::ThrottleErrorKind::Limited) if the source has reached its limit,
    /// - [`Overloaded`](super::ThrottleErrorKind::Overloaded) if others are in flight for 1 s,
    /// - [`Failed`](super::ThrottleErrorKind::Failed) if the counters failed or took 2 s.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn reserve(&self, head: &Parts) -> Result<ReservedAttempt, ThrottleError> {
        let (source, flow) = self.source_and_flow(head);
        count(self.reserve_attempt(Attempt::new(None, source), flow).await)
    }

    /// Forgets the failures of an account, given by its e-mail, so that it is no longer locked.
    ///
    /// For support, after a check of the customer's identity. The failures of a source over all
    /// accounts stay. Call it on a clone of the issuer's throttle: another one has counters and keys
    /// of its own.
    ///
    /// # Errors
    ///
    /// The counters failed.
    pub async fn reset(&self, email: &str) -> Result<(), StoreError> {
        let account = self.0.account(&email_key(email));
        match &self.0.counters {
            Some(counters) => counters.reset(account, &self.0.limits).await,
            None => Ok(()),
        }
    }

    /// Returns the address of the client that sent a request, if it is known. Gives the warnings.
    fn source(&self, head: &Parts) -> Option<IpAddr> {
        let inner = &*self.0;
        let source = inner.source.of(head);
        let warnings = &inner.warnings;
        if source.is_none() && inner.counters.is_some() && first(&warnings.no_source) {
            telemetry::throttle_warning(NO_SOURCE);
        }
        if inner.source.ignores_forwarding_header(head) && first(&warnings.forwarding_header) {
            telemetry::throttle_warning(FORWARDING_HEADER);
        }
        source
    }

    fn source_and_flow(&self, head: &Parts) -> (Option<ThrottleKey>, Flow) {
        let Some(address) = self.source(head) else {
            return (None, Flow::new());
        };
        let key = match network(address) {
            IpAddr::V4(address) => self.0.key_of(b"source ", &address.octets()),
            IpAddr::V6(address) => self.0.key_of(b"source ", &address.octets()),
        };
        (Some(key), Flow::new().source(address))
    }

    async fn reserve_attempt(
        &self,
        attempt: Attempt,
        flow: Flow,
    ) -> Result<ReservedAttempt, ThrottleError> {
        let reserved = self.0.waiting.reserve(|| self.try_reserve(attempt, flow)).await;
        reserved.map_err(|error| match error {
            NotReserved::Refused(refused) => refused,
            NotReserved::TimedOut => ThrottleError::overloaded(flow),
        })
    }

    /// Reserves an attempt, without waiting for others.
    async fn try_reserve(
        &self,
        attempt: Attempt,
        flow: Flow,
    ) -> Reserved<ReservedAttempt, ThrottleError> {
        let granted = || Reserved::Granted(ReservedAttempt::new(self.clone(), attempt, flow));
        let Some(counters) = &self.0.counters else {
            return granted();
        };
        let reserved =
            timeout(COUNTERS_TIMEOUT, counters.reserve(attempt, self.0.limits_of(attempt)));
        match reserved.await.unwrap_or_else(|elapsed| Err(StoreError::new(elapsed))) {
            Ok(Decision::Reserved) => granted(),
            Ok(Decision::Refused { tier, retry_after, by_attempts_in_flight }) => {
                let refused = ThrottleError::limited(flow, tier, retry_after);
                match attempt.key_of(tier).filter(|_| by_attempts_in_flight) {
                    Some(key) => Reserved::InFlight(key, refused),
                    None => Reserved::Refused(refused),
                }
            }
            Err(error) => Reserved::Refused(ThrottleError::failed(flow, error)),
        }
    }
}

impl Inner {
    /// Ends an attempt in flight, and wakes those that wait for its outcome.
    pub(super) async fn settle(&self, attempt: Attempt, outcome: AttemptOutcome) {
        let Some(counters) = &self.counters else {
            return;
        };
        let settled = counters.settle(attempt, outcome, self.limits_of(attempt));
        let settled = timeout(COUNTERS_TIMEOUT, settled).await;
        if let Err(error) = settled.unwrap_or_else(|elapsed| Err(StoreError::new(elapsed))) {
            telemetry::fault("a login attempt could not be counted", &error);
        }
        for key in [attempt.account(), attempt.source()].into_iter().flatten() {
            self.waiting.wake(key);
        }
    }

    fn limits_of(&self, attempt: Attempt) -> &ThrottleLimits {
        if attempt.source().is_some() { &self.limits } else { &self.limits_without_source }
    }

    fn account(&self, email_key: &str) -> ThrottleKey {
        self.key_of(b"account ", email_key.as_bytes())
    }

    fn key_of(&self, what: &[u8], value: &[u8]) -> ThrottleKey {
        let hash = self.key.clone().chain_update(what).chain_update(value).finalize().into_bytes();
        // Invariant: SHA-256 has 32 bytes.
        ThrottleKey::from_bytes(*hash.first_chunk().expect("8 of 32 bytes"))
    }
}

impl fmt::Debug for LoginThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginThrottle")
            .field("is_limiting", &self.0.counters.is_some())
            .field("limits", &self.0.limits)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

/// Counts an attempt that a limit refuses.
fn count(
    outcome: Result<ReservedAttempt, ThrottleError>,
) -> Result<ReservedAttempt, ThrottleError> {
    outcome.inspect_err(|error| {
        if let Some(tier) = error.tier() {
            telemetry::throttled(tier.as_str());
        }
    })
}

/// Returns whether this is the first call for a flag.
fn first(flag: &AtomicBool) -> bool {
    !flag.swap(true, Ordering::Relaxed)
}

/// For a reservation by counters that are not in this process.
const COUNTERS_TIMEOUT: Duration = Duration::from_secs(2);

const NO_SOURCE: &str = "no source is known, so logins are limited by account only: \
                         set LoginThrottleBuilder::source";
const FORWARDING_HEADER: &str = "a request has a forwarding header, but the peer is taken for the \
                                 client: behind a proxy, set \
                                 LoginThrottleBuilder::source_behind_proxies";
