//! One token, verified by each.

use std::hint::black_box;
use std::num::NonZeroUsize;

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::TokenData;
use jsonwebtoken::Validation;
use jwt_compact::AlgorithmExt;
use jwt_compact::Claim;
use jwt_compact::TimeOptions;
use jwt_compact::Token;
use jwt_compact::UntrustedToken;
use jwt_compact::ValidationError;
use jwt_compact::alg::Hs256;
use jwt_compact::alg::Hs256Key;
use jwt_simple::algorithms::HS256Key;
use jwt_simple::algorithms::MACLike;
use jwt_simple::claims::JWTClaims;
use jwt_simple::common::VerificationOptions;
use serde::Deserialize;
use tower_customer_auth::KeyRing;
use tower_customer_auth::TokenForm;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyError;

use crate::Claims;
use crate::course::Course;
use crate::forge;
use crate::providers::Provider;
use crate::providers::choose;
use crate::support::tokens;
use crate::support::tokens::BareMac;

/// What has to be known to read the figures.
pub const NOTES: &[(&str, &str)] = &[
    ("HMAC alone", "a keyed hmac+sha2 check of the signature; nothing is decoded, read or judged"),
    ("ours", "also asks the list of revoked tokens, and judges iat and the lifetime; no leeway"),
    ("ours, cache hit", "the same token each time, in the processor's own cache: the best case"),
    ("ours, legacy", "no peer reads that form; its floor is the HMAC of its own, longer text"),
    ("jsonwebtoken", "11.1, leeway 0; keys the HMAC anew for each token; no revocation, no iat"),
    ("jwt-simple", "0.15, pure-rust, tolerance 0; judges exp, nbf and iat; no revocation"),
    ("jwt-compact", "0.8, then validate_expiration as its manual says; no revocation, no iat"),
];

/// Adds the floor, ours and the peers'.
pub fn enter<'a>(course: &mut impl Course<'a>) {
    let now = tokens::now();
    let compact = Samples::of(TokenForm::Compact, now);
    let legacy = Samples::of(TokenForm::Legacy, now);

    let mac = BareMac::of(&compact.good);
    course.floor("HMAC alone", move || mac.check(), |fits| assert!(fits));
    row(course, "ours, compact", &compact, ours(cold()), is_right);
    row(course, "ours, cache hit", &compact, ours(caching()), is_right);
    for (name, provider) in [
        ("jsonwebtoken, aws-lc-rs", Provider::AwsLcRs),
        ("jsonwebtoken, rust_crypto", Provider::RustCrypto),
    ] {
        row(course, name, &compact, jsonwebtoken(provider), |data| data.claims.is_right());
    }
    row(course, "jwt-simple", &compact, jwt_simple(), |claims: &JWTClaims<Named>| {
        claims.subject.as_deref() == Some(tokens::CUSTOMER) && claims.custom.is_right()
    });
    row(course, "jwt-compact", &compact, jwt_compact(), |token: &Token<Identified>| {
        let claims = token.claims();
        claims.custom.sub == tokens::CUSTOMER && claims.custom.jti == tokens::TOKEN
    });

    let mac = BareMac::of(&legacy.good);
    course.floor("HMAC alone, legacy", move || mac.check(), |fits| assert!(fits));
    row(course, "ours, legacy", &legacy, ours(cold()), is_right);
}

pub(crate) fn cold() -> Verifier {
    Verifier::new(KeyRing::new(tokens::key()))
}

pub(crate) fn caching() -> Verifier {
    let keys = KeyRing::new(tokens::key());
    Verifier::builder(keys).cache(NonZeroUsize::new(1_000).unwrap()).build().unwrap()
}

fn ours(verifier: Verifier) -> impl Fn(&str) -> Result<VerifiedToken, VerifyError> {
    move |token| verifier.verify(token.as_bytes())
}

fn is_right(token: &VerifiedToken) -> bool {
    *token.customer_id() == tokens::CUSTOMER && *token.token_id() == tokens::TOKEN
}

/// A token to accept, and those that a verifier must refuse to be in the race.
struct Samples {
    good: String,
    bad: [String; 2],
}

impl Samples {
    fn of(form: TokenForm, now: u64) -> Self {
        let good = tokens::token(form, now);
        let bad = [forge(&good), tokens::token(form, now - 86_401)];
        Self { good, bad }
    }
}

/// Adds a verifier, with its answers as it gives them: to make others of them would cost time too.
fn row<'a, R, E>(
    course: &mut impl Course<'a>,
    name: &str,
    samples: &Samples,
    verify: impl Fn(&str) -> Result<R, E> + 'a,
    is_right: impl Fn(&R) -> bool,
) {
    for bad in &samples.bad {
        assert!(verify(bad).is_err(), "{name} accepts what is forged or has expired");
    }
    let good = samples.good.clone();
    course.row(
        name,
        move || verify(black_box(&good)),
        |verified| assert!(verified.is_ok_and(|verified| is_right(&verified)), "{name}"),
    );
}

fn jsonwebtoken(
    provider: Provider,
) -> impl Fn(&str) -> jsonwebtoken::errors::Result<TokenData<Claims>> {
    let key = DecodingKey::from_secret(tokens::SECRET.as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    move |token| {
        choose(provider);
        jsonwebtoken::decode(token, &key, &validation)
    }
}

/// The claims that jwt-simple doesn't know itself.
#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Named {
    fn is_right(&self) -> bool {
        self.name == "Ron Swanson"
    }
}

fn jwt_simple() -> impl Fn(&str) -> Result<JWTClaims<Named>, jwt_simple::Error> {
    let key = HS256Key::from_bytes(tokens::SECRET.as_bytes());
    let options = VerificationOptions {
        time_tolerance: Some(jwt_simple::prelude::Duration::from_secs(0)),
        ..VerificationOptions::default()
    };
    // It takes the options by value.
    move |token| key.verify_token(token, Some(options.clone()))
}

/// The claims that jwt-compact doesn't know itself.
#[derive(Deserialize)]
#[allow(dead_code, reason = "a peer has to read them all the same")]
struct Identified {
    sub: String,
    name: String,
    jti: String,
}

fn jwt_compact() -> impl Fn(&str) -> Result<Token<Identified>, ValidationError> {
    let key = Hs256Key::new(tokens::SECRET);
    let time = TimeOptions::from_leeway(Default::default());
    move |token| {
        let token =
            UntrustedToken::new(token).map_err(|_| ValidationError::NoClaim(Claim::Expiration))?;
        let token = Hs256.validator::<Identified>(&key).validate(&token)?;
        token.claims().validate_expiration(&time)?;
        Ok(token)
    }
}
