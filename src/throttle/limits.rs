//! The limits of a throttle.

use std::time::Duration;

use crate::error::ConfigError;

/// Limits of a login throttle, by tier.
///
/// | tier | default |
/// |---|---|
/// | source | 30 failures at once, and one more each 10 s |
/// | pair of account and source | 5 failures are free; then waits of 1 s, doubling to 15 min; forgotten after 24 h |
/// | account, over all unknown sources | 20 failures are free; then waits of 30 s, doubling to 1 h; forgotten after 1 h; at most 100 in a row |
///
/// A source is an IPv4 address or an IPv6 /64. A source that has logged in to an account within the
/// last 30 days is *known* to it, and skips the account's tier. NIST SP 800-63B-4 section 3.2.2
/// requires a limit of consecutive failures, of at most 100.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use tower_customer_auth::throttle::Backoff;
/// use tower_customer_auth::throttle::ThrottleLimits;
///
/// // An office of 500 people behind one address.
/// let limits = ThrottleLimits::default()
///     .source(200, Duration::from_secs(2))
///     .pair(Backoff::new(10, Duration::from_secs(1), Duration::from_secs(60)));
/// # let _ = limits;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ThrottleLimits {
    source_burst: u32,
    source_interval: Duration,
    pair: Backoff,
    account: Backoff,
    max_consecutive: u32,
    known_source: Duration,
}

impl ThrottleLimits {
    /// Sets how many failures a source may have at once, and the time after which it may have one
    /// more. Default: 30 and 10 s.
    ///
    /// `burst` is 1 to 65 535, `interval` 1 ms to 24 h. Failed logins count, attempts in flight, and
    /// requests that are [counted](super::LoginThrottle::reserve) by the application.
    pub fn source(mut self, burst: u32, interval: Duration) -> Self {
        (self.source_burst, self.source_interval) = (burst, interval);
        self
    }

    /// Sets the waits of one account from one source. Default: 5 free failures, 1 s to 15 min,
    /// forgotten after 24 h.
    pub fn pair(mut self, backoff: Backoff) -> Self {
        self.pair = backoff;
        self
    }

    /// Sets the waits of one account over all unknown sources. Default: 20 free failures, 30 s to
    /// 1 h, forgotten after 1 h.
    pub fn account(mut self, backoff: Backoff) -> Self {
        self.account = backoff;
        self
    }

    /// Sets how many consecutive failures of unknown sources an account may have, 1 to 65 535.
    /// Default: 100, the limit of NIST SP 800-63B-4 section 3.2.2.
    ///
    /// At the limit, unknown sources are refused until a known source logs in, or the program
    /// [resets](super::LoginThrottle::reset) the account. Failures below the limit are forgotten
    /// after 30 days without one. NIST allows no more than 100.
    pub fn max_consecutive(mut self, failures: u32) -> Self {
        self.max_consecutive = failures;
        self
    }

    /// Sets how long a source is known to an account after a login, up to 366 days. Default: 30 days.
    ///
    /// With zero, no source is known, and an attacker can lock customers out.
    pub fn known_source(mut self, time: Duration) -> Self {
        self.known_source = time;
        self
    }

    /// Returns how many failures a source may have at once.
    #[must_use]
    pub fn source_burst(&self) -> u32 {
        self.source_burst
    }

    /// Returns the time after which a source may have one more failure.
    #[must_use]
    pub fn source_interval(&self) -> Duration {
        self.source_interval
    }

    /// Returns the waits of one account from one source.
    pub fn pair_backoff(&self) -> Backoff {
        self.pair
    }

    /// Returns the waits of one account over all unknown sources.
    pub fn account_backoff(&self) -> Backoff {
        self.account
    }

    /// Returns how many consecutive failures of unknown sources an account may have.
    ///
    /// `None` in the limits of an attempt without a source, which have no such limit.
    #[must_use]
    pub fn consecutive_limit(&self) -> Option<u32> {
        (self.max_consecutive != NO_LIMIT).then_some(self.max_consecutive)
    }

    /// Returns how long a source is known to an account after a login.
    #[must_use]
    pub fn known_source_time(&self) -> Duration {
        self.known_source
    }

    /// Returns the limits for attempts without a source: with longer waits, or with a limit of
    /// consecutive failures, one attacker could lock every account.
    pub(super) fn without_source(&self) -> Self {
        let account = Backoff {
            first_wait: self.account.first_wait.min(MAX_WAIT_WITHOUT_SOURCE),
            max_wait: self.account.max_wait.min(MAX_WAIT_WITHOUT_SOURCE),
            ..self.account
        };
        Self { account, max_consecutive: NO_LIMIT, ..self.clone() }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let numbers = 1..=MAX_NUMBER;
        ConfigError::check_number("source", self.source_burst.into(), numbers.clone())?;
        ConfigError::check_duration("source", self.source_interval, MIN_TIME..=MAX_TIME)?;
        self.pair.check("pair")?;
        self.account.check("account")?;
        ConfigError::check_number("max_consecutive", self.max_consecutive.into(), numbers)?;
        let known = Duration::ZERO..=MAX_KNOWN_SOURCE;
        ConfigError::check_duration("known_source", self.known_source, known)
    }
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            source_burst: 30,
            source_interval: seconds(10),
            pair: Backoff::new(5, seconds(1), seconds(15 * 60)).forget_after(seconds(24 * HOUR)),
            account: Backoff::new(20, seconds(30), seconds(HOUR)).forget_after(seconds(HOUR)),
            max_consecutive: 100,
            known_source: seconds(30 * 24 * HOUR),
        }
    }
}

/// Number of free failures, and the waits after them, which double with each failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Backoff {
    free: u32,
    first_wait: Duration,
    max_wait: Duration,
    forget_after: Duration,
}

impl Backoff {
    /// Creates waits after `free` failures, from `first_wait` on and doubling to `max_wait`.
    ///
    /// `free` is 1 to 65 535, the waits are 1 ms to 24 h. Failures are forgotten after 24 h.
    /// [`LoginThrottleBuilder::build`](super::LoginThrottleBuilder::build) checks the numbers.
    pub fn new(free: u32, first_wait: Duration, max_wait: Duration) -> Self {
        Self { free, first_wait, max_wait, forget_after: MAX_TIME }
    }

    /// Sets the time after the last failure at which all are forgotten, up to 24 h. Default: 24 h.
    ///
    /// It must be at least the longest wait: a shorter time would end that.
    pub fn forget_after(mut self, time: Duration) -> Self {
        self.forget_after = time;
        self
    }

    /// Returns the number of free failures.
    #[must_use]
    pub fn free(self) -> u32 {
        self.free
    }

    /// Returns the time after the last failure at which all are forgotten.
    #[must_use]
    pub fn forgotten_after(self) -> Duration {
        self.forget_after
    }

    /// Returns the longest wait.
    #[must_use]
    pub fn longest_wait(self) -> Duration {
        self.max_wait
    }

    /// Returns the wait after this many failures: zero below the number of free ones.
    #[must_use]
    pub fn wait_after(self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(self.free) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(self.max_wait)
    }

    fn check(self, setting: &'static str) -> Result<(), ConfigError> {
        ConfigError::check_number(setting, self.free.into(), 1..=MAX_NUMBER)?;
        ConfigError::check_duration(setting, self.first_wait, MIN_TIME..=MAX_TIME)?;
        ConfigError::check_duration(setting, self.max_wait, self.first_wait..=MAX_TIME)?;
        ConfigError::check_duration(setting, self.forget_after, self.max_wait..=MAX_TIME)
    }
}

const HOUR: u64 = 60 * 60;
const MIN_TIME: Duration = Duration::from_millis(1);
const MAX_TIME: Duration = Duration::from_secs(24 * HOUR);
const MAX_KNOWN_SOURCE: Duration = Duration::from_secs(366 * 24 * HOUR);
const MAX_NUMBER: u64 = 65_535;
const MAX_WAIT_WITHOUT_SOURCE: Duration = Duration::from_secs(30);
/// More failures than an account can have.
const NO_LIMIT: u32 = u32::MAX;
