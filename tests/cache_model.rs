//! Every interleaving of threads that look for, insert and clear fingerprints in one line of the
//! token cache, and every value that a load may then give. The code is that of the library, the
//! files themselves, with loom's atomics beneath.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[path = "../src/verify/cache/fingerprint.rs"]
mod fingerprint;
#[path = "../src/verify/cache/line.rs"]
#[allow(dead_code, reason = "not all of the line's methods are part of the model")]
mod line;

mod sync {
    pub(super) use loom::sync::atomic::AtomicU64;
    pub(super) use loom::sync::atomic::Ordering;
}

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use self::fingerprint::Fingerprint;
use self::line::Line;
use self::line::Minute;
use self::line::Rank;

/// Two fingerprints that have no word in common.
const ONE: Fingerprint = Fingerprint::new(1 << 8, 2);
const OTHER: Fingerprint = Fingerprint::new(3 << 8, 4);
/// One that is never inserted.
const ABSENT: Fingerprint = Fingerprint::new(5 << 8, 6);

fn minute(count: u64) -> Minute {
    Minute::of(Duration::from_secs(64 * count))
}

fn insert(line: &Line, fingerprint: Fingerprint, start: usize) {
    let vacancy = line.vacancy(minute(0), start);
    if vacancy.rank != Rank::Kept {
        line.put(vacancy, fingerprint);
    }
}

/// A line whose only slot for new fingerprints is the first: all others were used this minute.
fn line_with_one_vacancy() -> Line {
    let line = Line::default();
    for slot in 1..4 {
        let kept = Fingerprint::new((100 + slot) << 8, 100 + slot);
        insert(&line, kept, slot as usize);
        assert!(line.contains(kept, minute(0)));
    }
    line
}

#[test]
fn two_insertions_into_one_slot_make_no_fingerprint_that_was_not_inserted() {
    loom::model(|| {
        let line = Arc::new(line_with_one_vacancy());
        let threads = [ONE, OTHER].map(|fingerprint| {
            let line = Arc::clone(&line);
            thread::spawn(move || insert(&line, fingerprint, 0))
        });
        assert!(!line.contains(ABSENT, minute(0)));
        for thread in threads {
            thread.join().unwrap();
        }
        // One of them, or none where both were at it together: never both in one slot.
        let found = [ONE, OTHER].map(|fingerprint| line.contains(fingerprint, minute(0)));
        assert_ne!(found, [true, true]);
        assert!(!line.contains(ABSENT, minute(0)));
    });
}

#[test]
fn a_reader_finds_a_fingerprint_only_once_its_insertion_has_begun() {
    loom::model(|| {
        let line = Arc::new(line_with_one_vacancy());
        insert(&line, ONE, 0);
        let writer = thread::spawn({
            let line = Arc::clone(&line);
            move || insert(&line, OTHER, 0)
        });
        // While one replaces the other, a reader sees either of them or neither.
        let found = [OTHER, ONE].map(|fingerprint| line.contains(fingerprint, minute(0)));
        if found[0] {
            assert!(!found[1], "found the one that was replaced after the one that replaced it");
        }
        assert!(!line.contains(ABSENT, minute(0)));
        writer.join().unwrap();
    });
}

#[test]
fn noting_a_use_brings_nothing_back_that_was_replaced() {
    loom::model(|| {
        let line = Arc::new(line_with_one_vacancy());
        insert(&line, ONE, 0);
        let threads = [
            thread::spawn({
                let line = Arc::clone(&line);
                move || insert(&line, OTHER, 0)
            }),
            thread::spawn({
                let line = Arc::clone(&line);
                // Writes the slot's state, as the minute is another one.
                move || {
                    line.contains(ONE, minute(1));
                }
            }),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
        // Whichever was first, the other one has found the slot changed and left it.
        let found = [ONE, OTHER].map(|fingerprint| line.contains(fingerprint, minute(1)));
        assert!(found == [true, false] || found == [false, true], "{found:?}");
    });
}
