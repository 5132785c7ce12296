//! Where attempts are counted.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
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
/// settled failures and its attempts in flight.
///
/// 1. [`reserve`](Self::reserve) checks the tiers of an attempt in the order source, pair, account,
///    and then counts the attempt as in flight in each of them, all in one atomic step. A refusal
///    changes nothing.
/// 2. A tier grants an attempt as [`ThrottleLimits`] says, with the attempts in flight counted as
///    failures. After the free failures, an account or a pair has one attempt in flight at most.
///    The account's tier is not checked for a source that is known to the account.
/// 3. [`settle`](Self::settle) ends an attempt in flight. A failure is counted from this moment on;
///    in the account's tier, only if the source is not known. A success forgets the settled
///    failures of the pair and of the account, but no attempt in flight and nothing of the source,
///    and makes the source known. A cancelled attempt leaves nothing behind.
/// 4. Where room is bounded, what is counted is never forgotten early to make room.
/// 5. Time is that of the counters, which is the same for all processes that share them. When it
///    steps back, no wait grows by that.
/// 6. Counters that outlive their processes count an attempt that is not settled within a minute as
///    a failure.
///
/// `testing::throttle_counters_suite!` checks the contract (feature `test-util`).
pub trait ThrottleCounters: Send + Sync + 'static {
    /// Reserves an attempt, or says why it is refused.
    ///
    /// # Errors
    ///
    /// The counters failed. The login is answered with 503.
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

    /// Forgets the settled failures of an account and of its pairs.
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

/// Keyed hash of an account or a source.
///
/// Its key is secret, so that the counters tell nothing about e-mails or addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThrottleKey(u64);

impl ThrottleKey {
    /// Creates a key from a hash.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        // Zero stands for all accounts or sources.
        Self(u64::from_be_bytes(bytes).max(1))
    }

    /// Returns the bytes of the key.
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

/// What an attempt is counted by.
///
/// A login with a password has an account, and a source where that is known. An OpenID Connect
/// login or a registration has a source only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    account: Option<ThrottleKey>,
    source: Option<ThrottleKey>,
}

impl Attempt {
    /// Creates an attempt.
    #[must_use]
    pub fn new(account: Option<ThrottleKey>, source: Option<ThrottleKey>) -> Self {
        Self { account, source }
    }

    /// Returns the account.
    #[must_use]
    pub fn account(self) -> Option<ThrottleKey> {
        self.account
    }

    /// Returns the source.
    #[must_use]
    pub fn source(self) -> Option<ThrottleKey> {
        self.source
    }

    /// Returns what a tier counts the attempt by, or what all that it counts have in common.
    pub(super) fn key_of(self, tier: ThrottleTier) -> Option<ThrottleKey> {
        match tier {
            ThrottleTier::Source => self.source,
            ThrottleTier::Pair | ThrottleTier::Account | ThrottleTier::LockedAccount => {
                self.account
            }
        }
    }
}

/// Answer to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The attempt is in flight until it is settled.
    Reserved,
    /// The attempt is refused.
    Refused {
        /// The tier that refuses it.
        tier: ThrottleTier,
        /// The time after which it may be granted, if nothing else is counted until then.
        retry_after: Duration,
        /// Whether it would be granted if the attempts in flight succeeded.
        by_attempts_in_flight: bool,
    },
}

/// Tier of a throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThrottleTier {
    /// The attempts of a source.
    Source,
    /// The failures of one account from one source.
    Pair,
    /// The failures of one account from unknown sources.
    Account,
    /// The same, after so many consecutive ones that unknown sources are refused.
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

/// How an attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The customer has logged in.
    Success,
    /// The password or the code was wrong.
    Failure,
    /// Neither: the fault was ours, or the client left before it was checked.
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
