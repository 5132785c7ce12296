//! What is told of logins, with everything captured at TRACE: no code, no token, no secret, no person.

use http::StatusCode;
use serde_json::json;
use tower_customer_auth::oidc::OidcProfile;
use tower_customer_auth::testing::Consent;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;

use crate::oidc::kit::Answer;
use crate::oidc::kit::CHALLENGE;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::ISSUER;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::VERIFIER;
use crate::oidc::kit::es256;
use crate::oidc::kit::provider_with;
use crate::support::capture::Captured;

const SECRET: &str = "the-client-secret-of-32-bytes-and-more";
const SUBJECT: &str = "248289761001";

#[tokio::test(start_paused = true)]
async fn no_code_no_token_no_secret_and_no_person_is_told_t36() {
    let provider = provider_with(es256("k1")).basic_client(CLIENT, SECRET);
    let profile = OidcProfile::new(ISSUER, CLIENT).client_secret(SECRET).redirect_uri(REDIRECT);
    let shop = Shop::with(&provider, profile, |grant, _| grant.refuse_duplicate_email());
    let (captured, _capturing) = Captured::begin();

    let consent = |subject: &str| {
        Consent::new(CLIENT, REDIRECT, CHALLENGE, subject).claim("email", "ron@swanson.com")
    };
    let mut codes = Vec::new();
    let mut login = async |subject: &str| {
        let code = provider.authorize(consent(subject));
        let answer = shop.login(&code).await;
        codes.push(code);
        answer
    };
    assert!(matches!(login(SUBJECT).await, Answer::SignedIn { .. }));
    assert_eq!(login("another").await, Answer::Refused);
    // Providers that repeat in an error what they were sent.
    for (status, body) in [
        (400, json!({ "error": "invalid_grant", "error_description": "code-3/+&=% ~" })),
        (400, json!({ "error": "code-4/+&=% ~", "error_uri": VERIFIER })),
        (200, json!({ "access_token": "access-x", "token_type": "access-y" })),
        (500, json!(SECRET)),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let (content_type, body) = ("application/json", body.to_string().into());
        provider.fail(Endpoint::Token, Fault::Answer { status, content_type, body });
        assert!(!matches!(login(SUBJECT).await, Answer::SignedIn { .. }));
    }
    provider.mend();
    provider.rewrite(Endpoint::Token, |answer| answer["token_type"] = answer["id_token"].clone());
    assert_eq!(login(SUBJECT).await, Answer::Unavailable);
    provider.mend();
    provider.spoil_id_tokens(|token| token.claim("iss", SUBJECT).claim("aud", SUBJECT));
    assert_eq!(login(SUBJECT).await, Answer::Refused);
    provider.spoil_id_tokens(|token| token.header("kid", "ron@swanson.com"));
    assert_eq!(login(SUBJECT).await, Answer::Refused);

    let told = format!("{} {:?} {:?}", captured.text(), shop.grant, shop.issuer);
    assert!(told.contains("the ID token's `iss` is another issuer"), "{told}");
    let mut hidden = vec![VERIFIER, SECRET, SUBJECT, "access-", "eyJ", "ron@", "another\""];
    hidden.extend(codes.iter().map(String::as_str));
    for hidden in hidden {
        assert!(!told.contains(hidden), "{hidden} in {told}");
    }
}
