//! Fingerprints of tokens whose signature has been verified.
//!
//! The cache answers one question: has this version of the key ring verified exactly these bytes?
//! Everything else (form, claims, times, revocation) takes the path that an uncached token takes, so
//! nothing about a token is stored that could go stale.
//!
//! A fingerprint is a 120-bit hash under a secret key. `docs/design.md` says why that is enough: no
//! fingerprint leaves the process, and a look-up compares eight of them, so a forged token is taken
//! for a verified one with a probability of 2^-117.

mod fingerprint;
mod key;
mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prefetch_index::prefetch_index;

use self::fingerprint::Fingerprint;
use self::key::FingerprintKey;
use self::line::Line;
use self::line::Minute;
use self::line::Rank;
use self::line::SLOTS;
use crate::key::KeyVersion;

/// What a line is shared between threads by; its model has others of the same names.
mod sync {
    pub(super) use std::sync::atomic::AtomicU64;
    pub(super) use std::sync::atomic::Ordering;
}

/// The largest cache, in tokens.
pub(super) const MAX_CAPACITY: usize = 1 << 28;

/// Slots for each two tokens: of 16 bytes each, they make 24 bytes a token. A token may be in either
/// of two lines, so that few find both of them full.
const SLOTS_FOR_TWO: usize = 3;

/// Lines among which the second one is chosen: a page of memory, as the wait for its address is longer
/// than the one for a line.
const NEAR: usize = 64;

/// Bytes at a token's end that choose its lines: of a signature, so they differ from token to token.
const END: usize = 16;

/// Lines that an insertion frees after the keys have changed, until all were.
const CLEARED: usize = 4;

/// Set of fingerprints.
pub(super) struct TokenCache {
    lines: Box<[Line]>,
    key: FingerprintKey,
    /// Key of the choice of lines. Whoever doesn't know it can't choose tokens that share a line.
    places: [u64; 2],
    /// The version of the keys that the last insertion was for.
    version: AtomicU64,
    /// Counted so that each begins its search at another slot.
    insertions: AtomicUsize,
    /// Lines that may still have fingerprints of another version.
    uncleared: AtomicUsize,
}

/// The place of one token in a cache.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    cache: &'a TokenCache,
    lines: [&'a Line; 2],
}

impl TokenCache {
    /// Creates an empty cache under a random key.
    pub(super) fn new(capacity: NonZeroUsize) -> Result<Self, getrandom::Error> {
        let mut keys = [[0; 16]; 2];
        keys.iter_mut().try_for_each(|key| getrandom::fill(key))?;
        Ok(Self::with_keys(capacity, keys))
    }

    fn with_keys(capacity: NonZeroUsize, [key, places]: [[u8; 16]; 2]) -> Self {
        let lines = (capacity.get() * SLOTS_FOR_TWO).div_ceil(2 * SLOTS);
        Self {
            lines: (0..lines).map(|_| Line::default()).collect(),
            key: FingerprintKey::new(key),
            places: words(&places),
            version: AtomicU64::new(0),
            insertions: AtomicUsize::new(0),
            uncleared: AtomicUsize::new(0),
        }
    }

    /// Returns the place of a token, and asks for its memory, which takes longer to come than a
    /// token to decode. `None` for a text shorter than any signature.
    #[inline]
    pub(super) fn place(&self, token: &[u8]) -> Option<Place<'_>> {
        let [one, other] = words(token.last_chunk::<END>()?);
        let product = u128::from(one ^ self.places[0]) * u128::from(other ^ self.places[1]);
        // The upper bits of a product choose an index, in place of a division.
        let below = |hash: u64, len: usize| ((u128::from(hash) * len as u128) >> 64) as usize;
        let lines = &*self.lines;
        let hash = product as u64 ^ (product >> 64) as u64;
        let first = below(hash, lines.len());
        let near = lines.len().min(NEAR);
        let start = (first / NEAR * NEAR).min(lines.len() - near);
        let second = start + below(hash.rotate_left(32), near);
        prefetch_index(lines, first);
        prefetch_index(lines, second);
        Some(Place { cache: self, lines: [&lines[first], &lines[second]] })
    }

    /// Frees some lines after the keys have changed: no fingerprint of another version is ever looked
    /// for again, and those in use then would keep their slots for long.
    fn clear_outdated(&self, version: KeyVersion) {
        let [change, ended] = version.words();
        let version = change.rotate_left(32) ^ ended;
        if self.version.load(Relaxed) != version {
            self.version.store(version, Relaxed);
            self.uncleared.store(self.lines.len(), Relaxed);
        }
        for _ in 0..CLEARED {
            let next = self.uncleared.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            let Ok(left) = next else {
                return;
            };
            self.lines[left - 1].clear();
        }
    }

    /// Counts the slots that are taken, which takes as long as the cache is large.
    fn taken(&self) -> usize {
        self.lines.iter().map(Line::taken).sum()
    }
}

impl Place<'_> {
    #[inline]
    pub(super) fn fingerprint(&self, version: KeyVersion, token: &[u8]) -> Fingerprint {
        self.cache.key.fingerprint(version, token)
    }

    /// Returns whether the token of this fingerprint has been verified, and notes its use.
    #[inline]
    pub(super) fn contains(&self, fingerprint: Fingerprint, now: Duration) -> bool {
        let now = Minute::of(now);
        self.lines.iter().any(|line| line.contains(fingerprint, now))
    }

    /// Remembers a token that has been verified, unless its lines are full of tokens in use.
    pub(super) fn insert(&self, version: KeyVersion, fingerprint: Fingerprint, now: Duration) {
        self.cache.clear_outdated(version);
        let start = self.cache.insertions.fetch_add(1, Relaxed);
        let [one, other] = self.lines.map(|line| line.vacancy(Minute::of(now), start));
        let (line, vacancy) = if other < one { (1, other) } else { (0, one) };
        if vacancy.rank != Rank::Kept {
            self.lines[line].put(vacancy, fingerprint);
        }
    }
}

fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let word = u128::from_le_bytes(*bytes);
    [word as u64, (word >> 64) as u64]
}

/// Shows nothing by which to guess a fingerprint.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("tokens", &self.taken()).finish_non_exhaustive()
    }
}
