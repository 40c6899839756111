//! A schema against its log: a sound one is found sound. That whatever is changed in it is found and said where is in `damaged.rs`.

use std::path::Path;

use coffer::engine::{EngineOptions, StoppedLog};
use coffer::env::Env;
use coffer::feed::history::Sealed;
use coffer::feed::{HistoryCheck, RebuildProgress, verify};

use crate::kept::Kept;
use crate::program::{Random, grant, recharging, run, wallets};
use crate::support::{all, end, engine, follow};

struct Silent;

impl RebuildProgress for Silent {
    fn records(&self, _done: u64, _all: u64) {}
}

/// On a thread where connections may block.
pub(crate) async fn check(dir: &Path, kept: &Kept) -> Option<HistoryCheck> {
    let (dir, place) = (dir.to_owned(), kept.place());
    let checking = tokio::task::spawn_blocking(move || {
        let options =
            EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(&dir) };
        let log = StoppedLog::open(&options, &Env::os()).unwrap();
        verify(&place, &log.reader(), 70, &Silent).unwrap()
    });
    checking.await.unwrap()
}

/// A closed directory with a history of all of it.
pub(crate) async fn written(dir: &Path, kept: &Kept, seed: u64) {
    let engine = engine(dir).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    grant(&engine, wallets[0].0).await;
    recharging(&engine, &wallets).await;
    run(&engine, &wallets, &mut Random::new(seed), 800).await;
    all(&engine, &feed.history(), "written").await;
    end(engine, feed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_says_what_the_log_says_and_is_not_touched_by_looking() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    written(dir.path(), &kept, 61).await;
    assert_eq!(check(dir.path(), &Kept::new()).await, None, "an empty schema");
    let found = check(dir.path(), &kept).await.unwrap();
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.sealed, found.position), (Sealed::OfServer, found.log_end));
    assert!(found.rows > 400 && found.balances.len() >= 8, "{} {:?}", found.rows, found.balances);
    assert_eq!(i64::try_from(found.position).unwrap(), kept.position().await);
}
