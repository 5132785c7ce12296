//! `jsonwebtoken`, the crate everybody uses, as a second opinion.

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use jsonwebtoken::Validation;
use serde_json::Value;
use serde_json::json;
use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::sign::TokenSigner;

use crate::fixtures::CUSTOMER;
use crate::fixtures::NOW;
use crate::fixtures::SECRET;
use crate::fixtures::verifier;

#[test]
fn a_compact_token_of_ours_decodes_there_with_the_same_claims() {
    let key = SigningKey::hs256(SECRET).unwrap().with_id("k1");
    let signer = TokenSigner::new(KeyRing::new(key)).unwrap();
    let issued = signer.sign(&CUSTOMER.parse().unwrap(), Some("Ron \"Duke Silver\" é")).unwrap();

    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    let secret = DecodingKey::from_secret(SECRET.as_bytes());
    let decoded = jsonwebtoken::decode::<Value>(issued.token(), &secret, &validation).unwrap();
    let seconds =
        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(decoded.header.kid.as_deref(), Some("k1"));
    assert_eq!(
        decoded.claims,
        json!({
            "sub": CUSTOMER,
            "name": "Ron \"Duke Silver\" é",
            "exp": seconds(issued.expires_at()),
            "iat": seconds(issued.issued_at()),
            "jti": issued.token_id().to_string(),
        })
    );
}

#[test]
fn one_of_its_tokens_verifies_here() {
    let claims = json!({
        "sub": CUSTOMER, "name": "Ron", "exp": NOW + 60, "iat": NOW, "jti": "t", "nbf": NOW,
    });
    let encode = |secret: &str, header: &Header| {
        let secret = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(header, &claims, &secret).unwrap()
    };
    let token = encode(SECRET, &Header::default());
    let verified = verifier().verify(token.as_bytes()).unwrap();
    assert_eq!((verified.customer_id() == CUSTOMER, verified.name()), (true, Some("Ron")));

    let kind = |token: String| verifier().verify(token.as_bytes()).unwrap_err().kind();
    let other_secret = encode("another secret, of 32 bytes at least", &Header::default());
    assert_eq!(kind(other_secret), VerifyErrorKind::InvalidSignature);
    let longer_hash = encode(SECRET, &Header::new(Algorithm::HS512));
    assert_eq!(kind(longer_hash), VerifyErrorKind::DisallowedAlgorithm);
}
