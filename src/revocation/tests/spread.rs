//! Where ids go.

use std::collections::HashSet;

use crate::revocation::scramble::Scramble;
use crate::revocation::shards::CELL_BITS;

/// Ids as somebody might choose them who would like them to crowd: counted up at either end, or in
/// between, or with one bit set.
fn alike() -> impl Iterator<Item = u128> {
    let counted = |shift: u32| (1..12_800).map(move |at: u128| at << shift);
    let bits = (0..128).map(|bit| 1 << bit | 1 << 127 | 1);
    counted(0).chain(counted(50)).chain(counted(64)).chain(counted(112)).chain(bits)
}

#[test]
fn no_two_ids_are_scrambled_into_the_same_words() {
    let scramble = Scramble::random();
    let ids: HashSet<u128> = alike().collect();
    let words: HashSet<(u64, u64)> =
        ids.iter().map(|id| scramble.apply(id.to_be_bytes())).collect();
    assert_eq!(words.len(), ids.len());
}

#[test]
fn ids_that_are_alike_spread_over_all_tables() {
    let scramble = Scramble::random();
    let mut counts = vec![0; 1 << CELL_BITS];
    for id in alike() {
        let (hash, _) = scramble.apply(id.to_be_bytes());
        counts[(hash >> (u64::BITS - CELL_BITS)) as usize] += 1;
    }
    // 200 each on the average; chance alone strays so far once in 10^17 runs.
    for count in counts {
        assert!((80..360).contains(&count), "{count} ids in one table");
    }
}

#[test]
fn lists_have_keys_of_their_own() {
    assert_ne!(Scramble::random().apply([7; 16]), Scramble::random().apply([7; 16]));
}
