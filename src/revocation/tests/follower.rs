//! Lists that follow a log.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::advance;

use crate::clock::from_epoch;
use crate::revocation::CutOff;
use crate::revocation::DurableBuilder;
use crate::revocation::LogError;
use crate::revocation::LogErrorKind;
use crate::revocation::RevocationEntry;
use crate::revocation::Revocations;
use crate::revocation::RevokeErrorKind;
use crate::revocation::tests::DAY;
use crate::revocation::tests::START;
use crate::revocation::tests::scripted_log::Answer::Live;
use crate::revocation::tests::scripted_log::Answer::Revoked;
use crate::revocation::tests::scripted_log::Answer::Unknown;
use crate::revocation::tests::scripted_log::ScriptedLog;
use crate::revocation::tests::scripted_log::Setting;
use crate::revocation::tests::scripted_log::down;
use crate::revocation::tests::scripted_log::failing;
use crate::revocation::tests::scripted_log::seconds;
use crate::revocation::tests::scripted_log::settle;
use crate::revocation::tests::scripted_log::start;
use crate::revocation::tests::scripted_log::token;
use crate::revocation::tests::scripted_log::with;

#[tokio::test(start_paused = true)]
async fn the_status_is_unknown_until_the_log_is_loaded() {
    let setting = start(failing(down()), |builder| builder);
    settle().await;
    assert_eq!((setting.ask("a"), setting.ask("b")), (Unknown, Unknown));
    assert_eq!(setting.list.staleness(), None);

    setting.log.set(|script| script.fault = None);
    setting.list.ready().await.unwrap();
    assert_eq!((setting.ask("a"), setting.ask("b")), (Revoked, Live));
    assert_eq!(setting.list.staleness(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_entry_is_followed() {
    let cut_off = CutOff::new(from_epoch(START));
    let setting = start(
        with(&[
            token("a"),
            RevocationEntry::Session {
                id: "s".parse().unwrap(),
                ends_at: from_epoch(START + 9 * DAY),
            },
            RevocationEntry::Customer { id: "gone".parse().unwrap(), cut_off },
        ]),
        |builder| builder,
    );
    setting.list.ready().await.unwrap();
    assert_eq!(setting.ask_of("a", "a", "c", START), Revoked);
    assert_eq!(setting.ask_of("b", "a", "c", START), Live, "refreshed from a revoked token");
    assert_eq!(setting.ask_of("b", "s", "c", START), Revoked);
    assert_eq!(setting.ask_of("s", "s", "c", START), Revoked, "the first token of the session");
    assert_eq!(setting.ask_of("b", "b", "gone", START - 1), Revoked);
    assert_eq!(setting.ask_of("b", "b", "gone", START), Live);
    assert_eq!(setting.ask_of("b", "b", "c", START - 1), Live);
    setting.log.appended_elsewhere(RevocationEntry::Everyone { cut_off });
    seconds(1).await;
    settle().await;
    assert_eq!(setting.ask_of("b", "b", "c", START - 1), Revoked);
    assert_eq!(setting.ask_of("b", "b", "c", START), Live);
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_another_process_is_found_at_once_by_a_hint_and_in_a_second_without() {
    let setting = start(ScriptedLog::default(), |builder| builder);
    setting.list.ready().await.unwrap();
    settle().await;

    setting.log.appended_elsewhere(token("a"));
    setting.log.hint.notify_waiters();
    settle().await;
    assert_eq!(setting.ask("a"), Revoked);

    setting.log.appended_elsewhere(token("b"));
    settle().await;
    assert_eq!(setting.ask("b"), Live);
    seconds(1).await;
    assert_eq!(setting.ask("b"), Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_older_than_allowed_does_not_know_and_recovers_with_its_log() {
    let setting = start(with(&[token("a")]), |builder| builder);
    setting.list.ready().await.unwrap();
    setting.log.set(|script| script.fault = Some(down()));
    seconds(9).await;
    assert_eq!((setting.ask("a"), setting.ask("b")), (Revoked, Live));
    seconds(2).await;
    assert_eq!((setting.ask("a"), setting.ask("b")), (Revoked, Unknown));
    assert!(setting.list.staleness() > Some(Duration::from_secs(10)));

    setting.log.set(|script| script.fault = None);
    setting.log.appended_elsewhere(token("b"));
    seconds(2).await;
    assert_eq!((setting.ask("b"), setting.ask("c")), (Revoked, Live));
    assert_eq!(setting.log.get(|script| script.snapshots), 1, "it went on where it was");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_hangs_makes_the_list_stale_as_one_that_fails_does() {
    let setting = start(ScriptedLog::default(), |builder| builder);
    setting.list.ready().await.unwrap();
    setting.log.set(|script| script.hangs = true);
    seconds(12).await;
    assert_eq!(setting.ask("a"), Unknown);
    setting.log.set(|script| script.hangs = false);
    seconds(7).await;
    assert_eq!(setting.ask("a"), Live);
}

#[tokio::test(start_paused = true)]
async fn the_bound_can_be_set_and_given_up() {
    let setting =
        start(ScriptedLog::default(), |builder| builder.max_staleness(Duration::from_secs(3)));
    setting.list.ready().await.unwrap();
    setting.log.set(|script| script.fault = Some(down()));
    seconds(5).await;
    assert_eq!(setting.ask("a"), Unknown);

    let setting = start(failing(down()), DurableBuilder::danger_accept_stale);
    settle().await;
    assert_eq!(setting.ask("a"), Live);
    setting.log.set(|script| script.fault = None);
    setting.list.ready().await.unwrap();
    assert_eq!(setting.ask("a"), Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_acknowledged_when_the_log_has_it() {
    let setting = start(ScriptedLog::default(), |builder| builder);
    setting.list.ready().await.unwrap();
    assert_eq!(setting.revoke("a").await, Ok(()));
    assert_eq!(setting.log.get(|script| script.entries.clone()), [token("a")]);
    assert_eq!(setting.ask("a"), Revoked);

    setting.log.set(|script| script.fault = Some(down()));
    assert_eq!(setting.revoke("b").await, Err(RevokeErrorKind::LogFailed));
    setting.log.set(|script| script.hangs = true);
    let began = Instant::now();
    assert_eq!(setting.revoke("c").await, Err(RevokeErrorKind::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(setting.log.get(|script| script.entries.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_revocation_name_their_cause_once() {
    let setting = start(ScriptedLog::default(), |builder| builder);
    setting.list.ready().await.unwrap();
    setting.log.set(|script| script.fault = Some(down()));
    let error = setting.list.revoke_everyone(from_epoch(START)).await.unwrap_err();
    let mut chain = vec![error.to_string()];
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    let log = "the revocation log is unavailable";
    assert_eq!(chain, ["the revocation was not recorded", log, "connection refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_list_refuses_before_the_log_is_written() {
    let setting = start(with(&[token("a")]), |builder| builder.capacity(1));
    setting.list.ready().await.unwrap();
    assert_eq!(setting.revoke("b").await, Err(RevokeErrorKind::Full));
    assert_eq!(setting.log.get(|script| script.entries.len()), 1);
    assert_eq!(setting.ask("b"), Live);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_log_ends_the_wait_for_it_with_the_place_and_no_token_is_accepted() {
    let setting = start(failing(LogError::corrupt("row 7 is not valid")), |builder| builder);
    let error = setting.list.ready().await.unwrap_err();
    assert_eq!(error.kind(), LogErrorKind::Corrupt);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "row 7 is not valid");
    assert_eq!(setting.ask("b"), Unknown);

    // It is repaired while the program runs.
    setting.log.set(|script| script.fault = None);
    seconds(2).await;
    setting.list.ready().await.unwrap();
    assert_eq!((setting.ask("a"), setting.ask("b")), (Revoked, Live));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_too_small_for_the_log_is_never_complete() {
    let setting = start(with(&[token("a"), token("b")]), |builder| builder.capacity(1));
    let error = setting.list.ready().await.unwrap_err();
    let full = std::error::Error::source(&error).unwrap();
    assert_eq!(full.source().unwrap().to_string(), "the list is full at 1 entries");
    assert_eq!((setting.ask("a"), setting.ask("c")), (Revoked, Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_restored_is_loaded_again() {
    let setting = start(with(&[token("a")]), |builder| builder);
    setting.list.ready().await.unwrap();
    setting.log.set(|script| {
        script.epoch += 1;
        script.entries = vec![token("b")];
    });
    seconds(2).await;
    assert_eq!(setting.log.get(|script| script.snapshots), 2);
    // What was known stays known.
    assert_eq!((setting.ask("a"), setting.ask("b"), setting.ask("c")), (Revoked, Revoked, Live));
}

#[tokio::test(start_paused = true)]
async fn when_the_clock_steps_back_what_had_expired_is_loaded_again() {
    let setting = start(with(&[token("a")]), |builder| builder);
    setting.list.ready().await.unwrap();
    setting.clock.set(START + 3 * DAY);
    seconds(2).await;
    // A revocation drops what has expired by the wrong clock.
    assert_eq!(setting.revoke("b").await, Ok(()));
    assert_eq!(setting.ask("a"), Live);

    setting.clock.set(START);
    // The list is not believed until it is loaded again.
    assert_eq!(setting.ask("a"), Unknown);
    seconds(2).await;
    assert_eq!((setting.ask("a"), setting.ask("c")), (Revoked, Live));
}

#[tokio::test(start_paused = true)]
async fn entries_that_have_ended_take_no_place() {
    let ended = |at: u64| RevocationEntry::Token {
        id: at.to_string().parse().unwrap(),
        expires_at: from_epoch(START - 61 - at),
    };
    let entries: Vec<_> = (0..100).map(ended).chain([token("a")]).collect();
    let setting = start(with(&entries), |builder| builder.capacity(1));
    setting.list.ready().await.unwrap();
    assert_eq!(setting.ask("a"), Revoked);
}

#[tokio::test(start_paused = true)]
async fn once_an_hour_the_whole_log_is_compared_and_pruned() {
    let setting = start(ScriptedLog::default(), |builder| builder);
    setting.list.ready().await.unwrap();
    setting.log.set(|script| script.forgets = true);
    setting.log.appended_elsewhere(token("a"));
    seconds(3590).await;
    assert_eq!((setting.ask("a"), setting.log.get(|script| script.pruned_before)), (Live, None));
    seconds(20).await;
    assert_eq!(setting.ask("a"), Revoked);
    let pruned_before = setting.log.get(|script| script.pruned_before).unwrap();
    let hour_later = from_epoch(START + 3600 - 7 * DAY);
    assert_eq!(pruned_before.duration_since(hour_later).unwrap().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_always_hints_is_not_read_without_pause() {
    let log = ScriptedLog::default();
    log.set(|script| script.always_hints = true);
    let setting = start(log, |builder| builder);
    setting.list.ready().await.unwrap();
    let before = setting.log.get(|script| script.reads);
    seconds(1).await;
    let reads = setting.log.get(|script| script.reads) - before;
    assert!(reads <= 1001, "{reads}");
}

#[tokio::test(start_paused = true)]
async fn the_follower_ends_with_the_last_handle() {
    let Setting { log, list, .. } = start(ScriptedLog::default(), |builder| builder);
    list.ready().await.unwrap();
    let other = list.clone();
    drop(list);
    settle().await;
    assert!(Arc::strong_count(&log) > 1);
    drop(other);
    settle().await;
    assert_eq!(Arc::strong_count(&log), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_in_memory_is_always_ready_and_never_stale() {
    let list = Revocations::in_memory();
    list.ready().await.unwrap();
    advance(Duration::from_secs(DAY)).await;
    assert_eq!(list.staleness(), Some(Duration::ZERO));
    assert!(list.is_complete(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn durations_out_of_range_are_refused_by_name() {
    let refused = |set: fn(DurableBuilder) -> DurableBuilder| {
        set(Revocations::durable(ScriptedLog::default())).start().unwrap_err().to_string()
    };
    let staleness = refused(|builder| builder.max_staleness(Duration::from_secs(1)));
    assert_eq!(staleness, "max_staleness must be 2s to 86400s, not 1s");
    let deadline = refused(|builder| builder.deadline(Duration::from_secs(61)));
    assert_eq!(deadline, "deadline must be 10ms to 60s, not 61s");
    let session = refused(|builder| builder.max_session(Duration::ZERO));
    assert_eq!(session, "max_session must be 1s to 31622400s, not 0ns");
}
