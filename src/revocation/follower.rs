//! The task that keeps a list up to date with its log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::clock::since_epoch;
use crate::revocation::LogError;
use crate::revocation::LogErrorKind;
use crate::revocation::LogPosition;
use crate::revocation::LogRead;
use crate::revocation::RevocationEntry;
use crate::revocation::RevokeError;
use crate::revocation::log::DynRevocationLog;
use crate::revocation::replica::MAX_LEEWAY;
use crate::revocation::replica::Replica;
use crate::telemetry;

/// How often the log is read without a hint.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How often the whole log is compared with the list.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Pause after a hint, so that a log that always hints is not read without end.
const HINT_PAUSE: Duration = Duration::from_millis(1);

/// A read that takes longer is given up and repeated.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How far the clock may step back without consequence: less than [`MAX_LEEWAY`], for which entries
/// are kept after they have ended.
const MAX_STEP_BACK: Duration = Duration::from_secs(1);

/// How long entries stay in the log after they have ended.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Progress of a follower, for those who wait for it.
#[derive(Debug)]
pub(super) enum State {
    /// The first snapshot is not complete.
    Loading,
    /// The first snapshot failed in a way that trying again does not mend.
    Failed(LogError),
    /// The log has been loaded.
    Ready,
}

/// Follower of a log.
pub(super) struct Follower {
    log: Arc<dyn DynRevocationLog>,
    replica: Arc<Replica>,
    clock: Arc<dyn Clock>,
    state: watch::Sender<State>,
    /// The running comparison, which ends with the follower.
    reconciling: JoinSet<()>,
    /// Whether the last attempt failed, so that a failure is reported once.
    failing: bool,
}

impl Follower {
    pub(super) fn new(
        log: Arc<dyn DynRevocationLog>,
        replica: Arc<Replica>,
        clock: Arc<dyn Clock>,
        state: watch::Sender<State>,
    ) -> Self {
        Self { log, replica, clock, state, reconciling: JoinSet::new(), failing: false }
    }

    pub(super) async fn run(mut self) {
        loop {
            let position = self.load().await;
            self.follow(position).await;
        }
    }

    /// Takes a snapshot, however often it has to try.
    async fn load(&mut self) -> LogPosition {
        loop {
            let began = self.clock.since_epoch();
            self.replica.reserve(self.log.size_hint().await);
            match load(&*self.log, &self.replica, &*self.clock).await {
                Ok((position, _)) => {
                    self.succeeded(began);
                    self.state.send_replace(State::Ready);
                    return position;
                }
                Err(error) => {
                    if error.is_permanent() {
                        self.state.send_if_modified(|state| error.settle(state));
                    }
                    self.failed(&error.cause);
                    sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Reads what is appended, until a new snapshot is needed.
    async fn follow(&mut self, mut position: LogPosition) {
        let mut reconcile_at = Instant::now() + RECONCILE_INTERVAL;
        let mut last = self.clock.since_epoch();
        loop {
            if timeout(POLL_INTERVAL, self.log.changed()).await.is_ok() {
                sleep(HINT_PAUSE).await;
            }
            let now = self.clock.since_epoch();
            if now + MAX_STEP_BACK < last {
                // By the clock of before, entries may have ended that are live by this one.
                telemetry::revocation_log("the clock was set back, the log is loaded again");
                return;
            }
            last = now;
            if Instant::now() >= reconcile_at {
                reconcile_at = Instant::now() + RECONCILE_INTERVAL;
                self.reconcile();
            }
            match self.catch_up(&position).await {
                Ok(Some(next)) => position = next,
                Ok(None) => {
                    telemetry::revocation_log("the log has a gap, it is loaded again");
                    return;
                }
                Err(error) => self.failed(&error.cause),
            }
        }
    }

    /// Reads to the end of the log. Returns the position there, or `None` for a gap.
    async fn catch_up(
        &mut self,
        position: &LogPosition,
    ) -> Result<Option<LogPosition>, FollowError> {
        let mut position = position.clone();
        loop {
            let began = self.clock.since_epoch();
            let read = timeout(READ_TIMEOUT, self.log.read(&position)).await;
            let read = read.unwrap_or_else(|elapsed| Err(LogError::unavailable(elapsed)))?;
            let LogRead::Entries { entries, position: next, is_end } = read else {
                return Ok(None);
            };
            for entry in &entries {
                apply(&self.replica, entry, began)?;
            }
            position = next;
            if is_end {
                self.succeeded(began);
                return Ok(Some(position));
            }
        }
    }

    /// Compares the whole log with the list, adds what the list lacks, and prunes the log.
    ///
    /// In a separate task: the log is followed meanwhile.
    fn reconcile(&mut self) {
        while self.reconciling.try_join_next().is_some() {}
        if !self.reconciling.is_empty() {
            return;
        }
        let (log, replica) = (Arc::clone(&self.log), Arc::clone(&self.replica));
        let clock = Arc::clone(&self.clock);
        self.reconciling.spawn(async move {
            match load(&*log, &replica, &*clock).await {
                Ok((_, counts)) => telemetry::reconciled(counts.entries, counts.added),
                Err(error) => {
                    telemetry::fault("the revocation log could not be reconciled", &error.cause);
                }
            }
            let ended_before = from_epoch(clock.since_epoch().saturating_sub(RETENTION).as_secs());
            if let Err(error) = log.prune(ended_before).await {
                telemetry::fault("the revocation log could not be pruned", &error);
            }
        });
    }

    fn succeeded(&mut self, began: Duration) {
        if let Some(freshness) = self.replica.freshness() {
            freshness.read_completed(began);
        }
        telemetry::staleness(self.clock.since_epoch().saturating_sub(began));
        if std::mem::take(&mut self.failing) {
            telemetry::revocation_log("the log can be read again");
        }
    }

    fn failed(&mut self, error: &LogError) {
        let freshness = self.replica.freshness();
        let staleness = freshness.and_then(|fresh| fresh.staleness(self.clock.since_epoch()));
        telemetry::staleness(staleness.unwrap_or(Duration::MAX));
        if !std::mem::replace(&mut self.failing, true) {
            telemetry::fault("the revocation log could not be read", error);
        }
    }
}

/// Number of entries in a snapshot, and of those that were new to the list.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    entries: u64,
    added: u64,
}

/// Failure to follow a log.
struct FollowError {
    cause: LogError,
    /// Whether the list was too small.
    is_full: bool,
}

impl FollowError {
    /// Whether trying again does not help.
    fn is_permanent(&self) -> bool {
        self.is_full || self.cause.kind() == LogErrorKind::Corrupt
    }

    /// Ends the wait for the first snapshot with this error.
    fn settle(&self, state: &mut State) -> bool {
        let is_waiting = matches!(state, State::Loading);
        if is_waiting {
            *state = State::Failed(self.cause.clone());
        }
        is_waiting
    }
}

impl From<LogError> for FollowError {
    fn from(cause: LogError) -> Self {
        Self { cause, is_full: false }
    }
}

impl From<RevokeError> for FollowError {
    fn from(full: RevokeError) -> Self {
        Self { cause: LogError::unavailable(full), is_full: true }
    }
}

/// Applies a snapshot of the log to the list.
async fn load(
    log: &dyn DynRevocationLog,
    replica: &Replica,
    clock: &dyn Clock,
) -> Result<(LogPosition, Counts), FollowError> {
    let now = clock.since_epoch();
    let mut counts = Counts::default();
    let mut full = None;
    let position = log
        .snapshot(&mut |entry| match apply(replica, &entry, now) {
            Ok(added) => {
                counts.entries += 1;
                counts.added += u64::from(added);
            }
            Err(error) => full = Some(error),
        })
        .await?;
    match full {
        Some(error) => Err(error.into()),
        None => Ok((position, counts)),
    }
}

/// Applies an entry, unless it has ended. Returns whether the list has changed.
fn apply(replica: &Replica, entry: &RevocationEntry, now: Duration) -> Result<bool, RevokeError> {
    let end = match entry {
        RevocationEntry::Token { expires_at, .. } => since_epoch(*expires_at),
        RevocationEntry::Session { ends_at, .. } => since_epoch(*ends_at),
        RevocationEntry::Customer { .. } | RevocationEntry::Everyone { .. } => Duration::MAX,
    };
    if end.saturating_add(MAX_LEEWAY) < now { Ok(false) } else { replica.apply(entry) }
}
