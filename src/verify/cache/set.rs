//! The tokens whose hashes fall together: one cache line of tags and pointers.

use std::sync::atomic::AtomicU16;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwapAny;
use arc_swap::Guard;

use super::entry::Entry;
use super::entry::text;
use super::standing::Standing;

pub(super) const WAYS: usize = 6;

/// What a search learns without leaving the line, and one pointer per token.
///
/// The parts of a way are written one by one, by one writer at a time. A reader in between sees the
/// tag of one token beside the pointer to another, or to none: it compares the whole text and takes
/// it for a miss.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Set {
    /// Sixteen bits of each token's hash, never zero; zero where there is none.
    tags: [AtomicU16; WAYS],
    /// Four bits of `Standing` for each token.
    standings: AtomicU32,
    ways: [ArcSwapAny<Option<Entry>>; WAYS],
}

const _: () = assert!(size_of::<Set>() == 64, "a look-up waits for one line");

impl Set {
    /// Finds a token by its whole text.
    pub(super) fn find(&self, tag: u16, token: &[u8]) -> Option<(usize, Guard<Option<Entry>>)> {
        // Tags are a hint, and everything a reader relies on is behind the pointer.
        let tagged = (0..WAYS).filter(|way| self.tags[*way].load(Ordering::Relaxed) == tag);
        tagged.map(|way| (way, self.ways[way].load())).find(|(_, entry)| {
            // Two tokens with one tag, and one hash for that matter, are still two: the claims of
            // the other are never handed out (GHSA-rp9m-7r4c-75qg, CVE-2026-35030).
            entry.as_ref().is_some_and(|entry| text(entry) == token)
        })
    }

    /// Notes that a token was asked for. Writes nothing where that is well known.
    pub(super) fn note_hit(&self, way: usize) {
        let standings = self.standings.load(Ordering::Relaxed);
        let standing = Standing::of(standings, way);
        let better = standing.after_hit();
        if better != standing {
            // Tried once: whoever changed another in the meantime costs this one a hit, and nobody
            // goes round in circles.
            let _ = self.standings.compare_exchange(
                standings,
                better.put(standings, way),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }

    pub(super) fn standing(&self, way: usize) -> Standing {
        Standing::of(self.standings.load(Ordering::Relaxed), way)
    }

    pub(super) fn set_standing(&self, way: usize, standing: Standing) {
        let put = |standings| Some(standing.put(standings, way));
        // Invariant: `put` is always `Some`, so this always succeeds.
        let _ = self.standings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put);
    }

    pub(super) fn free_way(&self) -> Option<usize> {
        (0..WAYS).find(|way| !self.is_taken(*way))
    }

    /// The ways that hold a token.
    pub(super) fn taken(&self) -> impl Iterator<Item = usize> {
        (0..WAYS).filter(|way| self.is_taken(*way))
    }

    fn is_taken(&self, way: usize) -> bool {
        self.tags[way].load(Ordering::Relaxed) != 0
    }

    pub(super) fn load(&self, way: usize) -> Guard<Option<Entry>> {
        self.ways[way].load()
    }

    /// Puts a token into a way, and gives what was there.
    pub(super) fn put(&self, way: usize, tag: u16, entry: Entry) -> Option<Entry> {
        let before = self.ways[way].swap(Some(entry));
        self.tags[way].store(tag, Ordering::Relaxed);
        before
    }

    pub(super) fn take(&self, way: usize) -> Option<Entry> {
        self.tags[way].store(0, Ordering::Relaxed);
        self.ways[way].swap(None)
    }
}
