//! The relying-party tests of the OpenID Foundation's suite that concern us, each under its name.

use std::time::SystemTime;

use bytes::Bytes;
use http::StatusCode;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use serde_json::json;
use tower_customer_auth::KeyRing;
use tower_customer_auth::oidc::NoncePolicy;
use tower_customer_auth::oidc::OidcProfile;
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
use crate::oidc::kit::VERIFIER;
use crate::oidc::kit::consent;
use crate::oidc::kit::es256;
use crate::oidc::kit::key;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::provider_with;

// Basic certification profile.

#[tokio::test(start_paused = true)]
async fn client_test() {
    let shop = Shop::of(&provider());
    let first = shop.sign_in().await;
    let customer = first.customer().to_owned();
    let name = Some("Ron Swanson".to_owned());
    assert_eq!(first, Answer::SignedIn { customer: customer.clone(), name });
    assert_eq!(shop.email_of(&customer).await, "ron@swanson.com");
    assert_eq!(shop.sign_in().await, first, "the same customer");

    let request = shop.provider.last_token_request().unwrap();
    assert_eq!(request.authorization(), None);
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", "code-2/+&=% ~"),
    ] {
        assert_eq!(request.parameter(name), Some(value), "{name}");
    }
    assert_eq!(request.form().len(), 5, "{request:?}");
    assert_eq!(shop.provider.requests(Endpoint::Userinfo), 0, "the ID token has said it all");
}

#[tokio::test(start_paused = true)]
async fn invalid_iss() {
    let shop = Shop::of(&provider());
    let answer = shop.sign_in_with(|token| token.claim("iss", "https://id.example/other")).await;
    assert_eq!(answer, Answer::Refused);
    shop.assert_reason("the ID token's `iss` is another issuer", "invalid_iss");
}

#[tokio::test(start_paused = true)]
async fn missing_sub() {
    let shop = Shop::of(&provider());
    assert_eq!(shop.sign_in_with(|token| token.without("sub")).await, Answer::Refused);
    shop.assert_reason("the ID token's `sub` is missing", "missing_sub");
}

#[tokio::test(start_paused = true)]
async fn invalid_aud() {
    let shop = Shop::of(&provider());
    let answer = shop.sign_in_with(|token| token.claim("aud", "another-client")).await;
    assert_eq!(answer, Answer::Refused);
    shop.assert_reason("the ID token's `aud` is not this client", "invalid_aud");
}

#[tokio::test(start_paused = true)]
async fn missing_iat() {
    let shop = Shop::of(&provider());
    assert_eq!(shop.sign_in_with(|token| token.without("iat")).await, Answer::Refused);
    shop.assert_reason("the ID token's `iat` is missing", "missing_iat");
}

#[tokio::test(start_paused = true)]
async fn kid_absent_single_jwks() {
    let shop = Shop::of(&provider());
    let answer = shop.sign_in_with(|token| token.without_header("kid")).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    // A key of another kind doesn't fit, so that one key still does.
    shop.provider.publish(key(Algorithm::EdDSA, "ed"));
    let again = Shop::of(&shop.provider);
    assert!(matches!(again.sign_in().await, Answer::SignedIn { .. }));
}

#[tokio::test(start_paused = true)]
async fn kid_absent_multiple_jwks() {
    let provider = provider();
    provider.publish(es256("k2"));
    let shop = Shop::of(&provider);
    let answer = shop.sign_in_with(|token| token.without_header("kid")).await;
    assert_eq!(answer, Answer::Refused);
    shop.assert_reason("no key of the provider's fits the ID token", "kid_absent_multiple_jwks");
}

#[tokio::test(start_paused = true)]
async fn idtoken_sig_rs256() {
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::EdDSA] {
        let shop = Shop::of(&provider_with(key(algorithm, "k1")).public_client(CLIENT));
        let answer = shop.sign_in().await;
        assert!(matches!(answer, Answer::SignedIn { .. }), "{algorithm:?}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn idtoken_sig_none() {
    let shop = Shop::of(&provider());
    for alg in ["none", "None", "NONE", "nOnE"] {
        let answer = shop.sign_in_with(move |token| token.unsigned().header("alg", alg)).await;
        assert_eq!(answer, Answer::Refused, "{alg}");
        shop.assert_reason("the ID token's algorithm is not allowed", alg);
    }
    let signed = shop.sign_in_with(|token| token.header("alg", "none")).await;
    assert_eq!(signed, Answer::Refused, "with a signature all the same");
}

#[tokio::test(start_paused = true)]
async fn invalid_sig_rs256() {
    let shop = Shop::of(&provider_with(key(Algorithm::RS256, "k1")).public_client(CLIENT));
    assert_eq!(shop.sign_in_with(IdToken::forged).await, Answer::Refused);
    shop.assert_reason("the ID token's signature is wrong", "one bit");
    let other = key(Algorithm::RS256, "k2");
    let answer = shop.sign_in_with(move |token| token.signed_by(other.clone())).await;
    assert_eq!(answer, Answer::Refused);
    shop.assert_reason("the ID token's signature is wrong", "another key under this key's id");
}

#[tokio::test(start_paused = true)]
async fn userinfo_invalid_sub() {
    let shop = Shop::of(&provider());
    let sparse = || Consent::new(CLIENT, REDIRECT, CHALLENGE, "ron");
    for subject in [json!("leslie"), json!("Ron"), json!(7), json!(["ron"]), Value::Null] {
        let answer = shop.sign_in_by(sparse().userinfo_claim("sub", subject.clone())).await;
        assert_eq!(answer, Answer::Refused, "{subject}");
        shop.assert_reason("userinfo is about another subject", "userinfo_invalid_sub");
    }
    shop.provider.rewrite(Endpoint::Userinfo, |answer| {
        answer.as_object_mut().unwrap().remove("sub");
    });
    assert_eq!(shop.sign_in_by(sparse()).await, Answer::Refused, "no subject");
}

#[tokio::test(start_paused = true)]
async fn nonce_invalid() {
    let strict = profile().nonce(NoncePolicy::EqualsCodeChallenge);
    let shop = Shop::with_profile(&provider(), strict);
    let right = shop.sign_in_by(consent().nonce(CHALLENGE)).await;
    assert!(matches!(right, Answer::SignedIn { .. }), "{right:?}");
    for (nonce, reason) in [
        (json!("n-0S6_WzA2Mj"), "the ID token's `nonce` is not the code challenge"),
        (json!(VERIFIER), "the ID token's `nonce` is not the code challenge"),
        (json!(""), "the ID token's `nonce` is not the code challenge"),
        (json!(7), "the ID token's `nonce` is not a string"),
        (json!([CHALLENGE]), "the ID token's `nonce` is not a string"),
    ] {
        let what = nonce.to_string();
        let answer = shop.sign_in_with(move |token| token.claim("nonce", nonce.clone())).await;
        assert_eq!(answer, Answer::Refused, "{what}");
        shop.assert_reason(reason, &what);
    }
    shop.provider.mend();
    assert_eq!(shop.sign_in().await, Answer::Refused, "none");
    shop.assert_reason("the ID token's `nonce` is missing", "none");

    let lenient = Shop::of(&provider());
    let ignored = lenient.sign_in_by(consent().nonce("n-0S6_WzA2Mj")).await;
    assert!(matches!(ignored, Answer::SignedIn { .. }), "{ignored:?}");
}

#[tokio::test(start_paused = true)]
async fn scope_userinfo_claims() {
    let shop = Shop::of(&provider());
    let sparse = Consent::new(CLIENT, REDIRECT, CHALLENGE, "ron")
        .userinfo_claim("name", "Ron Ulysses Swanson")
        .userinfo_claim("email", "Ron@Swanson.com");
    let answer = shop.sign_in_by(sparse).await;
    let customer = answer.customer().to_owned();
    let name = Some("Ron Ulysses Swanson".to_owned());
    assert_eq!(answer, Answer::SignedIn { customer: customer.clone(), name });
    assert_eq!(shop.email_of(&customer).await, "Ron@Swanson.com");
    assert_eq!(shop.provider.requests(Endpoint::Userinfo), 1);
}

#[tokio::test(start_paused = true)]
async fn client_secret_basic() {
    let (client, secret) = ("the shop:1", "a+secret/%:&=\u{e9} of more than 32 bytes");
    let provider = provider_with(es256("k1")).basic_client(client, secret);
    let profile = OidcProfile::new(ISSUER, client).client_secret(secret).redirect_uri(REDIRECT);
    let shop = Shop::with_profile(&provider, profile);
    let answer = shop.sign_in_by(Consent::new(client, REDIRECT, CHALLENGE, "ron")).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");

    let request = provider.last_token_request().unwrap();
    let credentials = request.authorization().unwrap().strip_prefix("Basic ").unwrap();
    let credentials = base64_simd::STANDARD.decode_to_vec(credentials).unwrap();
    let encoded = "the+shop%3A1:a%2Bsecret%2F%25%3A%26%3D%C3%A9+of+more+than+32+bytes";
    assert_eq!(String::from_utf8(credentials).unwrap(), encoded);
    assert_eq!(request.parameter("client_secret"), None);
}

// Configuration certification profile.

#[tokio::test(start_paused = true)]
async fn discovery_openid_config() {
    let shop = Shop::of(&provider());
    let endpoint = shop.grant.authorization_endpoint(REDIRECT).await.unwrap();
    assert_eq!(endpoint.as_deref(), Some("https://id.example/realm/authorize"));
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 1);
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 1);

    // It is the document that tells where the endpoints are.
    let moved = provider();
    moved.rewrite(Endpoint::Discovery, |document| {
        document["token_endpoint"] = format!("{ISSUER}/elsewhere").into();
    });
    let shop = Shop::of(&moved);
    assert_eq!(shop.sign_in().await, Answer::Unavailable);
    assert_eq!((moved.requests(Endpoint::Elsewhere), moved.requests(Endpoint::Token)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn discovery_jwks_uri_keys() {
    let provider = provider();
    let elsewhere = es256("elsewhere");
    let body = KeyRing::new(elsewhere.clone()).to_jwk_set(SystemTime::now());
    let (status, content_type, body) = (StatusCode::OK, "application/json", Bytes::from(body));
    provider.fail(Endpoint::Elsewhere, Fault::Answer { status, content_type, body });
    provider.rewrite(Endpoint::Discovery, |document| {
        document["jwks_uri"] = format!("{ISSUER}/elsewhere").into();
    });
    let shop = Shop::of(&provider);
    let signed_there = shop
        .sign_in_with(move |token| token.header("kid", "elsewhere").signed_by(elsewhere.clone()));
    let answer = signed_there.await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    assert_eq!((provider.requests(Endpoint::Elsewhere), provider.requests(Endpoint::Jwks)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn discovery_issuer_mismatch() {
    for issuer in [
        json!("https://id.example"),
        json!("https://id.example/realm/"),
        json!("https://ID.example/realm"),
        json!("http://id.example/realm"),
        json!(""),
        json!(["https://id.example/realm"]),
        Value::Null,
    ] {
        let provider = provider();
        let named = issuer.clone();
        provider.rewrite(Endpoint::Discovery, move |document| document["issuer"] = named.clone());
        let shop = Shop::of(&provider);
        assert_eq!(shop.sign_in().await, Answer::Unavailable, "{issuer}");
        assert_eq!(provider.requests(Endpoint::Token), 0, "{issuer}: no code goes there");
    }
}

#[tokio::test(start_paused = true)]
async fn idtoken_sig_none_by_configuration() {
    let provider = provider();
    provider.rewrite(Endpoint::Discovery, |document| {
        document["id_token_signing_alg_values_supported"] = json!(["none"]);
    });
    let shop = Shop::of(&provider);
    assert_eq!(shop.sign_in_with(IdToken::unsigned).await, Answer::Refused);
    shop.assert_reason("the ID token's algorithm is not allowed", "whatever the provider says");
}

#[tokio::test(start_paused = true)]
async fn signing_key_rotation_just_before_signing() {
    let shop = Shop::of(&provider());
    let first = shop.sign_in().await;
    shop.provider.rotate_just_before_signing(es256("k2"));
    assert_eq!(shop.sign_in().await, first);
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 2);
}

#[tokio::test(start_paused = true)]
async fn signing_key_rotation() {
    let shop = Shop::of(&provider());
    let first = shop.sign_in().await;
    shop.provider.rotate(es256("k2"));
    shop.provider.drop_old_keys();
    assert_eq!(shop.sign_in().await, first);
    assert_eq!(shop.sign_in().await, first);
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 2);
}

// Others of the suite.

#[tokio::test(start_paused = true)]
async fn missing_aud() {
    let shop = Shop::of(&provider());
    assert_eq!(shop.sign_in_with(|token| token.without("aud")).await, Answer::Refused);
    shop.assert_reason("the ID token's `aud` is missing", "missing_aud");
}

#[tokio::test(start_paused = true)]
async fn invalid_sig_es256() {
    let shop = Shop::of(&provider());
    assert_eq!(shop.sign_in_with(IdToken::forged).await, Answer::Refused);
    shop.assert_reason("the ID token's signature is wrong", "one bit");
    let other = es256("k1");
    let answer = shop.sign_in_with(move |token| token.signed_by(other.clone())).await;
    assert_eq!(answer, Answer::Refused);
    shop.assert_reason("the ID token's signature is wrong", "another key under this key's id");
}

#[tokio::test(start_paused = true)]
async fn invalid_sig_hs256() {
    const SECRET: &str = "the client's secret of 32 bytes and more";
    let with_secret = provider_with(es256("k1")).basic_client(CLIENT, SECRET);
    let confidential = Shop::with_profile(&with_secret, profile().client_secret(SECRET));
    let right = |token: IdToken| token.signed_by_secret(SECRET).without_header("kid");
    let answer = confidential.sign_in_with(right).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    for kid in [Some("k1"), None] {
        let forged = move |token: IdToken| {
            let token = token.signed_by_secret("another secret of 32 bytes and more!");
            if kid.is_none() { token.without_header("kid") } else { token }
        };
        assert_eq!(confidential.sign_in_with(forged).await, Answer::Refused, "{kid:?}");
    }
    assert_eq!(
        with_secret.requests(Endpoint::Jwks),
        1,
        "no set has a secret, so none is looked for"
    );
    drop(confidential);

    // A public client has no secret: whoever can guess what would be taken for one could sign.
    let set = KeyRing::new(es256("k1")).to_jwk_set(SystemTime::now());
    for secret in ["", CLIENT, SECRET, &set] {
        let shop = Shop::of(&provider());
        let guess = secret.to_owned();
        let forged = move |token: IdToken| token.signed_by_secret(&guess).without_header("kid");
        assert_eq!(shop.sign_in_with(forged).await, Answer::Refused, "{secret}");
        shop.assert_reason("the ID token's algorithm is not allowed", secret);
    }
    let _ = NOW;
}

#[tokio::test(start_paused = true)]
async fn invalid_athash() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let shop = Shop::of(&provider_with(key(algorithm, "k1")).public_client(CLIENT));
        for wrong in ["", "AAAAAAAAAAAAAAAAAAAAAA", "access-1"] {
            let answer = shop.sign_in_with(move |token| token.claim("at_hash", wrong)).await;
            assert_eq!(answer, Answer::Refused, "{wrong}");
            shop.assert_reason("the ID token's `at_hash` is another access token's", wrong);
        }
        let answer = shop.sign_in_with(|token| token.claim("at_hash", 7)).await;
        assert_eq!(answer, Answer::Refused);
        shop.assert_reason("the ID token's `at_hash` is not a string", "a number");
        // Optional with a code flow (OpenID Connect Core section 3.1.3.6).
        let answer = shop.sign_in_with(|token| token.without("at_hash")).await;
        assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
        shop.provider.mend();
        let answer = shop.sign_in().await;
        assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    }
}
