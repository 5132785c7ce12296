//! Splitting and decoding a token.

use std::mem::MaybeUninit;

use memchr::memchr;
use memchr::memchr_iter;
use memchr::memrchr;

use super::MAX_TOKEN_LEN;
use super::Malformed;
use super::TokenForm;
use super::base64;
use super::header::COMPACT_HEADER;
use super::header::Header;
use super::header::LEGACY_HEADER;
use super::header::MAX_HEADER_LEN;
use crate::id::decode_lower_hex;

/// A token as it came in: well formed, and not to be believed.
#[derive(Debug)]
pub(crate) struct UnverifiedToken<'a> {
    form: TokenForm,
    header: Header<'a>,
    signing_input: &'a [u8],
    signature: &'a [u8],
    claims: &'a [u8],
}

/// Room for what a token decodes to, so that none up to [`MAX_TOKEN_LEN`] allocates for it. Nobody fills
/// it before: zeros for kilobytes would be written on each verification and never read.
#[derive(Debug)]
pub(crate) struct Scratch {
    header: [MaybeUninit<u8>; MAX_HEADER_LEN],
    claims: [MaybeUninit<u8>; MAX_TOKEN_LEN / 4 * 3],
    long_claims: Vec<u8>,
    signature: [MaybeUninit<u8>; MAX_SIGNATURE_LEN],
    mac: [u8; 32],
}

/// Bytes of the longest signature: RSA with a modulus of 4096 bits.
const MAX_SIGNATURE_LEN: usize = 512;

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self {
            header: [const { MaybeUninit::uninit() }; MAX_HEADER_LEN],
            claims: [const { MaybeUninit::uninit() }; MAX_TOKEN_LEN / 4 * 3],
            long_claims: Vec::new(),
            signature: [const { MaybeUninit::uninit() }; MAX_SIGNATURE_LEN],
            mac: [0; 32],
        }
    }
}

impl<'a> UnverifiedToken<'a> {
    /// Splits and decodes `token`, the MAC still unchecked and the claims unread.
    pub(crate) fn parse(token: &'a [u8], scratch: &'a mut Scratch) -> Result<Self, Malformed> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(Malformed("the token is longer than 8192 bytes"));
        }
        Self::parse_any_length(token, scratch)
    }

    /// As [`parse`](Self::parse), for a token whose length its reader has bounded.
    pub(crate) fn parse_any_length(
        token: &'a [u8],
        scratch: &'a mut Scratch,
    ) -> Result<Self, Malformed> {
        Self::decode(token, scratch).map_err(|malformed| {
            // Only now, because no part decodes that has a dot in it. Without collecting the parts: an
            // attacker may send nothing but dots (CVE-2025-27144, CVE-2025-30204).
            let dots = memchr_iter(b'.', token).count();
            if dots == 2 { malformed } else { NOT_THREE_PARTS }
        })
    }

    fn decode(token: &'a [u8], scratch: &'a mut Scratch) -> Result<Self, Malformed> {
        // The header alone decides the form, before anything else is read, so that no mixture of
        // the two forms can ever be accepted.
        let (form, header, rest) = if let Some(rest) = after(LEGACY_HEADER, token) {
            (TokenForm::Legacy, Header::HS256, rest)
        } else if let Some(rest) = after(COMPACT_HEADER, token) {
            (TokenForm::Compact, Header::HS256, rest)
        } else {
            let first = memchr(b'.', token).ok_or(NOT_THREE_PARTS)?;
            let json = base64::decode(&base64::URL_SAFE, &token[..first], &mut scratch.header)
                .ok_or(Malformed("the header is not canonical base64url of at most 1024 bytes"))?;
            (TokenForm::Compact, Header::parse(json)?, &token[first + 1..])
        };
        let second = memrchr(b'.', rest).ok_or(NOT_THREE_PARTS)?;
        let claims = &rest[..second];
        let signature = &rest[second + 1..];
        let signing_input = &token[..token.len() - signature.len() - 1];

        let (alphabet, not_canonical) = match form {
            TokenForm::Compact => {
                (&base64::URL_SAFE, Malformed("the claims are not canonical base64url"))
            }
            TokenForm::Legacy => {
                (&base64::STANDARD, Malformed("the claims are not canonical padded base64"))
            }
        };
        let claims = if token.len() <= MAX_TOKEN_LEN {
            base64::decode(alphabet, claims, &mut scratch.claims)
        } else {
            scratch.long_claims.resize(claims.len(), 0);
            base64::decode(alphabet, claims, scratch.long_claims.as_mut_slice())
        };
        let claims = claims.ok_or(not_canonical)?;

        let signature: &[u8] = match form {
            TokenForm::Compact => {
                base64::decode(&base64::URL_SAFE, signature, &mut scratch.signature)
                    .ok_or(Malformed("the signature is not canonical base64url"))?
            }
            TokenForm::Legacy => {
                scratch.mac = decode_lower_hex(signature)
                    .ok_or(Malformed("the signature is not 64 lower-case hexadecimal digits"))?;
                &scratch.mac
            }
        };

        Ok(Self { form, header, signing_input, signature, claims })
    }

    pub(crate) const fn form(&self) -> TokenForm {
        self.form
    }

    /// What the signature is over: header and claims as they stand on the wire, with their dot.
    pub(crate) const fn signing_input(&self) -> &'a [u8] {
        self.signing_input
    }

    pub(crate) const fn signature(&self) -> &'a [u8] {
        self.signature
    }

    pub(crate) fn unverified_alg(&self) -> &str {
        &self.header.alg
    }

    pub(crate) fn unverified_kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The claims' JSON. Whoever reads it has checked the signature.
    pub(crate) const fn unverified_claims(&self) -> &'a [u8] {
        self.claims
    }
}

const NOT_THREE_PARTS: Malformed = Malformed("the token does not have three parts");

/// What follows this header and its dot.
fn after<'a>(header: &str, token: &'a [u8]) -> Option<&'a [u8]> {
    token.strip_prefix(header.as_bytes())?.strip_prefix(b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn refusal(token: impl AsRef<[u8]>) -> Option<&'static str> {
        let mut scratch = Scratch::new();
        UnverifiedToken::parse(token.as_ref(), &mut scratch).err().map(|malformed| malformed.0)
    }

    fn compact(header: &str) -> String {
        format!("{}.e30.{MAC}", base64::URL_SAFE.encode_to_string(header))
    }

    #[test]
    fn each_form_is_decoded_by_its_own_rules() {
        let mut scratch = Scratch::new();
        let text = format!("{COMPACT_HEADER}.e30.{MAC}");
        let token = UnverifiedToken::parse(text.as_bytes(), &mut scratch).unwrap();
        assert_eq!(token.form(), TokenForm::Compact);
        assert_eq!(token.unverified_claims(), b"{}");
        assert_eq!(token.signature(), [0; 32]);
        assert_eq!(token.signing_input(), format!("{COMPACT_HEADER}.e30").as_bytes());

        let mut scratch = Scratch::new();
        let text = format!("{LEGACY_HEADER}.e30=.{HEX}");
        let token = UnverifiedToken::parse(text.as_bytes(), &mut scratch).unwrap();
        assert_eq!(token.form(), TokenForm::Legacy);
        assert_eq!(token.unverified_claims(), b"{}");
        assert_eq!(token.signature()[..4], [0x01, 0x23, 0x45, 0x67]);
    }

    #[test]
    fn refuses_every_mixture_of_the_two_forms_t18() {
        for (why, token) in [
            ("padded claims", format!("{COMPACT_HEADER}.e30=.{MAC}")),
            ("unpadded claims", format!("{LEGACY_HEADER}.e30.{HEX}")),
            ("base64url signature", format!("{LEGACY_HEADER}.e30=.{MAC}")),
            ("upper-case hex", format!("{LEGACY_HEADER}.e30=.{}", HEX.to_uppercase())),
            ("short hex", format!("{LEGACY_HEADER}.e30=.{}", &HEX[1..])),
            ("long hex", format!("{LEGACY_HEADER}.e30=.{HEX}0")),
            ("url-safe letters", format!("{LEGACY_HEADER}.e30_.{HEX}")),
            ("standard letters", format!("{COMPACT_HEADER}.e30/.{MAC}")),
            ("padded signature", format!("{COMPACT_HEADER}.e30.{MAC}=")),
            ("trailing bits", format!("{COMPACT_HEADER}.e31.{MAC}")),
            ("trailing bits in the signature", format!("{COMPACT_HEADER}.e30.{}B", &MAC[1..])),
            ("white space", format!(" {COMPACT_HEADER}.e30.{MAC}")),
            ("line break", format!("{COMPACT_HEADER}.e30.{MAC}\r\n")),
        ] {
            assert_ne!(refusal(&token), None, "{why}");
        }
    }

    #[test]
    fn refuses_other_than_three_parts_t12_t13_t14() {
        let three = Some("the token does not have three parts");
        assert_eq!(refusal(""), three);
        assert_eq!(refusal("a"), three);
        assert_eq!(refusal("a.b"), three);
        assert_eq!(refusal("a.b.c.d.e"), three);
        assert_eq!(refusal(".".repeat(MAX_TOKEN_LEN)), three);
        assert_eq!(refusal(r#"{"payload":"e30","signatures":[]}"#), three);
        for empty in [format!(".e30.{MAC}"), compact("")] {
            assert_eq!(refusal(&empty), Some("the header is not one strict JSON object"));
        }
    }

    #[test]
    fn refuses_by_length_before_decoding_t15() {
        let claims = base64::URL_SAFE.encode_to_string(vec![b' '; 6000]);
        let fits = format!("{COMPACT_HEADER}.{claims}.{MAC}");
        assert_eq!(refusal(&fits), None);
        let padding = "A".repeat(MAX_TOKEN_LEN + 1 - fits.len());
        assert_eq!(
            refusal(format!("{fits}{padding}")),
            Some("the token is longer than 8192 bytes")
        );
        let header = |len: usize| format!(r#"{{"alg":"HS256"{}}}"#, " ".repeat(len - 15));
        assert_eq!(refusal(compact(&header(1024))), None);
        assert_eq!(
            refusal(compact(&header(1025))),
            Some("the header is not canonical base64url of at most 1024 bytes")
        );
        let long_signature = format!("{COMPACT_HEADER}.e30.{}", "A".repeat(684));
        assert_eq!(refusal(long_signature), Some("the signature is not canonical base64url"));
    }

    #[test]
    fn the_exact_legacy_header_means_legacy_and_every_other_means_compact() {
        let other_spelling = compact(r#"{"typ": "JWT", "alg": "HS256"}"#);
        assert_eq!(refusal(other_spelling), None);
        assert_eq!(
            refusal(format!("{LEGACY_HEADER}.e30.{MAC}")),
            Some("the claims are not canonical padded base64")
        );
    }
}
