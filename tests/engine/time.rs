//! Time is an input: expiry and starts happen at their instant, sweeper or not.

use std::time::Duration;

use coffer::engine::{Engine, EngineOptions, OpenError, Operation, Target};
use coffer_ledger::command::{Command, Debit, HoldAsked, Memo, OverCapture, PlaceHold, TopUp};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_wal::storage::crash::CrashStorage;

use crate::support::*;

async fn credit(engine: &Engine, top_up: TopUp) {
    let target = Target::Wallet(top_up.wallet);
    engine.submit(TENANT, target, Operation::new(Command::TopUp(top_up))).await.unwrap();
}

async fn sequence(engine: &Engine) -> u64 {
    let look = |customer: &coffer_ledger::customer::Customer, _| customer.wallets[0].head.sequence;
    engine.read(TENANT, Target::Customer("acme"), look).await.unwrap().value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credit_is_gone_at_its_instant_and_the_timer_writes_the_row() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    credit(&engine, top_up(id, 10, Some(Timestamp(START.0 + 60 * S)))).await;
    let before = sequence(&engine).await;
    clock.pass(60 * S - 1);
    assert_eq!(posted(&engine, "acme").await, whole(10));
    clock.pass(1);
    assert_eq!(posted(&engine, "acme").await, whole(0), "a read shows no expired credit, swept or not");
    while sequence(&engine).await == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(sequence(&engine).await, before + 1, "one row, from the timer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled_credit_starts_at_its_instant_even_after_a_restart() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 1).await;
    credit(&engine, TopUp { effective_at: Some(Timestamp(START.0 + 100 * S)), ..top_up(id, 10, None) }).await;
    assert_eq!(posted(&engine, "acme").await, whole(1));
    let killed = disk.kill();
    let engine = open_with(options(), env_with_clock(&killed, clock.clone())).await.unwrap();
    clock.pass(100 * S);
    debit_now(&engine, "acme", 11).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_beyond_one_record_is_written_in_several_before_the_debit() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let mut small = options();
    small.limits.due_per_record_max = 3;
    small.ticks_per_s_max = 0;
    let engine = open_with(small, env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 5).await;
    for _ in 0..10 {
        credit(&engine, top_up(id, 1, Some(Timestamp(START.0 + 60 * S)))).await;
    }
    let before = sequence(&engine).await;
    clock.pass(61 * S);
    let taken = debit_now(&engine, "acme", 5).await.unwrap();
    assert!(taken.record.facts.due.len() <= 3);
    assert_eq!((posted(&engine, "acme").await, sequence(&engine).await), (whole(0), before + 11));
    let reopened = open_with(options(), env_with_clock(&disk.kill(), clock)).await.unwrap();
    assert_eq!(posted(&reopened, "acme").await, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_together_and_too_large_for_one_record_goes_into_several() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 5).await;
    let features: Vec<Box<str>> = (0..16).map(|i| format!("{i:064}").into()).collect();
    let scope = Scope { price_types: PriceTypes::USAGE, features: Some(features.into()) };
    for _ in 0..300 {
        let wide = TopUp { scope: Some(scope.clone()), ..top_up(id, 1, Some(Timestamp(START.0 + 60 * S))) };
        credit(&engine, wide).await;
    }
    clock.pass(61 * S);
    debit_now(&engine, "acme", 5).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(0));
    let reopened = open_with(options(), env_with_clock(&disk.kill(), clock)).await.unwrap();
    assert_eq!(posted(&reopened, "acme").await, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_far_ahead_of_the_log_is_refused_until_it_is_accepted() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    engine.shutdown().await.unwrap();
    clock.pass(91 * 86_400 * S);
    let refused = open_with(options(), env_with_clock(&disk, clock.clone())).await;
    assert!(matches!(refused, Err(OpenError::ClockGap { days: 91, max: 90 })), "{refused:?}");
    let accepted = EngineOptions { accept_clock: true, ..options() };
    open_with(accepted, env_with_clock(&disk, clock)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_ends_between_two_debits_of_a_batch_leaves_each_its_own_place_in_the_log() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    wallet(&engine, "acme", 30_000).await;
    let number = debit_now(&engine, "acme", 1).await.unwrap().customer.number;
    let Command::Debit(Debit { charge, .. }) = debit(1) else { panic!("a debit") };
    for expires_in_s in 1..=20 {
        let asked = HoldAsked::Exactly(whole(1));
        let (over_capture, memo, charge) = (OverCapture::Draw, Memo::default(), charge.clone());
        let hold = PlaceHold { asked, charge, expires_in_s, over_capture, memo };
        let operation = Operation::new(Command::PlaceHold(hold));
        engine.submit(TENANT, Target::Customer("acme"), operation).await.unwrap();
    }
    // Some debits between one deadline and the next, whoever else looks at the clock meanwhile.
    clock.move_by_each_look(S / 10);
    let debits = (1..=200).map(|credits| (number, Operation::new(debit(credits)))).collect();
    let answers = engine.submit_many(TENANT, debits).await;
    clock.move_by_each_look(0);
    let mut ends = 0;
    for (credits, answer) in (1..=200).zip(answers) {
        let answer = answer.unwrap();
        let stored = engine.record(TENANT, answer.position).await.unwrap();
        assert_eq!(stored.record, answer.record, "the debit of {credits} is somewhere else");
        assert_eq!(debited(&answer).credits, whole(credits));
        ends += answer.record.facts.due.len();
    }
    assert!(ends > 3, "only {ends} holds ended beside a debit");
}
