//! The list does what a map from ids to expiries does.

use std::collections::BTreeMap;

use super::DAY;
use super::START;
use super::Words;
use super::replica;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::RevokeErrorKind;
use crate::revocation::buckets::BUCKET_SECONDS;
use crate::revocation::replica::MAX_LEEWAY;
use crate::revocation::replica::Replica;
use crate::revocation::tokens::Books;
use crate::revocation::tokens::Tokens;

/// Ids that are alike: texts, and UUIDs with halves in common, among them those of nothing but zeros
/// and of nothing but ones.
fn id(at: u64) -> TokenId {
    if at.is_multiple_of(3) {
        return format!("token-{at}").parse().unwrap();
    }
    const HALVES: [u64; 3] = [0, u64::MAX, 1 << 63];
    let half = |at: u64| HALVES.get(at as usize).copied().unwrap_or(at);
    let uuid = u128::from(half(at % 17)) << 64 | u128::from(half(at / 17));
    TokenId::from_uuid_bytes(uuid.to_be_bytes())
}

fn is_revoked(replica: &Replica, id: &TokenId) -> bool {
    let customer = CustomerId::from_uuid_bytes([0; 16]);
    replica.is_revoked(id, id, &customer, 0)
}

#[test]
fn at_random_it_agrees_with_a_map_in_every_answer() {
    const IDS: u64 = 1200;
    const CAPACITY: usize = 400;
    for seed in 0..4 {
        let mut words = Words(seed);
        let (replica, clock) = replica(CAPACITY);
        let mut map: BTreeMap<TokenId, u64> = BTreeMap::new();
        let mut now = START;
        let mut refused = 0;
        let mut dropped_at = 0;
        for step in 0..6000 {
            if words.below(20) == 0 {
                now += words.below(BUCKET_SECONDS / 4);
                clock.set(now);
            }
            let token = id(words.below(IDS));
            // Expired ones too: nobody asks whether there is any use in it.
            let exp = now - BUCKET_SECONDS + words.below(2 * DAY);
            let current = (now - MAX_LEEWAY.as_secs()) / BUCKET_SECONDS;
            // What had expired when it came stays until others expire.
            if current > dropped_at {
                map.retain(|_, number| *number >= current);
                dropped_at = current;
            }
            let number = exp / BUCKET_SECONDS;
            let is_full = map.len() >= CAPACITY && !map.contains_key(&token);
            let revoked = replica.revoke(token.clone(), exp);
            let revoked = revoked.map(drop).map_err(|error| error.kind());
            assert_eq!(revoked, if is_full { Err(RevokeErrorKind::Full) } else { Ok(()) });
            if !is_full {
                let latest = map.entry(token).or_default();
                *latest = number.max(*latest);
            }
            refused += usize::from(is_full);
            assert_eq!(replica.token_count(), map.len(), "seed {seed}, step {step}");
            for _ in 0..4 {
                let asked = id(words.below(IDS));
                let expected = map.contains_key(&asked);
                assert_eq!(is_revoked(&replica, &asked), expected, "seed {seed}, {step}: {asked}");
            }
        }
        for at in 0..IDS {
            assert_eq!(
                is_revoked(&replica, &id(at)),
                map.contains_key(&id(at)),
                "seed {seed}: {at}"
            );
        }
        assert!(refused > 0, "seed {seed}: the list was never full");
    }
}

#[test]
fn expired_ids_go_over_many_revocations_and_live_ones_stay_all_the_while() {
    const IDS: u64 = 24_000;
    let (replica, clock) = replica(100_000);
    let exp = |at: u64| START + (1 + at % 2) * DAY;
    let uuid = |at: u64| TokenId::from_uuid_bytes(u128::from(at).to_be_bytes());
    for at in 0..IDS {
        replica.revoke(uuid(at), exp(at)).unwrap();
    }
    clock.set(START + DAY + BUCKET_SECONDS + MAX_LEEWAY.as_secs());
    let gone = |replica: &Replica| (0..IDS).filter(|at| !is_revoked(replica, &uuid(*at))).count();
    let mut steps = Vec::new();
    for extra in IDS.. {
        replica.revoke(uuid(extra), exp(1)).unwrap();
        // The capacity is given back at once, the tables little by little.
        assert_eq!(replica.token_count() as u64, IDS / 2 + 1 + extra - IDS);
        assert_eq!((1..IDS).step_by(97 * 2).find(|at| !is_revoked(&replica, &uuid(*at))), None);
        steps.push(gone(&replica));
        if steps.last() == Some(&(IDS as usize / 2)) {
            break;
        }
    }
    assert!(steps.len() > 2 && steps.is_sorted(), "{steps:?}");
}

#[test]
fn more_buckets_may_expire_before_their_ids_are_dropped_than_there_are_tags_for() {
    let tokens = Tokens::new();
    let mut books = Books::new();
    for number in 0..100 {
        books.expire(number);
        tokens.add(&mut books, id(number), number, 1).unwrap();
        assert_eq!((books.ids(), books.buckets()), (1, 1), "bucket {number}");
        assert!(tokens.contains(&id(number)), "bucket {number}");
    }
}

#[test]
fn what_expires_while_expired_ids_are_being_dropped_is_dropped_too() {
    let tokens = Tokens::new();
    let mut books = Books::new();
    for at in 0..2000 {
        tokens.add(&mut books, id(at), at % 3, usize::MAX).unwrap();
    }
    for current in 1..3 {
        books.expire(current);
        // Some tables, and not all.
        tokens.sweep(&mut books, 1000);
        assert!(!books.is_clean());
    }
    tokens.sweep(&mut books, usize::MAX);
    assert!(books.is_clean());
    for at in 0..2000 {
        assert_eq!(tokens.contains(&id(at)), at % 3 == 2, "{at}");
    }
    assert_eq!((books.ids(), books.buckets()), (666, 1));
}
