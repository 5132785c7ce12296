//! Settings of logout and refresh, and an issuer without them.

use super::*;
use crate::error::ConfigError;

fn sessions() -> Sessions {
    Sessions::new(MemoryCustomers::new())
}

#[test]
fn refuses_a_configuration_that_could_not_work() {
    let builder = || builder(MemoryCustomers::new(), hasher());
    let built = builder().sessions(sessions()).build();
    assert_eq!(built.err(), Some(ConfigError::NoRevocations));
    let (min, max) = (Duration::from_secs(1), 366 * DAY);
    for (value, is_good) in
        [(Duration::ZERO, false), (min - MS, false), (min, true), (max, true), (max + MS, false)]
    {
        let sessions = sessions().max_session(value);
        let built = builder().revocations(Revocations::in_memory()).sessions(sessions).build();
        let error = ConfigError::DurationOutOfRange { setting: "max_session", value, min, max };
        assert_eq!(built.err(), (!is_good).then_some(error), "{value:?}");
    }
    let only = TokenIssuer::builder(keys(), Clients)
        .revocations(Revocations::in_memory())
        .sessions(sessions())
        .build();
    assert_eq!(only.err(), Some(ConfigError::NoGrants));
}

#[tokio::test]
async fn without_it_there_is_no_logout_and_no_refresh() {
    let issuer =
        builder(customers().await, hasher()).revocations(Revocations::in_memory()).build().unwrap();
    let token = issuer.issue(&ron()).unwrap().token().to_owned();
    let only_post = Answer::refusal(
        405,
        Some(("allow", "POST")),
        r#"{"status":405,"title":"Method Not Allowed","detail":"Only POST is allowed"}"#,
    );
    for request in [logout_request("XXXX"), everywhere_request("XXXX", RON)] {
        let request = with_tokens(request, &[&token]);
        assert_eq!(Answer::of(&issuer, request).await, only_post);
    }
    let unknown = Answer::refusal(
        400,
        None,
        r#"{"status":400,"source":"authentication_mechanism","title":"invalid","detail":"authentication_mechanism must be password"}"#,
    );
    let request = with_tokens(refresh_request(), &[&token]);
    assert_eq!(Answer::of(&issuer, request).await, unknown);
}

#[tokio::test]
async fn with_it_each_resource_names_its_methods_and_the_mechanisms() {
    let shop = Shop::open().await;
    for (path, method, allow, detail) in [
        ("/v2/customers/tokens", "GET", "DELETE, POST", "Only DELETE and POST are allowed"),
        ("/v2/customers/tokens/", "OPTIONS", "DELETE, POST", "Only DELETE and POST are allowed"),
        ("/v2/customers/ron/tokens", "GET", "DELETE", "Only DELETE is allowed"),
        ("/v2/customers/ron/tokens", "POST", "DELETE", "Only DELETE is allowed"),
        ("/v2/customers/ron/tokens/", "POST", "DELETE", "Only DELETE is allowed"),
    ] {
        let mut request = login("ron@swanson.com", "mysecretpassword");
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        let error = format!(r#"{{"status":405,"title":"Method Not Allowed","detail":"{detail}"}}"#);
        let expected = Answer::refusal(405, Some(("allow", allow)), &error);
        assert_eq!(Answer::of(&shop.issuer, request).await, expected, "{method} {path}");
    }
    let body = r#"{"data":{"type":"token","authentication_mechanism":"oidc"}}"#;
    let expected = Answer::refusal(
        400,
        None,
        r#"{"status":400,"source":"authentication_mechanism","title":"invalid","detail":"authentication_mechanism must be password or customer_token"}"#,
    );
    assert_eq!(Answer::of(&shop.issuer, request(body)).await, expected);
    // Wherever it is mounted.
    let mut request = login("ron@swanson.com", "mysecretpassword");
    *request.uri_mut() = "/".parse().unwrap();
    assert_eq!(Answer::of(&shop.issuer, request).await.status, 200);
}

#[tokio::test]
async fn takes_the_tokens_that_the_issuer_is_configured_to_issue() {
    let list = Revocations::in_memory;
    let configured = |issuer: TokenIssuerBuilder| {
        issuer
            .audience("store")
            .issuer("https://shop.example")
            .lifetime(10 * DAY)
            .form(TokenForm::Legacy)
    };
    let shop = Shop::with(list(), configured, |sessions| sessions).await;
    let verifier = Verifier::builder(keys())
        .audience("store")
        .issuer("https://shop.example")
        .max_lifetime(10 * DAY)
        .clock(shop.clock.clone())
        .revocations(shop.revocations.clone())
        .build()
        .unwrap();
    let login = shop.log_in(&ron());
    shop.clock.advance(9 * DAY);
    let refreshed = shop.refreshed(&login).await;
    let verified = verifier.verify(refreshed.as_bytes()).unwrap();
    assert_eq!(verified.expires_at(), shop.clock.now() + 10 * DAY);
    assert_eq!(shop.log_out(&refreshed).await, ended());
    let refused = verifier.verify(login.as_bytes()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::Revoked);

    // Those of an issuer with other names are not.
    let other = Shop::open().await;
    let token = other.log_in(&ron());
    assert_eq!(shop.log_out(&token).await, no_valid_token());
    assert_eq!(shop.refresh(&token).await, no_valid_token());

    // One that issues shorter tokens now takes those of a day that it has issued before.
    let hours = Shop::with(list(), |issuer| issuer.lifetime(HOUR), |sessions| sessions).await;
    assert_eq!(hours.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn tokens_of_a_key_that_was_rotated_out_are_good_for_its_grace() {
    let ring = keys();
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let customers = customers().await;
    let issuer = TokenIssuer::builder(ring.clone(), Clients)
        .password(PasswordGrant::new(customers.clone()).hasher(hasher()))
        .revocations(Revocations::in_memory())
        .sessions(Sessions::new(customers))
        .clock(clock.clone())
        .build()
        .unwrap();
    let token = issuer.issue(&ron()).unwrap().token().to_owned();
    let next = SigningKey::hs256("fedcba9876543210fedcba9876543210").unwrap();
    ring.rotate_at(next, HOUR, clock.now());
    let refresh = || with_tokens(refresh_request(), &[&token]);
    assert_eq!(Answer::of(&issuer, refresh()).await.status, 200);
    clock.advance(HOUR);
    assert_eq!(Answer::of(&issuer, refresh()).await, no_valid_token());
    // Nothing tells it from a token that was never good.
    let logout = with_tokens(logout_request("XXXX"), &[&token]);
    assert_eq!(Answer::of(&issuer, logout).await, no_valid_token());
}

#[tokio::test]
async fn debug_shows_the_settings_and_no_customer() {
    let shop = Shop::open().await;
    let shown = format!("{:?} {:?}", sessions(), shop.issuer);
    assert!(shown.contains("Sessions { max_session: 2592000s, .. }"), "{shown}");
    assert!(!shown.contains("swanson"), "{shown}");
}
