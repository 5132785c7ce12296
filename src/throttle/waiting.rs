//! Attempts that wait for the outcome of others of their account.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

use crate::throttle::ThrottleKey;

/// The waiting attempts of all accounts.
#[derive(Debug, Default)]
pub(super) struct WaitingRoom(Mutex<HashMap<ThrottleKey, Account>>);

#[derive(Debug, Default)]
struct Account {
    waiting: usize,
    settled: Arc<Notify>,
}

/// A place in the room, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    room: &'a WaitingRoom,
    account: ThrottleKey,
    pub(super) settled: Arc<Notify>,
}

impl WaitingRoom {
    /// Takes a place, unless too many attempts of the account are waiting.
    pub(super) fn enter(&self, account: ThrottleKey) -> Option<Place<'_>> {
        let mut accounts = self.lock();
        let Account { waiting, settled } = accounts.entry(account).or_default();
        if *waiting >= MAX_WAITING {
            return None;
        }
        *waiting += 1;
        Some(Place { room: self, account, settled: Arc::clone(settled) })
    }

    /// Wakes the attempts of an account, because another one was settled.
    pub(super) fn wake(&self, account: ThrottleKey) {
        if let Some(account) = self.lock().get(&account) {
            account.settled.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThrottleKey, Account>> {
        // Nothing panics under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut accounts = self.room.lock();
        if let Some(account) = accounts.get_mut(&self.account) {
            account.waiting -= 1;
            if account.waiting == 0 {
                accounts.remove(&self.account);
            }
        }
    }
}

/// Of one account, in this process.
const MAX_WAITING: usize = 16;
