//! A customer's name, which is short as a rule.

use std::fmt;
use std::sync::Arc;

use crate::token::shape::plain_text;

/// Text that is kept in place up to [`MAX_SHORT_LEN`] bytes, so that neither making nor cloning one of usual
/// length allocates; longer text is shared by all clones.
#[derive(Clone)]
pub(crate) enum Name {
    Short(Short),
    Long(Arc<str>),
}

/// The text, zeros, and the text's length in the last byte. Aligned, so that it is moved in whole words.
#[derive(Clone, Copy)]
#[repr(align(8))]
pub(crate) struct Short([u8; SHORT_SIZE]);

/// Two of the sixteen bytes that the processor takes as one.
const SHORT_SIZE: usize = 32;

const MAX_SHORT_LEN: usize = SHORT_SIZE - 1;

impl Name {
    pub(crate) fn new(text: &str) -> Self {
        if text.len() > MAX_SHORT_LEN {
            return Self::Long(text.into());
        }
        let mut short = [0; SHORT_SIZE];
        short[..text.len()].copy_from_slice(text.as_bytes());
        short[MAX_SHORT_LEN] = text.len() as u8;
        Self::Short(Short(short))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Short(Short(short)) => {
                let len = usize::from(short[MAX_SHORT_LEN]);
                // Invariant: `new` copied the whole of a text, and `keep` what has been looked at.
                std::str::from_utf8(&short[..len]).expect("the text that was copied")
            }
            Self::Long(text) => text,
        }
    }
}

/// A name between the quotes of a JSON string where it stands for itself, without escapes.
#[derive(Clone, Copy)]
pub(crate) enum IssuedName<'a> {
    /// The first so many of the bytes, printable ASCII.
    Plain(usize, &'a [u8; SHORT_SIZE]),
    Text(&'a str),
}

impl<'a> IssuedName<'a> {
    /// Reads the name, of which `padded` has the begin and what follows it.
    #[inline(always)]
    pub(super) fn parse(inside: &'a [u8], padded: &'a [u8; SHORT_SIZE]) -> Option<Self> {
        if inside.len() <= MAX_SHORT_LEN && is_plain(inside.len(), padded) {
            return Some(Self::Plain(inside.len(), padded));
        }
        plain_text(inside).map(Self::Text)
    }

    #[inline(always)]
    pub(crate) fn keep(self) -> Name {
        match self {
            Self::Plain(len, padded) => {
                let mut short = [0; SHORT_SIZE];
                let words = short.as_chunks_mut().0.iter_mut().zip(padded.as_chunks().0);
                for (at, (to, from)) in words.enumerate() {
                    // Bytes of the name in this word, which has them in its lowest bits.
                    let bytes = len.saturating_sub(8 * at);
                    let mask = 1_u64.checked_shl(8 * bytes as u32).map_or(u64::MAX, |bit| bit - 1);
                    let last = if at == SHORT_SIZE / 8 - 1 { (len as u64) << 56 } else { 0 };
                    *to = (u64::from_le_bytes(*from) & mask | last).to_le_bytes();
                }
                Name::Short(Short(short))
            }
            Self::Text(text) => Name::new(text),
        }
    }
}

/// Whether the first so many bytes are printable ASCII and no quote or backslash. It looks at the others all
/// the same: the compiler takes sixteen at once where their number is known.
#[inline(always)]
fn is_plain(len: usize, padded: &[u8; SHORT_SIZE]) -> bool {
    (0..).zip(padded).fold(true, |plain, (at, byte)| {
        let is_plain = (*byte >= b' ') & (*byte <= b'~') & (*byte != b'"') & (*byte != b'\\');
        plain & ((at >= len as u8) | is_plain)
    })
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_length_is_shown_as_it_came() {
        for text in ["", "R", "Zoë", &"n".repeat(31), &"ë".repeat(16), &"n".repeat(999)] {
            let name = Name::new(text);
            assert_eq!(name.as_str(), text);
            assert_eq!(name.clone(), name);
            assert_ne!(name, Name::new("other"));
            assert_eq!(matches!(name, Name::Short(_)), text.len() <= 31, "{text}");
        }
    }

    #[test]
    fn a_name_that_stands_for_itself_is_taken_as_it_stands_and_no_other() {
        let parse = |len: usize, bytes: &[u8]| {
            IssuedName::parse(&bytes[..len], bytes.first_chunk().unwrap()).map(IssuedName::keep)
        };
        for len in (0..=34).chain([256, 999]) {
            let mut bytes = vec![b'"'; len + 32];
            bytes[..len].fill(b'n');
            assert_eq!(parse(len, &bytes), Some(Name::new(&"n".repeat(len))));
            for at in 0..len.min(34) {
                for byte in 0..=u8::MAX {
                    let mut mutant = bytes.clone();
                    mutant[at] = byte;
                    let is_special = byte < b' ' || byte == b'"' || byte == b'\\';
                    let text = std::str::from_utf8(&mutant[..len]).ok();
                    let expected = text.filter(|_| !is_special).map(Name::new);
                    assert_eq!(parse(len, &mutant), expected, "{at} of {len}: {byte}");
                }
            }
            for text in ["Zoë", "\u{1f600}"] {
                let name = format!("{}{text}", "n".repeat(len));
                let bytes = [name.as_bytes(), &[b'"'; 32]].concat();
                assert_eq!(parse(name.len(), &bytes), Some(Name::new(&name)));
            }
        }
    }
}
