//! Cache of fingerprints of tokens whose signature has been verified.
//!
//! The cache answers one question: has this version of the key ring verified exactly these bytes?
//! Everything else (form, claims, times, revocation) is checked as for an uncached token, so
//! nothing that could become stale is stored.
//!
//! A fingerprint is a 120-bit hash under a secret key. `docs/design.md` has the security argument:
//! no fingerprint leaves the process, and a lookup compares eight of them, so a forged token is
//! accepted with a probability of 2^-117.

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

/// The atomics of a line; its model substitutes others of the same names.
mod sync {
    pub(super) use std::sync::atomic::AtomicU64;
    pub(super) use std::sync::atomic::Ordering;
}

/// Maximum capacity, in tokens.
pub(super) const MAX_CAPACITY: usize = 1 << 28;

/// Slots for every two tokens. A slot is 16 bytes, so a token takes 24. A token may be in either of
/// two lines, so that both are rarely full.
const SLOTS_PER_TWO_TOKENS: usize = 3;

/// Number of lines from which the second one is chosen.
///
/// One memory page, because waiting for an address translation takes longer than waiting for a
/// cache line.
const NEARBY_LINES: usize = 64;

/// Number of bytes at the end of a token that choose its lines. They are part of the signature, so
/// they differ between tokens.
const SUFFIX_LEN: usize = 16;

/// Number of lines that an insertion clears after the keys have changed, until all are cleared.
const CLEARED_PER_INSERT: usize = 4;

/// Cache of fingerprints.
pub(super) struct TokenCache {
    lines: Box<[Line]>,
    key: FingerprintKey,
    /// Secret that chooses lines, so that an attacker cannot craft tokens that share a line.
    places: [u64; 2],
    /// The key ring version of the last insertion.
    version: AtomicU64,
    /// Counted so that each insertion starts its search at another slot.
    insertions: AtomicUsize,
    /// Number of lines that may still contain fingerprints of another version.
    uncleared: AtomicUsize,
}

/// The lines of one token in a cache.
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
        let lines = (capacity.get() * SLOTS_PER_TWO_TOKENS).div_ceil(2 * SLOTS);
        Self {
            lines: (0..lines).map(|_| Line::default()).collect(),
            key: FingerprintKey::new(key),
            places: words(&places),
            version: AtomicU64::new(0),
            insertions: AtomicUsize::new(0),
            uncleared: AtomicUsize::new(0),
        }
    }

    /// Returns the lines of a token and prefetches them, which takes longer than decoding the
    /// token.
    ///
    /// Returns `None` for a text shorter than any signature.
    #[inline]
    pub(super) fn place(&self, token: &[u8]) -> Option<Place<'_>> {
        let [one, other] = words(token.last_chunk::<SUFFIX_LEN>()?);
        let product = u128::from(one ^ self.places[0]) * u128::from(other ^ self.places[1]);
        // The upper bits of a product select an index, without a division.
        let below = |hash: u64, len: usize| ((u128::from(hash) * len as u128) >> 64) as usize;
        let lines = &*self.lines;
        let hash = product as u64 ^ (product >> 64) as u64;
        let first = below(hash, lines.len());
        let near = lines.len().min(NEARBY_LINES);
        let start = (first / NEARBY_LINES * NEARBY_LINES).min(lines.len() - near);
        let second = start + below(hash.rotate_left(32), near);
        prefetch_index(lines, first);
        prefetch_index(lines, second);
        Some(Place { cache: self, lines: [&lines[first], &lines[second]] })
    }

    /// Clears some lines after the keys have changed.
    ///
    /// Fingerprints of other versions are never looked up again, but those in use would keep their
    /// slots for minutes.
    fn clear_outdated(&self, version: KeyVersion) {
        let [change, ended] = version.words();
        let version = change.rotate_left(32) ^ ended;
        if self.version.load(Relaxed) != version {
            self.version.store(version, Relaxed);
            self.uncleared.store(self.lines.len(), Relaxed);
        }
        for _ in 0..CLEARED_PER_INSERT {
            let next = self.uncleared.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            let Ok(left) = next else {
                return;
            };
            self.lines[left - 1].clear();
        }
    }

    /// Counts the slots in use. Takes time proportional to the size of the cache.
    fn taken(&self) -> usize {
        self.lines.iter().map(Line::taken).sum()
    }
}

impl Place<'_> {
    #[inline]
    pub(super) fn fingerprint(&self, version: KeyVersion, token: &[u8]) -> Fingerprint {
        self.cache.key.fingerprint(version, token)
    }

    /// Returns whether the token with this fingerprint has been verified, and records its use.
    #[inline]
    pub(super) fn contains(&self, fingerprint: Fingerprint, now: Duration) -> bool {
        let now = Minute::of(now);
        self.lines.iter().any(|line| line.contains(fingerprint, now))
    }

    /// Stores a verified token, unless its lines are full of tokens in use.
    pub(super) fn insert(&self, version: KeyVersion, fingerprint: Fingerprint, now: Duration) {
        self.cache.clear_outdated(version);
        let start = self.cache.insertions.fetch_add(1, Relaxed);
        let [one, other] = self.lines.map(|line| line.vacancy(Minute::of(now), start));
        // The first line if both are alike: a look-up that finds the token there does not wait for the
        // second.
        let (line, vacancy) = if other.rank < one.rank { (1, other) } else { (0, one) };
        if vacancy.rank != Rank::Kept {
            self.lines[line].put(vacancy, fingerprint);
        }
    }
}

fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let word = u128::from_le_bytes(*bytes);
    [word as u64, (word >> 64) as u64]
}

/// Shows nothing that helps to guess a fingerprint.
impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("tokens", &self.taken()).finish_non_exhaustive()
    }
}
