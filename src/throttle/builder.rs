//! Configuration of a throttle.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hmac::Hmac;
use hmac::KeyInit;
use http::Extensions;
use zeroize::Zeroizing;

use crate::error::ConfigError;
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
}

impl LoginThrottleBuilder {
    pub(super) fn new() -> Self {
        Self {
            counters: Some(Box::new(MemoryCounters::new())),
            limits: ThrottleLimits::default(),
            source: Source::Unknown,
        }
    }

    /// Sets where the address of a client is: the server that accepts connections puts the peer's
    /// address into the extensions of a request. Default: none.
    ///
    /// Without it, or if it returns `None`, only the account of a login is limited, with waits of
    /// at most 30 s and without a limit of consecutive failures: otherwise one attacker could lock
    /// every account. One event says so.
    pub fn source(
        mut self,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.source = Source::Peer(Arc::new(peer));
        self
    }

    /// Sets the source for a service behind this many proxies, 1 to 100, each of which appends the
    /// address of its client to this header.
    ///
    /// Addresses are counted from the right: with one proxy, the last one is the client's. What
    /// stands to the left of that was sent by the client and is ignored. A request without the
    /// header has the peer as its source.
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

    /// Sets where attempts are counted. Default: [`MemoryCounters`], in this process.
    pub fn counters(mut self, counters: impl ThrottleCounters) -> Self {
        self.counters = Some(Box::new(counters));
        self
    }

    /// Limits nothing, so that passwords can be guessed as fast as they can be hashed.
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
    /// - [`ConfigError::NumberOutOfRange`] and [`ConfigError::DurationOutOfRange`] for limits or a
    ///   number of proxies out of range,
    /// - [`ConfigError::NoRandomness`] if the operating system provides no random bytes for the key
    ///   of the hashes.
    pub fn build(self) -> Result<LoginThrottle, ConfigError> {
        self.limits.check()?;
        self.source.check()?;
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(|_| ConfigError::NoRandomness)?;
        // Invariant: HMAC takes keys of any length.
        let key = Hmac::new_from_slice(&*key).expect("a key of 32 bytes");
        let limits_without_source = self.limits.without_source();
        Ok(LoginThrottle(Arc::new(Inner {
            counters: self.counters,
            limits: self.limits,
            limits_without_source,
            source: self.source,
            key,
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
