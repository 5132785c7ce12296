//! Room that is reserved, and room that is left.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::DAY;
use super::HandTurned;
use super::START;
use super::Words;
use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::CutOff;
use crate::revocation::Reservation;
use crate::revocation::Revocations;
use crate::revocation::RevokeError;
use crate::revocation::RevokeErrorKind;

const FULL: Option<RevokeErrorKind> = Some(RevokeErrorKind::Full);

fn list(capacity: usize) -> (Revocations, Arc<HandTurned>) {
    let list = Revocations::in_memory_with_capacity(capacity);
    let clock = Arc::new(HandTurned(START.into()));
    let shared: Arc<dyn Clock> = clock.clone();
    list.attach(&shared, Duration::from_secs(DAY));
    (list, clock)
}

fn customer(text: &str) -> CustomerId {
    text.parse().unwrap()
}

fn reserve(list: &Revocations, text: &str) -> Option<Reservation> {
    match list.reserve_customer(&customer(text)) {
        Ok(room) => Some(room),
        Err(error) => {
            assert_eq!(error.kind(), RevokeErrorKind::Full);
            None
        }
    }
}

/// Why this customer's tokens of before `seconds` are not revoked.
fn revoke(list: &Revocations, text: &str, seconds: u64) -> Option<RevokeErrorKind> {
    let revoked = list.replica.revoke_customer(customer(text), CutOff::new(from_epoch(seconds)));
    revoked.err().map(|error: RevokeError| error.kind())
}

fn is_revoked(list: &Revocations, text: &str, iat: u64) -> bool {
    let token: TokenId = "t".parse().unwrap();
    list.replica.is_revoked(&token, &token, &customer(text), iat)
}

#[test]
fn what_is_reserved_is_not_given_to_others_until_it_is_given_back() {
    let (list, _) = list(2);
    assert_eq!(revoke(&list, "a", START), None);
    let room = reserve(&list, "b").unwrap();
    assert!(reserve(&list, "c").is_none());
    assert_eq!(revoke(&list, "c", START), FULL);
    assert!(!is_revoked(&list, "b", 0));
    drop(room);
    assert_eq!(revoke(&list, "c", START), None);
    assert_eq!(revoke(&list, "b", START), FULL);
    assert_eq!(list.replica.customer_count(), 2);
}

#[test]
fn what_is_reserved_is_used_once_and_stays_used() {
    let (list, _) = list(1);
    let room = reserve(&list, "a").unwrap();
    assert_eq!(revoke(&list, "a", START), None);
    assert_eq!(revoke(&list, "b", START), FULL);
    drop(room);
    assert!(is_revoked(&list, "a", START - 1));
    assert_eq!(revoke(&list, "b", START), FULL);
    // A customer with a cut-off has room for another already.
    drop(reserve(&list, "a").unwrap());
    assert!(is_revoked(&list, "a", START - 1));
}

#[test]
fn reservations_for_one_customer_take_one_place_until_the_last_is_dropped() {
    let (list, _) = list(1);
    let rooms = [(); 3].map(|()| reserve(&list, "a").unwrap());
    for room in rooms {
        assert_eq!(revoke(&list, "b", START), FULL);
        drop(room);
    }
    assert_eq!(revoke(&list, "b", START), None);
}

#[test]
fn what_is_reserved_for_a_customer_outlives_their_cut_off() {
    let (list, clock) = list(1);
    assert_eq!(revoke(&list, "a", START), None);
    let room = reserve(&list, "a").unwrap();
    clock.set(START + 3 * DAY);
    assert_eq!(revoke(&list, "b", START), FULL);
    assert_eq!(revoke(&list, "a", START + 3 * DAY), None);
    drop(room);
    assert!(is_revoked(&list, "a", START + 3 * DAY - 1));

    // One that was reserved for nothing expires as all do.
    drop(reserve(&list, "a").unwrap());
    clock.set(START + 6 * DAY);
    assert_eq!(revoke(&list, "b", START + 6 * DAY), None);
    assert!(!is_revoked(&list, "a", 0));
}

#[test]
fn a_reservation_and_its_debug_tell_the_customer_and_end_no_token() {
    let (list, _) = list(1);
    let room = reserve(&list, "a").unwrap();
    assert_eq!(format!("{room:?}"), r#"Reservation { customer: CustomerId("a"), .. }"#);
    assert!(!list.has_any());
    let cut_off = || list.replica.cut_off(&customer("a"));
    assert_eq!(cut_off().map(|cut_off| cut_off.valid_from), Some(0));
    drop(room);
    assert_eq!(cut_off(), None);
}

#[test]
fn of_reservations_in_threads_none_is_lost_and_none_is_counted_twice() {
    const CUSTOMERS: u64 = 8;
    const CAPACITY: usize = 6;
    let (list, _) = list(CAPACITY);
    thread::scope(|scope| {
        for seed in 0..4 {
            let list = &list;
            scope.spawn(move || {
                let mut words = Words(seed);
                for _ in 0..2_000 {
                    let id = customer(&words.below(CUSTOMERS).to_string());
                    let Ok(room) = list.reserve_customer(&id) else {
                        continue;
                    };
                    assert!(list.replica.customer_count() <= CAPACITY);
                    // Two customers are revoked for good, and the others' room is given back.
                    if id <= customer("1") {
                        let revoked =
                            list.replica.revoke_customer(id, CutOff::new(from_epoch(START)));
                        assert_eq!(revoked.map(drop).map_err(|error| error.kind()), Ok(()));
                    }
                    drop(room);
                }
            });
        }
    });
    assert_eq!(list.replica.customer_count(), 2);
    let rooms: Vec<_> = (2..CUSTOMERS).map(|id| reserve(&list, &id.to_string())).collect();
    assert_eq!(rooms.iter().flatten().count(), CAPACITY - 2);
}
