//! What is issued, and that verifiers take it.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use super::SignError;
use super::TokenSigner;
use super::builder::DEFAULT_LIFETIME;
use super::builder::MAX_LIFETIME;
use super::builder::MIN_LIFETIME;
use super::signer::NewClaims;
use super::signer::json;
use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::key::KeyRing;
use crate::key::SigningKey;
use crate::revocation::Revocations;
use crate::testing::ManualClock;
use crate::token::Claims;
use crate::token::HeaderRoom;
use crate::token::MAX_NUMERIC_DATE;
use crate::token::MAX_TOKEN_LEN;
use crate::token::Name;
use crate::token::Room;
use crate::token::TokenForm;
use crate::token::UnverifiedToken;
use crate::token::encode;
use crate::verify::Verifier;
use crate::verify::VerifyErrorKind;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[derive(Debug)]
struct At(u64);

impl Clock for At {
    fn now(&self) -> SystemTime {
        from_epoch(self.0)
    }
}

fn customer() -> CustomerId {
    "79cc0486-bbdf-491b-a0a2-722383b6288b".parse().unwrap()
}

fn decoded(token: &str, part: usize) -> String {
    let part = token.split('.').nth(part).unwrap();
    String::from_utf8(base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()).unwrap()
}

/// The two tokens of the vendor's documentation, with what they say.
const SAMPLES: [(&str, &str, &str, &str, u64, u64); 2] = [
    (
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiI3OWNjMDQ4Ni1iYmRmLTQ5MWItYTBhMi03MjIzODNiNjI4OGIiLCJuYW1lIjoiUm9uIFN3YW5zb24iLCJleHAiOjE1MTA2ODQyMDAsImlhdCI6MTUxMDU5NzgwMCwianRpIjoiMzZmMDU5NDAtMGQzOC00MTFhLTg5MDktM2FlYTU4YmMxZjA5In0=.ea948e346d0683803aa4a2c09441bcbf7c79bd9234bed2ce8456ab3af257ea9f",
        "79cc0486-bbdf-491b-a0a2-722383b6288b",
        "Ron Swanson",
        "36f05940-0d38-411a-8909-3aea58bc1f09",
        1_510_684_200,
        1_510_597_800,
    ),
    (
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiJiZTA3NmViOS02ODllLTRjZmUtODI5OS04NDg5Zjk5YTE0ZTYiLCJuYW1lIjoiUm9uIFN3YW5zb24rNSIsImV4cCI6MTYwNTM4NDMxOSwiaWF0IjoxNjA1Mjk3OTE5LCJqdGkiOiI1MjY2ZDZkYS1hNWUyLTRmNzktOWU4Yy02ZDA1MGZmZTdmZWUifQ==.2af503b27022df40c769ac49d85802d0319d7ed14547c843c254d73f8107d8cd",
        "be076eb9-689e-4cfe-8299-8489f99a14e6",
        "Ron Swanson+5",
        "5266d6da-a5e2-4f79-9e8c-6d050ffe7fee",
        1_605_384_319,
        1_605_297_919,
    ),
];

#[test]
fn the_sample_tokens_parse_to_their_fields_and_are_written_again_byte_for_byte() {
    for (sample, customer_id, name, token_id, exp, iat) in SAMPLES {
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        let token = UnverifiedToken::parse_any_length(sample.as_bytes(), &mut header).unwrap();
        let decoded = token.decode(&mut room).unwrap();
        assert_eq!(token.form(), TokenForm::Legacy);
        assert_eq!((token.unverified_alg(), token.unverified_kid()), ("HS256", None));

        let claims = Claims::parse_any(decoded.unverified_claims).unwrap();
        let expected = Claims {
            customer_id: customer_id.parse().unwrap(),
            token_id: token_id.parse().unwrap(),
            name: Some(Name::new(name)),
            exp,
            iat,
            nbf: None,
            audiences: None,
            issuer: None,
            auth_time: None,
            session_id: None,
        };
        assert_eq!(claims, expected);
        assert_eq!(exp - iat, 86_400);

        let new = NewClaims {
            sub: &claims.customer_id,
            name: Some(name),
            exp,
            iat,
            jti: &claims.token_id,
            aud: None,
            iss: None,
            auth_time: None,
            sid: None,
        };
        // The samples' secret is not public, so their own signature is written again.
        let again = encode(TokenForm::Legacy, b"", &json(&new), |signing_input| {
            assert_eq!(signing_input, token.signing_input());
            Some(decoded.signature.to_vec())
        });
        assert_eq!(again.as_deref(), Some(sample));
    }
}

#[test]
fn a_compact_token_has_the_documented_header_and_claims_without_white_space() {
    let key = SigningKey::hs256(SECRET).unwrap();
    for (key, header) in [
        (key.clone(), r#"{"alg":"HS256","typ":"JWT"}"#),
        (key.with_id("k1"), r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#),
    ] {
        let signer = TokenSigner::builder(KeyRing::new(key)).clock(Arc::new(At(1_000)));
        let signer = signer.build().unwrap();
        let issued = signer.sign(&customer(), Some("\"Ron\" é")).unwrap();
        assert_eq!(decoded(issued.token(), 0), header);
        assert_eq!(
            decoded(issued.token(), 1),
            format!(
                r#"{{"sub":"{}","name":"\"Ron\" é","exp":87400,"iat":1000,"jti":"{}"}}"#,
                customer(),
                issued.token_id()
            )
        );
        assert_eq!(issued.expires_at(), from_epoch(87_400));
        assert_eq!(issued.issued_at(), from_epoch(1_000));
    }
}

#[test]
fn what_is_issued_is_accepted_in_both_forms_with_the_same_ids_and_times() {
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        let keys = KeyRing::hs256(SECRET).unwrap();
        let signer = TokenSigner::builder(keys.clone()).form(form).audience("store").issuer("us");
        let signer = signer.build().unwrap();
        let verifier = Verifier::builder(keys).audience("store").issuer("us").build().unwrap();
        let issued = signer.sign(&customer(), Some("Ron Swanson")).unwrap();
        let verified = verifier.verify(issued.token().as_bytes()).unwrap();
        assert_eq!(verified.customer_id(), issued.customer_id());
        assert_eq!(verified.token_id(), issued.token_id());
        assert_eq!(verified.name(), Some("Ron Swanson"));
        assert_eq!(verified.issued_at(), issued.issued_at());
        assert_eq!(verified.expires_at(), issued.expires_at());
    }
}

#[test]
fn token_ids_are_random_uuids_of_version_4() {
    let ids: std::collections::HashSet<TokenId> =
        (0..1_000).map(|_| TokenId::random().unwrap()).collect();
    assert_eq!(ids.len(), 1_000);
    for id in ids {
        let text = id.to_string();
        assert_eq!(&text[14..15], "4", "{text}");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
    }
}

/// A clock, a list of revocations, and who signs and verifies by both. It is the first second.
struct Desk {
    clock: Arc<ManualClock>,
    revocations: Revocations,
    signer: TokenSigner,
    verifier: Verifier,
}

/// What becomes of a token: refused by the signer, or signed and then accepted or not.
#[derive(Debug, PartialEq)]
enum Outcome {
    Revoked,
    NotYet(SystemTime),
    Signed { issued_at: SystemTime, refused: Option<VerifyErrorKind> },
}

impl Desk {
    fn open() -> Self {
        let keys = KeyRing::hs256(SECRET).unwrap();
        let revocations = Revocations::in_memory();
        let clock = Arc::new(ManualClock::at_epoch_seconds(1_000));
        let verifier = Verifier::builder(keys.clone())
            .revocations(revocations.clone())
            .clock(clock.clone())
            // A token that is dated ahead is refused.
            .clock_skew(Duration::ZERO);
        let signer = TokenSigner::builder(keys).clock(clock.clone());
        let signer = signer.revocations(revocations.clone()).build().unwrap();
        Self { clock, revocations, signer, verifier: verifier.build().unwrap() }
    }

    async fn revoke(&self, issued_before: SystemTime) {
        self.revocations.revoke_customer(&customer(), issued_before).await.unwrap();
    }

    /// Sets the clock to the time of the proof, and signs.
    fn sign(&self, proved_at: SystemTime) -> Outcome {
        self.clock.set(proved_at);
        match self.signer.sign_at(&customer(), None, proved_at) {
            Ok(issued) => {
                assert_eq!(issued.expires_at(), issued.issued_at() + DEFAULT_LIFETIME);
                let verdict = self.verifier.verify(issued.token().as_bytes());
                let refused = verdict.err().map(|error| error.kind());
                Outcome::Signed { issued_at: issued.issued_at(), refused }
            }
            Err(SignError::Revoked) => Outcome::Revoked,
            Err(SignError::NotYet { valid_from }) => Outcome::NotYet(valid_from),
            Err(other) => panic!("{other}"),
        }
    }
}

/// So many milliseconds after the beginning of the first second.
fn at(millis: u64) -> SystemTime {
    from_epoch(1_000) + Duration::from_millis(millis)
}

fn good(millis: u64) -> Outcome {
    Outcome::Signed { issued_at: at(millis), refused: None }
}

#[tokio::test]
async fn no_token_is_signed_that_its_customers_revocation_refuses_and_none_is_dated_ahead() {
    let desk = Desk::open();
    let before = desk.signer.sign(&customer(), None).unwrap();
    desk.revoke(at(500)).await;
    let refused = desk.verifier.verify(before.token().as_bytes()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::Revoked);
    for (proved_at, outcome) in [
        // The old password, read before the revocation and hashed until after it.
        (499, Outcome::Revoked),
        // The new one, in the same second.
        (500, Outcome::NotYet(at(1_000))),
        (999, Outcome::NotYet(at(1_000))),
        (1_000, good(1_000)),
        (2_345, good(2_000)),
    ] {
        assert_eq!(desk.sign(at(proved_at)), outcome, "{proved_at} ms");
    }
}

#[tokio::test]
async fn revocations_within_a_second_lock_a_customer_out_no_longer_than_that_second() {
    let desk = Desk::open();
    for millis in (0..1_000).step_by(8) {
        desk.revoke(at(millis)).await;
    }
    assert_eq!(desk.sign(at(991)), Outcome::Revoked);
    assert_eq!(desk.sign(at(992)), Outcome::NotYet(at(1_000)));
    assert_eq!(desk.sign(at(1_000)), good(1_000));
    // One that is given late, and lies before the others, changes nothing.
    desk.revoke(at(1)).await;
    assert_eq!(desk.sign(at(1_000)), good(1_000));
}

#[tokio::test]
async fn a_customer_who_is_cut_off_until_later_gets_no_token_before() {
    let desk = Desk::open();
    desk.revoke(at(2_500)).await;
    assert_eq!(desk.sign(at(0)), Outcome::Revoked);
    assert_eq!(desk.sign(at(2_499)), Outcome::Revoked);
    assert_eq!(desk.sign(at(2_500)), Outcome::NotYet(at(3_000)));
    assert_eq!(desk.sign(at(3_000)), good(3_000));
}

#[test]
fn a_token_is_not_dated_ahead_of_the_clock_by_a_proof_that_seems_to_be_of_later() {
    let desk = Desk::open();
    desk.clock.set(at(10_000));
    let issued = desk.signer.sign_at(&customer(), None, at(15_999)).unwrap();
    assert_eq!(issued.issued_at(), at(10_000));
    let issued = desk.signer.sign_at(&customer(), None, at(9_999)).unwrap();
    assert_eq!(issued.issued_at(), at(9_000));
}

#[test]
fn refuses_to_make_a_token_that_no_verifier_takes() {
    let keys = KeyRing::hs256(SECRET).unwrap();
    let signer = TokenSigner::new(keys.clone()).unwrap();
    let error = signer.sign(&customer(), Some(&"x".repeat(6_500))).unwrap_err();
    assert!(matches!(error, SignError::TooLong { length } if length > MAX_TOKEN_LEN));

    let named = SigningKey::hs256(SECRET).unwrap().with_id("k1");
    let legacy = TokenSigner::builder(keys.clone()).form(TokenForm::Legacy).build().unwrap();
    keys.rotate(named.clone(), Duration::ZERO);
    let id = || "k1".to_owned();
    let refused = ConfigError::LegacyFormWithKeyId { id: id() };
    let error = legacy.sign(&customer(), None).unwrap_err();
    assert!(matches!(error, SignError::Key(error) if error == refused));
    let legacy = TokenSigner::builder(KeyRing::new(named)).form(TokenForm::Legacy);
    assert_eq!(legacy.build().unwrap_err(), refused);
}

#[test]
fn a_clock_beyond_what_tokens_can_say_makes_no_token_t23() {
    let latest = MAX_NUMERIC_DATE - DEFAULT_LIFETIME.as_secs();
    for (now, makes) in [(latest, true), (latest + 1, false), (1 << 60, false)] {
        let signer = TokenSigner::builder(KeyRing::hs256(SECRET).unwrap());
        let signer = signer.clock(Arc::new(At(now))).build().unwrap();
        let signed = signer.sign(&customer(), None);
        assert_eq!(matches!(signed, Err(SignError::ClockOutOfRange)), !makes, "{now}");
    }
}

#[test]
fn settings_out_of_range_are_refused_when_the_signer_is_built() {
    let verifying = SigningKey::hs256(SECRET).unwrap().verifying_key();
    let verify_only = KeyRing::verify_only([verifying]).unwrap();
    assert_eq!(TokenSigner::new(verify_only).unwrap_err(), ConfigError::NoSigningKey);
    let signer = TokenSigner::builder(KeyRing::hs256(SECRET).unwrap());
    for value in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
        let error = signer.clone().lifetime(value).build().unwrap_err();
        let (min, max) = (MIN_LIFETIME, MAX_LIFETIME);
        let setting = "lifetime";
        assert_eq!(error, ConfigError::DurationOutOfRange { setting, value, min, max });
    }
    assert_eq!(
        signer.clone().audience("").build().unwrap_err(),
        ConfigError::Empty { setting: "audience" }
    );
    assert_eq!(signer.issuer("").build().unwrap_err(), ConfigError::Empty { setting: "issuer" });
}

#[test]
fn debug_shows_no_token() {
    let signer = TokenSigner::new(KeyRing::hs256(SECRET).unwrap()).unwrap();
    let issued = signer.sign(&customer(), None).unwrap();
    let shown = format!("{issued:?} {signer:?}");
    assert!(!shown.contains("eyJ") && !shown.contains(SECRET), "{shown}");
}
