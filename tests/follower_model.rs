//! Random orders of the steps of a list that follows a log: revocations here and elsewhere, the
//! follower, expiry, and a verifier. The code is that of the library, the files themselves, with
//! shuttle's threads, locks and atomics beneath.
//!
//! `papaya` and the log are not what is checked: each of their operations is one step.
#![cfg(feature = "revocation-log")]
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]
#![allow(unfulfilled_lint_expectations, reason = "files of the library")]
#![allow(dead_code, unreachable_pub, unused_imports, missing_docs, reason = "files of the library")]

#[path = "models/arc_swap_option.rs"]
mod arc_swap_option;
#[path = "../src/clock.rs"]
mod clock;

mod checker {
    pub(crate) use shuttle::sync::Arc;
    pub(crate) use shuttle::sync::Mutex;
}

mod id {
    pub(crate) use tower_customer_auth::CustomerId;
    pub(crate) use tower_customer_auth::TokenId;
}

// The paths below are relative to this folder.
#[path = "."]
mod revocation {
    #[path = "../src/revocation/buckets.rs"]
    mod buckets;
    #[path = "../src/revocation/cut_off.rs"]
    mod cut_off;
    #[path = "../src/revocation/entry.rs"]
    mod entry;
    #[path = "../src/revocation/error.rs"]
    mod error;
    #[path = "../src/revocation/freshness.rs"]
    mod freshness;
    #[path = "../src/revocation/log.rs"]
    mod log;
    #[path = "../src/revocation/replica.rs"]
    mod replica;
    #[path = "../src/revocation/scramble.rs"]
    mod scramble;
    #[path = "../src/revocation/shards.rs"]
    mod shards;
    #[path = "../src/revocation/tag.rs"]
    mod tag;
    #[path = "../src/revocation/texts.rs"]
    mod texts;
    #[path = "../src/revocation/tokens.rs"]
    mod tokens;
    #[path = "../src/revocation/uuids.rs"]
    mod uuids;

    mod sync {
        pub(super) use std::sync::PoisonError;

        pub(super) use shuttle::sync::Arc;
        pub(super) use shuttle::sync::Mutex;
        pub(super) use shuttle::sync::MutexGuard;
        pub(super) use shuttle::sync::atomic::AtomicU8;
        pub(super) use shuttle::sync::atomic::AtomicU64;
        pub(super) use shuttle::sync::atomic::AtomicUsize;
        pub(super) use shuttle::sync::atomic::Ordering;

        pub(super) use crate::arc_swap_option::ArcSwapOption;
    }

    pub(crate) use self::cut_off::CutOff;
    pub(crate) use self::entry::RevocationEntry;
    pub(crate) use self::error::LogError;
    pub(crate) use self::error::RevokeError;
    use self::freshness::Freshness;
    pub(crate) use self::log::LogPosition;
    pub(crate) use self::log::LogRead;
    pub(crate) use self::log::LogSize;
    pub(crate) use self::log::RevocationLog;
    use self::replica::Replica;
    pub(crate) use self::replica::RevocationStatus;

    /// What the module's privacy hides from the model.
    pub(crate) struct List(Replica);

    impl List {
        pub(crate) fn new(max_staleness: std::time::Duration) -> Self {
            Self(Replica::following(100, Freshness::new(Some(max_staleness))))
        }

        pub(crate) fn attach(&self, clock: &std::sync::Arc<dyn crate::clock::Clock>) {
            self.0.attach(clock, std::time::Duration::from_secs(1));
        }

        pub(crate) fn apply(&self, entry: &RevocationEntry) {
            self.0.apply(entry).unwrap();
        }

        pub(crate) fn follow(&self, entries: &[RevocationEntry], began: std::time::Duration) {
            self.0.follow(entries, began, true).unwrap();
        }

        pub(crate) fn status(
            &self,
            subject: &Subject,
            now: std::time::Duration,
        ) -> RevocationStatus {
            let Subject { token, session, customer, login_at } = subject;
            self.0.status(token, session, customer, *login_at, now)
        }
    }

    /// What a token says of itself.
    #[derive(Clone)]
    pub(crate) struct Subject {
        pub(crate) token: crate::id::TokenId,
        pub(crate) session: crate::id::TokenId,
        pub(crate) customer: crate::id::CustomerId,
        pub(crate) login_at: u64,
    }
}

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use shuttle::sync::Mutex;
use shuttle::sync::atomic::AtomicBool;
use shuttle::sync::atomic::AtomicU64;
use shuttle::sync::atomic::Ordering;
use shuttle::thread;

use self::clock::Clock;
use self::revocation::CutOff;
use self::revocation::List;
use self::revocation::RevocationEntry;
use self::revocation::RevocationStatus;
use self::revocation::Subject;

/// Seconds since 1970 at the beginning.
const START: u64 = 1_510_000_000;

/// Seconds that the list may be old.
const MAX_STALENESS: u64 = 2;

/// A clock that threads move.
#[derive(Debug)]
struct SharedClock(AtomicU64);

impl Clock for SharedClock {
    fn now(&self) -> SystemTime {
        time(self.0.load(Ordering::SeqCst))
    }
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The log, a list that follows it, and a clock. Everything is one step, but for the list.
struct Node {
    list: List,
    log: Mutex<Vec<RevocationEntry>>,
    clock: Arc<SharedClock>,
}

impl Node {
    fn new() -> Arc<Self> {
        let clock = Arc::new(SharedClock(AtomicU64::new(START)));
        let list = List::new(Duration::from_secs(MAX_STALENESS));
        let shared: Arc<dyn Clock> = clock.clone();
        list.attach(&shared);
        Arc::new(Self { list, log: Mutex::new(Vec::new()), clock })
    }

    /// As `Revocations` revokes: here first, then in the log.
    fn revoke(&self, entry: &RevocationEntry) {
        self.list.apply(entry);
        self.log.lock().unwrap().push(entry.clone());
    }

    /// As the follower reads: the time, then the log, then the list.
    fn read(&self) {
        let began = self.clock.since_epoch();
        let entries = self.log.lock().unwrap().clone();
        self.list.follow(&entries, began);
    }

    /// As a verifier asks: with a time that it has read before.
    fn ask(&self, subject: &Subject) -> (u64, RevocationStatus) {
        let now = self.clock.since_epoch();
        (now.as_secs(), self.list.status(subject, now))
    }
}

/// A UUID as token, so that it goes to the tables of UUIDs.
const TOKEN: &str = "6f1e3a77-3f4c-4f3c-9f29-8a4d6d1f8b10";

fn subject() -> Subject {
    Subject {
        token: TOKEN.parse().unwrap(),
        session: "session".parse().unwrap(),
        customer: "customer".parse().unwrap(),
        login_at: START - 10,
    }
}

/// The entries that each end the subject.
fn entries() -> [RevocationEntry; 4] {
    let Subject { token, session, customer, .. } = subject();
    let cut_off = CutOff::new(time(START));
    let end = time(START + 100_000);
    [
        RevocationEntry::Token { id: token, expires_at: end },
        RevocationEntry::Session { id: session, ends_at: end },
        RevocationEntry::Customer { id: customer, cut_off },
        RevocationEntry::Everyone { cut_off },
    ]
}

/// Other entries, which end soon, so that what is known of a kind is given up beside the model.
fn short_lived() -> [RevocationEntry; 3] {
    let end = time(START - 80_000);
    [
        RevocationEntry::Token { id: "old".parse().unwrap(), expires_at: end },
        RevocationEntry::Session { id: "old".parse().unwrap(), ends_at: end },
        RevocationEntry::Customer {
            id: "old".parse().unwrap(),
            cut_off: CutOff::new(time(START - 80_000)),
        },
    ]
}

const ITERATIONS: usize = 500;

#[test]
fn what_this_node_has_acknowledged_it_refuses_from_then_on() {
    shuttle::check_random(
        || {
            for entry in entries() {
                let node = Node::new();
                node.read();
                let acknowledged = Arc::new(AtomicBool::new(false));
                let revoker = thread::spawn({
                    let (node, acknowledged) = (Arc::clone(&node), Arc::clone(&acknowledged));
                    move || {
                        node.revoke(&entry);
                        acknowledged.store(true, Ordering::SeqCst);
                    }
                });
                // Other revocations, and what they drop, in turn with this one.
                let others = thread::spawn({
                    let node = Arc::clone(&node);
                    move || {
                        short_lived().iter().for_each(|entry| node.list.apply(entry));
                        node.clock.0.fetch_add(1, Ordering::SeqCst);
                        node.read();
                    }
                });
                for _ in 0..2 {
                    let was_acknowledged = acknowledged.load(Ordering::SeqCst);
                    let (_, status) = node.ask(&subject());
                    if was_acknowledged {
                        assert_eq!(status, RevocationStatus::Revoked);
                    }
                }
                revoker.join().unwrap();
                others.join().unwrap();
                assert_eq!(node.ask(&subject()).1, RevocationStatus::Revoked);
            }
        },
        ITERATIONS,
    );
}

#[test]
fn what_another_node_has_acknowledged_is_accepted_no_longer_than_the_list_may_be_old() {
    shuttle::check_random(
        || {
            for entry in entries() {
                let node = Node::new();
                // The seconds that the clock showed when the log had the entry; zero before that.
                let appended_at = Arc::new(AtomicU64::new(0));
                let elsewhere = thread::spawn({
                    let (node, appended_at) = (Arc::clone(&node), Arc::clone(&appended_at));
                    move || {
                        node.log.lock().unwrap().push(entry);
                        let now = node.clock.since_epoch().as_secs();
                        appended_at.store(now, Ordering::SeqCst);
                    }
                });
                let follower = thread::spawn({
                    let node = Arc::clone(&node);
                    move || (0..2).for_each(|_| node.read())
                });
                let ticker = thread::spawn({
                    let node = Arc::clone(&node);
                    move || {
                        for _ in 0..4 {
                            node.clock.0.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
                for _ in 0..3 {
                    let appended_at = appended_at.load(Ordering::SeqCst);
                    let (now, status) = node.ask(&subject());
                    if appended_at > 0 && appended_at + MAX_STALENESS < now {
                        assert_ne!(status, RevocationStatus::Live, "{appended_at} {now}");
                    }
                }
                for thread in [elsewhere, follower, ticker] {
                    thread.join().unwrap();
                }
                node.read();
                assert_eq!(node.ask(&subject()).1, RevocationStatus::Revoked);
            }
        },
        ITERATIONS,
    );
}

#[test]
fn before_the_first_snapshot_nothing_is_accepted() {
    shuttle::check_random(
        || {
            for entry in entries() {
                let node = Node::new();
                node.log.lock().unwrap().push(entry);
                let follower = thread::spawn({
                    let node = Arc::clone(&node);
                    move || node.read()
                });
                for _ in 0..3 {
                    assert_ne!(node.ask(&subject()).1, RevocationStatus::Live);
                }
                follower.join().unwrap();
                assert_eq!(node.ask(&subject()).1, RevocationStatus::Revoked);
            }
        },
        ITERATIONS,
    );
}
