//! A history against its log: a sound one is found sound, and whatever is changed in it is found and said where.

use std::path::{Path, PathBuf};

use coffer::engine::{EngineOptions, StoppedLog};
use coffer::env::Env;
use coffer::feed::history::Sealed;
use coffer::feed::{HistoryCheck, RebuildProgress, verify};
use rusqlite::Connection;

use crate::program::{Random, recharging, run, wallets};
use crate::support::{all, end, engine, follow};

fn file(dir: &Path) -> PathBuf {
    dir.join("history.db")
}

struct Silent;

impl RebuildProgress for Silent {
    fn records(&self, _done: u64, _all: u64) {}
}

fn check(dir: &Path) -> HistoryCheck {
    let options = EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(dir) };
    let log = StoppedLog::open(&options, &Env::os()).unwrap();
    verify(&file(dir).into(), &log.reader(), 70, &Silent).unwrap().expect("there is one")
}

/// A closed directory with a history of so many commands.
async fn written(dir: &Path, seed: u64, steps: u64) {
    let engine = engine(dir).await;
    let feed = follow(&engine, file(dir).into());
    let wallets = wallets(&engine).await;
    recharging(&engine, &wallets).await;
    run(&engine, &wallets, &mut Random::new(seed), steps).await;
    all(&engine, &feed.history(), "written").await;
    end(engine, feed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_was_closed_in_good_order_is_whole_and_says_what_the_log_says() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 41, 800).await;
    let before = std::fs::read(file(dir.path())).unwrap();
    let found = check(dir.path());
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.sealed, found.position), (Sealed::Whole, found.log_end));
    assert!(found.rows > 400 && found.balances.len() >= 8, "{} {:?}", found.rows, found.balances);
    assert!(std::fs::read(file(dir.path())).unwrap() == before, "verify touched it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_file_that_is_caught_up_is_sound_again() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 42, 200).await;
    let old = std::fs::read(file(dir.path())).unwrap();
    let first = engine(dir.path()).await;
    run(&first, &wallets(&first).await, &mut Random::new(43), 300).await;
    first.shutdown().await.unwrap();
    std::fs::write(file(dir.path()), old).unwrap();
    let behind = check(dir.path());
    assert!(behind.is_sound() && behind.position < behind.log_end, "{behind:?}");
    let second = engine(dir.path()).await;
    let feed = follow(&second, file(dir.path()).into());
    all(&second, &feed.history(), "caught up").await;
    end(second, feed).await;
    let found = check(dir.path());
    assert!(found.is_sound() && found.position == found.log_end, "{found:?}");
    assert_eq!(found.sealed, Sealed::Whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_value_edited_by_hand_is_found_in_each_table() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 44, 800).await;
    let path = file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    // An amount of one unit.
    let more = "x'8101'";
    for (change, told) in [
        (
            format!(
                "UPDATE transactions SET credits = {more} WHERE key = (SELECT max(key) FROM transactions WHERE type = 'debit')"
            ),
            "credits is",
        ),
        (
            "UPDATE transactions SET description = 'another' WHERE key = (SELECT min(key) FROM transactions)"
                .to_owned(),
            "description is",
        ),
        ("DELETE FROM transactions WHERE key = (SELECT min(key) FROM transactions)".to_owned(), "row 0 is missing"),
        (
            "UPDATE transactions SET slices = x'00' WHERE key = (SELECT max(key) FROM transactions WHERE slices <> x'00')"
                .to_owned(),
            "slices is [] and must be [",
        ),
        (
            format!("UPDATE wallets SET debt = {more} WHERE id = (SELECT min(id) FROM wallets)"),
            "wallets wallet_",
        ),
        (
            format!("UPDATE tranches SET remaining = {more} WHERE id = (SELECT max(id) FROM tranches)"),
            "tranches tranche_",
        ),
        (
            "UPDATE holds SET status = 'open' WHERE id = (SELECT min(id) FROM holds WHERE status <> 'open')"
                .to_owned(),
            "holds hold_",
        ),
        (format!("UPDATE settlements SET paid = {more}"), "settlements:"),
        ("UPDATE transfers SET to_customer = to_customer + 1".to_owned(), "transfers xfer_"),
        (
            format!("UPDATE alert_changes SET posted = {more} WHERE id = (SELECT max(id) FROM alert_changes)"),
            "alert_changes alert_",
        ),
        (
            "UPDATE alert_changes SET status = 'ok' WHERE status = 'in_alarm'".to_owned(),
            "status is \"ok\" and must be \"in_alarm\"",
        ),
        ("DELETE FROM alert_changes WHERE id = (SELECT min(id) FROM alert_changes)".to_owned(), "is missing"),
        (
            "UPDATE recharges SET status = 'completed', reason = NULL WHERE status = 'failed'".to_owned(),
            "recharges rchg_",
        ),
        (
            "UPDATE recharges SET invoice_id = tranche WHERE invoice_id IS NOT NULL".to_owned(),
            "invoice_id is …_",
        ),
        (format!("UPDATE totals SET credits = {more} WHERE kind = 'issued'"), "totals:"),
        ("DELETE FROM totals WHERE kind = 'spent'".to_owned(), "is missing"),
        (
            "INSERT INTO events VALUES (1, 1, 1, '', 'e', 0, 'm', x'', NULL, NULL, NULL, x'', NULL, 0)"
                .to_owned(),
            "must not be",
        ),
    ] {
        std::fs::write(&path, &whole).unwrap();
        let changed = {
            let connection = Connection::open(&path).unwrap();
            let changed = connection.execute(&change, []).unwrap();
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            changed
        };
        assert!(changed > 0, "{change}");
        let found = check(dir.path());
        assert!(!found.is_sound() && found.differences.count > 0, "{change}: {found:?}");
        assert!(
            found.differences.told.iter().any(|line| line.contains(told)),
            "{change}: {:?}",
            found.differences
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_says_what_is_not_so_is_found() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 47, 100).await;
    let path = file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for (change, told) in [
        ("position = position + 1", "and the log ends at"),
        ("position = position / 2", "the log holds something else at record"),
        ("hash = zeroblob(32)", "the log holds something else at record"),
        ("at = at + 1", "and the log says"),
        ("transactions = transactions + 1", "rows instead of"),
    ] {
        std::fs::write(&path, &whole).unwrap();
        let changed = Connection::open(&path).unwrap();
        changed
            .execute_batch(&format!("UPDATE cursor SET {change}; PRAGMA wal_checkpoint(TRUNCATE)"))
            .unwrap();
        drop(changed);
        // Every change of the file breaks its seal; what the cursor says is told beside it.
        let found = check(dir.path());
        assert!(found.damaged.iter().any(|line| line.contains(told)), "{change}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bit_that_is_flipped_in_the_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 45, 300).await;
    let path = file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    let seed = 46;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    // The first page has SQLite's own header; the rest anywhere.
    let anywhere = (0..60).map(|_| random.below(whole.len() as u64 * 8)).collect::<Vec<_>>();
    for bit in (0..100 * 8).step_by(80).chain(anywhere) {
        let mut flipped = whole.clone();
        let byte = usize::try_from(bit / 8).unwrap();
        flipped[byte] ^= 1 << (bit % 8);
        std::fs::write(&path, &flipped).unwrap();
        let found = check(dir.path());
        assert!(!found.damaged.is_empty(), "bit {bit}: {found:?}");
        if let Sealed::Broken(ranges) = &found.sealed {
            let byte = byte as u64;
            assert!(
                ranges.iter().any(|(first, end)| (*first..*end).contains(&byte)),
                "bit {bit}: {ranges:?}"
            );
        }
    }
}
