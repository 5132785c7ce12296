//! An axum server to put under load: a store's answer without a layer, with one that does nothing, and
//! with ours; a longer answer without and with ours; and logins.
//!
//! Prints a line each: `NAME ORIGIN` for each of these, `token TOKEN`, which the layers accept, and
//! `tokens TOKEN…`, a thousand more. Runs until it is stopped.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

use std::num::NonZeroUsize;

use axum::Json;
use axum::Router;
use axum::routing::get;
use axum::routing::post;
use peers::support::tokens;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tower::layer::util::Identity;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::Secret;
use tower_customer_auth::StaticBearer;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::testing::MemoryCustomers;
use tower_customer_auth::throttle::LoginThrottle;

const BEARER: &str = "a12b34c56d78e90f";
const CUSTOMER: &str = "/v2/customers/{customer}";
const TOKENS: usize = 1_000;

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
    // All log in to one account from one address. What is measured is the way to the hash.
    let throttle = LoginThrottle::builder().danger_unlimited().build().unwrap();
    let issuer = issuer.password(grant).throttle(throttle).build().unwrap();

    // The same routes on all, for the same search of a route.
    let rest = Router::new()
        .route("/oauth/access_token", post(async || Json(json!({ "access_token": BEARER }))))
        .route_service("/v2/customers/tokens", issuer);
    let bare = Router::new().route(CUSTOMER, get(async || Json(answer())));
    // What axum itself takes for any layer.
    let identity = bare.clone().layer(Identity::new());
    let verifier = Verifier::new(keys.clone());
    let cached = Verifier::builder(keys).cache(NonZeroUsize::new(TOKENS).unwrap()).build().unwrap();
    let customer = Router::new().route(CUSTOMER, get(async |_: CustomerId| Json(answer())));
    let layer = customer.clone().layer(CustomerAuthLayer::required(verifier.clone()));
    let cache = customer.layer(CustomerAuthLayer::required(cached));
    let orders = Router::new().route(CUSTOMER, get(async || Json(page(tokens::CUSTOMER))));
    let orders_layer = Router::new()
        .route(CUSTOMER, get(async |customer: CustomerId| Json(page(&customer.to_string()))))
        .layer(CustomerAuthLayer::required(verifier));

    for (name, app) in [
        ("bare", bare),
        ("identity", identity),
        ("layer", layer),
        ("cache", cache),
        ("orders", orders),
        ("orders-layer", orders_layer),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{name} http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, app.merge(rest.clone())).into_future());
    }
    let now = tokens::now();
    let token = |age| tokens::token(TokenForm::Compact, now - age);
    println!("token {}", token(0));
    let tokens: Vec<String> = (0..TOKENS as u64).map(token).collect();
    println!("tokens {}", tokens.join(" "));
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

/// A page of a customer's orders, as a small endpoint answers it: some 1.5 KB from owned values.
#[derive(Serialize)]
struct Page {
    data: Vec<Order>,
}

#[derive(Serialize)]
struct Order {
    r#type: String,
    id: String,
    customer_id: String,
    status: String,
    currency: String,
    total: u32,
    created_at: String,
}

// One code for both routes: inlined, the one without a layer would have its customer folded in.
#[inline(never)]
fn page(customer: &str) -> Page {
    let order = |number: u32| Order {
        r#type: "order".to_owned(),
        id: format!("{number:08x}-0d38-411a-8909-3aea58bc1f09"),
        customer_id: customer.to_owned(),
        status: "complete".to_owned(),
        currency: "USD".to_owned(),
        total: 1_000 + number,
        created_at: format!("2026-11-{number:02}T10:11:12Z"),
    };
    Page { data: (1..=8).map(order).collect() }
}
