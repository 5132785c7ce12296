//! The path that the argument names, for `scripts/instructions` to count.
//!
//! Everything here is the same on each run: the tokens, the clock (but for one path), the number of repetitions.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::hint::black_box;
use std::sync::Arc;

use tower_customer_auth::KeyRing;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::testing::ManualClock;

use self::support::tokens;
use self::support::tokens::BareMac;

/// What `scripts/instructions` divides by.
const REPETITIONS: usize = 100;

const NOW: u64 = 1_510_597_800;

fn main() {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let verifier = |key| Verifier::builder(KeyRing::new(key)).clock(clock.clone());
    let usual = || verifier(tokens::key());
    let compact = |iat| tokens::token(TokenForm::Compact, iat);

    let path = std::env::args().nth(1).unwrap_or_default();
    let (verifier, token, refusal) = match path.as_str() {
        "legacy" => (usual(), tokens::token(TokenForm::Legacy, NOW), None),
        "kid" => (verifier(tokens::key().with_id(tokens::KEY_ID)), tokens::with_kid(NOW), None),
        "another_order" => (usual(), tokens::in_another_order(NOW), None),
        "revocations" => {
            (usual().revocations(tokens::revoked(tokens::CUSTOMER)), compact(NOW), None)
        }
        // The default clock, which has to work under valgrind too.
        "default_clock" => {
            (Verifier::builder(KeyRing::new(tokens::key())), compact(tokens::now()), None)
        }
        "expired" => (usual(), compact(NOW - 86_400), Some(VerifyErrorKind::Expired)),
        "forged" => (usual(), tokens::forged(NOW), Some(VerifyErrorKind::InvalidSignature)),
        "refreshed" => (usual(), tokens::refreshed(NOW), None),
        // Also what runs without an argument.
        _ => (usual(), compact(NOW), None),
    };
    let verifier = verifier.build().unwrap();
    let mac = BareMac::of(&token);

    // What is set up once a process or once a thread is no part of a path.
    let verdict = verifier.verify(token.as_bytes());
    assert_eq!(verdict.err().map(|error| error.kind()), refusal, "{path}");
    black_box(mac.check());
    for _ in 0..REPETITIONS {
        bare_mac(&mac);
        verify(&verifier, &token);
    }
}

#[inline(never)]
fn bare_mac(mac: &BareMac) {
    black_box(black_box(mac).check());
}

#[inline(never)]
fn verify(verifier: &Verifier, token: &str) {
    drop(black_box(verifier.verify(black_box(token).as_bytes())));
}
