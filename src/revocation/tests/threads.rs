//! Readers beside writers, in threads.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

use super::DAY;
use super::START;
use super::Words;
use super::is_revoked;
use super::replica;
use crate::id::CustomerId;
use crate::id::TokenId;

const IDS: u64 = 30_000;

/// Of each four ids, one is no UUID.
fn id(at: u64) -> TokenId {
    if at % 4 == 3 {
        return format!("token-{at}").parse().unwrap();
    }
    TokenId::from_uuid_bytes(u128::from(at).to_be_bytes())
}

#[test]
fn what_has_been_revoked_is_found_and_nothing_else_while_the_list_grows_and_expires() {
    let (replica, clock) = replica(usize::MAX);
    let customer = CustomerId::from_uuid_bytes([0; 16]);
    // Every id below it has been revoked. Even ones live on; odd ones expire meanwhile.
    let revoked = AtomicU64::new(0);
    let write = || {
        for at in 0..IDS {
            let day = at / 1000;
            clock.set(START + day * DAY);
            let exp = if at % 2 == 0 { START + 100 * DAY } else { START + (day + 1) * DAY };
            replica.revoke(id(at), exp).unwrap();
            revoked.store(at + 1, Ordering::Release);
        }
    };
    let read = |seed: u64| {
        let mut words = Words(seed);
        loop {
            let below = revoked.load(Ordering::Acquire);
            if below > 0 {
                let live = words.below(below) / 2 * 2;
                assert!(is_revoked(&replica, &id(live), &customer, 0), "{live} of {below}");
            }
            let never = IDS + words.below(IDS);
            assert!(!is_revoked(&replica, &id(never), &customer, 0), "{never}");
            if below == IDS {
                return;
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| read(1));
        scope.spawn(|| read(2));
        scope.spawn(write);
    });
    for at in (0..IDS).step_by(2) {
        assert!(is_revoked(&replica, &id(at), &customer, 0), "{at}");
    }
}

#[test]
fn writers_take_turns() {
    let (replica, _) = replica(2000);
    let customer = CustomerId::from_uuid_bytes([0; 16]);
    thread::scope(|scope| {
        for writer in 0..4 {
            let replica = &replica;
            scope.spawn(move || {
                // Each id comes from two of the writers.
                for at in writer / 2 * 1000..(writer / 2 + 1) * 1000 {
                    replica.revoke(id(at), START + DAY).unwrap();
                }
            });
        }
    });
    assert_eq!(replica.token_count(), 2000);
    assert!((0..2000).all(|at| is_revoked(&replica, &id(at), &customer, 0)));
}
