//! Logout and refresh, at the paths of the issuer. `tests/clients/logout.test.mjs` has all responses.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;

use super::Client;
use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use super::UNKNOWN;

const TOKENS: &str = "/v2/customers/tokens";

fn everywhere(customer: &str) -> String {
    format!("/v2/customers/{customer}/tokens")
}

/// A client with the token of another login.
async fn login<'a>(shop: &'a Shop, email: &str, password: &str) -> Client<'a> {
    let client = shop.client(&shop.implicit().await);
    let token = client.login(email, password).await.data(200);
    Client { customer: token["token"].as_str().map(str::to_owned), ..client }
}

async fn ron(shop: &Shop) -> Client<'_> {
    login(shop, "ron@swanson.com", "mysecretpassword").await
}

async fn refreshed<'a>(client: &Client<'a>) -> Client<'a> {
    let body = json!({ "type": "token", "authentication_mechanism": "customer_token" });
    let token = client.post(TOKENS, body).await.data(200);
    Client {
        shop: client.shop,
        access: client.access.clone(),
        customer: token["token"].as_str().map(str::to_owned),
    }
}

#[tokio::test]
async fn a_logout_ends_its_session_and_survives_a_restart() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let (first, other) = (ron(&shop).await, ron(&shop).await);
    let second = refreshed(&first).await;
    assert_eq!(second.delete(TOKENS).await.status, 204);
    for (client, status) in [(&first, 403), (&second, 403), (&other, 200)] {
        assert_eq!(client.get("/v2/orders").await.status, status);
    }
    let tokens = [first, second, other].map(|client| client.customer);
    shop.pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    for (customer, status) in tokens.into_iter().zip([403, 403, 200]) {
        let client = Client { customer, ..shop.client(&shop.implicit().await) };
        assert_eq!(client.get("/v2/orders").await.status, status);
    }
}

#[tokio::test]
async fn a_session_that_is_logged_out_does_not_write() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let first = ron(&shop).await;
    let second = refreshed(&first).await;
    // Accepted before the logout.
    let callers = [&first, &second].map(|client| shop.caller(client.customer.as_ref().unwrap()));
    assert_eq!(first.delete(&format!("{TOKENS}/")).await.status, 204);
    for caller in &callers {
        let refused = shop.store.begin_for(caller).await.map(drop).unwrap_err();
        assert_eq!(refused.into_response().status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_customer_logs_out_everywhere_and_no_other_customer() {
    let shop = Shop::open().await;
    let (one, other, leslie) = (ron(&shop).await, ron(&shop).await, shop.signed_in(LESLIE).await);
    one.delete(&everywhere(LESLIE)).await.plainly_refused(404);
    assert_eq!(one.delete(&everywhere(RON)).await.status, 204);
    for (client, status) in [(&one, 403), (&other, 403), (&leslie, 200)] {
        assert_eq!(client.get("/v2/orders").await.status, status);
    }
}

#[tokio::test]
async fn the_back_office_logs_out_any_customer_and_a_page_none() {
    let shop = Shop::open().await;
    let ron = ron(&shop).await;
    let office = shop.client(&shop.office().await);
    shop.client(&ron.access).delete(&everywhere(RON)).await.plainly_refused(403);
    office.delete(&everywhere(UNKNOWN)).await.plainly_refused(404);
    assert_eq!(ron.get("/v2/orders").await.status, 200);
    assert_eq!(office.delete(&everywhere(RON)).await.status, 204);
    ron.get("/v2/orders").await.plainly_refused(403);
}

#[tokio::test]
async fn each_path_has_its_methods() {
    let shop = Shop::open().await;
    let ron = ron(&shop).await;
    let answer = ron.call("GET", TOKENS, None).await;
    answer.plainly_refused(405);
    assert_eq!(answer.headers["allow"], "DELETE, POST");
    let answer = ron.call("POST", &everywhere(RON), None).await;
    answer.plainly_refused(405);
    assert_eq!(answer.headers["allow"], "DELETE");
    let answer = ron.delete(TOKENS).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(answer.headers["cache-control"], "no-store");
}
