//! A provider that is down, slow, or talks nonsense: 503 within the deadline, and no after-effects.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tower_customer_auth::oidc::OidcProfile;
use tower_customer_auth::testing::Consent;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;
use tower_customer_auth::testing::ScriptedProvider;

use crate::fixtures::clock;
use crate::oidc::kit::Answer;
use crate::oidc::kit::CHALLENGE;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::ISSUER;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::es256;
use crate::oidc::kit::minutes;
use crate::oidc::kit::pass;
use crate::oidc::kit::provider;

/// All that a grant waits for its provider by default.
const DEADLINE: Duration = Duration::from_secs(5);

/// Consent of somebody whose e-mail only userinfo knows, so that each endpoint is needed.
fn consent_of(subject: &str) -> Consent {
    Consent::new(CLIENT, REDIRECT, CHALLENGE, subject).userinfo_claim("email", "ron@swanson.com")
}

const ENDPOINTS: [Endpoint; 4] =
    [Endpoint::Discovery, Endpoint::Jwks, Endpoint::Token, Endpoint::Userinfo];

fn faults() -> Vec<Fault> {
    let statuses = [500, 502, 503, 504, 429, 404, 403, 401, 204, 206, 304];
    let redirects = [301, 302, 303, 307, 308];
    let status = |status| StatusCode::from_u16(status).unwrap();
    let mut faults = vec![
        Fault::Refused,
        Fault::Hang,
        Fault::Slow(Duration::from_secs(30)),
        Fault::Garbage,
        Fault::Html,
        Fault::WrongShape,
        Fault::CutShort,
        Fault::Broken,
        Fault::Huge,
        Fault::Drip,
    ];
    faults.extend(statuses.map(|code| Fault::Status(status(code))));
    faults.extend(redirects.map(|code| Fault::Redirect(status(code))));
    faults
}

#[tokio::test(start_paused = true)]
async fn each_fault_at_each_place_is_503_within_five_seconds_and_gone_when_it_is_mended() {
    for endpoint in ENDPOINTS {
        for fault in faults() {
            let shop = Shop::of(&provider());
            shop.provider.fail(endpoint, fault.clone());
            let begun = Instant::now();
            let answer = shop.sign_in_by(consent_of("ron")).await;
            assert_eq!(answer, Answer::Unavailable, "{endpoint:?} {fault:?}");
            let took = begun.elapsed();
            assert!(
                took <= DEADLINE + Duration::from_millis(10),
                "{endpoint:?} {fault:?}: {took:?}"
            );
            assert_eq!(shop.provider.requests(Endpoint::Elsewhere), 0, "{fault:?} was followed");
            assert_eq!(shop.provider.requests(endpoint), 1, "{endpoint:?} {fault:?}");

            shop.provider.mend();
            pass(DEADLINE).await;
            let next = shop.sign_in_by(consent_of("ron")).await;
            assert!(matches!(next, Answer::SignedIn { .. }), "{endpoint:?} {fault:?}: {next:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_keeps_nobody_out_when_the_provider_is_back() {
    for endpoint in [Endpoint::Discovery, Endpoint::Jwks] {
        let shop = Shop::of(&provider());
        shop.provider.fail_times(endpoint, 1, Fault::Hang);
        assert_eq!(shop.sign_in().await, Answer::Unavailable);
        let next = shop.sign_in().await;
        assert!(matches!(next, Answer::SignedIn { .. }), "{endpoint:?}: {next:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_huge_answer_a_mebibyte_is_read() {
    for endpoint in ENDPOINTS {
        let shop = Shop::of(&provider());
        shop.provider.fail_times(endpoint, 1, Fault::Huge);
        assert_eq!(shop.sign_in_by(consent_of("ron")).await, Answer::Unavailable);
        let read = shop.provider.bytes_sent(endpoint);
        let most = (1 << 20) + (16 << 10);
        assert!(((1 << 20)..=most).contains(&read), "{endpoint:?}: {read}");
        assert_eq!(shop.provider.in_flight(endpoint), 0, "{endpoint:?}: the rest is given up");
    }
}

#[tokio::test(start_paused = true)]
async fn all_requests_of_a_login_share_one_deadline() {
    let shop = Shop::of(&provider());
    for endpoint in ENDPOINTS {
        shop.provider.fail(endpoint, Fault::Slow(Duration::from_millis(1300)));
    }
    let begun = Instant::now();
    assert_eq!(shop.sign_in_by(consent_of("ron")).await, Answer::Unavailable);
    assert!(begun.elapsed() <= DEADLINE + Duration::from_millis(10), "{:?}", begun.elapsed());
    let reached = ENDPOINTS.map(|endpoint| shop.provider.requests(endpoint));
    assert_eq!(reached, [1; 4], "the last one broke it");
    // By now the keys are known, and the rest fits.
    let next = shop.sign_in_by(consent_of("ron")).await;
    assert!(matches!(next, Answer::SignedIn { .. }), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_customer_who_is_known_needs_no_userinfo() {
    let shop = Shop::of(&provider());
    let first = shop.sign_in_by(consent_of("ron")).await;
    shop.provider.fail(Endpoint::Userinfo, Fault::Hang);
    assert_eq!(shop.sign_in_by(consent_of("ron")).await, first);
    assert_eq!(shop.provider.requests(Endpoint::Userinfo), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_keeps_no_shop_from_starting() {
    let provider = provider();
    provider.fail_everywhere(&Fault::Refused);
    let shop = Shop::of(&provider);
    shop.grant.prefetch();
    pass(minutes(60)).await;
    assert_eq!(shop.sign_in().await, Answer::Unavailable);
    provider.mend();
    let next = shop.sign_in().await;
    assert!(matches!(next, Answer::SignedIn { .. }), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_ahead_no_login_waits_for() {
    let shop = Shop::of(&provider());
    shop.grant.prefetch();
    shop.provider.reached(Endpoint::Jwks, 1).await;
    shop.provider.idle(Endpoint::Jwks).await;
    shop.provider.fail(Endpoint::Discovery, Fault::Hang);
    shop.provider.fail(Endpoint::Jwks, Fault::Hang);
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_and_metadata_may_come_under_any_type_and_tokens_as_json_alone() {
    for (endpoint, content_type, expected) in [
        (Endpoint::Discovery, "text/plain", true),
        (Endpoint::Jwks, "application/jwk-set+json", true),
        (Endpoint::Jwks, "application/octet-stream", true),
        (Endpoint::Token, "application/json; charset=utf-8", true),
        (Endpoint::Token, "text/html", false),
    ] {
        let shop = Shop::of(&provider());
        shop.provider.fail(endpoint, Fault::ContentType(content_type));
        let answer = shop.sign_in().await;
        let signed_in = matches!(answer, Answer::SignedIn { .. });
        assert_eq!(signed_in, expected, "{endpoint:?} {content_type}: {answer:?}");
        assert!(signed_in || answer == Answer::Unavailable, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_that_can_not_be_used_is_503_and_no_code_goes_anywhere_t32() {
    type Rewrite = fn(&mut Value);
    let documents: [(&str, Rewrite); 12] = [
        ("no token endpoint", |document| {
            document.as_object_mut().unwrap().remove("token_endpoint");
        }),
        ("no keys", |document| {
            document.as_object_mut().unwrap().remove("jwks_uri");
        }),
        ("no issuer", |document| {
            document.as_object_mut().unwrap().remove("issuer");
        }),
        ("token endpoint by http", |document| {
            document["token_endpoint"] = "http://id.example/realm/token".into();
        }),
        ("keys by http", |document| document["jwks_uri"] = "http://id.example/realm/jwks".into()),
        ("userinfo by http", |document| {
            document["userinfo_endpoint"] = "http://id.example/realm/userinfo".into();
        }),
        ("keys on this machine by http", |document| {
            document["jwks_uri"] = "http://127.0.0.1/realm/jwks".into();
        }),
        ("keys in a file", |document| document["jwks_uri"] = "file:///etc/passwd".into()),
        ("a relative URL", |document| document["token_endpoint"] = "/token".into()),
        ("a number", |document| document["token_endpoint"] = 7.into()),
        ("credentials in a URL", |document| {
            document["token_endpoint"] = "https://a:b@id.example/realm/token".into();
        }),
        ("an array", |document| *document = json!([document.take()])),
    ];
    for (what, rewrite) in documents {
        let shop = Shop::of(&provider());
        shop.provider.rewrite(Endpoint::Discovery, rewrite);
        assert_eq!(shop.sign_in().await, Answer::Unavailable, "{what}");
        assert_eq!(shop.provider.requests(Endpoint::Token), 0, "{what}");
    }
    let spare: [(&str, Rewrite); 3] = [
        ("no authorization endpoint", |document| {
            document.as_object_mut().unwrap().remove("authorization_endpoint");
        }),
        ("no userinfo", |document| {
            document.as_object_mut().unwrap().remove("userinfo_endpoint");
        }),
        ("members that nobody knows", |document| document["new"] = json!({ "a": [1] })),
    ];
    for (what, rewrite) in spare {
        let shop = Shop::of(&provider());
        shop.provider.rewrite(Endpoint::Discovery, rewrite);
        let answer = shop.sign_in_by(consent_of("ron")).await;
        assert!(matches!(answer, Answer::SignedIn { .. }), "{what}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_may_end_in_a_slash_and_the_slash_counts() {
    let issuer = format!("{ISSUER}/");
    let clock = clock();
    let provider = ScriptedProvider::new(&issuer, es256("k1")).clock(clock).public_client(CLIENT);
    let profile = OidcProfile::new(&issuer, CLIENT).redirect_uri(REDIRECT);
    let shop = Shop::with_profile(&provider, profile);
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    drop(shop);
    let without = Shop::of(&provider);
    assert_eq!(without.sign_in().await, Answer::Unavailable);
}
