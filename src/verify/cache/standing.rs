//! How much a token in the cache has proved its worth.

/// Standing of a cached token, in four bits.
///
/// As in S3-FIFO, a newcomer is on probation, in a part of the cache that is small, and is kept once
/// it was asked for again. Tokens that are used once push out one another there and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing(u32);

impl Standing {
    /// On probation, and the hand has been past: the next time it goes.
    const LAST_CHANCE: Self = Self(0);
    /// On probation. The hand has to come twice, or those that it happens to reach soon after they
    /// came would have no time to be asked for.
    pub(super) const NEW: Self = Self(1);
    /// On probation, and asked for since it came.
    const PROVEN: Self = Self(2);
    /// Kept, from here on with one life more each.
    const KEPT: Self = Self(4);
    const KEPT_MOST: Self = Self(7);

    const BITS: usize = 4;
    const MASK: u32 = 0b1111;

    pub(super) const fn of(standings: u32, way: usize) -> Self {
        Self(standings >> (way * Self::BITS) & Self::MASK)
    }

    pub(super) const fn put(self, standings: u32, way: usize) -> u32 {
        let shift = way * Self::BITS;
        standings & !(Self::MASK << shift) | self.0 << shift
    }

    pub(super) fn is_kept(self) -> bool {
        self >= Self::KEPT
    }

    pub(super) fn after_hit(self) -> Self {
        if self < Self::PROVEN {
            Self::PROVEN
        } else if self.is_kept() && self < Self::KEPT_MOST {
            Self(self.0 + 1)
        } else {
            self
        }
    }

    /// The standing after the hand has been past; `None` for a token that has to go.
    pub(super) fn after_hand(self) -> Option<Self> {
        match self {
            Self::LAST_CHANCE | Self::KEPT => None,
            Self::NEW => Some(Self::LAST_CHANCE),
            kept if kept > Self::KEPT => Some(Self(kept.0 - 1)),
            _ => Some(Self::KEPT),
        }
    }
}
