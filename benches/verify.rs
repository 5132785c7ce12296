//! What `Verifier::verify` costs without a cache, as a ratio to the HMAC alone.
//!
//! `cargo bench --bench verify`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::hint::black_box;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenForm;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyError;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::testing::sign_raw;

use self::support::race::Race;
use self::support::tokens;
use self::support::tokens::BareMac;

fn main() {
    let now = tokens::now();
    let verifier = Verifier::new(KeyRing::new(tokens::key()));
    let with_id = Verifier::new(KeyRing::new(tokens::key().with_id("2026-11")));
    let revoking = Verifier::builder(KeyRing::new(tokens::key()));
    let revoking = revoking.revocations(one_revoked()).build().unwrap();

    let compact = tokens::token(TokenForm::Compact, now);
    let legacy = tokens::token(TokenForm::Legacy, now);
    let named = sign(r#"{"alg":"HS256","typ":"JWT","kid":"2026-11"}"#, &tokens::claims(now));
    let foreign = sign(tokens::HEADER, &tokens::claims_in_another_order(now));

    let no_token = "x".repeat(compact.len());
    let cut_off = compact[..compact.len() - 1].to_owned();
    let (signing_input, _) = compact.rsplit_once('.').unwrap();
    let forged = format!("{signing_input}.{}", "A".repeat(43));
    let old = tokens::token(TokenForm::Compact, now - 86_400);

    let mut race = Race::default();
    for (name, verifier, token) in [
        ("compact", &verifier, &compact),
        ("legacy", &verifier, &legacy),
        ("compact with kid", &with_id, &named),
        ("compact, claims in another order", &verifier, &foreign),
    ] {
        let mac = BareMac::of(token);
        race.floor(format!("{name}: HMAC alone"), move || mac.check(), |fits| assert!(fits));
        race.row(name, || verifier.verify(black_box(token.as_bytes())), is_accepted);
    }

    let mac = BareMac::of(&compact);
    race.floor("refused: HMAC alone", move || mac.check(), |fits| assert!(fits));
    for (name, verifier, token, kind) in [
        ("refused: no dots", &verifier, &no_token, VerifyErrorKind::Malformed),
        ("refused: signature cut off", &verifier, &cut_off, VerifyErrorKind::Malformed),
        ("refused: bad signature", &verifier, &forged, VerifyErrorKind::InvalidSignature),
        ("refused: unknown key", &verifier, &named, VerifyErrorKind::UnknownKey),
        ("refused: expired", &verifier, &old, VerifyErrorKind::Expired),
        ("refused: revoked", &revoking, &compact, VerifyErrorKind::Revoked),
    ] {
        race.row(
            name,
            || verifier.verify(black_box(token.as_bytes())),
            |verdict| assert_eq!(verdict.map_err(|error| error.kind()), Err(kind)),
        );
    }
    race.run();
}

fn is_accepted(verdict: Result<VerifiedToken, VerifyError>) {
    let verified = verdict.unwrap();
    assert_eq!(*verified.customer_id(), tokens::CUSTOMER);
    assert_eq!(*verified.token_id(), tokens::TOKEN);
    assert_eq!(verified.name(), Some("Ron Swanson"));
}

fn sign(header: &str, claims: &str) -> String {
    sign_raw(&tokens::key(), TokenForm::Compact, header, claims)
}

fn one_revoked() -> Revocations {
    let revocations = Revocations::in_memory();
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    let revoked = revocations.revoke(&tokens::TOKEN.parse().unwrap(), tomorrow).now_or_never();
    revoked.expect("a list in memory never waits").unwrap();
    revocations
}
