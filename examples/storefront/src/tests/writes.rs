//! Writes that wait: for a locked file, and for a change that revokes their token.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::future::FutureExt;
use futures_util::future::join;
use futures_util::future::join_all;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use tower_customer_auth::customer::CustomerUpdate;

use super::Answer;
use super::Client;
use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use super::UNKNOWN;
use crate::access::Caller;

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
async fn writers_that_hang_up_leave_readers_their_connections() {
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
            // Until it waits for the file. Then the client hangs up.
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

#[tokio::test]
async fn a_write_that_waits_behind_a_change_that_revokes_its_token_is_refused() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let (ron, leslie) = (shop.signed_in(RON).await, shop.signed_in(LESLIE).await);
    let office = shop.client(&shop.office().await);
    let record = format!("/v2/customers/{RON}");
    let book = format!("{record}/addresses");
    let addresses = office.get(&book).await.text;
    let entry = ron.get(&book).await.data(200)[0].clone();
    let path = format!("{book}/{}", entry["id"].as_str().unwrap());

    let mut change = shop.store.begin_for(&Caller::Store).await.unwrap();
    let password = shop.store.hasher.hash("a better secret".into()).await.unwrap();
    let update = CustomerUpdate::new().password(password);
    let changed = change.update(&RON.parse().unwrap(), &update).await.unwrap().unwrap();

    let of_another = format!("/v2/customers/{LESLIE}");
    let writes = join_all([
        ron.put(&record, json!({ "email": "thief@example.com" })).boxed(),
        ron.put(&record, json!({ "password": "of a thief" })).boxed(),
        ron.post(&book, entry).boxed(),
        ron.put(&path, json!({ "line_2": "x" })).boxed(),
        ron.delete(&path).boxed(),
        leslie.put(&of_another, json!({ "name": "Leslie" })).boxed(),
        office.put(&record, json!({ "name": "Duke Silver" })).boxed(),
    ]);
    // The tokens are verified meanwhile, and all of them are valid.
    let meanwhile = async {
        for _ in 0..10 {
            assert_eq!(ron.get("/v2/orders").await.status, 200);
        }
        change.commit().await.unwrap();
    };
    let (answers, ()) = join(writes, meanwhile).await;
    for answer in &answers[..5] {
        answer.plainly_refused(403);
        // By the transaction, and not by the layer.
        assert_eq!(answer.json()["errors"][0]["detail"], "the customer token has been revoked");
    }
    assert_eq!([answers[5].status, answers[6].status], [200, 200]);
    assert_eq!(office.get(&record).await.data(200)["email"], changed.customer().email());
    ron.login("ron@swanson.com", "of a thief").await.plainly_refused(403);
    assert_eq!(office.get(&book).await.text, addresses);
}

#[tokio::test]
async fn a_database_in_memory_has_room_for_many_writers_on_its_one_connection() {
    let shop = Shop::open().await;
    let (ron, office) = (shop.signed_in(RON).await, shop.client(&shop.office().await));
    let record = format!("/v2/customers/{RON}");
    let book = format!("{record}/addresses");
    let entry = ron.get(&book).await.data(200)[0].clone();
    let path = format!("{book}/{}", entry["id"].as_str().unwrap());
    let absent = format!("{book}/{UNKNOWN}");
    let requests = (0..8).flat_map(|n| {
        [
            ron.put(&record, json!({ "name": format!("Ron {n}") })).boxed(),
            ron.post(&book, entry.clone()).boxed(),
            ron.put(&path, json!({ "line_2": format!("{n}") })).boxed(),
            ron.delete(&absent).boxed(),
            office.put(&record, json!({ "email": "leslie@pawnee.gov" })).boxed(),
            ron.get("/v2/orders").boxed(),
        ]
    });
    let answers = join_all(requests.collect::<Vec<_>>()).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 201, 200, 404, 409, 200].repeat(8));
    assert_eq!(ron.put(&record, json!({ "password": "a better secret" })).await.status, 200);
    ron.put(&path, json!({ "line_2": "x" })).await.plainly_refused(403);
    assert_eq!(office.delete(&record).await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_write_of_a_revoked_token_lands_after_the_change_of_the_password_was_answered() {
    let folder = Folder::new();
    let shop = Arc::new(Shop::open_file(&folder.file()).await);
    let record = format!("/v2/customers/{RON}");
    let book = format!("{record}/addresses");
    let entry = shop.signed_in(RON).await.get(&book).await.data(200)[0]["id"].clone();
    let entry = format!("{book}/{}", entry.as_str().unwrap());
    for round in 0..16 {
        // After the cut-off of the previous round.
        shop.clock.advance(Duration::from_secs(2));
        let token = shop.customer_token(RON);
        let landed = Arc::new(AtomicUsize::new(0));
        let thieves = (0..24).map(|thief| {
            let (shop, token, landed) = (shop.clone(), token.clone(), landed.clone());
            let (record, entry) = (record.clone(), entry.clone());
            tokio::spawn(async move {
                let client = shop.client(&shop.implicit().await);
                let client = Client { customer: Some(token), ..client };
                for n in 0.. {
                    let value = format!("thief-{round}-{thief}-{n}@example.com");
                    let answer = match thief % 4 {
                        0 => client.put(&entry, json!({ "line_2": value })).await,
                        _ => client.put(&record, json!({ "email": value })).await,
                    };
                    match answer.status.as_u16() {
                        200 => landed.fetch_add(1, Ordering::Relaxed),
                        // Too many are waiting.
                        503 => continue,
                        _ => return answer.plainly_refused(403),
                    };
                }
            })
        });
        let thieves: Vec<_> = thieves.collect();
        while landed.load(Ordering::Relaxed) < 24 {
            tokio::task::yield_now().await;
        }
        let client = shop.client(&shop.implicit().await);
        let owner = Client { customer: Some(token), ..client };
        let password = json!({ "password": format!("a better secret {round}") });
        let changed = loop {
            let answer = owner.put(&record, password.clone()).await;
            if answer.status != 503 {
                break answer.data(200);
            }
        };
        let office = shop.client(&shop.office().await);
        let address = office.get(&entry).await.data(200);
        for thief in thieves {
            thief.await.unwrap();
        }
        assert_eq!(office.get(&record).await.data(200), changed, "round {round}");
        assert_eq!(office.get(&entry).await.data(200), address, "round {round}");
    }
}
