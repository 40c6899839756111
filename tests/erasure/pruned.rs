//! An archive that lost its oldest segments: what is needed stays, what is left verifies, and nothing is made anew in silence.

use std::path::Path;
use std::sync::Arc;

use coffer::engine::retention::{Fate, Keep, StoppedArchive, judge};
use coffer::engine::{Engine, EngineOptions, Failure, from_archive};
use coffer::env::Env;
use coffer::feed::history;
use coffer_ledger::ids::LogPosition;
use coffer_wal::inspect::verify;

use crate::directory::{
    books, close, erase, history_file, open_with_history, options, places_of, plan, used,
};
use crate::program::{ADA, BOB, TENANT};

fn stopped(dir: &Path, followed_to: Option<u64>) -> StoppedArchive {
    // What keys may point to stays; these tests do not want to wait a day.
    let options = EngineOptions { idempotency_window_h: 0, ..options(dir) };
    StoppedArchive::open(&options, &Env::os(), followed_to).unwrap()
}

/// Removes all that may go; the last record that did.
fn prune(dir: &Path) -> u64 {
    let archive = stopped(dir, Some(history::followed_to(&history_file(dir).into()).unwrap()));
    let fates = judge(&archive.segments, Keep { days: None, bytes: Some(0) }, &archive.needs, 0);
    let removed = archive.remove(&fates).unwrap();
    assert!(removed > 0, "nothing could be removed: {fates:?}");
    archive.removed_to().0
}

/// Opened and closed once more, so that the archive has segments that nothing needs.
pub(crate) async fn with_old_segments(dir: &Path, seed: u64) {
    used(dir, seed).await;
    for _ in 0..3 {
        let (engine, feed) = open_with_history(dir).await;
        books(&engine, &feed, BOB).await;
        engine.checkpoint().await.unwrap();
        engine.take_snapshot().await.unwrap();
        close(engine, feed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_records_are_gone_and_everything_else_verifies_and_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0x0_1D).await;
    let (engine, feed) = open_with_history(dir).await;
    let before = (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await);
    close(engine, feed).await;
    let removed = prune(dir);
    let report = verify(&Env::os().for_log(), &dir.join("shard-00"), &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.removed.unwrap().chain.lsn.0, removed);
    let check = from_archive(&options(dir), &Env::os(), &(Arc::new(()) as _), &mut |_| {}).unwrap();
    assert_eq!(check.removed_to, Some(LogPosition(removed)));
    assert!(check.unreadable.is_empty() && check.violations.is_empty() && check.customers == 2, "{check:?}");
    let (engine, feed) = open_with_history(dir).await;
    let after = (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await);
    assert!(before == after, "balances or rows changed");
    assert!(matches!(engine.record(TENANT, LogPosition(removed)).await, Err(Failure::RecordGone)));
    assert!(engine.record(TENANT, LogPosition(removed + 1)).await.is_ok());
    close(engine, feed).await;
    assert_eq!(stopped(dir, None).removed_to().0, removed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_needed_stays() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0xFEED).await;
    let all = Keep { days: None, bytes: Some(0) };
    let goes = |archive: &StoppedArchive| {
        judge(&archive.segments, all, &archive.needs, 0).iter().filter(|fate| **fate == Fate::Goes).count()
    };
    let free = goes(&stopped(dir, None));
    assert!(free > 1);
    let second = stopped(dir, None).segments[1].last.0;
    assert_eq!(goes(&stopped(dir, Some(second))), 2, "the history is no further");
    assert_eq!(goes(&stopped(dir, Some(0))), 0, "there is to be a history, and it has nothing yet");
    let with_keys = StoppedArchive::open(&options(dir), &Env::os(), None).unwrap();
    assert_eq!(goes(&with_keys), 0, "keys of the last day point to all of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_damaged_or_lost_is_not_made_anew_in_silence_and_a_copy_helps() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0xDA7A).await;
    prune(dir);
    let (engine, feed) = open_with_history(dir).await;
    let whole = books(&engine, &feed, BOB).await.1;
    close(engine, feed).await;
    let file = history_file(dir);
    let sound = std::fs::read(&file).unwrap();
    for damaged in [Some(&sound[..sound.len() - 100]), None] {
        match damaged {
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let (engine, feed) = open_with_history(dir).await;
        let failed = async {
            while feed.history().status().state != "failed" {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), failed).await.unwrap();
        let reason = feed.history().status().reason.unwrap();
        assert!(reason.contains("were removed from the archive"), "{reason}");
        feed.stop(std::time::Duration::from_secs(30)).await;
        engine.shutdown().await.unwrap();
        if let Some(bytes) = damaged {
            assert!(std::fs::read(&file).unwrap() == bytes, "what is damaged stays as it is");
        }
    }
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("history.db{suffix}")));
    }
    std::fs::write(&file, &sound).unwrap();
    let (engine, feed) = open_with_history(dir).await;
    assert!(books(&engine, &feed, BOB).await.1 == whole);
    close(engine, feed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_erased_from_an_archive_that_begins_late() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0x1A7E).await;
    prune(dir);
    let name = plan(dir, ADA).name;
    erase(dir, ADA, &mut |_| {}).await;
    assert_eq!(places_of(dir, ADA), Vec::<String>::new());
    let report = verify(&Env::os().for_log(), &dir.join("shard-00"), &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert!(plan(dir, &name).is_done());
    let engine = Engine::open(options(dir), Env::os(), Arc::new(())).await.unwrap();
    engine.shutdown().await.unwrap();
}
