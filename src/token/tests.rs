//! The shortcut past the JSON reader, side by side with it.

use super::claims::Claims;
use super::claims::IssuedClaims;
use super::header::Header;
use super::name::Name;
use crate::id::CustomerId;
use crate::id::TokenId;

/// Payloads that are tried. `PAYLOADS=1000000` tries a million, in some seconds of a release build.
fn payloads() -> usize {
    std::env::var("PAYLOADS").map_or(10_000, |count| count.parse().unwrap())
}

/// What means something in JSON, or just does not belong there.
const SPECIAL: &[u8] = b"\"\\{}[]:,-.eE0 \n\x1F\x7F";

/// Numbers that are the same on each run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    fn uuid(&mut self) -> String {
        let digits: String =
            (0..32).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect();
        let groups =
            [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        groups.join("-")
    }

    fn date(&mut self) -> usize {
        let digits = self.below(17) as u32;
        let usual = 1_000_000_000 + self.below(9_000_000_000);
        if self.below(16) == 0 { self.below(10_usize.pow(digits)) } else { usual }
    }

    /// Changes up to three places of every other text, so that what was whole is a little off.
    fn mutate(&mut self, mut text: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.below(2) * self.below(4) {
            let at = self.below(text.len());
            let end = (at + 1 + self.below(12)).min(text.len());
            match self.below(6) {
                0 => text[at] = self.below(256) as u8,
                1 => text[at] = SPECIAL[self.below(SPECIAL.len())],
                2 => text.insert(at, b"\" \\,09a"[self.below(7)]),
                3 => drop(text.drain(at..end)),
                4 => text.splice(at..at, text[at..end].to_vec()).for_each(drop),
                _ => text[at] ^= 0x20,
            }
            if text.is_empty() {
                break;
            }
        }
        text
    }

    fn claims(&mut self) -> Vec<u8> {
        let ids = [self.uuid(), self.uuid(), "auth0|42".to_owned(), String::new()];
        let [sub, jti] =
            [0, 1].map(|usual| &ids[if self.below(16) == 0 { 2 + usual } else { usual }]);
        let name = self.one_of(&[
            "Ron Swanson",
            "",
            "Zo\u{eb}",
            "\u{1f600}",
            r"\u005a",
            r"\ud800",
            r#"\""#,
            r#"","exp":1"#,
            "\u{2028}\u{7f}",
            "a name that is quite a bit longer than the names of most people are",
        ]);
        let (exp, iat) = (self.date(), self.date());
        let mut members = [
            format!(r#""sub":"{sub}""#),
            format!(r#""name":"{name}""#),
            format!(r#""exp":{exp}"#),
            format!(r#""iat":{iat}"#),
            format!(r#""jti":"{jti}""#),
        ]
        .to_vec();
        if self.below(2) == 0 {
            let (auth_time, sid) = (self.date(), self.uuid());
            let sid = if self.below(16) == 0 { "auth0|43" } else { &sid };
            members.push(format!(r#""auth_time":{auth_time}"#));
            members.push(format!(r#""sid":"{sid}""#));
        }
        let count = members.len();
        match self.below(12) {
            0 => members.swap(self.below(count), self.below(count)),
            1 => drop(members.remove(self.below(count))),
            2 => members.push(members[self.below(count)].clone()),
            3 => members.insert(5, r#""aud":"store","iss":"us""#.to_owned()),
            _ => {}
        }
        let comma = self.one_of(&[",", ",", ",", ",", ",", ", "]);
        format!("{{{}}}", members.join(comma)).into_bytes()
    }
}

fn in_general(claims: IssuedClaims<'_>) -> Claims<'_> {
    Claims {
        customer_id: CustomerId::from_uuid_bytes(claims.customer_id),
        token_id: TokenId::from_uuid_bytes(claims.token_id),
        name: Some(claims.name.keep()),
        exp: claims.exp,
        iat: claims.iat,
        nbf: None,
        audiences: None,
        issuer: None,
        auth_time: claims.session.map(|session| session.auth_time),
        session_id: claims.session.map(|session| TokenId::from_uuid_bytes(session.id)),
    }
}

/// Reads claims by their shape: the token of a login, or a refreshed one, never both.
fn by_shape(json: &[u8]) -> Option<IssuedClaims<'_>> {
    let shapes = [IssuedClaims::parse(json), IssuedClaims::parse_refreshed(json)];
    assert!(shapes.iter().flatten().count() < 2, "{}", json.escape_ascii());
    shapes.into_iter().flatten().next()
}

/// Tries payloads, of which some but not all must be taken: else one side of the question has gone missing.
fn try_payloads(seed: u64, mut is_taken: impl FnMut(&mut Numbers) -> bool) {
    let mut numbers = Numbers(seed);
    let taken = (0..payloads()).filter(|_| is_taken(&mut numbers)).count();
    let share = taken * 100 / payloads();
    assert!((10..60).contains(&share), "{share} % were of the shape");
}

#[test]
fn claims_read_by_their_shape_read_the_same_by_the_json_reader() {
    let mut taken = [0, 0];
    try_payloads(1, |numbers| {
        let whole = numbers.claims();
        let json = numbers.mutate(whole);
        let Some(claims) = by_shape(&json) else {
            return false;
        };
        taken[usize::from(claims.session.is_some())] += 1;
        assert_eq!(IssuedClaims::unverified_token_id(&json), Some(claims.token_id));
        let claims = in_general(claims);
        assert_eq!(Claims::parse_any(&json), Ok(claims), "{}", json.escape_ascii());
        true
    });
    let shares = taken.map(|taken| taken * 100 / payloads());
    assert!(shares.iter().all(|share| *share >= 5), "{shares:?} % were of the two shapes");
}

#[test]
fn a_header_read_by_its_shape_reads_the_same_by_the_json_reader() {
    try_payloads(2, |numbers| {
        let kid = numbers.one_of(&["2026-11", "", "k\u{fc}", r"k\n", r#"","crit":[""#]);
        let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{kid}"}}"#);
        let json = numbers.mutate(header.into_bytes());
        let Some(header) = Header::parse_as_issued(&json) else {
            return false;
        };
        assert_eq!(Header::parse_any(&json), Ok(header), "{}", json.escape_ascii());
        true
    });
}

#[test]
fn what_the_issuer_writes_is_of_the_shape() {
    let json = br#"{"sub":"79cc0486-bbdf-491b-a0a2-722383b6288b","name":"Ron Swanson","exp":1510684200,"iat":1510597800,"jti":"36f05940-0d38-411a-8909-3aea58bc1f09"}"#;
    let claims = in_general(IssuedClaims::parse(json).unwrap());
    assert_eq!(claims.customer_id, "79cc0486-bbdf-491b-a0a2-722383b6288b");
    assert_eq!(claims.token_id, "36f05940-0d38-411a-8909-3aea58bc1f09");
    assert_eq!(claims.name.as_ref().map(Name::as_str), Some("Ron Swanson"));
    assert_eq!((claims.exp, claims.iat), (1_510_684_200, 1_510_597_800));
    assert_eq!((claims.auth_time, claims.session_id), (None, None));
    let json = br#"{"sub":"79cc0486-bbdf-491b-a0a2-722383b6288b","name":"Ron Swanson","exp":1510684200,"iat":1510597800,"jti":"36f05940-0d38-411a-8909-3aea58bc1f09","auth_time":1510590000,"sid":"5266d6da-a5e2-4f79-9e8c-6d050ffe7fee"}"#;
    assert!(IssuedClaims::parse(json).is_none());
    let refreshed = in_general(IssuedClaims::parse_refreshed(json).unwrap());
    let session_id = "5266d6da-a5e2-4f79-9e8c-6d050ffe7fee".parse().ok();
    assert_eq!(refreshed, Claims { auth_time: Some(1_510_590_000), session_id, ..claims });
    let id = IssuedClaims::unverified_token_id(json).map(TokenId::from_uuid_bytes);
    assert_eq!(id, Some(refreshed.token_id));
    let header = br#"{"alg":"HS256","typ":"JWT","kid":"2026-11"}"#;
    assert_eq!(Header::parse_as_issued(header).unwrap().kid.as_deref(), Some("2026-11"));
}
