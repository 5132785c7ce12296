//! An axum server to put under load: a store's answer without a layer, with one that does nothing, and
//! with ours; and logins.
//!
//! Prints a line each: `bare ORIGIN`, `identity ORIGIN`, `layer ORIGIN`, and `token TOKEN`, which the layer accepts. Runs until
//! it is stopped.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

use axum::Json;
use axum::Router;
use axum::routing::get;
use axum::routing::post;
use peers::support::tokens;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tower::layer::util::Identity;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::MemoryCustomers;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::PasswordHasher;
use tower_customer_auth::Secret;
use tower_customer_auth::StaticBearer;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;

const BEARER: &str = "a12b34c56d78e90f";
const CUSTOMER: &str = "/v2/customers/{customer}";

// As many workers as there are cores that it may use: `taskset` decides.
#[tokio::main]
async fn main() {
    let keys = KeyRing::new(tokens::key());
    let customers = MemoryCustomers::new();
    let ron = Customer::new(tokens::CUSTOMER.parse().unwrap(), "Ron Swanson", "ron@swanson.com");
    let hasher = PasswordHasher::new();
    let password = hasher.hash(Secret::from("mysecretpassword")).await.unwrap();
    customers.insert(&ron, Some(&password)).await.unwrap();
    let grant = PasswordGrant::new(customers).hasher(hasher);
    let issuer = TokenIssuer::builder(keys.clone(), StaticBearer::new([BEARER]));
    let issuer = issuer.password(grant).build().unwrap();

    // The same routes on all, for the same search of a route.
    let rest = Router::new()
        .route("/oauth/access_token", post(async || Json(json!({ "access_token": BEARER }))))
        .route_service("/v2/customers/tokens", issuer);
    let bare = Router::new().route(CUSTOMER, get(async || Json(answer())));
    // What axum itself takes for any layer.
    let identity = bare.clone().layer(Identity::new());
    let layer = Router::new()
        .route(CUSTOMER, get(async |_: CustomerId| Json(answer())))
        .layer(CustomerAuthLayer::required(Verifier::new(keys)));

    for (name, app) in [("bare", bare), ("identity", identity), ("layer", layer)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{name} http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app.merge(rest.clone())).into_future());
    }
    println!("token {}", tokens::token(TokenForm::Compact, tokens::now()));
    std::future::pending().await
}

fn answer() -> Value {
    json!({
        "data": {
            "type": "customer",
            "id": tokens::CUSTOMER,
            "name": "Ron Swanson",
            "email": "ron@swanson.com",
        },
    })
}
