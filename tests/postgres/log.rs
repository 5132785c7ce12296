//! What PostgreSQL makes hard for a log: transactions that commit late, and servers that go back.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::future::join_all;
use sqlx::Connection;
use sqlx::PgConnection;
use tokio::time::timeout;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenId;
use tower_customer_auth::database::PostgresDatabase;
use tower_customer_auth::revocation::LogError;
use tower_customer_auth::revocation::LogPosition;
use tower_customer_auth::revocation::LogRead;
use tower_customer_auth::revocation::PostgresRevocationLog;
use tower_customer_auth::revocation::RevocationEntry;
use tower_customer_auth::revocation::RevocationLog;
use tower_customer_auth::testing::is_revoked;

use crate::server::Server;
use crate::support::builder;
use crate::support::database;
use crate::support::log;
use crate::support::schema;
use crate::support::url;

pub(crate) fn token(id: &str) -> RevocationEntry {
    let expires_at = SystemTime::now() + Duration::from_secs(3600);
    RevocationEntry::Token { id: id.parse().unwrap(), expires_at }
}

pub(crate) async fn snapshot(log: &PostgresRevocationLog) -> (BTreeSet<String>, LogPosition) {
    let mut ids = BTreeSet::new();
    let position = log.snapshot(&mut |entry| _ = ids.insert(id(&entry))).await.unwrap();
    (ids, position)
}

fn id(entry: &RevocationEntry) -> String {
    match entry {
        RevocationEntry::Token { id, .. } => id.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The ids of the tokens since a position, and the next position. `None` for a gap.
async fn read(
    log: &PostgresRevocationLog,
    after: &LogPosition,
) -> Result<Option<(Vec<String>, LogPosition)>, LogError> {
    Ok(match log.read(after).await? {
        LogRead::Entries { entries, position, .. } => {
            Some((entries.iter().map(id).collect(), position))
        }
        _ => None,
    })
}

async fn open(database: PostgresDatabase) -> PostgresRevocationLog {
    PostgresRevocationLog::new(database).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn fourteen_writers_with_rollbacks_and_savepoints_lose_no_entry_and_none_is_read_twice() {
    const WRITERS: usize = 14;
    const ROUNDS: usize = 200;
    let schema = schema();
    let database =
        builder(&url(), &schema).max_connections(15.try_into().unwrap()).open().await.unwrap();
    let log = open(database.clone()).await;
    let (_, mut position) = snapshot(&log).await;
    let writers = (0..WRITERS).map(|writer| {
        let (log, database) = (log.clone(), database.clone());
        tokio::spawn(async move {
            let mut committed = BTreeSet::new();
            for round in 0..ROUNDS {
                let name = format!("{writer}-{round}");
                let mut transaction = database.begin().await.unwrap();
                let connection = transaction.connection();
                if round % 3 == 0 {
                    let mut lost = connection.begin().await.unwrap();
                    log.append_in(&mut lost, &token(&format!("{name}-lost"))).await.unwrap();
                    lost.rollback().await.unwrap();
                }
                log.append_in(connection, &token(&name)).await.unwrap();
                if round % 5 == 0 {
                    let mut kept = connection.begin().await.unwrap();
                    log.append_in(&mut kept, &token(&format!("{name}-kept"))).await.unwrap();
                    kept.commit().await.unwrap();
                }
                if round % 4 == 0 {
                    transaction.rollback().await.unwrap();
                    continue;
                }
                transaction.commit().await.unwrap();
                committed.insert(name.clone());
                if round % 5 == 0 {
                    committed.insert(format!("{name}-kept"));
                }
            }
            committed
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut seen = Vec::new();
    let mut reads = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let (ids, next) = read(&log, &position).await.unwrap().unwrap();
        seen.extend(ids);
        position = next;
        reads += 1;
    }
    let mut expected = BTreeSet::new();
    for committed in join_all(writers).await {
        expected.extend(committed.unwrap());
    }
    seen.extend(read(&log, &position).await.unwrap().unwrap().0);
    println!("{} entries in {reads} reads", seen.len());
    assert_eq!(seen.len(), expected.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(snapshot(&log).await.0, expected);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_long_transaction_in_another_database_neither_hides_nor_repeats_entries() {
    let mut other = PgConnection::connect(&url()).await.unwrap();
    let name = schema();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut other).await.unwrap();
    let url = url();
    let (server, _) = url.rsplit_once('/').unwrap();
    let mut other = PgConnection::connect(&format!("{server}/{name}")).await.unwrap();
    let mut long = other.begin().await.unwrap();
    sqlx::raw_sql("SELECT pg_current_xact_id()").execute(&mut *long).await.unwrap();
    let (log, ()) = log().await;
    let (_, mut position) = snapshot(&log).await;
    for number in 0..20 {
        let name = number.to_string();
        log.append(&token(&name)).await.unwrap();
        let (ids, next) = read(&log, &position).await.unwrap().unwrap();
        assert_eq!(ids, [name]);
        position = next;
    }
    long.rollback().await.unwrap();
    assert_eq!(read(&log, &position).await.unwrap(), Some((vec![], position)));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_transaction_that_commits_late_is_read_after_those_that_began_later() {
    let database = database().await;
    let log = open(database.clone()).await;
    let mut late = database.begin().await.unwrap();
    log.append_in(late.connection(), &token("late")).await.unwrap();
    log.append(&token("early")).await.unwrap();
    let (ids, position) = snapshot(&log).await;
    assert_eq!(ids, BTreeSet::from(["early".to_owned()]));
    late.commit().await.unwrap();
    let (ids, position) = read(&log, &position).await.unwrap().unwrap();
    assert_eq!(ids, ["late"]);
    assert_eq!(read(&log, &position).await.unwrap(), Some((vec![], position)));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_commit_of_another_node_is_noticed_by_its_hint() {
    let schema = schema();
    let database = builder(&url(), &schema).open().await.unwrap();
    let (log, other) = (open(database).await, builder(&url(), &schema).open().await.unwrap());
    let other = open(other).await;
    // The first time tells that the listener is there.
    log.changed().await;
    assert_eq!(timeout(Duration::from_millis(50), log.changed()).await.ok(), None);
    other.append(&token("a")).await.unwrap();
    timeout(Duration::from_secs(10), log.changed()).await.unwrap();
    let mut transaction = builder(&url(), &schema).open().await.unwrap().begin().await.unwrap();
    other.append_in(transaction.connection(), &token("b")).await.unwrap();
    transaction.commit().await.unwrap();
    timeout(Duration::from_secs(10), log.changed()).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_row_that_is_no_entry_is_named_and_never_skipped() {
    let database = database().await;
    let log = open(database.clone()).await;
    let (_, start) = snapshot(&log).await;
    let insert = format!(
        "INSERT INTO {}.customer_auth_revocations (kind, subject, until) \
         VALUES ('customer', 'c', 1)",
        database.schema()
    );
    let mut transaction = database.begin().await.unwrap();
    let insert = sqlx::AssertSqlSafe(insert);
    sqlx::raw_sql(insert).execute(transaction.connection()).await.unwrap();
    transaction.commit().await.unwrap();
    let row = "row \"customer c\" of customer_auth_revocations is not valid";
    for error in
        [log.snapshot(&mut |_| {}).await.unwrap_err(), read(&log, &start).await.unwrap_err()]
    {
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), row);
    }
}

/// After a crash, the server assigns ids again whose transactions left nothing on the disk.
#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn entries_of_transactions_whose_ids_were_assigned_before_a_crash_are_read() {
    let mut server = Server::start(&["wal_writer_delay=10s", "autovacuum=off"]).await;
    let log = open(PostgresDatabase::open(&server.url()).await.unwrap()).await;
    log.append(&token("before")).await.unwrap();
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    let mut last = 0;
    for _ in 0..50 {
        let mut aborted = other.begin().await.unwrap();
        last = next_id(&mut aborted).await;
        aborted.rollback().await.unwrap();
    }
    let (_, position) = snapshot(&log).await;
    server.kill();
    server.restart().await;
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    let mut aborted = other.begin().await.unwrap();
    let next = next_id(&mut aborted).await;
    assert!(next < last, "the ids did not go back: {next} after {last}");
    aborted.rollback().await.unwrap();
    log.append(&token("after")).await.unwrap();
    let read = read(&log, &position).await.unwrap().map(|(ids, _)| ids);
    assert_eq!(read, Some(vec!["after".to_owned()]));
}

async fn next_id(connection: &mut PgConnection) -> i64 {
    let id = sqlx::query_scalar("SELECT pg_current_xact_id()::text::int8");
    id.fetch_one(connection).await.unwrap()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_restored_copy_is_a_gap_and_the_list_is_loaded_again() {
    let mut server = Server::start(&[]).await;
    let database = PostgresDatabase::open(&server.url()).await.unwrap();
    let log = open(database.clone()).await;
    log.append(&token("old")).await.unwrap();
    server.shut_down();
    server.copy_to("copy");
    server.restart().await;
    for number in 0..50 {
        log.append(&token(&number.to_string())).await.unwrap();
    }
    let (_, position) = snapshot(&log).await;
    let revocations = Revocations::durable(log.clone()).start().unwrap();
    revocations.ready().await.unwrap();
    server.shut_down();
    server.restore("copy");
    server.restart().await;
    assert_eq!(read(&log, &position).await.unwrap(), None);
    // What the list knew, it still knows.
    let revoked =
        |id: &TokenId| is_revoked(&revocations, id, &"c".parse().unwrap(), SystemTime::now());
    assert!(revoked(&"7".parse().unwrap()));
    let new = open(PostgresDatabase::open(&server.url()).await.unwrap()).await;
    new.append(&token("new")).await.unwrap();
    let id = "new".parse().unwrap();
    let follow = async {
        while !revoked(&id) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), follow).await.unwrap();
}
