//! Order, displacement, removal and decay.

mod model;
mod simulation;

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

use super::FairQueue;
use super::Flow;
use super::Pushed;
use super::Ticket;

/// The flow of a source without an account.
fn source(number: u32) -> Flow {
    Flow::new().source(Ipv4Addr::from_bits(number).into())
}

fn account(number: u32, account: &str) -> Flow {
    source(number).account(account)
}

/// A queue whose clock is set by the test.
struct Timed {
    queue: FairQueue<&'static str>,
    now: Instant,
}

impl Timed {
    fn new(places: usize) -> Self {
        Self { queue: FairQueue::new(places, Duration::from_secs(1)), now: Instant::now() }
    }

    fn push(&mut self, flow: Flow, item: &'static str) -> Pushed<&'static str> {
        self.queue.push(flow, item, self.now)
    }

    /// Adds a job that is not shed, and sheds none.
    fn add(&mut self, flow: Flow, item: &'static str) -> Ticket {
        match self.push(flow, item) {
            Pushed::Waiting(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// Adds a job, and returns the one that is shed instead.
    fn displaced_by(&mut self, flow: Flow, item: &'static str) -> &'static str {
        match self.push(flow, item) {
            Pushed::Displaced(_, displaced) => displaced,
            other => panic!("{other:?}"),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Takes all jobs, as a server does.
    fn drain(&mut self) -> Vec<&'static str> {
        std::iter::from_fn(|| self.queue.pop()).collect()
    }
}

#[test]
fn jobs_of_one_flow_are_first_in_first_out() {
    let mut queue = Timed::new(8);
    for item in ["1", "2", "3", "4"] {
        queue.add(Flow::new(), item);
        queue.pass(1);
    }
    assert_eq!(queue.drain(), ["1", "2", "3", "4"]);
    assert_eq!(queue.queue.len(), 0);
}

#[test]
fn sources_with_equal_loads_take_turns_in_the_order_of_their_arrival() {
    let mut queue = Timed::new(16);
    for (a, b, c) in [("a1", "b1", "c1"), ("a2", "b2", "c2"), ("a3", "b3", "c3")] {
        queue.add(source(1), a);
        queue.add(source(2), b);
        queue.add(source(3), c);
    }
    assert_eq!(queue.drain(), ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]);
}

#[test]
fn accounts_of_a_source_take_turns_too() {
    let mut queue = Timed::new(16);
    for (a, b) in [("a1", "b1"), ("a2", "b2")] {
        queue.add(account(1, "a"), a);
        queue.add(account(1, "b"), b);
    }
    assert_eq!(queue.drain(), ["a1", "b1", "a2", "b2"]);
}

#[test]
fn a_newcomer_goes_before_sources_and_accounts_that_have_asked_for_more() {
    let mut queue = Timed::new(16);
    for item in ["a1", "a2", "a3"] {
        queue.add(account(1, "a"), item);
    }
    queue.add(account(1, "b"), "b");
    queue.add(account(2, "a"), "c");
    assert_eq!(queue.drain(), ["c", "b", "a1", "a2", "a3"]);
}

#[test]
fn the_same_account_from_two_sources_is_two() {
    let mut queue = Timed::new(3);
    for item in ["a1", "a2", "a3"] {
        queue.add(account(1, "ron"), item);
    }
    assert_eq!(queue.displaced_by(account(2, "ron"), "b"), "a3");
    assert_eq!(queue.drain(), ["b", "a1", "a2"]);
}

#[test]
fn a_turn_counts_like_an_offer() {
    let mut queue = Timed::new(16);
    // One has had a turn for its one job, the other has offered one job and got none.
    queue.queue.count(source(1), queue.now);
    queue.add(source(1), "served before");
    queue.add(source(2), "not yet");
    queue.add(source(2), "not yet either");
    assert_eq!(queue.drain(), ["not yet", "served before", "not yet either"]);
}

#[test]
fn a_full_queue_sheds_the_newest_job_of_the_heaviest_account_of_the_heaviest_source() {
    let mut queue = Timed::new(6);
    queue.add(account(1, "a"), "a1");
    queue.add(account(1, "a"), "a2");
    queue.add(account(1, "b"), "b1");
    queue.add(account(2, "a"), "c1");
    queue.add(account(2, "a"), "c2");
    queue.add(account(1, "a"), "a3");
    // The first source has 4, of which 3 are of account a.
    assert_eq!(queue.displaced_by(account(3, "a"), "d1"), "a3");
    // Within the source, account b now has two and account a three, though one was shed.
    assert_eq!(queue.displaced_by(account(1, "b"), "b2"), "a2");
    assert_eq!(queue.displaced_by(account(3, "a"), "d2"), "a1");
    assert_eq!(queue.queue.len(), 6);
    assert_eq!(queue.push(account(1, "b"), "b3"), Pushed::Refused("b3"));
    assert_eq!(queue.drain(), ["c1", "d1", "c2", "d2", "b1", "b2"]);
}

#[test]
fn the_heaviest_source_is_refused_itself() {
    let mut queue = Timed::new(2);
    queue.add(source(1), "a1");
    queue.add(source(2), "b1");
    // Of equals, the newest.
    assert_eq!(queue.push(source(3), "c1"), Pushed::Refused("c1"));
    // By what it offered, though none of its jobs wait.
    assert_eq!(queue.push(source(3), "c2"), Pushed::Refused("c2"));
    assert_eq!(queue.push(source(1), "a2"), Pushed::Refused("a2"));
    assert_eq!(queue.push(source(3), "c3"), Pushed::Refused("c3"));
    assert_eq!(queue.drain(), ["b1", "a1"]);
}

#[test]
fn a_queue_without_places_refuses_everything() {
    let mut queue = Timed::new(0);
    assert_eq!(queue.push(source(1), "a"), Pushed::Refused("a"));
    assert_eq!(queue.drain(), [""; 0]);
}

#[test]
fn one_source_with_64_jobs_cannot_shed_the_single_job_of_another() {
    let mut queue = Timed::new(16);
    queue.add(source(1), "customer");
    for _ in 0..15 {
        queue.add(source(2), "attacker");
    }
    for _ in 15..64 {
        assert_eq!(queue.push(source(2), "attacker"), Pushed::Refused("attacker"));
    }
    assert_eq!(queue.displaced_by(source(3), "second customer"), "attacker");
    assert_eq!(queue.drain()[..3], ["customer", "second customer", "attacker"]);
}

#[test]
fn two_jobs_that_have_waited_longest_count_more_than_a_newcomer() {
    for max_wait in [0, 1, 7, 60] {
        let mut queue = Timed::new(2);
        queue.queue = FairQueue::new(2, Duration::from_secs(max_wait));
        queue.add(source(1), "a1");
        queue.add(source(1), "a2");
        queue.pass(max_wait);
        assert_eq!(queue.displaced_by(source(2), "b"), "a2", "{max_wait} s");
    }
}

#[test]
fn sixty_four_sources_that_hammer_cannot_shed_a_65th() {
    for connections in [1, 2, 16] {
        let mut queue = Timed::new(16);
        for _ in 0..connections {
            for attacker in 0..64 {
                queue.push(source(attacker), "attacker");
            }
        }
        // Those that were shed come again. Each source now has at most one job more than another.
        queue.now += Duration::from_millis(1);
        for attacker in 0..64 {
            queue.push(source(attacker), "attacker");
        }
        for customer in 0..16 {
            queue.now += Duration::from_millis(1);
            assert_eq!(queue.displaced_by(source(100 + customer), "customer"), "attacker");
            for attacker in 0..64 {
                let pushed = queue.push(source(attacker), "attacker");
                assert!(!matches!(pushed, Pushed::Displaced(_, "customer")), "{pushed:?}");
            }
        }
        assert_eq!(queue.drain(), ["customer"; 16]);
    }
}

#[test]
fn a_job_that_is_removed_is_gone_and_leaves_its_place() {
    let mut queue = Timed::new(3);
    let tickets = [
        queue.add(account(1, "a"), "a1"),
        queue.add(account(1, "a"), "a2"),
        queue.add(account(2, "a"), "b1"),
    ];
    assert_eq!(queue.queue.remove(tickets[0]), Some("a1"));
    assert_eq!(queue.queue.remove(tickets[0]), None);
    assert_eq!(queue.queue.len(), 2);
    let b2 = queue.add(account(2, "b"), "b2");
    assert_eq!(queue.queue.remove(tickets[2]), Some("b1"));
    assert_eq!(queue.drain(), ["a2", "b2"]);
    assert_eq!(queue.queue.remove(b2), None);
    assert_eq!(queue.queue.remove(tickets[1]), None);
}

#[test]
fn a_job_that_was_displaced_or_served_cannot_be_removed() {
    let mut queue = Timed::new(2);
    queue.add(source(1), "a1");
    let displaced = queue.add(source(1), "a2");
    assert_eq!(queue.displaced_by(source(2), "b1"), "a2");
    assert_eq!(queue.queue.remove(displaced), None);
    assert_eq!(queue.queue.len(), 2);
}

#[test]
fn loads_decay_in_seconds() {
    // With the new job, a load of 100 has fallen below 2 after 10 ln(100) seconds.
    for (seconds, first) in [(1, "other"), (46, "other"), (47, "once more")] {
        let mut queue = Timed::new(16);
        for _ in 0..50 {
            queue.queue.count(source(1), queue.now);
        }
        queue.pass(seconds);
        queue.add(source(1), "once more");
        queue.add(source(2), "other");
        queue.add(source(2), "other");
        assert_eq!(queue.queue.pop(), Some(first), "{seconds} s");
    }
}

#[test]
fn loads_that_have_decayed_are_forgotten() {
    let mut queue = Timed::new(16);
    for number in 0..1_000 {
        queue.queue.count(account(number, "a"), queue.now);
    }
    assert_eq!(queue.queue.remembered(), (1_000, 1_000));
    // The load is 2, and less than e^-3 after 10 (3 + ln 2) seconds.
    queue.pass(36);
    queue.queue.count(source(1), queue.now);
    assert_eq!(queue.queue.remembered(), (1_000, 1_001));
    queue.pass(1);
    for _ in 0..500 {
        queue.queue.count(source(1), queue.now);
    }
    assert_eq!(queue.queue.remembered(), (1, 1));
}

#[test]
fn the_memory_for_loads_is_bounded_and_the_largest_are_kept() {
    let mut queue = Timed::new(4);
    for _ in 0..3 {
        queue.push(source(0), "hammering");
    }
    for number in 1..40_000 {
        queue.push(account(number, "a"), "once");
    }
    let (sources, accounts) = queue.queue.remembered();
    let bound = 16_384..=16_384 + 4;
    assert!(bound.contains(&sources) && bound.contains(&accounts), "{sources} and {accounts}");
    // Still known.
    let before = queue.drain().len();
    assert_eq!(before, 4);
    queue.add(source(0), "hammering");
    queue.add(source(1_000_000), "new");
    assert_eq!(queue.drain(), ["new", "hammering"]);
}

#[test]
fn jobs_that_wait_keep_their_turn_however_many_sources_are_forgotten() {
    let mut queue = Timed::new(2);
    queue.add(source(1_000_000), "waiting");
    queue.add(source(1_000_001), "waiting");
    for number in 0..40_000 {
        assert_eq!(queue.push(source(number), "new"), Pushed::Refused("new"));
    }
    assert_eq!(queue.drain(), ["waiting"; 2]);
}

#[test]
fn everything_is_removed_at_once() {
    let mut queue = Timed::new(8);
    for number in 0..8 {
        queue.add(source(number % 3), "job");
    }
    assert_eq!(queue.queue.clear(), ["job"; 8]);
    assert_eq!((queue.queue.len(), queue.queue.pop()), (0, None));
}
