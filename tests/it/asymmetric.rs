//! RS256, PS256, ES256 and EdDSA, against `jsonwebtoken` and against keys and tokens that are wrong.

use std::sync::LazyLock;
use std::time::Duration;
use std::time::SystemTime;

use http::Request;
use http_body_util::BodyExt;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use jsonwebtoken::Validation;
use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;
use serde_json::json;
use tower::ServiceExt;
use tower_customer_auth::ConfigError;
use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::VerifyingKey;
use tower_customer_auth::jwk_set::JwkSetService;
use tower_customer_auth::sign::TokenSigner;
use tower_customer_auth::testing::TestToken;

use crate::fixtures::CUSTOMER;
use crate::fixtures::NOW;
use crate::fixtures::SECRET;
use crate::fixtures::at;
use crate::fixtures::clock;
use crate::fixtures::refusal;
use crate::fixtures::verifier_of;
use crate::support::pem::RSA;
use crate::support::pem::ed25519;
use crate::support::pem::p256;
use crate::support::pem::pem_to_der;

const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// One private key a kind, made once.
fn private_pem(algorithm: Algorithm) -> String {
    static P256: LazyLock<String> = LazyLock::new(p256);
    static ED25519: LazyLock<String> = LazyLock::new(ed25519);
    match algorithm {
        Algorithm::ES256 => P256.clone(),
        Algorithm::EdDSA => ED25519.clone(),
        _ => RSA[0].clone(),
    }
}

fn signing_key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pem(algorithm, private_pem(algorithm)).unwrap()
}

fn token(algorithm: Algorithm, alg: &str) -> String {
    let token = TestToken::new(CUSTOMER, NOW).header("alg", alg);
    token.sign(&signing_key(algorithm), TokenForm::Compact)
}

/// The JWK of a key, as the ring publishes it.
fn jwk(algorithm: Algorithm) -> Value {
    let set = KeyRing::new(signing_key(algorithm).with_id("k1")).to_jwk_set(at(NOW));
    serde_json::from_str::<Value>(&set).unwrap()["keys"][0].take()
}

fn set_of(keys: &[Value]) -> Result<KeyRing, ConfigError> {
    KeyRing::from_jwk_set(json!({ "keys": keys }).to_string())
}

#[test]
fn what_is_issued_verifies_by_the_published_keys_here_and_in_jsonwebtoken() {
    for algorithm in ALGORITHMS {
        let keys = KeyRing::new(signing_key(algorithm).with_id("k1"));
        let issued = TokenSigner::new(keys.clone()).unwrap();
        let issued = issued.sign(&CUSTOMER.parse().unwrap(), Some("Ron")).unwrap();
        let published = keys.to_jwk_set(SystemTime::now());

        let here = Verifier::new(KeyRing::from_jwk_set(&published).unwrap());
        let verified = here.verify(issued.token().as_bytes()).unwrap();
        assert_eq!(verified.token_id(), issued.token_id(), "{algorithm:?}");

        let there: JwkSet = serde_json::from_str(&published).unwrap();
        let key = DecodingKey::from_jwk(there.find("k1").unwrap()).unwrap();
        let validation = Validation::new(algorithm);
        let decoded = jsonwebtoken::decode::<Value>(issued.token(), &key, &validation).unwrap();
        assert_eq!(decoded.claims["sub"], CUSTOMER, "{algorithm:?}");
        assert_eq!(decoded.header.kid.as_deref(), Some("k1"));
    }
}

#[test]
fn a_token_of_jsonwebtoken_verifies_here() {
    let claims = json!({ "sub": CUSTOMER, "exp": NOW + 60, "iat": NOW, "jti": "t" });
    for algorithm in ALGORITHMS {
        let pem = private_pem(algorithm);
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key.unwrap()).unwrap();
        let keys = KeyRing::verify_only([signing_key(algorithm).verifying_key()]).unwrap();
        assert_eq!(refusal(&verifier_of(keys), &token), None, "{algorithm:?}");
    }
}

#[test]
fn each_key_has_one_algorithm_and_no_token_can_choose_another_t02_t03() {
    for algorithm in ALGORITHMS {
        let verifier = verifier_of(KeyRing::new(signing_key(algorithm)));
        for alg in ["HS256", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA", "none", "rs256"]
        {
            let verdict = refusal(&verifier, token(algorithm, alg));
            let own = format!("{algorithm:?}") == alg;
            let expected = (!own).then_some(VerifyErrorKind::DisallowedAlgorithm);
            assert_eq!(verdict, expected, "{algorithm:?} as {alg}");
        }
    }
    // RFC 9864 and RFC 8037 have two names for one algorithm.
    let ed25519 = verifier_of(KeyRing::new(signing_key(Algorithm::EdDSA)));
    assert_eq!(refusal(&ed25519, token(Algorithm::EdDSA, "Ed25519")), None);
}

#[test]
fn a_public_key_is_no_hmac_secret_in_either_direction_t02() {
    let public = VerifyingKey::from_jwk(jwk(Algorithm::ES256).to_string()).unwrap();
    let keys = KeyRing::verify_only([public]).unwrap();
    let forged = TestToken::new(CUSTOMER, NOW);
    let forged = forged.sign(&SigningKey::hs256(SECRET).unwrap(), TokenForm::Compact);
    assert_eq!(refusal(&verifier_of(keys), &forged), Some(VerifyErrorKind::DisallowedAlgorithm));
    let text = jwk(Algorithm::RS256).to_string();
    assert_eq!(
        SigningKey::hs256(text).unwrap_err(),
        ConfigError::SecretIsKeyText { format: "JWK" }
    );
}

#[test]
fn refuses_every_token_with_a_changed_or_cut_signature_t06() {
    for algorithm in ALGORITHMS {
        let verifier = verifier_of(KeyRing::new(signing_key(algorithm)));
        let alg = format!("{algorithm:?}");
        let good = token(algorithm, &alg);
        assert_eq!(refusal(&verifier, &good), None, "{algorithm:?}");
        let start = good.rfind('.').unwrap() + 1;
        for at in (start..good.len()).step_by(5) {
            let mut mutant = good.clone().into_bytes();
            mutant[at] = if mutant[at] == b'A' { b'B' } else { b'A' };
            let mutant = String::from_utf8(mutant).unwrap();
            assert_ne!(refusal(&verifier, &mutant), None, "{algorithm:?}, byte {at}");
            assert_ne!(refusal(&verifier, &good[..at]), None, "{algorithm:?}, first {at}");
        }
        let zeros = format!("{}{}", &good[..start], "A".repeat(good.len() - start));
        assert_eq!(refusal(&verifier, &zeros), Some(VerifyErrorKind::InvalidSignature));
    }
}

#[test]
fn one_rsa_key_can_serve_two_algorithms_only_as_two_keys_t03() {
    let keys = KeyRing::new(signing_key(Algorithm::RS256));
    keys.rotate_at(signing_key(Algorithm::PS256), Duration::from_secs(60), at(NOW));
    let verifier = verifier_of(keys);
    assert_eq!(refusal(&verifier, token(Algorithm::RS256, "RS256")), None);
    assert_eq!(refusal(&verifier, token(Algorithm::PS256, "PS256")), None);
    let mixed = token(Algorithm::RS256, "PS256");
    assert_eq!(refusal(&verifier, &mixed), Some(VerifyErrorKind::InvalidSignature));
}

#[test]
fn a_jwk_that_is_for_something_else_is_passed_over_in_a_set_and_refused_alone_t31() {
    let good = jwk(Algorithm::ES256);
    for (member, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!([])),
        ("alg", json!("ES384")),
        ("alg", json!("RS256")),
        ("alg", json!("ECDH-ES")),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("kty", json!("OKP")),
        ("kty", json!("new")),
    ] {
        let mut other = good.clone();
        other[member] = value.clone();
        let reason = "the JWK is not for verifying signatures of a known kind";
        assert_eq!(
            VerifyingKey::from_jwk(other.to_string()).unwrap_err(),
            ConfigError::InvalidKey { reason },
            "{member}: {value}"
        );
        assert_eq!(set_of(&[other.clone()]).unwrap_err(), ConfigError::NoKeys);
        let verifier = verifier_of(set_of(&[other, good.clone()]).unwrap());
        let token = TestToken::new(CUSTOMER, NOW).header("alg", "ES256").header("kid", "k1");
        let token = token.sign(&signing_key(Algorithm::ES256), TokenForm::Compact);
        assert_eq!(refusal(&verifier, &token), None, "{member}: {value}");
    }
    let mut verifying = good;
    verifying["key_ops"] = json!(["verify"]);
    assert_eq!(VerifyingKey::from_jwk(verifying.to_string()).unwrap().id(), Some("k1"));
}

#[test]
fn a_set_that_can_not_be_trusted_is_refused_as_a_whole_t31_t32() {
    let good = jwk(Algorithm::ES256);
    let invalid = |reason| ConfigError::InvalidKey { reason };
    let secret = json!({ "kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    let symmetric = invalid("the JWK Set holds a symmetric key");
    assert_eq!(set_of(&[good.clone(), secret.clone()]).unwrap_err(), symmetric);
    assert_eq!(set_of(&[secret]).unwrap_err(), symmetric);
    let id = "k1".to_owned();
    let twice = set_of(&[good.clone(), good.clone()]).unwrap_err();
    assert_eq!(twice, ConfigError::DuplicateKeyId { id });
    let mut off_curve = good.clone();
    off_curve["y"] = off_curve["x"].clone();
    assert_eq!(
        set_of(&[good.clone(), off_curve]).unwrap_err(),
        invalid("it is not a valid point or modulus")
    );
    let mut short = good.clone();
    short["x"] = json!("AAAA");
    assert_eq!(set_of(&[short]).unwrap_err(), invalid("it is not of the algorithm's kind"));
    let mut small = jwk(Algorithm::RS256);
    small["n"] = small["n"].as_str().unwrap()[..168].into();
    assert_eq!(set_of(&[small]).unwrap_err(), invalid("its modulus has less than 2048 bits"));
    let many = set_of(&vec![good; 33]).unwrap_err();
    assert_eq!(many, invalid("the JWK Set has more than 32 keys"));
    for (text, reason) in [
        ("", "the JWK Set is not JSON"),
        ("[]", "the JWK Set has no array `keys`"),
        (r#"{"keys":{}}"#, "the JWK Set has no array `keys`"),
    ] {
        assert_eq!(KeyRing::from_jwk_set(text).unwrap_err(), invalid(reason), "{text}");
    }
}

#[test]
fn keys_are_read_from_pem_and_der_of_their_own_kind_alone() {
    for algorithm in ALGORITHMS {
        for other in ALGORITHMS {
            let read = SigningKey::from_pem(other, private_pem(algorithm));
            let is_rsa = |algorithm| matches!(algorithm, Algorithm::RS256 | Algorithm::PS256);
            let fits = algorithm == other || is_rsa(algorithm) && is_rsa(other);
            let reason = "it is not PEM of the algorithm's kind";
            let expected = (!fits).then_some(ConfigError::InvalidKey { reason });
            assert_eq!(read.err(), expected, "{algorithm:?} as {other:?}");
        }
    }
    for algorithm in ALGORITHMS {
        let der = pem_to_der(&private_pem(algorithm));
        for other in ALGORITHMS {
            let read = SigningKey::from_der(other, &der);
            let is_rsa = |algorithm| matches!(algorithm, Algorithm::RS256 | Algorithm::PS256);
            let fits = algorithm == other || is_rsa(algorithm) && is_rsa(other);
            let reason = "it is no private key of the algorithm's kind";
            let expected = (!fits).then_some(ConfigError::InvalidKey { reason });
            assert_eq!(read.err(), expected, "{algorithm:?} as {other:?}");
        }
        let ring = KeyRing::verify_only([signing_key(algorithm).verifying_key()]).unwrap();
        let same = SigningKey::from_der(algorithm, der).unwrap().verifying_key();
        assert_eq!(ring.retire(&same), Ok(true), "both spell one key");
    }
    let algorithm = Algorithm::HS256;
    let unsupported = ConfigError::UnsupportedAlgorithm { algorithm };
    assert_eq!(SigningKey::from_pem(algorithm, RSA[0].as_str()).unwrap_err(), unsupported);
    assert_eq!(SigningKey::from_der(algorithm, "").unwrap_err(), unsupported);
    // RFC 8410 section 10.1.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let key = VerifyingKey::from_pem(Algorithm::EdDSA, pem).unwrap();
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend([
        0x19, 0xbf, 0x44, 0x09, 0x69, 0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b,
        0x96, 0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6, 0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31,
        0x66, 0xe1,
    ]);
    let same = VerifyingKey::from_der(Algorithm::EdDSA, der).unwrap();
    let ring = KeyRing::verify_only([key]).unwrap();
    assert_eq!(ring.retire(&same), Ok(true), "both spell one key");
}

#[test]
fn an_ed25519_key_is_called_what_it_was_told_to_be() {
    for (key, name) in [
        (signing_key(Algorithm::EdDSA), "EdDSA"),
        (signing_key(Algorithm::EdDSA).fully_specified(), "Ed25519"),
        (signing_key(Algorithm::ES256).fully_specified(), "ES256"),
    ] {
        let keys = KeyRing::new(key.with_id("k1"));
        let issued = TokenSigner::new(keys.clone()).unwrap();
        let issued = issued.sign(&CUSTOMER.parse().unwrap(), None).unwrap();
        let header = issued.token().split('.').next().unwrap();
        let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], name);

        let published = keys.to_jwk_set(SystemTime::now());
        let set: Value = serde_json::from_str(&published).unwrap();
        assert_eq!(set["keys"][0]["alg"], name);
        let theirs = KeyRing::from_jwk_set(&published).unwrap();
        let verified = Verifier::new(theirs.clone()).verify(issued.token().as_bytes()).unwrap();
        assert_eq!(verified.token_id(), issued.token_id(), "{name}");
        assert_eq!(theirs.to_jwk_set(SystemTime::now()), published);
    }
}

#[test]
fn a_thumbprint_names_a_key_whatever_else_is_said_of_it() {
    // RFC 7638 section 3.1.
    let rsa = json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
    });
    let rsa = VerifyingKey::from_jwk(rsa.to_string()).unwrap();
    let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(rsa.thumbprint().as_deref(), Some(expected));
    // RFC 8037 appendix A.3.
    let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let ed25519 = VerifyingKey::from_jwk(ed25519.to_string()).unwrap();
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(ed25519.thumbprint().as_deref(), Some(expected));
    assert_eq!(VerifyingKey::hs256(SECRET).unwrap().thumbprint(), None);
}

#[test]
fn the_legacy_form_is_signed_with_hs256_alone() {
    let signer = TokenSigner::builder(KeyRing::new(signing_key(Algorithm::ES256)));
    let algorithm = Algorithm::ES256;
    assert_eq!(
        signer.form(TokenForm::Legacy).build().unwrap_err(),
        ConfigError::LegacyFormWithAlgorithm { algorithm }
    );
}

#[tokio::test]
async fn the_published_set_follows_rotations_and_holds_no_secret() {
    let keys = KeyRing::new(signing_key(Algorithm::ES256).with_id("old"));
    let clock = clock();
    let service = JwkSetService::new(keys.clone()).clock(clock.clone());
    let published = || async {
        let request = Request::get("/.well-known/jwks.json").body(()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["cache-control"], "public, max-age=300");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let set: Value = serde_json::from_slice(&body).unwrap();
        let ids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone());
        (ids.collect::<Vec<_>>(), set.to_string())
    };
    assert_eq!(published().await.0, ["old"]);
    keys.rotate_at(signing_key(Algorithm::EdDSA).with_id("new"), Duration::from_secs(60), at(NOW));
    assert_eq!(published().await.0, ["new", "old"]);
    clock.advance(Duration::from_secs(60));
    keys.rotate_at(SigningKey::hs256(SECRET).unwrap(), Duration::from_secs(60), at(NOW + 60));
    let (ids, text) = published().await;
    assert_eq!(ids, ["new"]);
    for private in ["\"d\"", "\"k\"", "\"p\""] {
        assert!(!text.contains(private), "{text}");
    }

    let post = Request::post("/.well-known/jwks.json").body(()).unwrap();
    let refused = service.oneshot(post).await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
}

#[test]
fn debug_shows_no_private_key() {
    for algorithm in ALGORITHMS {
        let key = signing_key(algorithm).with_id("k1");
        let shown = format!("{key:?}");
        let expected = format!("SigningKey {{ id: Some(\"k1\"), algorithm: {algorithm:?}, .. }}");
        assert_eq!(shown, expected);
    }
}
