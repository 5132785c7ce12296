//! Bodies that are held back, too long, or broken off.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header;
use axum::middleware::from_fn;
use axum::routing::post;
use futures_util::future::join;
use futures_util::stream;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::ServiceExt;

use super::Answer;
use super::RON;
use super::Shop;
use crate::body::WholeBody;
use crate::body::read_first;

/// A body that is held back, and what its sender sees and does.
struct Held {
    body: Body,
    /// Comes when somebody waits for the body.
    awaited: oneshot::Receiver<()>,
    /// Lets the body go on, to its end.
    end: oneshot::Sender<()>,
}

fn held(text: &'static str) -> Held {
    let (waits, awaited) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let body = Body::from_stream(stream::once(async move {
        // Not every test waits for it.
        let _ = waits.send(());
        ended.await.unwrap();
        Ok::<_, Infallible>(text)
    }));
    Held { body, awaited, end }
}

#[tokio::test]
async fn a_request_that_was_held_back_until_its_token_was_revoked_is_refused() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let path = format!("/v2/customers/{RON}");
    let Held { body, awaited, end } = held(r#"{"data":{"password":"of a thief"}}"#);
    let theft = Request::put(&path)
        .header(header::AUTHORIZATION, format!("Bearer {}", ron.access))
        .header("X-Moltin-Customer-Token", ron.customer.as_deref().unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap();
    let change = async {
        awaited.await.unwrap();
        let change = ron.put(&path, json!({ "password": "of its owner" })).await;
        end.send(()).unwrap();
        change
    };
    let (theft, change) = join(shop.send(theft), change).await;
    assert_eq!(change.status, 200);
    theft.plainly_refused(403);
    // In this second a login would wait for its end.
    shop.clock.advance(Duration::from_millis(750));
    ron.login("ron@swanson.com", "of a thief").await.plainly_refused(403);
    assert_eq!(ron.login("ron@swanson.com", "of its owner").await.status, 200);
}

#[tokio::test]
async fn a_request_that_was_held_back_until_its_access_token_expired_is_refused() {
    let shop = Shop::open().await;
    let Held { body, awaited, end } = held("{}");
    let request = Request::post("/v2/customers")
        .header(header::AUTHORIZATION, format!("Bearer {}", shop.implicit().await))
        .body(body)
        .unwrap();
    let expiry = async {
        awaited.await.unwrap();
        shop.clock.advance(Duration::from_secs(3600));
        end.send(()).unwrap();
    };
    let (answer, ()) = join(shop.send(request), expiry).await;
    answer.plainly_refused(401);
}

/// Sends a body to a route that tells how long it is.
async fn measure(body: Body) -> Answer {
    let length = async |WholeBody(body): WholeBody| body.len().to_string();
    let router = Router::new().route("/", post(length)).route_layer(from_fn(read_first));
    Answer::read(router.oneshot(Request::post("/").body(body).unwrap()).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_body_is_waited_for_10_seconds() {
    let Held { body, awaited, end } = held("late");
    let late = async {
        awaited.await.unwrap();
        tokio::time::sleep(Duration::from_millis(9_999)).await;
        end.send(()).unwrap();
    };
    let (answer, ()) = join(measure(body), late).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "4"));

    let begun = Instant::now();
    let Held { body, end, .. } = held("never");
    measure(body).await.plainly_refused(408);
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    drop(end);
}

#[tokio::test]
async fn a_body_of_64_kib_is_taken_and_a_longer_one_refused_with_and_without_its_length() {
    const LIMIT: usize = 64 * 1024;
    for (length, status) in [(LIMIT, 200), (LIMIT + 1, 413)] {
        let whole = vec![b'x'; length];
        let pieces: Vec<_> =
            whole.chunks(1000).map(<[u8]>::to_vec).map(Ok::<_, Infallible>).collect();
        for body in [Body::from(whole), Body::from_stream(stream::iter(pieces))] {
            let answer = measure(body).await;
            if status == 200 {
                assert_eq!((answer.status.as_u16(), answer.text), (200, LIMIT.to_string()));
            } else {
                answer.plainly_refused(status);
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_400() {
    let pieces = [Ok("{"), Err(io::ErrorKind::UnexpectedEof)];
    let pieces = pieces.map(|piece| piece.map_err(io::Error::from));
    measure(Body::from_stream(stream::iter(pieces))).await.plainly_refused(400);
}
