//! What `Verifier::verify` costs without a cache, as a ratio to the HMAC alone.
//!
//! `cargo bench --bench verify`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::hint::black_box;

use tower_customer_auth::KeyRing;
use tower_customer_auth::TokenForm;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyError;
use tower_customer_auth::VerifyErrorKind;

use self::support::race::Race;
use self::support::tokens;
use self::support::tokens::BareMac;

fn main() {
    let now = tokens::now();
    let usual = || Verifier::builder(KeyRing::new(tokens::key()));
    let [verifier, used_list, revoking] = [
        usual(),
        usual().revocations(tokens::revoked(tokens::CUSTOMER)),
        usual().revocations(tokens::revoked(tokens::TOKEN)),
    ]
    .map(|builder| builder.build().unwrap());
    let with_id = Verifier::new(KeyRing::new(tokens::key().with_id(tokens::KEY_ID)));

    let compact = tokens::token(TokenForm::Compact, now);
    let legacy = tokens::token(TokenForm::Legacy, now);
    let named = tokens::with_kid(now);
    let foreign = tokens::in_another_order(now);
    let no_token = "x".repeat(compact.len());
    // 41 letters, which no bytes encode to.
    let cut_off = compact[..compact.len() - 2].to_owned();
    let forged = tokens::forged(now);
    let old = tokens::token(TokenForm::Compact, now - 86_400);

    let mut race = Race::default();
    for (name, verifier, token) in [
        ("compact", &verifier, &compact),
        ("legacy", &verifier, &legacy),
        ("compact with kid", &with_id, &named),
        ("compact, another token revoked", &used_list, &compact),
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
