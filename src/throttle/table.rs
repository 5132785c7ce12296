//! A bounded table of counters.

use std::collections::HashMap;

use crate::throttle::ThrottleLimits;
use crate::throttle::counter::Counted;
use crate::throttle::counter::Counter;
use crate::throttle::counter::CounterKey;
use crate::throttle::counter::FORGET_CONSECUTIVE;
use crate::throttle::counter::Millis;
use crate::throttle::counter::millis;
use crate::throttle::sync::Mutex;
use crate::throttle::sync::MutexGuard;
use crate::throttle::sync::PoisonError;

/// Counters in shards, each with a bound.
///
/// A shard that is full counts new keys in shared counters, which are chosen by the key. They are
/// stricter: a shared counter has the failures of all its keys, and no success forgets them. A key
/// stays where it was first counted until that counter has lapsed. So no key gets a counter of its
/// own, and with it new attempts, because another key has left.
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// The counters that a shard may have beside the shared ones.
    bound: usize,
}

#[derive(Default)]
struct Shard {
    /// Grows in `make_room` alone, by a size that is chosen there.
    counters: HashMap<CounterKey, Counter>,
    /// Empty until it is needed.
    shared: Box<[Counter]>,
    /// The time of the next search for lapsed counters.
    next_sweep: Millis,
}

/// A locked shard, with the limits and the time of one operation.
pub(super) struct Locked<'a> {
    shard: MutexGuard<'a, Shard>,
    bound: usize,
    limits: &'a ThrottleLimits,
    now: Millis,
}

/// A counter, and whether it is a shared one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) counter: Counter,
    pub(super) is_shared: bool,
}

impl Table {
    /// Creates a table of at most this many counters, and the shared ones.
    pub(super) fn new(bound: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, bound: bound / SHARDS }
    }

    /// Locks the shard of an account or a source.
    pub(super) fn lock<'a>(&'a self, key: u64, limits: &'a ThrottleLimits) -> Locked<'a> {
        let shard = &self.shards[(key >> 32) as usize % SHARDS];
        // Nothing panics under the lock.
        let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { shard, bound: self.bound, limits, now: 0 }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().counters.len()).sum()
    }

    /// The attempts in flight, over all counters.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> u64 {
        let shards = self.shards.iter().map(|shard| shard.lock().unwrap());
        let of = |counter: &Counter| u64::from(counter.in_flight);
        shards.map(|s| s.counters.values().chain(&s.shared).map(of).sum::<u64>()).sum()
    }
}

impl Locked<'_> {
    /// Sets the time of the operation, to be read after all locks: for no counter does time go
    /// back, unless the clock does.
    pub(super) fn at(self, now: Millis) -> Self {
        Self { now, ..self }
    }

    /// Refreshes the counter of a key, and returns it.
    pub(super) fn get(&mut self, key: CounterKey) -> Found {
        let counted = Counted::by(key, self.limits);
        if let Some(own) = self.shard.counters.get_mut(&key) {
            counted.refresh(own, self.now);
            return Found { counter: *own, is_shared: false };
        }
        let Some(shared) = self.shard.shared.get_mut(slot(key)) else {
            return Found { counter: Counter::default(), is_shared: false };
        };
        counted.refresh(shared, self.now);
        // It locks many accounts, so its lock ends.
        if shared.in_flight == 0 && self.now - shared.last >= millis(FORGET_CONSECUTIVE) {
            shared.consecutive = 0;
        }
        Found { counter: *shared, is_shared: !counted.is_new(shared, self.now) }
    }

    /// Stores the counter of a key, where `get` has found it or would find it.
    pub(super) fn put(&mut self, key: CounterKey, counter: Counter) {
        let is_new = Counted::by(key, self.limits).is_new(&counter, self.now);
        if let Some(own) = self.shard.counters.get_mut(&key) {
            *own = counter;
            if is_new {
                self.shard.counters.remove(&key);
            }
        } else if self.get(key).is_shared {
            self.put_shared(key, counter);
        } else if is_new {
            // As good as no counter.
        } else if self.make_room() {
            self.shard.counters.insert(key, counter);
        } else {
            self.put_shared(key, counter);
        }
    }

    /// Changes all counters of an account: its own, and those of its pairs.
    pub(super) fn each_of(&mut self, account: u64, change: impl Fn(&mut Counter)) {
        let all = self.shard.counters.iter_mut().filter(|(key, _)| key.0 == account);
        all.for_each(|(_, counter)| change(counter));
        if let Some(shared) = self.shard.shared.get_mut(slot((account, 0))) {
            change(shared);
        }
    }

    fn put_shared(&mut self, key: CounterKey, counter: Counter) {
        if self.shard.shared.is_empty() {
            self.shard.shared = vec![Counter::default(); SHARED].into();
        }
        // No source is known by way of another.
        self.shard.shared[slot(key)] = Counter { known_until: 0, ..counter };
    }

    /// Returns whether there is room for one more counter, after removing lapsed ones.
    fn make_room(&mut self) -> bool {
        let Self { shard, bound, limits, now } = self;
        let Shard { counters, next_sweep, .. } = &mut **shard;
        // A map has less capacity after removals, and would grow beyond the bound to have more.
        let has_room = |counters: &HashMap<_, _>| {
            counters.len() < *bound && counters.len() < counters.capacity()
        };
        if has_room(counters) {
            return true;
        }
        if counters.len() < *bound / 2 {
            // At least as many counters are inserted until the next time.
            rebuild(counters, (2 * counters.len()).max(MIN_CAPACITY).min(*bound));
            return true;
        }
        // Or the clock was set back since the last search.
        if *now < *next_sweep && *next_sweep <= *now + SWEEP_INTERVAL {
            return false;
        }
        *next_sweep = *now + SWEEP_INTERVAL;
        counters.retain(|key, counter| {
            let counted = Counted::by(*key, limits);
            counted.refresh(counter, *now);
            !counted.is_new(counter, *now)
        });
        if counters.len() < *bound && !has_room(counters) {
            rebuild(counters, *bound);
        }
        has_room(counters)
    }
}

/// Moves counters to a map with this capacity.
fn rebuild(counters: &mut HashMap<CounterKey, Counter>, capacity: usize) {
    let mut rebuilt = HashMap::with_capacity_and_hasher(capacity, counters.hasher().clone());
    rebuilt.extend(counters.drain());
    *counters = rebuilt;
}

/// Returns the index of a key's shared counter. Accounts and pairs do not share with each other.
fn slot((account, source): CounterKey) -> usize {
    // By other bits than those that have chosen the shard.
    let hash = (account ^ source.rotate_left(16)) as usize % (SHARED / 2);
    if source == 0 { hash } else { hash + SHARED / 2 }
}

const SHARDS: usize = 32;
/// Shared counters of a shard.
const SHARED: usize = 128;
/// Counters that a shard has room for when it has any.
const MIN_CAPACITY: usize = 16;
const SWEEP_INTERVAL: Millis = 1_000;
