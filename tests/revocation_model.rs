//! Every interleaving of a reader with a writer, and every value a load may then give, over the very
//! source of the tables: compiled here once more, with loom's atomics beneath.
//!
//! `arc-swap` is not what is checked: in its place stands what it promises, a cell whose value is
//! replaced in one step.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[path = "models/arc_swap_option.rs"]
mod arc_swap_option;
#[path = "../src/revocation/shards.rs"]
#[allow(dead_code, reason = "not all of the writer's steps are part of the model")]
mod shards;
#[path = "../src/revocation/tag.rs"]
#[allow(dead_code, reason = "the buckets are not part of the model")]
mod tag;
#[path = "../src/revocation/uuids.rs"]
mod uuids;

mod sync {
    pub(super) use loom::sync::Arc;
    pub(super) use loom::sync::atomic::AtomicU64;
    pub(super) use loom::sync::atomic::Ordering;

    pub(super) use crate::arc_swap_option::ArcSwapOption;
}

mod checker {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::Mutex;
}

use loom::sync::atomic::AtomicBool;
use loom::thread;
use loom::thread::ThreadId;

use self::shards::Cursor;
use self::shards::Entry;
use self::shards::Retired;
use self::shards::Shards;
use self::shards::Table;
use self::sync::Arc;
use self::sync::Ordering;
use self::tag::Tag;
use self::tag::Tags;
use self::uuids::UuidTable;

/// The hash of ids that begin at the first line of their table.
const HERE: u64 = 1 << 40;

fn tag(bits: u64) -> Tag {
    Tag::in_word(bits).unwrap()
}

fn entry(hash: u64, id: u64) -> Entry<u64> {
    Entry { hash, id, tag: tag(1) }
}

fn table(ids: &[u64]) -> UuidTable {
    let table = UuidTable::with_room_for(6);
    for id in ids {
        table.put(entry(HERE, *id));
    }
    table
}

fn doomed() -> Tags {
    let mut doomed = Tags::NONE;
    doomed.insert(tag(31));
    doomed
}

#[test]
fn half_an_id_is_never_taken_for_another() {
    loom::model(|| {
        let table = Arc::new(table(&[]));
        let read = Arc::clone(&table);
        let reader = thread::spawn(move || {
            // The head of what is being written with the tail that is there before, and both with those
            // of the other.
            let others = [(HERE, 0), (HERE, 2), (HERE + 1, 1)];
            others.map(|(hash, id)| read.tag(hash, &id))
        });
        table.put(entry(HERE, 1));
        table.retag(HERE, &1, tag(2));
        table.put(entry(HERE + 1, 2));
        assert_eq!(reader.join().unwrap(), [None; 3]);
        assert_eq!(table.tag(HERE, &1), Some(tag(2)));
        assert_eq!(table.tag(HERE + 1, &2), Some(tag(1)));
    });
}

#[test]
fn an_id_is_found_by_whoever_has_been_told_of_it_and_in_the_next_line_too() {
    // With three in the line beforehand, the fourth fills it and the fifth goes on to the next; each
    // has a bit of the filter to itself.
    loom::model(|| {
        let table = Arc::new(table(&[1, 2, 3]));
        let told = Arc::new(AtomicBool::new(false));
        let reader = {
            let table = Arc::clone(&table);
            let told = Arc::clone(&told);
            thread::spawn(move || {
                let told = told.load(Ordering::Acquire);
                let found = [1, 4, 5].map(|id| table.tag(HERE, &id).is_some());
                assert!(found[0]);
                assert!(!told || found == [true; 3]);
            })
        };
        table.put(entry(HERE, 4));
        table.put(entry(HERE, 5));
        told.store(true, Ordering::Release);
        reader.join().unwrap();
    });
}

#[test]
fn an_id_is_found_while_its_tag_changes_and_its_neighbours_come() {
    loom::model(|| {
        let table = Arc::new(table(&[1, 2, 3, 4]));
        let read = Arc::clone(&table);
        let reader = thread::spawn(move || read.tag(HERE, &1));
        table.retag(HERE, &1, tag(2));
        table.put(entry(HERE, 5));
        let seen = reader.join().unwrap().unwrap();
        assert!(seen == tag(1) || seen == tag(2));
        assert_eq!(table.tag(HERE, &1), Some(tag(2)));
        assert_eq!(table.tag(HERE, &5), Some(tag(1)));
    });
}

#[test]
fn ids_are_found_while_their_table_is_replaced_by_a_larger_one() {
    loom::model(|| {
        let shards = Arc::new(Shards::<UuidTable>::new());
        let mut retired = Retired::new();
        for id in 1..=3 {
            shards.put(entry(HERE, id), Tags::NONE, &mut retired);
        }
        let told = Arc::new(AtomicBool::new(false));
        let reader = {
            let shards = Arc::clone(&shards);
            let told = Arc::clone(&told);
            thread::spawn(move || {
                let told = told.load(Ordering::Acquire);
                assert!(shards.contains(HERE, &2));
                assert!(!told || shards.contains(HERE, &4));
            })
        };
        shards.put(entry(HERE, 4), Tags::NONE, &mut retired);
        told.store(true, Ordering::Release);
        reader.join().unwrap();
        assert_eq!(
            (1..=5).map(|id| shards.contains(HERE, &id)).collect::<Vec<_>>(),
            [true, true, true, true, false]
        );
    });
}

#[test]
fn live_ids_are_found_while_expired_ones_are_dropped() {
    loom::model(|| {
        let shards = Arc::new(Shards::<UuidTable>::new());
        let mut retired = Retired::new();
        shards.put(entry(HERE, 1), Tags::NONE, &mut retired);
        shards.put(Entry { hash: HERE, id: 2, tag: tag(31) }, Tags::NONE, &mut retired);
        let read = Arc::clone(&shards);
        let reader = thread::spawn(move || assert!(read.contains(HERE, &1)));
        let mut places = usize::MAX;
        assert!(shards.sweep(&mut Cursor::default(), doomed(), &mut places, &mut retired));
        reader.join().unwrap();
        assert!(!shards.contains(HERE, &2));
    });
}

/// A table that must be freed by the thread that made it.
struct Watched {
    table: UuidTable,
    maker: ThreadId,
}

impl Drop for Watched {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.maker, "freed by a reader");
    }
}

impl Table for Watched {
    type Id = u64;

    fn with_room_for(ids: usize) -> Self {
        Self { table: UuidTable::with_room_for(ids), maker: thread::current().id() }
    }

    fn prefetch(&self, hash: u64) {
        self.table.prefetch(hash);
    }

    fn has_room(&self) -> bool {
        self.table.has_room()
    }

    fn places(&self) -> usize {
        self.table.places()
    }

    fn tag(&self, hash: u64, id: &u64) -> Option<Tag> {
        self.table.tag(hash, id)
    }

    fn put(&self, entry: Entry<u64>) {
        self.table.put(entry);
    }

    fn retag(&self, hash: u64, id: &u64, tag: Tag) {
        self.table.retag(hash, id, tag);
    }

    fn entries(&self) -> impl Iterator<Item = Entry<u64>> {
        self.table.entries()
    }
}

#[test]
fn a_replaced_table_is_never_freed_by_a_reader() {
    loom::model(|| {
        let shards = Arc::new(Shards::<Watched>::new());
        let mut retired = Retired::new();
        for id in 0..3 {
            shards.put(entry(HERE, id), Tags::NONE, &mut retired);
        }
        let read = Arc::clone(&shards);
        let reader = thread::spawn(move || {
            read.prefetch(HERE);
            read.contains(HERE, &1)
        });
        shards.put(entry(HERE, 3), Tags::NONE, &mut retired);
        retired.free_unread();
        assert!(reader.join().unwrap());
        // The reader's handle on the shards is gone, and so nothing is left to it to free.
        retired.free_unread();
        drop(shards);
    });
}
