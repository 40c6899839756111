//! A schema against its log: a sound one is found sound, and whatever is changed in it is found and said where.

use std::path::Path;

use coffer::engine::{EngineOptions, StoppedLog};
use coffer::env::Env;
use coffer::feed::history::Sealed;
use coffer::feed::{HistoryCheck, RebuildProgress, verify};

use crate::kept::Kept;
use crate::program::{Random, recharging, run, wallets};
use crate::support::{all, close, engine, follow};

struct Silent;

impl RebuildProgress for Silent {
    fn records(&self, _done: u64, _all: u64) {}
}

/// On a thread where connections may block.
async fn check(dir: &Path, kept: &Kept) -> Option<HistoryCheck> {
    let (dir, place) = (dir.to_owned(), kept.place());
    let checking = tokio::task::spawn_blocking(move || {
        let options =
            EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(&dir) };
        let log = StoppedLog::open(&options, &Env::os()).unwrap();
        verify(&place, &log.reader(), 70, &Silent).unwrap()
    });
    checking.await.unwrap()
}

/// A closed directory with a history of so many commands.
async fn written(dir: &Path, kept: &Kept, seed: u64) {
    let engine = engine(dir).await;
    let feed = follow(&engine, kept.place());
    let wallets = wallets(&engine).await;
    recharging(&engine, &wallets).await;
    run(&engine, &wallets, &mut Random::new(seed), 800).await;
    all(&engine, &feed.history(), "written").await;
    close(engine, feed).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_value_edited_by_hand_is_found_in_each_table_of_the_schema() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    written(dir.path(), &kept, 62).await;
    let of_key = |table: &str, which: &str| format!("WHERE key = (SELECT {which} FROM {table})");
    for (change, back, told) in [
        ("UPDATE transactions SET credits = credits + 0.000000000000001 WHERE key = (SELECT max(key) FROM transactions)".to_owned(),
         "UPDATE transactions SET credits = credits - 0.000000000000001 WHERE key = (SELECT max(key) FROM transactions)".to_owned(),
         "credits is"),
        (format!("UPDATE transactions SET id = id || 'X' {}", of_key("transactions", "min(key)")),
         format!("UPDATE transactions SET id = rtrim(id, 'X') {}", of_key("transactions", "min(key)")),
         "id is"),
        ("UPDATE transactions SET effective_at = effective_at + 1".to_owned(),
         "UPDATE transactions SET effective_at = effective_at - 1".to_owned(),
         "effective_at is"),
        ("UPDATE slices SET share = share + 1 WHERE key = (SELECT max(key) FROM slices WHERE share IS NOT NULL)".to_owned(),
         "UPDATE slices SET share = share - 1 WHERE key = (SELECT max(key) FROM slices WHERE share IS NOT NULL)".to_owned(),
         "slices is ["),
        ("UPDATE slices SET key = key + 1 WHERE key = (SELECT max(key) FROM slices)".to_owned(),
         "UPDATE slices SET key = key - 1 WHERE key = (SELECT max(key) FROM slices)".to_owned(),
         "are of no row"),
        ("UPDATE wallets SET debt = debt + 1 WHERE id = (SELECT min(id) FROM wallets)".to_owned(),
         "UPDATE wallets SET debt = debt - 1 WHERE id = (SELECT min(id) FROM wallets)".to_owned(),
         "wallets wallet_"),
        ("UPDATE tranches SET remaining = remaining + 1 WHERE id = (SELECT max(id) FROM tranches)".to_owned(),
         "UPDATE tranches SET remaining = remaining - 1 WHERE id = (SELECT max(id) FROM tranches)".to_owned(),
         "tranches tranche_"),
        ("UPDATE holds SET status = upper(status) WHERE id = (SELECT min(id) FROM holds)".to_owned(),
         "UPDATE holds SET status = lower(status)".to_owned(),
         "holds hold_"),
        ("UPDATE settlements SET paid = paid + 1".to_owned(), "UPDATE settlements SET paid = paid - 1".to_owned(), "settlements:"),
        ("UPDATE transfers SET to_customer = to_customer + 1".to_owned(),
         "UPDATE transfers SET to_customer = to_customer - 1".to_owned(),
         "transfers xfer_"),
        ("UPDATE events SET meter = meter || '?'".to_owned(), "UPDATE events SET meter = rtrim(meter, '?')".to_owned(), "meter is"),
        ("UPDATE alert_changes SET posted = posted + 1 WHERE id = (SELECT max(id) FROM alert_changes)".to_owned(),
         "UPDATE alert_changes SET posted = posted - 1 WHERE id = (SELECT max(id) FROM alert_changes)".to_owned(),
         "alert_changes alert_"),
        ("UPDATE alert_changes SET status = upper(status)".to_owned(),
         "UPDATE alert_changes SET status = lower(status)".to_owned(),
         "status is \"IN_ALARM\" and must be \"in_alarm\""),
        ("UPDATE recharges SET tranche = wallet WHERE id = (SELECT min(id) FROM recharges)".to_owned(),
         "UPDATE recharges r SET tranche = (SELECT tranche FROM transactions t WHERE t.key >> 16 = r.begun_record AND t.reason LIKE 'PURCHASED_CREDIT_%' AND t.reason <> 'PURCHASED_CREDIT_BONUS') WHERE id = (SELECT min(id) FROM recharges)".to_owned(),
         "recharges rchg_"),
        ("UPDATE recharges SET begun_record = begun_record + 1".to_owned(),
         "UPDATE recharges SET begun_record = begun_record - 1".to_owned(),
         "begun_record is"),
        ("UPDATE totals SET credits = credits + 1 WHERE kind = 'issued'".to_owned(),
         "UPDATE totals SET credits = credits - 1 WHERE kind = 'issued'".to_owned(),
         "totals:"),
        ("UPDATE totals SET kind = 'spent!' WHERE kind = 'spent'".to_owned(),
         "UPDATE totals SET kind = 'spent' WHERE kind = 'spent!'".to_owned(),
         "is missing"),
    ] {
        kept.sql(&change).await;
        let found = check(dir.path(), &kept).await.unwrap();
        assert!(!found.is_sound() && found.differences.count > 0, "{change}: {found:?}");
        let is_told = found.differences.told.iter().any(|line| line.contains(told));
        assert!(is_told, "{change}: {:?}", found.differences);
        kept.sql(&back).await;
        assert!(check(dir.path(), &kept).await.unwrap().is_sound(), "{back}");
    }
    // What its own check at the start would notice too is damage.
    kept.sql("DELETE FROM slices").await;
    assert!(!check(dir.path(), &kept).await.unwrap().damaged.is_empty());
}
