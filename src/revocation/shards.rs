//! A set in many small tables, so that growing or cleaning one is little work.
//!
//! # Who may wait for whom
//!
//! One writer at a time (the caller sees to that), readers at any time. No reader waits for the writer,
//! nor for another reader: it borrows one table, in a number of steps that no writer can prolong, and
//! searches it, which ends with the table at the latest. It allocates nothing, but for a thread's entry
//! in `arc-swap`'s list of borrowers, once; and it frees nothing: see [`Retired`]. What it can wait for is
//! the memory, and the operating system.

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

    /// Brings near the memory that a question about such an id looks at first. For readers too.
    fn prefetch(&self, hash: u64);

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
pub(super) struct Shards<T> {
    cells: OnceLock<Box<[ArcSwapOption<T>]>>,
}

/// Tables that were replaced while somebody may still be reading them.
///
/// The writer keeps them until nobody does, so that it is never a reader that frees one. A table here
/// gets no new readers, because no cell has it any more.
pub(super) struct Retired<T>(Vec<Arc<T>>);

/// Progress of a walk over all cells.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor(usize);

/// Bits of the hash that choose the table. They are the same for all of its ids.
///
/// The headers of 256 tables stay in the nearest cache beside whatever else a program does, so that a
/// look-up waits for the memory once and not twice. Against that stands the longest addition, which
/// copies a 256th of the set.
pub(super) const CELL_BITS: u32 = 8;

/// Where in a table of so many places the search for a hash begins. Any number of places will do,
/// which lets tables grow by an eighth; and hashes in order have places in order, so that a table is
/// copied from its begin to its end.
pub(super) const fn place(hash: u64, places: usize) -> usize {
    (((hash << CELL_BITS) as u128 * places as u128) >> 64) as usize
}

impl<T: Table> Shards<T> {
    pub(super) const fn new() -> Self {
        Self { cells: OnceLock::new() }
    }

    pub(super) fn contains(&self, hash: u64, id: &T::Id) -> bool {
        self.tag(hash, id).is_some()
    }

    pub(super) fn tag(&self, hash: u64, id: &T::Id) -> Option<Tag> {
        self.cells.get()?[cell(hash)].load().as_ref()?.tag(hash, id)
    }

    /// Brings near what a question about such an id looks at first.
    pub(super) fn prefetch(&self, hash: u64) {
        let Some(cells) = self.cells.get() else {
            return;
        };
        if let Some(table) = cells[cell(hash)].load().as_ref() {
            table.prefetch(hash);
        }
    }

    /// Changes the tag of an id that is in the set.
    pub(super) fn retag(&self, hash: u64, id: &T::Id, tag: Tag) {
        if let Some(table) = self.cells.get().and_then(|cells| cells[cell(hash)].load_full()) {
            table.retag(hash, id, tag);
        }
    }

    /// Makes room for so many ids in all, where there is nothing yet.
    ///
    /// A set that grows in steps copies its ids several times, and leaves gaps in the heap that are a
    /// third of it in the end.
    pub(super) fn reserve(&self, ids: usize) {
        let cells = self.cells();
        // The ids spread at random: this is enough for all but a few tables.
        let mean = ids >> CELL_BITS;
        let room = mean + 3 * mean.isqrt();
        for cell in cells.iter().filter(|cell| cell.load().is_none()) {
            cell.store(Some(Arc::new(T::with_room_for(room.max(1)))));
        }
    }

    fn cells(&self) -> &[ArcSwapOption<T>] {
        self.cells.get_or_init(|| (0..1 << CELL_BITS).map(|_| ArcSwapOption::empty()).collect())
    }

    /// Adds an id that is not in the set. Where its table has to grow, ids with a `doomed` tag are
    /// left behind.
    pub(super) fn put(&self, entry: Entry<T::Id>, doomed: Tags, retired: &mut Retired<T>) {
        let cell = &self.cells()[cell(entry.hash)];
        match cell.load_full() {
            Some(table) if table.has_room() => table.put(entry),
            old => {
                let ids = old.as_deref().map_or(0, |table| live(table, doomed).count());
                let new = T::with_room_for(with_slack(ids + 1));
                for entry in old.as_deref().into_iter().flat_map(|table| live(table, doomed)) {
                    new.put(entry);
                }
                new.put(entry);
                cell.store(Some(Arc::new(new)));
                retired.0.extend(old);
            }
        }
    }

    /// Drops ids with a `doomed` tag, table by table, until about so many `places` have been seen.
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
            cursor.0 += 1;
            let Some(old) = cell.load_full() else {
                continue;
            };
            *places = places.saturating_sub(old.places());
            let (mut ids, mut expired) = (0, 0);
            for entry in old.entries() {
                let count = if doomed.contains(entry.tag) { &mut expired } else { &mut ids };
                *count += 1;
            }
            if expired == 0 {
                continue;
            }
            let new = (ids > 0).then(|| {
                let new = T::with_room_for(with_slack(ids));
                live(&*old, doomed).for_each(|entry| new.put(entry));
                Arc::new(new)
            });
            cell.store(new);
            retired.0.push(old);
        }
        true
    }
}

const fn cell(hash: u64) -> usize {
    (hash >> (u64::BITS - CELL_BITS)) as usize
}

fn live<T: Table>(table: &T, doomed: Tags) -> impl Iterator<Item = Entry<T::Id>> {
    table.entries().filter(move |entry| !doomed.contains(entry.tag))
}

/// What to make room for: an eighth more than there is, so that a table is never much larger than its
/// ids, and grows once in so many additions that this costs little.
const fn with_slack(ids: usize) -> usize {
    ids + ids / 8
}

impl<T> Retired<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Frees the tables that nobody reads any more.
    pub(super) fn free_unread(&mut self) {
        self.0.retain(|table| Arc::strong_count(table) > 1);
    }
}
