//! The log in a file: damage, locks, full disks, and several processes.

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteConnection;
use tokio::time::timeout;

use super::*;
use crate::revocation::CutOff;
use crate::revocation::LogErrorKind;
use crate::revocation::Revocations;
use crate::revocation::RevokeErrorKind;
use crate::testing::is_revoked;
use crate::testing::revocation_log_suite;

/// A folder for one database, which is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("revocation-log-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("log.sqlite3")
    }

    /// Opens the log as one more process does.
    async fn open(&self) -> SqliteRevocationLog {
        let database = SqliteDatabase::open(self.file()).await.unwrap();
        SqliteRevocationLog::new(database).await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn in_file() -> (SqliteRevocationLog, Folder) {
    let folder = Folder::new();
    (folder.open().await, folder)
}

async fn in_memory() -> (SqliteRevocationLog, ()) {
    let database = SqliteDatabase::open(":memory:").await.unwrap();
    (SqliteRevocationLog::new(database).await.unwrap(), ())
}

revocation_log_suite!(log_in_a_file, in_file());
revocation_log_suite!(log_in_memory, in_memory());

fn token(id: &str) -> RevocationEntry {
    let expires_at = SystemTime::now() + Duration::from_secs(3600);
    RevocationEntry::Token { id: id.parse().unwrap(), expires_at }
}

async fn run(log: &SqliteRevocationLog, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query(sql).execute(log.database.pool()).await.unwrap();
}

fn cause(error: &dyn Error) -> String {
    error.source().unwrap().to_string()
}

#[tokio::test]
async fn entries_survive_when_the_file_is_opened_again() {
    let (log, folder) = in_file().await;
    log.append(&token("a")).await.unwrap();
    log.database.pool().close().await;
    let revocations = Revocations::durable(folder.open().await).start().unwrap();
    revocations.ready().await.unwrap();
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    let customer = "c".parse().unwrap();
    assert!(is_revoked(&revocations, &a, &customer, SystemTime::now()));
    assert!(!is_revoked(&revocations, &b, &customer, SystemTime::now()));
}

#[tokio::test]
async fn a_commit_of_another_process_is_noticed() {
    let (log, folder) = in_file().await;
    let other = folder.open().await;
    // The first time tells nothing.
    log.changed().await;
    let noticed = tokio::spawn({
        let log = log.clone();
        async move { log.changed().await }
    });
    other.append(&token("a")).await.unwrap();
    timeout(Duration::from_secs(10), noticed).await.unwrap().unwrap();
}

#[tokio::test]
async fn in_memory_nothing_is_noticed_and_nothing_fails() {
    let (log, ()) = in_memory().await;
    log.append(&token("a")).await.unwrap();
    assert_eq!(timeout(Duration::from_millis(120), log.changed()).await.ok(), None);
}

#[tokio::test]
async fn a_log_of_a_later_version_is_refused_and_both_versions_are_named() {
    let (log, folder) = in_file().await;
    let later = "INSERT INTO customer_auth_revocation_migrations \
                 (version, description, success, checksum, execution_time) \
                 VALUES (9, '', 1, x'', 0)";
    run(&log, later).await;
    let database = SqliteDatabase::open(folder.file()).await.unwrap();
    let refused = SqliteRevocationLog::new(database).await.unwrap_err();
    assert_eq!(
        cause(&refused),
        "customer_auth_revocation_migrations is at version 9, \
         and this program supports up to version 1"
    );
}

#[tokio::test]
async fn a_row_that_is_no_entry_is_named_and_never_skipped() {
    for values in [
        "'token', '', 1, NULL",
        "'token', 'a b', 1, NULL",
        "'session', 'ä', 1, NULL",
        "'customer', 'c', 1, NULL",
        "'customer', 'c', 1, -1",
        "'customer', 'c', 1, 2000000000",
        "'everyone', 'c', 1, 1",
        "'everyone', '', 1, NULL",
        "'token', 'a', -1, NULL",
        "'token', 'a', 9223372036854775807, NULL",
        "'other', 'a', 1, NULL",
    ] {
        let (log, ()) = in_memory().await;
        log.append(&token("good")).await.unwrap();
        let start = LogPosition::new(log.end().await.unwrap().0, "1");
        run(&log, "PRAGMA ignore_check_constraints = ON").await;
        let insert = "INSERT INTO customer_auth_revocations (kind, subject, until, moment) VALUES";
        run(&log, &format!("{insert} ({values})")).await;
        let row = "row 2 of customer_auth_revocations is not valid";
        let error = log.snapshot(&mut |_| {}).await.unwrap_err();
        assert_eq!((error.kind(), cause(&error)), (LogErrorKind::Corrupt, row.to_owned()));
        let error = log.read(&start).await.unwrap_err();
        assert_eq!((error.kind(), cause(&error)), (LogErrorKind::Corrupt, row.to_owned()));
        let revocations = Revocations::durable(log).start().unwrap();
        let error = revocations.ready().await.unwrap_err();
        assert_eq!(cause(&error), row, "{values}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_corrupt_and_a_log_without_epoch_too() {
    let (log, folder) = in_file().await;
    for at in 0..2_000 {
        log.append(&token(&at.to_string())).await.unwrap();
    }
    log.database.pool().close().await;
    let mut bytes = std::fs::read(folder.file()).unwrap();
    // Behind the pages of the schema.
    let from = bytes.len() / 2;
    bytes[from..].fill(0xA5);
    std::fs::write(folder.file(), bytes).unwrap();
    let error = folder.open().await.snapshot(&mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), LogErrorKind::Corrupt);

    let (log, ()) = in_memory().await;
    run(&log, "DELETE FROM customer_auth_revocations_epoch").await;
    let error = log.snapshot(&mut |_| {}).await.unwrap_err();
    assert_eq!(
        (error.kind(), cause(&error)),
        (LogErrorKind::Corrupt, "the log has no epoch".into())
    );
}

#[tokio::test]
async fn a_position_that_the_log_has_not_reached_is_a_gap() {
    let (log, ()) = in_memory().await;
    log.append(&token("a")).await.unwrap();
    let (epoch, end) = log.end().await.unwrap();
    for offset in [(end + 1).to_string(), "x".to_owned(), String::new()] {
        let position = LogPosition::new(epoch.clone(), offset);
        assert_eq!(log.read(&position).await.unwrap(), LogRead::Gap, "{position:?}");
    }
}

#[tokio::test]
async fn two_logs_have_two_epochs() {
    let ((one, ()), (two, ())) = (in_memory().await, in_memory().await);
    assert_ne!(one.end().await.unwrap().0, two.end().await.unwrap().0);
}

#[tokio::test]
async fn a_full_database_refuses_and_acknowledges_nothing() {
    let (log, ()) = in_memory().await;
    let revocations = Revocations::durable(log.clone()).start().unwrap();
    revocations.ready().await.unwrap();
    run(&log, "PRAGMA max_page_count = 1").await;
    let mut acknowledged = 0;
    let refused = loop {
        let id = format!("token-{acknowledged}").parse().unwrap();
        match revocations.revoke(&id, SystemTime::now() + Duration::from_secs(60)).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), RevokeErrorKind::LogFailed);
    let mut kept = 0;
    log.snapshot(&mut |_| kept += 1).await.unwrap();
    assert_eq!(kept, acknowledged);
}

#[tokio::test]
async fn while_another_process_holds_the_lock_revocations_fail_and_reads_go_on() {
    let (log, folder) = in_file().await;
    log.append(&token("a")).await.unwrap();
    let revocations = Revocations::durable(log.clone()).start().unwrap();
    revocations.ready().await.unwrap();
    let options = SqliteConnectOptions::new().filename(folder.file());
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = revocations.revoke_everyone(SystemTime::now()).await.unwrap_err();
    assert_eq!(refused.kind(), RevokeErrorKind::TimedOut);
    let mut kept = 0;
    log.snapshot(&mut |_| kept += 1).await.unwrap();
    assert_eq!(kept, 1);
    lock.rollback().await.unwrap();
    revocations.revoke_everyone(SystemTime::now()).await.unwrap();
}

#[tokio::test]
async fn a_caller_asks_in_its_transaction_whether_a_token_is_revoked() {
    let (log, ()) = in_memory().await;
    let second = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let [a, s, t]: [TokenId; 3] = ["a", "s", "t"].map(|id| id.parse().unwrap());
    let [c, d]: [CustomerId; 2] = ["c", "d"].map(|id| id.parse().unwrap());
    let cut_off = |at| CutOff::new(second(at));
    for entry in [
        RevocationEntry::Token { id: a.clone(), expires_at: second(9_000_000_000) },
        RevocationEntry::Session { id: s.clone(), ends_at: second(9_000_000_000) },
        RevocationEntry::Customer { id: c.clone(), cut_off: cut_off(1_000) },
        RevocationEntry::Everyone { cut_off: cut_off(500) },
    ] {
        log.append(&entry).await.unwrap();
    }
    let mut transaction = log.database.begin().await.unwrap();
    for (token, session, customer, login_at, expected) in [
        (&t, &t, &d, 500, false),
        (&a, &t, &d, 500, true),
        (&t, &a, &d, 500, false),
        (&t, &s, &d, 500, true),
        (&s, &t, &d, 500, false),
        (&t, &t, &c, 999, true),
        (&t, &t, &c, 1_000, false),
        (&t, &t, &d, 499, true),
    ] {
        let connection = transaction.connection();
        let revoked = log.is_revoked_in(connection, token, session, customer, second(login_at));
        let case = format!("{token} of {session} of {customer} at {login_at}");
        assert_eq!(revoked.await.unwrap(), expected, "{case}");
    }
}

#[tokio::test]
async fn reads_and_appends_go_by_indexes() {
    let (log, ()) = in_memory().await;
    for (statement, plan) in [
        (READ, &["SEARCH customer_auth_revocations USING INTEGER PRIMARY KEY (rowid>?)"][..]),
        (
            PRUNE,
            &[
                "SEARCH customer_auth_revocations USING INTEGER PRIMARY KEY (rowid=?)",
                "LIST SUBQUERY 1",
                "SEARCH customer_auth_revocations USING INDEX \
                 customer_auth_revocations_ended (until<?)",
                "CREATE BLOOM FILTER",
            ],
        ),
    ] {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(log.database.pool()).await.unwrap();
        let rows = rows.iter().map(|row| row.try_get("detail").unwrap());
        assert_eq!(rows.collect::<Vec<String>>(), plan);
    }
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {IS_REVOKED}"));
    let rows = sqlx::query(explain).fetch_all(log.database.pool()).await.unwrap();
    let scans = rows.iter().filter(|row| row.get::<String, _>("detail").starts_with("SCAN cust"));
    assert_eq!(scans.count(), 0);
}
