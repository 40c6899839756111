//! Power cuts at random instants: everything acknowledged is there, once; nothing that was refused is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use coffer::engine::Failure;
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};
use proptest::prelude::*;
use tokio::task::JoinSet;

use crate::places::states;
use crate::support::*;

/// What the writers were told: key → balance after, or `None` if they were told nothing.
type Told = Arc<Mutex<BTreeMap<String, Option<coffer_ledger::amount::Credits>>>>;

async fn write_until_the_end(engine: coffer::engine::Engine, writer: u32, told: Told) {
    for i in 0..400 {
        let key = format!("{writer}-{i}");
        let answer = debit_keyed(&engine, &format!("c{}", i % 3), 1, &key).await;
        let balance = answer.as_ref().ok().map(|committed| debited(committed).balance_after);
        told.lock().unwrap().insert(key, balance);
        match answer {
            Ok(_) => {}
            // A disk that is gone cannot make spare segments either.
            Err(Failure::Halted | Failure::OutcomeUnknown | Failure::ReadOnly(_)) => return,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn run_and_cut(stop_after: u64, plan: CrashPlan) {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    for customer in 0..3 {
        wallet(&engine, &format!("c{customer}"), 10_000).await;
    }
    disk.stop_at_change(disk.changes() + stop_after);
    let told = Told::default();
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        writers.spawn(write_until_the_end(engine.clone(), writer, Arc::clone(&told)));
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    drop(engine);

    let reopened = open(&disk.crash(&plan)).await;
    let told = told.lock().unwrap().clone();
    let acknowledged = told.values().flatten().count();
    let mut spent = 0;
    for customer in 0..3 {
        let left = posted(&reopened, &format!("c{customer}")).await;
        spent += (0..=10_000).find(|n| left == whole(10_000 - n)).expect("whole credits were debited");
    }
    assert!(spent >= i64::try_from(acknowledged).unwrap(), "{acknowledged} acknowledged, {spent} found");
    retry_everything(&reopened, &told).await;
}

/// Every request again under its key: the acknowledged answer as it was, the others now, and all of them once.
async fn retry_everything(
    engine: &coffer::engine::Engine,
    told: &BTreeMap<String, Option<coffer_ledger::amount::Credits>>,
) {
    let mut per_customer = [0_i64; 3];
    for (key, balance) in told {
        let i: usize = key.split_once('-').unwrap().1.parse().unwrap();
        per_customer[i % 3] += 1;
        let again = debit_keyed(engine, &format!("c{}", i % 3), 1, key).await.unwrap();
        if let Some(balance) = balance {
            assert!(again.replayed, "{key} was acknowledged and is gone");
            assert_eq!(debited(&again).balance_after, *balance);
        }
    }
    for (customer, count) in per_customer.into_iter().enumerate() {
        assert_eq!(posted(engine, &format!("c{customer}")).await, whole(10_000 - count));
    }
    let customers = states(engine).await;
    customers.iter().for_each(|customer| coffer_ledger::invariants::check_all(customer).unwrap());
}

fn cases() -> u32 {
    if std::env::var_os("COFFER_TEST_LONG").is_some() { 2_000 } else { 24 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_acknowledged_survives_a_power_cut_exactly_once(stop_after in 1_u64..300, coins in any::<u64>()) {
        let plan = CrashPlan { sectors: Survival::Seeded(coins), names: Survival::Seeded(!coins) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run_and_cut(stop_after, plan));
        runtime.shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_halts_the_engine_and_nothing_is_answered_after() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10).await;
    disk.stop_at_change(disk.changes());
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Halted);
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Halted);
    assert!(engine.read(TENANT, coffer::engine::Target::Customer("acme"), |_, _| ()).await.is_err());
    assert!(!engine.ready());
    engine.wait_halted().await;
}
