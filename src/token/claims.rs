//! The claims of a token (RFC 7519 section 4.1), read after its signature has verified.

use std::borrow::Cow;

use crate::id::CustomerId;
use crate::id::TokenId;
use crate::id::parse_canonical_uuid;
use crate::token::MAX_NUMERIC_DATE;
use crate::token::Malformed;
use crate::token::json::Json;
use crate::token::json::each_member;
use crate::token::name::IssuedName;
use crate::token::name::Name;
use crate::token::shape::Shape;

/// Far above what any issuer nests, far below what a stack minds.
const MAX_CLAIMS_DEPTH: usize = 32;

/// The claims that decide, in the types they must have. Times are seconds since 1970.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims<'a> {
    pub(crate) customer_id: CustomerId,
    pub(crate) token_id: TokenId,
    pub(crate) name: Option<Name>,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) nbf: Option<u64>,
    /// `aud`; `None` where the claim is absent.
    pub(crate) audiences: Option<Vec<Cow<'a, str>>>,
    /// `iss`; `None` too where it is not a string, which no configured issuer equals.
    pub(crate) issuer: Option<Cow<'a, str>>,
    /// When the customer logged in (OpenID Connect Core section 2).
    pub(crate) auth_time: Option<u64>,
    /// `sid`, the session that the token was refreshed in.
    pub(crate) session_id: Option<TokenId>,
}

/// Claims of the shape that our own issuer writes, with UUIDs for ids.
///
/// They stay in registers until they are put where they shall be: text that is moved about in memory in other
/// pieces than it was written in makes the processor wait for its own cache.
#[derive(Clone, Copy)]
pub(crate) struct IssuedClaims<'a> {
    pub(crate) customer_id: [u8; 16],
    pub(crate) token_id: [u8; 16],
    pub(crate) name: IssuedName<'a>,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    /// `None` for the token of a login.
    pub(crate) session: Option<IssuedSession>,
}

/// The two claims that a refreshed token has after the others.
#[derive(Clone, Copy)]
pub(crate) struct IssuedSession {
    pub(crate) auth_time: u64,
    pub(crate) id: [u8; 16],
}

impl<'a> IssuedClaims<'a> {
    /// Reads the claims of a login's token.
    ///
    /// All but the name has its place, counted from the front or from the back. `None` stands for another
    /// shape, which [`parse_refreshed`](Self::parse_refreshed) or [`Claims`] read.
    #[inline(always)]
    pub(crate) fn parse(json: &'a [u8]) -> Option<Self> {
        let (claims, mut rest) = Self::parse_to_token_id::<{ TO_TOKEN_ID + END }>(json)?;
        rest.literal(r#""}"#)?;
        Some(claims)
    }

    /// Returns whether [`parse_refreshed`](Self::parse_refreshed) is worth a try: `sid` is last.
    #[inline(always)]
    pub(crate) fn may_be_refreshed(json: &[u8]) -> bool {
        json.last_chunk::<46>().is_some_and(|last| last.starts_with(br#","sid":""#))
    }

    /// Reads the claims of a refreshed token.
    ///
    /// A separate function, so that the token of a login does not pay for the question which it is.
    #[inline(always)]
    pub(crate) fn parse_refreshed(json: &'a [u8]) -> Option<Self> {
        let (claims, rest) = Self::parse_to_token_id::<{ TO_TOKEN_ID + SESSION }>(json)?;
        Some(Self { session: Some(IssuedSession::parse(rest)?), ..claims })
    }

    /// Reads what both shapes begin with. What follows the name has `BACK` bytes, and the part of it
    /// behind the token's id is left.
    #[inline(always)]
    fn parse_to_token_id<const BACK: usize>(json: &'a [u8]) -> Option<(Self, Shape<'a>)> {
        let (front, rest) = json.split_first_chunk::<54>()?;
        let (name, back) = rest.split_last_chunk::<BACK>()?;
        // First, because the name of another shape may have any length.
        let mut back = Shape(back);
        back.literal(r#"","exp":"#)?;
        // The back is longer than any name that is kept in place.
        let name = IssuedName::parse(name, rest.first_chunk()?)?;

        let mut front = Shape(front);
        front.literal(r#"{"sub":""#)?;
        let customer_id = front.uuid()?;
        front.literal(r#"","name":""#)?;

        let exp = back.date()?;
        back.literal(r#","iat":"#)?;
        let iat = back.date()?;
        back.literal(r#","jti":""#)?;
        let token_id = back.uuid()?;

        Some((Self { customer_id, token_id, name, exp, iat, session: None }, back))
    }

    /// When the customer logged in.
    #[inline(always)]
    pub(crate) fn authenticated_at(&self) -> u64 {
        self.session.map_or(self.iat, |session| session.auth_time)
    }

    /// What `token_id` will be if the token proves to be ours.
    pub(crate) fn unverified_token_id(json: &[u8]) -> Option<[u8; 16]> {
        let after_id = if Self::may_be_refreshed(json) { SESSION } else { END };
        parse_canonical_uuid(json.get(..json.len().checked_sub(after_id)?)?.last_chunk::<36>()?)
    }
}

impl IssuedSession {
    #[inline(always)]
    fn parse(mut session: Shape<'_>) -> Option<Self> {
        session.literal(r#"","auth_time":"#)?;
        let auth_time = session.date()?;
        session.literal(r#","sid":""#)?;
        let id = session.uuid()?;
        session.literal(r#""}"#)?;
        Some(Self { auth_time, id })
    }
}

/// Bytes from the end of the name to the end of the token's id.
const TO_TOKEN_ID: usize = 79;

/// Bytes after the token's id in the token of a login: `"}`.
const END: usize = 2;

/// Bytes after the token's id in a refreshed token: `"`, `auth_time`, `sid`, and `}`.
const SESSION: usize = 70;

impl<'a> Claims<'a> {
    /// Reads claims of any shape.
    pub(crate) fn parse_any(json: &'a [u8]) -> Result<Self, Malformed> {
        let mut sub = None;
        let mut jti = None;
        let mut name = None;
        let mut exp = None;
        let mut iat = None;
        let mut nbf = None;
        let mut aud = None;
        let mut iss = None;
        let mut auth_time = None;
        let mut sid = None;

        let strict = each_member(json, MAX_CLAIMS_DEPTH, |claim, value| match &*claim {
            "sub" => sub = Some(value),
            "jti" => jti = Some(value),
            "name" => name = Some(value),
            "exp" => exp = Some(value),
            "iat" => iat = Some(value),
            "nbf" => nbf = Some(value),
            "aud" => aud = Some(value),
            "iss" => iss = Some(value),
            "auth_time" => auth_time = Some(value),
            "sid" => sid = Some(value),
            _ => {}
        });
        if !strict {
            return Err(Malformed("the claims are not one strict JSON object"));
        }

        Ok(Self {
            customer_id: identifier(sub)
                .ok_or(Malformed("`sub` is not 1 to 256 characters of printable ASCII"))?,
            token_id: identifier(jti)
                .ok_or(Malformed("`jti` is not 1 to 256 characters of printable ASCII"))?,
            name: optional(name, |name| text(name).map(|name| Name::new(&name)))
                .ok_or(Malformed("`name` is not a string"))?,
            exp: exp
                .and_then(numeric_date)
                .ok_or(Malformed("`exp` is not a whole number of seconds"))?,
            iat: iat
                .and_then(numeric_date)
                .ok_or(Malformed("`iat` is not a whole number of seconds"))?,
            nbf: optional(nbf, numeric_date)
                .ok_or(Malformed("`nbf` is not a whole number of seconds"))?,
            audiences: optional(aud, audiences)
                .ok_or(Malformed("`aud` is neither a string nor an array of strings"))?,
            issuer: iss.and_then(text),
            auth_time: optional(auth_time, numeric_date)
                .ok_or(Malformed("`auth_time` is not a whole number of seconds"))?,
            session_id: optional(sid, |sid| identifier(Some(sid)))
                .ok_or(Malformed("`sid` is not 1 to 256 characters of printable ASCII"))?,
        })
    }
}

/// An absent claim is `Some(None)`, a claim of the wrong type `None`: the two must not be confused
/// (CVE-2026-25537 took an `exp` of the wrong type for none at all).
// Inlined, as the next function: for a claim that is absent, a call is most of the work.
#[inline(always)]
fn optional<'a, T>(
    value: Option<Json<'a>>,
    read: impl FnOnce(Json<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn text(value: Json<'_>) -> Option<Cow<'_, str>> {
    match value {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

#[inline(always)]
fn identifier<T: std::str::FromStr>(value: Option<Json<'_>>) -> Option<T> {
    value.and_then(text)?.parse().ok()
}

#[expect(clippy::needless_pass_by_value, reason = "read as the other claims are")]
fn numeric_date(value: Json<'_>) -> Option<u64> {
    match value {
        Json::Integer(seconds) if seconds <= MAX_NUMERIC_DATE => Some(seconds),
        _ => None,
    }
}

fn audiences(value: Json<'_>) -> Option<Vec<Cow<'_, str>>> {
    match value {
        Json::Text(audience) => Some(vec![audience]),
        Json::Texts(audiences) => Some(audiences),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: [(&str, &str); 4] =
        [("sub", r#""c""#), ("exp", "2"), ("iat", "1"), ("jti", r#""t""#)];

    fn with(claim: &str, value: Option<&str>) -> String {
        let mut members: Vec<(&str, &str)> =
            REQUIRED.into_iter().filter(|(name, _)| *name != claim).collect();
        members.extend(value.map(|value| (claim, value)));
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn unknown_claims_are_ignored_and_optional_ones_may_be_absent() {
        let json = with("address", Some(r#"{"country":["US"]}"#));
        let expected = Claims {
            customer_id: "c".parse().unwrap(),
            token_id: "t".parse().unwrap(),
            name: None,
            exp: 2,
            iat: 1,
            nbf: None,
            audiences: None,
            issuer: None,
            auth_time: None,
            session_id: None,
        };
        assert_eq!(Claims::parse_any(json.as_bytes()), Ok(expected));
    }

    #[test]
    fn name_may_be_empty_and_aud_one_or_several() {
        let empty = with("name", Some(r#""""#));
        assert_eq!(Claims::parse_any(empty.as_bytes()).unwrap().name, Some(Name::new("")));
        let one = with("aud", Some(r#""a""#));
        assert_eq!(Claims::parse_any(one.as_bytes()).unwrap().audiences, Some(vec!["a".into()]));
        let two = with("aud", Some(r#"["a","b"]"#));
        let audiences = Some(vec!["a".into(), "b".into()]);
        assert_eq!(Claims::parse_any(two.as_bytes()).unwrap().audiences, audiences);
    }

    #[test]
    fn refuses_each_claim_that_is_missing_or_of_the_wrong_type_or_range_t17_t19_t20_t25() {
        let long = format!("\"{}\"", "x".repeat(257));
        let wrong_ids = [
            "null",
            "1",
            "[]",
            "{}",
            r#""""#,
            r#"" ""#,
            r#""a b""#,
            r#""\u0000""#,
            r#""é""#,
            r#""\u2028""#,
            r#"["c"]"#,
            &long,
        ];
        let wrong_dates = [
            "null",
            "\"2\"",
            "true",
            "-1",
            "1.5",
            "2.0",
            "1e9",
            "[2]",
            "18446744073709551615",
            "9007199254740993",
            "1E400",
            "NaN",
        ];
        for claim in ["sub", "jti", "sid"] {
            let missing = (claim != "sid").then_some(None);
            for value in wrong_ids.into_iter().map(Some).chain(missing) {
                let parsed =
                    Claims::parse_any(with(claim, value).as_bytes()).map(|claims| claims.exp);
                let why = match claim {
                    "sub" => "`sub` is not 1 to 256 characters of printable ASCII",
                    "sid" => "`sid` is not 1 to 256 characters of printable ASCII",
                    _ => "`jti` is not 1 to 256 characters of printable ASCII",
                };
                assert_eq!(parsed, Err(Malformed(why)), "{claim}: {value:?}");
            }
        }
        for claim in ["exp", "iat", "nbf", "auth_time"] {
            let missing = ["exp", "iat"].contains(&claim).then_some(None);
            for value in wrong_dates.into_iter().map(Some).chain(missing) {
                let error = Claims::parse_any(with(claim, value).as_bytes()).unwrap_err();
                let expected = match value {
                    Some("1E400" | "NaN") => "the claims are not one strict JSON object".to_owned(),
                    _ => format!("`{claim}` is not a whole number of seconds"),
                };
                assert_eq!(error.to_string(), expected, "{claim}: {value:?}");
            }
        }
        for (claim, value) in [("name", "null"), ("name", "1"), ("aud", "null"), ("aud", "[1]")] {
            let error = Claims::parse_any(with(claim, Some(value)).as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{claim}` is n")), "{claim}: {value}");
        }
        assert_eq!(
            Claims::parse_any(br#"["sub","c"]"#),
            Err(Malformed("the claims are not one strict JSON object"))
        );
    }

    #[test]
    fn takes_a_date_up_to_2_to_the_53rd() {
        let latest = with("exp", Some("9007199254740992"));
        assert_eq!(Claims::parse_any(latest.as_bytes()).map(|claims| claims.exp), Ok(1 << 53));
        let latest = with("auth_time", Some("9007199254740992"));
        let auth_time = Claims::parse_any(latest.as_bytes()).map(|claims| claims.auth_time);
        assert_eq!(auth_time, Ok(Some(1 << 53)));
    }

    #[test]
    fn a_session_is_any_identifier_with_or_without_the_time_of_its_login() {
        let sid = format!("\"{}\"", "s".repeat(256));
        for value in [r#""s""#, r#""79cc0486-bbdf-491b-a0a2-722383b6288b""#, &sid] {
            let json = with("sid", Some(value));
            let claims = Claims::parse_any(json.as_bytes()).unwrap();
            let expected = value.trim_matches('"').parse().ok();
            assert_eq!((claims.session_id, claims.auth_time), (expected, None), "{value}");
        }
        let json = with("auth_time", Some("0"));
        let claims = Claims::parse_any(json.as_bytes()).unwrap();
        assert_eq!((claims.session_id, claims.auth_time), (None, Some(0)));
    }
}
