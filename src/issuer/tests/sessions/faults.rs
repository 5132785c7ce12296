//! Lists that are full or not loaded, and logs that fail.

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::Service;

use super::*;
use crate::revocation::LogError;
use crate::revocation::LogPosition;
use crate::revocation::LogRead;
use crate::revocation::RevocationEntry;
use crate::revocation::RevocationLog;

/// A log in memory whose appends a test holds up or lets fail.
struct Log {
    entries: Mutex<Vec<RevocationEntry>>,
    script: Mutex<Script>,
    /// An append waits for one of these.
    permits: Semaphore,
}

impl Log {
    fn new() -> Arc<Self> {
        let permits = Semaphore::new(Semaphore::MAX_PERMITS);
        let script = Mutex::new(Script::Works);
        Arc::new(Self { entries: Mutex::default(), script, permits })
    }

    fn set(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    fn appended(&self) -> Vec<RevocationEntry> {
        std::mem::take(&mut *self.entries.lock().unwrap())
    }

    fn position() -> LogPosition {
        LogPosition::new("1", "")
    }
}

impl RevocationLog for Log {
    async fn append(&self, entry: &RevocationEntry) -> Result<(), LogError> {
        let _permit = self.permits.acquire().await.unwrap();
        let script = *self.script.lock().unwrap();
        Scripted::play(script).await.map_err(LogError::unavailable)?;
        self.entries.lock().unwrap().push(entry.clone());
        Ok(())
    }

    async fn snapshot(
        &self,
        _: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> Result<LogPosition, LogError> {
        let script = *self.script.lock().unwrap();
        Scripted::play(script).await.map_err(LogError::unavailable)?;
        Ok(Self::position())
    }

    async fn read(&self, _: &LogPosition) -> Result<LogRead, LogError> {
        Ok(LogRead::Entries { entries: Vec::new(), position: Self::position(), is_end: true })
    }
}

/// Opens a shop whose list follows this log, and has loaded it.
async fn open(log: &Arc<Log>) -> Shop {
    // It does not go on with the shop's clock, by which the list would be stale.
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let list = Revocations::durable(Arc::clone(log)).clock(clock).danger_accept_stale();
    let list = list.start().unwrap();
    list.ready().await.unwrap();
    Shop::with(list, |issuer| issuer, |sessions| sessions).await
}

#[tokio::test]
async fn a_logout_is_one_entry_in_the_log_and_none_when_it_is_repeated() {
    let log = Log::new();
    let shop = open(&log).await;
    let login = shop.log_in(&ron());
    let id = shop.verify(&login).unwrap().token_id().clone();
    shop.clock.advance(HOUR);
    let refreshed = shop.refreshed(&login).await;
    assert_eq!(shop.log_out(&refreshed).await, ended());
    let ends_at = from_epoch(NOW) + 30 * DAY;
    assert_eq!(log.appended(), [RevocationEntry::Session { id, ends_at }]);

    let other = shop.log_in(&ron());
    shop.clock.advance(MS);
    assert_eq!(shop.log_out_everywhere(&ron(), &other).await, ended());
    assert_eq!(shop.expel("leslie").await, ended());
    let appended = log.appended();
    let customers: Vec<&CustomerId> = appended
        .iter()
        .map(|entry| match entry {
            RevocationEntry::Customer { id, cut_off } => {
                assert_eq!(cut_off.at(), shop.clock.now());
                id
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(customers, [ron().id(), leslie().id()]);

    for token in [&login, &refreshed, &other] {
        assert_eq!(shop.log_out(token).await, ended());
    }
    assert_eq!(shop.log_out_everywhere(&ron(), &other).await, ended());
    assert_eq!(log.appended(), []);
}

/// A list refuses a token before its log has the entry. If the log then fails, the token is valid
/// again after a restart, so "revoked already" would be forgotten.
#[tokio::test]
async fn a_logout_that_failed_is_acknowledged_only_when_the_log_has_it() {
    let log = Log::new();
    let shop = open(&log).await;
    let token = shop.log_in(&ron());
    let id = shop.verify(&token).unwrap().token_id().clone();
    log.set(Script::Fails);
    for _ in 0..2 {
        assert_eq!(shop.log_out(&token).await, undecided());
        assert_eq!(shop.verdicts([&token]), [REVOKED]);
    }
    log.set(Script::Works);
    assert_eq!(shop.log_out(&token).await, ended());
    let ends_at = from_epoch(NOW) + 30 * DAY;
    assert_eq!(log.appended(), [RevocationEntry::Session { id, ends_at }]);
}

#[tokio::test]
async fn a_logout_everywhere_that_failed_is_acknowledged_only_when_the_log_has_it() {
    let log = Log::new();
    let shop = open(&log).await;
    let token = shop.log_in(&ron());
    shop.clock.advance(MS);
    let at = shop.clock.now();
    log.set(Script::Fails);
    for _ in 0..2 {
        assert_eq!(shop.log_out_everywhere(&ron(), &token).await, undecided());
        assert_eq!(shop.expel("leslie").await, undecided());
        assert_eq!(shop.verdicts([&token]), [REVOKED]);
    }
    log.set(Script::Works);
    shop.clock.advance(HOUR);
    let later = shop.log_in(&ron());
    assert_eq!(shop.log_out_everywhere(&ron(), &token).await, ended());
    // It is the cut-off of the first attempt, so later logins are valid.
    let appended = log.appended();
    assert!(
        matches!(&appended[..], [RevocationEntry::Customer { id, cut_off }]
            if id == ron().id() && cut_off.at() == at),
        "{appended:?}"
    );
    assert_eq!(shop.verdicts([&later]), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_is_not_acknowledged_before_the_log_has_the_first() {
    let log = Log::new();
    let shop = open(&log).await;
    let token = shop.log_in(&ron());
    let held = log.permits.forget_permits(Semaphore::MAX_PERMITS);
    let mut first = Box::pin(shop.log_out(&token));
    assert_eq!((&mut first).now_or_never(), None);
    tokio::task::yield_now().await;
    assert_eq!(shop.verdicts([&token]), [REVOKED]);
    let mut second = Box::pin(shop.log_out(&token));
    assert_eq!((&mut second).now_or_never(), None);
    log.permits.add_permits(held);
    assert_eq!((first.await, second.await), (ended(), ended()));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_hangs_is_503_after_its_deadline() {
    let log = Log::new();
    let shop = open(&log).await;
    let token = shop.log_in(&ron());
    log.set(Script::Hangs);
    let begun = tokio::time::Instant::now();
    assert_eq!(shop.log_out(&token).await, undecided());
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_logout_whose_client_has_gone_is_finished() {
    let log = Log::new();
    let shop = open(&log).await;
    let token = shop.log_in(&ron());
    let held = log.permits.forget_permits(Semaphore::MAX_PERMITS);
    let request = with_tokens(logout_request("XXXX"), &[&token]);
    let mut logout = Box::pin(shop.issuer.clone().call(request));
    assert!((&mut logout).now_or_never().is_none());
    drop(logout);
    log.permits.add_permits(held);
    // Its task, which nothing holds up any more.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(log.appended().len(), 1);
    assert_eq!(shop.verdicts([&token]), [REVOKED]);
}

#[tokio::test]
async fn before_the_list_is_loaded_nothing_is_decided() {
    let log = Log::new();
    log.set(Script::Fails);
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let list = Revocations::durable(Arc::clone(&log)).clock(clock).start().unwrap();
    let shop = Shop::with(list.clone(), |issuer| issuer, |sessions| sessions).await;
    let token = shop.log_in(&ron());
    assert_eq!(shop.verdicts([&token]), [Some(VerifyErrorKind::UnknownRevocationStatus)]);
    assert_eq!(shop.log_out(&token).await, undecided());
    assert_eq!(shop.log_out_everywhere(&ron(), &token).await, undecided());
    assert_eq!(shop.refresh(&token).await, Answer::unavailable());
    // What is wrong with the token itself is known.
    assert_eq!(shop.log_out("x").await, no_valid_token());
    assert_eq!(log.appended(), []);
}

#[tokio::test]
async fn a_list_that_is_full_is_503_and_changes_nothing() {
    let shop =
        Shop::with(Revocations::in_memory_with_capacity(1), |issuer| issuer, |sessions| sessions)
            .await;
    let (first, second, leslies) =
        (shop.log_in(&ron()), shop.log_in(&ron()), shop.log_in(&leslie()));
    assert_eq!(shop.log_out(&first).await, ended());
    assert_eq!(shop.log_out(&second).await, undecided());
    assert_eq!(shop.verdicts([&second]), [None]);
    shop.clock.advance(MS);
    assert_eq!(shop.log_out_everywhere(&leslie(), &leslies).await, ended());
    assert_eq!(shop.log_out_everywhere(&ron(), &second).await, undecided());
    assert_eq!(shop.expel(RON).await, undecided());
    assert_eq!(shop.verdicts([&second]), [None]);
    // Refreshing takes no place.
    assert_eq!(shop.refresh(&second).await.status, 200);
}
