//! What the cache keeps of a token.

/// Secretly keyed hash of a key ring's version and a whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    head: u64,
    tail: u64,
}

impl Fingerprint {
    /// The bits of the head that a slot has for its own state: the fingerprint is the other 120.
    pub(super) const STATE_BITS: u64 = 0xFF;

    pub(super) const fn new(head: u64, tail: u64) -> Self {
        Self { head: head & !Self::STATE_BITS, tail }
    }

    pub(super) const fn head(self) -> u64 {
        self.head
    }

    pub(super) const fn tail(self) -> u64 {
        self.tail
    }
}
