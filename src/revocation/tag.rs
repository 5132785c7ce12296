//! Marks that say with which others an id expires.

/// Mark of an id in a table: the bucket it expires with. Five bits, of which zero means "no id here".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u8);

/// Set of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tags(u32);

impl Tag {
    /// The bits of a word that hold a tag.
    pub(super) const MASK: u64 = 0b1_1111;

    /// Reads the tag in a word's lowest bits.
    pub(super) const fn in_word(word: u64) -> Option<Self> {
        match (word & Self::MASK) as u8 {
            0 => None,
            tag => Some(Self(tag)),
        }
    }

    /// The tag as the lowest bits of a word.
    pub(super) const fn bits(self) -> u64 {
        self.0 as u64
    }

    /// Every tag there is.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (1..=Self::MASK as u8).map(Self)
    }
}

impl Tags {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn contains(self, tag: Tag) -> bool {
        self.0 & 1 << tag.0 != 0
    }

    pub(super) const fn insert(&mut self, tag: Tag) {
        self.0 |= 1 << tag.0;
    }

    pub(super) const fn remove_all(&mut self, others: Self) {
        self.0 &= !others.0;
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
