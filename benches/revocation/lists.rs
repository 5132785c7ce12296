//! Long lists, and what they weigh.

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use futures_util::FutureExt;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenId;

use crate::ALLOCATOR;

/// Words without a pattern, the same in each run (the output function of SplitMix64).
pub(crate) fn word(at: u64) -> u64 {
    let word = at.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// The id at this place of every list that is as long.
pub(crate) fn known(at: u64) -> TokenId {
    uuid(word(2 * at), word(2 * at + 1))
}

/// An id that is in no list.
pub(crate) fn unknown(at: u64) -> TokenId {
    known(at + (1 << 40))
}

fn uuid(high: u64, low: u64) -> TokenId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    TokenId::from_uuid_bytes(bytes)
}

pub(crate) fn revoke(list: &Revocations, id: &TokenId, exp: SystemTime) {
    list.revoke(id, exp).now_or_never().expect("a list in memory never waits").unwrap();
}

/// Bytes that are allocated now.
pub(crate) fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Revokes so many ids, which expire over a day from now on, and prints what that takes.
pub(crate) fn build(size: usize) -> Revocations {
    let before = allocated();
    let list = Revocations::in_memory();
    let now = SystemTime::now();
    let mut most: (f64, usize) = (0.0, 0);
    let mut next_look = 100_000;
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    for at in 0..size {
        let exp = now + Duration::from_secs(word(at as u64) % 86_400);
        let id = known(at as u64);
        let inserting = Instant::now();
        revoke(&list, &id, exp);
        slowest = slowest.max(inserting.elapsed());
        if at + 1 == next_look {
            most = most.max_by_bytes(allocated() - before, at + 1);
            next_look += next_look / 50;
        }
    }
    let time = begun.elapsed();
    let bytes = (allocated() - before) as f64 / size as f64;
    println!(
        "{size} ids: {bytes:.2} bytes an id; {:.0} ns an insertion, the slowest {slowest:?}",
        time.as_secs_f64() * 1e9 / size as f64,
    );
    if most.1 > 0 {
        println!("    at most {:.2} bytes an id from 100000 on, with {} ids", most.0, most.1);
        assert!(most.0 <= 24.0);
    }
    list
}

trait MaxByBytes {
    fn max_by_bytes(self, bytes: usize, ids: usize) -> Self;
}

impl MaxByBytes for (f64, usize) {
    fn max_by_bytes(self, bytes: usize, ids: usize) -> Self {
        let each = bytes as f64 / ids as f64;
        if each > self.0 { (each, ids) } else { self }
    }
}
