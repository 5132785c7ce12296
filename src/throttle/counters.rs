//! The counters of attempts, as a trait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::customer::StoreError;
use crate::throttle::ThrottleLimits;

/// Counters of a login throttle.
///
/// [`MemoryCounters`](super::MemoryCounters) counts in one process.
///
/// # Contract
///
/// There is a counter for each source, for each account, and for each pair of both. Each has its
/// settled failures, the time of the last one, and its attempts in flight. An account also has the
/// failures in a row since its last success, and a pair the time until which its source is known to
/// the account. An attempt without a source has no counter of a source or a pair, and one without
/// an account only that of its source.
///
/// 1. [`reserve`](Self::reserve) checks the tiers of an attempt in the order source, pair, account,
///    and then counts the attempt as in flight in each of them, all in one atomic step. A refusal
///    changes nothing.
/// 2. A **source** is granted an attempt while its failures and attempts in flight are fewer than
///    [`source_burst`](ThrottleLimits::source_burst). One failure is forgotten each
///    [`source_interval`](ThrottleLimits::source_interval), from the first of them on.
/// 3. A **pair** and an **account** are granted an attempt while their failures and attempts in
///    flight are fewer than the [free](super::Backoff::free) ones. Beyond that, no other attempt may
///    be in flight, and [`wait_after`](super::Backoff::wait_after) all failures must have passed
///    since the last one. While one is in flight, `retry_after` is the wait if it fails. All
///    failures are forgotten [`forgotten_after`](super::Backoff::forgotten_after) the last one.
/// 4. An account is refused as well while its failures in a row and its attempts in flight reach
///    [`consecutive_limit`](ThrottleLimits::consecutive_limit), with the longest wait as
///    `retry_after`. The tier is [`LockedAccount`](ThrottleTier::LockedAccount) if the failures alone
///    reach it. Below the limit, they are forgotten after 30 days without a failure.
/// 5. The account's tier is not checked for a source that is known to the account.
/// 6. [`settle`](Self::settle) ends an attempt in flight. A failure is counted from this moment on;
///    in the account's tier, only if the source is not known. A success forgets the settled
///    failures of the pair and of the account, but no attempt in flight and nothing of the source,
///    and makes the source known for [`known_source_time`](ThrottleLimits::known_source_time). A
///    cancelled attempt leaves nothing behind.
/// 7. Counters of bounded size never forget a failure early to make room.
/// 8. Time is that of the counters, which is the same for all processes that share them. When it
///    steps back, no wait grows by that.
/// 9. Counters that outlive their processes count an attempt that is not settled within a minute as
///    a failure. This includes attempts whose `reserve` was dropped: futures may be dropped at any
///    await point, and `reserve` is dropped after 2 s. The attempt is then reserved or not.
///
/// `testing::throttle_counters_suite!` checks the contract (feature `test-util`).
///
/// # Example
///
/// Complete counters take some hundred lines. To add to those in memory, wrap them. These report
/// accounts that are locked, and count everything else as [`MemoryCounters`](super::MemoryCounters)
/// do:
///
/// ```
/// use tower_customer_auth::customer::StoreError;
/// use tower_customer_auth::throttle::Attempt;
/// use tower_customer_auth::throttle::AttemptOutcome;
/// use tower_customer_auth::throttle::Decision;
/// use tower_customer_auth::throttle::LoginThrottle;
/// use tower_customer_auth::throttle::MemoryCounters;
/// use tower_customer_auth::throttle::ThrottleCounters;
/// use tower_customer_auth::throttle::ThrottleKey;
/// use tower_customer_auth::throttle::ThrottleLimits;
/// use tower_customer_auth::throttle::ThrottleTier;
///
/// struct Reporting(MemoryCounters);
///
/// impl ThrottleCounters for Reporting {
///     async fn reserve(
///         &self,
///         attempt: Attempt,
///         limits: &ThrottleLimits,
///     ) -> Result<Decision, StoreError> {
///         let decision = self.0.reserve(attempt, limits).await?;
///         if let Decision::Refused { tier: ThrottleTier::LockedAccount, .. } = decision {
///             eprintln!("a login to a locked account was refused");
///         }
///         Ok(decision)
///     }
///
///     async fn settle(
///         &self,
///         attempt: Attempt,
///         outcome: AttemptOutcome,
///         limits: &ThrottleLimits,
///     ) -> Result<(), StoreError> {
///         self.0.settle(attempt, outcome, limits).await
///     }
///
///     async fn reset(
///         &self,
///         account: ThrottleKey,
///         limits: &ThrottleLimits,
///     ) -> Result<(), StoreError> {
///         self.0.reset(account, limits).await
///     }
/// }
///
/// # fn main() -> Result<(), tower_customer_auth::ConfigError> {
/// let throttle = LoginThrottle::builder().counters(Reporting(MemoryCounters::new())).build()?;
/// # let _ = throttle;
/// # Ok(())
/// # }
/// ```
pub trait ThrottleCounters: Send + Sync + 'static {
    /// Reserves an attempt, or returns the tier that refuses it.
    ///
    /// # Errors
    ///
    /// The counters failed. The login is answered with 503. The attempt is reserved or not.
    fn reserve(
        &self,
        attempt: Attempt,
        limits: &ThrottleLimits,
    ) -> impl Future<Output = Result<Decision, StoreError>> + Send;

    /// Ends a reserved attempt.
    ///
    /// # Errors
    ///
    /// The counters failed. The attempt then stays in flight.
    fn settle(
        &self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &ThrottleLimits,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets the settled failures of an account and of its pairs, also those in a row.
    ///
    /// # Errors
    ///
    /// The counters failed.
    fn reset(
        &self,
        account: ThrottleKey,
        limits: &ThrottleLimits,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<C: ThrottleCounters> ThrottleCounters for Arc<C> {
    async fn reserve(
        &self,
        attempt: Attempt,
        limits: &ThrottleLimits,
    ) -> Result<Decision, StoreError> {
        C::reserve(self, attempt, limits).await
    }

    async fn settle(
        &self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &ThrottleLimits,
    ) -> Result<(), StoreError> {
        C::settle(self, attempt, outcome, limits).await
    }

    async fn reset(&self, account: ThrottleKey, limits: &ThrottleLimits) -> Result<(), StoreError> {
        C::reset(self, account, limits).await
    }
}

/// Keyed hash of an account's e-mail, or of the address of a source.
///
/// The key of the hash is secret ([`LoginThrottleBuilder::key`](super::LoginThrottleBuilder::key)), so
/// counters reveal no e-mails or addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThrottleKey(u64);

impl ThrottleKey {
    /// Creates a key from the bytes of a hash, for tests of counters. Zero becomes one.
    ///
    /// So no key is zero, and counters can use zero for "no account" and "no source".
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        // Zero is the key of all accounts or of all sources.
        Self(u64::from_be_bytes(bytes).max(1))
    }

    /// Returns the bytes of the key, for counters that store it. They are not all zero.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for ThrottleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThrottleKey([redacted])")
    }
}

/// Account and source by which an attempt is counted.
///
/// A login with a password has an account, and a source if its address is known. An OpenID Connect
/// login or a registration has at most a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    account: Option<ThrottleKey>,
    source: Option<ThrottleKey>,
}

impl Attempt {
    /// Creates an attempt, for tests of counters.
    #[must_use]
    pub fn new(account: Option<ThrottleKey>, source: Option<ThrottleKey>) -> Self {
        Self { account, source }
    }

    /// Returns the account, if the attempt is for one.
    #[must_use]
    pub fn account(self) -> Option<ThrottleKey> {
        self.account
    }

    /// Returns the source, if the address of the client is known.
    #[must_use]
    pub fn source(self) -> Option<ThrottleKey> {
        self.source
    }

    /// Returns the key that all attempts have in common that a tier counts together with this one.
    pub(super) fn key_of(self, tier: ThrottleTier) -> Option<ThrottleKey> {
        match tier {
            ThrottleTier::Source => self.source,
            ThrottleTier::Pair | ThrottleTier::Account | ThrottleTier::LockedAccount => {
                self.account
            }
        }
    }
}

/// Outcome of [`ThrottleCounters::reserve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The attempt is in flight until it is settled.
    Reserved,
    /// The attempt is refused.
    Refused {
        /// The first tier that refuses it.
        tier: ThrottleTier,
        /// The time after which the tier grants it, if nothing else is counted until then.
        retry_after: Duration,
        /// Whether the tier would grant it without the attempts in flight, which may yet succeed.
        ///
        /// If so, the login waits for their outcome, for at most 1 s.
        by_attempts_in_flight: bool,
    },
}

/// Tier of a throttle, which has limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThrottleTier {
    /// The failures of a source, over all accounts.
    Source,
    /// The failures of one account from one source.
    Pair,
    /// The failures of one account from all unknown sources.
    Account,
    /// The consecutive failures of one account, whose limit locks it for unknown sources.
    LockedAccount,
}

impl ThrottleTier {
    /// Returns the label of events and counters: `source`, `pair`, `account` or `locked_account`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Pair => "pair",
            Self::Account => "account",
            Self::LockedAccount => "locked_account",
        }
    }
}

/// Outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The customer has logged in.
    Success,
    /// The password or the code was wrong, or the request counts without being a login.
    Failure,
    /// The attempt was not checked: the server failed, or the client left before.
    Cancelled,
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Object-safe twin of [`ThrottleCounters`].
pub(super) trait DynThrottleCounters: Send + Sync {
    fn reserve<'a>(
        &'a self,
        attempt: Attempt,
        limits: &'a ThrottleLimits,
    ) -> BoxFuture<'a, Decision>;

    fn settle<'a>(
        &'a self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &'a ThrottleLimits,
    ) -> BoxFuture<'a, ()>;

    fn reset<'a>(&'a self, account: ThrottleKey, limits: &'a ThrottleLimits) -> BoxFuture<'a, ()>;
}

impl<C: ThrottleCounters> DynThrottleCounters for C {
    fn reserve<'a>(
        &'a self,
        attempt: Attempt,
        limits: &'a ThrottleLimits,
    ) -> BoxFuture<'a, Decision> {
        Box::pin(ThrottleCounters::reserve(self, attempt, limits))
    }

    fn settle<'a>(
        &'a self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &'a ThrottleLimits,
    ) -> BoxFuture<'a, ()> {
        Box::pin(ThrottleCounters::settle(self, attempt, outcome, limits))
    }

    fn reset<'a>(&'a self, account: ThrottleKey, limits: &'a ThrottleLimits) -> BoxFuture<'a, ()> {
        Box::pin(ThrottleCounters::reset(self, account, limits))
    }
}
