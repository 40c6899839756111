//! Bugs that the rules do not have, planted: a panic in decide, encode, apply or rebuild, or a state that its invariants
//! disown, costs its own request or customer and nothing else (DESIGN decision 4). Which thread meets it where is shuttle's
//! (`src/engine/model`).

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

#[path = "engine/grant_faults.rs"]
mod grant_faults;
#[path = "engine/support.rs"]
mod support;

use std::time::Duration;

use coffer::engine::{Committed, Engine, Failure, Operation, Target};
use coffer_ledger::view;
use coffer_wal::storage::crash::CrashStorage;
use fail::FailScenario;
use support::*;
use tokio::task::JoinSet;

/// Long for one debit, short for a customer that is held up: nobody may wait for somebody else's rebuild.
const NOT_DELAYED: Duration = Duration::from_secs(5);

/// Debits the other customer while something is held up elsewhere.
async fn assert_others_go_on(engine: &Engine, debits: i64) {
    let before = posted(engine, "other").await;
    for _ in 0..debits {
        let debited = tokio::time::timeout(NOT_DELAYED, debit_now(engine, "other", 1)).await;
        debited.expect("not held up by another's rebuild").unwrap();
    }
    assert_eq!(before.checked_sub(posted(engine, "other").await), Some(whole(debits)));
}

/// So many debits of one customer at once, each under its own key.
fn debits(engine: &Engine, customer: &'static str, count: usize) -> JoinSet<Result<Committed, Failure>> {
    let mut debits = JoinSet::new();
    for i in 0..count {
        let engine = engine.clone();
        debits.spawn(async move { debit_keyed(&engine, customer, 1, &format!("{customer}-{i}")).await });
    }
    debits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_deciding_or_encoding_leaves_the_state_as_it_was() {
    let scenario = FailScenario::setup();
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    for place in ["turn::decide", "turn::encode"] {
        fail::cfg(place, "1*panic").unwrap();
        assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
        fail::remove(place);
        assert_eq!(engine.stats().actors_rebuilt, 0);
    }
    debit_now(&engine, "acme", 1).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(9));
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_applying_rebuilds_the_customer_from_the_log_and_others_go_on() {
    let scenario = FailScenario::setup();
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    wallet(&engine, "other", 10).await;
    debit_now(&engine, "acme", 2).await.unwrap();
    engine.take_snapshot().await.unwrap();
    debit_now(&engine, "acme", 3).await.unwrap();
    fail::cfg("turn::apply", "1*panic").unwrap();
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
    fail::remove("turn::apply");
    assert_eq!(posted(&engine, "acme").await, whole(5), "what was applied and not logged is gone");
    debit_now(&engine, "acme", 5).await.unwrap();
    debit_now(&engine, "other", 1).await.unwrap();
    assert_eq!(engine.stats().actors_rebuilt, 1);
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_does_not_use_a_snapshot_of_other_records_than_the_log_has() {
    let scenario = FailScenario::setup();
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    let log_of_before = disk.kill();
    debit_now(&engine, "acme", 10).await.unwrap();
    engine.take_snapshot().await.unwrap();
    let again = open(&log_of_before).await;
    debit_now(&again, "acme", 30).await.unwrap();
    for path in disk.files().into_iter().filter(|path| path.to_string_lossy().contains("snapshots")) {
        log_of_before.put_file(&path, &disk.read_file(&path).unwrap());
    }
    fail::cfg("turn::apply", "1*panic").unwrap();
    assert_eq!(debit_now(&again, "acme", 1).await.unwrap_err(), Failure::Internal);
    fail::remove("turn::apply");
    assert_eq!(posted(&again, "acme").await, whole(70));
    assert_eq!((again.stats().actors_rebuilt, again.stats().actors_quarantined), (1, 0));
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_breaks_twice_is_quarantined_and_well_again_after_a_restart() {
    let scenario = FailScenario::setup();
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10).await;
    wallet(&engine, "other", 10).await;
    fail::cfg("turn::apply", "2*panic").unwrap();
    for _ in 0..2 {
        assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
    }
    fail::remove("turn::apply");
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Quarantined);
    debit_now(&engine, "other", 1).await.unwrap();
    let report = engine.take_snapshot().await.unwrap();
    assert_eq!(report.customers, 2, "a quarantined customer is in the snapshot, as the log has it");
    let reopened = open(&disk.kill()).await;
    debit_now(&reopened, "acme", 1).await.unwrap();
    assert_eq!(posted(&reopened, "acme").await, whole(9));
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_the_mailbox_during_a_rebuild_is_done_once_and_others_do_not_wait() {
    let scenario = FailScenario::setup();
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    wallet(&engine, "other", 100).await;
    debit_now(&engine, "acme", 7).await.unwrap();
    fail::cfg("rebuild::read", "pause").unwrap();
    fail::cfg("turn::apply", "1*panic").unwrap();
    assert_eq!(debit_now(&engine, "acme", 50).await.unwrap_err(), Failure::Internal);
    let mut waiting = debits(&engine, "acme", 20);
    assert_others_go_on(&engine, 30).await;
    assert!(waiting.try_join_next().is_none(), "nobody is answered by a state that is being rebuilt");
    fail::remove("rebuild::read");
    while let Some(answer) = waiting.join_next().await {
        assert!(!answer.unwrap().unwrap().replayed);
    }
    assert_eq!(posted(&engine, "acme").await, whole(100 - 7 - 20));
    assert_eq!((engine.stats().actors_rebuilt, engine.stats().actors_quarantined), (1, 0));
    let reopened = open(&disk.kill()).await;
    assert_eq!(posted(&reopened, "acme").await, whole(100 - 7 - 20));
    assert!(debit_keyed(&reopened, "acme", 1, "acme-11").await.unwrap().replayed);
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_its_invariants_disown_is_rebuilt_like_one_that_panicked() {
    let scenario = FailScenario::setup();
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    wallet(&engine, "other", 10).await;
    debit_now(&engine, "acme", 2).await.unwrap();
    fail::cfg("turn::skew", "1*return").unwrap();
    assert_eq!(debit_now(&engine, "acme", 3).await.unwrap_err(), Failure::Internal);
    assert_eq!(posted(&engine, "acme").await, whole(8));
    assert_others_go_on(&engine, 1).await;
    debit_now(&engine, "acme", 8).await.unwrap();
    assert_eq!((engine.stats().actors_rebuilt, engine.stats().actors_quarantined), (1, 0));
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_the_rebuild_itself_quarantines_at_once_and_a_restart_heals() {
    let scenario = FailScenario::setup();
    for place in ["rebuild::read", "turn::seat"] {
        let disk = CrashStorage::new();
        let engine = open(&disk).await;
        wallet(&engine, "acme", 10).await;
        wallet(&engine, "other", 10).await;
        debit_keyed(&engine, "acme", 4, "paid").await.unwrap();
        fail::cfg(place, "1*panic").unwrap();
        fail::cfg("turn::apply", "1*panic").unwrap();
        assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
        assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Quarantined);
        assert_others_go_on(&engine, 3).await;
        assert_eq!((engine.stats().actors_quarantined, engine.stats().actors_active), (1, 1));
        let reopened = open(&disk.kill()).await;
        assert!(debit_keyed(&reopened, "acme", 4, "paid").await.unwrap().replayed);
        assert_eq!(posted(&reopened, "acme").await, whole(6));
    }
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_the_middle_of_an_envelope_keeps_what_came_before_it() {
    let scenario = FailScenario::setup();
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10).await;
    let number = engine.resolve(TENANT, Target::Customer("acme")).unwrap();
    // In decide the panic costs its own operation; in apply also what would have stood on the broken state.
    for (place, accepted, left) in [
        ("turn::decide", [true, true, false, true, true], 6),
        ("turn::apply", [true, true, false, false, false], 4),
    ] {
        fail::cfg(place, "2*off->1*panic").unwrap();
        let results = engine.submit_many(TENANT, vec![(number, Operation::new(debit(1))); 5]).await;
        fail::remove(place);
        for (result, accepted) in results.iter().zip(accepted) {
            assert_eq!(result.as_ref().err(), if accepted { None } else { Some(&Failure::Internal) });
        }
        assert_eq!(posted(&engine, "acme").await, whole(left));
    }
    let reopened = open(&disk.kill()).await;
    assert_eq!(posted(&reopened, "acme").await, whole(4));
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_customer_that_is_quarantined_on_its_way_to_rest_is_told() {
    let scenario = FailScenario::setup();
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10).await;
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    fail::cfg_callback("rebuild::read", move || {
        gone.lock().unwrap().recv().ok();
        panic!("the rebuild broke");
    })
    .unwrap();
    fail::cfg("turn::apply", "1*panic").unwrap();
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
    // The actor is in its rebuild; the shutdown asks it to leave, and what comes from now on waits in the slot.
    let closing = tokio::spawn({
        let engine = engine.clone();
        async move { engine.shutdown().await }
    });
    while engine.ready() {
        tokio::task::yield_now().await;
    }
    let mut readers = JoinSet::new();
    for _ in 0..10 {
        let engine = engine.clone();
        readers.spawn(async move { engine.read(TENANT, Target::Customer("acme"), view::balance).await });
    }
    // Whoever knocks before the rebuild breaks waits in the slot; whoever is late finds the quarantine. All are told the same.
    tokio::task::yield_now().await;
    drop(go);
    while let Some(answer) = readers.join_next().await {
        assert_eq!(answer.unwrap().unwrap_err(), Failure::Quarantined);
    }
    closing.await.unwrap().unwrap();
    scenario.teardown();
    let reopened = open(&disk.kill()).await;
    assert_eq!(posted(&reopened, "acme").await, whole(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_that_break_all_the_time_cost_the_others_nothing() {
    let scenario = FailScenario::setup();
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "other", 1_000).await;
    for i in 0..8 {
        wallet(&engine, &format!("c{i}"), 10).await;
    }
    for i in 0..8 {
        // Nobody else applies while the plan stands, so that it meets its own customer.
        let broken = format!("c{i}");
        fail::cfg("turn::apply", "2*panic").unwrap();
        for _ in 0..2 {
            assert_eq!(debit_now(&engine, &broken, 1).await.unwrap_err(), Failure::Internal);
        }
        fail::remove("turn::apply");
        let mut others = debits(&engine, "other", 50 * (i + 1));
        while let Some(answer) = others.join_next().await {
            answer.unwrap().unwrap();
        }
    }
    assert_eq!(engine.stats().actors_quarantined, 8);
    assert_eq!(posted(&engine, "other").await, whole(1_000 - 400), "each key once");
    scenario.teardown();
}
