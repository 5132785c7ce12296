//! Four fingerprints in one cache line.
//!
//! # Why no interleaving causes a false hit
//!
//! A fingerprint is two words, the head and the tail, which are loaded and stored separately. A
//! reader may see the head of one fingerprint and the tail of another. It reports a hit only if
//! both words match the fingerprint it looks for, and only an insertion of that fingerprint writes
//! them. No other data is published with a fingerprint, so every access is relaxed.
//! `tests/cache_model.rs` runs this file under every interleaving.

use std::time::Duration;

use super::fingerprint::Fingerprint;
use super::sync::AtomicU64;
use super::sync::Ordering::Relaxed;

pub(super) const SLOTS: usize = 4;

/// Four slots of 16 bytes. All zero is four free slots.
#[cfg_attr(test, derive(Debug))]
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Line {
    /// The first words of the fingerprints, with the slot states in the lowest bits.
    heads: [AtomicU64; SLOTS],
    tails: [AtomicU64; SLOTS],
}

/// State of a slot: the lowest bits of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

impl State {
    const FREE: Self = Self(0);
    /// Inserted and not used since.
    const NEW: Self = Self(1);
    /// This and higher states are kept slots; they encode the minute of the last use, as `Minute`
    /// counts.
    const FIRST_KEPT: u64 = 2;

    const fn of(head: u64) -> Self {
        Self(head & Fingerprint::STATE_BITS)
    }
}

/// Time in steps of 64 seconds, modulo the number of kept states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Minute(u64);

impl Minute {
    const COUNT: u64 = Fingerprint::STATE_BITS + 1 - State::FIRST_KEPT;

    /// Minutes without use after which a token is evicted before a new one is.
    pub(super) const IDLE: u64 = 5;

    pub(super) const fn of(now: Duration) -> Self {
        Self(now.as_secs() / 64 % Self::COUNT)
    }

    const fn kept(self) -> State {
        State(State::FIRST_KEPT + self.0)
    }

    /// Returns the eviction rank of a slot in this state.
    const fn rank(self, state: State) -> Rank {
        let used = state.0.wrapping_sub(State::FIRST_KEPT);
        let idle = (self.0 + Self::COUNT).wrapping_sub(used) % Self::COUNT;
        match state {
            State::FREE => Rank::Free,
            State::NEW => Rank::New,
            _ if idle >= Self::IDLE => Rank::Idle,
            _ => Rank::Kept,
        }
    }
}

/// Eviction order of slots: the lowest is reused first, the highest never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Free,
    Idle,
    New,
    Kept,
}

/// The slot of a line that is reused first.
#[derive(Clone, Copy)]
pub(super) struct Vacancy {
    pub(super) rank: Rank,
    slot: usize,
}

impl Line {
    /// Returns whether the line contains this fingerprint, and records its use.
    #[inline]
    pub(super) fn contains(&self, fingerprint: Fingerprint, now: Minute) -> bool {
        let Some((slot, head)) = self.find(fingerprint) else {
            return false;
        };
        if State::of(head) != now.kept() {
            // Fails if another thread has changed the slot meanwhile. It is a hit regardless.
            let used = fingerprint.head() | now.kept().0;
            let _ = self.heads[slot].compare_exchange(head, used, Relaxed, Relaxed);
        }
        true
    }

    #[inline]
    fn find(&self, fingerprint: Fingerprint) -> Option<(usize, u64)> {
        (0..SLOTS)
            .map(|slot| (slot, self.heads[slot].load(Relaxed)))
            .filter(|(_, head)| head & !Fingerprint::STATE_BITS == fingerprint.head())
            .find(|(slot, _)| self.tails[*slot].load(Relaxed) == fingerprint.tail())
    }

    /// Returns the slot that is reused first; of equal ones, the first from `start` on.
    pub(super) fn vacancy(&self, now: Minute, start: usize) -> Vacancy {
        let ranks = self.heads.each_ref().map(|head| now.rank(State::of(head.load(Relaxed))));
        let mut first = start % SLOTS;
        for slot in (1..SLOTS).map(|at| (start + at) % SLOTS) {
            if ranks[slot] < ranks[first] {
                first = slot;
            }
        }
        Vacancy { rank: ranks[first], slot: first }
    }

    /// Stores a fingerprint in a slot, unless another thread is changing the slot.
    pub(super) fn put(&self, vacancy: Vacancy, fingerprint: Fingerprint) {
        let slot = &self.heads[vacancy.slot];
        let head = slot.load(Relaxed);
        let new = fingerprint.head() | State::NEW.0;
        if slot.compare_exchange(head, new, Relaxed, Relaxed).is_ok() {
            self.tails[vacancy.slot].store(fingerprint.tail(), Relaxed);
        }
    }

    /// Frees all slots.
    pub(super) fn clear(&self) {
        self.heads.iter().for_each(|head| head.store(State::FREE.0, Relaxed));
    }

    /// Counts the slots in use.
    pub(super) fn taken(&self) -> usize {
        self.heads.iter().filter(|head| State::of(head.load(Relaxed)) != State::FREE).count()
    }
}
