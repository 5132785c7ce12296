//! A table of 16-byte ids, four to a cache line.
//!
//! # Why a reader never sees half an id
//!
//! An id is two words, the head and the tail. The writer stores the tail first, and then the head with
//! release ordering; a reader loads the head first, with acquire ordering, and the tail only behind a
//! head that has a tag. So the tail it sees is that head's: a place is filled once, and no id ever
//! leaves it or follows another there. What changes later are the tag and the marks in the head, in
//! stores of a whole word with the id's bits unchanged.
//!
//! A reader that comes before the head is stored finds an empty place and says "not here", as it may:
//! nobody has been told yet that the id is.

use super::shards::Entry;
use super::shards::GROUP_BITS;
use super::shards::Table;
use super::shards::place;
use super::sync::AtomicU64;
use super::sync::Ordering;
use super::tag::Tag;

/// Table of UUIDs, each as two words that are a bijection of it: the hash, and the rest.
///
/// The first `GROUP_BITS` of the hash are the same for all ids in a table, and aren't stored; the head
/// has the tag, and some marks, in their stead.
pub(super) struct UuidTable {
    lines: Box<[Line]>,
    /// Ids in the table. Only writers read it, and they take turns: relaxed is enough.
    ids: AtomicU64,
}

/// Four ids, and marks of which others were not to be placed here for want of room.
///
/// Without the marks, a reader would have to go on to the next line after each full one.
#[repr(align(64))]
struct Line {
    heads: [AtomicU64; IDS],
    tails: [AtomicU64; IDS],
}

/// Ids in a line.
const IDS: usize = 4;

/// Marks in each head, above the tag.
const MARKS: usize = (GROUP_BITS - Tag::MASK.count_ones()) as usize;

/// The bits of a head that are the id's.
const ID_BITS: u64 = !0 << GROUP_BITS;

/// Of eight places seven are taken at most: fewer would cost memory, more would send a tenth of the readers
/// to a second line.
const fn room(lines: usize) -> usize {
    lines * IDS * 7 / 8
}

impl Table for UuidTable {
    type Id = u64;

    fn with_room_for(ids: usize) -> Self {
        let lines = (ids * 8).div_ceil(IDS * 7);
        Self { lines: (0..lines).map(|_| Line::empty()).collect(), ids: AtomicU64::new(0) }
    }

    fn has_room(&self) -> bool {
        self.ids.load(Ordering::Relaxed) < room(self.lines.len()) as u64
    }

    fn places(&self) -> usize {
        self.lines.len() * IDS
    }

    fn tag(&self, hash: u64, tail: &u64) -> Option<Tag> {
        let (line, at) = self.find(hash, *tail)?;
        Tag::in_word(line.heads[at].load(Ordering::Relaxed))
    }

    fn put(&self, entry: Entry<u64>) {
        let mark = Mark::of(entry.hash);
        for line in self.lines_from(entry.hash) {
            let Some(at) = line.heads.iter().position(|head| head.load(Ordering::Relaxed) == 0)
            else {
                // Marked before the id stands in a line further on. A reader that misses the mark
                // comes before the id's head is stored, and so before anybody was told of it.
                mark.set(line);
                continue;
            };
            // The order and the release are what the head of this file relies on.
            line.tails[at].store(entry.id, Ordering::Relaxed);
            line.heads[at].store(head(entry.hash) | entry.tag.bits(), Ordering::Release);
            self.ids.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Invariant: whoever puts has asked for room, and `room` is less than there are places.
        unreachable!("a table with room is full");
    }

    fn retag(&self, hash: u64, tail: &u64, tag: Tag) {
        if let Some((line, at)) = self.find(hash, *tail) {
            let head = line.heads[at].load(Ordering::Relaxed);
            // Released like the first, so that a reader who sees this one sees the tail too.
            line.heads[at].store(head & !Tag::MASK | tag.bits(), Ordering::Release);
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<u64>> {
        self.lines.iter().flat_map(|line| line.heads.iter().zip(&line.tails)).filter_map(
            |(head, tail)| {
                let head = head.load(Ordering::Relaxed);
                let id = tail.load(Ordering::Relaxed);
                Some(Entry { hash: head >> GROUP_BITS, id, tag: Tag::in_word(head)? })
            },
        )
    }
}

impl UuidTable {
    fn find(&self, hash: u64, tail: u64) -> Option<(&Line, usize)> {
        let wanted = head(hash);
        let mark = Mark::of(hash);
        for line in self.lines_from(hash) {
            for at in 0..IDS {
                let head = line.heads[at].load(Ordering::Acquire);
                if head & ID_BITS == wanted
                    && Tag::in_word(head).is_some()
                    && line.tails[at].load(Ordering::Relaxed) == tail
                {
                    return Some((line, at));
                }
            }
            if !mark.is_set(line) {
                return None;
            }
        }
        None
    }

    /// Every line once, beginning with the hash's own.
    fn lines_from(&self, hash: u64) -> impl Iterator<Item = &Line> {
        let (before, from) = self.lines.split_at(place(hash, self.lines.len()));
        from.iter().chain(before)
    }
}

impl Line {
    fn empty() -> Self {
        Self {
            heads: std::array::from_fn(|_| AtomicU64::new(0)),
            tails: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// The hash's bits in a head.
const fn head(hash: u64) -> u64 {
    hash << GROUP_BITS
}

/// Bit of a line that says: an id like this one had to go further.
struct Mark {
    head: usize,
    bit: u64,
}

impl Mark {
    /// Chooses by the last bits of the hash, because the first choose the table and the line.
    const fn of(hash: u64) -> Self {
        let mark = (hash as u8 as usize * IDS * MARKS) >> 8;
        Self { head: mark % IDS, bit: (Tag::MASK + 1) << (mark / IDS) }
    }

    fn is_set(&self, line: &Line) -> bool {
        line.heads[self.head].load(Ordering::Relaxed) & self.bit != 0
    }

    /// Sets it in a full line, whose head stays that of its id.
    fn set(&self, line: &Line) {
        let head = &line.heads[self.head];
        // Released like the first store, so that a reader who sees this one sees the tail too.
        head.store(head.load(Ordering::Relaxed) | self.bit, Ordering::Release);
    }
}
