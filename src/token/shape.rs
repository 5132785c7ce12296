//! JSON read as the one text that our own issuer writes: a shortcut past the JSON reader.
//!
//! Nothing hangs on it. Text of any other shape is left to that reader, which alone refuses; and what
//! is taken here reads the same there: `tests` holds both side by side.

use crate::id::parse_canonical_uuid;

/// The rest of a text, taken from its front. `None` stands for another shape, after which the rest
/// means nothing.
pub(super) struct Shape<'a>(pub(super) &'a [u8]);

impl<'a> Shape<'a> {
    /// Takes exactly this.
    #[inline]
    pub(super) fn literal(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    /// Takes a canonical UUID.
    #[inline]
    pub(super) fn uuid(&mut self) -> Option<[u8; 16]> {
        let (text, rest) = self.0.split_first_chunk::<36>()?;
        self.0 = rest;
        parse_canonical_uuid(text)
    }

    /// Takes a number of ten digits: every date from 2001 to 2286.
    #[inline]
    pub(super) fn date(&mut self) -> Option<u64> {
        let (digits, rest) = self.0.split_first_chunk::<10>()?;
        self.0 = rest;
        let mut date = 0;
        let mut wrong = digits[0] == b'0';
        for digit in digits {
            let value = digit.wrapping_sub(b'0');
            wrong |= value > 9;
            date = date * 10 + u64::from(value);
        }
        (!wrong).then_some(date)
    }
}

/// Reads the inside of a string that stands for itself, without escapes.
#[inline]
pub(super) fn plain_text(inside: &[u8]) -> Option<&str> {
    let is_special = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte < b' ');
    // To the end in any case: a loop without exits is the faster one for names.
    let special = inside.iter().fold(false, |special, byte| special | is_special(*byte));
    if special { None } else { std::str::from_utf8(inside).ok() }
}
