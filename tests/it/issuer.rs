//! The issuer in the stacks it is made for, by its public names alone.

use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Empty;
use http_body_util::Full;
use serde_json::Value;
use tower::Service;
use tower::ServiceBuilder;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::StaticBearer;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;

use crate::fixtures::CUSTOMER;
use crate::fixtures::keys;
use crate::support::accounts::customers;
use crate::support::accounts::hasher;

async fn grant() -> PasswordGrant {
    PasswordGrant::new(customers().await).hasher(hasher())
}

async fn issuer(keys: KeyRing, form: TokenForm) -> TokenIssuer {
    let clients = StaticBearer::new(["XXXX"]);
    TokenIssuer::builder(keys, clients).password(grant().await).form(form).build().unwrap()
}

fn login() -> Request<Full<Bytes>> {
    let body =
        r#"{"data":{"type":"token","email":"ron@swanson.com","password":"mysecretpassword"}}"#;
    Request::post("/v2/customers/tokens")
        .header("authorization", "Bearer XXXX")
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

async fn json<B>(response: Response<B>) -> Value
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn whoami(Extension(customer): Extension<CustomerId>) -> String {
    customer.to_string()
}

#[tokio::test]
async fn an_issued_token_opens_the_layer_of_the_same_key_ring() {
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        let keys = keys();
        let app = Router::new()
            .route("/v2/orders", get(whoami))
            .layer(CustomerAuthLayer::required(Verifier::new(keys.clone())))
            .route_service("/v2/customers/tokens", issuer(keys, form).await);
        let request = login().map(axum::body::Body::new);
        let token = json(app.clone().oneshot(request).await.unwrap()).await;
        let token = token["data"]["token"].as_str().unwrap();
        let request = Request::get("/v2/orders")
            .header("x-moltin-customer-token", token)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, CUSTOMER);
    }
}

#[tokio::test]
async fn stands_in_any_tower_stack() {
    let stack = ServiceBuilder::new()
        .buffer::<Request<Full<Bytes>>>(4)
        .concurrency_limit(1)
        .timeout(Duration::from_secs(60))
        .service(issuer(keys(), TokenForm::Compact).await);
    let mut stack = BoxCloneSyncService::new(stack);
    for _ in 0..3 {
        let response = stack.ready().await.unwrap().call(login()).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let mut request = login();
    request.headers_mut().remove("authorization");
    let response = stack.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_future_on_one_thread_alone_will_do() {
    // Neither the body nor the future is `Send`.
    let body = Empty::<Bytes>::new().map_err(|never| match never {});
    let body: std::pin::Pin<Box<dyn http_body::Body<Data = Bytes, Error = std::rc::Rc<str>>>> =
        Box::pin(body);
    let request = login().map(|_| body);
    let response = issuer(keys(), TokenForm::Compact).await.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 400);
}
