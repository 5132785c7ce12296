//! Lists that follow a log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::error::ConfigError;
use crate::revocation::LogError;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;
use crate::revocation::Revocations;
use crate::revocation::RevokeError;
use crate::revocation::follower::Follower;
use crate::revocation::follower::POLL_INTERVAL;
use crate::revocation::follower::State;
use crate::revocation::freshness::Freshness;
use crate::revocation::list::DEFAULT_CAPACITY;
use crate::revocation::log::DynRevocationLog;
use crate::revocation::replica::Replica;

/// Builder for a list that follows a [`RevocationLog`].
///
/// # Example
///
/// Revocations in the SQLite file of the customers (feature `sqlite`):
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_customer_auth::Revocations;
/// use tower_customer_auth::store::SqliteCustomers;
///
/// # let path = ":memory:";
/// let customers = SqliteCustomers::open(path).await?;
/// let revocations = Revocations::durable(customers.revocation_log()).start()?;
/// // A change that revokes tokens now returns when this list knows.
/// let customers = customers.revocations(revocations.clone());
/// revocations.ready().await?;
/// # let _ = customers;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
#[must_use = "nothing is followed until `start`"]
pub struct DurableBuilder {
    log: Arc<dyn DynRevocationLog>,
    max_staleness: Duration,
    accept_stale: bool,
    deadline: Duration,
    max_session: Duration,
    capacity: usize,
    clock: Arc<dyn Clock>,
}

/// The part of a durable list that is not its memory.
pub(super) struct Durable {
    log: Arc<dyn DynRevocationLog>,
    deadline: Duration,
    state: watch::Receiver<State>,
    clock: Arc<dyn Clock>,
    follower: AbortHandle,
    /// Entries that the list may have and the log may lack: an append fails or is cancelled after
    /// the list has the entry, or has not ended yet.
    unrecorded: AtomicUsize,
}

impl Revocations {
    /// Returns a builder for a list that follows a log.
    ///
    /// What one process revokes, all that follow the log refuse, also after a restart.
    pub fn durable(log: impl RevocationLog) -> DurableBuilder {
        DurableBuilder {
            log: Arc::new(log),
            max_staleness: Duration::from_secs(10),
            accept_stale: false,
            deadline: Duration::from_secs(2),
            max_session: DEFAULT_MAX_SESSION,
            capacity: DEFAULT_CAPACITY,
            clock: SystemClock::shared(),
        }
    }

    /// Waits until the log has been loaded. Until then, verification fails with
    /// [`UnknownRevocationStatus`](crate::VerifyErrorKind::UnknownRevocationStatus).
    ///
    /// While the log is unavailable, this waits and tries again each second. A list in memory is
    /// always ready.
    ///
    /// # Errors
    ///
    /// The log is corrupt, or has more entries than the list's capacity: trying again does not help
    /// until a person has looked at it. The list goes on trying anyway.
    pub async fn ready(&self) -> Result<(), LogError> {
        let Some(durable) = &self.durable else {
            return Ok(());
        };
        let mut state = durable.state.clone();
        let settled = state.wait_for(|state| !matches!(state, State::Loading)).await;
        match settled.as_deref() {
            Ok(State::Failed(error)) => Err(error.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err(LogError::unavailable("the runtime of the list has shut down")),
        }
    }

    /// Returns how long ago the log was read successfully, or `None` before the first time.
    ///
    /// A list in memory is never stale.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        match (self.replica.freshness(), &self.durable) {
            (Some(freshness), Some(durable)) => freshness.staleness(durable.clock.since_epoch()),
            _ => Some(Duration::ZERO),
        }
    }
}

impl DurableBuilder {
    /// Sets how old the list may be. Default 10 s, from 2 s to 24 hours.
    ///
    /// When the log has not been read for longer, verification fails with
    /// [`UnknownRevocationStatus`](crate::VerifyErrorKind::UnknownRevocationStatus), which the layer
    /// answers with 503: a token may have been revoked elsewhere meanwhile.
    pub const fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// Accepts tokens however old the list is, and before it has been loaded.
    ///
    /// # Security
    ///
    /// While the log can't be read, revoked tokens are accepted: after a start all of them, later
    /// those that were revoked by other processes since. [`staleness`](Revocations::staleness) must
    /// then raise an alarm.
    pub const fn danger_accept_stale(mut self) -> Self {
        self.accept_stale = true;
        self
    }

    /// Sets how long a revocation waits for the log. Default 2 s, from 10 ms to 60 s.
    ///
    /// Then it fails with [`RevokeErrorKind::TimedOut`](super::RevokeErrorKind::TimedOut).
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the longest time from a login to the end of its session. Default 30 days, at most 366.
    ///
    /// The list keeps the cut-off of a customer in memory for this long, or for a verifier's
    /// maximum lifetime if that is longer. Set it to the longest session that any issuer allows
    /// (`Sessions::max_session`, feature `issuer`), also in a process that only verifies.
    pub const fn max_session(mut self, max_session: Duration) -> Self {
        self.max_session = max_session;
        self
    }

    /// Sets the capacity in token ids, in sessions, and in customers. Default 10 million each.
    ///
    /// Nothing is allocated in advance.
    pub const fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets the clock. Default [`SystemClock`]. It must agree with that of the verifiers.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Creates the list, and follows the log in the background while there are handles to it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DurationOutOfRange`] for a duration out of range.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with the timer enabled.
    pub fn start(self) -> Result<Revocations, ConfigError> {
        let check = ConfigError::check_duration;
        check("max_staleness", self.max_staleness, MIN_STALENESS..=MAX_STALENESS)?;
        check("deadline", self.deadline, MIN_DEADLINE..=MAX_DEADLINE)?;
        check("max_session", self.max_session, Duration::from_secs(1)..=MAX_SESSION)?;
        let max_staleness = (!self.accept_stale).then_some(self.max_staleness);
        let replica = Arc::new(Replica::following(self.capacity, Freshness::new(max_staleness)));
        replica.attach(&self.clock, self.max_session);
        let (sender, state) = watch::channel(State::Loading);
        let follower = Follower::new(
            Arc::clone(&self.log),
            Arc::clone(&replica),
            Arc::clone(&self.clock),
            sender,
        );
        let follower = tokio::spawn(follower.run()).abort_handle();
        let Self { log, deadline, clock, .. } = self;
        let unrecorded = AtomicUsize::new(0);
        let durable = Durable { log, deadline, state, clock, follower, unrecorded };
        Ok(Revocations { replica, durable: Some(Arc::new(durable)) })
    }
}

impl Durable {
    /// Applies an entry to the list, and appends it to the log.
    pub(super) async fn record(
        &self,
        replica: &Replica,
        entry: &RevocationEntry,
    ) -> Result<(), RevokeError> {
        // Before the list, so that it is counted for as long as only the list has the entry.
        self.unrecorded.fetch_add(1, Ordering::SeqCst);
        // First, so that a list without room leaves the log as it is.
        if let Err(full) = replica.apply(entry) {
            self.unrecorded.fetch_sub(1, Ordering::SeqCst);
            return Err(full);
        }
        // NB: an entry that fails here, or whose future is dropped, stays counted.
        match timeout(self.deadline, self.log.append(entry)).await {
            Ok(appended) => appended.map_err(RevokeError::log)?,
            Err(_) => return Err(RevokeError::timed_out()),
        }
        self.unrecorded.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    #[cfg(feature = "issuer")]
    pub(super) fn has_unrecorded(&self) -> bool {
        self.unrecorded.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl fmt::Debug for DurableBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableBuilder")
            .field("max_staleness", &self.max_staleness)
            .field("accept_stale", &self.accept_stale)
            .field("deadline", &self.deadline)
            .field("max_session", &self.max_session)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

pub(crate) const DEFAULT_MAX_SESSION: Duration = Duration::from_secs(30 * 24 * 60 * 60);
pub(crate) const MAX_SESSION: Duration = Duration::from_secs(366 * 24 * 60 * 60);
// One read that was late must not make a list stale.
const MIN_STALENESS: Duration = POLL_INTERVAL.saturating_mul(2);
const MAX_STALENESS: Duration = Duration::from_secs(24 * 60 * 60);
const MIN_DEADLINE: Duration = Duration::from_millis(10);
const MAX_DEADLINE: Duration = Duration::from_secs(60);
