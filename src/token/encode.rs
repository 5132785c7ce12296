//! Writing a token.

use crate::token::TokenForm;
use crate::token::base64;
use crate::token::header::LEGACY_HEADER;

/// Writes a token of this header and these claims; `None` when `sign` gives no signature. The legacy
/// form has only its one header.
pub(crate) fn encode(
    form: TokenForm,
    header: &[u8],
    claims: &[u8],
    sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<String> {
    // Room for a token with UUIDs and a name of usual length, refreshed or not.
    let mut token = String::with_capacity(448);
    match form {
        TokenForm::Compact => base64::URL_SAFE.encode_append(header, &mut token),
        TokenForm::Legacy => token.push_str(LEGACY_HEADER),
    }
    token.push('.');
    match form {
        TokenForm::Compact => base64::URL_SAFE.encode_append(claims, &mut token),
        TokenForm::Legacy => base64::STANDARD.encode_append(claims, &mut token),
    }
    let signature = sign(token.as_bytes())?;
    token.push('.');
    match form {
        TokenForm::Compact => base64::URL_SAFE.encode_append(signature, &mut token),
        TokenForm::Legacy => {
            for byte in signature {
                for digit in [byte >> 4, byte & 0xF] {
                    // Invariant: four bits are a digit of base 16.
                    token.push(char::from_digit(digit.into(), 16).expect("four bits"));
                }
            }
        }
    }
    Some(token)
}
