//! Splitting and decoding a token.

use std::mem::MaybeUninit;

use memchr::memchr;
use memchr::memchr_iter;
use memchr::memrchr;

use crate::id::decode_lower_hex;
use crate::token::MAX_TOKEN_LEN;
use crate::token::Malformed;
use crate::token::TokenForm;
use crate::token::base64;
use crate::token::header::COMPACT_HEADER;
use crate::token::header::Header;
use crate::token::header::LEGACY_HEADER;
use crate::token::header::MAX_HEADER_LEN;

/// A token as it came in, in three parts of which none has been decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    text: &'a [u8],
    form: TokenForm,
    /// `None` for the headers that are known before they are read.
    header: Option<&'a [u8]>,
    claims: &'a [u8],
    signature: &'a [u8],
}

/// A token whose header has been read, and which is not to be trusted.
#[derive(Debug)]
pub(crate) struct UnverifiedToken<'a> {
    parts: Parts<'a>,
    header: Header<'a>,
}

/// What the other two parts of a token stand for.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) signature: &'a [u8],
    /// The claims' JSON. Whoever reads it has checked the signature.
    pub(crate) unverified_claims: &'a [u8],
}

/// Room for what a header decodes to. Nobody fills it before: zeros for a kilobyte would be written on
/// each verification and never read.
#[derive(Debug)]
pub(crate) struct HeaderRoom([MaybeUninit<u8>; MAX_HEADER_LEN]);

/// Room for what the other parts decode to, so that no token up to [`MAX_TOKEN_LEN`] allocates for it.
#[derive(Debug)]
pub(crate) struct Room {
    /// Enough for a usual token, refreshed or not. It is filled with zeros for each, so it is no larger.
    short: [u8; SHORT_ROOM],
    /// For the others, and filled only then.
    long: Option<[u8; LONG_ROOM]>,
    longest: Vec<u8>,
    mac: [u8; 32],
}

const SHORT_ROOM: usize = 512;
const LONG_ROOM: usize = base64::room_for(MAX_TOKEN_LEN);

/// Bytes of the longest signature: RSA with a modulus of 4096 bits.
const MAX_SIGNATURE_LEN: usize = 512;

impl AsRef<[u8]> for Decoded<'_> {
    fn as_ref(&self) -> &[u8] {
        self.signature
    }
}

impl HeaderRoom {
    pub(crate) const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; MAX_HEADER_LEN])
    }
}

impl Room {
    pub(crate) const fn new() -> Self {
        Self { short: [0; SHORT_ROOM], long: None, longest: Vec::new(), mac: [0; 32] }
    }

    /// Room for what the parts of a token decode to, and for a MAC that is not in base64.
    #[inline(always)]
    fn of(&mut self, token: &[u8]) -> (&mut [u8], &mut [u8; 32]) {
        let Self { short, long, longest, mac } = self;
        let needed = base64::room_for(token.len());
        let room: &mut [u8] = if needed <= short.len() {
            short
        } else if token.len() <= MAX_TOKEN_LEN {
            long.insert([0; LONG_ROOM])
        } else {
            longest.resize(needed, 0);
            longest
        };
        (room, mac)
    }
}

impl<'a> Parts<'a> {
    /// Splits a token of at most [`MAX_TOKEN_LEN`] bytes.
    #[inline(always)]
    pub(crate) fn split(text: &'a [u8]) -> Result<Self, Malformed> {
        if text.len() > MAX_TOKEN_LEN {
            return Err(Malformed("the token is longer than 8192 bytes"));
        }
        Self::split_any_length(text)
    }

    #[inline(always)]
    fn split_any_length(text: &'a [u8]) -> Result<Self, Malformed> {
        // The header alone decides the form, before anything else is read, so that no mixture of
        // the two forms can ever be accepted.
        if let Some(rest) = after(&LEGACY_START, text) {
            let (claims, signature) = at_last_dot(rest, LEGACY_SIGNATURE_LEN)?;
            return Ok(Self { text, form: TokenForm::Legacy, header: None, claims, signature });
        }
        let (header, rest) = if let Some(rest) = after(&COMPACT_START, text) {
            (None, rest)
        } else {
            let dot = memchr(b'.', text).ok_or(NOT_THREE_PARTS)?;
            (Some(&text[..dot]), &text[dot + 1..])
        };
        let (claims, signature) = at_last_dot(rest, COMPACT_SIGNATURE_LEN)?;
        Ok(Self { text, form: TokenForm::Compact, header, claims, signature })
    }

    pub(crate) const fn form(&self) -> TokenForm {
        self.form
    }

    /// Reads the header.
    #[inline(always)]
    pub(crate) fn read_header(
        self,
        room: &'a mut HeaderRoom,
    ) -> Result<UnverifiedToken<'a>, Malformed> {
        let header = match self.header {
            None => Header::HS256,
            Some(header) => read_header(self.text, header, room)?,
        };
        Ok(UnverifiedToken { parts: self, header })
    }

    /// Decodes the claims alone, of a token that has been verified before.
    #[inline(always)]
    pub(crate) fn decode_claims<'r>(&self, room: &'r mut Room) -> Result<&'r [u8], Malformed> {
        let (encoding, claims, malformed) = match self.form {
            TokenForm::Compact => (&base64::URL_SAFE, Some(self.claims), MALFORMED_CLAIMS),
            TokenForm::Legacy => {
                let claims = base64::unpadded(self.claims);
                (&base64::UNPADDED_STANDARD, claims, MALFORMED_LEGACY_CLAIMS)
            }
        };
        let (room, _) = room.of(self.text);
        let decoded = claims.and_then(|claims| base64::decode(encoding, [claims], room));
        let [claims] = decoded.ok_or_else(|| malformed_part(self.text, malformed))?;
        Ok(claims)
    }
}

/// Reads any header of the compact form.
#[inline(never)]
fn read_header<'a>(
    text: &[u8],
    header: &[u8],
    room: &'a mut HeaderRoom,
) -> Result<Header<'a>, Malformed> {
    let json = base64::decode_one(&base64::URL_SAFE, header, &mut room.0).ok_or_else(|| {
        let reason = "the header is not canonical base64url of at most 1024 bytes";
        malformed_part(text, Malformed(reason))
    })?;
    Header::parse(json).map_err(|malformed| malformed_part(text, malformed))
}

/// Why a part that does not decode makes the token malformed.
#[cold]
fn malformed_part(token: &[u8], malformed: Malformed) -> Malformed {
    // The dots are counted only now, because no part decodes that has one in it. Without collecting the
    // parts: an attacker may send nothing but dots (CVE-2025-27144, CVE-2025-30204).
    let dots = memchr_iter(b'.', token).count();
    if dots == 2 { malformed } else { NOT_THREE_PARTS }
}

impl<'a> UnverifiedToken<'a> {
    /// Splits a token of any length, which its reader has bounded, and reads its header.
    #[cfg(any(test, feature = "oidc"))]
    pub(crate) fn parse_any_length(
        text: &'a [u8],
        room: &'a mut HeaderRoom,
    ) -> Result<Self, Malformed> {
        Parts::split_any_length(text)?.read_header(room)
    }

    /// Decodes claims and signature.
    #[inline(always)]
    pub(crate) fn decode<'r>(&self, room: &'r mut Room) -> Result<Decoded<'r>, Malformed> {
        let Parts { text, form, claims, signature, .. } = self.parts;
        match form {
            TokenForm::Compact if signature.len() * 3 / 4 > MAX_SIGNATURE_LEN => {
                Err(self.malformed_signature())
            }
            TokenForm::Compact => {
                let (room, _) = room.of(text);
                let [unverified_claims, signature] =
                    base64::decode(&base64::URL_SAFE, [claims, signature], room).ok_or_else(
                        || {
                            if base64::URL_SAFE.check(claims).is_ok() {
                                return self.malformed_signature();
                            }
                            malformed_part(text, MALFORMED_CLAIMS)
                        },
                    )?;
                Ok(Decoded { signature, unverified_claims })
            }
            TokenForm::Legacy => {
                let (room, mac) = room.of(text);
                let [unverified_claims] = base64::unpadded(claims)
                    .and_then(|claims| base64::decode(&base64::UNPADDED_STANDARD, [claims], room))
                    .ok_or_else(|| malformed_part(text, MALFORMED_LEGACY_CLAIMS))?;
                *mac = decode_lower_hex(signature).ok_or_else(|| {
                    let reason = "the signature is not 64 lower-case hexadecimal digits";
                    malformed_part(text, Malformed(reason))
                })?;
                Ok(Decoded { signature: mac, unverified_claims })
            }
        }
    }

    #[cold]
    fn malformed_signature(&self) -> Malformed {
        let reason = "the signature is not canonical base64url of at most 512 bytes";
        malformed_part(self.parts.text, Malformed(reason))
    }

    /// Returns the token's form.
    #[cfg(any(test, feature = "oidc"))]
    pub(crate) const fn form(&self) -> TokenForm {
        self.parts.form
    }

    /// What the signature is over: header and claims as they stand on the wire, with their dot.
    #[inline]
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        let Parts { text, signature, .. } = self.parts;
        &text[..text.len() - 1 - signature.len()]
    }

    pub(crate) fn unverified_alg(&self) -> &str {
        &self.header.alg
    }

    pub(crate) fn unverified_kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }
}

const MALFORMED_CLAIMS: Malformed = Malformed("the claims are not canonical base64url");
const MALFORMED_LEGACY_CLAIMS: Malformed = Malformed("the claims are not canonical padded base64");
const NOT_THREE_PARTS: Malformed = Malformed("the token does not have three parts");

/// Characters of an HMAC-SHA256 in each form.
const COMPACT_SIGNATURE_LEN: usize = 43;
const LEGACY_SIGNATURE_LEN: usize = 64;

/// The headers that are known before they are read, with their dots.
const LEGACY_START: [u8; LEGACY_HEADER.len() + 1] = with_dot(LEGACY_HEADER);
const COMPACT_START: [u8; COMPACT_HEADER.len() + 1] = with_dot(COMPACT_HEADER);

const fn with_dot<const N: usize>(header: &str) -> [u8; N] {
    let mut start = [b'.'; N];
    start.split_at_mut(N - 1).0.copy_from_slice(header.as_bytes());
    start
}

/// What follows this start. Its length is known to the compiler, which then compares it in a few steps.
#[inline(always)]
fn after<'a, const N: usize>(start: &[u8; N], token: &'a [u8]) -> Option<&'a [u8]> {
    token.split_first_chunk().and_then(|(first, rest)| (first == start).then_some(rest))
}

/// What is before and after the last dot. It is where a MAC of this length begins, or is looked for.
#[inline]
fn at_last_dot(rest: &[u8], mac_len: usize) -> Result<(&[u8], &[u8]), Malformed> {
    let usual = rest.len().checked_sub(mac_len + 1).filter(|at| rest[*at] == b'.');
    // A signature with a dot in it does not decode.
    let dot = usual.or_else(|| memrchr(b'.', rest)).ok_or(NOT_THREE_PARTS)?;
    Ok((&rest[..dot], &rest[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn parse<'a>(
        text: &'a [u8],
        room: &'a mut HeaderRoom,
    ) -> Result<UnverifiedToken<'a>, Malformed> {
        Parts::split(text)?.read_header(room)
    }

    fn refusal(token: impl AsRef<[u8]>) -> Option<&'static str> {
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        let decoded =
            parse(token.as_ref(), &mut header).and_then(|token| token.decode(&mut room).map(drop));
        decoded.err().map(|malformed| malformed.0)
    }

    fn compact(header: &str) -> String {
        format!("{}.e30.{MAC}", base64::URL_SAFE.encode_to_string(header))
    }

    #[test]
    fn each_form_is_decoded_by_its_own_rules() {
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        let text = format!("{COMPACT_HEADER}.e30.{MAC}");
        let token = parse(text.as_bytes(), &mut header).unwrap();
        assert_eq!(token.form(), TokenForm::Compact);
        assert_eq!(token.signing_input(), format!("{COMPACT_HEADER}.e30").as_bytes());
        let decoded = token.decode(&mut room).unwrap();
        assert_eq!(decoded.unverified_claims, b"{}");
        assert_eq!(decoded.signature, [0; 32]);

        let text = format!("{LEGACY_HEADER}.e30=.{HEX}");
        let token = parse(text.as_bytes(), &mut header).unwrap();
        assert_eq!(token.form(), TokenForm::Legacy);
        assert_eq!(token.signing_input(), format!("{LEGACY_HEADER}.e30=").as_bytes());
        let decoded = token.decode(&mut room).unwrap();
        assert_eq!(decoded.unverified_claims, b"{}");
        assert_eq!(decoded.signature[..4], [0x01, 0x23, 0x45, 0x67]);
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
        assert_eq!(
            refusal(long_signature),
            Some("the signature is not canonical base64url of at most 512 bytes")
        );
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
