//! A transfer between two customers is several records of two actors: wherever the power goes between them, it happens once or not at
//! all, and nothing stays on the way (SEMANTICS §15, I9). Real processes killed at named steps: tests/transfer_faults.rs.

use std::time::Duration;

use coffer::engine::{Committed, Engine, Failure, Operation, Target, TenantOperation};
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::{Command, Memo, Origin, Transfer};
use coffer_ledger::customer::{ClosedAs, Customer};
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};

use crate::places::states;
use crate::support::*;

/// A transfer that has not settled by then is stuck.
const PATIENCE: Duration = Duration::from_secs(20);
/// Shorter than a transfer's answer waits for its end.
const TOLD_AT_ONCE: Duration = Duration::from_secs(3);
/// More changes of the disk than a transfer makes; that the last of them is not reached is checked.
const CHANGES_MAX: u64 = 40;

async fn send(engine: &Engine, from: &str, to: &str, credits: i64) -> Result<(Committed, ClosedAs), Failure> {
    let command = Command::Transfer(Transfer {
        to_customer: to.into(),
        from_wallet: None,
        to_wallet: None,
        credits: whole(credits),
        memo: Memo::default(),
    });
    engine.transfer(TENANT, Target::Customer(from), Operation::new(command).with_key("once")).await
}

/// Waits until nothing is on the way, nobody drives anything, and nobody remembers anything that was.
async fn settled(engine: &Engine) {
    let is_open =
        |customer: &Customer| !customer.transfers_out.is_empty() || !customer.transfers_in.is_empty();
    let settling = async {
        while engine.stats().transfers_in_transit > 0 || states(engine).await.iter().any(is_open) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settling).await.expect("a transfer is stuck");
}

async fn check_books(engine: &Engine) {
    for customer in states(engine).await {
        coffer_ledger::invariants::check_all(&customer).unwrap();
    }
}

/// Whose time counts.
#[derive(Clone, Copy)]
enum Time {
    Machine,
    /// The tenant has a clock of its own, a year ahead: the engine's timer never comes to what is due by it.
    YearAhead,
}

async fn begin(disk: &CrashStorage, time: Time) -> Engine {
    let Time::YearAhead = time else { return open(disk).await };
    let engine = open_with(options(), env_on(disk)).await.unwrap();
    engine.create_test_tenant("default", Origin::default()).await.unwrap();
    let ahead = engine.now_of(TENANT).plus_seconds(365 * 86_400);
    let moved = TenantOperation::new(TenantCommand::MoveClock(ahead), Origin::default());
    engine.move_clock(TENANT, moved).await.unwrap();
    engine
}

/// Cuts the power at the given change of the disk after the transfer was asked for. Whether it was still at work then.
async fn cut_at(change: u64, plan: &CrashPlan, time: Time) -> bool {
    let disk = CrashStorage::new();
    let engine = begin(&disk, time).await;
    wallet(&engine, "alice", 100).await;
    wallet(&engine, "bob", 0).await;
    disk.stop_at_change(disk.changes() + change);
    let told = tokio::time::timeout(TOLD_AT_ONCE, send(&engine, "alice", "bob", 30)).await;
    let told = told.expect("who waits for a transfer is told when the log halts");
    let settling = settled_or_stopped(&engine, &disk);
    tokio::time::timeout(PATIENCE, settling).await.expect("the engine hangs");
    let cut = disk.stopped();
    drop(engine);

    let reopened = open(&disk.crash(plan)).await;
    settled(&reopened).await;
    let sent = posted(&reopened, "alice").await == whole(70);
    assert_eq!(posted(&reopened, "bob").await, whole(if sent { 30 } else { 0 }), "cut at change {change}");
    assert!(sent || posted(&reopened, "alice").await == whole(100), "cut at change {change}");
    if let Ok((_, how)) = told {
        assert_eq!((how, sent), (ClosedAs::Completed, true), "acknowledged, and cut at change {change}");
    }
    let (again, how) = send(&reopened, "alice", "bob", 30).await.unwrap();
    assert_eq!((again.replayed, how), (sent, ClosedAs::Completed), "cut at change {change}");
    settled(&reopened).await;
    assert_eq!(posted(&reopened, "alice").await, whole(70), "cut at change {change}");
    assert_eq!(posted(&reopened, "bob").await, whole(30), "cut at change {change}");
    check_books(&reopened).await;
    cut
}

async fn settled_or_stopped(engine: &Engine, disk: &CrashStorage) {
    while !disk.stopped() {
        let of = engine
            .scan(TENANT, |customer, _| Some(customer.transfers_out.len() + customer.transfers_in.len()));
        if of.await.is_ok_and(|open| open.iter().sum::<usize>() == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_survives_a_power_cut_at_every_change_of_the_disk_exactly_once() {
    let nothing_unsynced = CrashPlan { sectors: Survival::Seeded(0), names: Survival::Seeded(u64::MAX) };
    let some_of_it = CrashPlan { sectors: Survival::Seeded(0x9e37_79b9), names: Survival::Seeded(7) };
    let plans = [nothing_unsynced, some_of_it];
    for (plan, time) in [(&plans[0], Time::Machine), (&plans[1], Time::Machine), (&plans[0], Time::YearAhead)]
    {
        let mut cuts = 0;
        while cut_at(cuts, plan, time).await {
            cuts += 1;
            assert!(cuts < CHANGES_MAX, "a transfer never comes to its end");
        }
        assert!(cuts >= 3, "sent, received, done: {cuts} cuts");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transfers_back_and_forth_move_nothing_twice_and_end() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    for name in ["alice", "bob", "carl"] {
        wallet(&engine, name, 1_000).await;
    }
    let mut sending = tokio::task::JoinSet::new();
    for i in 0..90_usize {
        let engine = engine.clone();
        sending.spawn(async move {
            let names = ["alice", "bob", "carl"];
            let (from, to) = (names[i % 3], names[(i + 1 + i / 3 % 2) % 3]);
            let command = Command::Transfer(Transfer {
                to_customer: to.into(),
                from_wallet: None,
                to_wallet: None,
                credits: whole(1 + i64::try_from(i % 5).unwrap()),
                memo: Memo::default(),
            });
            let operation = || Operation::new(command.clone()).with_key(&format!("t{i}"));
            let first = engine.transfer(TENANT, Target::Customer(from), operation()).await.unwrap();
            let second = engine.transfer(TENANT, Target::Customer(from), operation()).await.unwrap();
            assert_eq!((first.0.position, first.1), (second.0.position, second.1));
            assert!(second.0.replayed);
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    settled(&engine).await;
    let mut sum = whole(0);
    for name in ["alice", "bob", "carl"] {
        sum = sum.checked_add(posted(&engine, name).await).unwrap();
    }
    assert_eq!(sum, whole(3_000));
    check_books(&engine).await;
    let before = states(&engine).await;
    let reopened = open(&disk.kill()).await;
    assert_eq!(states(&reopened).await, before, "the fold gives the live state");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_is_found_by_its_id_long_after_its_end() {
    let engine = open(&CrashStorage::new()).await;
    wallet(&engine, "alice", 2_000).await;
    wallet(&engine, "bob", 0).await;
    let (sent, _) = send(&engine, "alice", "bob", 30).await.unwrap();
    let coffer_ledger::fact::Effect::TransferSent(out) = &sent.record.facts.effect else {
        panic!("not sent")
    };
    let id = out.out.id;
    settled(&engine).await;
    // Within one customer a transfer is one record: enough of them, and the state has forgotten the first one.
    let (first, second) = (wallet(&engine, "alice", 0).await, wallet(&engine, "alice", 0).await);
    let top_up = Operation::new(Command::TopUp(top_up(first, 10, None)));
    engine.submit(TENANT, Target::Wallet(first), top_up).await.unwrap();
    for i in 0..=coffer_ledger::customer::CLOSED_KEPT_MAX {
        let (from, to) = if i % 2 == 0 { (first, second) } else { (second, first) };
        let command = Command::Transfer(Transfer {
            to_customer: "alice".into(),
            from_wallet: Some(from),
            to_wallet: Some(to),
            credits: whole(10),
            memo: Memo::default(),
        });
        engine.submit(TENANT, Target::Customer("alice"), Operation::new(command)).await.unwrap();
    }
    let alice = states(&engine).await.remove(0);
    assert!(alice.closed(id.0).is_none(), "the state has forgotten it");
    assert_eq!(engine.transfer_status(TENANT, id).await, Ok((sent.position, Some(ClosedAs::Completed))));
}
