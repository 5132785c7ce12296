//! Tests of the provider itself: a lenient provider would prove nothing.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::Validation;
use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tokio::time::timeout;
use tower::ServiceExt;

use super::id_token::at_hash;
use super::*;

const ISSUER: &str = "https://id.example/realm";
const REDIRECT: &str = "https://shop.example/signed-in";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn key(id: &str) -> SigningKey {
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
    let base64 = base64_simd::STANDARD.encode_to_string(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
    SigningKey::from_pem(Algorithm::ES256, pem).unwrap().with_id(id)
}

fn provider() -> ScriptedProvider {
    ScriptedProvider::new(ISSUER, key("k1"))
        .public_client("page")
        .basic_client("a shop:1", "a+secret/%:&=")
        .post_client("poster", "s3cret")
}

fn consent() -> Consent {
    Consent::new("page", REDIRECT, CHALLENGE, "ron").claim("email", "ron@swanson.com")
}

async fn get(provider: &ScriptedProvider, path: &str) -> Response<ScriptedBody> {
    let request = Request::get(format!("{ISSUER}{path}")).body(Full::<Bytes>::default()).unwrap();
    provider.clone().oneshot(request).await.unwrap()
}

async fn json(response: Response<ScriptedBody>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// Posts a form to the token endpoint.
async fn post(
    provider: &ScriptedProvider,
    authorization: Option<&str>,
    form: &[(&str, &str)],
) -> (u16, Value) {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = Request::post(format!("{ISSUER}/token"))
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response =
        provider.clone().oneshot(request.body(Full::<Bytes>::from(form)).unwrap()).await.unwrap();
    (response.status().as_u16(), json(response).await)
}

/// Exchanges a code as the public client, with a form modified by `change`.
async fn exchange(
    provider: &ScriptedProvider,
    code: &str,
    change: (&'static str, &str),
) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "page"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    form.retain(|(name, _)| *name != change.0);
    form.push(change);
    post(provider, None, &form).await
}

const NO_CHANGE: (&str, &str) = ("state", "x");

#[tokio::test]
async fn an_id_token_verifies_by_the_published_keys_in_another_library() {
    let provider = provider();
    let document = json(get(&provider, "/.well-known/openid-configuration").await).await;
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["jwks_uri"], "https://id.example/realm/jwks");
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["ES256"]));

    let code = provider.authorize(consent().nonce("n-0S6").userinfo_claim("name", "Ron"));
    let (status, answer) = exchange(&provider, &code, NO_CHANGE).await;
    assert_eq!((status, &answer["token_type"]), (200, &json!("Bearer")));
    let set: JwkSet = serde_json::from_value(json(get(&provider, "/jwks").await).await).unwrap();
    let key = DecodingKey::from_jwk(set.find("k1").unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["page"]);
    validation.set_issuer(&[ISSUER]);
    let id_token = answer["id_token"].as_str().unwrap();
    let claims = jsonwebtoken::decode::<Value>(id_token, &key, &validation).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["nonce"]), (&json!("ron"), &json!("n-0S6")));
    assert_eq!((&claims["email"], &claims["name"]), (&json!("ron@swanson.com"), &Value::Null));

    let userinfo = Request::get(format!("{ISSUER}/userinfo"))
        .header("authorization", format!("Bearer {}", answer["access_token"].as_str().unwrap()));
    let userinfo = userinfo.body(Full::<Bytes>::default()).unwrap();
    let userinfo = json(provider.clone().oneshot(userinfo).await.unwrap()).await;
    assert_eq!(userinfo, json!({ "sub": "ron", "email": "ron@swanson.com", "name": "Ron" }));
    assert_eq!(get(&provider, "/userinfo").await.status(), 401);
}

#[tokio::test]
async fn refuses_a_code_that_is_not_for_whoever_brings_it() {
    let provider = provider();
    let code = provider.authorize(consent());
    let wrong_verifier = "A".repeat(43);
    for (change, error) in [
        (("code", "code-2"), "invalid_grant"),
        (("redirect_uri", "https://shop.example/signed-in/"), "invalid_grant"),
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", &VERIFIER[..42]), "invalid_grant"),
        (("code_verifier", &wrong_verifier), "invalid_grant"),
        (("code_verifier", CHALLENGE), "invalid_grant"),
        (("grant_type", "refresh_token"), "unsupported_grant_type"),
    ] {
        let answer = exchange(&provider, &code, change).await;
        assert_eq!(answer, (400, json!({ "error": error })), "{change:?}");
    }
    let twice = [("client_id", "page"), ("code", &code), ("code", &code)];
    let refused = post(&provider, None, &twice).await;
    assert_eq!(refused, (400, json!({ "error": "invalid_request" })));

    assert_eq!(exchange(&provider, &code, NO_CHANGE).await.0, 200);
    let again = exchange(&provider, &code, NO_CHANGE).await;
    assert_eq!(again, (400, json!({ "error": "invalid_grant" })));
    assert_eq!(provider.requests(Endpoint::Token), 10);
}

#[tokio::test]
async fn takes_each_client_by_its_own_way_to_prove_itself() {
    let base64 = |text: &str| format!("Basic {}", base64_simd::STANDARD.encode_to_string(text));
    // RFC 6749 section 2.3.1: encoded before the two are joined.
    let encoded = base64("a+shop%3A1:a%2Bsecret%2F%25%3A%26%3D");
    let not_encoded = base64("a shop:1:a+secret/%:&=");
    for (name, client, authorization, extra, expected) in [
        ("basic", "a shop:1", Some(&encoded), vec![], 200),
        ("basic, with its id in the form", "a shop:1", Some(&encoded), vec!["client_id"], 200),
        ("basic, not encoded", "a shop:1", Some(&not_encoded), vec![], 401),
        ("basic by post", "a shop:1", None, vec!["client_id", "a+secret/%:&="], 401),
        ("basic and post", "a shop:1", Some(&encoded), vec!["client_id", "s3cret"], 400),
        ("post", "poster", None, vec!["client_id", "s3cret"], 200),
        ("post, wrong", "poster", None, vec!["client_id", "s3cre"], 401),
        ("post without its secret", "poster", None, vec!["client_id"], 401),
        ("post by basic", "poster", Some(&base64("poster:s3cret")), vec![], 401),
        ("public", "page", None, vec!["client_id"], 200),
        ("public with a secret", "page", None, vec!["client_id", ""], 401),
        ("public by basic", "page", Some(&base64("page:")), vec![], 401),
        ("nobody", "page", None, vec![], 401),
        ("unknown", "other", None, vec!["client_id"], 401),
    ] {
        let provider = provider();
        let code = provider.authorize(Consent::new(client, REDIRECT, CHALLENGE, "ron"));
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("code", &code),
        ];
        form.extend(
            ["client_id", "client_secret"]
                .into_iter()
                .zip(extra)
                .map(|(name, value)| (name, if name == "client_id" { client } else { value })),
        );
        let (status, answer) = post(&provider, authorization.map(String::as_str), &form).await;
        let error = match expected {
            200 => Value::Null,
            400 => json!("invalid_request"),
            _ => json!("invalid_client"),
        };
        assert_eq!((status, &answer["error"]), (expected, &error), "{name}");
        let request = provider.last_token_request().unwrap();
        assert_eq!(request.authorization(), authorization.map(String::as_str), "{name}");
        assert_eq!(request.parameter("code"), Some(code.as_str()), "{name}");
    }
    let provider = provider();
    let code = provider.authorize(consent());
    let another = [
        ("grant_type", "authorization_code"),
        ("client_id", "poster"),
        ("client_secret", "s3cret"),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", &code),
    ];
    let refused = post(&provider, None, &another).await;
    assert_eq!(refused, (400, json!({ "error": "invalid_grant" })), "another client's code");
}

#[tokio::test]
async fn the_key_set_follows_rotations() {
    let provider = provider();
    provider.cache_keys("max-age=60");
    let kids = || async {
        let response = get(&provider, "/jwks").await;
        assert_eq!(response.headers()["cache-control"], "max-age=60");
        let set = json(response).await;
        let keys = set["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let signed_by = || async {
        let code = provider.authorize(consent());
        let (_, answer) = exchange(&provider, &code, NO_CHANGE).await;
        jsonwebtoken::decode_header(answer["id_token"].as_str().unwrap()).unwrap().kid.unwrap()
    };
    provider.publish(key("k2"));
    assert_eq!((kids().await, signed_by().await), (vec!["k1".into(), "k2".into()], "k1".into()));
    provider.rotate(key("k3"));
    assert_eq!(kids().await, ["k1", "k2", "k3"]);
    assert_eq!(signed_by().await, "k3");
    provider.drop_old_keys();
    assert_eq!(kids().await, ["k3"]);
    provider.rotate_just_before_signing(key("k4"));
    assert_eq!(kids().await, ["k3"]);
    assert_eq!(signed_by().await, "k4");
    assert_eq!(kids().await, ["k4"]);
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_the_one_that_was_asked_for() {
    let provider = provider();
    let right = json(get(&provider, "/jwks").await).await;
    let whole = right.to_string().len() as u64;
    let fail = |fault| {
        provider.fail(Endpoint::Jwks, fault);
        get(&provider, "/jwks")
    };
    let length = |response: &Response<ScriptedBody>| {
        response.headers()["content-length"].to_str().unwrap().parse::<u64>().unwrap()
    };

    assert_eq!(fail(Fault::Status(StatusCode::BAD_GATEWAY)).await.status(), 502);
    let moved = fail(Fault::Redirect(StatusCode::FOUND)).await;
    assert_eq!(moved.headers()["location"], "https://id.example/realm/elsewhere");
    let garbage = fail(Fault::Garbage).await.into_body().collect().await.unwrap().to_bytes();
    assert!(str::from_utf8(&garbage).is_err_and(|error| error.valid_up_to() == 1));
    assert_eq!(fail(Fault::Html).await.headers()["content-type"], "text/html");
    assert_eq!(json(fail(Fault::WrongShape).await).await, json!(["as", "scripted"]));
    let typed = fail(Fault::ContentType("text/plain")).await;
    assert_eq!(typed.headers()["content-type"], "text/plain");
    assert_eq!(json(typed).await, right);

    let cut = fail(Fault::CutShort).await;
    assert_eq!(length(&cut), whole);
    assert_eq!(cut.into_body().collect().await.unwrap().to_bytes().len() as u64, whole / 2);
    let broken = fail(Fault::Broken).await;
    assert_eq!(length(&broken), whole);
    let error = broken.into_body().collect().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let before = provider.bytes_sent(Endpoint::Jwks);
    let mut huge = fail(Fault::Huge).await;
    while huge.body_mut().frame().await.transpose().unwrap().is_some() {}
    assert_eq!(provider.bytes_sent(Endpoint::Jwks) - before, (64 << 20) + whole);

    let begun = Instant::now();
    assert_eq!(json(fail(Fault::Drip).await).await, right);
    assert_eq!(begun.elapsed().as_secs(), whole);
    let begun = Instant::now();
    assert_eq!(json(fail(Fault::Slow(Duration::from_secs(3))).await).await, right);
    assert_eq!(begun.elapsed().as_secs(), 3);
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    timeout(year, fail(Fault::Hang)).await.unwrap_err();

    provider.fail_times(Endpoint::Jwks, 1, Fault::Refused);
    let request = || Request::get("https://id.example/realm/jwks").body(Full::<Bytes>::default());
    let refused = provider.clone().oneshot(request().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(json(get(&provider, "/jwks").await).await, right, "once");
    drop((huge, moved));
    assert_eq!(provider.in_flight(Endpoint::Jwks), 0);
}

#[tokio::test]
async fn scripts_change_documents_and_id_tokens_until_they_are_taken_back() {
    let provider = provider();
    let rotating = provider.clone();
    provider.rewrite(Endpoint::Token, |answer| answer["token_type"] = "mac".into());
    provider.spoil_id_tokens(move |token| {
        // A script may use the provider.
        rotating.publish(key("k2"));
        token.claim("aud", "another").without("exp").header("typ", "at+jwt").unsigned()
    });
    let code = provider.authorize(consent());
    let (_, answer) = exchange(&provider, &code, NO_CHANGE).await;
    assert_eq!(answer["token_type"], "mac");
    let parts: Vec<_> = answer["id_token"].as_str().unwrap().split('.').collect();
    let decoded = |at: usize| {
        let part = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(parts[at]).unwrap();
        serde_json::from_slice::<Value>(&part).unwrap()
    };
    assert_eq!(decoded(0), json!({ "alg": "none", "kid": "k1", "typ": "at+jwt" }));
    assert_eq!(decoded(1)["aud"], "another");
    assert_eq!(decoded(1)["exp"], Value::Null);
    assert_eq!((parts.len(), parts[2]), (3, ""));
    assert_eq!(json(get(&provider, "/jwks").await).await["keys"].as_array().unwrap().len(), 2);

    provider.mend();
    let code = provider.authorize(consent());
    let (_, answer) = exchange(&provider, &code, NO_CHANGE).await;
    assert_eq!(answer["token_type"], "Bearer");
    let header = jsonwebtoken::decode_header(answer["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(header.alg, Algorithm::ES256);
}

#[test]
fn debug_shows_no_code_and_no_secret() {
    let provider = provider();
    let code = provider.authorize(consent());
    let shown = format!("{provider:?} {:?}", consent());
    for hidden in [code.as_str(), "s3cret", "ron", CHALLENGE] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn the_hash_of_an_access_token_does_not_depend_on_what_an_ed25519_key_is_called() {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let key = SigningKey::from_pem(Algorithm::EdDSA, pem).unwrap();
    // The left half of a SHA-512, in base64url.
    let hash = at_hash(&key, "access-1");
    assert_eq!(hash.as_str().map(str::len), Some(43));
    assert_eq!(at_hash(&key.fully_specified(), "access-1"), hash);
}
