//! A data directory: made by a program, erased, copied, searched byte by byte.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer::engine::erasure::{Erasing, ErasurePlan, ErasureStep, plan_erasure};
use coffer::engine::{ArchiveCheck, Engine, EngineOptions, from_archive};
use coffer::env::Env;
use coffer::feed::{Feed, FeedOptions, history};
use coffer_wal::inspect::verify;
use coffer_wal::{Archive, Lsn, RecordBuf};

use crate::program::{ADA, Random, TENANT, begin, debit_again, run};

pub(crate) fn options(dir: &Path) -> EngineOptions {
    EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(dir) }
}

pub(crate) async fn open(dir: &Path) -> Engine {
    Engine::open(options(dir), Env::os(), Arc::new(())).await.unwrap()
}

pub(crate) fn history_file(dir: &Path) -> PathBuf {
    dir.join("history.db")
}

/// Opens the engine with its history, and waits until that has everything.
pub(crate) async fn open_with_history(dir: &Path) -> (Engine, Feed) {
    let engine = open(dir).await;
    let options = FeedOptions { place: history_file(dir).into(), batch_records: 50, lag_records_max: 500 };
    let feed = Feed::start(&engine, &Env::os(), &options).unwrap();
    (engine, feed)
}

pub(crate) async fn close(engine: Engine, feed: Feed) {
    assert!(feed.stop(std::time::Duration::from_secs(30)).await, "{:?}", feed.history().status());
    engine.shutdown().await.unwrap();
}

/// What a random program leaves: several runs, so several archived segments and two snapshots.
pub(crate) async fn used(dir: &Path, seed: u64) {
    let mut random = Random::new(seed);
    let (engine, feed) = open_with_history(dir).await;
    let wallets = begin(&engine).await;
    debit_again(&engine, ADA, 1).await.unwrap();
    let mut accepted = run(&engine, &wallets, &mut random, 0..150).await;
    close(engine, feed).await;
    for part in 1..4 {
        let (engine, feed) = open_with_history(dir).await;
        accepted += run(&engine, &wallets, &mut random, part * 150..(part + 1) * 150).await;
        close(engine, feed).await;
    }
    assert!(accepted > 300, "seed {seed}: only {accepted} were accepted");
}

pub(crate) fn plan(dir: &Path, name: &str) -> ErasurePlan {
    let progress: Arc<dyn coffer::engine::RecoveryProgress> = Arc::new(());
    plan_erasure(&options(dir), &Env::os(), &progress, ("default", name)).unwrap()
}

/// Erases to the end; `told` hears of each step, and of the history at last.
pub(crate) async fn erase(dir: &Path, name: &str, told: &mut (dyn FnMut(Option<ErasureStep>) + Send)) {
    let plan = plan(dir, name);
    let mut step = |step| told(Some(step));
    let begun =
        Erasing::begin(options(dir), Env::os(), Arc::new(()), (plan.clone(), name), &mut step).await.unwrap();
    begun.run(&mut step).await.unwrap();
    history::erase(&history_file(dir).into(), plan.customer, &plan.mentions).unwrap();
    told(None);
    begun.finish().await.unwrap();
}

/// Checks every byte, and that the archive leads to the state that recovery gives.
pub(crate) fn verified(dir: &Path, what: &str) -> ArchiveCheck {
    let bytes = verify(&Env::os().for_log(), &dir.join("shard-00"), &mut |_| {}).unwrap();
    assert!(bytes.is_sound(), "{what}: {:?}", bytes.problems);
    let progress: Arc<dyn coffer::engine::RecoveryProgress> = Arc::new(());
    let check = from_archive(&options(dir), &Env::os(), &progress, &mut |_| {}).unwrap();
    assert!(check.unreadable.is_empty() && check.violations.is_empty(), "{what}: {check:?}");
    let compared: Vec<_> = [&check.at_archive_end, &check.at_log_end].into_iter().flatten().collect();
    assert!(!compared.is_empty(), "{what}: nothing was compared");
    for comparison in compared {
        assert!(comparison.differences.is_empty(), "{what}: {comparison:?}");
    }
    check
}

/// Every record of the archive, through its reader.
pub(crate) fn archived(dir: &Path) -> Vec<RecordBuf> {
    let shard = dir.join("shard-00");
    let report = verify(&Env::os().for_log(), &shard, &mut |_| {}).unwrap();
    let archive =
        Archive::open(&Env::os().for_log(), shard.join("archive"), report.store, report.shard).unwrap();
    let mut records = Vec::new();
    for number in archive.numbers() {
        let segment = archive.segment(number).unwrap();
        let scanned = segment.scan(Lsn::FIRST, segment.chain_after().lsn, &mut |record| {
            records.push(record.to_owned());
            Ok(())
        });
        scanned.unwrap();
    }
    records
}

/// Where these bytes stand: files that hold them as they are, and records of the archive.
pub(crate) fn places_of(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(dir) {
        if contains(&std::fs::read(&path).unwrap(), text) {
            found.push(path.display().to_string());
        }
    }
    let holds = |record: &&RecordBuf| contains(&record.personal, text) || contains(&record.public, text);
    found.extend(archived(dir).iter().filter(holds).map(|record| format!("record {}", record.lsn)));
    found
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every personal string of somebody's that the archive holds, with the record that it stands in.
pub(crate) fn strings_of(dir: &Path, whose: &str) -> BTreeSet<(u64, String)> {
    let mut found = BTreeSet::new();
    for record in archived(dir) {
        let text = String::from_utf8_lossy(&record.personal);
        for (at, _) in text.match_indices(whose) {
            let end = text[at..].find(|letter: char| letter.is_control() || letter == '\u{fffd}');
            found.insert((record.lsn.0, text[at..].chars().take(end.unwrap_or(40)).collect()));
        }
    }
    found
}

/// Every file of a directory, at any depth.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Copies a directory as it is now. What the engine makes, renames or removes meanwhile would make a copy that never was, so a copy
/// during which the names changed is made again.
pub(crate) fn copy(from: &Path, to: &Path) {
    for _ in 0..100 {
        let names = files(from);
        let copied = names.iter().try_for_each(|path| {
            let copied = to.join(path.strip_prefix(from).unwrap());
            std::fs::create_dir_all(copied.parent().unwrap())?;
            std::fs::copy(path, copied).map(drop)
        });
        match copied {
            Ok(()) if files(from) == names => return,
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => std::fs::remove_dir_all(to).unwrap(),
        }
    }
    panic!("{} does not come to rest", from.display());
}

/// What a customer has and what its rows say, without words.
pub(crate) async fn books(engine: &Engine, feed: &Feed, name: &str) -> (String, Vec<history::Row>) {
    use coffer::engine::Target;
    let balance = engine.read(TENANT, Target::Customer(name), coffer_ledger::view::balance).await.unwrap();
    let figures: Vec<_> =
        balance.value.wallets.iter().map(|wallet| format!("{:?}", wallet.figures)).collect();
    let durable = engine.stats().durable.0;
    assert!(feed.history().wait_for(durable, std::time::Duration::from_secs(30)).await);
    let number = engine.resolve(TENANT, Target::Customer(name)).unwrap();
    let query = history::Query {
        tenant: TENANT,
        of: history::Of::Tenant,
        only: None,
        moving: false,
        tests: Vec::new(),
        credits_of: None,
        paid_by: None,
        sort: Vec::new(),
        newest_first: false,
        after: None,
        limit: 1_000_000,
        offset: 0,
    };
    let mut rows = feed.history().find(query).await.unwrap().rows;
    rows.retain(|row| row.customer == number);
    (figures.join("\n"), rows)
}
