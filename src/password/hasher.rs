//! Password hashing for async code.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::ConfigError;
use crate::fair_queue::Crowded;
use crate::fair_queue::FairPermit;
use crate::fair_queue::FairSemaphore;
use crate::fair_queue::Flow;
use crate::password::HashError;
use crate::password::PasswordHash;
use crate::password::PasswordParams;
use crate::password::pool::Pool;
use crate::secret::Secret;

/// Bounded thread pool that hashes and verifies passwords.
///
/// A hash is expensive on purpose: 19 MiB and about 20 ms of one core with the defaults. It is
/// computed on dedicated threads, by default one for each core, with a queue of 1024 jobs and a
/// maximum wait of 1 s. A job that waits too long fails with
/// [`Overloaded`](crate::password::HashErrorKind::Overloaded) and costs nothing. So does one that
/// finds the queue full, or is displaced from it. A job whose caller has gone before it began is
/// removed.
///
/// The queue takes turns between sources, and between the accounts of a source, if the
/// [`Flow`] of a job is given ([`hash_for`](Self::hash_for), [`verify_for`](Self::verify_for)). The
/// next job is that of the source that has asked for least in the last seconds, refused jobs
/// included. In a full queue, it displaces the newest job of the source that has asked for most. So
/// a client that repeats logins without end cannot keep others from logging in.
///
/// A clone is a handle to the same pool; use one pool for the whole process. The threads start when
/// there is work, and end with the last handle.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use tower_customer_auth::password::PasswordHasher;
/// use tower_customer_auth::Secret;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::builder().threads(2).max_wait(Duration::from_millis(500)).build()?;
/// let hash = hasher.hash(Secret::from("mysecretpassword")).await?;
/// assert!(hasher.verify(Secret::from("mysecretpassword"), hash).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PasswordHasher {
    pool: Pool,
    lookups: FairSemaphore,
    params: PasswordParams,
    // Behind `Arc`, so that a handle is cheap to clone.
    decoy: Arc<PasswordHash>,
}

impl PasswordHasher {
    /// Creates a hasher with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Settings::default().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> PasswordHasherBuilder {
        PasswordHasherBuilder(Settings::default())
    }

    /// Hashes a password with the current parameters.
    ///
    /// # Errors
    ///
    /// [`Overloaded`](crate::password::HashErrorKind::Overloaded) if the queue has no place or the
    /// wait is too long, [`Failed`](crate::password::HashErrorKind::Failed) if memory, threads or
    /// random bytes are exhausted.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, HashError> {
        self.hash_for(Flow::new(), password).await
    }

    /// Hashes a password, and takes turns with other sources and accounts.
    ///
    /// # Errors
    ///
    /// Those of [`hash`](Self::hash).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn hash_for(&self, flow: Flow, password: Secret) -> Result<PasswordHash, HashError> {
        let params = self.params;
        self.pool
            .run(flow, move |workspace| PasswordHash::compute_in(workspace, &password, params))
            .await?
    }

    /// Returns whether `hash` is a hash of `password`.
    ///
    /// # Errors
    ///
    /// [`Overloaded`](crate::password::HashErrorKind::Overloaded) if the queue has no place or the
    /// wait is too long, [`Failed`](crate::password::HashErrorKind::Failed) if memory, threads or
    /// random bytes are exhausted.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn verify(&self, password: Secret, hash: PasswordHash) -> Result<bool, HashError> {
        self.verify_for(Flow::new(), password, hash).await
    }

    /// Returns whether `hash` is a hash of `password`, in turns with other sources and accounts.
    ///
    /// # Errors
    ///
    /// Those of [`verify`](Self::verify).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn verify_for(
        &self,
        flow: Flow,
        password: Secret,
        hash: PasswordHash,
    ) -> Result<bool, HashError> {
        self.verify_with(flow, password, hash, |verify| verify()).await?
    }

    /// Runs `job` on a hash thread, and passes it the verification, which it calls itself.
    ///
    /// So the job can act right before and after the verification, also if the caller has left by
    /// then. If the caller leaves before it begins, the job is dropped.
    pub(crate) async fn verify_with<T: Send + 'static>(
        &self,
        flow: Flow,
        password: Secret,
        hash: PasswordHash,
        job: impl FnOnce(&mut dyn FnMut() -> Result<bool, HashError>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.pool
            .run(flow, move |workspace| job(&mut || hash.verify_in(workspace, &password)))
            .await
    }

    /// Waits for the turn to look up a stored hash. The permit is to be dropped after that.
    ///
    /// A database serves its callers in their order, and logins by the thousand would be ahead of
    /// that of a customer. Here they take turns. A job that would find no place in the queue now is
    /// refused at once, because the lookup costs many times as much as the refusal.
    pub(crate) async fn turn_to_look_up(&self, flow: Flow) -> Result<FairPermit, HashError> {
        if self.pool.refuses(flow) {
            return Err(HashError::OVERLOADED);
        }
        let deadline = Instant::now() + MAX_LOOKUP_WAIT;
        let turn = self.lookups.acquire(flow, deadline).await;
        turn.map_err(|Crowded| HashError::OVERLOADED)
    }

    /// Counts a job that was refused by something else. So a source that repeats its guesses comes
    /// after others, also if few of the guesses get here.
    pub(crate) fn count_refused(&self, flow: Flow) {
        self.pool.count_refused(flow);
    }

    /// Returns the parameters of new hashes.
    #[must_use]
    pub fn params(&self) -> PasswordParams {
        self.params
    }

    /// Returns the hash to verify against when there is none: created once, so that no branch of a
    /// login costs more than another.
    pub(crate) fn decoy(&self) -> PasswordHash {
        (*self.decoy).clone()
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("params", &self.params)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// Builder for a [`PasswordHasher`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PasswordHasherBuilder(Settings);

impl PasswordHasherBuilder {
    /// Sets the parameters of new hashes. Default: [`PasswordParams::default`].
    pub fn params(mut self, params: PasswordParams) -> Self {
        self.0.params = params;
        self
    }

    /// Sets the number of threads, 1 to 1024. Default: one for each core.
    ///
    /// Each thread uses the memory of its hash's parameters, so the pool uses at most threads times
    /// memory.
    ///
    /// On Linux the niceness of the threads is 10 above that of the thread that starts them: they
    /// get a ninth of another thread's share of a busy core, and the whole of an idle one. On other
    /// systems, and where this is forbidden, all threads are equal.
    pub fn threads(mut self, threads: usize) -> Self {
        self.0.threads = threads;
        self
    }

    /// Sets how many jobs may wait for a thread, 0 to 65 536. Default: 1024.
    ///
    /// A job that is shed at once comes again at once, from an attacker. The time that refusals take
    /// is missing for hashes, so a long queue hashes more in a storm. It makes no one wait for longer:
    /// jobs take turns, and none waits for more than [`max_wait`](Self::max_wait).
    pub fn max_waiting(mut self, waiting: usize) -> Self {
        self.0.waiting = waiting;
        self
    }

    /// Sets how long a job may wait for a thread, up to 60 s. Default: 1 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.0.wait = wait;
        self
    }

    /// Creates the hasher.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::NumberOutOfRange`] for a number of threads or waiting jobs out of range,
    /// - [`ConfigError::DurationOutOfRange`] for a wait out of range.
    pub fn build(self) -> Result<PasswordHasher, ConfigError> {
        let Settings { threads, waiting, wait, .. } = self.0;
        ConfigError::check_number("threads", threads as u64, 1..=MAX_THREADS as u64)?;
        ConfigError::check_number("max_waiting", waiting as u64, 0..=MAX_WAITING as u64)?;
        ConfigError::check_duration("max_wait", wait, Duration::ZERO..=MAX_WAIT)?;
        Ok(self.0.build())
    }
}

#[derive(Clone, Debug)]
struct Settings {
    params: PasswordParams,
    threads: usize,
    waiting: usize,
    wait: Duration,
}

impl Settings {
    fn build(self) -> PasswordHasher {
        PasswordHasher {
            pool: Pool::new(self.threads, self.waiting, self.wait),
            lookups: FairSemaphore::new(MAX_LOOKUPS, self.waiting, MAX_LOOKUP_WAIT),
            params: self.params,
            decoy: Arc::new(PasswordHash::decoy(self.params)),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            params: PasswordParams::default(),
            // If the number of cores is unknown: one hash at a time.
            threads: available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
            waiting: MAX_WAITING_BY_DEFAULT,
            wait: Duration::from_secs(1),
        }
    }
}

/// Lookups at a time: twice the connections of `SqliteCustomers`, so that none of these is idle.
const MAX_WAITING_BY_DEFAULT: usize = 1_024;
const MAX_LOOKUPS: usize = 8;
const MAX_LOOKUP_WAIT: Duration = Duration::from_secs(1);

const MAX_THREADS: usize = 1024;
const MAX_WAITING: usize = 65_536;
const MAX_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn fast() -> PasswordHasherBuilder {
        PasswordHasher::builder().params(PasswordParams::worthless_but_fast())
    }

    #[tokio::test]
    async fn hashes_and_checks_with_its_parameters() {
        let hasher = fast().build().unwrap();
        let hash = hasher.hash(Secret::from("mysecretpassword")).await.unwrap();
        assert!(!hash.needs_rehash(hasher.params()));
        for (password, same) in [("mysecretpassword", true), ("mysecretpassworD", false)] {
            let outcome = hasher.verify(Secret::from(password), hash.clone()).await;
            assert_eq!(outcome.ok(), Some(same), "{password}");
        }
    }

    #[tokio::test]
    async fn nothing_matches_the_decoy() {
        let hasher = fast().build().unwrap();
        let outcome = hasher.verify(Secret::from(""), hasher.decoy()).await;
        assert_eq!(outcome.ok(), Some(false));
    }

    #[test]
    fn the_defaults_are_a_thread_a_core_1024_waiting_and_1_s() {
        let cores = available_parallelism().map_or(1, usize::from);
        assert_eq!(
            format!("{:?}", PasswordHasher::default()),
            format!(
                "PasswordHasher {{ params: PasswordParams {{ memory_kib: 19456, passes: 2, lanes: 1 \
                 }}, pool: Pool {{ threads: {cores}, waiting: 1024, max_wait: 1s }}, .. }}"
            )
        );
    }

    #[test]
    fn refuses_settings_outside_their_bounds() {
        let number = |setting, value, min, max| {
            Some(ConfigError::NumberOutOfRange { setting, value, min, max })
        };
        assert_eq!(fast().threads(0).build().err(), number("threads", 0, 1, 1024));
        assert_eq!(fast().threads(1025).build().err(), number("threads", 1025, 1, 1024));
        let too_many = fast().max_waiting(65_537).build().err();
        assert_eq!(too_many, number("max_waiting", 65_537, 0, 65_536));
        assert_eq!(
            fast().max_wait(Duration::from_millis(60_001)).build().err(),
            Some(ConfigError::DurationOutOfRange {
                setting: "max_wait",
                value: Duration::from_millis(60_001),
                min: Duration::ZERO,
                max: Duration::from_secs(60),
            })
        );
        let smallest = fast().threads(1).max_waiting(0).max_wait(Duration::ZERO).build();
        assert_eq!(smallest.err(), None);
    }
}
