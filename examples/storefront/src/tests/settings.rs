//! How customers sign in here, as a page finds it out.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;

use super::RON;
use super::Shop;

const SETTINGS: &str = "/v2/settings/customer-authentication";
const SECRET: &str = "correct horse battery staple";

/// Says of a provider what a sign-in needs to know.
async fn provider() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let origin = format!("http://{addr}");
    let metadata = json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/auth"),
        "token_endpoint": format!("{origin}/token"),
        "jwks_uri": format!("{origin}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    // The public key of RFC 7515 appendix A.3.
    let keys = json!({ "keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }] });
    let routes = Router::new()
        .route("/.well-known/openid-configuration", get(async || axum::Json(metadata)))
        .route("/jwks", get(async || axum::Json(keys)));
    tokio::spawn(async { axum::serve(listener, routes).await });
    addr
}

/// Where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn shop_with(provider: SocketAddr, more: &[(&str, &str)]) -> Shop {
    let issuer = format!("http://{provider}");
    let mut variables = vec![
        ("STOREFRONT_OIDC_ISSUER", issuer.as_str()),
        ("STOREFRONT_OIDC_CLIENT_ID", "shop"),
        ("STOREFRONT_OIDC_CLIENT_SECRET", SECRET),
        ("STOREFRONT_OIDC_REDIRECT_URI", "https://shop.example/"),
        ("STOREFRONT_OIDC_INSECURE_LOOPBACK", "1"),
    ];
    variables.extend(more);
    Shop::with_provider(&variables).await
}

/// The path of the profiles, as a client finds it.
async fn profiles(shop: &Shop) -> String {
    let anybody = shop.client(&shop.implicit().await);
    let settings = anybody.get(SETTINGS).await.data(200);
    let realm = settings["relationships"]["authentication-realm"]["data"]["id"].as_str().unwrap();
    format!("/v2/authentication-realms/{realm}/oidc-profiles")
}

#[tokio::test]
async fn the_settings_name_a_realm() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    let data = anybody.get(SETTINGS).await.data(200);
    let realm = &data["relationships"]["authentication-realm"]["data"];
    assert_eq!(
        data,
        json!({
            "id": data["id"].as_str().unwrap(),
            "type": "customer-authentication-settings",
            "meta": { "client_id": "customers" },
            "relationships": {
                "authentication-realm": {
                    "data": {
                        "id": realm["id"].as_str().unwrap(),
                        "type": "authentication-realm",
                        "duplicate_email_policy": "allowed",
                    },
                },
            },
        })
    );
}

#[tokio::test]
async fn the_settings_name_the_policy_for_duplicate_emails() {
    for policy in ["allowed", "api_only", "disallowed"] {
        let variable = ("STOREFRONT_OIDC_DUPLICATE_EMAIL", policy);
        let shop = shop_with(nobody().await, &[variable]).await;
        let data = shop.client(&shop.implicit().await).get(SETTINGS).await.data(200);
        let realm = &data["relationships"]["authentication-realm"]["data"];
        assert_eq!(realm["duplicate_email_policy"], policy);
    }
}

#[tokio::test]
async fn without_a_provider_the_realm_has_no_profiles() {
    let shop = Shop::open().await;
    let path = profiles(&shop).await;
    let anybody = shop.client(&shop.implicit().await);
    assert_eq!(anybody.get(&path).await.data(200), json!([]));
}

#[tokio::test]
async fn a_profile_links_to_where_the_browser_is_sent() {
    let provider = provider().await;
    let shop = shop_with(provider, &[]).await;
    let path = profiles(&shop).await;
    let anybody = shop.client(&shop.implicit().await);

    let list = anybody.get(&path).await;
    let data = list.data(200);
    let id = data[0]["id"].as_str().unwrap();
    let mut profile = json!({
        "type": "oidc-profile",
        "id": id,
        "name": provider.to_string(),
        "client_id": "shop",
        "discovery_url": format!("http://{provider}/.well-known/openid-configuration"),
        "meta": { "issuer": format!("http://{provider}") },
    });
    let links = json!({ "authorization-endpoint": format!("http://{provider}/auth") });
    let single = anybody.get(&format!("{path}/{id}")).await;
    assert_eq!(single.json(), json!({ "data": profile, "links": links }));
    profile["links"] = links;
    assert_eq!(list.json(), json!({ "data": [profile] }));

    for answer in [list, single] {
        assert!(!answer.text.contains(SECRET), "{}", answer.text);
    }
    assert_eq!(anybody.get(&format!("{path}/")).await.status, 200);
}

#[tokio::test]
async fn a_profile_keeps_its_id_from_start_to_start() {
    let provider = nobody().await;
    let mut ids: Vec<Value> = Vec::new();
    for _ in 0..2 {
        let shop = shop_with(provider, &[]).await;
        let anybody = shop.client(&shop.implicit().await);
        ids.push(anybody.get(&profiles(&shop).await).await.data(200)[0]["id"].take());
    }
    assert_ne!(ids[0], Value::Null);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_provider_that_is_down_takes_the_link_from_the_list_and_makes_a_single_profile_a_503() {
    let shop = shop_with(nobody().await, &[]).await;
    let path = profiles(&shop).await;
    let anybody = shop.client(&shop.implicit().await);
    let list = anybody.get(&path).await.data(200);
    assert_eq!(list[0]["links"], json!({}));
    assert_eq!(list[0]["client_id"], "shop");

    let single = anybody.get(&format!("{path}/{}", list[0]["id"].as_str().unwrap())).await;
    single.plainly_refused(503);
    assert_eq!(single.headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn an_unknown_realm_or_profile_is_not_found() {
    let shop = shop_with(nobody().await, &[]).await;
    let path = profiles(&shop).await;
    let anybody = shop.client(&shop.implicit().await);
    let other = "/v2/authentication-realms/00000000-0000-4000-8000-000000000000/oidc-profiles";
    for path in [other.to_owned(), format!("{other}/x"), format!("{path}/x")] {
        anybody.get(&path).await.plainly_refused(404);
    }
}

#[tokio::test]
async fn an_access_token_alone_opens_them_and_nothing_less_does() {
    let shop = shop_with(nobody().await, &[]).await;
    let path = profiles(&shop).await;
    for path in [SETTINGS, path.as_str()] {
        for access in [shop.implicit().await, shop.office().await] {
            assert_eq!(shop.client(&access).get(path).await.status, StatusCode::OK);
        }
        assert_eq!(shop.signed_in(RON).await.get(path).await.status, StatusCode::OK);
        shop.client("unknown").get(path).await.plainly_refused(401);
    }
}
