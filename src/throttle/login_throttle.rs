//! The throttle, as applications and the issuer use it.

use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hmac::Hmac;
use hmac::Mac;
use http::request::Parts;
use sha2::Sha256;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;

use crate::customer::StoreError;
use crate::customer::email_key;
use crate::fair_queue::Flow;
use crate::fair_queue::network;
use crate::telemetry;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::Decision;
use crate::throttle::LoginThrottleBuilder;
use crate::throttle::Reservation;
use crate::throttle::ThrottleError;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;
use crate::throttle::counters::DynThrottleCounters;
use crate::throttle::source::Source;
use crate::throttle::waiting::WaitingRoom;

/// Throttle for logins, and for other requests that cost a password hash.
///
/// A [`TokenIssuer`](crate::TokenIssuer) has one by default. Create one to set the source of a
/// request, to share it with registration, or to reset an account. A clone is a handle to the same
/// throttle. The [module page](super) says what is limited.
///
/// # Example
///
/// With axum, served by `into_make_service_with_connect_info::<SocketAddr>()`:
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::ConnectInfo;
/// use tower_customer_auth::ConfigError;
/// use tower_customer_auth::throttle::LoginThrottle;
///
/// # fn throttle() -> Result<LoginThrottle, ConfigError> {
/// let throttle = LoginThrottle::builder()
///     .source(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
///     .build()?;
/// // TokenIssuer::builder(keys, clients).throttle(throttle.clone())
/// # Ok(throttle)
/// # }
/// # assert!(throttle().is_ok());
/// ```
///
/// With tonic, the line is `.source(|extensions|
/// Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()))`.
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

/// Which warnings have been given.
#[derive(Default)]
pub(super) struct Warnings {
    no_source: AtomicBool,
    forwarding_header: AtomicBool,
}

impl LoginThrottle {
    /// Returns a builder.
    pub fn builder() -> LoginThrottleBuilder {
        LoginThrottleBuilder::new()
    }

    /// Reserves a login to an account, by its e-mail.
    ///
    /// Settle the reservation when the password has been checked. An attempt that is refused only
    /// because of others in flight waits for their outcome, for at most 1 s, and with at most 15
    /// others of its account.
    ///
    /// # Errors
    ///
    /// - [`Limited`](super::ThrottleErrorKind::Limited) if a limit is reached,
    /// - [`Overloaded`](super::ThrottleErrorKind::Overloaded) if others are in flight for too long,
    /// - [`Failed`](super::ThrottleErrorKind::Failed) if the counters failed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn reserve_login(
        &self,
        head: &Parts,
        email: &str,
    ) -> Result<Reservation, ThrottleError> {
        let (source, flow) = self.source_and_flow(head);
        let account = email_key(email);
        let attempt = Attempt::new(Some(self.0.account(&account)), source);
        self.reserve_attempt(attempt, flow.account(&account)).await
    }

    /// Reserves a request that has no account, such as a registration, for its source.
    ///
    /// Call [`failure`](Reservation::failure) to count it; otherwise it is given back. If the
    /// source is unknown, nothing is limited.
    ///
    /// # Errors
    ///
    /// - [`Limited`](super::ThrottleErrorKind::Limited) if the source has reached its limit,
    /// - [`Failed`](super::ThrottleErrorKind::Failed) if the counters failed.
    pub async fn reserve(&self, head: &Parts) -> Result<Reservation, ThrottleError> {
        let (source, flow) = self.source_and_flow(head);
        self.reserve_attempt(Attempt::new(None, source), flow).await
    }

    /// Forgets the failures of an account, so that unknown sources may log in again.
    ///
    /// For support: after a check of the customer's identity. The failures of a source over all
    /// accounts stay.
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

    /// Returns the address of the client that sent a request, if it is known.
    #[must_use]
    pub fn source(&self, head: &Parts) -> Option<IpAddr> {
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

    /// Returns the flow of a login.
    pub(crate) fn flow(&self, head: &Parts, email: &str) -> Flow {
        let (_, flow) = self.source_and_flow(head);
        flow.account(&email_key(email))
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
    ) -> Result<Reservation, ThrottleError> {
        let refused = match self.try_reserve(attempt, flow).await? {
            Ok(reservation) => return Ok(reservation),
            Err(refused) => refused,
        };
        let place = attempt.account().and_then(|account| self.0.waiting.enter(account));
        let place = place.ok_or(refused)?;
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            // Before the next try, so that no outcome is missed between that and the wait.
            let mut settled = pin!(place.settled.notified());
            settled.as_mut().enable();
            if let Ok(reservation) = self.try_reserve(attempt, flow).await? {
                return Ok(reservation);
            }
            timeout_at(deadline, settled).await.map_err(|_| ThrottleError::overloaded())?;
        }
    }

    /// Reserves an attempt. The inner error is a refusal that is due to attempts in flight.
    async fn try_reserve(
        &self,
        attempt: Attempt,
        flow: Flow,
    ) -> Result<Result<Reservation, ThrottleError>, ThrottleError> {
        let Some(counters) = &self.0.counters else {
            return Ok(Ok(Reservation::new(self.clone(), attempt, flow)));
        };
        let reserved =
            timeout(COUNTERS_TIMEOUT, counters.reserve(attempt, self.0.limits_of(attempt)));
        let reserved = reserved.await.unwrap_or_else(|elapsed| Err(StoreError::new(elapsed)));
        match reserved.map_err(ThrottleError::failed)? {
            Decision::Reserved => Ok(Ok(Reservation::new(self.clone(), attempt, flow))),
            Decision::Refused { tier, retry_after, by_attempts_in_flight } => {
                let refused = ThrottleError::limited(tier, retry_after);
                if by_attempts_in_flight { Ok(Err(refused)) } else { Err(refused) }
            }
        }
    }
}

impl Inner {
    /// Ends an attempt in flight, and wakes those that wait for its outcome.
    pub(super) async fn settle(&self, attempt: Attempt, outcome: AttemptOutcome) {
        let Some(counters) = &self.counters else {
            return;
        };
        if let Err(error) = counters.settle(attempt, outcome, self.limits_of(attempt)).await {
            telemetry::fault("a login attempt could not be counted", &error);
        }
        if let Some(account) = attempt.account() {
            self.waiting.wake(account);
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

/// Returns whether this is the first call for a flag.
fn first(flag: &AtomicBool) -> bool {
    !flag.swap(true, Ordering::Relaxed)
}

/// For the outcome of other attempts of an account.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// For counters that are not in this process.
const COUNTERS_TIMEOUT: Duration = Duration::from_secs(2);

const NO_SOURCE: &str = "no source is known, so logins are limited by account only: \
                         set LoginThrottleBuilder::source";
const FORWARDING_HEADER: &str = "a request has a forwarding header, but the peer is taken for the \
                                 client: behind a proxy, set \
                                 LoginThrottleBuilder::source_behind_proxies";
