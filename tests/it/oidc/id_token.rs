//! ID tokens that are wrong in one single way each, and some that are odd and right.

use std::time::Duration;
use std::time::SystemTime;

use http::StatusCode;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use serde_json::json;
use tower_customer_auth::KeyRing;
use tower_customer_auth::testing::Consent;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;
use tower_customer_auth::testing::IdToken;

use crate::fixtures::NOW;
use crate::oidc::kit::Answer;
use crate::oidc::kit::CHALLENGE;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::ISSUER;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::consent_of;
use crate::oidc::kit::key;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::provider_with;

type Change = fn(IdToken) -> IdToken;

/// Asserts that each change is refused, for its own reason, and that nothing else was wrong.
async fn assert_each_refused(shop: &Shop, table: &[(&str, Change, &str)]) {
    for (what, change, reason) in table {
        assert_eq!(shop.sign_in_with(*change).await, Answer::Refused, "{what}");
        shop.assert_reason(reason, what);
    }
    shop.provider.mend();
    let unchanged = shop.sign_in().await;
    assert!(matches!(unchanged, Answer::SignedIn { .. }), "{unchanged:?}");
}

async fn assert_each_accepted(shop: &Shop, table: &[(&str, Change)]) {
    for (what, change) in table {
        let answer = shop.sign_in_with(*change).await;
        assert!(matches!(answer, Answer::SignedIn { .. }), "{what}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_issuer_is_compared_exactly_t33() {
    let reason = "the ID token's `iss` is another issuer";
    let no_text = "the ID token's `iss` is not a string";
    assert_each_refused(
        &Shop::of(&provider()),
        &[
            ("missing", |token| token.without("iss"), reason),
            ("empty", |token| token.claim("iss", ""), reason),
            ("with a slash", |token| token.claim("iss", format!("{ISSUER}/")), reason),
            ("a beginning of it", |token| token.claim("iss", &ISSUER[..18]), reason),
            ("in capitals", |token| token.claim("iss", ISSUER.to_uppercase()), reason),
            ("a number", |token| token.claim("iss", 7), no_text),
            ("in an array", |token| token.claim("iss", json!([ISSUER])), no_text),
            ("null", |token| token.claim("iss", Value::Null), no_text),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_subject_is_1_to_255_ascii_characters() {
    let reason = "the ID token's `sub` is not 1 to 255 ASCII characters";
    let no_text = "the ID token's `sub` is not a string";
    let shop = Shop::of(&provider());
    assert_each_refused(
        &shop,
        &[
            ("empty", |token| token.claim("sub", ""), reason),
            ("256 characters", |token| token.claim("sub", "s".repeat(256)), reason),
            ("not ASCII", |token| token.claim("sub", "rön"), reason),
            ("a number", |token| token.claim("sub", 248), no_text),
            ("null", |token| token.claim("sub", Value::Null), no_text),
            ("an array", |token| token.claim("sub", json!(["ron"])), no_text),
            ("an object", |token| token.claim("sub", json!({ "id": "ron" })), no_text),
        ],
    )
    .await;
    let longest: Change = |token| token.claim("sub", "s".repeat(255));
    assert_each_accepted(&shop, &[("255 characters", longest)]).await;
}

#[tokio::test(start_paused = true)]
async fn subjects_that_differ_in_case_are_two_customers() {
    let shop = Shop::of(&provider());
    let [lower, upper] = ["ron", "Ron"].map(consent_of);
    let [lower, upper] = [shop.sign_in_by(lower).await, shop.sign_in_by(upper).await];
    assert_ne!(lower.customer(), upper.customer());
}

#[tokio::test(start_paused = true)]
async fn the_audience_is_this_client_and_nobody_who_is_not_trusted() {
    let not_this = "the ID token's `aud` is not this client";
    let foreign = "the ID token's `aud` names an audience that is not trusted";
    let no_texts = "the ID token's `aud` is no string and no array of strings";
    let azp = "the ID token's `azp` is another client";
    let trusting = profile().trusted_audience("https://api.example");
    let shop = Shop::with_profile(&provider(), trusting);
    assert_each_refused(
        &shop,
        &[
            ("empty", |token| token.claim("aud", ""), not_this),
            ("an empty array", |token| token.claim("aud", json!([])), not_this),
            ("another alone", |token| token.claim("aud", json!(["other"])), not_this),
            ("a trusted one alone", |token| token.claim("aud", "https://api.example"), not_this),
            ("in capitals", |token| token.claim("aud", CLIENT.to_uppercase()), not_this),
            (
                "a foreign one beside this client",
                |token| token.claim("aud", json!([CLIENT, "other"])).claim("azp", CLIENT),
                foreign,
            ),
            ("a number", |token| token.claim("aud", 7), no_texts),
            ("a number in it", |token| token.claim("aud", json!([CLIENT, 7])), no_texts),
            ("null", |token| token.claim("aud", Value::Null), no_texts),
            ("azp of another", |token| token.claim("azp", "other"), azp),
            ("azp empty", |token| token.claim("azp", ""), azp),
            ("azp a number", |token| token.claim("azp", 7), "the ID token's `azp` is not a string"),
            (
                "two audiences, azp of the other",
                |token| {
                    let audiences = json!([CLIENT, "https://api.example"]);
                    token.claim("aud", audiences).claim("azp", "https://api.example")
                },
                azp,
            ),
            (
                "two audiences without azp",
                |token| token.claim("aud", json!([CLIENT, "https://api.example"])),
                "the ID token has several audiences and no `azp`",
            ),
        ],
    )
    .await;
    assert_each_accepted(
        &shop,
        &[
            ("an array of one", |token| token.claim("aud", json!([CLIENT]))),
            ("azp of this client", |token| token.claim("azp", CLIENT)),
            ("a trusted one beside this client", |token| {
                token.claim("aud", json!(["https://api.example", CLIENT])).claim("azp", CLIENT)
            }),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn times_are_whole_seconds_within_the_stated_skew() {
    let expired = "the ID token has expired";
    let future = "the ID token was issued in the future";
    let old = "the ID token was issued too long ago";
    let early = "the ID token is not valid yet";
    let no_time = "a time in the ID token is not a whole number of seconds";
    let shop = Shop::of(&provider());
    assert_each_refused(
        &shop,
        &[
            ("no exp", |token| token.without("exp"), "the ID token's `exp` is missing"),
            ("exp now", |token| token.claim("exp", NOW), expired),
            ("exp past", |token| token.claim("exp", NOW - 1), expired),
            ("exp 0", |token| token.claim("exp", 0), expired),
            ("exp as text", |token| token.claim("exp", "1510598100"), no_time),
            ("exp with a fraction", |token| token.claim("exp", 1_510_598_100.5), no_time),
            ("exp negative", |token| token.claim("exp", -1), no_time),
            ("exp null", |token| token.claim("exp", Value::Null), no_time),
            ("iat 61 s ahead", |token| token.claim("iat", NOW + 61), future),
            ("iat beyond all time", |token| token.claim("iat", u64::MAX), future),
            ("iat 11 min 1 s ago", |token| token.claim("iat", NOW - 661), old),
            ("iat 0", |token| token.claim("iat", 0), old),
            ("iat as text", |token| token.claim("iat", NOW.to_string()), no_time),
            ("nbf 61 s ahead", |token| token.claim("nbf", NOW + 61), early),
            ("nbf as text", |token| token.claim("nbf", "now"), no_time),
        ],
    )
    .await;
    assert_each_accepted(
        &shop,
        &[
            ("exp in a second", |token| token.claim("exp", NOW + 1)),
            ("exp far away", |token| token.claim("exp", u64::MAX)),
            ("iat 60 s ahead", |token| token.claim("iat", NOW + 60)),
            ("iat 11 min ago", |token| token.claim("iat", NOW - 660)),
            ("nbf 60 s ahead", |token| token.claim("nbf", NOW + 60)),
        ],
    )
    .await;
    let exact = profile().clock_skew(Duration::ZERO);
    let shop = Shop::with_profile(&provider(), exact);
    assert_each_refused(
        &shop,
        &[
            ("iat a second ahead", |token| token.claim("iat", NOW + 1), future),
            ("nbf a second ahead", |token| token.claim("nbf", NOW + 1), early),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_signed_token_in_its_one_spelling_is_refused() {
    let shop = Shop::of(&provider());
    let claims: [(&str, Change); 6] = [
        ("an array", |token| {
            let claims = format!("[{}]", token.claims());
            token.payload(claims)
        }),
        ("a string", |token| token.payload("\"claims\"")),
        ("null", |token| token.payload("null")),
        ("empty", |token| token.payload("")),
        ("no UTF-8", |token| token.payload(b"{\"sub\":\"\xff\"}")),
        ("a member twice", |token| {
            let claims = token.claims().replacen('{', "{\"sub\":\"leslie\",", 1);
            token.payload(claims)
        }),
    ];
    for (what, change) in claims {
        assert_eq!(shop.sign_in_with(change).await, Answer::Refused, "{what}");
        shop.assert_reason("the ID token's claims are not one strict JSON object", what);
    }
    let headers: [(&str, Change); 7] = [
        ("of another type", |token| token.header("typ", "at+jwt")),
        ("critical", |token| token.header("crit", json!(["exp"]))),
        ("with a key of its own", |token| token.header("jwk", json!({}))),
        ("with a place for keys", |token| token.header("jku", "https://evil.example")),
        ("not encoded", |token| token.header("b64", false)),
        ("compressed", |token| token.header("zip", "DEF")),
        ("without an algorithm", |token| token.without_header("alg")),
    ];
    for (what, change) in headers {
        assert_eq!(shop.sign_in_with(change).await, Answer::Refused, "{what}");
    }
    assert_eq!(shop.sign_in_with(IdToken::encrypted).await, Answer::Refused, "encrypted");
    shop.assert_reason("the token does not have three parts", "encrypted");
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 1, "nothing of that needs another key");

    let right: [(&str, Change); 2] = [
        ("without a type", |token| token.without_header("typ")),
        ("with many groups", |token| {
            let groups: Vec<_> = (0..1000).map(|number| format!("group {number}")).collect();
            token.claim("groups", groups)
        }),
    ];
    assert_each_accepted(&shop, &right).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_token_over_64_kib_is_refused() {
    let shop = Shop::of(&provider());
    let long = |token: IdToken| token.claim("groups", "g".repeat(49_000));
    assert_eq!(shop.sign_in_with(long).await, Answer::Refused);
    shop.assert_reason("the ID token is longer than 65536 bytes", "over 64 KiB");
}

#[tokio::test(start_paused = true)]
async fn a_public_key_is_no_hmac_secret_t02() {
    let provider = provider_with(key(Algorithm::RS256, "k1"))
        .basic_client(CLIENT, "the client's secret of 32 bytes and more");
    let profile = profile().client_secret("the client's secret of 32 bytes and more");
    let shop = Shop::with_profile(&provider, profile);
    let set = KeyRing::new(key(Algorithm::RS256, "k1")).to_jwk_set(SystemTime::now());
    let jwk: Value = serde_json::from_str(&set).unwrap();
    let jwk = &jwk["keys"][0];
    let modulus = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [set.clone().into_bytes(), jwk.to_string().into_bytes(), modulus] {
        let forged = move |token: IdToken| token.signed_by_secret(&secret);
        assert_eq!(shop.sign_in_with(forged).await, Answer::Refused);
        shop.assert_reason("the ID token's signature is wrong", "signed by a public key");
    }
}

#[tokio::test(start_paused = true)]
async fn each_key_has_one_algorithm_t03() {
    let shop = Shop::of(&provider_with(key(Algorithm::RS256, "k1")).public_client(CLIENT));
    for alg in ["PS256", "RS384", "RS512", "ES256", "rs256", "", "HS256"] {
        let renamed = move |token: IdToken| token.header("alg", alg);
        assert_eq!(shop.sign_in_with(renamed).await, Answer::Refused, "{alg}");
        shop.assert_reason("the ID token's algorithm is not allowed", alg);
    }
    let shop = Shop::of(&provider_with(key(Algorithm::EdDSA, "k1")).public_client(CLIENT));
    let answer = shop.sign_in_with(|token| token.header("alg", "Ed25519")).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "RFC 9864's name: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_usable_id_token_is_the_providers_fault() {
    type Rewrite = fn(&mut Value);
    let answers: [(&str, Rewrite); 8] = [
        ("no ID token", |answer| {
            answer.as_object_mut().unwrap().remove("id_token");
        }),
        ("an ID token that is no string", |answer| answer["id_token"] = json!({ "sub": "ron" })),
        ("an ID token that is null", |answer| answer["id_token"] = Value::Null),
        ("no access token", |answer| {
            answer.as_object_mut().unwrap().remove("access_token");
        }),
        ("an access token that is no string", |answer| answer["access_token"] = json!(7)),
        ("another token type", |answer| answer["token_type"] = "DPoP".into()),
        ("no token type", |answer| {
            answer.as_object_mut().unwrap().remove("token_type");
        }),
        ("an array", |answer| *answer = json!([answer.take()])),
    ];
    let shop = Shop::of(&provider());
    for (what, rewrite) in answers {
        shop.provider.rewrite(Endpoint::Token, rewrite);
        assert_eq!(shop.sign_in().await, Answer::Unavailable, "{what}");
    }
    // RFC 6749 section 5.1: without regard to case.
    shop.provider.rewrite(Endpoint::Token, |answer| answer["token_type"] = "bEARER".into());
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_token_endpoint_is_read_as_what_it_says() {
    let shop = Shop::of(&provider());
    for (status, body, expected) in [
        (400, r#"{"error":"invalid_grant"}"#, Answer::Refused),
        (400, r#"{"error":"invalid_grant","error_description":"expired"}"#, Answer::Refused),
        (400, r#"{"error":"invalid_client"}"#, Answer::Unavailable),
        (401, r#"{"error":"invalid_client"}"#, Answer::Unavailable),
        (400, r#"{"error":"unauthorized_client"}"#, Answer::Unavailable),
        (400, r#"{"error":"temporarily_unavailable"}"#, Answer::Unavailable),
        (400, r#"{"error":"something_new"}"#, Answer::Unavailable),
        (400, r#"{"error":7}"#, Answer::Unavailable),
        (400, "{}", Answer::Unavailable),
        (400, "<html>", Answer::Unavailable),
        (500, r#"{"error":"invalid_grant"}"#, Answer::Unavailable),
        (200, r#"{"error":"invalid_grant"}"#, Answer::Unavailable),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let (content_type, body) = ("application/json", body.into());
        let what = format!("{status} {body:?}");
        shop.provider.fail(Endpoint::Token, Fault::Answer { status, content_type, body });
        assert_eq!(shop.sign_in().await, expected, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_boolean_true_says_that_an_email_is_verified() {
    for (value, links) in [
        (json!(true), true),
        (json!(false), false),
        (json!("true"), false),
        (json!(1), false),
        (json!([true]), false),
        (Value::Null, false),
    ] {
        let shop = Shop::with(&provider(), profile(), |grant, revocations| {
            grant.link_by_verified_email(revocations.clone())
        });
        let first = shop.sign_in_by(consent_of("first")).await;
        let second = Consent::new(CLIENT, REDIRECT, CHALLENGE, "second")
            .claim("name", "Ron")
            .claim("email", "ron@swanson.com")
            .claim("email_verified", value.clone());
        let second = shop.sign_in_by(second).await;
        assert_eq!(first.customer() == second.customer(), links, "{value}");
    }
}
