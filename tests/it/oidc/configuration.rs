//! What is refused before anybody signs in, and what a profile lets its provider say.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::runtime::Handle;
use tower::ServiceExt;
use tower::service_fn;
use tower_customer_auth::ConfigError;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::issuer::OidcGrantBuilder;
use tower_customer_auth::oidc::ClientAuthMethod;
use tower_customer_auth::oidc::HttpClient;
use tower_customer_auth::oidc::OidcProfile;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::MemoryCustomers;

use crate::oidc::kit::Answer;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::ISSUER;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::es256;
use crate::oidc::kit::pass;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::provider_with;

fn build(profiles: impl IntoIterator<Item = OidcProfile>) -> Result<(), ConfigError> {
    let grant = OidcGrant::builder(MemoryCustomers::new()).http_client(HttpClient::new(provider()));
    profiles.into_iter().fold(grant, OidcGrantBuilder::profile).build().map(drop)
}

fn refused(profile: OidcProfile) -> String {
    build([profile]).unwrap_err().to_string()
}

#[test]
fn an_issuer_is_an_https_url_in_so_many_characters() {
    let white = "it has white space, a backslash, or other than ASCII";
    let relative = "it is not an absolute URL";
    for (issuer, why) in [
        ("", relative),
        ("id.example", relative),
        ("https:id.example", relative),
        ("HTTPS://id.example", relative),
        ("https://id.example\n", white),
        ("\thttps://id.example", white),
        ("https://id.exa\nmple", white),
        ("https:\\\\id.example", white),
        ("https://id.example/a b", white),
        ("http://id.example", "it is not https"),
        ("http://127.0.0.1:1", "it is not https"),
        ("ftp://id.example", "it is not https"),
        ("https://id.example/#a", "it has a fragment"),
        ("https://id.example/?a", "it has a query, or more than 2048 bytes"),
    ] {
        let profile = OidcProfile::new(issuer, CLIENT).redirect_uri(REDIRECT);
        let expected = format!("issuer {issuer:?} is not usable: {why}");
        assert_eq!(refused(profile), expected);
    }
    let long = OidcProfile::new(format!("{ISSUER}/{}", "a".repeat(2048)), CLIENT);
    assert!(refused(long.redirect_uri(REDIRECT)).ends_with("more than 2048 bytes"));
    let credentials = OidcProfile::new("https://me:secret@id.example", CLIENT);
    let shown = refused(credentials.redirect_uri(REDIRECT));
    assert_eq!(shown, r#"issuer "id.example" is not usable: it has credentials"#);
}

#[test]
fn a_redirect_uri_is_absolute_somewhere_and_one_profiles_alone() {
    for (uri, why) in [
        ("/", "it is not an absolute URL"),
        ("https://shop.example/#a", "it has a fragment"),
        (" https://shop.example/", "it has white space, or other than ASCII"),
        ("https://shop.example/\n", "it has white space, or other than ASCII"),
        ("javascript:alert(1)", "it is not a redirection target"),
        ("data:text/html,x", "it is not a redirection target"),
    ] {
        let expected = format!("redirect_uri {uri:?} is not usable: {why}");
        assert_eq!(refused(OidcProfile::new(ISSUER, CLIENT).redirect_uri(uri)), expected);
    }
    let app = OidcProfile::new(ISSUER, CLIENT).redirect_uri("com.example.shop:/signed-in");
    assert_eq!(build([app]), Ok(()));
    let none = OidcProfile::new(ISSUER, CLIENT);
    assert_eq!(build([none]), Err(ConfigError::NoRedirectUris { client_id: CLIENT.to_owned() }));
    let twice = Err(ConfigError::DuplicateRedirectUri { uri: REDIRECT.to_owned() });
    assert_eq!(build([profile(), profile().client_secret("another")]), twice);
    assert_eq!(build([profile().redirect_uri(REDIRECT)]), twice);
    assert_eq!(build([]), Err(ConfigError::NoProfiles));
}

#[test]
fn a_client_has_an_id_and_a_secret_that_is_text() {
    let nameless = OidcProfile::new(ISSUER, "").redirect_uri(REDIRECT);
    assert_eq!(build([nameless]), Err(ConfigError::Empty { setting: "client_id" }));
    let empty = Err(ConfigError::Empty { setting: "client_secret" });
    assert_eq!(build([profile().client_secret("")]), empty);
    let not_text = Err(ConfigError::NotText { setting: "client_secret" });
    assert_eq!(build([profile().client_secret("secret\n")]), not_text);
    assert_eq!(build([profile().client_secret(vec![0xFF; 32])]), not_text);
}

#[tokio::test(start_paused = true)]
async fn an_https_issuer_never_sends_codes_and_secrets_by_http_to_this_machine() {
    let provider = provider_with(es256("k1")).post_client(CLIENT, "the client secret");
    provider.rewrite(Endpoint::Discovery, |document| {
        document["token_endpoint"] = "http://127.0.0.1:6379/".into();
        document["jwks_uri"] = "http://localhost:8500/v1/kv/?keys".into();
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (heard, inner) = (asked.clone(), provider.clone());
    let http = HttpClient::new(service_fn(move |request: Request<Full<Bytes>>| {
        heard.lock().unwrap().push(request.uri().to_string());
        inner.clone().oneshot(request)
    }));
    // The switch is about issuers that are themselves on this machine.
    let profile = profile()
        .client_secret("the client secret")
        .auth_method(ClientAuthMethod::Post)
        .dangerously_allow_http_on_loopback();
    let shop = Shop::whole(&provider, |grant, _| grant.http_client(http).profile(profile), |i| i);
    assert_eq!(shop.sign_in().await, Answer::Unavailable);
    let metadata = format!("{ISSUER}/.well-known/openid-configuration");
    assert!(asked.lock().unwrap().iter().all(|uri| *uri == metadata), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_dropped_leaves_no_task() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..10 {
        let grant = OidcGrant::builder(MemoryCustomers::new())
            .http_client(HttpClient::new(provider()))
            .profile(profile())
            .build()
            .unwrap();
        grant.prefetch();
        pass(Duration::from_secs(1)).await;
        assert_eq!(tasks(), before + 1, "what renews the keys");
        drop(grant);
        pass(Duration::from_secs(1)).await;
        assert_eq!(tasks(), before);
    }
}
