//! Four fingerprints in one cache line.
//!
//! # Why no interleaving makes a wrong hit
//!
//! A fingerprint is two words, the head and the tail, which are loaded and stored one by one. A
//! reader may see the head of one beside the tail of another. It reports a hit only when both words
//! are those of the fingerprint it looks for, and only an insertion of that fingerprint writes them.
//! Nothing else is behind a fingerprint that would have to be there first, so every access is
//! relaxed. `tests/cache_model.rs` runs this file under every order of its steps.

use std::time::Duration;

use super::fingerprint::Fingerprint;
use super::sync::AtomicU64;
use super::sync::Ordering::Relaxed;

pub(super) const SLOTS: usize = 4;

/// Four slots of 16 bytes. All zero is four free ones.
#[cfg_attr(test, derive(Debug))]
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Line {
    /// The first words of the fingerprints, with a state in the bits they leave free.
    heads: [AtomicU64; SLOTS],
    tails: [AtomicU64; SLOTS],
}

/// State of a slot, the lowest bits of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

impl State {
    const FREE: Self = Self(0);
    /// Not used again since it was inserted.
    const NEW: Self = Self(1);
    /// Those above are kept: each stands for the minute of the last use, as `Minute` counts.
    const FIRST_KEPT: u64 = 2;

    const fn of(head: u64) -> Self {
        Self(head & Fingerprint::STATE_BITS)
    }
}

/// Time as a slot notes it: in steps of 64 seconds, modulo all that a state can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Minute(u64);

impl Minute {
    const COUNT: u64 = Fingerprint::STATE_BITS + 1 - State::FIRST_KEPT;

    /// Minutes without use after which a token has to go before a new one does.
    pub(super) const IDLE: u64 = 5;

    pub(super) const fn of(now: Duration) -> Self {
        Self(now.as_secs() / 64 % Self::COUNT)
    }

    const fn kept(self) -> State {
        State(State::FIRST_KEPT + self.0)
    }

    /// Returns in which order the slots in these states are taken for new tokens.
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

/// Which slots are taken first for new tokens, and which never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Free,
    Idle,
    New,
    Kept,
}

/// The slot of a line that is taken first. The least of two is the better one to take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Vacancy {
    pub(super) rank: Rank,
    /// Slots of the line that are not to be taken, so that lines fill alike.
    kept: usize,
    slot: usize,
}

impl Line {
    /// Returns whether the line has this fingerprint, and notes its use.
    #[inline]
    pub(super) fn contains(&self, fingerprint: Fingerprint, now: Minute) -> bool {
        let Some((slot, head)) = self.find(fingerprint) else {
            return false;
        };
        if State::of(head) != now.kept() {
            // Fails when another thread has changed the slot since. The hit counts all the same.
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

    /// Returns the slot that is taken first, the first one from `start` of several that are alike.
    pub(super) fn vacancy(&self, now: Minute, start: usize) -> Vacancy {
        let ranks = self.heads.each_ref().map(|head| now.rank(State::of(head.load(Relaxed))));
        let kept = ranks.iter().filter(|rank| **rank == Rank::Kept).count();
        let mut first = start % SLOTS;
        for slot in (1..SLOTS).map(|at| (start + at) % SLOTS) {
            if ranks[slot] < ranks[first] {
                first = slot;
            }
        }
        Vacancy { rank: ranks[first], kept, slot: first }
    }

    /// Puts a fingerprint into a slot, unless another thread is at it.
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

    /// Counts the slots that are not free.
    pub(super) fn taken(&self) -> usize {
        self.heads.iter().filter(|head| State::of(head.load(Relaxed)) != State::FREE).count()
    }
}
