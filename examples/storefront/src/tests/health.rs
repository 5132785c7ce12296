//! `GET /healthz` and `GET /readyz`.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header;
use serde_json::json;

use super::Answer;
use super::MAX_STALENESS;
use super::RON;
use super::Shop;

async fn get(shop: &Shop, path: &str) -> Answer {
    let answer = shop.send(Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    answer
}

#[tokio::test]
async fn a_store_that_serves_is_alive_and_ready_without_any_token() {
    let shop = Shop::open().await;
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = get(&shop, path).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "status": status })));
    }
}

#[tokio::test]
async fn a_store_that_cannot_read_its_log_stops_being_ready_when_it_stops_verifying() {
    let shop = Shop::open().await;
    // No read succeeds from here on.
    let drop = "DROP TABLE customer_auth_revocations_epoch";
    sqlx::query(drop).execute(&shop.pool).await.unwrap();
    let millisecond = Duration::from_millis(1);
    shop.clock.advance(MAX_STALENESS - millisecond);
    assert_eq!(get(&shop, "/readyz").await.status, 200);
    shop.clock.advance(2 * millisecond);

    let answer = get(&shop, "/readyz").await;
    answer.plainly_refused(503);
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert_eq!(
        answer.json()["errors"][0]["detail"],
        "the revocation log was last read 86400001 ms ago, the limit is 86400000 ms"
    );
    shop.signed_in(RON).await.get("/v2/orders").await.plainly_refused(503);
    assert_eq!(get(&shop, "/healthz").await.status, 200);
}
