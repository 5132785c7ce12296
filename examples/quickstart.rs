//! Customer authentication for an axum service, in one line.
//!
//! `cargo run --features axum,issuer --example quickstart`, then try the printed line.
//! It listens on 127.0.0.1:8080; `QUICKSTART_ADDR` names another address.

use axum::Router;
use axum::routing::get;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Verifier;
use tower_customer_auth::sign::TokenSigner;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn app(keys: KeyRing) -> Router {
    Router::new()
        .route("/v2/orders", get(orders))
        .layer(CustomerAuthLayer::required(Verifier::new(keys))) // this one
}

async fn orders(customer: CustomerId) -> String {
    format!("the orders of {customer}")
}

#[tokio::main]
async fn main() -> Result<()> {
    // A real service takes the secret from its environment: `openssl rand -hex 32` makes one.
    let keys = KeyRing::hs256("an example's secret, known to all the world")?;
    let token = TokenSigner::new(keys.clone())?.sign(&"ron".parse()?, Some("Ron Swanson"))?;
    let address = std::env::var("QUICKSTART_ADDR").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    let host = listener.local_addr()?;
    println!("curl -H 'X-Moltin-Customer-Token: {}' {host}/v2/orders", token.token());
    Ok(axum::serve(listener, app(keys)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_customer_sees_their_orders_and_a_stranger_is_refused() -> Result<()> {
        let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
        let token = TokenSigner::new(keys.clone())?.sign(&"ron".parse()?, None)?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v2/orders", listener.local_addr()?);
        tokio::spawn(axum::serve(listener, app(keys)).into_future());

        let client = reqwest::Client::new();
        let signed_in = client.get(&url).header("X-Moltin-Customer-Token", token.token());
        assert_eq!(signed_in.send().await?.text().await?, "the orders of ron");
        assert_eq!(client.get(&url).send().await?.status(), 401);
        Ok(())
    }
}
