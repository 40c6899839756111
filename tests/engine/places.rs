//! Resting, waking, snapshots: a customer is always in one place, and nothing of it is lost on the way.

use std::time::Duration;

use coffer::engine::{EngineOptions, Failure, Target};
use coffer_wal::storage::crash::CrashStorage;
use tokio::task::JoinSet;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_rest_and_wake_under_fire_and_no_debit_is_lost() {
    let disk = CrashStorage::new();
    let eager = EngineOptions { actor_idle_s: 0, actors_max: 0, ..options() };
    let engine = open_with(eager, env_on(&disk)).await.unwrap();
    ensure_tenant(&engine).await;
    for customer in 0..20 {
        wallet(&engine, &format!("c{customer}"), 1_000).await;
    }
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let engine = engine.clone();
        writers.spawn(async move {
            for round in 0..60 {
                for customer in 0..20 {
                    debit_now(&engine, &format!("c{customer}"), 1).await.unwrap();
                }
                if (round + writer) % 4 == 0 {
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    for customer in 0..20 {
        assert_eq!(posted(&engine, &format!("c{customer}")).await, whole(1_000 - 240));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_customer_comes_to_rest_and_a_read_does_not_wake_it() {
    let disk = CrashStorage::new();
    let engine = open_with(EngineOptions { actor_idle_s: 0, ..options() }, env_on(&disk)).await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, "acme", 10).await;
    while engine.stats().actors_active > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(posted(&engine, "acme").await, whole(10));
    assert_eq!((engine.stats().actors_active, engine.stats().actors_resting), (0, 1));
    debit_now(&engine, "acme", 3).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_whose_first_request_was_refused_leaves_nothing_behind() {
    let disk = CrashStorage::new();
    let engine = open_with(EngineOptions { actor_idle_s: 0, ..options() }, env_on(&disk)).await.unwrap();
    ensure_tenant(&engine).await;
    let refused =
        engine.submit(TENANT, Target::NewCustomer("ghost"), coffer::engine::Operation::new(debit(1))).await;
    assert!(matches!(refused, Err(Failure::Refused(_))));
    while engine.stats().actors_active > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(engine.resolve(TENANT, Target::Customer("ghost")), None);
    wallet(&engine, "ghost", 5).await;
    assert_eq!(posted(&engine, "ghost").await, whole(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overloaded_engine_wakes_nobody_whom_it_refuses() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10).await;
    engine.shutdown().await.unwrap();
    drop(engine);
    let full = EngineOptions { writes_in_flight_customer_max: 0, ..options() };
    let engine = open_with(full, env_on(&disk)).await.unwrap();
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Overloaded);
    let ghost = coffer::engine::Operation::new(create_wallet("ghost", 5));
    let refused = engine.submit(TENANT, Target::NewCustomer("ghost"), ghost).await;
    assert_eq!(refused.unwrap_err(), Failure::Overloaded);
    assert_eq!((engine.stats().actors_active, engine.stats().actors_resting), (0, 1));
    assert_eq!(engine.resolve(TENANT, Target::Customer("ghost")), None);
    assert_eq!(posted(&engine, "acme").await, whole(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_taken_under_fire_plus_the_log_after_it_gives_the_state_back() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    for customer in 0..50 {
        wallet(&engine, &format!("c{customer}"), 1_000).await;
    }
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let engine = engine.clone();
        writers.spawn(async move {
            for i in 0..500 {
                debit_keyed(&engine, &format!("c{}", i % 50), 1, &format!("{writer}-{i}")).await.unwrap();
            }
        });
    }
    let mut snapshots = 0;
    while !writers.is_empty() {
        let report = engine.take_snapshot().await.unwrap();
        assert!(report.start <= report.highest && report.customers == 50);
        snapshots += 1;
        while writers.try_join_next().is_some() {}
    }
    assert!(snapshots > 0);
    let before = states(&engine).await;

    let reopened = open(&disk.kill()).await;
    assert_eq!(states(&reopened).await, before);
    assert!(
        reopened.stats().recovery_records < engine.stats().appended.0,
        "the snapshot spared some of the log"
    );
    assert!(debit_keyed(&reopened, "c7", 1, "0-7").await.unwrap().replayed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_newest_snapshot_costs_time_and_not_data() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    engine.take_snapshot().await.unwrap();
    debit_now(&engine, "acme", 1).await.unwrap();
    engine.take_snapshot().await.unwrap();
    let before = states(&engine).await;
    let after = disk.kill();
    let newest =
        after.files().into_iter().filter(|path| path.to_string_lossy().contains("snapshots")).max().unwrap();
    let mut bytes = after.read_file(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    after.put_file(&newest, &bytes);
    let reopened = open(&after).await;
    assert_eq!(states(&reopened).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_shows_more_than_the_log_is_passed_over() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    let log_of_before = disk.kill();
    debit_now(&engine, "acme", 1).await.unwrap();
    engine.take_snapshot().await.unwrap();
    copy_snapshots(&disk, &log_of_before);
    let reopened = open(&log_of_before).await;
    assert_eq!(posted(&reopened, "acme").await, whole(100));
}

/// Puts this disk's snapshots on the other one.
pub(crate) fn copy_snapshots(from: &CrashStorage, to: &CrashStorage) {
    for path in from.files().into_iter().filter(|path| path.to_string_lossy().contains("snapshots")) {
        to.put_file(&path, &from.read_file(&path).unwrap());
    }
}

/// Numbers are given again when the end of a log is lost or given up: that they fit proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_records_that_were_given_up_is_not_used_when_others_have_their_numbers() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 100).await;
    wallet(&engine, "other", 100).await;
    let log_of_before = disk.kill();
    debit_now(&engine, "acme", 10).await.unwrap();
    engine.take_snapshot().await.unwrap();
    let again = open(&log_of_before).await;
    debit_now(&again, "other", 30).await.unwrap();
    assert_eq!(again.stats().appended, engine.stats().appended);
    let mut killed = log_of_before.kill();
    copy_snapshots(&disk, &killed);
    for _ in 0..2 {
        let reopened = open(&killed).await;
        assert_eq!(
            (posted(&reopened, "acme").await, posted(&reopened, "other").await),
            (whole(100), whole(70))
        );
        // What it takes now takes the place of what it did not use.
        reopened.take_snapshot().await.unwrap();
        killed = killed.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_only_asked_for_cannot_be_read() {
    let engine = open(&CrashStorage::new()).await;
    let refused =
        engine.submit(TENANT, Target::NewCustomer("ghost"), coffer::engine::Operation::new(debit(1))).await;
    assert!(refused.is_err());
    let read = engine.read(TENANT, Target::Customer("ghost"), |_, _| ()).await;
    assert_eq!(read.unwrap_err(), Failure::NotFound("customer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_woken_for_a_write_that_was_not_admitted_rests_again() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10).await;
    engine.shutdown().await.unwrap();
    let closed = EngineOptions { actor_idle_s: 0, writes_in_flight_customer_max: 0, ..options() };
    let engine = open_with(closed, env_on(&disk)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Overloaded);
    }
    while engine.stats().actors_active > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(posted(&engine, "acme").await, whole(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_panics_spoils_its_own_answer_only() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "acme", 10).await;
    for _ in 0..3 {
        let read =
            engine.read(TENANT, Target::Customer("acme"), |_, _| -> u8 { panic!("a bug of the caller's") });
        assert_eq!(read.await.unwrap_err(), Failure::OutcomeUnknown);
    }
    debit_now(&engine, "acme", 1).await.unwrap();
    assert_eq!(engine.stats().actors_rebuilt, 0);
}

/// Every customer's whole state.
pub(crate) async fn states(engine: &coffer::engine::Engine) -> Vec<coffer_ledger::customer::Customer> {
    engine.scan(TENANT, |customer, _| Some(customer.clone())).await.unwrap()
}

/// Commands on a stopped directory take no snapshot, and servers that are killed neither; each start begins a segment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_alone_do_not_fill_the_disk() {
    let disk = CrashStorage::new();
    open(&disk).await.shutdown().await.unwrap();
    let never = EngineOptions { snapshot_at_shutdown: false, ..options() };
    for _ in 0..12 {
        open_with(never.clone(), env_on(&disk)).await.unwrap().shutdown().await.unwrap();
    }
    let four_segments = EngineOptions { snapshot_log_bytes: 4 * never.segment_bytes, ..never };
    for start in 0..20 {
        let engine = open_with(four_segments.clone(), env_on(&disk)).await.unwrap();
        let segments = engine.stats().log.segments_live;
        assert!(if start == 0 { segments > 12 } else { segments <= 2 * 4 }, "{segments}");
        // What is not archived yet stays.
        engine.checkpoint().await.unwrap();
        engine.shutdown().await.unwrap();
    }
    // Servers that are killed: the next start takes the snapshot.
    let mut disk = disk;
    for _ in 0..20 {
        let engine = open_with(four_segments.clone(), env_on(&disk)).await.unwrap();
        let at_start = engine.stats().log.segments_live;
        assert!(at_start <= 2 * 4, "{at_start}");
        let shorter = async {
            while at_start == 2 * 4 && engine.stats().log.segments_live == at_start {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), shorter).await.expect("a snapshot at the start");
        engine.checkpoint().await.unwrap();
        disk = disk.kill();
    }
}

/// The hot log becomes long while the engine runs, though less is logged than a snapshot is due for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_with_a_long_hot_log_takes_the_snapshot_that_no_start_took() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    wallet(&engine, "acme", 10_000).await;
    engine.shutdown().await.unwrap();
    let never = EngineOptions { snapshot_at_shutdown: false, ..options() };
    let mut segments = 0;
    while segments < 2 * 4 - 1 {
        let engine = open_with(never.clone(), env_on(&disk)).await.unwrap();
        segments = engine.stats().log.segments_live;
        engine.shutdown().await.unwrap();
    }
    // One fewer than are too many at its start; it gets there by what it writes.
    let half_of_nine = EngineOptions { snapshot_log_bytes: 9 * never.segment_bytes / 2, ..never.clone() };
    let engine = open_with(half_of_nine, env_on(&disk)).await.unwrap();
    assert_eq!(engine.stats().log.segments_live, 8);
    while engine.stats().log.segments_live < 9 {
        debit_now(&engine, "acme", 1).await.unwrap();
    }
    engine.checkpoint().await.unwrap();
    engine.shutdown().await.unwrap();
    let engine = open_with(never, env_on(&disk)).await.unwrap();
    assert!(engine.stats().log.segments_live < 9, "{}", engine.stats().log.segments_live);
}
