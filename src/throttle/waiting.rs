//! Attempts that wait for the outcome of others, of their account or of their source.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::throttle::ThrottleKey;
use crate::throttle::sync::Arc;
use crate::throttle::sync::Mutex;
use crate::throttle::sync::MutexGuard;
use crate::throttle::sync::Notify;
use crate::throttle::sync::PoisonError;
use crate::throttle::sync::timeout_at;

/// The waiting attempts, by the account or the source whose attempts in flight they wait for.
#[derive(Debug, Default)]
pub(super) struct WaitingRoom(Mutex<HashMap<ThrottleKey, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    attempts: usize,
    settled: Arc<Notify>,
}

/// Outcome of a reservation.
pub(super) enum Reserved<T, E> {
    Granted(T),
    Refused(E),
    /// Refused because of the attempts in flight of this account or source.
    InFlight(ThrottleKey, E),
}

/// Why there is no reservation.
pub(super) enum NotReserved<E> {
    Refused(E),
    /// The others have been in flight for too long.
    TimedOut,
}

/// A place in the room, until it is dropped.
#[derive(Debug)]
struct Place<'a> {
    room: &'a WaitingRoom,
    key: ThrottleKey,
    settled: Arc<Notify>,
}

impl WaitingRoom {
    /// Reserves an attempt. While it is refused only because of others in flight, waits for their
    /// outcome: for at most 1 s, and with at most 15 others.
    pub(super) async fn reserve<T, E, R>(
        &self,
        mut reserve: impl FnMut() -> R,
    ) -> Result<T, NotReserved<E>>
    where
        R: Future<Output = Reserved<T, E>>,
    {
        let (mut key, mut refused) = match reserve().await {
            Reserved::Granted(granted) => return Ok(granted),
            Reserved::Refused(refused) => return Err(NotReserved::Refused(refused)),
            Reserved::InFlight(key, refused) => (key, refused),
        };
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            let Some(place) = self.enter(key) else {
                return Err(NotReserved::Refused(refused));
            };
            // Others may be in the way now.
            while key == place.key {
                // Before the next try, so that no outcome is missed between that and the wait.
                let mut settled = pin!(place.settled.notified());
                settled.as_mut().enable();
                (key, refused) = match reserve().await {
                    Reserved::Granted(granted) => return Ok(granted),
                    Reserved::Refused(refused) => return Err(NotReserved::Refused(refused)),
                    Reserved::InFlight(key, refused) => (key, refused),
                };
                if key == place.key {
                    let retry = deadline.min(Instant::now() + RETRY_INTERVAL);
                    if timeout_at(retry, settled).await.is_err() && retry == deadline {
                        return Err(NotReserved::TimedOut);
                    }
                }
            }
        }
    }

    /// Wakes the attempts that wait for others of this account or source, because one was settled.
    pub(super) fn wake(&self, key: ThrottleKey) {
        if let Some(waiting) = self.lock().get(&key) {
            waiting.settled.notify_waiters();
        }
    }

    /// Attempts that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().values().map(|waiting| waiting.attempts).sum()
    }

    /// Takes a place, unless too many attempts are waiting.
    fn enter(&self, key: ThrottleKey) -> Option<Place<'_>> {
        let mut room = self.lock();
        let Waiting { attempts, settled } = room.entry(key).or_default();
        if *attempts >= MAX_WAITING {
            return None;
        }
        *attempts += 1;
        Some(Place { room: self, key, settled: Arc::clone(settled) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThrottleKey, Waiting>> {
        // Nothing panics under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut room = self.room.lock();
        if let Some(waiting) = room.get_mut(&self.key) {
            waiting.attempts -= 1;
            if waiting.attempts == 0 {
                room.remove(&self.key);
            }
        }
    }
}

/// Of one account or source, in this process.
const MAX_WAITING: usize = 16;

/// For the outcome of others.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Attempts that are settled by another process, or with the shared counters of a full table, wake
/// nothing here.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
