//! The list's meaning.

use std::time::Duration;

use super::DAY;
use super::START;
use super::is_revoked;
use super::replica;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::CutOff;
use crate::revocation::RevokeError;
use crate::revocation::RevokeErrorKind;
use crate::revocation::buckets::BUCKET_SECONDS;
use crate::revocation::buckets::MAX_BUCKETS;
use crate::revocation::replica::MAX_LEEWAY;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn token(text: &str) -> TokenId {
    text.parse().unwrap()
}

fn customer(text: &str) -> CustomerId {
    text.parse().unwrap()
}

#[test]
fn a_revoked_token_is_refused_and_no_other() {
    let (replica, _) = replica(10);
    replica.revoke(token("t"), START + DAY).unwrap();
    assert!(is_revoked(&replica, &token("t"), &customer("c"), START));
    for other in ["T", "t ", "tt", "s"].into_iter().filter_map(|text| text.parse().ok()) {
        assert!(!is_revoked(&replica, &other, &customer("c"), START), "{other}");
    }
}

#[test]
fn a_customers_tokens_are_refused_by_their_iat_and_the_cut_off_never_moves_back() {
    let (replica, _) = replica(10);
    replica.revoke_customer(customer("c"), CutOff::since(seconds(START))).unwrap();
    replica.revoke_customer(customer("c"), CutOff::since(seconds(START - 9))).unwrap();
    assert!(is_revoked(&replica, &token("t"), &customer("c"), START - 1));
    assert!(!is_revoked(&replica, &token("t"), &customer("c"), START));
    assert!(!is_revoked(&replica, &token("t"), &customer("d"), START - 1));
}

#[test]
fn a_cut_off_within_a_second_reaches_to_its_end() {
    let (replica, _) = replica(10);
    let within = seconds(START) + Duration::from_nanos(1);
    replica.revoke_customer(customer("c"), CutOff::since(within)).unwrap();
    assert!(is_revoked(&replica, &token("t"), &customer("c"), START));
    assert!(!is_revoked(&replica, &token("t"), &customer("c"), START + 1));
    let cut_off = CutOff { at: within, valid_from: START + 1 };
    assert_eq!(replica.cut_off(&customer("c")), Some(cut_off));
}

#[test]
fn a_cut_off_is_the_next_whole_second_after_its_moment_however_many_came_before() {
    let (replica, _) = replica(10);
    let at = |millis| Duration::from_millis(START * 1_000 + millis);
    for (millis, latest, valid_from) in [
        (200, 200, 1),
        (600, 600, 1),
        (600, 600, 1),
        (100, 600, 1),
        (999, 999, 1),
        (1_000, 1_000, 1),
        (999, 1_000, 1),
        (1_001, 1_001, 2),
        (3_500, 3_500, 4),
    ] {
        replica.revoke_customer(customer("c"), CutOff::since(at(millis))).unwrap();
        let cut_off = CutOff { at: at(latest), valid_from: START + valid_from };
        assert_eq!(replica.cut_off(&customer("c")), Some(cut_off), "after {millis} ms");
    }
}

#[test]
fn expired_buckets_are_dropped_whole_and_none_before_its_last_token_has_expired() {
    let (replica, clock) = replica(10);
    let exp = START + DAY;
    replica.revoke(token("first"), exp).unwrap();
    replica.revoke_customer(customer("c"), CutOff::since(seconds(START + 100))).unwrap();

    clock.set(exp + MAX_LEEWAY.as_secs());
    replica.revoke(token("second"), exp + DAY).unwrap();
    assert!(is_revoked(&replica, &token("first"), &customer("d"), START));
    assert!(is_revoked(&replica, &token("t"), &customer("c"), START));

    clock.set(exp + BUCKET_SECONDS + MAX_LEEWAY.as_secs());
    replica.revoke(token("third"), exp + DAY).unwrap();
    assert!(!is_revoked(&replica, &token("first"), &customer("d"), START));
    assert!(!is_revoked(&replica, &token("t"), &customer("c"), START));
    assert!(is_revoked(&replica, &token("second"), &customer("d"), START));
    assert_eq!((replica.token_count(), replica.customer_count()), (2, 0));
}

#[test]
fn a_full_list_refuses_more_and_keeps_what_it_has() {
    let (replica, clock) = replica(2);
    for text in ["a", "b", "a"] {
        replica.revoke(token(text), START + DAY).unwrap();
        replica.revoke_customer(customer(text), CutOff::since(seconds(START))).unwrap();
    }
    let full = |result: Result<bool, RevokeError>| result.unwrap_err().kind();
    assert_eq!(full(replica.revoke(token("c"), START + DAY)), RevokeErrorKind::Full);
    assert_eq!(
        full(replica.revoke_customer(customer("c"), CutOff::since(seconds(START)))),
        RevokeErrorKind::Full
    );
    assert!(is_revoked(&replica, &token("a"), &customer("x"), START));
    assert!(!is_revoked(&replica, &token("c"), &customer("c"), 0));

    clock.set(START + 3 * DAY);
    replica.revoke(token("c"), START + 4 * DAY).unwrap();
    replica.revoke_customer(customer("c"), CutOff::since(seconds(START + 3 * DAY))).unwrap();
    assert_eq!((replica.token_count(), replica.customer_count()), (1, 1));
}

#[test]
fn scattered_expiries_share_buckets_and_none_is_dropped_early() {
    let (replica, clock) = replica(1000);
    let exp = |at: u64| START + at * 10 * DAY;
    for at in (1..=40).rev() {
        replica.revoke(token(&at.to_string()), exp(at)).unwrap();
    }
    assert_eq!(replica.bucket_count(), MAX_BUCKETS);
    for at in 1..=40 {
        clock.set(exp(at) - 1);
        replica.revoke(token("now"), exp(at)).unwrap();
        for live in at..=40 {
            assert!(is_revoked(&replica, &token(&live.to_string()), &customer("c"), 0));
        }
    }
}

#[test]
fn revoking_again_with_a_later_expiry_lasts_until_the_later_one() {
    let (replica, clock) = replica(10);
    replica.revoke(token("t"), START + DAY).unwrap();
    replica.revoke(token("t"), START + 3 * DAY).unwrap();
    clock.set(START + 2 * DAY);
    replica.revoke(token("other"), START + 3 * DAY).unwrap();
    assert!(is_revoked(&replica, &token("t"), &customer("c"), 0));
}
