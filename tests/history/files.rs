//! What can happen to a file only: cut, overwritten, replaced by something else, torn in its write-ahead part.

use std::io::Write;

use coffer::feed::history::Place;
use rusqlite::Connection;

use crate::broken::{healed, written};
use crate::kept::Kept;
use crate::program::{Random, run, wallets};
use crate::support::{all, close, engine, follow};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_cut_or_overwritten_is_made_anew() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 11).await;
    let path = kept.file();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(healed(dir.path(), &kept, &rows, "gone").await, 0);
    for cut in [0, 50, 4_096, 8_192, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let rebuilds = healed(dir.path(), &kept, &rows, &format!("cut to {cut}")).await;
        // An empty file is a new one.
        assert_eq!(rebuilds, u64::from(cut > 0), "cut to {cut}");
    }
    let mut zeroed = bytes.clone();
    zeroed[bytes.len() / 2..].fill(0);
    std::fs::write(&path, &zeroed).unwrap();
    assert_eq!(healed(dir.path(), &kept, &rows, "half zero").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_history_is_set_aside_and_never_removed() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let rows = written(dir.path(), &kept, 12).await;
    let path = kept.file();
    let aside = path.with_extension("db.set-aside");
    for (what, content) in [("text", &b"dear diary"[..]), ("zeros", &[0; 5_000][..])] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(healed(dir.path(), &kept, &rows, what).await, 1, "{what}");
        assert_eq!(std::fs::read(&aside).unwrap(), content, "{what}");
    }
    std::fs::remove_file(&path).unwrap();
    kept.sql("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('monday')").await;
    assert_eq!(healed(dir.path(), &kept, &rows, "another database").await, 1);
    let aside = Connection::open(aside).unwrap();
    assert_eq!(
        aside.query_row("SELECT day FROM diary", [], |row| row.get::<_, String>(0)).unwrap(),
        "monday"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_cut_at_any_byte_of_its_last_batches_loses_and_doubles_nothing() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let engine = engine(dir.path()).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(22), 600).await;
    let rows = all(&engine, &feed.history(), "whole").await;
    // As a process that was killed leaves it: the last batches only in the write-ahead file.
    let (path, wal) = (kept.file(), kept.file().with_extension("db-wal"));
    let (main, ahead) = (std::fs::read(&path).unwrap(), std::fs::read(wal).unwrap());
    assert!(ahead.len() > 100_000, "{}", ahead.len());
    let mut random = Random::new(23);
    for round in 0..200 {
        let cut = usize::try_from(random.below(ahead.len() as u64)).unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("history.db"), &main).unwrap();
        let mut torn = std::fs::File::create(place.path().join("history.db-wal")).unwrap();
        torn.write_all(&ahead[..cut]).unwrap();
        drop(torn);
        let cut_feed = follow(&engine, Place::File(place.path().join("history.db")));
        let now = all(&engine, &cut_feed.history(), &format!("round {round}, cut at {cut}")).await;
        assert_eq!(now[..rows.len()], rows, "round {round}, cut at {cut}");
        assert!(cut_feed.stop(std::time::Duration::from_secs(30)).await);
    }
    close(engine, feed).await;
}
