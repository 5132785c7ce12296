//! Where a UUID goes, so that nobody outside can tell.

use std::hash::BuildHasher;
use std::hash::RandomState;

/// Keyed bijection of 16 bytes.
///
/// Keyed, because an issuer other than ours may choose its `jti`, and must not be able to choose ones
/// that crowd together. A bijection, because the table an id stands in then tells a part of the id,
/// and that part needn't be stored: the room it leaves is the room for the tag.
///
/// It is a Feistel network, which is a bijection whatever its rounds compute.
pub(super) struct Scramble {
    rounds: [Round; 4],
}

struct Round {
    mask: u64,
    factor: u64,
}

impl Scramble {
    /// Draws keys from the standard library's source of hash seeds.
    pub(super) fn random() -> Self {
        // SipHash under a random key is a source of words that nobody can foretell.
        let words = RandomState::new();
        let word = |at: usize| words.hash_one(at);
        let round = |at: usize| Round { mask: word(2 * at), factor: word(2 * at + 1) | 1 };
        Self { rounds: std::array::from_fn(round) }
    }

    /// Returns two words, each of which depends on all of the id.
    pub(super) fn apply(&self, id: [u8; 16]) -> (u64, u64) {
        let id = u128::from_be_bytes(id);
        let (mut left, mut right) = ((id >> 64) as u64, id as u64);
        for round in &self.rounds {
            (left, right) = (right, left ^ round.of(right));
        }
        (right, left)
    }
}

impl Round {
    /// Both halves of a product: the low one mixes upwards, the high one downwards.
    const fn of(&self, word: u64) -> u64 {
        let product = (word ^ self.mask) as u128 * self.factor as u128;
        product as u64 ^ (product >> 64) as u64
    }
}
