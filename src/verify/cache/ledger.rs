//! What the cache holds, and who has to go when it is full.

use super::UNIT;
use super::entry::Entry;
use super::entry::facts;
use super::entry::text;
use super::set::Set;
use super::standing::Standing;

/// Sets that one insertion looks at for a token that may go. A bound on the time it takes: when it
/// finds none, the newcomer stays out, and the next one looks further.
const STEPS: usize = 16;

/// Sets that one insertion clears of tokens whose key has been rotated or retired since.
const SWEPT: usize = 2;

/// The part of the cache that is for newcomers, as in S3-FIFO: a tenth.
const PROBATION: usize = 10;

/// Only a writer has it. `used` never exceeds `capacity`, which makes a bound in tokens and in bytes.
pub(super) struct Ledger {
    capacity: usize,
    /// Units of text held: one a token, and more for one longer than `UNIT`.
    used: usize,
    tokens: usize,
    /// How many of the tokens are on probation.
    on_probation: usize,
    /// The set at which the search for a token that may go continues.
    hand: usize,
    /// The newest key ring that a token has come from, and the sets that may hold older ones.
    version: u64,
    unswept: usize,
}

impl Ledger {
    pub(super) const fn new(capacity: usize) -> Self {
        Self { capacity, used: 0, tokens: 0, on_probation: 0, hand: 0, version: 0, unswept: 0 }
    }

    /// Takes in a token that may stand in either of two sets, unless it is not worth another's place.
    pub(super) fn insert(&mut self, all: &[Set], sets: [&Set; 2], tag: u16, entry: &Entry) {
        self.sweep(all, facts(entry).vouch.version());
        for set in sets {
            // The same token, which a key vouched for then and one vouches for now.
            if let Some((way, known)) = set.find(tag, text(entry)) {
                drop(known);
                set.put(way, tag, entry.clone());
                return;
            }
        }
        if !self.make_room(all, units(entry)) {
            return;
        }
        let [one, other] = sets;
        let set = if other.taken().count() < one.taken().count() { other } else { one };
        let Some(way) = set.free_way().or_else(|| self.push_out(set)) else {
            return;
        };
        set.set_standing(way, Standing::NEW);
        self.used += units(entry);
        self.tokens += 1;
        self.on_probation += 1;
        // Invariant: the way is free, and nobody else is writing.
        drop(set.put(way, tag, entry.clone()));
    }

    pub(super) const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Tokens, their units, and how many of them are on probation.
    #[cfg(test)]
    pub(super) const fn counts(&self) -> (usize, usize, usize) {
        (self.tokens, self.used, self.on_probation)
    }

    /// Lets tokens go until one of this many units fits, or the steps are used up.
    fn make_room(&mut self, sets: &[Set], units: usize) -> bool {
        if units > self.capacity {
            return false;
        }
        let fits = |ledger: &Self| units <= ledger.capacity - ledger.used;
        for _ in 0..STEPS {
            if fits(self) {
                return true;
            }
            let set = &sets[self.hand];
            self.hand = (self.hand + 1) % sets.len();
            for way in set.taken() {
                self.pass(set, way);
                if fits(self) {
                    return true;
                }
            }
        }
        false
    }

    /// Moves the hand past one token. While many are on probation, it is between those alone: what
    /// is kept loses nothing by newcomers that nobody asks for again.
    fn pass(&mut self, set: &Set, way: usize) {
        let kept = self.tokens - self.on_probation;
        let among_newcomers = kept == 0 || self.on_probation > self.capacity / PROBATION;
        let standing = set.standing(way);
        if standing.is_kept() == among_newcomers {
            return;
        }
        match standing.after_hand() {
            None => self.evict(set, way),
            Some(next) => {
                if next.is_kept() && !standing.is_kept() {
                    self.on_probation -= 1;
                }
                set.set_standing(way, next);
            }
        }
    }

    /// Frees a way of a full set, if its least token is not a kept one with lives to lose.
    fn push_out(&mut self, set: &Set) -> Option<usize> {
        let least = set.taken().min_by_key(|way| set.standing(*way))?;
        match set.standing(least).after_hand() {
            Some(next) if next.is_kept() && set.standing(least).is_kept() => {
                set.set_standing(least, next);
                None
            }
            _ => {
                self.evict(set, least);
                Some(least)
            }
        }
    }

    fn evict(&mut self, set: &Set, way: usize) {
        let kept = set.standing(way).is_kept();
        if let Some(entry) = set.take(way) {
            self.used -= units(&entry);
            self.tokens -= 1;
            self.on_probation -= usize::from(!kept);
        }
    }

    /// After a rotation, clears the table little by little, so that what can't be hit any more does
    /// not hold the room of what can.
    fn sweep(&mut self, sets: &[Set], version: u64) {
        if version > self.version {
            self.version = version;
            self.unswept = sets.len();
        }
        for _ in 0..SWEPT.min(self.unswept) {
            self.unswept -= 1;
            let set = &sets[self.unswept];
            for way in set.taken() {
                let old = |entry: &Entry| facts(entry).vouch.version() < self.version;
                if set.load(way).as_ref().is_some_and(old) {
                    self.evict(set, way);
                }
            }
        }
    }
}

fn units(entry: &Entry) -> usize {
    text(entry).len().div_ceil(UNIT)
}
