//! Customer tokens that others can verify, by keys that the store publishes.

use std::fs;
use std::fs::Permissions;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::RsaKeyPair;
use axum::body::Body;
use axum::http::Request;
use axum::http::header;
use jsonwebtoken::Algorithm;
use serde_json::json;
use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::Verifier;

use super::Answer;
use super::Folder;
use super::RON;
use super::Shop;
use crate::signing_key::load;

fn p256() -> Vec<u8> {
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap().as_ref().to_vec()
}

fn ed25519() -> Vec<u8> {
    Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref().to_vec()
}

fn rsa() -> Vec<u8> {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap().as_ref().to_vec()
}

fn pem(der: &[u8]) -> String {
    let base64 = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
}

fn file(folder: &Folder, text: &str, mode: u32) -> PathBuf {
    let path = folder.0.join("key.pem");
    fs::write(&path, text).unwrap();
    set_mode(&path, mode);
    path
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

async fn keys_of(shop: &Shop) -> Answer {
    let request =
        Request::get("/.well-known/jwks.json").header(header::ORIGIN, "https://a.example");
    shop.send(request.body(Body::empty()).unwrap()).await
}

#[test]
fn a_key_signs_by_what_its_kind_is_for_and_is_named_by_its_thumbprint() {
    for (der, algorithm) in
        [(p256(), Algorithm::ES256), (ed25519(), Algorithm::EdDSA), (rsa(), Algorithm::RS256)]
    {
        let folder = Folder::new();
        let path = file(&folder, &pem(&der), 0o600);
        let key = load(&path).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.id(), key.verifying_key().thumbprint().as_deref());
        assert_eq!(key.id(), load(&path).unwrap().id(), "the same after each start");
    }
}

#[test]
fn a_file_that_is_no_key_or_not_ours_alone_is_refused() {
    let folder = Folder::new();
    let path = file(&folder, &pem(&p256()), 0o640);
    let shown = path.display();
    let refusal = |path: &Path| load(path).unwrap_err().to_string();
    assert_eq!(
        refusal(&path),
        format!("the secret file {shown} is open to other users, make it yours alone: chmod 600")
    );
    fs::remove_file(&path).unwrap();
    assert_eq!(refusal(&path), format!("there is no key file {shown}"));

    let kind = &ECDSA_P384_SHA384_FIXED_SIGNING;
    let p384 = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
    let not_pem = "the key is not usable: it is not PEM of the algorithm's kind";
    let no_key = "the key is not usable: it is no private key of the algorithm's kind";
    for (text, es256) in [("hunter2", not_pem), (&pem(p384.as_ref()), no_key)] {
        let path = file(&folder, text, 0o600);
        assert_eq!(
            refusal(&path),
            format!(
                "{shown} holds no private key for the customer tokens; \
                 for ES256: {es256}; for EdDSA: {not_pem}; for RS256: {not_pem}"
            )
        );
    }
}

#[tokio::test]
async fn whoever_reads_the_published_keys_can_verify_a_customer_token() {
    for (der, algorithm) in
        [(p256(), Algorithm::ES256), (ed25519(), Algorithm::EdDSA), (rsa(), Algorithm::RS256)]
    {
        let key = SigningKey::from_der(algorithm, der).unwrap().with_id("k1");
        let shop = Shop::open_with(key).await;
        let answer = keys_of(&shop).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=300");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(answer.json()["keys"][0]["kid"], "k1");

        let client = shop.client(&shop.implicit().await);
        let login = client.login("ron@swanson.com", "mysecretpassword").await.data(200);
        let verifier = Verifier::builder(KeyRing::from_jwk_set(&answer.text).unwrap());
        let verifier = verifier.clock(shop.clock.clone()).build().unwrap();
        let token = verifier.verify(login["token"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(token.customer_id().to_string(), RON, "{algorithm:?}");

        // And the store itself does.
        let own = shop.signed_in(RON).await.get(&format!("/v2/customers/{RON}")).await;
        assert_eq!(own.data(200)["id"], json!(RON));
    }
}

#[tokio::test]
async fn a_store_whose_key_is_a_secret_publishes_nothing() {
    let shop = Shop::open().await;
    keys_of(&shop).await.plainly_refused(404);
}
