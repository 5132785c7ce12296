//! Requests that are limited by the address of their client.

use std::net::SocketAddr;

use axum::Extension;
use axum::extract::ConnectInfo;
use serde_json::Value;
use serde_json::json;

use super::RON;
use super::Shop;
use super::fields;

impl Shop {
    /// The same store, as clients at this address see it.
    fn at(&self, address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        Self {
            router: self.router.clone().layer(Extension(ConnectInfo(address))),
            store: self.store.clone(),
            clock: self.clock.clone(),
            keys: self.keys.clone(),
            pool: self.pool.clone(),
        }
    }
}

fn customer(email: &str) -> Value {
    json!({ "type": "customer", "name": "April", "email": email, "password": "i hate everything" })
}

#[tokio::test]
async fn of_one_source_30_registrations_are_hashed_at_once() {
    let shop = Shop::open().await;
    let here = shop.at("192.0.2.1:4711");
    let client = here.client(&here.implicit().await);
    for number in 0..15 {
        let email = format!("april{number}@pawnee.gov");
        // One succeeds, one reveals that the e-mail is taken, and one costs nothing.
        client.post("/v2/customers", customer(&email)).await.data(201);
        let taken = client.post("/v2/customers", customer(&email)).await;
        assert_eq!(taken.refused(409), fields(["email"]));
        let invalid = client.post("/v2/customers", customer("april")).await;
        assert_eq!(invalid.refused(400), fields(["email"]));
    }
    let refused = client.post("/v2/customers", customer("last@pawnee.gov")).await;
    refused.plainly_refused(429);
    assert_eq!(refused.headers["retry-after"], "10");
    // The logins of the source are limited together with them, and those of others are not.
    client.login("ron@swanson.com", "mysecretpassword").await.plainly_refused(429);
    let there = shop.at("192.0.2.2:4711");
    let client = there.client(&there.implicit().await);
    client.post("/v2/customers", customer("last@pawnee.gov")).await.data(201);
    client.login("ron@swanson.com", "mysecretpassword").await.data(200);
}

#[tokio::test]
async fn of_one_source_30_new_passwords_are_hashed_at_once() {
    let shop = Shop::open().await;
    let here = shop.at("192.0.2.1:4711");
    let path = format!("/v2/customers/{RON}");
    let office = here.client(&here.office().await);
    let password = json!({ "type": "customer", "password": "a new password" });
    for _ in 0..30 {
        office.put(&path, password.clone()).await.data(200);
    }
    let refused = office.put(&path, password).await;
    refused.plainly_refused(429);
    assert_eq!(refused.headers["retry-after"], "10");
    // No other change costs a hash.
    office.put(&path, json!({ "type": "customer", "name": "Ron" })).await.data(200);
}

#[tokio::test]
async fn a_login_that_is_limited_says_so_as_a_registration_does() {
    let shop = Shop::open().await;
    let here = shop.at("192.0.2.1:4711");
    let client = here.client(&here.implicit().await);
    for _ in 0..5 {
        client.login("ron@swanson.com", "wrong").await.plainly_refused(403);
    }
    let login = client.login("ron@swanson.com", "wrong").await;
    assert_eq!(
        (login.status.as_u16(), &login.headers["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    for number in 0..25 {
        let email = format!("april{number}@pawnee.gov");
        client.post("/v2/customers", customer(&email)).await.data(201);
    }
    let registration = client.post("/v2/customers", customer("last@pawnee.gov")).await;
    assert_eq!((registration.status, &registration.text), (login.status, &login.text));
}
