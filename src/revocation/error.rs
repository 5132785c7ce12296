//! Errors of revocations.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Error of a revocation that was not recorded.
///
/// For the kind [`Full`](RevokeErrorKind::Full), nothing has changed. For the others, the tokens may
/// or may not be revoked: revoke again, which is harmless if they are.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the revocation was not recorded")]
pub struct RevokeError {
    #[source]
    source: Cause,
}

/// Kind of a [`RevokeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokeErrorKind {
    /// The list is full, and nothing was revoked. Existing entries are never dropped to make room.
    Full,
    /// The revocation log failed. The tokens may or may not be revoked.
    LogFailed,
    /// The revocation log did not answer in time. The tokens may or may not be revoked.
    TimedOut,
}

#[derive(Clone, Debug, thiserror::Error)]
#[cfg_attr(not(feature = "revocation-log"), expect(dead_code, reason = "lists follow no log"))]
enum Cause {
    #[error("the list is full at {capacity} entries")]
    Full { capacity: usize },
    #[error(transparent)]
    Log(LogError),
    #[error("the revocation log did not answer in time")]
    TimedOut,
}

impl RevokeError {
    pub(super) fn full(capacity: usize) -> Self {
        Self { source: Cause::Full { capacity } }
    }

    #[cfg(feature = "revocation-log")]
    pub(super) fn log(error: LogError) -> Self {
        Self { source: Cause::Log(error) }
    }

    #[cfg(feature = "revocation-log")]
    pub(super) fn timed_out() -> Self {
        Self { source: Cause::TimedOut }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> RevokeErrorKind {
        match self.source {
            Cause::Full { .. } => RevokeErrorKind::Full,
            Cause::Log(_) => RevokeErrorKind::LogFailed,
            Cause::TimedOut => RevokeErrorKind::TimedOut,
        }
    }
}

/// Error of a revocation log.
#[derive(Clone)]
pub struct LogError {
    kind: LogErrorKind,
    cause: Arc<dyn Error + Send + Sync>,
}

/// Kind of a [`LogError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogErrorKind {
    /// The log can't be reached or does not work at the moment. Trying again may help.
    Unavailable,
    /// The log holds something that is not an entry. A person has to look at it.
    Corrupt,
}

impl LogError {
    /// Creates the error of a log that does not work at the moment.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: LogErrorKind::Unavailable, cause: cause.into().into() }
    }

    /// Creates the error of a log that holds something that is not an entry.
    ///
    /// `cause` should name the place.
    pub fn corrupt(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: LogErrorKind::Corrupt, cause: cause.into().into() }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub const fn kind(&self) -> LogErrorKind {
        self.kind
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            LogErrorKind::Unavailable => "the revocation log is unavailable",
            LogErrorKind::Corrupt => "the revocation log is corrupt",
        })
    }
}

impl fmt::Debug for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogError").field("kind", &self.kind).field("cause", &self.cause).finish()
    }
}

impl Error for LogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
