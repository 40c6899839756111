//! No overspend, whoever races whom.

use coffer::engine::{Failure, Operation, Refused, Target};
use coffer_ledger::command::Command;
use coffer_ledger::refusal::Refusal;
use coffer_wal::storage::crash::CrashStorage;
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e04_a_thousand_racing_debits_on_seven_hundred_take_exactly_seven_hundred() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 700).await;
    let mut racers = JoinSet::new();
    for _ in 0..1_000 {
        let engine = engine.clone();
        racers.spawn(async move { debit_now(&engine, "acme", 1).await });
    }
    let (mut taken, mut refused) = (0, 0);
    while let Some(answer) = racers.join_next().await {
        match answer.unwrap() {
            Ok(_) => taken += 1,
            Err(Failure::Refused(Refused { refusal: Refusal::InsufficientCredits { .. }, .. })) => {
                refused += 1
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((taken, refused, posted(&engine, "acme").await), (700, 300, whole(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_answers_each_operation_in_order_and_alone() {
    let engine = open(&CrashStorage::new()).await;
    for customer in ["a", "b", "c"] {
        wallet(&engine, customer, 5).await;
    }
    let number = |name: &str| engine.resolve(TENANT, Target::Customer(name)).unwrap();
    let names = ["a", "b", "a", "c", "a"];
    let credits = [3, 9, 2, 1, 1];
    let operations =
        names.iter().zip(credits).map(|(name, n)| (number(name), Operation::new(debit(n)))).collect();
    let results = engine.submit_many(TENANT, operations).await;
    let taken: Vec<_> =
        results.iter().map(|result| result.as_ref().map(|one| debited(one).balance_after).ok()).collect();
    assert_eq!(taken, [Some(whole(2)), None, Some(whole(0)), Some(whole(4)), None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_larger_than_a_wave_takes_each_operation_once_and_names_its_own_record() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 5_000).await;
    let number = engine.resolve(TENANT, Target::Customer("acme")).unwrap();
    let operations =
        (0..5_000).map(|i| (number, Operation::new(debit(1)).with_key(&format!("k{i}")))).collect();
    let results = engine.submit_many(TENANT, operations).await;
    let mut positions: Vec<_> = results.iter().map(|result| result.as_ref().unwrap().position).collect();
    assert_eq!(posted(&engine, "acme").await, whole(0));
    let in_order = positions.is_sorted();
    positions.dedup();
    assert_eq!((in_order, positions.len()), (true, 5_000));
    for (index, result) in results.iter().enumerate().step_by(617) {
        let stored = engine.record(TENANT, result.as_ref().unwrap().position).await.unwrap();
        assert_eq!(stored.record.origin.idempotency_key.as_deref(), Some(format!("k{index}").as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_may_mint_in_the_middle_and_the_rows_know_where_they_stand() {
    let engine = open(&CrashStorage::new()).await;
    let id = wallet(&engine, "acme", 1).await;
    let number = engine.resolve(TENANT, Target::Customer("acme")).unwrap();
    let commands = [debit(1), Command::TopUp(top_up(id, 4, None)), debit(3), debit(2)];
    let operations = commands.map(|command| (number, Operation::new(command))).to_vec();
    let results = engine.submit_many(TENANT, operations).await;
    assert!(results[..3].iter().all(Result::is_ok) && results[3].is_err());
    let minted_at = results[1].as_ref().unwrap().position;
    let seen = engine.read(TENANT, Target::Customer("acme"), |customer, _| {
        customer.wallets[0].tranches[0].credit_position
    });
    assert_eq!(seen.await.unwrap().value, minted_at);
    for result in results.iter().flatten() {
        let stored = engine.record(TENANT, result.position).await.unwrap();
        assert_eq!(stored.record, result.record);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_changes_nothing_about_its_debit() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    for _ in 0..10 {
        let call = debit_now(&engine, "acme", 1);
        // Polled once, so that the message is sent, then dropped.
        let mut call = std::pin::pin!(call);
        let waker = std::task::Waker::noop();
        let _ = call.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    assert_eq!(posted(&engine, "acme").await, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exceeds_the_writes_in_flight_is_told_so_and_tries_nothing() {
    let disk = CrashStorage::new();
    let engine = open_with(
        coffer::engine::EngineOptions { writes_in_flight_customer_max: 2, ..options() },
        env_on(&disk),
    );
    let engine = engine.await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, "acme", 1_000).await;
    let number = engine.resolve(TENANT, Target::Customer("acme")).unwrap();
    let three = (0..3).map(|_| (number, Operation::new(debit(1)))).collect();
    let results = engine.submit_many(TENANT, three).await;
    assert!(results.iter().all(|result| matches!(result, Err(Failure::Overloaded))), "{results:?}");
    assert_eq!(engine.stats().overloaded, 1);
    assert_eq!(posted(&engine, "acme").await, whole(1_000));
    debit_now(&engine, "acme", 1).await.unwrap();
    assert_eq!(engine.stats().writes_in_flight, 0, "a permit is freed before its reply leaves");
}
