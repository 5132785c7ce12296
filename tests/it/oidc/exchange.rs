//! Codes: tried once, with a verifier, from a redirect URI that is known.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use tower_customer_auth::issuer::OidcGrantBuilder;
use tower_customer_auth::oidc::ClientAuthMethod;
use tower_customer_auth::oidc::HttpClient;
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
use crate::oidc::kit::consent;
use crate::oidc::kit::es256;
use crate::oidc::kit::login;
use crate::oidc::kit::minutes;
use crate::oidc::kit::pass;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::provider_with;

#[tokio::test(start_paused = true)]
async fn a_replayed_code_is_refused_and_the_provider_not_asked() {
    let shop = Shop::of(&provider());
    let code = shop.provider.authorize(consent());
    let first = shop.login(&code).await;
    assert!(matches!(first, Answer::SignedIn { .. }), "{first:?}");
    for _ in 0..3 {
        assert_eq!(shop.login(&code).await, Answer::Refused);
    }
    pass(minutes(10) - Duration::from_secs(1)).await;
    assert_eq!(shop.login(&code).await, Answer::Refused);
    assert_eq!(shop.provider.requests(Endpoint::Token), 1);
}

#[tokio::test(start_paused = true)]
async fn of_one_code_at_once_a_hundred_times_one_is_tried() {
    let shop = Shop::of(&provider());
    // Before anything is known of the provider, so that all have to wait for that together.
    shop.provider.fail(Endpoint::Discovery, Fault::Slow(Duration::from_millis(500)));
    shop.provider.fail(Endpoint::Token, Fault::Slow(Duration::from_millis(500)));
    let code = shop.provider.authorize(consent());
    let answers = join_all((0..100).map(|_| shop.login(&code))).await;
    let signed_in = answers.iter().filter(|answer| matches!(answer, Answer::SignedIn { .. }));
    assert_eq!(signed_in.count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::Refused).count(), 99);
    assert_eq!(shop.provider.requests(Endpoint::Token), 1);
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 1);
}

#[tokio::test(start_paused = true)]
async fn a_spent_code_stays_spent_though_the_provider_failed() {
    for fault in [
        Fault::Refused,
        Fault::Hang,
        Fault::Slow(Duration::from_secs(60)),
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Garbage,
        Fault::Broken,
        Fault::CutShort,
    ] {
        let shop = Shop::of(&provider());
        let code = shop.provider.authorize(consent());
        shop.provider.fail(Endpoint::Token, fault.clone());
        assert_eq!(shop.login(&code).await, Answer::Unavailable, "{fault:?}");
        shop.provider.mend();
        assert_eq!(shop.login(&code).await, Answer::Refused, "{fault:?}");
        assert_eq!(shop.provider.requests(Endpoint::Token), 1, "{fault:?}");
        let next = shop.sign_in().await;
        assert!(matches!(next, Answer::SignedIn { .. }), "{fault:?}: {next:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_a_verifier_is_a_bad_request_and_goes_nowhere() {
    let shop = Shop::of(&provider());
    let code = shop.provider.authorize(consent());
    for verifier in [
        "a".repeat(42),
        "a".repeat(129),
        format!("{} ", "a".repeat(43)),
        format!("{}+", "a".repeat(43)),
        format!("{}=", "a".repeat(43)),
        format!("{}\u{e4}", "a".repeat(43)),
        format!("{}\n", "a".repeat(43)),
        String::new(),
    ] {
        let mut data = login(&code);
        data["oauth_code_verifier"] = verifier.as_str().into();
        let expected = Answer::Invalid(vec!["oauth_code_verifier".to_owned()]);
        assert_eq!(shop.post(data).await, expected, "{verifier:?}");
    }
    assert_eq!(shop.provider.requests(Endpoint::Token), 0);
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 0);
    let answer = shop.login(&code).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "the code was not spent: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn missing_fields_are_named_together() {
    let shop = Shop::of(&provider());
    let all = ["oauth_authorization_code", "oauth_redirect_uri", "oauth_code_verifier"];
    let mut data = login("code");
    for name in all {
        data.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(shop.post(data).await, Answer::Invalid(all.map(str::to_owned).into()));
    for name in all {
        for value in [serde_json::json!(""), serde_json::json!(7), serde_json::Value::Null] {
            let mut data = login("code");
            data[name] = value;
            assert_eq!(shop.post(data).await, Answer::Invalid(vec![name.to_owned()]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_is_not_the_codes_own_is_refused() {
    let shop = Shop::of(&provider());
    let code = shop.provider.authorize(consent());
    let mut data = login(&code);
    data["oauth_code_verifier"] = "b".repeat(43).into();
    assert_eq!(shop.post(data).await, Answer::Refused);
    assert_eq!(shop.provider.requests(Endpoint::Token), 1);
    assert_eq!(shop.login(&code).await, Answer::Refused, "there is no second guess");
    assert_eq!(shop.provider.requests(Endpoint::Token), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_uri_is_compared_exactly_and_an_unknown_one_goes_nowhere() {
    let shop = Shop::of(&provider());
    let code = shop.provider.authorize(consent());
    for uri in [
        "https://evil.example/",
        "https://shop.example/signed-in",
        "https://shop.example/signed-in?from=provider&x=1",
        "https://shop.example/signed-in?from=provider#",
        "https://shop.example:443/signed-in?from=provider",
        "HTTPS://shop.example/signed-in?from=provider",
        "not a URL",
    ] {
        let mut data = login(&code);
        data["oauth_redirect_uri"] = uri.into();
        assert_eq!(shop.post(data).await, Answer::Refused, "{uri}");
    }
    assert_eq!(shop.provider.requests(Endpoint::Token), 0);
    let answer = shop.login(&code).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "the code was not spent: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_code_of_another_client_or_for_another_redirect_uri_is_refused() {
    let provider = provider().public_client("another");
    let shop = Shop::of(&provider);
    for consent in [
        Consent::new("another", REDIRECT, CHALLENGE, "ron"),
        Consent::new(CLIENT, "https://other.example/", CHALLENGE, "ron"),
    ] {
        assert_eq!(shop.sign_in_by(consent.clone()).await, Answer::Refused, "{consent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_confidential_client_may_send_its_secret_in_the_form() {
    let secret = "a+secret/%:&=\u{e9}";
    let provider = provider_with(es256("k1")).post_client(CLIENT, secret);
    let profile = profile().client_secret(secret).auth_method(ClientAuthMethod::Post);
    let shop = Shop::with_profile(&provider, profile);
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    let request = provider.last_token_request().unwrap();
    assert_eq!(request.authorization(), None);
    assert_eq!(request.parameter("client_secret"), Some(secret));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_provider_does_not_take_is_our_fault_and_not_the_customers() {
    let provider = provider_with(es256("k1")).basic_client(CLIENT, "right");
    let shop = Shop::with_profile(&provider, profile().client_secret("wrong"));
    assert_eq!(shop.sign_in().await, Answer::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn the_provider_is_asked_by_each_login_however_often_it_failed() {
    let shop = Shop::of(&provider());
    shop.provider.fail_times(Endpoint::Token, 50, Fault::Status(StatusCode::BAD_GATEWAY));
    for _ in 0..50 {
        assert_eq!(shop.sign_in().await, Answer::Unavailable);
    }
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    assert_eq!(shop.provider.requests(Endpoint::Token), 51, "and none is repeated");
}

#[tokio::test(start_paused = true)]
async fn the_redirect_uri_chooses_the_profile() {
    let one = provider().public_client("mobile");
    let mobile = "com.example.shop:/signed-in";
    let profiles = [profile(), OidcProfile::new(ISSUER, "mobile").redirect_uri(mobile)];
    let shop = Shop::whole(
        &one,
        |grant, _| {
            let http = HttpClient::new(one.clone());
            profiles.into_iter().fold(grant.http_client(http), OidcGrantBuilder::profile)
        },
        |issuer| issuer,
    );
    let web = shop.sign_in().await;
    assert_eq!(one.last_token_request().unwrap().parameter("client_id"), Some(CLIENT));
    let code = one.authorize(Consent::new("mobile", mobile, CHALLENGE, "ron"));
    let mut data = login(&code);
    data["oauth_redirect_uri"] = mobile.into();
    let app = shop.post(data).await;
    assert_eq!(one.last_token_request().unwrap().parameter("client_id"), Some("mobile"));
    assert_eq!(app.customer(), web.customer(), "one issuer, one subject, one customer");
}
