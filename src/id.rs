//! Identifiers of customers and of tokens.
//!
//! Both are 1 to 256 characters of printable ASCII, and both are usually UUIDs. They are compared
//! byte by byte: other spellings of a UUID are different identifiers.
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::CustomerId;
//!
//! let id: CustomerId = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
//! assert_eq!(id, "79cc0486-bbdf-491b-a0a2-722383b6288b");
//! assert!(id.as_uuid_bytes().is_some());
//!
//! // Not a UUID, but a valid identifier.
//! let id: CustomerId = "auth0|42".parse()?;
//! assert_eq!(id.as_uuid_bytes(), None);
//! # Ok::<(), tower_customer_auth::id::InvalidId>(())
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;

/// Maximum length of an identifier, in characters.
pub(crate) const MAX_ID_LEN: usize = 256;

/// Error for text that is not an identifier.
///
/// An identifier is 1 to 256 characters of printable ASCII (`0x21` to `0x7E`). The text itself is
/// not kept, because it may come from an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is 1 to 256 characters of printable ASCII (0x21-0x7E)")]
#[non_exhaustive]
pub struct InvalidId;

/// A canonical UUID (36 characters, lower case) as 16 bytes, any other identifier as text.
///
/// Invariant: text that *is* a canonical UUID is never kept as `Text`, so equality and hashing of
/// the representation are equality and hashing of the text.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Uuid(Uuid),
    Text(Arc<str>),
}

/// Aligned so that it is moved in whole words. The alignment adds no padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(align(8))]
struct Uuid([u8; 16]);

impl Repr {
    fn parse(text: &str) -> Result<Self, InvalidId> {
        if let Some(uuid) = parse_canonical_uuid(text.as_bytes()) {
            return Ok(Self::Uuid(Uuid(uuid)));
        }
        let printable = text.bytes().all(|byte| (0x21..=0x7E).contains(&byte));
        if text.is_empty() || text.len() > MAX_ID_LEN || !printable {
            return Err(InvalidId);
        }
        Ok(Self::Text(text.into()))
    }

    fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        match self {
            Self::Uuid(Uuid(uuid)) => {
                let text = format_canonical_uuid(uuid);
                // Invariant: `format_canonical_uuid` writes only hex digits and hyphens.
                read(std::str::from_utf8(&text).expect("a UUID's text is ASCII"))
            }
            Self::Text(text) => read(text),
        }
    }
}

impl Ord for Repr {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            // The canonical texts of two UUIDs sort as their bytes do.
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            _ => self.with_str(|a| other.with_str(|b| a.cmp(b))),
        }
    }
}

impl PartialOrd for Repr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 256 characters of printable ASCII (`0x21` to `0x7E`). A canonical UUID is stored in
        /// 16 bytes. Cloning never allocates. Identifiers sort by their text.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Repr);

        impl $name {
            /// Creates an identifier whose text is the canonical form of this UUID.
            #[must_use]
            pub const fn from_uuid_bytes(uuid: [u8; 16]) -> Self {
                Self(Repr::Uuid(Uuid(uuid)))
            }

            /// Creates a random UUID (version 4, RFC 9562 section 5.4), like the vendor's
            /// identifiers.
            #[cfg(feature = "issuer")]
            #[cfg_attr(not(feature = "oidc"), allow(dead_code, reason = "of one of the two kinds"))]
            pub(crate) fn random() -> Result<Self, getrandom::Error> {
                let mut uuid = [0; 16];
                getrandom::fill(&mut uuid)?;
                uuid[6] = uuid[6] & 0x0F | 0x40;
                uuid[8] = uuid[8] & 0x3F | 0x80;
                Ok(Self::from_uuid_bytes(uuid))
            }

            /// Returns the 16 bytes if the identifier is a canonical UUID.
            #[must_use]
            pub const fn as_uuid_bytes(&self) -> Option<&[u8; 16]> {
                match &self.0 {
                    Repr::Uuid(Uuid(uuid)) => Some(uuid),
                    Repr::Text(_) => None,
                }
            }

            /// Calls a closure with the identifier's text, without allocating.
            pub fn with_str<R>(&self, read: impl FnOnce(&str) -> R) -> R {
                self.0.with_str(read)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Repr::parse(text).map(Self)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;

            fn try_from(text: &str) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.with_str(|text| f.pad(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.with_str(|text| f.debug_tuple(stringify!($name)).field(&text).finish())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.with_str(|text| text == other)
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self == **other
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.with_str(|text| serializer.serialize_str(text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("1 to 256 characters of printable ASCII")
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    };
}

identifier! {
    /// Identifier of a customer: the `sub` of a token, the `customer_id` of the issuer's response.
    CustomerId
}

identifier! {
    /// Identifier of a token: its `jti`, the `id` of the issuer's response.
    ///
    /// # Security
    ///
    /// It is not a secret: it may appear in logs and revocation lists.
    TokenId
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Parses a UUID in its canonical text (RFC 9562 section 4).
///
/// Everything is kept in registers: reading bytes back at another width than they were written
/// stalls store forwarding.
#[inline(always)]
pub(crate) fn parse_canonical_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let four = |at: usize| {
        u64::from(u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]))
    };
    let mut wrong = HYPHENS.iter().fold(0, |wrong, at| wrong | u64::from(text[*at] ^ b'-'));
    let mut uuid = 0;
    for (index, (low, high)) in [(0, 4), (9, 14), (19, 24), (28, 32)].into_iter().enumerate() {
        let (bytes, bytes_wrong) = eight_lower_hex(four(low) | four(high) << 32);
        uuid |= u128::from(bytes) << (32 * index);
        wrong |= bytes_wrong;
    }
    (wrong == 0).then_some(uuid.to_le_bytes())
}

fn format_canonical_uuid(uuid: &[u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for byte in uuid {
        if HYPHENS.contains(&at) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 0xF)];
        at += 2;
    }
    text
}

/// Decodes `N` bytes of two hex digits each; `N` is a multiple of four.
///
/// Upper case is rejected: it would be a second spelling.
#[inline]
pub(crate) fn decode_lower_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (words, []) = digits.as_chunks::<8>() else {
        return None;
    };
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    let mut wrong = 0;
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let (value, word_wrong) = eight_lower_hex(u64::from_le_bytes(*word));
        *four = value.to_le_bytes();
        wrong |= word_wrong;
    }
    (wrong == 0).then_some(bytes)
}

/// Decodes eight digits to four bytes, the first in the lowest bits.
///
/// The second word is not zero if one of the characters is not a lower-case digit.
#[inline(always)]
const fn eight_lower_hex(word: u64) -> (u32, u64) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // `a` to `f` are 0x61 to 0x66 and have bit 6 set; `0` to `9` (0x30 to 0x39) do not.
    let letters = (word >> 6) & ONES;
    let values = (word & (0x0F * ONES)) + letters * 9;
    // Encoded again, any other character up to 15 becomes a different digit.
    let above_9 = ((values + 6 * ONES) >> 4) & ONES;
    let again = values + 0x30 * ONES + above_9 * (b'a' - b'9' - 1) as u64;
    let wrong = (word ^ again) | (values & (0xF0 * ONES));
    let bytes = ((values << 4) | (values >> 8)) & 0x00FF_00FF_00FF_00FF;
    let pairs = (bytes | (bytes >> 8)) & 0x0000_FFFF_0000_FFFF;
    ((pairs | (pairs >> 16)) as u32, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";

    #[test]
    fn a_canonical_uuid_is_kept_in_16_bytes_and_shown_as_it_came() {
        let id: CustomerId = UUID.parse().unwrap();
        assert_eq!(id.as_uuid_bytes().map(|uuid| uuid[0]), Some(0x79));
        assert_eq!(id.to_string(), UUID);
        assert_eq!(format!("{id:?}"), format!("CustomerId(\"{UUID}\")"));
        assert_eq!(CustomerId::from_uuid_bytes(*id.as_uuid_bytes().unwrap()), id);
    }

    #[test]
    fn other_spellings_of_a_uuid_are_other_identifiers() {
        let canonical: TokenId = UUID.parse().unwrap();
        for spelling in [
            UUID.to_uppercase(),
            UUID.replace('-', ""),
            format!("{{{UUID}}}"),
            format!("urn:uuid:{UUID}"),
            UUID.replacen("-b", "b-", 1),
        ] {
            let other: TokenId = spelling.parse().unwrap();
            assert_ne!(other, canonical, "{spelling}");
            assert_eq!(other.as_uuid_bytes(), None, "{spelling}");
            assert_eq!(other.to_string(), spelling);
        }
    }

    #[test]
    fn takes_each_lower_case_hex_digit_and_no_other_byte() {
        for at in 0..64 {
            for byte in 0..=u8::MAX {
                let mut digits =
                    *b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
                digits[at] = byte;
                let text = std::str::from_utf8(&digits).unwrap_or_default();
                let is_lower = |digit: u8| digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase();
                let pairs =
                    (0..64).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
                let expected: Option<Vec<u8>> = pairs.collect();
                let expected = expected.filter(|_| is_lower(byte));
                let decoded: Option<[u8; 32]> = decode_lower_hex(&digits);
                assert_eq!(decoded.map(Vec::from), expected, "{at}: {byte}");
            }
        }
        for len in (0..24).filter(|len| *len != 8) {
            assert_eq!(decode_lower_hex::<4>(&[b'0'; 24][..len]), None, "{len}");
        }
    }

    #[test]
    fn takes_printable_ascii_of_1_to_256_characters_and_nothing_else() {
        for good in ["!", "~", "a".repeat(256).as_str(), "auth0|42"] {
            assert_eq!(good.parse::<CustomerId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", " ", "a b", "a\0", "\u{7f}", "é", "a\u{2028}", "a".repeat(257).as_str()] {
            assert_eq!(bad.parse::<CustomerId>(), Err(InvalidId), "{bad:?}");
        }
    }

    #[test]
    fn order_is_the_order_of_the_text() {
        let mut ids: Vec<CustomerId> = [UUID, "zebra", "0", "79cc0486-bbdf", "Apple"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        ids.sort();
        let sorted: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ["0", "79cc0486-bbdf", UUID, "Apple", "zebra"]);
    }

    #[test]
    fn serde_writes_a_string_and_checks_what_it_reads() {
        let id: CustomerId = UUID.parse().unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{UUID}\""));
        assert_eq!(serde_json::from_str::<CustomerId>(&json).unwrap(), id);
        let refused = serde_json::from_str::<CustomerId>("\"a b\"").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "an identifier is 1 to 256 characters of printable ASCII (0x21-0x7E) at line 1 column 5"
        );
    }
}
