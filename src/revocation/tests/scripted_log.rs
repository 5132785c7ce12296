//! A log that a test controls, and a list that follows it.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::DurableBuilder;
use crate::revocation::LogError;
use crate::revocation::LogPosition;
use crate::revocation::LogRead;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;
use crate::revocation::Revocations;
use crate::revocation::RevokeErrorKind;
use crate::revocation::tests::DAY;
use crate::revocation::tests::START;

/// A log in memory, with faults.
#[derive(Default)]
pub(super) struct ScriptedLog {
    script: Mutex<Script>,
    pub(super) hint: Notify,
}

#[derive(Default)]
pub(super) struct Script {
    pub(super) entries: Vec<RevocationEntry>,
    pub(super) epoch: u32,
    /// What every call fails with.
    pub(super) fault: Option<LogError>,
    /// No call ends.
    pub(super) hangs: bool,
    /// Reads leave out what was appended: the log breaks its contract.
    pub(super) forgets: bool,
    pub(super) always_hints: bool,
    pub(super) reads: u32,
    pub(super) snapshots: u32,
    pub(super) pruned_before: Option<SystemTime>,
}

impl ScriptedLog {
    pub(super) fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    pub(super) fn get<T>(&self, of: impl FnOnce(&Script) -> T) -> T {
        of(&self.script.lock().unwrap())
    }

    /// Appends as another process does.
    pub(super) fn appended_elsewhere(&self, entry: RevocationEntry) {
        self.set(|script| script.entries.push(entry));
    }

    async fn fault(&self) -> Result<(), LogError> {
        if self.get(|script| script.hangs) {
            std::future::pending::<()>().await;
        }
        self.get(|script| script.fault.clone()).map_or(Ok(()), Err)
    }

    fn position(script: &Script) -> LogPosition {
        LogPosition::new(script.epoch.to_string(), script.entries.len().to_string())
    }
}

impl RevocationLog for ScriptedLog {
    async fn append(&self, entry: &RevocationEntry) -> Result<(), LogError> {
        self.fault().await?;
        self.appended_elsewhere(entry.clone());
        Ok(())
    }

    async fn snapshot(
        &self,
        each: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> Result<LogPosition, LogError> {
        self.set(|script| script.snapshots += 1);
        self.fault().await?;
        let (entries, position) =
            self.get(|script| (script.entries.clone(), Self::position(script)));
        entries.into_iter().for_each(each);
        Ok(position)
    }

    async fn read(&self, after: &LogPosition) -> Result<LogRead, LogError> {
        self.set(|script| script.reads += 1);
        self.fault().await?;
        self.get(|script| {
            if after.epoch() != script.epoch.to_string() {
                return Ok(LogRead::Gap);
            }
            let after: usize = after.offset().parse().unwrap();
            let mut entries = script.entries[after..].to_vec();
            if script.forgets {
                entries.clear();
            }
            Ok(LogRead::Entries { entries, position: Self::position(script), is_end: true })
        })
    }

    async fn changed(&self) {
        if !self.get(|script| script.always_hints) {
            self.hint.notified().await;
        }
    }

    async fn prune(&self, ended_before: SystemTime) -> Result<(), LogError> {
        self.set(|script| script.pruned_before = Some(ended_before));
        Ok(())
    }
}

/// Goes on with the paused time of the runtime, and can be set.
#[derive(Debug)]
pub(super) struct PausedClock {
    pub(super) epoch: Mutex<(SystemTime, Instant)>,
}

impl PausedClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { epoch: Mutex::new((from_epoch(START), Instant::now())) })
    }

    pub(super) fn set(&self, seconds: u64) {
        *self.epoch.lock().unwrap() = (from_epoch(seconds), Instant::now());
    }
}

impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        let (time, since) = *self.epoch.lock().unwrap();
        time + since.elapsed()
    }
}

pub(super) struct Setting {
    pub(super) log: Arc<ScriptedLog>,
    pub(super) clock: Arc<PausedClock>,
    pub(super) list: Revocations,
}

pub(super) fn start(
    log: ScriptedLog,
    set: impl FnOnce(DurableBuilder) -> DurableBuilder,
) -> Setting {
    let (log, clock) = (Arc::new(log), PausedClock::new());
    let builder = set(Revocations::durable(Arc::clone(&log)).clock(clock.clone()));
    Setting { list: builder.start().unwrap(), log, clock }
}

/// What a verifier says of a login at this second, whose token is a session of its own.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Live,
    Revoked,
    Unknown,
}

use Answer::Live;
use Answer::Revoked;
use Answer::Unknown;

impl Setting {
    pub(super) fn ask(&self, token: &str) -> Answer {
        self.ask_of(token, token, "c", START)
    }

    pub(super) fn ask_of(
        &self,
        token: &str,
        session: &str,
        customer: &str,
        login_at: u64,
    ) -> Answer {
        let is_complete = self.list.is_complete(self.clock.since_epoch());
        let (token, session): (TokenId, TokenId) =
            (token.parse().unwrap(), session.parse().unwrap());
        let customer: CustomerId = customer.parse().unwrap();
        if self.list.is_revoked(&token, &session, &customer, login_at) {
            Revoked
        } else if is_complete {
            Live
        } else {
            Unknown
        }
    }

    pub(super) async fn revoke(&self, token: &str) -> Result<(), RevokeErrorKind> {
        let revoked = self.list.revoke(&token.parse().unwrap(), from_epoch(START + DAY)).await;
        revoked.map_err(|error| error.kind())
    }
}

pub(super) fn token(id: &str) -> RevocationEntry {
    RevocationEntry::Token { id: id.parse().unwrap(), expires_at: from_epoch(START + DAY) }
}

pub(super) fn with(entries: &[RevocationEntry]) -> ScriptedLog {
    let log = ScriptedLog::default();
    log.set(|script| script.entries.extend_from_slice(entries));
    log
}

pub(super) fn failing(error: LogError) -> ScriptedLog {
    let log = with(&[token("a")]);
    log.set(|script| script.fault = Some(error));
    log
}

pub(super) fn down() -> LogError {
    LogError::unavailable("connection refused")
}

/// Lets the follower run until it waits.
pub(super) async fn settle() {
    sleep(Duration::from_millis(5)).await;
}

pub(super) async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
