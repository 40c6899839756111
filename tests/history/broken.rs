//! Whatever happens to the file: it is noticed, and the rows are again those of the log.

use std::io::Write;
use std::path::Path;

use coffer::feed::history::Row;
use rusqlite::Connection;

use crate::program::{Random, run, wallets};
use crate::support::{all, close, engine, file, follow, until};

/// A closed directory with some history, and the rows that it must have.
async fn written(dir: &Path, seed: u64) -> Vec<Row> {
    let engine = engine(dir).await;
    let feed = follow(&engine, dir);
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(seed), 400).await;
    let rows = all(&engine, &feed.history(), "written").await;
    close(engine, feed).await;
    rows
}

/// Starts on the directory and checks its rows; how often the file was made anew.
async fn healed(dir: &Path, rows: &[Row], what: &str) -> u64 {
    let engine = engine(dir).await;
    let feed = follow(&engine, dir);
    // What came due meanwhile stands behind them.
    let now = all(&engine, &feed.history(), what).await;
    assert_eq!(now[..rows.len()], *rows, "{what}");
    close(engine, feed).await.rebuilds
}

fn sql(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_cut_overwritten_or_changed_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let rows = written(dir.path(), 11).await;
    let path = file(dir.path());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(healed(dir.path(), &rows, "gone").await, 0);
    for cut in [0, 50, 4_096, 8_192, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let rebuilds = healed(dir.path(), &rows, &format!("cut to {cut}")).await;
        // An empty file is a new one.
        assert_eq!(rebuilds, u64::from(cut > 0), "cut to {cut}");
    }
    let mut zeroed = bytes.clone();
    zeroed[bytes.len() / 2..].fill(0);
    std::fs::write(&path, &zeroed).unwrap();
    assert_eq!(healed(dir.path(), &rows, "half zero").await, 1);
    for (what, change) in [
        ("a row removed", "DELETE FROM transactions WHERE key = (SELECT max(key) FROM transactions)"),
        ("slices removed", "DELETE FROM slices WHERE key = (SELECT max(key) FROM slices)"),
        ("another schema", "PRAGMA user_version = 77"),
        ("a table dropped", "DROP TABLE slices"),
        ("a cursor of another log", "UPDATE cursor SET hash = zeroblob(32)"),
        ("a cursor beyond the log", "UPDATE cursor SET position = position + 1000"),
        ("a cursor moved back", "UPDATE cursor SET position = position / 2"),
        ("no cursor", "DELETE FROM cursor"),
    ] {
        sql(&path, change);
        assert_eq!(healed(dir.path(), &rows, what).await, 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_history_is_set_aside_and_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let rows = written(dir.path(), 12).await;
    let path = file(dir.path());
    for (what, content) in [("text", &b"dear diary"[..]), ("zeros", &[0; 5_000][..])] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(healed(dir.path(), &rows, what).await, 1, "{what}");
        assert_eq!(std::fs::read(dir.path().join("history.db.set-aside")).unwrap(), content, "{what}");
    }
    std::fs::remove_file(&path).unwrap();
    sql(&path, "CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('monday')");
    assert_eq!(healed(dir.path(), &rows, "another database").await, 1);
    let aside = Connection::open(dir.path().join("history.db.set-aside")).unwrap();
    assert_eq!(
        aside.query_row("SELECT day FROM diary", [], |row| row.get::<_, String>(0)).unwrap(),
        "monday"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_file_is_caught_up_and_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 13).await;
    let old = std::fs::read(file(dir.path())).unwrap();
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, dir.path());
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(14), 400).await;
    let rows = all(&engine, &feed.history(), "written").await;
    close(engine, feed).await;
    std::fs::write(file(dir.path()), old).unwrap();
    assert_eq!(healed(dir.path(), &rows, "older").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_another_log_is_made_anew() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = written(one.path(), 15).await;
    written(two.path(), 16).await;
    std::fs::copy(file(two.path()), file(one.path())).unwrap();
    assert_eq!(healed(one.path(), &rows, "of another log").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_is_ahead_of_a_restored_log_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let rows = written(dir.path(), 17).await;
    let saved = tempfile::tempdir().unwrap();
    copy(&dir.path().join("shard-00"), &saved.path().join("shard-00"));
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, dir.path());
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(18), 100).await;
    close(engine, feed).await;
    std::fs::remove_dir_all(dir.path().join("shard-00")).unwrap();
    copy(&saved.path().join("shard-00"), &dir.path().join("shard-00"));
    assert_eq!(healed(dir.path(), &rows, "ahead").await, 1);
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
async fn a_file_that_another_process_holds_stops_the_feed_and_no_debit() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 19).await;
    let other = Connection::open(file(dir.path())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE cursor SET at = at").unwrap();
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, dir.path());
    let wallets = wallets(&engine).await;
    assert!(run(&engine, &wallets, &mut Random::new(20), 50).await > 0);
    until(&feed.history(), |status| status.state == "failed").await;
    assert!(feed.history().status().lag_records > 0);
    other.execute_batch("ROLLBACK").unwrap();
    all(&engine, &feed.history(), "locked").await;
    assert_eq!(close(engine, feed).await.rebuilds, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_removed_while_it_is_used_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 21).await;
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, dir.path());
    let rows = all(&engine, &feed.history(), "there").await;
    std::fs::remove_file(file(dir.path())).unwrap();
    until(&feed.history(), |status| status.rebuilds == 1).await;
    assert!(all(&engine, &feed.history(), "again").await.len() >= rows.len());
    assert!(file(dir.path()).exists());
    close(engine, feed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_cut_at_any_byte_of_its_last_batches_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, dir.path());
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(22), 600).await;
    let rows = all(&engine, &feed.history(), "whole").await;
    // As a process that was killed leaves it: the last batches only in the write-ahead file.
    let (path, wal) = (file(dir.path()), dir.path().join("history.db-wal"));
    let (main, ahead) = (std::fs::read(&path).unwrap(), std::fs::read(wal).unwrap());
    assert!(ahead.len() > 100_000, "{}", ahead.len());
    let mut random = Random::new(23);
    for round in 0..200 {
        let cut = usize::try_from(random.below(ahead.len() as u64)).unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::write(file(place.path()), &main).unwrap();
        let mut torn = std::fs::File::create(place.path().join("history.db-wal")).unwrap();
        torn.write_all(&ahead[..cut]).unwrap();
        drop(torn);
        let cut_feed = follow(&engine, place.path());
        let now = all(&engine, &cut_feed.history(), &format!("round {round}, cut at {cut}")).await;
        assert_eq!(now[..rows.len()], rows, "round {round}, cut at {cut}");
        assert!(cut_feed.stop(std::time::Duration::from_secs(30)).await);
    }
    close(engine, feed).await;
}
