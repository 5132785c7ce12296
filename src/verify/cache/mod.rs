//! Tokens that have been verified, so that they need not be again while they are asked for often.
//!
//! The cache answers one question: did a key vouch for exactly these bytes, and would it still? What
//! else may change from one moment to the next, the times and the revocations, is none of its
//! business: the verifier checks them on every hit.
//!
//! Readers take no lock. The table is of fixed size, a set of six tokens a cache line; the
//! pointers are `arc-swap`'s. Writers take turns by a lock that is only ever *tried*: a token that
//! finds it taken is left out, and comes in another time.

mod entry;
mod ledger;
mod set;
mod standing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Mutex;
use std::sync::TryLockError;

use arc_swap::Guard;
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use self::entry::Entry;
use self::entry::Facts;
use self::entry::facts;
use self::ledger::Ledger;
use self::set::Set;
use self::set::WAYS;
use super::VerifiedToken;
use super::times::Times;
use crate::key::Vouch;
use crate::token::MAX_TOKEN_LEN;

/// Bytes of text that count as one token.
const UNIT: usize = 512;

/// Places for each two tokens. As a token may stand in either of two sets, one in fifty thousand finds
/// both of them full before the cache is; with one set to stand in, it would take eight places. And the
/// table is small enough to stay in the processor's caches where the tokens do not.
const PLACES_FOR_TWO: usize = 3;

/// Characters at a token's end that its hash is of. Of a MAC they are 24 bytes in the compact form and 16
/// in the legacy one.
const HASHED: usize = 32;

/// The largest cache, in tokens.
pub(super) const MAX_CAPACITY: usize = 1 << 28;

pub(super) struct TokenCache<S = SeedableRandomState> {
    sets: Box<[Set]>,
    hasher: S,
    ledger: Mutex<Ledger>,
}

/// What is known of a token that was found, lent for as long as it is looked at.
pub(super) struct Hit(Guard<Option<Entry>>);

impl Deref for Hit {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        // Invariant: `Set::find` gives no guard of nothing.
        facts(self.0.as_ref().expect("an entry that was found"))
    }
}

impl TokenCache {
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        // The key of the hash: without it, nobody can choose tokens that crowd one set.
        let key = std::hash::RandomState::new().hash_one(capacity);
        let hasher = SeedableRandomState::with_seed(key, SharedSeed::global_random());
        Self::with_hasher(capacity, hasher)
    }
}

impl<S: BuildHasher> TokenCache<S> {
    fn with_hasher(capacity: NonZeroUsize, hasher: S) -> Self {
        let sets = (capacity.get() * PLACES_FOR_TWO).div_ceil(2 * WAYS);
        Self {
            sets: (0..sets).map(|_| Set::default()).collect(),
            hasher,
            ledger: Mutex::new(Ledger::new(capacity.get())),
        }
    }

    /// Finds a token for which `is_vouched` still holds, and notes that it was asked for.
    #[inline]
    pub(super) fn get(&self, token: &[u8], is_vouched: impl FnOnce(&Vouch) -> bool) -> Option<Hit> {
        // An attacker's megabyte is not even hashed.
        if token.len() > MAX_TOKEN_LEN {
            return None;
        }
        let (sets, tag) = self.places(token);
        let find = |set: &'_ Set| set.find(tag, token);
        let (set, (way, entry)) = sets.into_iter().find_map(|set| Some((set, find(set)?)))?;
        let hit = Hit(entry);
        if !is_vouched(&hit.vouch) {
            return None;
        }
        set.note_hit(way);
        Some(hit)
    }

    /// Takes in a token, unless it is not worth another's place, or another thread is at it.
    pub(super) fn insert(&self, text: &[u8], verified: &VerifiedToken, times: Times, vouch: Vouch) {
        let mut ledger = match self.ledger.try_lock() {
            Ok(ledger) => ledger,
            // A writer that panicked left at most a token that is not counted.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let (sets, tag) = self.places(text);
        let facts = Facts { verified: verified.clone(), times, vouch };
        ledger.insert(&self.sets, sets, tag, &Entry::from_header_and_slice(facts, text));
    }

    /// The two sets that a token may stand in, and its tag there.
    ///
    /// They are found by its end alone, which is the signature's and differs from token to token. What else
    /// is sent with such an end is no token, is compared as a whole, and never comes in.
    fn places(&self, token: &[u8]) -> ([&Set; 2], u16) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(token.last_chunk::<HASHED>().map_or(token, |end| end));
        let hash = hasher.finish();
        // The upper bits choose the set, without a division.
        let set = |hash: u64| {
            let index = (u128::from(hash) * self.sets.len() as u128) >> 64;
            &self.sets[index as usize]
        };
        ([set(hash), set(hash.rotate_left(32))], (hash as u16).max(1))
    }
}

/// Shows no token, and nothing by which to guess one.
impl<S> fmt::Debug for TokenCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TokenCache");
        if let Ok(ledger) = self.ledger.try_lock() {
            debug.field("tokens", &ledger.tokens());
        }
        debug.finish_non_exhaustive()
    }
}
