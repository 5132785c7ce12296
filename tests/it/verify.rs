//! What `Verifier` accepts and refuses, by the public API alone. Names end in the id of the attack
//! in `SECURITY.md`.

use std::time::Duration;
use std::time::SystemTime;

use serde_json::Value;
use serde_json::json;
use tower_customer_auth::ConfigError;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenId;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifierBuilder;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::VerifyErrorKind::DisallowedAlgorithm;
use tower_customer_auth::VerifyErrorKind::Expired;
use tower_customer_auth::VerifyErrorKind::InvalidSignature;
use tower_customer_auth::VerifyErrorKind::IssuedInFuture;
use tower_customer_auth::VerifyErrorKind::LifetimeTooLong;
use tower_customer_auth::VerifyErrorKind::Malformed;
use tower_customer_auth::VerifyErrorKind::NotYetValid;
use tower_customer_auth::VerifyErrorKind::Revoked;
use tower_customer_auth::VerifyErrorKind::UnknownKey;
use tower_customer_auth::VerifyErrorKind::WrongAudience;
use tower_customer_auth::VerifyErrorKind::WrongIssuer;
use tower_customer_auth::testing::TestToken;
use tower_customer_auth::testing::sign_raw;

use crate::fixtures::CUSTOMER;
use crate::fixtures::DAY;
use crate::fixtures::NOW;
use crate::fixtures::TOKEN_ID;
use crate::fixtures::at;
use crate::fixtures::clock;
use crate::fixtures::compact;
use crate::fixtures::good;
use crate::fixtures::key;
use crate::fixtures::refusal;
use crate::fixtures::verifier;

const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";
const FORMS: [TokenForm; 2] = [TokenForm::Compact, TokenForm::Legacy];

fn next_key() -> SigningKey {
    SigningKey::hs256(NEXT_SECRET).unwrap()
}

fn at_end_of_day() -> SystemTime {
    at(NOW + DAY)
}

fn builder(keys: KeyRing) -> VerifierBuilder {
    Verifier::builder(keys).clock(clock())
}

#[track_caller]
fn assert_refused(token: impl AsRef<[u8]>, kind: VerifyErrorKind, why: impl std::fmt::Display) {
    assert_eq!(refusal(&verifier(), token), Some(kind), "{why}");
}

#[test]
fn accepts_a_good_token_in_both_forms_and_tells_what_it_says() {
    for form in FORMS {
        let verified = verifier().verify(good().sign(&key(), form).as_bytes()).unwrap();
        assert_eq!(*verified.customer_id(), CUSTOMER);
        assert_eq!(*verified.token_id(), TOKEN_ID);
        assert_eq!(verified.name(), Some("Ron Swanson"));
        assert_eq!(verified.issued_at(), at(NOW));
        assert_eq!(verified.expires_at(), at(NOW + DAY));
        assert_eq!(*verified.session_id(), TOKEN_ID);
        assert_eq!(verified.authenticated_at(), at(NOW));
    }
}

#[test]
fn accepts_only_the_forms_it_is_told_to() {
    for (only, other) in [(FORMS[0], FORMS[1]), (FORMS[1], FORMS[0])] {
        let verifier = builder(KeyRing::new(key())).forms(&[only]).build().unwrap();
        assert_eq!(refusal(&verifier, good().sign(&key(), only)), None);
        assert_eq!(refusal(&verifier, good().sign(&key(), other)), Some(Malformed));
    }
}

#[test]
fn refuses_every_token_with_one_bit_flipped() {
    let verifier = verifier();
    for form in FORMS {
        let token = good().sign(&key(), form).into_bytes();
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut mutant = token.clone();
                mutant[at] ^= 1 << bit;
                assert_ne!(refusal(&verifier, &mutant), None, "{form:?}, byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn refuses_every_token_with_one_letter_changed_in_case_t18() {
    let verifier = verifier();
    for form in FORMS {
        let token = good().sign(&key(), form).into_bytes();
        for at in (0..token.len()).filter(|at| token[*at].is_ascii_alphabetic()) {
            let mut mutant = token.clone();
            mutant[at] ^= 0x20;
            assert_ne!(refusal(&verifier, &mutant), None, "{form:?}, byte {at}");
        }
    }
}

#[test]
fn refuses_every_truncation_and_every_token_with_a_byte_taken_out_or_doubled() {
    let verifier = verifier();
    for form in FORMS {
        let token = good().sign(&key(), form).into_bytes();
        for at in 0..token.len() {
            assert_ne!(refusal(&verifier, &token[..at]), None, "{form:?}, first {at}");
            assert_ne!(refusal(&verifier, &token[at + 1..]), None, "{form:?}, last from {at}");
            let without = [&token[..at], &token[at + 1..]].concat();
            assert_ne!(refusal(&verifier, without), None, "{form:?}, without byte {at}");
            let doubled = [&token[..=at], &token[at..]].concat();
            assert_ne!(refusal(&verifier, doubled), None, "{form:?}, byte {at} twice");
        }
    }
}

#[test]
fn refuses_added_and_removed_padding_t18() {
    // Names of three lengths, so that the claims need no padding, one and two characters of it.
    for name in ["R", "Ro", "Ron"] {
        let token = good().claim("name", name);
        let [compact, legacy] = FORMS.map(|form| token.sign(&key(), form));
        let mut mutants = Vec::new();
        for padding in ["=", "==", "==="] {
            mutants.push(format!("{compact}{padding}"));
            mutants.push(format!("{legacy}{padding}"));
            mutants.push(compact.replacen('.', &format!("{padding}."), 1));
            mutants.push(legacy.replacen('.', &format!("{padding}."), 1));
            let (claims, signature) = compact.rsplit_once('.').unwrap();
            mutants.push(format!("{claims}{padding}.{signature}"));
            let (claims, signature) = legacy.rsplit_once('.').unwrap();
            mutants.push(format!("{claims}{padding}.{signature}"));
            if let Some(less) = claims.strip_suffix(padding) {
                mutants.push(format!("{less}.{signature}"));
            }
        }
        for mutant in mutants {
            assert_ne!(refusal(&verifier(), &mutant), None, "{mutant}");
        }
    }
}

#[test]
fn refuses_every_other_spelling_of_an_algorithm_t01() {
    for (alg, kind) in [
        (json!("none"), DisallowedAlgorithm),
        (json!("None"), DisallowedAlgorithm),
        (json!("noNe"), DisallowedAlgorithm),
        (json!("NONE"), DisallowedAlgorithm),
        (json!(""), DisallowedAlgorithm),
        (json!("hs256"), DisallowedAlgorithm),
        (json!("HS256 "), DisallowedAlgorithm),
        (json!("HS256\0"), DisallowedAlgorithm),
        (json!("dir"), DisallowedAlgorithm),
        (json!("HS384"), DisallowedAlgorithm),
        (json!("HS512"), DisallowedAlgorithm),
        (json!("RS256"), DisallowedAlgorithm),
        (json!("PS256"), DisallowedAlgorithm),
        (json!("ES256"), DisallowedAlgorithm),
        (json!("EdDSA"), DisallowedAlgorithm),
        (json!(0), Malformed),
        (json!(null), Malformed),
        (json!(["HS256"]), Malformed),
        (json!({"HS256": "HS256"}), Malformed),
    ] {
        assert_refused(compact(&good().header("alg", alg.clone())), kind, alg);
    }
    // The classic: an algorithm of none, and no signature.
    let unsigned = compact(&good().header("alg", "none"));
    let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
    assert_refused(unsigned, DisallowedAlgorithm, "empty signature");
    assert_refused(unsigned.trim_end_matches('.'), Malformed, "two parts");
    let good = compact(&good());
    assert_refused(&good[..=good.rfind('.').unwrap()], InvalidSignature, "HS256, no signature");
}

#[test]
fn looks_a_kid_up_and_does_nothing_else_with_it_t04() {
    for (kid, kind) in [
        (json!("../../../../dev/null"), UnknownKey),
        (json!("' OR 1=1 --"), UnknownKey),
        (json!("\u{0}"), UnknownKey),
        (json!(""), UnknownKey),
        (json!("k".repeat(900)), UnknownKey),
        (json!("k".repeat(1 << 10)), Malformed),
        (json!(["k1"]), Malformed),
        (json!(null), Malformed),
        (json!(1), Malformed),
    ] {
        assert_refused(compact(&good().header("kid", kid.clone())), kind, kid);
    }
}

#[test]
fn tries_a_token_with_a_kid_against_that_key_alone() {
    let named = next_key().with_id("k1");
    let keys = KeyRing::verify_only([key().verifying_key(), named.verifying_key()]).unwrap();
    let verifier = builder(keys).build().unwrap();
    let token = |kid: Option<&str>, key: &SigningKey| {
        let token = kid.map_or_else(good, |kid| good().header("kid", kid));
        token.sign(key, TokenForm::Compact)
    };
    assert_eq!(refusal(&verifier, token(Some("k1"), &named)), None);
    assert_eq!(refusal(&verifier, token(None, &key())), None);
    assert_eq!(refusal(&verifier, token(Some("k1"), &key())), Some(InvalidSignature));
    assert_eq!(refusal(&verifier, token(None, &named)), Some(InvalidSignature));
    assert_eq!(refusal(&verifier, token(Some("k2"), &named)), Some(UnknownKey));
    assert_eq!(refusal(&verifier, token(Some("K1"), &named)), Some(UnknownKey));
    // The legacy form has no room for an id.
    let legacy = good().sign(&named, TokenForm::Legacy);
    assert_eq!(refusal(&verifier, legacy), Some(InvalidSignature));
}

#[test]
fn refuses_headers_that_bring_a_key_or_change_what_is_signed_t05_t10_t11_t12() {
    for (name, value) in [
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        assert_refused(compact(&good().header(name, value)), Malformed, name);
    }
}

#[test]
fn takes_unknown_header_members_and_claims_for_what_they_are() {
    let token = good().header("cty", "x").header("x5t", "y").claim("roles", json!([{"a": 1}]));
    assert_eq!(refusal(&verifier(), compact(&token)), None);
}

#[test]
fn refuses_another_typ_t24() {
    for typ in [json!("at+jwt"), json!("jwt"), json!("logout+jwt"), json!(null), json!(1)] {
        assert_refused(compact(&good().header("typ", typ.clone())), Malformed, typ);
    }
    let untyped = sign_raw(&key(), TokenForm::Compact, r#"{"alg":"HS256"}"#, claims());
    assert_eq!(refusal(&verifier(), untyped), None);
}

/// The claims of a good token as text.
fn claims() -> String {
    format!(r#"{{"sub":"c","exp":{},"iat":{NOW},"jti":"t"}}"#, NOW + 60)
}

#[test]
fn refuses_duplicate_members_at_any_level_t16() {
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    for (header, claims) in [
        (r#"{"alg":"none","alg":"HS256"}"#, claims()),
        (r#"{"alg":"HS256","x":{"a":1,"a":1}}"#, claims()),
        (header, claims().replace('{', r#"{"sub":"c","#)),
        (header, claims().replace('{', r#"{"\u0073ub":"c","#)),
        (header, claims().replace('{', r#"{"x":1,"x":1,"#)),
        (header, claims().replace('{', r#"{"x":[{"y":{"z":1,"z":2}}],"#)),
    ] {
        let token = sign_raw(&key(), TokenForm::Compact, header, &claims);
        assert_refused(token, Malformed, format_args!("{header} {claims}"));
        if header.len() == 27 {
            let token = sign_raw(&key(), TokenForm::Legacy, header, &claims);
            assert_refused(token, Malformed, format_args!("legacy {claims}"));
        }
    }
}

/// `serde_json/arbitrary_precision`, which any other crate can turn on, has a reader that takes them.
#[test]
fn refuses_a_number_without_a_value_in_members_that_mean_nothing() {
    let header = r#"{"alg":"HS256"}"#;
    for number in ["1e400", "-1E+400", "1e308"] {
        for unknown in [number.to_owned(), format!("[1,{number}]"), format!(r#"{{"y":{number}}}"#)]
        {
            let member = format!(r#"{{"x":{unknown},"#);
            for form in FORMS {
                let claims = claims().replace('{', &member);
                assert_refused(sign_raw(&key(), form, header, &claims), Malformed, claims);
            }
            let header = header.replace('{', &member);
            let token = sign_raw(&key(), TokenForm::Compact, &header, claims());
            assert_refused(token, Malformed, header);
        }
    }
    for number in ["1.5", "-0.0", "9.99e307", "18446744073709551616", "1e-400"] {
        let member = format!(r#"{{"x":{number},"y":[{{"z":{number}}}],"#);
        let (header, claims) = (header.replace('{', &member), claims().replace('{', &member));
        let token = sign_raw(&key(), TokenForm::Compact, &header, claims);
        assert_eq!(refusal(&verifier(), token), None, "{number}");
    }
}

#[test]
fn refuses_claims_that_are_no_json_object_in_utf_8_t17_t19() {
    for claims in [
        b"".as_slice(),
        b"null",
        b"[]",
        b"\"sub\"",
        b"{",
        b"{}{}",
        b"\xEF\xBB\xBF{}",
        b"{\"sub\":\"\xFF\"}",
        b"{\"sub\":\"\\ud800\"}",
    ] {
        for form in FORMS {
            let token = sign_raw(&key(), form, r#"{"alg":"HS256"}"#, claims);
            assert_refused(token, Malformed, format_args!("{form:?} {claims:?}"));
        }
    }
    // White space in the JSON is the issuer's own affair.
    let spaced = format!(" {}\n", claims().replace(',', " ,\t"));
    let token = sign_raw(&key(), TokenForm::Compact, " {\"alg\" : \"HS256\"} ", spaced);
    assert_eq!(refusal(&verifier(), token), None);
}

#[test]
fn refuses_ids_and_times_of_the_wrong_type_or_range_t19_t20_t25() {
    let long = "x".repeat(257);
    for (claim, values) in [
        ("sub", vec![json!(null), json!(1), json!(""), json!("a b"), json!("\0"), json!(long)]),
        ("jti", vec![json!(null), json!(1), json!(""), json!("ü"), json!("\u{2028}"), json!(long)]),
        ("exp", vec![json!(null), json!("1"), json!(true), json!(-1), json!(1.5), json!(u64::MAX)]),
        (
            "iat",
            vec![json!(null), json!("1"), json!([1]), json!(-1), json!(1e9), json!(1_u64 << 54)],
        ),
        ("nbf", vec![json!(null), json!("1"), json!({}), json!(-1), json!(0.5), json!(u64::MAX)]),
    ] {
        for value in values {
            let why = format!("{claim}: {value}");
            assert_refused(compact(&good().claim(claim, value)), Malformed, why);
        }
    }
    for claim in ["sub", "jti", "exp", "iat"] {
        assert_refused(compact(&good().without(claim)), Malformed, claim);
    }
    for claim in ["name", "nbf"] {
        assert_eq!(refusal(&verifier(), compact(&good().without(claim))), None, "{claim}");
    }
    let empty_name = verifier().verify(compact(&good().claim("name", "")).as_bytes()).unwrap();
    assert_eq!(empty_name.name(), Some(""));
    let nameless = verifier().verify(compact(&good().without("name")).as_bytes()).unwrap();
    assert_eq!(nameless.name(), None);
}

#[test]
fn refuses_a_token_at_its_exp_second_t21() {
    let clock = clock();
    let verifier = Verifier::builder(KeyRing::new(key())).clock(clock.clone()).build().unwrap();
    let token = compact(&good());
    let exp = NOW + DAY;
    clock.set(at(exp) - Duration::from_nanos(1));
    assert_eq!(refusal(&verifier, &token), None);
    clock.set(at(exp));
    assert_eq!(refusal(&verifier, &token), Some(Expired));
    assert_refused(compact(&good().claim("exp", 0)), Expired, "exp 0 is long ago, not for ever");
}

#[test]
fn leeway_counts_for_exp_and_nbf_and_only_as_far_as_it_goes_t21_t22() {
    let clock = clock();
    let leeway = Duration::from_millis(1_500);
    let keys = KeyRing::new(key());
    let verifier = Verifier::builder(keys).clock(clock.clone()).leeway(leeway).build().unwrap();
    let token = compact(&good().claim("nbf", NOW + 60));
    clock.set(at(NOW + 60) - leeway - Duration::from_nanos(1));
    assert_eq!(refusal(&verifier, &token), Some(NotYetValid));
    clock.set(at(NOW + 60) - leeway);
    assert_eq!(refusal(&verifier, &token), None);
    clock.set(at(NOW + DAY) + leeway - Duration::from_nanos(1));
    assert_eq!(refusal(&verifier, &token), None);
    clock.set(at(NOW + DAY) + leeway);
    assert_eq!(refusal(&verifier, &token), Some(Expired));
}

#[test]
fn refuses_what_is_not_valid_yet_or_issued_in_the_future_t22() {
    assert_eq!(refusal(&verifier(), compact(&good().claim("nbf", NOW))), None);
    assert_refused(compact(&good().claim("nbf", NOW + 1)), NotYetValid, "nbf");
    assert_refused(compact(&good().claim("nbf", 1_u64 << 53)), NotYetValid, "nbf far away");
    assert_eq!(refusal(&verifier(), compact(&good().claim("iat", NOW + 5))), None);
    assert_refused(compact(&good().claim("iat", NOW + 6)), IssuedInFuture, "iat");
    let backwards = good().claim("iat", NOW + 5).claim("exp", NOW + 4);
    assert_refused(compact(&backwards), Malformed, "exp before iat");
    let keys = KeyRing::new(key());
    let wider = builder(keys).clock_skew(Duration::from_secs(60)).build().unwrap();
    assert_eq!(refusal(&wider, compact(&TestToken::new(CUSTOMER, NOW + 60))), None);
    assert_eq!(refusal(&wider, compact(&TestToken::new(CUSTOMER, NOW + 61))), Some(IssuedInFuture));
}

#[test]
fn refuses_a_token_made_to_live_longer_than_allowed_t20() {
    assert_refused(compact(&good().claim("exp", NOW + 86_401)), LifetimeTooLong, "a second more");
    assert_refused(compact(&good().claim("exp", 1_u64 << 53)), LifetimeTooLong, "for ever");
    let keys = KeyRing::new(key());
    let week = Duration::from_secs(7 * DAY);
    let longer = builder(keys).max_lifetime(week).build().unwrap();
    assert_eq!(refusal(&longer, compact(&good().claim("exp", NOW + 7 * DAY))), None);
}

#[test]
fn survives_any_clock_t23() {
    let clock = clock();
    let verifier = Verifier::builder(KeyRing::new(key())).clock(clock.clone()).build().unwrap();
    let token = compact(&good());
    let latest = at(1 << 53);
    for (time, verdict) in [
        (SystemTime::UNIX_EPOCH - Duration::from_secs(1), Some(IssuedInFuture)),
        (SystemTime::UNIX_EPOCH, Some(IssuedInFuture)),
        (at(NOW) - Duration::from_secs(6), Some(IssuedInFuture)),
        (at(NOW), None),
        (at(4_294_967_296), Some(Expired)),
        (latest, Some(Expired)),
    ] {
        clock.set(time);
        assert_eq!(refusal(&verifier, &token), verdict, "{time:?}");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused_t24_t33() {
    let keys = || KeyRing::new(key());
    let any = builder(keys()).build().unwrap();
    let store = builder(keys()).audience("store").audience("shop").build().unwrap();
    for (aud, without, with) in [
        (None, None, Some(WrongAudience)),
        (Some(json!("store")), Some(WrongAudience), None),
        (Some(json!("shop")), Some(WrongAudience), None),
        (Some(json!(["x", "store"])), Some(WrongAudience), None),
        (Some(json!("STORE")), Some(WrongAudience), Some(WrongAudience)),
        (Some(json!("store ")), Some(WrongAudience), Some(WrongAudience)),
        (Some(json!([])), Some(WrongAudience), Some(WrongAudience)),
        (Some(json!("")), Some(WrongAudience), Some(WrongAudience)),
        (Some(json!(["store", 1])), Some(Malformed), Some(Malformed)),
        (Some(json!({"a": "store"})), Some(Malformed), Some(Malformed)),
    ] {
        let token = aud.iter().fold(good(), |token, aud| token.claim("aud", aud.clone()));
        assert_eq!(refusal(&any, compact(&token)), without, "{aud:?}");
        assert_eq!(refusal(&store, compact(&token)), with, "{aud:?}");
    }

    let us = builder(keys()).issuer("https://us").build().unwrap();
    for (iss, verdict) in [
        (None, Some(WrongIssuer)),
        (Some(json!("https://us")), None),
        (Some(json!("https://us/")), Some(WrongIssuer)),
        (Some(json!("https://u")), Some(WrongIssuer)),
        (Some(json!(["https://us"])), Some(WrongIssuer)),
        (Some(Value::Null), Some(WrongIssuer)),
    ] {
        let token = iss.iter().fold(good(), |token, iss| token.claim("iss", iss.clone()));
        assert_eq!(refusal(&us, compact(&token)), verdict, "{iss:?}");
        assert_eq!(refusal(&any, compact(&token)), None, "ignored: {iss:?}");
    }
}

#[test]
fn a_rotation_logs_nobody_out_before_its_grace_is_over() {
    let clock = clock();
    let keys = KeyRing::new(key());
    let verifier = Verifier::builder(keys.clone()).clock(clock.clone()).build().unwrap();
    let [old, new] = [key(), next_key()].map(|key| good().sign(&key, TokenForm::Legacy));
    assert_eq!(refusal(&verifier, &new), Some(InvalidSignature));

    keys.rotate_at(next_key(), Duration::from_secs(3_600), at(NOW));
    assert_eq!(refusal(&verifier, &old), None);
    assert_eq!(refusal(&verifier, &new), None);
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(refusal(&verifier, &old), None);
    clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&verifier, &old), Some(InvalidSignature));
    assert_eq!(refusal(&verifier, &new), None);
}

#[test]
fn several_rotations_keep_each_key_for_its_own_grace() {
    let clock = clock();
    let keys = KeyRing::new(key());
    let verifier = Verifier::builder(keys.clone()).clock(clock.clone()).build().unwrap();
    let third = SigningKey::hs256("a third secret, of 32 bytes at least").unwrap();
    keys.rotate_at(next_key(), Duration::from_secs(100), at(NOW));
    keys.rotate_at(third.clone(), Duration::from_secs(10), at(NOW));
    let tokens = [key(), next_key(), third].map(|key| good().sign(&key, TokenForm::Compact));
    let verdicts = || tokens.clone().map(|token| refusal(&verifier, token));
    assert_eq!(verdicts(), [None, None, None]);
    clock.set(at(NOW + 10));
    assert_eq!(verdicts(), [None, Some(InvalidSignature), None]);
    clock.set(at(NOW + 100));
    assert_eq!(verdicts(), [Some(InvalidSignature), Some(InvalidSignature), None]);
}

#[test]
fn rotating_to_the_same_key_or_the_same_id_leaves_one_of_them() {
    let keys = KeyRing::new(key());
    let verifier = builder(keys.clone()).build().unwrap();
    keys.rotate_at(key(), Duration::ZERO, at(NOW));
    assert_eq!(refusal(&verifier, compact(&good())), None, "the same key goes on");

    let [old, new] = [key(), next_key()].map(|key| key.with_id("k1"));
    keys.rotate_at(old.clone(), Duration::ZERO, at(NOW));
    keys.rotate_at(new.clone(), Duration::from_secs(60), at(NOW));
    let named = |key: &SigningKey| good().header("kid", "k1").sign(key, TokenForm::Compact);
    assert_eq!(refusal(&verifier, named(&new)), None);
    assert_eq!(refusal(&verifier, named(&old)), Some(InvalidSignature), "an id names one key");
}

#[test]
fn a_retired_key_verifies_nothing_from_then_on() {
    let keys = KeyRing::new(key());
    let verifier = builder(keys.clone()).build().unwrap();
    keys.rotate_at(next_key(), Duration::from_secs(60), at(NOW));
    assert_eq!(keys.retire(&next_key().verifying_key()), Err(ConfigError::RetiresSigningKey));
    assert_eq!(keys.retire(&key().with_id("k1").verifying_key()), Ok(false));
    assert_eq!(keys.retire(&key().verifying_key()), Ok(true));
    assert_eq!(keys.retire(&key().verifying_key()), Ok(false));
    assert_eq!(refusal(&verifier, compact(&good())), Some(InvalidSignature));
}

#[test]
fn key_sets_without_keys_or_with_two_of_one_id_do_not_start_t31() {
    assert_eq!(KeyRing::verify_only([]).unwrap_err(), ConfigError::NoKeys);
    let keys = [key(), next_key()].map(|key| key.with_id("k1").verifying_key());
    let id = "k1".to_owned();
    assert_eq!(KeyRing::verify_only(keys).unwrap_err(), ConfigError::DuplicateKeyId { id });
}

#[tokio::test]
async fn revokes_one_token_or_all_of_a_customers_from_before_t26() {
    let revocations = Revocations::in_memory();
    let verifier = builder(KeyRing::new(key())).revocations(revocations.clone()).build().unwrap();
    let token = |jti: &str, iat: u64| compact(&TestToken::new(CUSTOMER, iat).claim("jti", jti));

    revocations.revoke(&"a".parse().unwrap(), at(NOW + DAY)).await.unwrap();
    assert_eq!(refusal(&verifier, token("a", NOW)), Some(Revoked));
    assert_eq!(refusal(&verifier, token("b", NOW)), None);

    let customer = CUSTOMER.parse().unwrap();
    revocations.revoke_customer(&customer, at(NOW - 1) + Duration::from_nanos(1)).await.unwrap();
    assert_eq!(refusal(&verifier, token("b", NOW - 1)), Some(Revoked));
    assert_eq!(refusal(&verifier, token("b", NOW)), None);
    let somebody_else = TestToken::new("somebody-else", NOW - 1);
    assert_eq!(refusal(&verifier, compact(&somebody_else)), None);
}

#[tokio::test]
async fn tokens_of_every_shape_are_looked_for_in_a_long_list() {
    let revocations = Revocations::in_memory();
    let verifier = builder(KeyRing::new(key())).revocations(revocations.clone()).build().unwrap();
    let uuid = |at: u32| TokenId::from_uuid_bytes(u128::from(at).to_be_bytes());
    for at in 0..100_001 {
        revocations.revoke(&uuid(at), at_end_of_day()).await.unwrap();
    }
    revocations.revoke(&"text".parse().unwrap(), at_end_of_day()).await.unwrap();
    let known = uuid(7).to_string();
    let unknown = uuid(200_000).to_string();
    for form in FORMS {
        let token = |jti: &str, order: [usize; 5], session: &str| {
            let members = [
                format!(r#""sub":"{CUSTOMER}""#),
                r#""name":"Ron Swanson""#.to_owned(),
                format!(r#""exp":{}"#, NOW + DAY),
                format!(r#""iat":{NOW}"#),
                format!(r#""jti":"{jti}""#),
            ];
            let claims = order.map(|at| members[at].as_str()).join(",");
            let claims = format!("{{{claims}{session}}}");
            sign_raw(&key(), form, r#"{"alg":"HS256","typ":"JWT"}"#, claims)
        };
        let refreshed = format!(r#","auth_time":{NOW},"sid":"{CUSTOMER}""#);
        for session in ["", &refreshed] {
            // As our issuer writes them; and with the customer's id where the token's id is looked for.
            for order in [[0, 1, 2, 3, 4], [4, 1, 2, 3, 0]] {
                let refusal = |jti: &str| refusal(&verifier, token(jti, order, session));
                assert_eq!(refusal(&known), Some(Revoked), "{order:?} {session}");
                assert_eq!(refusal("text"), Some(Revoked), "{order:?} {session}");
                assert_eq!(refusal(&unknown), None, "{order:?} {session}");
                assert_eq!(refusal("other"), None, "{order:?} {session}");
            }
        }
    }
}

#[tokio::test]
async fn revocation_is_told_after_everything_else() {
    let revocations = Revocations::in_memory();
    let verifier = builder(KeyRing::new(key())).revocations(revocations.clone()).build().unwrap();
    let id = TOKEN_ID.parse().unwrap();
    revocations.revoke(&id, at(NOW + DAY)).await.unwrap();
    let forged = good().sign(&next_key(), TokenForm::Compact);
    assert_eq!(refusal(&verifier, forged), Some(InvalidSignature));
    let expired = compact(&good().claim("exp", NOW));
    assert_eq!(refusal(&verifier, expired), Some(Expired));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_what_is_wrong() {
    let keys = || KeyRing::new(key());
    let refused = |builder: VerifierBuilder| builder.build().unwrap_err().to_string();
    let leeway = builder(keys()).leeway(Duration::from_secs(61));
    assert_eq!(refused(leeway), "leeway must be 0ns to 60s, not 61s");
    let skew = builder(keys()).clock_skew(Duration::from_secs(301));
    assert_eq!(refused(skew), "clock_skew must be 0ns to 300s, not 301s");
    let lifetime = builder(keys()).max_lifetime(Duration::from_millis(999));
    assert!(refused(lifetime).starts_with("max_lifetime must be 1s to "));
    assert_eq!(refused(builder(keys()).forms(&[])), "a verifier needs at least one token form");
    assert_eq!(refused(builder(keys()).audience("")), "audience must not be empty");
    assert_eq!(refused(builder(keys()).issuer("")), "issuer must not be empty");
}
