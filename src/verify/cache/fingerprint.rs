//! Fingerprints of tokens.

/// Keyed hash of a key ring's version and a whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    head: u64,
    tail: u64,
}

impl Fingerprint {
    /// The bits of the head that a slot uses for its state. The other 120 bits are the fingerprint.
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
