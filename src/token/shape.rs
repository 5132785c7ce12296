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
    #[inline(always)]
    pub(super) fn literal(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    /// Takes a canonical UUID.
    #[inline(always)]
    pub(super) fn uuid(&mut self) -> Option<[u8; 16]> {
        let (text, rest) = self.0.split_first_chunk::<36>()?;
        self.0 = rest;
        parse_canonical_uuid(text)
    }

    /// Takes a number of ten digits: every date from 2001 to 2286.
    #[inline(always)]
    pub(super) fn date(&mut self) -> Option<u64> {
        let (digits, rest) = self.0.split_first_chunk::<10>()?;
        self.0 = rest;
        let ([first, second], eight) = digits.split_first_chunk()?;
        let (hundred_millions, wrong) = digit_pair(*first, *second);
        let (rest, rest_wrong) = eight_digits(*eight.first_chunk()?);
        let wrong = wrong | rest_wrong | (*first == b'0');
        (!wrong).then_some(hundred_millions * 100_000_000 + rest)
    }
}

/// The value of two digits, and whether one of them is none.
#[inline(always)]
const fn digit_pair(first: u8, second: u8) -> (u64, bool) {
    let [first, second] = [first.wrapping_sub(b'0'), second.wrapping_sub(b'0')];
    (first as u64 * 10 + second as u64, (first > 9) | (second > 9))
}

/// The value of eight digits, and whether one of them is none: all of them in one word, first its bytes,
/// then its pairs of bytes, then its halves.
#[inline(always)]
const fn eight_digits(digits: [u8; 8]) -> (u64, bool) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(digits);
    // `0` to `9` are 0x30 to 0x39, to which 6 can be added without another first digit.
    let wrong = ((word & (0xF0 * ONES)) ^ (0x30 * ONES))
        | ((word.wrapping_add(0x06 * ONES) & (0xF0 * ONES)) ^ (0x30 * ONES));
    let digits = word & (0x0F * ONES);
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    let eight = (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF;
    (eight, wrong != 0)
}

/// Reads the inside of a string that stands for itself, without escapes.
pub(super) fn plain_text(inside: &[u8]) -> Option<&str> {
    let is_special = |byte: u8| (byte == b'"') | (byte == b'\\') | (byte < b' ');
    // To the end in any case: a loop without exits is the faster one for names.
    let special = inside.iter().fold(false, |special, byte| special | is_special(*byte));
    if special { None } else { std::str::from_utf8(inside).ok() }
}
