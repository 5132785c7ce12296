//! A table of 16-byte ids, four to a cache line.
//!
//! # Why a reader never sees half an id
//!
//! An id is two words, the head and the tail. The writer stores the tail first, and then the head with
//! release ordering; a reader loads the head first, with acquire ordering, and the tail only behind a
//! head that has a tag. So the tail it sees is that head's: a place is filled once, and no id ever
//! leaves it or follows another there. What changes later is the tag in the head, in a store of the whole
//! word with the id's bits as they were.
//!
//! A reader that comes before the head is stored finds an empty place and says "not here", as it may:
//! nobody has been told yet that the id is.

use prefetch_index::prefetch_index;

use super::shards::CELL_BITS;
use super::shards::Entry;
use super::shards::Table;
use super::shards::place;
use super::sync::AtomicU64;
use super::sync::Ordering;
use super::tag::Tag;

/// Table of UUIDs, each as two words that are a bijection of it: the hash, and the tail.
///
/// The first `CELL_BITS` of the hash are the same for all ids in a table, and aren't stored; the head
/// has the tag in their stead.
pub(super) struct UuidTable {
    /// First the lines of the filter, then those of the ids.
    lines: Box<[Line]>,
    /// Ids in the table. Only writers read it, and they take turns: relaxed is enough.
    ids: AtomicU64,
}

/// Four heads and their four tails, or eight words of the filter.
#[repr(align(64))]
struct Line([AtomicU64; 2 * IDS]);

/// Ids in a line.
const IDS: usize = 4;

/// Lines of ids for each line of the filter: nine bits of it an id, with which it lets by one of
/// fifty unknown ids. All filters of a set are a sixteenth of it, which a processor's cache may
/// hold where it can't hold the set.
const LINES_A_FILTER: usize = 16;

/// The bits of a head that are the id's.
const ID_BITS: u64 = !0 << CELL_BITS;

/// Of eight places seven are taken at most: fewer would cost memory, more make long searches.
const fn room(lines: usize) -> usize {
    lines * IDS * 7 / 8
}

impl Table for UuidTable {
    type Id = u64;

    fn with_room_for(ids: usize) -> Self {
        let lines = (ids * 8).div_ceil(IDS * 7);
        let filters = lines.div_ceil(LINES_A_FILTER);
        let empty = || Line(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { lines: (0..filters + lines).map(|_| empty()).collect(), ids: AtomicU64::new(0) }
    }

    fn prefetch(&self, hash: u64) {
        prefetch_index(&*self.lines, self.filter_place(hash).0);
    }

    fn has_room(&self) -> bool {
        self.ids.load(Ordering::Relaxed) < room(self.id_lines().len()) as u64
    }

    fn places(&self) -> usize {
        self.id_lines().len() * IDS
    }

    fn tag(&self, hash: u64, tail: &u64) -> Option<Tag> {
        Tag::in_word(self.find(hash, *tail)?.load(Ordering::Relaxed))
    }

    fn put(&self, entry: Entry<u64>) {
        // Before the id. A reader that misses these bits comes before the head is stored, and so before
        // anybody was told of it.
        let filter = self.filter(entry.hash);
        let bits = filter.load(Ordering::Relaxed) | filter_bits(entry.id);
        filter.store(bits, Ordering::Relaxed);
        let is_free = |(head, _): &(&AtomicU64, _)| head.load(Ordering::Relaxed) == 0;
        let place = self.lines_from(entry.hash).flat_map(Line::places).find(is_free);
        // Invariant: whoever puts has asked for room, and `room` is less than there are places.
        let (head, tail) = place.expect("a table with room has a free place");
        // The order and the release are what the head of this file relies on.
        tail.store(entry.id, Ordering::Relaxed);
        head.store(head_bits(entry.hash) | entry.tag.bits(), Ordering::Release);
        self.ids.fetch_add(1, Ordering::Relaxed);
    }

    fn retag(&self, hash: u64, tail: &u64, tag: Tag) {
        if let Some(head) = self.find(hash, *tail) {
            // Released like the first, so that a reader who sees this one sees the tail too.
            head.store(head_bits(hash) | tag.bits(), Ordering::Release);
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<u64>> {
        self.id_lines().iter().flat_map(Line::places).filter_map(|(head, tail)| {
            let head = head.load(Ordering::Relaxed);
            let id = tail.load(Ordering::Relaxed);
            Some(Entry { hash: head >> CELL_BITS, id, tag: Tag::in_word(head)? })
        })
    }
}

impl UuidTable {
    /// The head of an id that is here.
    fn find(&self, hash: u64, tail: u64) -> Option<&AtomicU64> {
        let bits = filter_bits(tail);
        if self.filter(hash).load(Ordering::Relaxed) & bits != bits {
            return None;
        }
        for line in self.lines_from(hash) {
            for (place_head, place_tail) in line.places() {
                let head = place_head.load(Ordering::Acquire);
                // Places are taken in order: behind a free one there is nothing.
                Tag::in_word(head)?;
                if head & ID_BITS == head_bits(hash) && place_tail.load(Ordering::Relaxed) == tail {
                    return Some(place_head);
                }
            }
        }
        None
    }

    fn filter_lines(&self) -> usize {
        self.lines.len().div_ceil(LINES_A_FILTER + 1)
    }

    fn id_lines(&self) -> &[Line] {
        &self.lines[self.filter_lines()..]
    }

    /// The word of the filter that says which tails there may be with such a hash.
    fn filter(&self, hash: u64) -> &AtomicU64 {
        let (line, word) = self.filter_place(hash);
        &self.lines[line].0[word]
    }

    fn filter_place(&self, hash: u64) -> (usize, usize) {
        let word = place(hash, self.filter_lines() * 2 * IDS);
        (word / (2 * IDS), word % (2 * IDS))
    }

    /// Every line of ids once, beginning with the hash's own.
    fn lines_from(&self, hash: u64) -> impl Iterator<Item = &Line> {
        let lines = self.id_lines();
        let (before, from) = lines.split_at(place(hash, lines.len()));
        from.iter().chain(before)
    }
}

impl Line {
    /// The heads and tails.
    fn places(&self) -> impl Iterator<Item = (&AtomicU64, &AtomicU64)> {
        let (heads, tails) = self.0.split_at(IDS);
        heads.iter().zip(tails)
    }
}

/// The hash's bits in a head.
const fn head_bits(hash: u64) -> u64 {
    hash << CELL_BITS
}

/// Up to four bits of a filter's word.
const fn filter_bits(tail: u64) -> u64 {
    1 << (tail & 63) | 1 << (tail >> 6 & 63) | 1 << (tail >> 12 & 63) | 1 << (tail >> 18 & 63)
}
