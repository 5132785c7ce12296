//! The start of a process whose list follows a long log in SQLite: the time until it is ready, and
//! the memory that it takes.
//!
//! `cargo bench --bench start --features sqlite`, about a minute and 2 GB of disk;
//! `-- --test` checks everything on a short log.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqliteSynchronous;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenId;
use tower_customer_auth::database::SqliteDatabase;
use tower_customer_auth::revocation::RevocationEntry;
use tower_customer_auth::revocation::SqliteRevocationLog;
use tower_customer_auth::testing::is_revoked;

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != START);
    if let (Some(_), Some(path)) = (arguments.next(), arguments.next()) {
        return start(Path::new(&path));
    }
    let is_smoke = std::env::args().any(|argument| argument == "--test")
        || !std::env::args().any(|argument| argument == "--bench");
    let sizes: &[u32] = if is_smoke { &[1_000] } else { &[1_000_000, 10_000_000] };
    for size in sizes {
        let file = LogFile::with(*size);
        // In a process of its own, so that its memory is that of the list.
        let started = Command::new(std::env::current_exe().unwrap())
            .args([START.as_ref(), file.path()])
            .output()
            .unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        print!("{size:>10} live revocations: {}", String::from_utf8(started.stdout).unwrap());
    }
}

/// Loads a log as a program does at its start.
fn start(path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let before = memory();
        let began = Instant::now();
        let database = SqliteDatabase::open(path).await.unwrap();
        let log = SqliteRevocationLog::new(database).await.unwrap();
        let list = Revocations::durable(log).start().unwrap();
        list.ready().await.unwrap();
        let ready = began.elapsed();
        assert!(knows(&list, &known()));
        assert!(!knows(&list, &"never-revoked".parse().unwrap()));
        let used = memory() - before;
        println!("ready in {:.2} s, {used} MB", ready.as_secs_f64());
    });
}

fn knows(list: &Revocations, token: &TokenId) -> bool {
    is_revoked(list, token, &"ron".parse().unwrap(), SystemTime::now())
}

fn known() -> TokenId {
    "6f1e3a77-3f4c-4f3c-9f29-8a4d6d1f8b10".parse().unwrap()
}

/// The largest resident set of this process so far, in MB (10^6 bytes).
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024 / 1_000_000
}

/// A file with a log, which is removed with it.
struct LogFile(PathBuf);

impl LogFile {
    fn with(size: u32) -> Self {
        let name = format!("start-{}-{size}.sqlite3", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = SqliteDatabase::open(&file.0).await.unwrap();
            let log = SqliteRevocationLog::new(database.clone()).await.unwrap();
            let expires_at = SystemTime::now() + Duration::from_secs(3600);
            let entry = RevocationEntry::Token { id: known(), expires_at };
            let mut transaction = database.begin().await.unwrap();
            log.append_in(transaction.connection(), &entry).await.unwrap();
            transaction.commit().await.unwrap();
            database.pool().close().await;

            // One statement, because 10 million commits would take hours, and without a journal,
            // which would be as long as the log.
            let options = SqliteConnectOptions::new()
                .filename(&file.0)
                .journal_mode(SqliteJournalMode::Off)
                .synchronous(SqliteSynchronous::Off);
            let mut connection = options.connect().await.unwrap();
            sqlx::query(FILL).bind(size - 1).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
        file
    }

    fn path(&self) -> &std::ffi::OsStr {
        self.0.as_os_str()
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            drop(std::fs::remove_file(path));
        }
    }
}

const START: &str = "--start";

/// UUIDs of tokens that expire within a day. They grow, as those of version 7 do: SQLite adds them to
/// the end of its indexes, which takes a fraction of the time. To the list it makes no difference: it
/// scrambles UUIDs.
const FILL: &str = "\
    WITH RECURSIVE number (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM number WHERE at + 1 < ?1) \
    INSERT INTO customer_auth_revocations (kind, subject, until) \
    SELECT 'token', \
        printf('%08x-%04x-4%03x-a%03x-%012x', at * 4294967295 / ?1, random() & 65535, \
            random() & 4095, random() & 4095, random() & 281474976710655), \
        unixepoch() + 600 + at * 86400 / ?1 \
    FROM number";
