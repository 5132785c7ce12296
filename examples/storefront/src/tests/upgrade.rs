//! Databases of earlier versions, which had their own table of cut-offs.

use std::time::Duration;
use std::time::SystemTime;

use tower_customer_auth::revocation::CutOff;
use tower_customer_auth::revocation::RevocationEntry;
use tower_customer_auth::revocation::RevocationLog;
use tower_customer_auth::store::SqliteCustomers;

use super::Client;
use super::Folder;
use super::LESLIE;
use super::RON;
use super::START;
use super::Shop;
use super::revocations::Refused;
use super::revocations::at;
use super::revocations::logins;
use super::revocations::open;
use super::revocations::ron;
use crate::upgrade::move_cut_offs;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const TABLES: [&str; 2] = [
    "CREATE TABLE storefront_changes_begun (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        customer_id TEXT NOT NULL,
        begun_at INTEGER
    ) STRICT",
    "CREATE TABLE storefront_token_cutoffs (
        customer_id TEXT PRIMARY KEY NOT NULL,
        valid_from INTEGER NOT NULL,
        moment INTEGER
    ) STRICT",
];

/// The tables of the first version, which did not store exact times.
const FIRST_TABLES: [&str; 2] = [
    "CREATE TABLE storefront_changes_begun (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        customer_id TEXT NOT NULL
    ) STRICT",
    "CREATE TABLE storefront_token_cutoffs (
        customer_id TEXT PRIMARY KEY NOT NULL,
        valid_from INTEGER NOT NULL
    ) STRICT",
];

fn nanos(time: SystemTime) -> i64 {
    let elapsed = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    elapsed.as_nanos().try_into().unwrap()
}

async fn execute(customers: &SqliteCustomers, statements: &[&'static str]) {
    for statement in statements {
        sqlx::query(*statement).execute(customers.pool()).await.unwrap();
    }
}

async fn insert_change(customers: &SqliteCustomers, customer: &str, begun_at: SystemTime) {
    let insert = "INSERT INTO storefront_changes_begun (customer_id, begun_at) VALUES (?1, ?2)";
    let insert = sqlx::query(insert).bind(customer).bind(nanos(begun_at));
    insert.execute(customers.pool()).await.unwrap();
}

async fn insert_cut_off(customers: &SqliteCustomers, customer: &str, moment: SystemTime) {
    let valid_from = (nanos(moment) - 1) / 1_000_000_000 + 1;
    let insert = sqlx::query("INSERT INTO storefront_token_cutoffs VALUES (?1, ?2, ?3)");
    let insert = insert.bind(customer).bind(valid_from).bind(nanos(moment));
    insert.execute(customers.pool()).await.unwrap();
}

/// The cut-offs in the log, by customer.
async fn log(customers: &SqliteCustomers) -> Vec<(String, CutOff)> {
    let mut cut_offs = Vec::new();
    let log = customers.revocation_log();
    let each = &mut |entry| match entry {
        RevocationEntry::Customer { id, cut_off } => cut_offs.push((id.to_string(), cut_off)),
        other => panic!("{other:?}"),
    };
    log.snapshot(each).await.unwrap();
    cut_offs.sort_by(|(one, _), (other, _)| one.cmp(other));
    cut_offs
}

async fn old_tables(customers: &SqliteCustomers) -> i64 {
    let count = "SELECT count(*) FROM sqlite_schema WHERE name IN \
                 ('storefront_changes_begun', 'storefront_token_cutoffs')";
    sqlx::query_scalar(count).fetch_one(customers.pool()).await.unwrap()
}

#[tokio::test]
async fn a_store_refuses_what_an_earlier_version_has_revoked() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let old = [RON, LESLIE].map(|customer| shop.customer_token(customer));
    shop.pool.close().await;
    let customers = open(&folder).await;
    execute(&customers, &TABLES).await;
    insert_cut_off(&customers, RON, at(300)).await;
    // Of a process that ended before it had stored the cut-off.
    insert_change(&customers, LESLIE, at(300)).await;
    customers.pool().close().await;

    for _ in 0..2 {
        let shop = Shop::open_file(&folder.file()).await;
        for token in &old {
            let client = shop.client(&shop.implicit().await);
            let client = Client { customer: Some(token.clone()), ..client };
            client.get("/v2/orders").await.plainly_refused(403);
        }
        assert_eq!(shop.revoked().await, 2);
        shop.pool.close().await;
    }
}

#[tokio::test]
async fn cut_offs_are_moved_once_with_their_exact_times() {
    let folder = Folder::new();
    let customers = open(&folder).await;
    execute(&customers, &TABLES).await;
    insert_cut_off(&customers, RON, at(250)).await;
    insert_cut_off(&customers, LESLIE, at(2_000)).await;
    // Of two for a customer, the later one counts.
    insert_change(&customers, LESLIE, at(1_500)).await;
    for _ in 0..2 {
        move_cut_offs(&customers, at(1_600)).await.unwrap();
        let expected = [(RON, at(250)), (LESLIE, at(2_000))];
        assert_eq!(
            log(&customers).await,
            expected.map(|(customer, moment)| (customer.to_owned(), CutOff::new(moment)))
        );
        assert_eq!(old_tables(&customers).await, 0);
    }
}

#[tokio::test]
async fn a_change_that_had_begun_is_cut_off_no_later_than_a_change_can_last() {
    for (start, cut_off) in [
        (at(5_001), at(5_001)),
        (at(60_000), at(60_000)),
        // Hours later, and by a clock that is days ahead.
        (at(3_600_000), at(60_000)),
        (at(0) + 2 * DAY, at(60_000)),
        // By a clock that is behind.
        (at(0) - DAY, at(0)),
    ] {
        let folder = Folder::new();
        let customers = open(&folder).await;
        execute(&customers, &TABLES).await;
        insert_change(&customers, RON, at(0)).await;
        move_cut_offs(&customers, start).await.unwrap();
        assert_eq!(log(&customers).await, [(RON.to_owned(), CutOff::new(cut_off))], "{start:?}");
    }
}

#[tokio::test]
async fn a_database_without_exact_times_keeps_its_cut_offs() {
    let folder = Folder::new();
    let customers = open(&folder).await;
    execute(&customers, &FIRST_TABLES).await;
    let rows = [
        "INSERT INTO storefront_changes_begun (customer_id) VALUES ('leslie')",
        "INSERT INTO storefront_token_cutoffs VALUES \
            ('79cc0486-bbdf-491b-a0a2-722383b6288b', 1780000001)",
    ];
    execute(&customers, &rows).await;
    assert_eq!(at(1_000), SystemTime::UNIX_EPOCH + Duration::from_secs(START + 1));

    let nanosecond = Duration::from_nanos(1);
    for _ in 0..2 {
        move_cut_offs(&customers, at(5_000)).await.unwrap();
        let expected = [
            (ron().to_string(), CutOff::new(at(0) + nanosecond)),
            // When it had begun is unknown.
            ("leslie".to_owned(), CutOff::new(at(5_000))),
        ];
        assert_eq!(log(&customers).await, expected);
        assert_eq!(
            logins(&customers, at(5_000), [at(0), at(0) + nanosecond, at(999), at(1_000)]).await,
            [
                Err(Refused::Revoked),
                Err(Refused::Until(at(1_000))),
                Err(Refused::Until(at(1_000))),
                Ok(at(1_000)),
            ]
        );
    }
}

#[tokio::test]
async fn a_row_that_is_no_cut_off_ends_the_start_and_loses_nothing() {
    let folder = Folder::new();
    let customers = open(&folder).await;
    execute(&customers, &TABLES).await;
    insert_cut_off(&customers, RON, at(250)).await;
    insert_cut_off(&customers, "no id", at(250)).await;
    let refused = move_cut_offs(&customers, at(5_000)).await.unwrap_err();
    let expected = r#"the row of customer "no id" in storefront_token_cutoffs is not valid"#;
    assert_eq!(refused.to_string(), expected);
    assert_eq!(log(&customers).await, []);
    assert_eq!(old_tables(&customers).await, 2);
}
