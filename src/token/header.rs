//! The JOSE header (RFC 7515 section 4), as far as it is believed before anything is verified.

use std::borrow::Cow;

use crate::token::Malformed;
use crate::token::json::Json;
use crate::token::json::each_member;
use crate::token::shape::Shape;
use crate::token::shape::plain_text;

/// The header segment of the legacy form: `{"alg": "HS256", "typ": "JWT"}` with its spaces. It means
/// that form, always, and every other segment means the compact form.
pub(super) const LEGACY_HEADER: &str = "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9";

/// `{"alg":"HS256","typ":"JWT"}`, the header segment of a compact token whose key has no id.
pub(super) const COMPACT_HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The longest header, in decoded bytes.
pub(super) const MAX_HEADER_LEN: usize = 1024;

const MAX_HEADER_DEPTH: usize = 4;

/// What a header says. Nothing of it is authenticated: `alg` and `kid` only *select* among the
/// keys and algorithms that the configuration allows.
#[derive(Debug, PartialEq)]
pub(crate) struct Header<'a> {
    pub(crate) alg: Cow<'a, str>,
    pub(crate) kid: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    /// The header of the legacy form, and of a compact token without a key id.
    pub(super) const HS256: Self = Self { alg: Cow::Borrowed("HS256"), kid: None };

    pub(super) fn parse(json: &'a [u8]) -> Result<Self, Malformed> {
        // Whoever sends nothing but dots is not worth the allocation of serde_json's error.
        if json.is_empty() {
            return Err(Malformed("the header is not one strict JSON object"));
        }
        Self::parse_as_issued(json).map_or_else(|| Self::parse_any(json), Ok)
    }

    /// Reads a header of the shape that our issuer writes for a key with an id.
    pub(super) fn parse_as_issued(json: &'a [u8]) -> Option<Self> {
        let mut json = Shape(json);
        json.literal(r#"{"alg":"HS256","typ":"JWT","kid":""#)?;
        let kid = plain_text(json.0.strip_suffix(br#""}"#)?)?;
        Some(Self { kid: Some(Cow::Borrowed(kid)), ..Self::HS256 })
    }

    pub(super) fn parse_any(json: &'a [u8]) -> Result<Self, Malformed> {
        let mut alg = None;
        let mut kid = None;
        let mut typ = None;
        let mut forbidden = false;

        let strict = each_member(json, MAX_HEADER_DEPTH, |name, value| match &*name {
            "alg" => alg = Some(value),
            "kid" => kid = Some(value),
            "typ" => typ = Some(value),
            // `crit` and `b64` change what is signed, `zip` and `enc` make it something other than
            // a JWS, and the rest bring the attacker's own key along. Ignoring any of them is how
            // verifiers came to accept forged tokens (CVE-2025-59420, CVE-2018-0114).
            "crit" | "b64" | "zip" | "enc" | "jwk" | "jku" | "x5u" | "x5c" => forbidden = true,
            _ => {}
        });

        if !strict {
            return Err(Malformed("the header is not one strict JSON object"));
        }
        if forbidden {
            return Err(Malformed("the header has a member that is never accepted"));
        }
        let Some(Json::Text(alg)) = alg else {
            return Err(Malformed("the header has no `alg` that is a string"));
        };
        // A token made for another use says so in `typ` (RFC 8725 section 3.11).
        if typ.is_some_and(|typ| typ != Json::Text("JWT".into())) {
            return Err(Malformed("the header's `typ` is not `JWT`"));
        }
        let kid = match kid {
            None => None,
            Some(Json::Text(kid)) => Some(kid),
            Some(_) => return Err(Malformed("the header's `kid` is not a string")),
        };
        Ok(Self { alg, kid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_alg_and_kid_and_ignores_unknown_members() {
        let json = br#"{"typ":"JWT","alg":"ES256","kid":"k\u0031","cty":"x","x5t":{"a":[1]}}"#;
        let expected = Header { alg: "ES256".into(), kid: Some("k1".into()) };
        assert_eq!(Header::parse(json), Ok(expected));
        assert_eq!(Header::parse(br#"{"alg":"HS256"}"#), Ok(Header::HS256));
        assert_eq!(Header::parse(br#"{"alg":"HS256","typ":"J\u0057T"}"#), Ok(Header::HS256));
    }

    #[test]
    fn refuses_members_that_would_change_what_is_signed_or_by_whom_t05_t10_t11_t12() {
        let forbidden = Err(Malformed("the header has a member that is never accepted"));
        for name in ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"] {
            for value in ["null", "false", "[]", "{}", "\"x\"", "[\"exp\"]"] {
                let json = format!(r#"{{"alg":"HS256","{name}":{value}}}"#);
                assert_eq!(Header::parse(json.as_bytes()), forbidden, "{json}");
            }
        }
    }

    #[test]
    fn refuses_an_alg_a_typ_or_a_kid_of_the_wrong_type_or_value_t01_t04_t24() {
        let no_alg = Malformed("the header has no `alg` that is a string");
        let typ = Malformed("the header's `typ` is not `JWT`");
        let kid = Malformed("the header's `kid` is not a string");
        for (json, why) in [
            (r"{}", no_alg),
            (r#"{"alg":null}"#, no_alg),
            (r#"{"alg":256}"#, no_alg),
            (r#"{"alg":["HS256"]}"#, no_alg),
            (r#"{"Alg":"HS256"}"#, no_alg),
            (r#"{"alg":"HS256","typ":"jwt"}"#, typ),
            (r#"{"alg":"HS256","typ":"at+jwt"}"#, typ),
            (r#"{"alg":"HS256","typ":null}"#, typ),
            (r#"{"alg":"HS256","kid":["a"]}"#, kid),
            (r#"{"alg":"HS256","kid":1}"#, kid),
        ] {
            assert_eq!(Header::parse(json.as_bytes()), Err(why), "{json}");
        }
    }
}
