//! A bounded pool of threads for jobs that compute for milliseconds.
//!
//! Not the runtime's own blocking threads: those are 512, and 512 hashes of 19 MiB each are 9.5
//! GiB. `docs/design.md` says why it is not built on rayon or a second runtime.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::password::HashError;
use crate::password::hash::Workspace;

/// Handle to the pool. The threads start when there is work, and end with the last handle.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Handle>);

impl Pool {
    /// Creates a pool of at most `threads`, with `waiting` jobs that wait for at most `max_wait`.
    pub(crate) fn new(threads: usize, waiting: usize, max_wait: Duration) -> Self {
        let state = State { queue: VecDeque::new(), threads: 0, running: 0, closed: false };
        let shared =
            Shared { state: Mutex::new(state), work: Condvar::new(), threads, waiting, max_wait };
        Self(Arc::new(Handle(Arc::new(shared))))
    }

    /// Runs `job` on one of the threads. A job whose future is dropped before it began never runs;
    /// one that has begun finishes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Workspace) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let shared = &self.0.0;
        let (sender, mut receiver) = oneshot::channel();
        let ticket = Ticket(Arc::new(AtomicU8::new(QUEUED)));
        let job = Job {
            stage: ticket.0.clone(),
            work: Box::new(move |workspace| {
                // A panic becomes the caller's error, and the thread continues. The next job does
                // not read what this one leaves in the workspace.
                let outcome = catch_unwind(AssertUnwindSafe(|| job(workspace)));
                let outcome = outcome.map_err(panic_message);
                Box::new(move || {
                    // The caller may have gone.
                    drop(sender.send(outcome));
                })
            }),
        };
        let outcome = match shared.admit(job)? {
            // A thread is about to take this job, so that it needs no time limit. In a test with a
            // paused clock a limit would pass before that.
            Admission::Started => (&mut receiver).await,
            Admission::Waiting => match timeout(shared.max_wait, &mut receiver).await {
                Ok(outcome) => outcome,
                Err(_) if ticket.abandon() => return Err(HashError::OVERLOADED),
                // The job has just begun, and will end soon.
                Err(_) => (&mut receiver).await,
            },
        };
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panicked)) => Err(HashError::failed(panicked)),
            Err(_) => Err(HashError::failed("the thread that hashes has ended")),
        }
    }

    /// Jobs that wait for a thread.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.0.lock().live_jobs()
    }

    /// Jobs that a thread is busy with.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.0.0.lock().running
    }

    /// Threads that have been started and have not ended.
    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.0.0.lock().threads
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.0.0.threads)
            .field("waiting", &self.0.0.waiting)
            .field("max_wait", &self.0.0.max_wait)
            .finish()
    }
}

/// Ends the threads when the last clone of a [`Pool`] goes; the threads themselves hold `Shared`.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        // Every future of `run` borrows a handle, so no caller waits for these jobs.
        state.queue.clear();
        drop(state);
        self.0.work.notify_all();
    }
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    threads: usize,
    waiting: usize,
    max_wait: Duration,
}

struct State {
    queue: VecDeque<Job>,
    threads: usize,
    running: usize,
    closed: bool,
}

impl State {
    fn live_jobs(&mut self) -> usize {
        // Abandoned jobs are removed here, with what they have captured.
        self.queue.retain(|job| job.stage.load(Ordering::Acquire) == QUEUED);
        self.queue.len()
    }
}

struct Job {
    stage: Arc<AtomicU8>,
    work: Work,
}

/// Computes the job, and returns the closure that sends its result.
type Work = Box<dyn FnOnce(&mut Workspace) -> Box<dyn FnOnce()> + Send>;

enum Admission {
    Started,
    Waiting,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of ours panics under the lock, and jobs run outside it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(self: &Arc<Self>, job: Job) -> Result<Admission, HashError> {
        let mut state = self.lock();
        let ahead = state.running + state.live_jobs();
        if ahead >= self.threads.saturating_add(self.waiting) {
            return Err(HashError::OVERLOADED);
        }
        if ahead >= state.threads && state.threads < self.threads {
            let shared = self.clone();
            let spawned = thread::Builder::new()
                .name("password-hash".to_owned())
                .spawn(move || shared.work());
            match spawned {
                Ok(_detached) => state.threads += 1,
                // Another thread is alive and will run the job.
                Err(error) if state.threads == 0 => return Err(HashError::failed(error)),
                Err(_) => {}
            }
        }
        let admission = if ahead < state.threads { Admission::Started } else { Admission::Waiting };
        state.queue.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(admission)
    }

    fn work(&self) {
        stand_back();
        let mut workspace = Workspace::default();
        let mut state = self.lock();
        loop {
            if state.closed {
                state.threads -= 1;
                return;
            }
            let Some(job) = state.queue.pop_front() else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if advance(&job.stage, RUNNING) {
                state.running += 1;
                drop(state);
                let deliver = (job.work)(&mut workspace);
                // Frees the place before sending the result: the caller may submit another job
                // immediately.
                self.lock().running -= 1;
                deliver();
                state = self.lock();
            }
        }
    }
}

/// The caller's end of a job. Dropping it while the job waits abandons the job.
struct Ticket(Arc<AtomicU8>);

impl Ticket {
    fn abandon(&self) -> bool {
        advance(&self.0, ABANDONED)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Takes a job out of the stage `QUEUED`. Either the thread or the caller succeeds.
fn advance(stage: &AtomicU8, to: u8) -> bool {
    stage.compare_exchange(QUEUED, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// Lowers the priority of the current thread. A hash takes milliseconds, and its caller expects
/// that; a token is verified beside it in microseconds.
fn stand_back() {
    // On Linux this affects only the calling thread. Where it is forbidden, all threads are equal.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
}

fn panic_message(panic: Box<dyn Any + Send>) -> String {
    // The panic hook has printed the panic. The payload might contain secrets and is dropped.
    drop(panic);
    "panicked".to_owned()
}

/// A ninth of another thread's share when both compete for a core.
///
/// Deliberately not `SCHED_IDLE`, although any waking thread preempts it. Its share is a 340th, so
/// logins would be rejected while other threads use every core. Validations were not faster beside
/// it either: when two other threads alternate, the scheduler may return to the hash between them,
/// until its next tick.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
const ABANDONED: u8 = 2;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;
    use crate::password::HashErrorKind;

    const LONG: Duration = Duration::from_secs(3600);

    /// Keeps one thread busy until it is dropped, and has it busy when it returns.
    async fn occupy(pool: &Pool) -> mpsc::Sender<()> {
        let (release, until) = mpsc::channel::<()>();
        let (busy, is_busy) = oneshot::channel();
        let pool = pool.clone();
        tokio::spawn(async move {
            pool.run(move |_| {
                busy.send(()).unwrap();
                until.recv().ok();
            })
            .await
        });
        is_busy.await.unwrap();
        release
    }

    fn kind<T>(outcome: Result<T, HashError>) -> Option<HashErrorKind> {
        outcome.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn starts_no_thread_before_there_is_work_and_no_more_than_it_may() {
        let pool = Pool::new(2, 16, LONG);
        assert_eq!(pool.threads(), 0);
        for number in 0..4 {
            assert_eq!(pool.run(move |_| number).await.ok(), Some(number));
            assert_eq!(pool.threads(), 1);
        }
        let _one = occupy(&pool).await;
        let _two = occupy(&pool).await;
        assert_eq!(pool.run(|_| 5).now_or_never().map(|_| ()), None);
        assert_eq!(pool.threads(), 2);
    }

    #[tokio::test]
    async fn never_runs_more_jobs_at_once_than_threads() {
        let pool = Pool::new(2, 64, LONG);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..64).map(|_| {
            let (now, most) = (now.clone(), most.clone());
            pool.run(move |_| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            })
        });
        for outcome in futures_util::future::join_all(jobs).await {
            assert_eq!(kind(outcome), None);
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn refuses_at_once_what_finds_the_queue_full() {
        let pool = Pool::new(1, 2, LONG);
        let release = occupy(&pool).await;
        let (mut one, mut two) = (Box::pin(pool.run(|_| 1)), Box::pin(pool.run(|_| 2)));
        assert_eq!((&mut one).now_or_never().map(|_| ()), None);
        assert_eq!((&mut two).now_or_never().map(|_| ()), None);
        assert_eq!(pool.run(|_| 3).now_or_never().map(kind), Some(Some(HashErrorKind::Overloaded)));
        drop(release);
        assert_eq!((one.await.ok(), two.await.ok()), (Some(1), Some(2)));
    }

    #[tokio::test]
    async fn a_job_that_waits_gets_its_turn_though_its_future_is_not_polled() {
        let pool = Pool::new(1, 2, Duration::from_secs(2));
        let release = occupy(&pool).await;
        let (begun, has_begun) = oneshot::channel();
        let mut unpolled = Box::pin(pool.run(move |_| begun.send(()).unwrap()));
        assert_eq!((&mut unpolled).now_or_never().map(|_| ()), None);
        let mut behind_it = Box::pin(pool.run(|_| 2));
        assert_eq!((&mut behind_it).now_or_never().map(|_| ()), None);
        drop(release);
        assert_eq!(behind_it.await.ok(), Some(2));
        assert_eq!(has_begun.await, Ok(()));
        assert_eq!(unpolled.await.ok(), Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_limit_while_all_threads_are_busy() {
        let pool = Pool::new(1, 16, Duration::from_secs(1));
        let release = occupy(&pool).await;
        let begun = tokio::time::Instant::now();
        assert_eq!(kind(pool.run(|_| ()).await), Some(HashErrorKind::Overloaded));
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert_eq!(pool.waiting(), 0);
        drop(release);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_finds_a_thread_free_has_no_limit() {
        let pool = Pool::new(1, 0, Duration::ZERO);
        assert_eq!(pool.run(|_| 1).await.ok(), Some(1));
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_is_skipped_and_gives_back_its_place() {
        let pool = Pool::new(1, 1, LONG);
        let release = occupy(&pool).await;
        let ran = Arc::new(AtomicUsize::new(0));
        let mut abandoned = Box::pin({
            let ran = ran.clone();
            pool.run(move |_| ran.fetch_add(1, Ordering::SeqCst))
        });
        assert_eq!((&mut abandoned).now_or_never().map(|_| ()), None);
        assert_eq!(pool.waiting(), 1);
        drop(abandoned);
        assert_eq!(pool.waiting(), 0);
        let mut next = Box::pin(pool.run(|_| 2));
        assert_eq!((&mut next).now_or_never().map(|_| ()), None);
        drop(release);
        assert_eq!(next.await.ok(), Some(2));
        assert_eq!(ran.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_caller_alone() {
        let pool = Pool::new(1, 4, LONG);
        for _ in 0..3 {
            let outcome = pool.run(|_| panic!("a panic on purpose")).await;
            assert_eq!(kind::<()>(outcome), Some(HashErrorKind::Failed));
        }
        assert_eq!(pool.run(|_| 7).await.ok(), Some(7));
        assert_eq!(pool.threads(), 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_alone_let_others_go_first() {
        /// The niceness and the policy of the calling thread: proc_pid_stat(5), fields 19 and 41.
        fn standing() -> (i32, i32) {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // The name, the second field, is in braces and may hold spaces.
            let (_, rest) = stat.rsplit_once(") ").unwrap();
            let fields: Vec<&str> = rest.split(' ').collect();
            (fields[19 - 3].parse().unwrap(), fields[41 - 3].parse().unwrap())
        }
        let before = standing();
        let pool = Pool::new(1, 0, LONG);
        let inside = pool.run(|_| standing()).await.ok();
        // 19 is the maximum. The scheduling policy is inherited from the process.
        assert_eq!(inside, Some(((before.0 + NICENESS).min(19), before.1)));
        assert_eq!(standing(), before);
    }

    #[tokio::test]
    async fn the_threads_end_with_the_last_handle() {
        let pool = Pool::new(2, 4, LONG);
        let clone = pool.clone();
        let (one, two) = (occupy(&pool).await, occupy(&clone).await);
        let shared = Arc::downgrade(&pool.0.0);
        drop(pool);
        drop((one, two));
        assert_eq!(clone.run(|_| 1).await.ok(), Some(1));
        drop(clone);
        // The threads hold the last references; there is nothing to wait on but themselves.
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
