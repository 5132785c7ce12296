//! Decoding into a buffer, in the one canonical spelling.
//!
//! `base64-simd` refuses what would be a second spelling: another alphabet, padding where none
//! belongs or none where some does, trailing bits that are not zero. The tests below hold it to that.

use base64_simd::AsOut;
use base64_simd::Base64;

/// Base64url without padding (RFC 7515 section 2).
pub(super) const URL_SAFE: Base64 = base64_simd::URL_SAFE_NO_PAD;

/// Padded base64 (RFC 4648 section 4).
pub(super) const STANDARD: Base64 = base64_simd::STANDARD;

/// Decodes `text` into the front of `buffer`; `None` where it is not canonical or does not fit.
pub(super) fn decode<'b, Byte>(
    alphabet: &Base64,
    text: &[u8],
    buffer: &'b mut [Byte],
) -> Option<&'b mut [u8]>
where
    [Byte]: AsOut<[u8]>,
{
    let len = alphabet.decoded_length(text).ok()?;
    alphabet.decode(text, buffer.get_mut(..len)?.as_out()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABETS: [(&str, Base64, &[u8; 64]); 2] = [
        ("url-safe", URL_SAFE, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        ("standard", STANDARD, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
    ];

    /// Every length from 0 to 66 bytes, so that each SIMD width and each tail is met.
    fn samples() -> impl Iterator<Item = Vec<u8>> {
        (0..=66u8).map(|len| (0..len).map(|at| at.wrapping_mul(37).wrapping_add(len)).collect())
    }

    #[test]
    fn what_decodes_encodes_to_the_same_text() {
        for (name, alphabet, _) in ALPHABETS {
            for bytes in samples() {
                let text = alphabet.encode_to_string(&bytes);
                let mut buffer = [0; 100];
                let decoded = decode(&alphabet, text.as_bytes(), &mut buffer);
                assert_eq!(decoded.as_deref(), Some(bytes.as_slice()), "{name} {text}");
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
                        let mut buffer = [0; 100];
                        let decoded = decode(&alphabet, &mutant, &mut buffer);
                        if let Some(decoded) = decoded {
                            let again = alphabet.encode_to_string(&*decoded).into_bytes();
                            assert_eq!(again, mutant, "{name} {mutant:?}");
                            let padding = byte == b'=' && at + 2 >= mutant.len();
                            assert!(letters.contains(&byte) || padding, "{name} {mutant:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_missing_and_surplus_padding() {
        let mut buffer = [0; 8];
        for text in ["YQ", "YQ=", "YQ===", "=", "====", "Y===", "YQ==YQ=="] {
            assert_eq!(decode(&STANDARD, text.as_bytes(), &mut buffer), None, "{text}");
        }
        for text in ["YQ=", "YQ==", "YWI=", "Y", "YWJjZ"] {
            assert_eq!(decode(&URL_SAFE, text.as_bytes(), &mut buffer), None, "{text}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert_eq!(decode(&URL_SAFE, b"YWJj", &mut [0; 2]), None);
    }
}
