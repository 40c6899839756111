//! Whatever happens to the store: it is noticed, and the rows are again those of the log.

use std::path::Path;

use coffer::feed::history::Row;

use crate::kept::Kept;
use crate::program::{Random, recharging, run, wallets};
use crate::support::{all, close, engine, follow, until};

/// A closed directory with some history, and the rows that it must have.
pub(crate) async fn written(dir: &Path, kept: &Kept, seed: u64) -> Vec<Row> {
    let engine = engine(dir).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    recharging(&engine, &wallets).await;
    run(&engine, &wallets, &mut Random::new(seed), 400).await;
    let rows = all(&engine, &feed.history(), "written").await;
    close(engine, feed).await;
    rows
}

/// Starts on the directory and checks its rows; how often the store was made anew.
pub(crate) async fn healed(dir: &Path, kept: &Kept, rows: &[Row], what: &str) -> u64 {
    let engine = engine(dir).await;
    let feed = follow(&engine, kept.place());
    // What came due meanwhile stands behind them.
    let now = all(&engine, &feed.history(), what).await;
    assert_eq!(now[..rows.len()], *rows, "{what}");
    close(engine, feed).await.rebuilds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_somebody_changed_is_made_anew() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 11).await;
    let changes = [
        ("a row removed", "DELETE FROM transactions WHERE key = (SELECT max(key) FROM transactions)"),
        ("a cursor beyond the log", "UPDATE cursor SET position = position + 1000"),
        ("a cursor moved back", "UPDATE cursor SET position = position / 2"),
        ("no cursor", "DELETE FROM cursor"),
    ];
    for (what, change) in changes.into_iter().chain(Kept::CHANGES) {
        kept.sql(change).await;
        assert_eq!(healed(dir.path(), &kept, &rows, what).await, 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_store_is_caught_up_and_not_made_anew() {
    let (dir, kept, old) = (tempfile::tempdir().unwrap(), Kept::new(), Kept::new());
    written(dir.path(), &kept, 13).await;
    old.copy_from(&kept).await;
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(14), 400).await;
    let rows = all(&engine, &feed.history(), "written").await;
    close(engine, feed).await;
    kept.copy_from(&old).await;
    assert_eq!(healed(dir.path(), &kept, &rows, "older").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_another_log_is_made_anew() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (kept, others) = (Kept::new(), Kept::new());
    let rows = written(one.path(), &kept, 15).await;
    written(two.path(), &others, 16).await;
    kept.copy_from(&others).await;
    assert_eq!(healed(one.path(), &kept, &rows, "of another log").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_is_ahead_of_a_restored_log_is_made_anew() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 17).await;
    let saved = tempfile::tempdir().unwrap();
    copy(&dir.path().join("shard-00"), &saved.path().join("shard-00"));
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(18), 100).await;
    close(engine, feed).await;
    std::fs::remove_dir_all(dir.path().join("shard-00")).unwrap();
    copy(&saved.path().join("shard-00"), &dir.path().join("shard-00"));
    assert_eq!(healed(dir.path(), &kept, &rows, "ahead").await, 1);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_somebody_else_holds_stops_the_feed_and_no_debit() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    written(dir.path(), &kept, 19).await;
    let other = kept.lock().await;
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    assert!(run(&engine, &wallets, &mut Random::new(20), 50).await > 0);
    until(&feed.history(), |status| status.state == "failed").await;
    assert!(feed.history().status().lag_records > 0);
    drop(other);
    all(&engine, &feed.history(), "locked").await;
    assert_eq!(close(engine, feed).await.rebuilds, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_removed_while_it_is_used_is_made_anew() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    written(dir.path(), &kept, 21).await;
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let rows = all(&engine, &feed.history(), "there").await;
    kept.remove().await;
    until(&feed.history(), |status| status.rebuilds == 1).await;
    assert!(all(&engine, &feed.history(), "again").await.len() >= rows.len());
    close(engine, feed).await;
}
