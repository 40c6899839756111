//! Bugs that the rules do not have, planted: a panic in decide, encode or apply costs its own request and nothing else
//! (DESIGN decision 4). `cargo test --features failpoints --test engine_faults`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

#[path = "engine/support.rs"]
mod support;

use coffer::engine::Failure;
use coffer_wal::storage::crash::CrashStorage;
use fail::FailScenario;
use support::*;

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
