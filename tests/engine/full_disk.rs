//! A disk that is nearly full: a snapshot that finds no room costs itself and nothing else. Writes go on, the engine ends in good
//! order, and the next one starts from the log.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coffer::engine::{Engine, Failure, SnapshotFailure};
use coffer_wal::SnapshotError;
use coffer_wal::storage::crash::CrashStorage;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::*;

/// How long the log's threads may take to make spares, or to see that there is space.
const PATIENCE: Duration = Duration::from_secs(20);
/// Less than any snapshot with a customer in it takes.
const TOO_LITTLE_BYTES: u64 = 100;

/// Waits until the log has all its spares, so that nothing but what the test does takes space.
async fn spares_are_made(engine: &Engine) {
    until("the spares are made", || engine.stats().log.segments_spare == 2).await;
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// From now on there is this much space.
fn leave_free(disk: &CrashStorage, bytes: u64) {
    let used: u64 = disk.files().iter().map(|path| disk.read_file(path).unwrap().len() as u64).sum();
    disk.set_capacity_bytes(used + bytes);
}

fn make_room(disk: &CrashStorage) {
    disk.set_capacity_bytes(1 << 40);
}

/// Finished or not.
fn snapshot_files(disk: &CrashStorage) -> Vec<PathBuf> {
    disk.files().into_iter().filter(|path| path.to_string_lossy().contains("/snapshots/")).collect()
}

/// A debit as soon as the log has seen that there is space.
async fn debit_when_there_is_room(engine: &Engine) {
    let debiting = async {
        loop {
            match debit_now(engine, "acme", 1).await {
                Err(Failure::ReadOnly(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                debited => break debited,
            }
        }
    };
    tokio::time::timeout(PATIENCE, debiting).await.expect("there is room").unwrap();
}

/// What is logged as an error on this thread.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }
    fn event(&self, event: &Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}: {value:?}; ");
            }
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_fails_half_way_leaves_nothing_and_writes_and_restarts_go_on() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    spares_are_made(&engine).await;
    leave_free(&disk, TOO_LITTLE_BYTES);
    let failed = engine.take_snapshot().await.unwrap_err();
    assert!(matches!(failed, SnapshotFailure::File(SnapshotError::NoRoom { .. })), "{failed}");
    assert_eq!(snapshot_files(&disk), [] as [PathBuf; 0]);
    debit_now(&engine, "acme", 1).await.unwrap();
    make_room(&disk);
    engine.take_snapshot().await.unwrap();
    debit_now(&engine, "acme", 1).await.unwrap();
    engine.shutdown().await.unwrap();
    assert_eq!(snapshot_files(&disk).len(), 2);
    let reopened = open(&disk.kill()).await;
    assert_eq!(posted(&reopened, "acme").await, whole(98));
}

#[tokio::test]
async fn a_last_snapshot_that_finds_no_room_is_said_and_the_engine_ends_and_starts_again() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    debit_now(&engine, "acme", 1).await.unwrap();
    spares_are_made(&engine).await;
    leave_free(&disk, TOO_LITTLE_BYTES);
    let errors = Errors::default();
    {
        let _heard = tracing::subscriber::set_default(errors.clone());
        engine.shutdown().await.unwrap();
    }
    let said = errors.0.lock().unwrap().clone();
    assert!(
        matches!(said.as_slice(), [one] if one.contains("last snapshot") && one.contains("free")),
        "{said:?}"
    );
    assert_eq!(snapshot_files(&disk), [] as [PathBuf; 0]);
    // It starts on the disk that is full, on a spare, and goes on when there is room.
    let disk = disk.kill();
    let reopened = open(&disk).await;
    assert_eq!(posted(&reopened, "acme").await, whole(99));
    make_room(&disk);
    debit_when_there_is_room(&reopened).await;
    assert_eq!(posted(&reopened, "acme").await, whole(98));
    reopened.shutdown().await.unwrap();
    assert_eq!(snapshot_files(&disk).len(), 1);
}
