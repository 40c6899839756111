//! One key, one effect (SEMANTICS §9).

use coffer::engine::{Failure, Operation, Target};
use coffer_ledger::command::Command;
use coffer_wal::storage::crash::CrashStorage;
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_the_same_key_fifty_times_at_once_and_again_after_a_restart_is_one_debit() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    let mut racers = JoinSet::new();
    for _ in 0..50 {
        let engine = engine.clone();
        racers.spawn(async move { debit_keyed(&engine, "acme", 7, "the key").await });
    }
    let mut answers = Vec::new();
    while let Some(answer) = racers.join_next().await {
        answers.push(answer.unwrap().unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.record == answers[0].record && answer.position == answers[0].position)
    );
    engine.shutdown().await.unwrap();

    let engine = open(&disk).await;
    let again = debit_keyed(&engine, "acme", 7, "the key").await.unwrap();
    assert!(again.replayed);
    assert_eq!(
        (&again.record, again.position, &again.customer),
        (&answers[0].record, answers[0].position, &answers[0].customer)
    );
    assert_eq!(posted(&engine, "acme").await, whole(93));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_survives_a_crash_without_a_snapshot() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    let first = debit_keyed(&engine, "acme", 7, "k").await.unwrap();
    let engine = open(&disk.kill()).await;
    let again = debit_keyed(&engine, "acme", 7, "k").await.unwrap();
    assert_eq!((again.replayed, again.record), (true, first.record));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_with_another_body_is_refused_and_changes_nothing() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 100).await;
    debit_keyed(&engine, "acme", 7, "k").await.unwrap();
    assert_eq!(debit_keyed(&engine, "acme", 8, "k").await.unwrap_err(), Failure::KeyReused);
    assert_eq!(posted(&engine, "acme").await, whole(93));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_request_is_decided_afresh_under_the_same_key() {
    let engine = open(&CrashStorage::new()).await;
    let id = wallet(&engine, "acme", 1).await;
    assert!(matches!(debit_keyed(&engine, "acme", 5, "k").await, Err(Failure::Refused(_))));
    let more = coffer_ledger::command::Command::TopUp(top_up(id, 10, None));
    engine.submit(TENANT, Target::Wallet(id), Operation::new(more)).await.unwrap();
    assert!(!debit_keyed(&engine, "acme", 5, "k").await.unwrap().replayed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_answers_what_would_happen_and_stores_nothing() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    let dry = Operation { dry_run: true, ..Operation::new(debit(4)).with_key("k") };
    let would = engine.submit(TENANT, Target::Customer("acme"), dry).await.unwrap();
    assert_eq!((debited(&would).balance_after, would.position.0), (whole(6), 0));
    assert_eq!(posted(&engine, "acme").await, whole(10));
    assert!(!debit_keyed(&engine, "acme", 9, "k").await.unwrap().replayed, "the key is still free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_twice_in_one_batch_is_one_debit_and_two_equal_answers() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    let number = engine.resolve(TENANT, Target::Customer("acme")).unwrap();
    let operations = vec![(number, Operation::new(debit(4)).with_key("k")); 2];
    let results = engine.submit_many(TENANT, operations).await;
    let [first, second] = [0, 1].map(|i| results[i].as_ref().unwrap());
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!((&first.record, first.position), (&second.record, second.position));
    assert_eq!(posted(&engine, "acme").await, whole(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_deletion_finds_its_record_and_the_name_is_free_for_another() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    let profile = coffer_ledger::customer::Profile::default;
    let create = || Command::CreateCustomer { external_id: "acme".into(), profile: profile() };
    let delete = || Operation::new(Command::DeleteCustomer).with_key("gone");
    engine.submit(TENANT, Target::NewCustomer("acme"), Operation::new(create())).await.unwrap();
    let first = engine.submit(TENANT, Target::Customer("acme"), delete()).await.unwrap();
    let engine = open(&disk.kill()).await;
    let again = engine.submit(TENANT, Target::Customer("acme"), delete()).await.unwrap();
    assert_eq!((again.replayed, again.record), (true, first.record));
    assert!(engine.read(TENANT, Target::Customer("acme"), |_, _| ()).await.is_err());
    let next = engine.submit(TENANT, Target::NewCustomer("acme"), Operation::new(create())).await.unwrap();
    assert_ne!(next.customer.number, first.customer.number);
}
