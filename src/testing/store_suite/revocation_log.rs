//! The requirements on every revocation log, as tests that a log instantiates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::id::TokenId;
use crate::revocation::CutOff;
use crate::revocation::LogPosition;
use crate::revocation::LogRead;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;

/// Expands to a module with the tests that every
/// [`RevocationLog`](crate::revocation::RevocationLog) must pass.
///
/// The arguments are the name of the module, and an expression for a future that opens an empty log.
/// The expression is evaluated for each test. Its output is the log, and a guard that is dropped
/// after it, for example a temporary folder; `()` if there is none. The module sees the names of the
/// one around it.
///
/// A test is a `#[test]` of its own, on a new Tokio runtime with two threads and with all drivers.
/// Attributes before the name, such as `#[ignore = "needs a server"]`, become those of each test.
/// Durability is not tested: for that, a process has to be killed.
///
/// # Example
///
/// The features `issuer` and `test-util` are on in the `dev-dependencies`.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # mod tests {
/// use tower_customer_auth::database::SqliteDatabase;
/// use tower_customer_auth::revocation::SqliteRevocationLog;
///
/// async fn open() -> (SqliteRevocationLog, ()) {
///     let database = SqliteDatabase::open(":memory:").await.unwrap();
///     (SqliteRevocationLog::new(database).await.unwrap(), ())
/// }
///
/// tower_customer_auth::testing::revocation_log_suite!(sqlite_log, open());
/// # }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __revocation_log_suite {
    ($(#[$attribute:meta])* $name:ident, $open:expr $(,)?) => {
        $crate::testing::store_suite::tests_of! {
            $(#[$attribute])* $name, $open, revocation_log:
            an_empty_log_has_a_position_to_read_from
            what_is_appended_is_in_snapshots_and_reads
            what_was_read_is_not_needed_again
            appending_twice_is_like_appending_once
            of_two_times_the_later_one_counts
            a_replaced_entry_is_read_again
            cut_offs_keep_their_exact_time
            identifiers_are_kept_byte_by_byte
            many_entries_are_read_in_steps_and_none_is_missed
            no_entry_of_concurrent_writers_is_missed
            a_position_of_another_log_is_a_gap
            pruning_removes_what_has_ended_and_nothing_else
        }
    };
}
#[doc(inline)]
pub use __revocation_log_suite as revocation_log_suite;

pub async fn an_empty_log_has_a_position_to_read_from(log: impl RevocationLog) {
    let (entries, position) = snapshot(&log).await;
    assert_eq!(entries, Merged::new());
    assert_eq!(read(&log, &position).await, Some((Merged::new(), position)));
}

pub async fn what_is_appended_is_in_snapshots_and_reads(log: impl RevocationLog) {
    let (_, start) = snapshot(&log).await;
    let all = one_of_each();
    for entry in &all {
        log.append(entry).await.unwrap();
    }
    assert_eq!(snapshot(&log).await.0, merged(&all));
    assert_eq!(read(&log, &start).await.map(|(entries, _)| entries), Some(merged(&all)));
}

pub async fn what_was_read_is_not_needed_again(log: impl RevocationLog) {
    let (_, start) = snapshot(&log).await;
    log.append(&token("a", 1)).await.unwrap();
    let (_, middle) = read(&log, &start).await.unwrap();
    log.append(&token("b", 1)).await.unwrap();
    let (entries, _) = read(&log, &middle).await.unwrap();
    let all = merged(&[token("a", 1), token("b", 1)]);
    // It may repeat `a`, but it must have `b`.
    assert_eq!(entries.get(&key(&token("b", 1))), all.get(&key(&token("b", 1))));
    assert_eq!(read(&log, &start).await.map(|(entries, _)| entries), Some(all));
}

pub async fn appending_twice_is_like_appending_once(log: impl RevocationLog) {
    let all = one_of_each();
    for entry in all.iter().chain(&all) {
        log.append(entry).await.unwrap();
    }
    assert_eq!(snapshot(&log).await.0, merged(&all));
}

pub async fn of_two_times_the_later_one_counts(log: impl RevocationLog) {
    let (_, start) = snapshot(&log).await;
    for order in [[1, 2], [4, 3]] {
        for hour in order {
            for entry in at_hour(hour) {
                log.append(&entry).await.unwrap();
            }
        }
        let latest = merged(&at_hour(order.into_iter().max().unwrap()));
        assert_eq!(snapshot(&log).await.0, latest, "{order:?}");
        assert_eq!(read(&log, &start).await.map(|(entries, _)| entries), Some(latest), "{order:?}");
    }
}

pub async fn a_replaced_entry_is_read_again(log: impl RevocationLog) {
    for entry in at_hour(1) {
        log.append(&entry).await.unwrap();
    }
    let (_, position) = snapshot(&log).await;
    for entry in at_hour(2) {
        log.append(&entry).await.unwrap();
    }
    let (entries, _) = read(&log, &position).await.unwrap();
    assert_eq!(entries, merged(&at_hour(2)));
}

pub async fn cut_offs_keep_their_exact_time(log: impl RevocationLog) {
    let at = time(1) + Duration::from_nanos(123_456_789);
    let cut_offs = [CutOff::new(at), CutOff::with_valid_from(at, at + Duration::from_secs(5))];
    for (at, cut_off) in cut_offs.into_iter().enumerate() {
        let entry = RevocationEntry::Customer { id: at.to_string().parse().unwrap(), cut_off };
        log.append(&entry).await.unwrap();
        assert_eq!(snapshot(&log).await.0.get(&key(&entry)), Some(&entry));
    }
}

pub async fn identifiers_are_kept_byte_by_byte(log: impl RevocationLog) {
    let printable: String = ('!'..='~').collect();
    let longest = "x".repeat(256);
    let uuid = "79cc0486-bbdf-491b-a0a2-722383b6288b";
    let upper_case = uuid.to_uppercase();
    let ids = [&*printable, &longest, uuid, &upper_case, "a", "A", "1", "01", "null", "%", "_"];
    let tokens: Vec<_> = ids.into_iter().map(|id| token(id, 1)).collect();
    let sessions = ids.into_iter().map(|id| session(id, 1));
    let customers = ids.into_iter().map(|id| customer(id, 1));
    let all: Vec<_> = tokens.into_iter().chain(sessions).chain(customers).collect();
    for entry in &all {
        log.append(entry).await.unwrap();
    }
    assert_eq!(snapshot(&log).await.0, merged(&all));
}

pub async fn many_entries_are_read_in_steps_and_none_is_missed(log: impl RevocationLog) {
    let (_, start) = snapshot(&log).await;
    let all: Vec<_> = (0..500).map(|at| token(&at.to_string(), 1)).collect();
    for entry in &all {
        log.append(entry).await.unwrap();
    }
    let (entries, end) = read(&log, &start).await.unwrap();
    assert_eq!(entries, merged(&all));
    assert_eq!(read(&log, &end).await.map(|(_, again)| again), Some(end));
}

pub async fn no_entry_of_concurrent_writers_is_missed(log: impl RevocationLog) {
    const WRITERS: u32 = 8;
    const ENTRIES: u32 = 25;
    let log = Arc::new(log);
    let (mut seen, mut position) = snapshot(&*log).await;
    let writers = (0..WRITERS).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for at in 0..ENTRIES {
                log.append(&token(&format!("{writer}-{at}"), 1)).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    // Read while they write: a position must not lie behind an entry that is not visible yet.
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let (entries, next) = read(&*log, &position).await.unwrap();
        seen.extend(entries);
        position = next;
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    seen.extend(read(&*log, &position).await.unwrap().0);
    assert_eq!(seen.len(), (WRITERS * ENTRIES) as usize);
    assert_eq!(seen, snapshot(&*log).await.0);
}

pub async fn a_position_of_another_log_is_a_gap(log: impl RevocationLog) {
    log.append(&token("a", 1)).await.unwrap();
    let (_, position) = snapshot(&log).await;
    let other = LogPosition::new(format!("not {}", position.epoch()), position.offset());
    assert_eq!(read(&log, &other).await, None);
}

pub async fn pruning_removes_what_has_ended_and_nothing_else(log: impl RevocationLog) {
    let ended = [token("old", 1), session("old", 1)];
    let live = [token("new", 3), session("new", 3)];
    let cut_offs = [customer("old", 1), everyone(1)];
    for entry in ended.iter().chain(&live).chain(&cut_offs) {
        log.append(entry).await.unwrap();
    }
    let (_, position) = snapshot(&log).await;
    log.prune(time(2)).await.unwrap();
    let (mut left, _) = snapshot(&log).await;
    // A log may keep more than it must.
    left.retain(|key, _| !ended.iter().any(|entry| self::key(entry) == *key));
    assert_eq!(left, merged(&[&live[..], &cut_offs].concat()));
    // What was pruned leaves no gap.
    log.append(&token("newer", 3)).await.unwrap();
    let (entries, _) = read(&log, &position).await.unwrap();
    assert_eq!(entries.get(&key(&token("newer", 3))), Some(&token("newer", 3)));
}

type Key = (u8, String);
type Merged = BTreeMap<Key, RevocationEntry>;

fn key(entry: &RevocationEntry) -> Key {
    match entry {
        RevocationEntry::Token { id, .. } => (0, id.to_string()),
        RevocationEntry::Session { id, .. } => (1, id.to_string()),
        RevocationEntry::Customer { id, .. } => (2, id.to_string()),
        RevocationEntry::Everyone { .. } => (3, String::new()),
    }
}

fn merged(entries: &[RevocationEntry]) -> Merged {
    entries.iter().map(|entry| (key(entry), entry.clone())).collect()
}

/// The entries of a snapshot. Of one subject, the latest one counts, wherever it is.
async fn snapshot(log: &impl RevocationLog) -> (Merged, LogPosition) {
    let mut entries = Merged::new();
    let position = log.snapshot(&mut |entry| merge(&mut entries, entry)).await.unwrap();
    (entries, position)
}

/// What was appended since a position, and the position at the end; `None` for a gap.
async fn read(log: &impl RevocationLog, after: &LogPosition) -> Option<(Merged, LogPosition)> {
    let mut all = Merged::new();
    let mut after = after.clone();
    loop {
        match log.read(&after).await.unwrap() {
            LogRead::Gap => return None,
            LogRead::Entries { entries, position, is_end } => {
                entries.into_iter().for_each(|entry| merge(&mut all, entry));
                if is_end {
                    return Some((all, position));
                }
                assert_ne!(position, after, "a read that is not the end must get further");
                after = position;
            }
        }
    }
}

fn merge(entries: &mut Merged, entry: RevocationEntry) {
    let end = |entry: &RevocationEntry| match entry {
        RevocationEntry::Token { expires_at: end, .. }
        | RevocationEntry::Session { ends_at: end, .. } => *end,
        RevocationEntry::Customer { cut_off, .. } | RevocationEntry::Everyone { cut_off } => {
            cut_off.at()
        }
    };
    let key = key(&entry);
    if entries.get(&key).is_none_or(|known| end(known) <= end(&entry)) {
        entries.insert(key, entry);
    }
}

fn time(hour: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_510_000_000 + hour * 3600)
}

fn token(id: &str, hour: u64) -> RevocationEntry {
    let id: TokenId = id.parse().unwrap();
    RevocationEntry::Token { id, expires_at: time(hour) }
}

fn session(id: &str, hour: u64) -> RevocationEntry {
    let id: TokenId = id.parse().unwrap();
    RevocationEntry::Session { id, ends_at: time(hour) }
}

fn customer(id: &str, hour: u64) -> RevocationEntry {
    RevocationEntry::Customer { id: id.parse().unwrap(), cut_off: CutOff::new(time(hour)) }
}

fn everyone(hour: u64) -> RevocationEntry {
    RevocationEntry::Everyone { cut_off: CutOff::new(time(hour)) }
}

/// One entry of each kind, all with the same identifier.
fn at_hour(hour: u64) -> [RevocationEntry; 4] {
    [token("a", hour), session("a", hour), customer("a", hour), everyone(hour)]
}

fn one_of_each() -> [RevocationEntry; 4] {
    at_hour(1)
}
