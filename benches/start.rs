//! The start of a process whose list follows a long log in SQLite: the time until it is ready, and
//! the memory that it takes.
//!
//! `cargo bench --bench start --features sqlite`, about three minutes and 2 GB of disk;
//! `-- --test` checks everything on a short log.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

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
            // One statement: 10 million commits would take hours.
            let fill = sqlx::query(FILL).bind(size - 1);
            fill.execute(transaction.connection()).await.unwrap();
            transaction.commit().await.unwrap();
            database.pool().close().await;
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

/// Random UUIDs (version 4) of tokens that expire within a day.
const FILL: &str = "\
    WITH RECURSIVE number (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM number WHERE at < ?1), \
    random (digits) AS (SELECT lower(hex(randomblob(16))) FROM number) \
    INSERT INTO customer_auth_revocations (kind, subject, until) \
    SELECT 'token', substr(digits, 1, 8) || '-' || substr(digits, 9, 4) || '-4' || \
        substr(digits, 14, 3) || '-a' || substr(digits, 18, 3) || '-' || substr(digits, 21, 12), \
        unixepoch() + 600 + abs(random() % 86400) \
    FROM random";
