//! Decoding, in the one canonical spelling.
//!
//! `base64-simd` decodes 32 letters at a time and leaves the last 6 to 37 of a text to a loop that takes
//! them singly. For texts as short as a token's that loop is most of the work, so the texts are laid side
//! by side here, each filled up with the letter that stands for zeros, and decoded as one.

use base64_simd::AsOut;
use base64_simd::Base64;

/// Base64url without padding (RFC 7515 section 2).
pub(super) const URL_SAFE: Base64 = base64_simd::URL_SAFE_NO_PAD;

/// Padded base64 (RFC 4648 section 4).
#[cfg(any(feature = "issuer", feature = "test-util"))]
pub(super) const STANDARD: Base64 = base64_simd::STANDARD;

/// The alphabet of padded base64, without the padding, which [`unpadded`] has taken off.
pub(super) const UNPADDED_STANDARD: Base64 = base64_simd::STANDARD_NO_PAD;

/// Letters that are decoded at a time, and those that are left over at the least.
const STEP: usize = 32;
const REST: usize = 6;

/// Four letters that stand for zeros.
const ZEROS: [u8; 4] = *b"AAAA";

/// The most texts that are decoded as one.
const MAX_TEXTS: usize = 2;

/// The room that texts of so many letters in all need.
pub(super) const fn room_for(letters: usize) -> usize {
    letters + MAX_TEXTS * (ZEROS.len() - 1) + STEP
}

/// The letters of padded base64; `None` where the padding is not what their number demands.
pub(super) fn unpadded(text: &[u8]) -> Option<&[u8]> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let letters = text.strip_suffix(b"=").unwrap_or(text);
    // Any other `=` is no letter.
    Some(letters.strip_suffix(b"=").unwrap_or(letters))
}

/// Decodes one text into the front of `room`; `None` where it is not canonical or does not fit.
pub(super) fn decode_one<'r, Byte>(
    alphabet: &Base64,
    text: &[u8],
    room: &'r mut [Byte],
) -> Option<&'r [u8]>
where
    [Byte]: AsOut<[u8]>,
{
    let len = alphabet.decoded_length(text).ok()?;
    Some(alphabet.decode(text, room.get_mut(..len)?.as_out()).ok()?)
}

/// Decodes texts without padding, all at once; `None` where one of them is not canonical.
///
/// # Panics
///
/// If the room is less than [`room_for`] says.
#[inline(always)]
pub(super) fn decode<'r, const N: usize>(
    alphabet: &Base64,
    texts: [&[u8]; N],
    room: &'r mut [u8],
) -> Option<[&'r [u8]; N]> {
    let mut end = 0;
    for text in texts {
        let begin = end;
        end += text.len().next_multiple_of(ZEROS.len());
        // First the zeros, then the letters over all but those that stay.
        if let Some(last) = room[begin..end].last_chunk_mut() {
            *last = ZEROS;
        }
        room[begin..][..text.len()].copy_from_slice(text);
    }
    // So many more zeros that the least possible is left over.
    let filled = end.saturating_sub(REST).next_multiple_of(STEP) + REST;
    if let Some(zeros) = room[end..].first_chunk_mut::<STEP>() {
        *zeros = [ZEROS[0]; STEP];
    }
    let bytes: &[u8] = alphabet.decode_inplace(&mut room[..filled]).ok()?;

    let mut rest = bytes;
    let mut canonical = true;
    let mut decoded = [&rest[..0]; N];
    for (decoded, text) in decoded.iter_mut().zip(texts) {
        let (begin, after) = rest.split_at(text.len().div_ceil(4) * 3);
        rest = after;
        let (bytes, surplus) = begin.split_at(text.len() * 3 / 4);
        *decoded = bytes;
        // One letter makes no byte, and bits that belong to none are zero: another value of theirs would
        // be another spelling.
        canonical &= text.len() % 4 != 1 && surplus.first().is_none_or(|bits| *bits == 0);
    }
    canonical.then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABETS: [(&str, Base64, &[u8; 64]); 2] = [
        ("url-safe", URL_SAFE, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        (
            "standard",
            UNPADDED_STANDARD,
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        ),
    ];

    /// As [`decode`], in a room that others have used before.
    fn decode_each<const N: usize>(alphabet: &Base64, texts: [&[u8]; N]) -> Option<[Vec<u8>; N]> {
        let letters = texts.iter().map(|text| text.len()).sum();
        let mut room = vec![b'/'; room_for(letters)];
        Some(decode(alphabet, texts, &mut room)?.map(<[u8]>::to_vec))
    }

    /// Every length from 0 to 66 bytes, so that each SIMD width and each tail is met.
    fn samples() -> impl Iterator<Item = Vec<u8>> {
        (0..=66u8).map(|len| (0..len).map(|at| at.wrapping_mul(37).wrapping_add(len)).collect())
    }

    #[test]
    fn what_decodes_encodes_to_the_same_text() {
        for (name, alphabet, _) in ALPHABETS {
            for one in samples() {
                for other in samples() {
                    let texts = [&one, &other].map(|bytes| alphabet.encode_to_string(bytes));
                    let texts = texts.each_ref().map(String::as_bytes);
                    let decoded = decode_each(&alphabet, texts);
                    assert_eq!(decoded, Some([one.clone(), other]), "{name} {texts:?}");
                }
            }
        }
    }

    #[test]
    fn each_replaced_byte_gives_other_bytes_or_none() {
        for (name, alphabet, letters) in ALPHABETS {
            for bytes in samples() {
                let text = alphabet.encode_to_string(&bytes).into_bytes();
                for at in 0..text.len() {
                    for byte in 0..=u8::MAX {
                        let mut mutant = text.clone();
                        mutant[at] = byte;
                        let decoded = decode_each(&alphabet, [&mutant, b"Zg"]);
                        if let Some([decoded, other]) = &decoded {
                            let again = alphabet.encode_to_string(decoded).into_bytes();
                            assert_eq!(again, mutant, "{name} {mutant:?}");
                            assert!(letters.contains(&byte), "{name} {mutant:?}");
                            assert_eq!(other, b"f");
                        }
                        let backwards = decode_each(&alphabet, [b"Zg", &mutant]);
                        assert_eq!(backwards, decoded.map(|[one, other]| [other, one]));
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_a_number_of_letters_that_no_bytes_have() {
        for text in ["Y", "YWJjZ", &"A".repeat(33)] {
            assert_eq!(decode_each(&URL_SAFE, [text.as_bytes()]), None, "{text}");
            assert_eq!(decode_each(&URL_SAFE, [b"AAAA", text.as_bytes()]), None, "{text}");
        }
    }

    #[test]
    fn refuses_missing_and_surplus_padding() {
        let standard = |text: &str| decode_each(&UNPADDED_STANDARD, [unpadded(text.as_bytes())?]);
        assert_eq!(standard("YQ=="), Some([b"a".to_vec()]));
        assert_eq!(standard("YWI="), Some([b"ab".to_vec()]));
        assert_eq!(standard(""), Some([b"".to_vec()]));
        for text in
            ["YQ", "YQ=", "YQ===", "=", "==", "====", "Y===", "YQ==YQ==", "YWJj====", "YWJj="]
        {
            assert_eq!(standard(text), None, "{text}");
        }
        for text in ["YQ=", "YQ==", "YWI="] {
            assert_eq!(decode_each(&URL_SAFE, [text.as_bytes()]), None, "{text}");
        }
    }
}
