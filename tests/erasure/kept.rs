//! An archive that is made smaller while the engine serves: what is needed stays, readers finish or are told, and what is left is whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coffer::engine::retention::Keep;
use coffer::engine::{Engine, EngineOptions, Failure, from_archive};
use coffer::env::Env;
use coffer::feed::{Feed, FeedOptions};
use coffer_ledger::ids::LogPosition;
use coffer_wal::{Lsn, ReadError};

use crate::directory::{books, close, history_file, open_with_history, options};
use crate::program::{ADA, BOB, TENANT, debit_again};
use crate::pruned::with_old_segments;

const NOTHING: Keep = Keep { days: None, bytes: Some(1) };
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens what keys do not keep: these tests do not want to wait an hour.
async fn open(dir: &Path) -> Engine {
    let options = EngineOptions { idempotency_window_h: 0, ..options(dir) };
    let engine = Engine::open(options, Env::os(), Arc::new(())).await.unwrap();
    engine.checkpoint().await.unwrap();
    engine
}

fn feed(engine: &Engine, dir: &Path) -> Feed {
    let options = FeedOptions { place: history_file(dir).into(), batch_records: 50, lag_records_max: 500 };
    Feed::start(engine, &Env::os(), &options).unwrap()
}

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not in {PATIENCE:?}"));
}

/// The archived segments' last records.
fn ends(engine: &Engine, dir: &Path) -> Vec<u64> {
    let archive = dir.join("shard-00/archive");
    let archive = coffer_wal::Archive::open(&Env::os().for_log(), archive, engine.store_id(), 0).unwrap();
    archive.numbers().iter().map(|number| archive.segment(*number).unwrap().chain_after().lsn.0).collect()
}

/// One more record and a snapshot of it: whoever waits for a reason to look again has one.
async fn another_snapshot(engine: &Engine, credits: i64) {
    debit_again(engine, BOB, credits).await.ok();
    engine.take_snapshot().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_engine_lets_go_of_what_is_not_wanted_and_nothing_of_what_is_shown_changes() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0x6011E).await;
    let (engine, old) = open_with_history(dir).await;
    let before = (books(&engine, &old, ADA).await, books(&engine, &old, BOB).await);
    close(engine, old).await;
    let engine = open(dir).await;
    let feed = feed(&engine, dir);
    let ends = ends(&engine, dir);
    engine.keep_archive(NOTHING);
    until("segments go", || engine.stats().archive_removed_segments > 1).await;
    until("what stays is counted", || {
        let stats = engine.stats();
        stats.archive_segments + stats.archive_removed_segments == ends.len() as u64
            && stats.archive_bytes > 0
    })
    .await;
    let stats = engine.stats();
    assert!(stats.archive_removed_bytes > 0 && stats.archive_segments > 0, "{stats:?}");
    let removed = engine.log_reader().removed_to().0;
    assert_eq!(ends[usize::try_from(stats.archive_removed_segments).unwrap() - 1], removed);
    assert!(matches!(engine.record(TENANT, LogPosition(removed)).await, Err(Failure::RecordGone)));
    engine.record(TENANT, LogPosition(removed + 1)).await.unwrap();
    let after = (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await);
    assert!(before == after, "balances or rows changed");
    close(engine, feed).await;
    let check = from_archive(&options(dir), &Env::os(), &(Arc::new(()) as _), &mut |_| {}).unwrap();
    assert!(check.removed_to >= Some(LogPosition(removed)) && check.unreadable.is_empty(), "{check:?}");
    let (engine, feed) = open_with_history(dir).await;
    assert!(after == (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await));
    close(engine, feed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_the_log_keeps_what_it_has_not_taken() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0xF0110).await;
    let engine = open(dir).await;
    let ends = ends(&engine, dir);
    let (slow, quick) = (engine.follow(), engine.follow());
    quick.is_at(u64::MAX);
    engine.keep_archive(NOTHING);
    slow.is_at(ends[1]);
    another_snapshot(&engine, 5).await;
    until("two segments go", || engine.stats().archive_removed_segments == 2).await;
    another_snapshot(&engine, 6).await;
    drop(slow);
    another_snapshot(&engine, 7).await;
    until("the rest goes", || engine.stats().archive_removed_segments > 2).await;
    engine.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_asked_or_all_of_it_young_nothing_goes() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0xA11).await;
    let engine = open(dir).await;
    engine.keep_archive(Keep::default());
    engine.keep_archive(Keep { days: Some(1), bytes: Some(1 << 40) });
    // Asked last, and done: whatever the others would have done, they had their turn.
    let follower = engine.follow();
    let ends = ends(&engine, dir);
    follower.is_at(ends[0]);
    engine.keep_archive(NOTHING);
    until("one segment goes", || engine.stats().archive_removed_segments == 1).await;
    another_snapshot(&engine, 8).await;
    assert_eq!(engine.log_reader().removed_to().0, ends[0]);
    engine.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_on_its_way_finishes_the_segment_that_it_has_and_is_told_that_the_next_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    with_old_segments(dir, 0x4EAD).await;
    let engine = open(dir).await;
    let ends = ends(&engine, dir);
    let (reader, reading) = (engine.log_reader(), engine.clone());
    let scanning = tokio::task::spawn_blocking(move || {
        let mut last = 0;
        let scanned = reader.scan(Lsn::FIRST, Lsn(u64::MAX), &mut |record| {
            if record.lsn == Lsn::FIRST {
                reading.keep_archive(NOTHING);
                while reading.stats().archive_removed_segments < 3 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            last = record.lsn.0;
            Ok(())
        });
        (scanned, last)
    });
    let (scanned, last) = tokio::time::timeout(PATIENCE, scanning).await.unwrap().unwrap();
    assert!(matches!(scanned, Err(ReadError::Gone { lsn, .. }) if lsn.0 == ends[0] + 1), "{scanned:?}");
    assert_eq!(last, ends[0], "it saw all of the segment that it had open");
    engine.shutdown().await.unwrap();
}
