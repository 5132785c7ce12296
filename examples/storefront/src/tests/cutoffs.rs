//! What a start knows of the cut-offs that earlier ones kept.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::revocation::RevokeErrorKind;
use tower_customer_auth::sign::SignError;
use tower_customer_auth::sign::TokenSigner;
use tower_customer_auth::testing::ManualClock;

use super::Client;
use super::Folder;
use super::RON;
use super::START;
use super::Shop;
use crate::config::Database;
use crate::cutoffs;
use crate::database;
use crate::problem::Problem;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ron() -> CustomerId {
    RON.parse().unwrap()
}

fn ron_path() -> String {
    format!("/v2/customers/{RON}")
}

/// Milliseconds since the beginning of the second in which every test begins.
fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(START) + Duration::from_millis(millis)
}

fn nanos(time: SystemTime) -> i64 {
    let elapsed = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    elapsed.as_nanos().try_into().unwrap()
}

async fn open(folder: &Folder) -> SqlitePool {
    let customers = database::open(&Database::File(folder.file())).await.unwrap();
    customers.pool().clone()
}

/// What a signer says of Ron at these times, by the list of a start at `now`.
async fn signs<const N: usize>(
    pool: &SqlitePool,
    now: SystemTime,
    times: [SystemTime; N],
) -> [Result<SystemTime, Refused>; N] {
    let list = Revocations::in_memory();
    cutoffs::replay(pool, &list, now).await.unwrap();
    let clock = Arc::new(ManualClock::at(now));
    let keys = KeyRing::hs256("a key that these tests alone use").unwrap();
    let signer = TokenSigner::builder(keys).clock(clock.clone()).revocations(list);
    let signer = signer.build().unwrap();
    times.map(|time| {
        clock.set(time);
        match signer.sign_at(&ron(), None, time) {
            Ok(token) => Ok(token.issued_at()),
            Err(SignError::NotYet { valid_from }) => Err(Refused::Until(valid_from)),
            Err(SignError::Revoked) => Err(Refused::Revoked),
            Err(other) => panic!("{other}"),
        }
    })
}

#[derive(Debug, PartialEq)]
enum Refused {
    /// The login waits, and then gets in.
    Until(SystemTime),
    /// The login gets a 403.
    Revoked,
}

#[tokio::test]
async fn the_right_password_is_not_refused_after_a_restart_in_the_second_of_its_change() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    assert_eq!(ron.put(&ron_path(), json!({ "password": "a better secret" })).await.status, 200);
    shop.pool.close().await;

    let pool = open(&folder).await;
    assert_eq!(
        signs(&pool, at(251), [at(249), at(250), at(999), at(1_000)]).await,
        [
            Err(Refused::Revoked),
            Err(Refused::Until(at(1_000))),
            Err(Refused::Until(at(1_000))),
            Ok(at(1_000)),
        ]
    );
}

#[tokio::test]
async fn one_start_with_a_clock_that_is_days_ahead_makes_no_ended_token_good_again() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let stolen = ron.customer.clone();
    assert_eq!(ron.put(&ron_path(), json!({ "password": "a better secret" })).await.status, 200);
    shop.pool.close().await;

    let pool = open(&folder).await;
    cutoffs::replay(&pool, &Revocations::in_memory(), at(250) + 2 * DAY).await.unwrap();
    pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    let thief = Client { customer: stolen, ..shop.client(&shop.implicit().await) };
    thief.get(&ron_path()).await.plainly_refused(403);
}

/// When the cut-off lies of a change that was begun at the beginning, and whose process died.
async fn cut_off_of_a_begun_change(start: SystemTime) -> SystemTime {
    let folder = Folder::new();
    let pool = open(&folder).await;
    let begin = "INSERT INTO storefront_changes_begun (customer_id, begun_at) VALUES (?1, ?2)";
    sqlx::query(begin).bind(RON).bind(nanos(at(0))).execute(&pool).await.unwrap();
    cutoffs::replay(&pool, &Revocations::in_memory(), start).await.unwrap();
    let begun = sqlx::query_scalar("SELECT count(*) FROM storefront_changes_begun");
    assert_eq!(begun.fetch_one(&pool).await.ok(), Some(0_i64));
    let cut_off = "SELECT moment, valid_from FROM storefront_token_cutoffs WHERE customer_id = ?1";
    let cut_off = sqlx::query_as(cut_off).bind(RON).fetch_one(&pool).await;
    let (moment, valid_from): (i64, i64) = cut_off.unwrap();
    assert_eq!(valid_from, moment / 1_000_000_000 + i64::from(moment % 1_000_000_000 > 0));
    SystemTime::UNIX_EPOCH + Duration::from_nanos(moment.try_into().unwrap())
}

#[tokio::test]
async fn a_begun_change_is_cut_off_at_the_next_start_but_no_later_than_a_change_can_last() {
    for (start, cut_off) in [
        (at(5_001), at(5_001)),
        (at(60_000), at(60_000)),
        // Hours later, and by a clock that is days ahead.
        (at(3_600_000), at(60_000)),
        (at(0) + 2 * DAY, at(60_000)),
        // By a clock that is behind.
        (at(0) - DAY, at(0)),
    ] {
        assert_eq!(cut_off_of_a_begun_change(start).await, cut_off, "{start:?}");
    }
}

#[tokio::test]
async fn a_database_without_exact_moments_is_taken_over_and_keeps_its_cut_offs() {
    let folder = Folder::new();
    let options = SqliteConnectOptions::new().filename(folder.file()).create_if_missing(true);
    let mut old = options.connect().await.unwrap();
    for statement in [
        "CREATE TABLE storefront_changes_begun (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            customer_id TEXT NOT NULL
        ) STRICT",
        "CREATE TABLE storefront_token_cutoffs (
            customer_id TEXT PRIMARY KEY NOT NULL,
            valid_from INTEGER NOT NULL
        ) STRICT",
        "INSERT INTO storefront_changes_begun (customer_id) VALUES ('leslie')",
        "INSERT INTO storefront_token_cutoffs VALUES \
            ('79cc0486-bbdf-491b-a0a2-722383b6288b', 1780000001)",
    ] {
        sqlx::query(statement).execute(&mut old).await.unwrap();
    }
    old.close().await.unwrap();

    let nanosecond = Duration::from_nanos(1);
    for _ in 0..2 {
        let pool = open(&folder).await;
        assert_eq!(
            signs(&pool, at(5_000), [at(0), at(0) + nanosecond, at(999), at(1_000)]).await,
            [
                Err(Refused::Revoked),
                Err(Refused::Until(at(1_000))),
                Err(Refused::Until(at(1_000))),
                Ok(at(1_000)),
            ]
        );
        let all = "SELECT customer_id, moment, valid_from FROM storefront_token_cutoffs \
            ORDER BY customer_id DESC";
        let all: Vec<(String, Option<i64>, i64)> =
            sqlx::query_as(all).fetch_all(&pool).await.unwrap();
        let start = i64::try_from(START).unwrap();
        assert_eq!(
            all,
            [
                // When it was begun was not noted.
                ("leslie".to_owned(), Some(nanos(at(5_000))), start + 5),
                (RON.to_owned(), None, start + 1),
            ]
        );
        pool.close().await;
    }
}

#[tokio::test]
async fn a_change_is_refused_before_it_is_made_when_the_list_of_revocations_is_full() {
    let folder = Folder::new();
    let pool = open(&folder).await;
    let clock = Arc::new(ManualClock::at(at(250)));
    let list = Revocations::in_memory_with_capacity(1);
    let room = list.reserve_customer(&"leslie".parse().unwrap()).unwrap();
    let changed = Arc::new(AtomicBool::new(false));
    let change = || {
        let done = Arc::clone(&changed);
        let change = async move {
            done.store(true, Ordering::Relaxed);
            Ok::<_, Problem>(())
        };
        cutoffs::ended_by(pool.clone(), list.clone(), clock.clone(), ron(), change)
    };
    let refused = change().await.unwrap_err();
    assert!(refused.is_fault(), "{refused:?}");
    assert!(!changed.load(Ordering::Relaxed));
    let counts = "SELECT (SELECT count(*) FROM storefront_changes_begun), \
        (SELECT count(*) FROM storefront_token_cutoffs)";
    let counts = async || sqlx::query_as::<_, (i64, i64)>(counts).fetch_one(&pool).await.unwrap();
    assert_eq!(counts().await, (0, 0));

    drop(room);
    assert_eq!(change().await.map_err(|problem| problem.is_fault()), Ok(()));
    assert!(changed.load(Ordering::Relaxed));
    assert_eq!(counts().await, (0, 1));
    // And now it is full of Ron.
    let full = list.reserve_customer(&"leslie".parse().unwrap()).map(drop);
    assert_eq!(full.map_err(|error| error.kind()), Err(RevokeErrorKind::Full));
}
