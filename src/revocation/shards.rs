//! A set in many small tables, so that growing or cleaning one is little work.
//!
//! # Who may wait for whom
//!
//! One writer at a time (the caller sees to that); readers at any time, and none of them waits for
//! the writer or for another reader. A reader takes one snapshot of one table's pointer, which is a
//! fixed number of steps whatever the writer does, and walks that table, which is no longer than it
//! is. It allocates nothing, except that a thread's first snapshot makes its entry in `arc-swap`'s list
//! of readers; and it frees nothing: see [`Retired`].

use std::sync::OnceLock;

use super::sync::Arc;
use super::sync::ArcSwapOption;
use super::tag::Tag;
use super::tag::Tags;

/// Id in a table, with its hash and its bucket.
pub(super) struct Entry<I> {
    pub(super) hash: u64,
    pub(super) id: I,
    pub(super) tag: Tag,
}

/// Part of a set, of a fixed number of places. Ids are added and never taken out: a table that is to
/// hold fewer, or more, is replaced by another.
pub(super) trait Table: Sized {
    type Id;

    /// Creates a table that takes at least so many ids.
    fn with_room_for(ids: usize) -> Self;

    fn has_room(&self) -> bool;

    /// How many places there are to look at when all are looked at.
    fn places(&self) -> usize;

    /// The tag of an id, if it is here. For readers too.
    fn tag(&self, hash: u64, id: &Self::Id) -> Option<Tag>;

    /// Adds an id that is not here yet. There must be room.
    fn put(&self, entry: Entry<Self::Id>);

    /// Changes the tag of an id that is here; readers find the id all the while.
    fn retag(&self, hash: u64, id: &Self::Id, tag: Tag);

    fn entries(&self) -> impl Iterator<Item = Entry<Self::Id>>;
}

/// Set of ids, spread over tables by the first bits of their hash.
///
/// There are `1 << CELL_BITS` cells, each with the table of its ids. While they are few, the cells of
/// a group (those with the same first `GROUP_BITS`) share one table; past [`Shape::split_over`] ids
/// each gets its own.
pub(super) struct Shards<T> {
    cells: OnceLock<Box<[ArcSwapOption<Shard<T>>]>>,
    shape: Shape,
}

/// How a set is spread.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Bits of the hash that choose the cell.
    pub(super) cell_bits: u32,
    /// Ids from which on a group's cells no longer share a table.
    pub(super) split_over: usize,
}

pub(super) struct Shard<T> {
    table: T,
    /// Whether it is the table of its whole group of cells.
    is_shared: bool,
}

/// Tables that were replaced while somebody may still be reading them.
///
/// The writer keeps them until nobody does, so that it is never a reader that frees one. A table here
/// gets no new readers, because no cell has it any more.
pub(super) struct Retired<T>(Vec<Arc<Shard<T>>>);

/// Progress of a walk over all cells.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor(usize);

/// Bits of the hash that are the same for all ids of a group, and so of a table.
pub(super) const GROUP_BITS: u32 = 8;

/// Bits of the hash that [`place`] leaves out, because a table's ids may have them in common.
const PLACE_SKIPS: u32 = Shape::LARGE.cell_bits;

impl Shape {
    /// For millions: ten of them make tables of 2 400 ids, 50 kB each.
    pub(super) const LARGE: Self = Self { cell_bits: 12, split_over: 4096 };
}

/// Where in a table of so many places the search for a hash begins. Any number of places will do,
/// which lets tables grow by an eighth; and hashes in order have places in order, so that a table is
/// copied from its begin to its end.
pub(super) const fn place(hash: u64, places: usize) -> usize {
    (((hash << PLACE_SKIPS) as u128 * places as u128) >> 64) as usize
}

impl<T: Table> Shards<T> {
    pub(super) const fn new(shape: Shape) -> Self {
        Self { cells: OnceLock::new(), shape }
    }

    pub(super) fn contains(&self, hash: u64, id: &T::Id) -> bool {
        self.tag(hash, id).is_some()
    }

    pub(super) fn tag(&self, hash: u64, id: &T::Id) -> Option<Tag> {
        let shard = self.cells.get()?[self.cell(hash)].load();
        shard.as_ref()?.table.tag(hash, id)
    }

    /// Changes the tag of an id that is in the set.
    pub(super) fn retag(&self, hash: u64, id: &T::Id, tag: Tag) {
        let shard = self.cells.get().and_then(|cells| cells[self.cell(hash)].load_full());
        if let Some(shard) = shard {
            shard.table.retag(hash, id, tag);
        }
    }

    /// Adds an id that is not in the set. Where its table has to grow, ids with a `doomed` tag are
    /// left behind.
    pub(super) fn put(&self, entry: Entry<T::Id>, doomed: Tags, retired: &mut Retired<T>) {
        let cells = self.cells.get_or_init(|| {
            (0..1usize << self.shape.cell_bits).map(|_| ArcSwapOption::empty()).collect()
        });
        let at = self.cell(entry.hash);
        let shard = match cells[at].load_full() {
            Some(shard) if shard.table.has_room() => shard,
            Some(shard) => {
                self.replace(cells, at, &shard, doomed, 1, retired);
                drop(shard);
                // Invariant: a replacement with room for one more has a table in every cell.
                cells[at].load_full().expect("a table with room")
            }
            None => {
                let group = &cells[self.group(at)];
                let is_shared = group.iter().all(|cell| cell.load().is_none());
                let shard = Arc::new(Shard { table: T::with_room_for(1), is_shared });
                let alone = std::slice::from_ref(&cells[at]);
                for cell in if is_shared { group } else { alone } {
                    cell.store(Some(Arc::clone(&shard)));
                }
                shard
            }
        };
        shard.table.put(entry);
    }

    /// Drops ids with a `doomed` tag, cell by cell, until about so many `places` have been seen.
    /// Returns whether all have.
    pub(super) fn sweep(
        &self,
        cursor: &mut Cursor,
        doomed: Tags,
        places: &mut usize,
        retired: &mut Retired<T>,
    ) -> bool {
        let Some(cells) = self.cells.get() else {
            return true;
        };
        while let Some(cell) = cells.get(cursor.0) {
            if *places == 0 {
                return false;
            }
            let Some(shard) = cell.load_full() else {
                *places -= 1;
                cursor.0 += 1;
                continue;
            };
            *places = places.saturating_sub(shard.table.places());
            if shard.table.entries().any(|entry| doomed.contains(entry.tag)) {
                self.replace(cells, cursor.0, &shard, doomed, 0, retired);
            }
            cursor.0 = if shard.is_shared { self.group(cursor.0).end } else { cursor.0 + 1 };
        }
        true
    }

    /// Puts new tables in the place of a shard's, without the doomed, each with room for `more` ids
    /// and some: an eighth, so that a table is never much larger than its ids.
    fn replace(
        &self,
        cells: &[ArcSwapOption<Shard<T>>],
        at: usize,
        old: &Arc<Shard<T>>,
        doomed: Tags,
        more: usize,
        retired: &mut Retired<T>,
    ) {
        let live = || old.table.entries().filter(|entry| !doomed.contains(entry.tag));
        let group = self.group(at);
        let mut counts = vec![0; group.len()];
        for entry in live() {
            counts[self.cell(entry.hash) % group.len()] += 1;
        }
        let shard = |ids: usize, is_shared| {
            let room = ids + ids / 8 + more;
            (room > 0).then(|| Arc::new(Shard { table: T::with_room_for(room), is_shared }))
        };
        let ids: usize = counts.iter().sum();
        let splits = old.is_shared && ids >= self.shape.split_over;
        let new: Vec<_> = if splits {
            counts.into_iter().map(|ids| shard(ids, false)).collect()
        } else {
            let all = shard(ids, old.is_shared);
            vec![all; if old.is_shared { group.len() } else { 1 }]
        };
        for entry in live() {
            let cell = self.cell(entry.hash) % new.len();
            // Invariant: a shard without ids has no entry that comes here.
            new[cell].as_ref().expect("a table for a live id").table.put(entry);
        }
        let first = if old.is_shared { group.start } else { at };
        // Each cell has all of its ids at every moment: before, in the old table; after, in the new.
        for (cell, shard) in cells[first..].iter().zip(new) {
            cell.store(shard);
        }
        retired.0.push(Arc::clone(old));
    }

    fn cell(&self, hash: u64) -> usize {
        (hash >> (u64::BITS - self.shape.cell_bits)) as usize
    }

    /// The cells of the group to which this one belongs.
    fn group(&self, cell: usize) -> std::ops::Range<usize> {
        let bits = self.shape.cell_bits - GROUP_BITS;
        let first = cell >> bits << bits;
        first..first + (1 << bits)
    }
}

impl<T> Retired<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Frees the tables that nobody reads any more.
    pub(super) fn free_unread(&mut self) {
        self.0.retain(|shard| Arc::strong_count(shard) > 1);
    }
}
