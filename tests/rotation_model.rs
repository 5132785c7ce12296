//! Runs the part of the key ring that lets cached tokens die, under random orders of its steps, with
//! shuttle's threads in place of the real ones. The code is that of the library, the file itself.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[path = "../src/key/versioned.rs"]
#[allow(unreachable_pub, missing_docs, reason = "a private file of the library")]
mod versioned;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use self::versioned::Versioned;

/// What the file takes from the module above it.
mod shared {
    use std::ops::Deref;
    use std::sync::Arc;

    use shuttle::sync::Mutex;

    /// What `arc-swap` promises, in terms that shuttle knows.
    pub(super) struct ArcSwap<T>(Mutex<Arc<T>>);

    pub(super) struct Loaded<T>(Arc<T>);

    impl<T> Deref for Loaded<T> {
        type Target = Arc<T>;

        fn deref(&self) -> &Arc<T> {
            &self.0
        }
    }

    impl<T> ArcSwap<T> {
        pub(super) fn from_pointee(value: T) -> Self {
            Self(Mutex::new(Arc::new(value)))
        }

        pub(super) fn load(&self) -> Loaded<T> {
            Loaded(Arc::clone(&self.0.lock().unwrap()))
        }

        pub(super) fn rcu(&self, mut next: impl FnMut(&Arc<T>) -> Arc<T>) {
            loop {
                let seen = self.load();
                let next = next(&seen);
                let mut current = self.0.lock().unwrap();
                if Arc::ptr_eq(&current, &seen) {
                    *current = next;
                    return;
                }
            }
        }
    }
}

/// The ring, as far as it matters here: whether a key is in it, and how often it was changed.
#[derive(Clone)]
struct Keys {
    has_key: bool,
    changes: u32,
}

/// A verifier with a cache of one token. Its slot holds the version that verified the token, as a
/// fingerprint does, and is written after the key was asked, at any time.
struct Verifier {
    keys: Versioned<Keys>,
    slot: shuttle::sync::Mutex<Option<u64>>,
    /// Whether to cache by the version that is newest *then*, as one would at first.
    naive: bool,
    /// Set when a retirement has returned. Not shuttle's: looking at it is no step.
    retired: AtomicBool,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Cached,
    Verified,
    Refused,
}

impl Verifier {
    fn new(naive: bool) -> Self {
        Self {
            keys: Versioned::new(Keys { has_key: true, changes: 0 }),
            slot: shuttle::sync::Mutex::new(None),
            naive,
            retired: AtomicBool::new(false),
        }
    }

    fn verify(&self) -> Answer {
        let keys = self.keys.load();
        if *self.slot.lock().unwrap() == Some(keys.number) {
            return Answer::Cached;
        }
        if !keys.value.has_key {
            return Answer::Refused;
        }
        let version = if self.naive { self.keys.load().number } else { keys.number };
        *self.slot.lock().unwrap() = Some(version);
        Answer::Verified
    }

    fn change(&self, next: impl Fn(&Keys) -> Option<Keys>) {
        self.keys.change(|keys| next(keys));
    }

    fn retire(&self) {
        self.change(|keys| {
            keys.has_key.then(|| Keys { has_key: false, changes: keys.changes + 1 })
        });
        self.retired.store(true, SeqCst);
    }

    fn rotate(&self) {
        self.change(|keys| Some(Keys { changes: keys.changes + 1, ..keys.clone() }));
    }
}

const SCHEDULES: usize = 3_000;

fn spawn(verifier: &Arc<Verifier>, run: impl FnOnce(&Verifier) + Send + 'static) -> Thread {
    let verifier = Arc::clone(verifier);
    shuttle::thread::spawn(move || run(&verifier))
}

fn join<const N: usize>(threads: [Thread; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

type Thread = shuttle::thread::JoinHandle<()>;

fn retire_while_verifying(naive: bool) {
    shuttle::check_random(
        move || {
            let verifier = Arc::new(Verifier::new(naive));
            join([
                spawn(&verifier, Verifier::retire),
                spawn(&verifier, Verifier::rotate),
                spawn(&verifier, |verifier| {
                    for _ in 0..3 {
                        let retired = verifier.retired.load(SeqCst);
                        let answer = verifier.verify();
                        assert!(!retired || answer == Answer::Refused, "{answer:?} after retiring");
                    }
                }),
                spawn(&verifier, |verifier| {
                    verifier.verify();
                }),
            ]);
            // Whatever the verifiers that were overtaken have put into the slot by now.
            assert_eq!(verifier.verify(), Answer::Refused, "after retiring");
        },
        SCHEDULES,
    );
}

#[test]
fn nothing_that_was_cached_outlives_the_retirement_of_its_key_t26() {
    retire_while_verifying(false);
}

#[test]
#[should_panic(expected = "after retiring")]
fn the_model_catches_a_cache_that_dates_a_token_when_it_comes_in() {
    retire_while_verifying(true);
}

#[test]
fn an_answer_from_the_cache_is_never_older_than_one_that_was_seen_before() {
    shuttle::check_random(
        || {
            let verifier = Arc::new(Verifier::new(false));
            let threads = [
                spawn(&verifier, |verifier| {
                    verifier.verify();
                }),
                spawn(&verifier, Verifier::retire),
                spawn(&verifier, |verifier| {
                    // While the retirement goes on: refused once is refused for good.
                    let answers = [(); 4].map(|()| verifier.verify());
                    let refused = answers.iter().position(|answer| *answer == Answer::Refused);
                    let after = refused.map_or(&[][..], |at| &answers[at..]);
                    assert!(after.iter().all(|answer| *answer == Answer::Refused), "{answers:?}");
                }),
            ];
            join(threads);
        },
        SCHEDULES,
    );
}

#[test]
fn changes_at_the_same_time_all_take_effect_and_leave_a_cache_that_works() {
    shuttle::check_random(
        || {
            let verifier = Arc::new(Verifier::new(false));
            let threads = [
                spawn(&verifier, Verifier::rotate),
                spawn(&verifier, Verifier::rotate),
                // Changes nothing, at any point between.
                spawn(&verifier, |verifier| verifier.change(|_| None)),
            ];
            join(threads);
            let keys = verifier.keys.load();
            assert_eq!((keys.number, keys.value.changes), (2, 2));
            assert_eq!(verifier.verify(), Answer::Verified);
            assert_eq!(verifier.verify(), Answer::Cached);
        },
        SCHEDULES,
    );
}
