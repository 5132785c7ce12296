//! A bounded pool of threads for jobs that compute for milliseconds.
//!
//! Not the runtime's own blocking threads: those are 512, and 512 hashes of 19 MiB each are 9.5
//! GiB. `docs/design.md` says why it is not built on rayon or a second runtime.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::fair_queue::FairQueue;
use crate::fair_queue::Flow;
use crate::fair_queue::Pushed;
use crate::fair_queue::Ticket;
use crate::password::HashError;
use crate::password::hash::Workspace;

/// Handle to the pool. The threads start when there is work, and end with the last handle.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Handle>);

impl Pool {
    /// Creates a pool of at most `threads`, with `waiting` jobs that wait for at most `max_wait`.
    pub(crate) fn new(threads: usize, waiting: usize, max_wait: Duration) -> Self {
        let state = State {
            queue: FairQueue::new(waiting, max_wait),
            started: BTreeMap::new(),
            admitted: 0,
            threads: 0,
            running: 0,
            #[cfg(test)]
            begun: 0,
            closed: false,
        };
        let shared =
            Shared { state: Mutex::new(state), work: Condvar::new(), threads, waiting, max_wait };
        Self(Arc::new(Handle(Arc::new(shared))))
    }

    /// Runs `job` on one of the threads, when it is its flow's turn.
    ///
    /// A job that has not begun is dropped at once, with what it captured, when its future is
    /// dropped, when it has waited too long, and when a job of another flow displaces it. One that
    /// has begun finishes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        flow: Flow,
        job: impl FnOnce(&mut Workspace) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let shared = &*self.0.0;
        let (sender, mut receiver) = oneshot::channel();
        let work: Work = Box::new(move |workspace| {
            let outcome = if let Some(workspace) = workspace {
                // A panic becomes the caller's error, and the thread continues. The next job does
                // not read what this one leaves in the workspace.
                catch_unwind(AssertUnwindSafe(|| job(workspace)))
                    .map_err(|panic| HashError::failed(panic_message(panic)))
            } else {
                drop(job);
                Err(HashError::OVERLOADED)
            };
            Box::new(move || {
                // The caller may have gone.
                drop(sender.send(outcome));
            })
        });
        let place = Place { shared, admission: self.0.0.admit(flow, work)? };
        let outcome = match place.admission {
            // A thread is about to take this job, so that it needs no time limit. In a test with a
            // paused clock a limit would pass before that.
            Admission::Started(_) => receiver.await,
            Admission::Waiting(_) => match timeout(shared.max_wait, &mut receiver).await {
                Ok(outcome) => outcome,
                Err(_) if place.leave() => return Err(HashError::OVERLOADED),
                // The job has just begun, and will end soon; or it has just been displaced.
                Err(_) => receiver.await,
            },
        };
        outcome.unwrap_or_else(|_| Err(HashError::failed("the thread that hashes has ended")))
    }

    /// Returns whether [`run`](Self::run) would refuse a job now. If so, its flow has asked for it.
    pub(crate) fn refuses(&self, flow: Flow) -> bool {
        let shared = &*self.0.0;
        let now = Instant::now();
        let mut state = shared.lock();
        state.running + state.waiting() >= shared.threads && state.queue.refuses(flow, now)
    }

    /// Counts a job that was refused before it was offered.
    pub(crate) fn count_refused(&self, flow: Flow) {
        let now = Instant::now();
        self.0.0.lock().queue.count_refused(flow, now);
    }

    /// Jobs that wait for a thread.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.0.lock().waiting()
    }

    /// Jobs that a thread is busy with.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.0.0.lock().running
    }

    /// Jobs that threads have begun.
    #[cfg(test)]
    pub(crate) fn begun(&self) -> u64 {
        self.0.0.lock().begun
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
        let jobs = (state.queue.clear(), std::mem::take(&mut state.started));
        drop(state);
        drop(jobs);
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
    queue: FairQueue<Work>,
    /// The jobs that a thread is about to take. They are not displaced, and none overtakes them.
    started: BTreeMap<u64, Work>,
    admitted: u64,
    threads: usize,
    running: usize,
    #[cfg(test)]
    begun: u64,
    closed: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.queue.len() + self.started.len()
    }

    /// Takes the next job, for a thread that runs it.
    fn next(&mut self) -> Option<Work> {
        let started = self.started.pop_first().map(|(_, job)| job);
        let job = started.or_else(|| self.queue.pop());
        self.running += usize::from(job.is_some());
        #[cfg(test)]
        {
            self.begun += u64::from(job.is_some());
        }
        job
    }
}

/// Computes the job, or drops it if there is no workspace, and returns the closure that sends its
/// result.
type Work = Box<dyn FnOnce(Option<&mut Workspace>) -> Box<dyn FnOnce()> + Send>;

#[derive(Clone, Copy)]
enum Admission {
    Started(u64),
    Waiting(Ticket),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of ours panics under the lock, and jobs run and are dropped outside it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(self: &Arc<Self>, flow: Flow, job: Work) -> Result<Admission, HashError> {
        let now = Instant::now();
        let mut state = self.lock();
        let ahead = state.running + state.waiting();
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
        let (admission, displaced) = if ahead < state.threads {
            state.queue.count(flow, now);
            let number = state.admitted;
            state.admitted += 1;
            state.started.insert(number, job);
            (Admission::Started(number), None)
        } else {
            match state.queue.push(flow, job, now) {
                Pushed::Waiting(ticket) => (Admission::Waiting(ticket), None),
                Pushed::Displaced(ticket, job) => (Admission::Waiting(ticket), Some(job)),
                Pushed::Refused(job) => {
                    drop(state);
                    drop(job);
                    return Err(HashError::OVERLOADED);
                }
            }
        };
        drop(state);
        self.work.notify_one();
        if let Some(displaced) = displaced {
            displaced(None)();
        }
        Ok(admission)
    }

    fn work(&self) {
        stand_back();
        let mut workspace = Workspace::default();
        while let Some(mut job) = self.wait_for_job() {
            loop {
                let deliver = job(Some(&mut workspace));
                // Frees the place, or gives it to the next job, before sending the result: the
                // caller may submit another job immediately.
                let next = {
                    let mut state = self.lock();
                    state.running -= 1;
                    state.next()
                };
                // A result whose caller has gone is dropped here.
                drop(catch_unwind(AssertUnwindSafe(deliver)));
                match next {
                    Some(next) => job = next,
                    None => break,
                }
            }
        }
    }

    /// Returns `None` when the thread has to end.
    fn wait_for_job(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                state.threads -= 1;
                return None;
            }
            if let Some(job) = state.next() {
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The place of a job, for its caller. Dropping it while the job waits drops the job.
struct Place<'a> {
    shared: &'a Shared,
    admission: Admission,
}

impl Place<'_> {
    /// Returns whether the job was still waiting.
    fn leave(&self) -> bool {
        let mut state = self.shared.lock();
        let job = match self.admission {
            Admission::Started(number) => state.started.remove(&number),
            Admission::Waiting(ticket) => state.queue.remove(ticket),
        };
        drop(state);
        // With what it has captured, outside the lock.
        job.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
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

#[cfg(test)]
mod tests;
