//! What a file that somebody else holds does to those who write, and to those who read.

use std::cell::Cell;

use futures_util::future::BoxFuture;
use futures_util::future::FutureExt;
use futures_util::future::join;
use futures_util::future::join_all;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;

use super::Answer;
use super::Folder;
use super::RON;
use super::Shop;

#[tokio::test]
async fn readers_go_on_while_every_writer_waits_for_a_locked_file() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let book = format!("/v2/customers/{RON}/addresses");
    let entry = ron.get(&book).await.data(200)[0]["id"].as_str().unwrap().to_owned();
    let entry = format!("{book}/{entry}");
    let record = format!("/v2/customers/{RON}");

    let other = SqliteConnectOptions::new().filename(folder.file());
    let mut other = other.connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let writes: Vec<BoxFuture<'_, Answer>> = (0..3)
        .flat_map(|_| {
            [
                ron.put(&record, json!({ "name": "Duke Silver" })).boxed(),
                ron.put(&entry, json!({ "line_2": "x" })).boxed(),
                ron.delete(&entry).boxed(),
                ron.put(&record, json!({ "password": "a better secret" })).boxed(),
            ]
        })
        .collect();
    let waiting = Cell::new(true);
    let writes = async {
        let answers = join_all(writes).await;
        waiting.set(false);
        answers
    };
    let reads = async {
        while waiting.get() {
            assert_eq!(ron.get("/v2/orders").await.status, 200);
        }
    };
    for answer in join(writes, reads).await.0 {
        answer.plainly_refused(503);
        assert_eq!(answer.headers["retry-after"], "1");
    }
    lock.rollback().await.unwrap();
    assert_eq!(ron.put(&entry, json!({ "line_2": "x" })).await.status, 200);
    assert_eq!(ron.delete(&entry).await.status, 204);
}

#[tokio::test]
async fn writers_who_go_away_leave_readers_their_connections() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let book = format!("/v2/customers/{RON}/addresses");
    let entry = ron.get(&book).await.data(200)[0]["id"].as_str().unwrap().to_owned();
    let entry = format!("{book}/{entry}");
    let other = SqliteConnectOptions::new().filename(folder.file());
    let mut other = other.connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let reads = async {
        for _ in 0..100 {
            assert_eq!(ron.get("/v2/orders").await.status, 200);
        }
    };
    let goers = async {
        for _ in 0..8 {
            let mut write = ron.put(&entry, json!({ "line_2": "x" })).boxed();
            // Until it waits for the file, and then the client hangs up.
            for _ in 0..200 {
                if (&mut write).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    };
    join(goers, reads).await;
    lock.rollback().await.unwrap();
}
