//! Errors of a throttle.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::clock::ceil_seconds;
use crate::customer::StoreError;
use crate::fair_queue::Flow;
use crate::throttle::ThrottleTier;

/// Error of an attempt that was not reserved.
#[derive(Debug)]
pub struct ThrottleError {
    kind: ThrottleErrorKind,
    /// For `Limited`.
    tier: Option<ThrottleTier>,
    retry_after: Duration,
    /// Whose turn it would have been.
    flow: Flow,
    cause: Option<StoreError>,
}

/// Kind of a [`ThrottleError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThrottleErrorKind {
    /// A limit is reached. Respond with 429 and [`retry_after`](ThrottleError::retry_after).
    Limited,
    /// Other attempts of the account or of the source were in flight for 1 s. Respond with 503.
    Overloaded,
    /// The counters failed, or took longer than 2 s. Respond with 503.
    Failed,
}

impl ThrottleError {
    pub(super) fn limited(flow: Flow, tier: ThrottleTier, retry_after: Duration) -> Self {
        let kind = ThrottleErrorKind::Limited;
        Self { kind, tier: Some(tier), retry_after, flow, cause: None }
    }

    pub(super) fn overloaded(flow: Flow) -> Self {
        let kind = ThrottleErrorKind::Overloaded;
        Self { kind, tier: None, retry_after: Duration::from_secs(1), flow, cause: None }
    }

    pub(super) fn failed(flow: Flow, cause: StoreError) -> Self {
        let kind = ThrottleErrorKind::Failed;
        Self { kind, tier: None, retry_after: Duration::from_secs(1), flow, cause: Some(cause) }
    }

    /// Returns the flow of the attempt.
    pub(crate) fn flow(&self) -> Flow {
        self.flow
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ThrottleErrorKind {
        self.kind
    }

    /// Returns the tier whose limit is reached, for logs. `None` for other kinds.
    ///
    /// Do not send it to the client: it reveals whether others attack the account.
    #[must_use]
    pub fn tier(&self) -> Option<ThrottleTier> {
        self.tier
    }

    /// Returns the value of `Retry-After` (RFC 9110 section 10.2.3): whole seconds, at least 1.
    ///
    /// A wait is rounded up to it. Other kinds than [`Limited`](ThrottleErrorKind::Limited) have 1.
    #[must_use]
    pub fn retry_after(&self) -> u64 {
        ceil_seconds(self.retry_after).max(1)
    }
}

impl fmt::Display for ThrottleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ThrottleErrorKind::Limited => "too many attempts",
            ThrottleErrorKind::Overloaded => "too many attempts at the same time",
            ThrottleErrorKind::Failed => "the attempt could not be counted",
        })
    }
}

impl Error for ThrottleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
