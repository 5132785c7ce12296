//! The revocation log: what a start loads, and what it refuses.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenForm;
use tower_customer_auth::database::SqliteDatabase;
use tower_customer_auth::sign::SignError;
use tower_customer_auth::sign::TokenSigner;
use tower_customer_auth::store::SqliteCustomers;
use tower_customer_auth::testing::ManualClock;

use super::Client;
use super::Folder;
use super::MAX_STALENESS;
use super::RON;
use super::SECRET;
use super::START;
use super::Shop;
use super::UNKNOWN;
use super::fast_hasher;
use crate::Parts;
use crate::access::AccessKey;
use crate::access::Caller;
use crate::config::Database;
use crate::database;
use crate::log;
use crate::problem::Problem;
use crate::state::Customers;
use crate::state::Storefront;
use crate::throttle;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn ron() -> CustomerId {
    RON.parse().unwrap()
}

fn ron_path() -> String {
    format!("/v2/customers/{RON}")
}

/// Milliseconds since the beginning of the second in which every test begins.
pub(super) fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(START) + Duration::from_millis(millis)
}

pub(super) async fn open(folder: &Folder) -> SqliteCustomers {
    database::open(&Database::File(folder.file())).await.unwrap()
}

/// The list of a process that starts at `now`.
async fn list(customers: &SqliteCustomers, clock: &Arc<ManualClock>) -> Revocations {
    let list = Revocations::durable(customers.revocation_log()).clock(clock.clone());
    let list = list.start().unwrap();
    list.ready().await.unwrap();
    list
}

/// Returns the results of logins of Ron at these times, in a process that started at `now`.
pub(super) async fn logins<const N: usize>(
    customers: &SqliteCustomers,
    now: SystemTime,
    times: [SystemTime; N],
) -> [Result<SystemTime, Refused>; N] {
    let clock = Arc::new(ManualClock::at(now));
    let list = list(customers, &clock).await;
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
pub(super) enum Refused {
    /// The login succeeds after a wait.
    Until(SystemTime),
    /// The login fails with 403.
    Revoked,
}

#[tokio::test]
async fn the_right_password_is_not_refused_after_a_restart_in_the_second_of_its_change() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    assert_eq!(ron.put(&ron_path(), json!({ "password": "a better secret" })).await.status, 200);
    shop.pool.close().await;

    let customers = open(&folder).await;
    assert_eq!(
        logins(&customers, at(251), [at(249), at(250), at(999), at(1_000)]).await,
        [
            Err(Refused::Revoked),
            Err(Refused::Until(at(1_000))),
            Err(Refused::Until(at(1_000))),
            Ok(at(1_000)),
        ]
    );
}

#[tokio::test]
async fn a_start_with_a_clock_that_is_days_ahead_makes_no_revoked_token_valid_again() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let stolen = ron.customer.clone();
    assert_eq!(ron.put(&ron_path(), json!({ "password": "a better secret" })).await.status, 200);
    shop.pool.close().await;

    let customers = open(&folder).await;
    let ahead = list(&customers, &Arc::new(ManualClock::at(at(250) + 2 * DAY))).await;
    drop(ahead);
    customers.pool().close().await;

    let shop = Shop::open_file(&folder.file()).await;
    let thief = Client { customer: stolen, ..shop.client(&shop.implicit().await) };
    thief.get(&ron_path()).await.plainly_refused(403);
}

#[tokio::test]
async fn a_change_that_revokes_tokens_is_refused_while_the_list_is_full() {
    let shop = Shop::open().await;
    let customers = SqliteCustomers::new(SqliteDatabase::from_pool(shop.pool.clone())).await;
    let customers = customers.unwrap();
    let list = Revocations::durable(customers.revocation_log()).capacity(1).start().unwrap();
    list.ready().await.unwrap();
    let customers = Customers::new(customers.revocations(list.clone()));
    let store = Storefront { customers, ..shop.store.clone() };
    let change = async || {
        let mut transaction = store.begin_for(&Caller::Store).await?;
        let deleted = transaction.delete(&ron()).await?;
        transaction.commit().await?;
        Ok::<_, Problem>(deleted)
    };

    let reservation = list.reserve_customer(&UNKNOWN.parse().unwrap()).unwrap();
    let refused = change().await.unwrap_err().into_response();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.revoked().await, 0);
    let office = shop.client(&shop.office().await);
    assert_eq!(office.get(&ron_path()).await.status, 200);

    drop(reservation);
    assert_eq!(change().await.ok(), Some(true));
    assert_eq!(shop.revoked().await, 1);
    assert_eq!(office.get(&ron_path()).await.status, 404);
}

#[tokio::test]
async fn a_corrupt_log_ends_the_start_and_names_the_row() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let insert = "INSERT INTO customer_auth_revocations (kind, subject, until) \
                  VALUES ('token', 'no id', 1780000000)";
    sqlx::query(insert).execute(&shop.pool).await.unwrap();
    shop.pool.close().await;
    assert_eq!(
        refused_start(&folder).await,
        "the revocation log is corrupt: row 1 of customer_auth_revocations is not valid"
    );
}

#[tokio::test]
async fn a_log_of_a_later_version_is_refused_with_both_versions() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let later = "UPDATE customer_auth_revocation_migrations SET version = 9";
    sqlx::query(later).execute(&shop.pool).await.unwrap();
    shop.pool.close().await;
    let expected = format!(
        "the database {} can't be opened: the store is unavailable: error with configuration: \
         customer_auth_revocation_migrations is at version 9, and this program supports up to \
         version 1",
        folder.file().display()
    );
    assert_eq!(refused_start(&folder).await, expected);
}

/// What a start with this database writes to standard error before it exits.
async fn refused_start(folder: &Folder) -> String {
    let customers = match database::open(&Database::File(folder.file())).await {
        Ok(customers) => customers,
        Err(error) => return log::chain(&error),
    };
    let parts = Parts {
        keys: KeyRing::hs256("a key that these tests alone use").unwrap(),
        access_key: AccessKey::derive(&SECRET.into()),
        customers,
        throttle: throttle(true, 0).unwrap(),
        hasher: fast_hasher(),
        clock: Arc::new(ManualClock::at(at(250))),
        provider: None,
        max_staleness: MAX_STALENESS,
    };
    log::chain(&*parts.assemble(TokenForm::Compact, false).await.map(drop).unwrap_err())
}
