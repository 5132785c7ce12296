//! The default HTTP client, against the same provider on a loopback socket.

use std::time::Duration;

use http::StatusCode;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower_customer_auth::ConfigError;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::oidc::OidcProfile;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;
use tower_customer_auth::testing::MemoryCustomers;
use tower_customer_auth::testing::ScriptedProvider;

use crate::fixtures::clock;
use crate::oidc::kit::Answer;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::es256;
use crate::support::connections::accept;

/// A provider on a port of its own, until the test's runtime ends.
async fn serve() -> ScriptedProvider {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
    let provider = ScriptedProvider::new(&issuer, es256("k1")).clock(clock()).public_client(CLIENT);
    let served = provider.clone();
    accept(listener, move |stream| {
        let service = TowerToHyperService::new(served.clone());
        async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            // A fault of the provider's ends its connection.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        }
    });
    provider
}

fn profile(provider: &ScriptedProvider) -> OidcProfile {
    OidcProfile::new(provider.issuer(), CLIENT).redirect_uri(REDIRECT)
}

fn shop(provider: &ScriptedProvider) -> Shop {
    let profile = profile(provider).dangerously_allow_http_on_loopback();
    Shop::whole(
        provider,
        |grant, _| grant.profile(profile).timeout(Duration::from_millis(500)),
        |issuer| issuer,
    )
}

#[tokio::test]
async fn a_login_over_sockets() {
    let provider = serve().await;
    let shop = shop(&provider);
    let first = shop.sign_in().await;
    assert!(matches!(first, Answer::SignedIn { .. }), "{first:?}");
    assert_eq!(shop.sign_in().await, first);
    assert_eq!(provider.requests(Endpoint::Jwks), 1);
}

#[tokio::test]
async fn each_fault_over_sockets_is_503_and_no_redirect_is_followed() {
    let status = |code| StatusCode::from_u16(code).unwrap();
    for endpoint in [Endpoint::Discovery, Endpoint::Jwks, Endpoint::Token] {
        for fault in [
            Fault::Refused,
            Fault::Hang,
            Fault::Status(status(500)),
            Fault::Redirect(status(302)),
            Fault::Redirect(status(307)),
            Fault::Garbage,
            Fault::CutShort,
            Fault::Broken,
            Fault::Huge,
            Fault::Drip,
        ] {
            let provider = serve().await;
            let shop = shop(&provider);
            provider.fail(endpoint, fault.clone());
            assert_eq!(shop.sign_in().await, Answer::Unavailable, "{endpoint:?} {fault:?}");
            assert_eq!(provider.requests(Endpoint::Elsewhere), 0, "{fault:?} was followed");
            // A POST that met a dying connection must not be sent again behind our back.
            assert_eq!(provider.requests(endpoint), 1, "{endpoint:?} {fault:?}");
            // What the socket's buffers hold, beyond what was asked for.
            let read = provider.bytes_sent(endpoint);
            assert!(read < 12 << 20, "{endpoint:?} {fault:?}: {read}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_nobody_listens_for_is_503() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
    drop(listener);
    let provider = ScriptedProvider::new(&issuer, es256("k1"));
    assert_eq!(shop(&provider).sign_in().await, Answer::Unavailable);
}

#[tokio::test]
async fn http_is_for_loopback_and_for_whoever_says_so_alone() {
    let provider = serve().await;
    let customers = MemoryCustomers::new;
    let refused = OidcGrant::builder(customers()).profile(profile(&provider)).build().unwrap_err();
    assert_eq!(
        refused,
        ConfigError::InvalidUrl {
            setting: "issuer",
            url: provider.issuer().to_owned(),
            reason: "it is not https",
        }
    );
    let elsewhere = OidcProfile::new("http://id.example", CLIENT).redirect_uri(REDIRECT);
    let elsewhere = elsewhere.dangerously_allow_http_on_loopback();
    assert_eq!(
        OidcGrant::builder(customers()).profile(elsewhere).build().unwrap_err(),
        ConfigError::InvalidUrl {
            setting: "issuer",
            url: "http://id.example".to_owned(),
            reason: "it is neither https nor on this machine",
        }
    );
}
