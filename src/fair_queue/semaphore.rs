//! A semaphore whose waiters take turns.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::fair_queue::FairQueue;
use crate::fair_queue::Flow;
use crate::fair_queue::Pushed;
use crate::fair_queue::Ticket;

/// Semaphore with a bounded queue that takes turns between sources.
#[derive(Clone)]
pub(crate) struct FairSemaphore(Arc<Shared>);

/// Permit of a [`FairSemaphore`], given back when it is dropped.
pub(crate) struct FairPermit(Option<Arc<Shared>>);

/// There was no permit in time, or another waiter took the place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

struct Shared {
    state: Mutex<State>,
    max_wait: Duration,
}

struct State {
    free: usize,
    /// Not empty only while no permit is free.
    queue: FairQueue<oneshot::Sender<FairPermit>>,
}

impl FairSemaphore {
    /// Creates a semaphore with `permits`, for which `waiting` callers wait for at most `max_wait`.
    pub(crate) fn new(permits: usize, waiting: usize, max_wait: Duration) -> Self {
        let state = State { free: permits, queue: FairQueue::new(waiting, max_wait) };
        Self(Arc::new(Shared { state: Mutex::new(state), max_wait }))
    }

    /// Waits for a permit, until the deadline at most. When the future is dropped, neither a permit
    /// nor a place stays taken.
    pub(crate) async fn acquire(
        &self,
        flow: Flow,
        deadline: Instant,
    ) -> Result<FairPermit, Crowded> {
        let (sender, mut receiver) = oneshot::channel();
        let now = Instant::now();
        let pushed = {
            let mut state = self.0.lock();
            if state.free > 0 {
                state.free -= 1;
                state.queue.count(flow, now);
                return Ok(FairPermit(Some(self.0.clone())));
            }
            state.queue.push(flow, sender, now)
        };
        let ticket = match pushed {
            Pushed::Waiting(ticket) => ticket,
            // The receiver of a sender that is dropped gets an error.
            Pushed::Displaced(ticket, _displaced) => ticket,
            Pushed::Refused(_) => return Err(Crowded),
        };
        let place = Place { shared: &self.0, ticket };
        let deadline = deadline.min(now + self.0.max_wait);
        match timeout_at(deadline, &mut receiver).await {
            Ok(outcome) => outcome.map_err(|_| Crowded),
            Err(_) if place.leave() => Err(Crowded),
            // The permit is being sent; or the place has just been lost.
            Err(_) => receiver.await.map_err(|_| Crowded),
        }
    }

    /// Permits that are free, and callers that wait.
    #[cfg(test)]
    fn counts(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.free, state.queue.len())
    }
}

impl fmt::Debug for FairPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FairPermit").finish_non_exhaustive()
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.release();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a permit to the next waiter, or frees it.
    fn release(self: Arc<Self>) {
        let mut permit = FairPermit(Some(self.clone()));
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.queue.pop();
                state.free += usize::from(next.is_none());
                next
            };
            let Some(sender) = next else {
                permit.0 = None;
                return;
            };
            match sender.send(permit) {
                Ok(()) => return,
                // This waiter has just gone.
                Err(returned) => permit = returned,
            }
        }
    }
}

/// The place of a waiter in the queue.
struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Place<'_> {
    /// Returns whether the place was still taken.
    fn leave(&self) -> bool {
        let sender = self.shared.lock().queue.remove(self.ticket);
        sender.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn acquire(semaphore: &FairSemaphore, flow: Flow) -> Result<FairPermit, Crowded> {
        semaphore.acquire(flow, Instant::now() + LONG).await
    }

    fn source(number: u32) -> Flow {
        Flow::new().source(Ipv4Addr::from_bits(number).into())
    }

    #[tokio::test]
    async fn permits_are_handed_to_the_waiters_in_turn() {
        let semaphore = FairSemaphore::new(1, 8, LONG);
        let mut held = acquire(&semaphore, source(1)).now_or_never().unwrap().unwrap();
        let mut waiters: Vec<_> =
            [1, 1, 2].map(|number| Box::pin(acquire(&semaphore, source(number)))).into();
        for waiter in &mut waiters {
            assert!(waiter.now_or_never().is_none());
        }
        assert_eq!(semaphore.counts(), (0, 3));
        // The other source goes first, though it came last.
        for next in [2, 0, 0] {
            drop(held);
            held = waiters.remove(next).now_or_never().unwrap().unwrap();
        }
        drop(held);
        assert_eq!(semaphore.counts(), (1, 0));
    }

    #[tokio::test]
    async fn a_newcomer_displaces_the_newest_waiter_of_the_heaviest_source() {
        let semaphore = FairSemaphore::new(1, 2, LONG);
        let held = acquire(&semaphore, source(1)).await.unwrap();
        let mut waiters: Vec<_> =
            (0..2).map(|_| Box::pin(acquire(&semaphore, source(1)))).collect();
        assert!(waiters.iter_mut().all(|waiter| waiter.now_or_never().is_none()));
        assert_eq!(acquire(&semaphore, source(1)).now_or_never().unwrap().unwrap_err(), Crowded);
        let mut newcomer = Box::pin(acquire(&semaphore, source(2)));
        assert!((&mut newcomer).now_or_never().is_none());
        assert_eq!(waiters.pop().unwrap().now_or_never().unwrap().unwrap_err(), Crowded);
        assert_eq!(semaphore.counts(), (0, 2));
        drop(held);
        let held = newcomer.now_or_never().unwrap().unwrap();
        drop(held);
        drop(waiters);
        assert_eq!(semaphore.counts(), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_limit() {
        let semaphore = FairSemaphore::new(1, 2, Duration::from_secs(1));
        let held = acquire(&semaphore, source(1)).await.unwrap();
        let begun = Instant::now();
        assert_eq!(acquire(&semaphore, source(2)).await.unwrap_err(), Crowded);
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(semaphore.acquire(source(2), deadline).await.unwrap_err(), Crowded);
        assert_eq!(Instant::now(), deadline);
        assert_eq!(semaphore.counts(), (0, 0));
        drop(held);
        assert_eq!(semaphore.counts(), (1, 0));
    }

    #[tokio::test]
    async fn a_permit_that_was_sent_to_a_waiter_who_goes_is_handed_on() {
        let semaphore = FairSemaphore::new(1, 2, LONG);
        let held = acquire(&semaphore, source(1)).await.unwrap();
        let mut gone = Box::pin(acquire(&semaphore, source(2)));
        let mut next = Box::pin(acquire(&semaphore, source(3)));
        assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
        drop(held);
        assert_eq!(semaphore.counts(), (0, 1));
        drop(gone);
        assert_eq!(semaphore.counts(), (0, 0));
        drop(next.now_or_never().unwrap().unwrap());
        assert_eq!(semaphore.counts(), (1, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hundred_thousand_waiters_dropped_at_random_leave_no_permit_and_no_place_taken() {
        let semaphore = FairSemaphore::new(3, 5, Duration::from_millis(1));
        let tasks = (0..2).map(|seed| {
            let semaphore = semaphore.clone();
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut waiters = Vec::new();
                let mut permits = Vec::new();
                let (mut dropped, mut had_permit) = (0, 0);
                while dropped < 50_000 {
                    let (semaphore, flow) = (semaphore.clone(), source(random.u32(..4)));
                    waiters.push(Box::pin(async move { acquire(&semaphore, flow).await }));
                    for _ in 0..random.usize(..4) {
                        let waiter = random.usize(..waiters.len());
                        if let Some(outcome) = (&mut waiters[waiter]).now_or_never() {
                            permits.extend(outcome);
                            drop(waiters.swap_remove(waiter));
                            break;
                        }
                    }
                    while permits.len() > random.usize(..3) {
                        permits.swap_remove(random.usize(..permits.len()));
                        had_permit += 1;
                    }
                    while waiters.len() > random.usize(..12) {
                        drop(waiters.swap_remove(random.usize(..waiters.len())));
                        dropped += 1;
                    }
                    if random.u8(..) == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                had_permit
            })
        });
        for had_permit in futures_util::future::join_all(tasks).await {
            assert!(had_permit.unwrap() > 1_000);
        }
        assert_eq!(semaphore.counts(), (3, 0));
    }
}
