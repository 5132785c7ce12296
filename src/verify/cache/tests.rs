use std::collections::HashSet;
use std::thread;

use super::*;

const FIRST: KeyVersion = KeyVersion::new(0, 0);

fn cache(capacity: usize) -> TokenCache {
    TokenCache::with_keys(NonZeroUsize::new(capacity).unwrap(), [[1; 16], [2; 16]])
}

/// A text as random as a signature is, of as many bytes as a usual token.
fn token(number: usize) -> [u8; 300] {
    let mut random = fastrand::Rng::with_seed(number as u64);
    std::array::from_fn(|_| random.alphanumeric() as u8)
}

const NOW: Duration = Duration::from_secs(1_510_597_800);

fn minutes(count: usize) -> Duration {
    Duration::from_secs(64 * count as u64)
}

fn contains_at(cache: &TokenCache, version: KeyVersion, token: &[u8], now: Duration) -> bool {
    let place = cache.place(token).unwrap();
    place.contains(place.fingerprint(version, token), now)
}

fn contains(cache: &TokenCache, version: KeyVersion, token: &[u8]) -> bool {
    contains_at(cache, version, token, NOW)
}

fn insert_at(cache: &TokenCache, version: KeyVersion, token: &[u8], now: Duration) {
    let place = cache.place(token).unwrap();
    place.insert(version, place.fingerprint(version, token), now);
}

fn insert(cache: &TokenCache, version: KeyVersion, token: &[u8]) {
    insert_at(cache, version, token, NOW);
}

/// Asks as a verifier does: a token that is not there is verified and inserted.
fn ask_at(cache: &TokenCache, token: &[u8], now: Duration) -> bool {
    let hit = contains_at(cache, FIRST, token, now);
    if !hit {
        insert_at(cache, FIRST, token, now);
    }
    hit
}

fn ask(cache: &TokenCache, token: &[u8]) -> bool {
    ask_at(cache, token, NOW)
}

#[test]
fn contains_exactly_the_bytes_under_the_version_that_were_inserted_t26() {
    let cache = cache(100);
    let good = token(0);
    insert(&cache, FIRST, &good);
    assert!(contains(&cache, FIRST, &good));
    for version in [KeyVersion::new(1, 0), KeyVersion::new(0, 1), KeyVersion::new(1, 1)] {
        assert!(!contains(&cache, version, &good), "{version:?}");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut other = good;
            other[at] ^= 1 << bit;
            assert!(!contains(&cache, FIRST, &other), "bit {bit} of byte {at}");
        }
        assert!(!contains(&cache, FIRST, &[&good[..at], &good[at + 1..]].concat()), "byte {at}");
    }
    for end in [&[0][..], &[0; 256], &good] {
        assert!(!contains(&cache, FIRST, &[&good, end].concat()));
        assert!(!contains(&cache, FIRST, &[end, &good].concat()));
    }
    assert!(contains(&cache, FIRST, &good));
}

#[test]
fn caches_have_keys_of_their_own() {
    let caches = [(); 2].map(|()| TokenCache::new(NonZeroUsize::MIN).unwrap());
    let token = token(0);
    let [one, other] = caches.each_ref().map(|cache| cache.key.fingerprint(FIRST, &token));
    assert_ne!(one.head(), other.head());
    assert_ne!(one.tail(), other.tail());
    assert_ne!(caches[0].places, caches[1].places);
}

#[test]
fn has_no_place_for_a_text_shorter_than_any_signature() {
    let cache = cache(1);
    assert!(cache.place(b"").is_none());
    assert!(cache.place(&[b'a'; SUFFIX_LEN - 1]).is_none());
    assert!(cache.place(&[b'a'; SUFFIX_LEN]).is_some());
}

#[test]
fn takes_24_bytes_a_token_and_part_of_a_line() {
    assert_eq!(size_of::<Line>(), 64);
    for capacity in [1, 2, 3, 8, 1_000, 100_000] {
        let bytes = size_of_val(&*cache(capacity).lines);
        assert!((24 * capacity..24 * capacity + 64).contains(&bytes), "{bytes} for {capacity}");
    }
}

#[test]
fn finds_tokens_asked_for_in_turn_when_there_are_as_many_as_it_has_room_for() {
    for capacity in [1, 2, 3, 8, 100, 1_000, 20_000] {
        let cache = cache(capacity);
        let tokens: Vec<_> = (0..capacity).map(token).collect();
        for token in tokens.iter().chain(&tokens) {
            ask(&cache, token);
        }
        let hits = tokens.iter().cycle().take(10 * capacity);
        let hits = hits.filter(|token| ask(&cache, *token)).count();
        assert!(hits * 100 >= 10 * capacity * 98, "{hits} of {} at {capacity}", 10 * capacity);
    }
}

#[test]
fn tokens_that_are_used_once_do_not_push_out_those_in_use_m3() {
    for used_once_for_each in [1, 4] {
        let cache = cache(1_000);
        let good: Vec<_> = (0..750).map(token).collect();
        for token in good.iter().chain(&good) {
            ask(&cache, token);
        }
        let mut random = fastrand::Rng::with_seed(26);
        let mut once = 1_000_000;
        let mut hits = 0;
        for _ in 0..20_000 {
            hits += usize::from(ask(&cache, &good[random.usize(..good.len())]));
            for _ in 0..used_once_for_each {
                once += 1;
                assert!(!ask(&cache, &token(once)));
            }
        }
        assert!(hits >= 19_800, "{hits} of 20 000 beside {used_once_for_each} for each");
    }
}

#[test]
fn other_tokens_come_into_use_and_take_the_place_of_those_that_are_not_any_more() {
    for live in [500, 1_000] {
        let cache = cache(1_000);
        let mut random = fastrand::Rng::with_seed(27);
        let mut tokens: Vec<_> = (0..live).map(token).collect();
        let mut hits = 0;
        // In each minute every fiftieth is replaced by another, so that this many hits are lost.
        let lost = live / 50;
        for minute in 0..300 {
            for _ in 0..live {
                let token = &tokens[random.usize(..live)];
                let hit = ask_at(&cache, token, NOW + minutes(minute));
                hits += usize::from(hit && minute >= 100);
            }
            for number in 0..lost {
                tokens[random.usize(..live)] = token(live + minute * lost + number);
            }
        }
        let possible = 200 * (live - lost);
        assert!(hits * 100 >= possible * 97, "{hits} of {possible} with {live} at a time");
    }
}

#[test]
fn frees_the_slots_of_earlier_keys_as_new_tokens_come() {
    let cache = cache(1_000);
    for number in 0..1_000 {
        insert(&cache, FIRST, &token(number));
    }
    // All of them are in use until the rotation.
    for number in 0..1_000 {
        contains(&cache, FIRST, &token(number));
    }
    let next = KeyVersion::new(1, 0);
    let cleared = cache.lines.len().div_ceil(CLEARED_PER_INSERT);
    for number in 0..cleared {
        insert(&cache, next, &token(number));
    }
    // None but those of the new version, some of which were freed with the line they had come to.
    assert!(cache.taken() <= cleared, "{}", cache.taken());
    for number in cleared..2 * cleared {
        insert(&cache, next, &token(number));
    }
    assert!(cache.taken() >= cleared, "{}", cache.taken());
    assert!(contains(&cache, next, &token(2 * cleared - 1)));
    assert!(!contains(&cache, FIRST, &token(2 * cleared - 1)));
}

#[test]
fn a_hit_writes_nothing_once_the_token_is_known_to_be_in_use() {
    let cache = cache(1);
    let token = token(0);
    let heads = || format!("{:?}", cache.lines[0]);
    insert(&cache, FIRST, &token);
    let new = heads();
    assert!(contains(&cache, FIRST, &token));
    let kept = heads();
    assert_ne!(kept, new);
    assert!(contains(&cache, FIRST, &token));
    assert_eq!(heads(), kept);
}

#[test]
fn threads_find_only_what_was_inserted_while_others_push_it_out() {
    const VERSIONS: [KeyVersion; 2] = [FIRST, KeyVersion::new(1, 0)];
    let cache = cache(64);
    // Even ones are inserted, under one version each, and odd ones never.
    let own_version = |number: usize| number.is_multiple_of(2).then(|| VERSIONS[number / 2 % 2]);
    thread::scope(|scope| {
        for thread in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread);
                for _ in 0..10_000 {
                    let number = random.usize(..200);
                    let text = token(number);
                    for version in VERSIONS {
                        let may_hit = own_version(number) == Some(version);
                        assert!(may_hit || !contains(cache, version, &text), "{number}");
                    }
                    if let Some(version) = own_version(number) {
                        insert(cache, version, &text);
                    }
                }
            });
        }
    });
    assert!(cache.taken() > 0);
}

#[test]
fn contains_only_what_was_inserted_in_any_order_of_questions() {
    let cache = cache(50);
    let mut inserted = HashSet::new();
    let mut random = fastrand::Rng::with_seed(28);
    for _ in 0..20_000 {
        let (changes, number) = (random.u64(..3), random.usize(..90));
        let (version, token) = (KeyVersion::new(changes, 0), token(number));
        if contains(&cache, version, &token) {
            assert!(inserted.contains(&(changes, number)), "token {number} of version {changes}");
        } else if random.bool() {
            insert(&cache, version, &token);
            inserted.insert((changes, number));
        }
    }
}

#[test]
fn debug_shows_no_fingerprint_and_no_key() {
    let cache = cache(3);
    insert(&cache, FIRST, &token(0));
    assert_eq!(format!("{cache:?}"), "TokenCache { tokens: 1, .. }");
}
