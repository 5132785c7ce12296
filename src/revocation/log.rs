//! The log that durable lists follow.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use crate::revocation::LogError;
use crate::revocation::RevocationEntry;

/// Durable log of revocations, which lists in any number of processes follow.
///
/// `Revocations::durable` creates such a list (feature `revocation-log`). It takes a snapshot and
/// then reads what was appended since, each second and whenever [`changed`](Self::changed) hints at
/// something new.
///
/// # Contract
///
/// 1. When [`append`](Self::append) has returned `Ok`, the entry survives a crash of the process and
///    of the machine, and every later [`snapshot`](Self::snapshot) and [`read`](Self::read) has it,
///    or an entry for the same subject with a later time. Appending twice is like appending once.
/// 2. A snapshot has every entry that was appended before it began, and returns a position from
///    which `read` misses nothing that was appended after it began.
/// 3. A read may return entries again and in any order, but it must not miss one: in particular, not
///    one whose transaction commits late. If the log can't tell what was appended since a position,
///    it returns [`LogRead::Gap`].
/// 4. A position has the log's *epoch*, a random text made with the log. A log that was restored
///    from a backup or replaced returns `Gap` for positions of before.
/// 5. An entry may be missing if it has had no effect for a week: a token or a session that ended
///    that long ago. Cut-offs are kept forever.
/// 6. What is not an entry is an error of kind
///    [`Corrupt`](super::LogErrorKind::Corrupt) that names the place. It is never skipped.
/// 7. Futures may be dropped at any await point. An append then happens or does not.
///
/// `testing::revocation_log_suite!` checks the contract (feature `test-util`).
///
/// # Example
///
/// A log in memory, which is complete but for durability:
///
/// ```
/// use std::sync::Mutex;
/// use tower_customer_auth::revocation::LogError;
/// use tower_customer_auth::revocation::LogPosition;
/// use tower_customer_auth::revocation::LogRead;
/// use tower_customer_auth::revocation::RevocationEntry;
/// use tower_customer_auth::revocation::RevocationLog;
///
/// #[derive(Default)]
/// struct MemoryLog {
///     entries: Mutex<Vec<RevocationEntry>>,
///     appended: tokio::sync::Notify,
/// }
///
/// impl MemoryLog {
///     /// The entries from this place on, and the place behind them.
///     fn since(&self, place: usize) -> Option<(Vec<RevocationEntry>, LogPosition)> {
///         let entries = self.entries.lock().unwrap();
///         let position = LogPosition::new("the-only-epoch", entries.len().to_string());
///         Some((entries.get(place..)?.to_vec(), position))
///     }
/// }
///
/// impl RevocationLog for MemoryLog {
///     async fn append(&self, entry: &RevocationEntry) -> Result<(), LogError> {
///         self.entries.lock().unwrap().push(entry.clone());
///         self.appended.notify_waiters();
///         Ok(())
///     }
///
///     async fn snapshot(
///         &self,
///         each: &mut (dyn FnMut(RevocationEntry) + Send),
///     ) -> Result<LogPosition, LogError> {
///         let (entries, position) = self.since(0).ok_or_else(|| LogError::corrupt("no start"))?;
///         entries.into_iter().for_each(each);
///         Ok(position)
///     }
///
///     async fn read(&self, after: &LogPosition) -> Result<LogRead, LogError> {
///         let place = after.offset().parse().map_err(LogError::corrupt)?;
///         Ok(match self.since(place) {
///             Some((entries, position)) => LogRead::Entries { entries, position, is_end: true },
///             None => LogRead::Gap,
///         })
///     }
///
///     async fn changed(&self) {
///         self.appended.notified().await;
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::time::SystemTime;
/// # use tower_customer_auth::TokenId;
/// # let id: TokenId = "6f1e3a77-3f4c-4f3c-9f29-8a4d6d1f8b10".parse()?;
/// # let entry = RevocationEntry::Token { id, expires_at: SystemTime::now() };
/// # let log = MemoryLog::default();
/// # let start = log.snapshot(&mut |_| panic!("the log is empty")).await?;
/// # log.append(&entry).await?;
/// # let read = log.read(&start).await?;
/// # assert!(matches!(read, LogRead::Entries { entries, .. } if entries == [entry]));
/// # Ok(())
/// # }
/// ```
pub trait RevocationLog: Send + Sync + 'static {
    /// Appends an entry. It is durable when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// The log failed. The entry may or may not have been appended.
    fn append(&self, entry: &RevocationEntry) -> impl Future<Output = Result<(), LogError>> + Send;

    /// Returns about how many entries a snapshot has, for the list to make room at once.
    ///
    /// Default: none. The list then grows in steps, which takes longer and a third more memory.
    fn size_hint(&self) -> impl Future<Output = LogSize> + Send {
        std::future::ready(LogSize::default())
    }

    /// Passes all entries to `each`, and returns the position to read from afterwards.
    ///
    /// Entries are passed on as they are read: there may be 10 million of them.
    ///
    /// # Errors
    ///
    /// The log failed or is corrupt. Entries that were passed on before are valid.
    fn snapshot(
        &self,
        each: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> impl Future<Output = Result<LogPosition, LogError>> + Send;

    /// Returns entries that were appended since a position, all or the first ones.
    ///
    /// # Errors
    ///
    /// The log failed or is corrupt.
    fn read(&self, after: &LogPosition) -> impl Future<Output = Result<LogRead, LogError>> + Send;

    /// Completes when there may be something new. A hint, which may be wrong in both directions.
    ///
    /// Default: never completes. The list then reads the log once a second.
    fn changed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Removes entries of tokens and sessions that ended before a time.
    ///
    /// The list calls it once an hour, with the time a week ago. Default: removes nothing.
    ///
    /// # Errors
    ///
    /// The log failed.
    fn prune(&self, ended_before: SystemTime) -> impl Future<Output = Result<(), LogError>> + Send {
        let _ = ended_before;
        std::future::ready(Ok(()))
    }
}

/// Position in a log, behind the entries that were read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPosition {
    epoch: Box<str>,
    offset: Box<str>,
}

impl LogPosition {
    /// Creates a position from the log's epoch, and a place in it that only the log interprets.
    pub fn new(epoch: impl Into<Box<str>>, offset: impl Into<Box<str>>) -> Self {
        Self { epoch: epoch.into(), offset: offset.into() }
    }

    /// Returns the epoch of the log.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Returns the place in the log.
    #[must_use]
    pub fn offset(&self) -> &str {
        &self.offset
    }
}

/// Number of entries in a log, see [`RevocationLog::size_hint`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "logs construct it")]
pub struct LogSize {
    /// Tokens.
    pub tokens: usize,
    /// Sessions.
    pub sessions: usize,
}

/// Result of [`RevocationLog::read`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogRead {
    /// What was appended.
    Entries {
        /// The entries, in any order. They may contain entries that were read before.
        entries: Vec<RevocationEntry>,
        /// The position behind them.
        position: LogPosition,
        /// Whether there were no more entries when the log was read.
        is_end: bool,
    },
    /// The log can't tell what was appended: a new snapshot is needed.
    Gap,
}

impl<L: RevocationLog> RevocationLog for Arc<L> {
    fn append(&self, entry: &RevocationEntry) -> impl Future<Output = Result<(), LogError>> + Send {
        (**self).append(entry)
    }

    fn size_hint(&self) -> impl Future<Output = LogSize> + Send {
        (**self).size_hint()
    }

    fn snapshot(
        &self,
        each: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> impl Future<Output = Result<LogPosition, LogError>> + Send {
        (**self).snapshot(each)
    }

    fn read(&self, after: &LogPosition) -> impl Future<Output = Result<LogRead, LogError>> + Send {
        (**self).read(after)
    }

    fn changed(&self) -> impl Future<Output = ()> + Send {
        (**self).changed()
    }

    fn prune(&self, ended_before: SystemTime) -> impl Future<Output = Result<(), LogError>> + Send {
        (**self).prune(ended_before)
    }
}

#[cfg(feature = "revocation-log")]
type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Object-safe twin of [`RevocationLog`].
#[cfg(feature = "revocation-log")]
pub(super) trait DynRevocationLog: Send + Sync {
    fn append<'a>(&'a self, entry: &'a RevocationEntry) -> BoxFuture<'a, Result<(), LogError>>;

    fn size_hint(&self) -> BoxFuture<'_, LogSize>;

    fn snapshot<'a>(
        &'a self,
        each: &'a mut (dyn FnMut(RevocationEntry) + Send),
    ) -> BoxFuture<'a, Result<LogPosition, LogError>>;

    fn read<'a>(&'a self, after: &'a LogPosition) -> BoxFuture<'a, Result<LogRead, LogError>>;

    fn changed(&self) -> BoxFuture<'_, ()>;

    fn prune(&self, ended_before: SystemTime) -> BoxFuture<'_, Result<(), LogError>>;
}

#[cfg(feature = "revocation-log")]
impl<L: RevocationLog> DynRevocationLog for L {
    fn append<'a>(&'a self, entry: &'a RevocationEntry) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(RevocationLog::append(self, entry))
    }

    fn size_hint(&self) -> BoxFuture<'_, LogSize> {
        Box::pin(RevocationLog::size_hint(self))
    }

    fn snapshot<'a>(
        &'a self,
        each: &'a mut (dyn FnMut(RevocationEntry) + Send),
    ) -> BoxFuture<'a, Result<LogPosition, LogError>> {
        Box::pin(RevocationLog::snapshot(self, each))
    }

    fn read<'a>(&'a self, after: &'a LogPosition) -> BoxFuture<'a, Result<LogRead, LogError>> {
        Box::pin(RevocationLog::read(self, after))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(RevocationLog::changed(self))
    }

    fn prune(&self, ended_before: SystemTime) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(RevocationLog::prune(self, ended_before))
    }
}
