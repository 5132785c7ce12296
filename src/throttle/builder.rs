//! Configuration of a throttle.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use http::Extensions;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::ConfigError;
use crate::secret::Secret;
use crate::throttle::ForwardingHeader;
use crate::throttle::LoginThrottle;
use crate::throttle::MemoryCounters;
use crate::throttle::ThrottleCounters;
use crate::throttle::ThrottleLimits;
use crate::throttle::counters::DynThrottleCounters;
use crate::throttle::login_throttle::Inner;
use crate::throttle::login_throttle::Warnings;
use crate::throttle::source::Source;
use crate::throttle::waiting::WaitingRoom;

/// Builder for a [`LoginThrottle`].
#[must_use]
pub struct LoginThrottleBuilder {
    counters: Option<Box<dyn DynThrottleCounters>>,
    limits: ThrottleLimits,
    source: Source,
    key: Option<Secret>,
}

impl LoginThrottleBuilder {
    pub(super) fn new() -> Self {
        Self {
            counters: Some(Box::new(MemoryCounters::new())),
            limits: ThrottleLimits::default(),
            source: Source::Unknown,
            key: None,
        }
    }

    /// Sets where to find the address of a client, in the extensions of a request. Default: none.
    ///
    /// Servers add the address of their peer to the extensions, each in a type of its own. For
    /// clients behind a proxy, use [`source_behind_proxies`](Self::source_behind_proxies).
    ///
    /// Without this setting, and for requests for which it returns `None`, only the account of a
    /// login is limited, with waits of at most 30 s and without a limit of consecutive failures:
    /// otherwise one attacker could lock every account. An event of level `WARN` reports the first
    /// such request.
    ///
    /// # Example
    ///
    /// With axum, served by `into_make_service_with_connect_info::<SocketAddr>()`:
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// use tower_customer_auth::throttle::LoginThrottle;
    ///
    /// # fn main() -> Result<(), tower_customer_auth::ConfigError> {
    /// let throttle = LoginThrottle::builder()
    ///     .source(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
    ///     .build()?;
    /// # let _ = throttle;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With tonic's server, with and without TLS:
    ///
    /// ```
    /// use tonic::transport::server::TcpConnectInfo;
    /// use tower_customer_auth::throttle::LoginThrottle;
    ///
    /// # fn main() -> Result<(), tower_customer_auth::ConfigError> {
    /// let throttle = LoginThrottle::builder()
    ///     .source(|extensions| Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()))
    ///     .build()?;
    /// # let _ = throttle;
    /// # Ok(())
    /// # }
    /// ```
    pub fn source(
        mut self,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.source = Source::Peer(Arc::new(peer));
        self
    }

    /// Sets the source for a service behind `hops` proxies, 1 to 100, by a forwarding header.
    ///
    /// Each proxy appends the address of its own client to `header`. Addresses are counted from the
    /// right: with one proxy, the last address is the client's. Addresses to the left of that were
    /// sent by the client and are ignored. `peer` finds the address of the nearest proxy, as in
    /// [`source`](Self::source); it is the source of a request without the header, and `None` from
    /// it makes the source unknown.
    ///
    /// # Security
    ///
    /// Count only proxies that you run or trust, and that every request passes. With a `hops` that
    /// is too large, a client chooses its own address.
    ///
    /// # Example
    ///
    /// One reverse proxy, such as nginx with `$proxy_add_x_forwarded_for`, in front of axum:
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use axum::extract::ConnectInfo;
    /// use tower_customer_auth::throttle::ForwardingHeader;
    /// use tower_customer_auth::throttle::LoginThrottle;
    ///
    /// # fn main() -> Result<(), tower_customer_auth::ConfigError> {
    /// let throttle = LoginThrottle::builder()
    ///     .source_behind_proxies(1, ForwardingHeader::XForwardedFor, |extensions| {
    ///         Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())
    ///     })
    ///     .build()?;
    /// # let _ = throttle;
    /// # Ok(())
    /// # }
    /// ```
    pub fn source_behind_proxies(
        mut self,
        hops: u8,
        header: ForwardingHeader,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.source = Source::BehindProxies { peer: Arc::new(peer), header, hops };
        self
    }

    /// Sets the limits. Default: [`ThrottleLimits::default`].
    pub fn limits(mut self, limits: ThrottleLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the counters of attempts. Default: [`MemoryCounters`], in this process.
    pub fn counters(mut self, counters: impl ThrottleCounters) -> Self {
        self.counters = Some(Box::new(counters));
        self
    }

    /// Sets the secret with which e-mails and addresses are hashed, at least 32 bytes. Default: random
    /// bytes, different for each throttle.
    ///
    /// Throttles that share [`counters`](Self::counters) need the same secret: with another one, each
    /// counts for itself. The key of the hashes is derived from it, so the secret may have other
    /// purposes too.
    pub fn key(mut self, secret: impl Into<Secret>) -> Self {
        self.key = Some(secret.into());
        self
    }

    /// Limits nothing: passwords can be guessed as fast as they can be hashed.
    ///
    /// For measurements of the hash path, or behind another throttle. Hashes still take turns
    /// between sources.
    pub fn danger_unlimited(mut self) -> Self {
        self.counters = None;
        self
    }

    /// Builds the throttle.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NumberOutOfRange`] for a limit, a number of proxies or a length of the key out
    ///   of range,
    /// - [`ConfigError::DurationOutOfRange`] for a wait or another time out of range,
    /// - [`ConfigError::NoRandomness`] if the operating system provides no random bytes for the key
    ///   with which e-mails and addresses are hashed.
    pub fn build(self) -> Result<LoginThrottle, ConfigError> {
        self.limits.check()?;
        self.source.check()?;
        let secret = self.key.map_or_else(random_key, Ok)?;
        let length = secret.expose().len() as u64;
        ConfigError::check_number("key", length, MIN_KEY_LEN as u64..=u64::MAX)?;
        let key = hmac(secret.expose()).chain_update(KEY_LABEL).finalize().into_bytes();
        let limits_without_source = self.limits.without_source();
        Ok(LoginThrottle(Arc::new(Inner {
            counters: self.counters,
            limits: self.limits,
            limits_without_source,
            source: self.source,
            key: hmac(&key),
            waiting: WaitingRoom::default(),
            warnings: Warnings::default(),
        })))
    }
}

impl fmt::Debug for LoginThrottleBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginThrottleBuilder")
            .field("is_limiting", &self.counters.is_some())
            .field("limits", &self.limits)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

fn random_key() -> Result<Secret, ConfigError> {
    let mut key = Zeroizing::new([0; MIN_KEY_LEN]);
    getrandom::fill(&mut *key).map_err(|_| ConfigError::NoRandomness)?;
    Ok(Secret::from(key.as_slice()))
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    // Invariant: HMAC takes keys of any length.
    Hmac::new_from_slice(key).expect("a key of any length")
}

const MIN_KEY_LEN: usize = 32;
const KEY_LABEL: &[u8] = b"tower-customer-auth throttle keys";
