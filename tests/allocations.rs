//! How often the heap is asked for memory, which does not change with the machine.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[path = "it/fixtures.rs"]
mod fixtures;

use std::convert::Infallible;
use std::future::Ready;
use std::future::ready;
use std::num::NonZeroUsize;

use allocation_counter::measure;
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::header::CACHE_CONTROL;
use tower::Layer;
use tower::Service;
use tower::service_fn;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Rejection;
use tower_customer_auth::Revocations;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::testing::sign_raw;

use self::fixtures::CUSTOMER;
use self::fixtures::DAY;
use self::fixtures::NOW;
use self::fixtures::TOKEN_HEADER;
use self::fixtures::TOKEN_ID;
use self::fixtures::at;
use self::fixtures::clock;
use self::fixtures::compact;
use self::fixtures::good;
use self::fixtures::key;
use self::fixtures::verifier;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const SESSION_ID: &str = "5266d6da-a5e2-4f79-9e8c-6d050ffe7fee";

/// Claims in the order of our issuer, who starts the token at `iat`.
fn claims(sub: &str, name: &str, iat: u64, jti: &str) -> String {
    let exp = iat + DAY;
    format!(r#"{{"sub":"{sub}","name":"{name}","exp":{exp},"iat":{iat},"jti":"{jti}"}}"#)
}

fn usual(form: TokenForm) -> String {
    sign_raw(&key(), form, HEADER, claims(CUSTOMER, "Ron Swanson", NOW, TOKEN_ID))
}

/// A refreshed token as our issuer writes it.
fn refreshed(form: TokenForm) -> String {
    let claims = claims(CUSTOMER, "Ron Swanson", NOW, TOKEN_ID);
    let claims = claims.trim_end_matches('}');
    let auth_time = NOW - DAY;
    let claims = format!(r#"{claims},"auth_time":{auth_time},"sid":"{SESSION_ID}"}}"#);
    sign_raw(&key(), form, HEADER, claims)
}

/// Allocations of one verification, after what is set up once a thread.
fn count(verifier: &Verifier, token: &str, expected: Result<(), VerifyErrorKind>) -> u64 {
    let mut verdict = None;
    let mut count = 0;
    for _ in 0..2 {
        verdict = None;
        let verify = || verdict = Some(verifier.verify(token.as_bytes()));
        count = measure(verify).count_total;
    }
    assert_eq!(verdict.unwrap().map(drop).map_err(|error| error.kind()), expected, "{token}");
    count
}

#[test]
fn an_accepted_token_of_ours_takes_no_allocation_and_one_for_a_long_name() {
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        assert_eq!(count(&verifier(), &usual(form), Ok(())), 0, "{form:?}");
        let thirty_two = "A name that is as long as this !";
        let long = sign_raw(&key(), form, HEADER, claims(CUSTOMER, thirty_two, NOW, TOKEN_ID));
        assert_eq!(count(&verifier(), &long, Ok(())), 1, "{form:?}, long name");
        let short =
            sign_raw(&key(), form, HEADER, claims(CUSTOMER, &thirty_two[1..], NOW, TOKEN_ID));
        assert_eq!(count(&verifier(), &short, Ok(())), 0, "{form:?}, name of 31 bytes");
    }
}

#[test]
fn a_refreshed_token_of_ours_takes_no_allocation_nor_does_a_clone_of_it() {
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        assert_eq!(count(&verifier(), &refreshed(form), Ok(())), 0, "{form:?}");
        let verified = verifier().verify(refreshed(form).as_bytes()).unwrap();
        let clone = measure(|| assert_eq!(verified.clone().session_id(), &SESSION_ID));
        assert_eq!(clone.count_total, 0, "{form:?}, clone");
    }
    // Ids that are not UUIDs are shared by all clones.
    let texts = good().claim("jti", "t").claim("sub", "c").session("s", NOW - DAY);
    let verified = verifier().verify(compact(&texts).as_bytes()).unwrap();
    let clone = measure(|| assert_eq!(verified.clone().session_id(), &"s"));
    assert_eq!(clone.count_total, 0, "clone of texts");
}

#[test]
fn a_key_id_takes_no_allocation() {
    let key = key().with_id("2026-11");
    let clock = clock();
    let verifier = Verifier::builder(KeyRing::new(key.clone())).clock(clock).build().unwrap();
    let header = r#"{"alg":"HS256","typ":"JWT","kid":"2026-11"}"#;
    let claims = claims(CUSTOMER, "Ron Swanson", NOW, TOKEN_ID);
    let token = sign_raw(&key, TokenForm::Compact, header, &claims);
    assert_eq!(count(&verifier, &token, Ok(())), 0);
    let unknown = sign_raw(&key, TokenForm::Compact, &header.replace("11", "12"), &claims);
    assert_eq!(count(&verifier, &unknown, Err(VerifyErrorKind::UnknownKey)), 0);
}

#[test]
fn a_refused_token_takes_no_allocation() {
    let revocations = Revocations::in_memory();
    let tomorrow = at(NOW + DAY);
    let token_id = TOKEN_ID.parse().unwrap();
    let revoked = revocations.revoke(&token_id, tomorrow).now_or_never();
    revoked.expect("a list in memory never waits").unwrap();
    let clock = clock();
    let revoking = Verifier::builder(KeyRing::new(key())).clock(clock).revocations(revocations);
    let revoking = revoking.build().unwrap();

    let other_key = SigningKey::hs256("fedcba9876543210fedcba9876543210").unwrap();
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        let token = usual(form);
        let at = |iat| sign_raw(&key(), form, HEADER, claims(CUSTOMER, "Ron", iat, TOKEN_ID));
        let forged = sign_raw(&other_key, form, HEADER, claims(CUSTOMER, "Ron", NOW, TOKEN_ID));
        let long = claims(CUSTOMER, &"n".repeat(5000), NOW, TOKEN_ID);
        let long_and_forged = sign_raw(&other_key, form, HEADER, long);
        for (verifier, token, kind) in [
            (&verifier(), "", VerifyErrorKind::Malformed),
            (&verifier(), "a.b.c", VerifyErrorKind::Malformed),
            (&verifier(), &*".".repeat(8192), VerifyErrorKind::Malformed),
            (&verifier(), &*"x".repeat(9000), VerifyErrorKind::Malformed),
            (&verifier(), &token[..token.len() - 2], VerifyErrorKind::Malformed),
            (&verifier(), &*forged, VerifyErrorKind::InvalidSignature),
            (&verifier(), &*long_and_forged, VerifyErrorKind::InvalidSignature),
            (&verifier(), &*at(NOW - DAY), VerifyErrorKind::Expired),
            (&verifier(), &*at(NOW + 6), VerifyErrorKind::IssuedInFuture),
            (&revoking, &*token, VerifyErrorKind::Revoked),
        ] {
            assert_eq!(count(verifier, token, Err(kind)), 0, "{form:?}, {kind:?}: {token}");
        }
    }
}

#[test]
fn a_hit_in_the_cache_takes_no_allocation() {
    let tokens = NonZeroUsize::new(100).unwrap();
    let clock = clock();
    let verifier = Verifier::builder(KeyRing::new(key())).clock(clock).cache(tokens);
    let verifier = verifier.build().unwrap();
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        assert_eq!(count(&verifier, &usual(form), Ok(())), 0, "{form:?}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a service owns its request")]
fn handler(request: Request<()>) -> Ready<Result<Response<Bytes>, Infallible>> {
    let mut response = Response::new(Bytes::new());
    // Behind the counted part: an accepted request is told from another by what it carries.
    if request.extensions().get::<CustomerId>().is_none() {
        *response.status_mut() = http::StatusCode::NO_CONTENT;
    }
    ready(Ok(response))
}

fn request(token: &str) -> Request<()> {
    let usual = Request::get("/").header("host", "a").header("connection", "keep-alive, TE");
    usual.header(TOKEN_HEADER, token).body(()).unwrap()
}

/// What `metrics` takes for the labels of a counter.
const COUNTED: u64 = if cfg!(feature = "metrics") { 1 } else { 0 };

/// Allocations of one call.
fn count_call<S, B>(service: &mut S, token: &str, expected: u16) -> u64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut count = 0;
    for _ in 0..2 {
        let (request, mut response) = (request(token), None);
        count = measure(|| response = service.call(request).now_or_never()).count_total;
        assert_eq!(response.unwrap().unwrap().status(), expected);
    }
    count
}

#[test]
fn an_accepted_request_takes_what_its_extensions_take_and_no_more() {
    let mut service = CustomerAuthLayer::required(verifier()).layer(service_fn(handler));
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        let token = usual(form);
        let verified = verifier().verify(token.as_bytes()).unwrap();
        let mut bare = request(&token);
        let extensions = measure(|| {
            bare.extensions_mut().insert::<CustomerId>(verified.customer_id().clone());
            bare.extensions_mut().insert::<VerifiedToken>(verified);
        });
        assert_eq!(extensions.count_total, 4, "the map's box, its table, and a box a value");
        assert_eq!(count_call(&mut service, &token, 200), 4 + COUNTED, "{form:?}");
    }
}

#[test]
fn a_stripped_token_takes_no_allocation_and_a_forwarded_id_its_value_alone() {
    let stripping = CustomerAuthLayer::required(verifier()).strip_token();
    let forwarding = stripping.clone().forward_as(HeaderName::from_static("x-customer-id"));
    let token = usual(TokenForm::Compact);
    let mut service = stripping.layer(service_fn(handler));
    assert_eq!(count_call(&mut service, &token, 200), 4 + COUNTED);
    let mut service = forwarding.layer(service_fn(handler));
    assert_eq!(count_call(&mut service, &token, 200), 5 + COUNTED);
}

#[test]
fn a_refused_request_takes_what_its_answer_takes_and_no_more() {
    let plain = |_: &Rejection| {
        let mut response = Response::new(Bytes::new());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    };
    let layer = CustomerAuthLayer::required(verifier()).rejection_response(plain);
    let mut service = layer.layer(service_fn(handler));
    let refused = service.call(request("a.b.c")).now_or_never().unwrap().unwrap();
    let rejection = refused.extensions().get::<Rejection>().unwrap().clone();
    let answer = measure(|| {
        plain(&rejection).extensions_mut().insert(rejection.clone());
    });
    assert_eq!(answer.count_total, 3 + 2, "3 for the extension, 2 for the header");
    for token in ["a.b.c", &usual(TokenForm::Legacy)[1..]] {
        assert_eq!(count_call(&mut service, token, 200), 5 + COUNTED, "{token}");
    }
}
