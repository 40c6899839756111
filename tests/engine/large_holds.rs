//! Holds whose end is too large for one record (SEMANTICS §5, §8): they end in parts, nobody else is refused because of them, and none is
//! placed any more that could not be captured or released.

use coffer::engine::{Committed, Engine, EngineOptions, Failure, Operation, Target};
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{
    Capture, Charge, Command, CreateWallet, HoldAsked, ManualDebit, Memo, OverCapture, PlaceHold, Quantity,
    Remainder, TopUp,
};
use coffer_ledger::fact::{Due, Effect};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::{HoldId, WalletId};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_wal::storage::crash::CrashStorage;

use crate::support::*;

/// Nanoseconds in a minute.
const MINUTE: u64 = 60 * S;

/// As an engine was before there was a limit to what a hold pins. Nothing is written by the timer.
fn unlimited() -> EngineOptions {
    EngineOptions { hold_bytes_max: usize::MAX, ticks_per_s_max: 0, ..options() }
}

/// The names that a scope of the largest kind has.
fn features() -> Vec<Box<str>> {
    (0..16).map(|number| format!("{number:064}").into()).collect()
}

async fn ask(engine: &Engine, command: Command) -> Result<Committed, Failure> {
    engine.submit(TENANT, Target::Customer("acme"), Operation::new(command)).await
}

/// A credit of 1 and so many more of one kind, all of which end after an hour.
async fn credits(engine: &Engine, wallet: WalletId, count: usize, credits: Credits, scope: Option<Scope>) {
    let ends_at = Some(Timestamp(START.0 + 60 * MINUTE));
    ask(engine, Command::TopUp(top_up(wallet, 1, ends_at))).await.unwrap();
    for _ in 0..count {
        let (scope, quantity) = (scope.clone(), Quantity::Credits(credits));
        let one = TopUp { scope, quantity, ..top_up(wallet, 1, ends_at) };
        ask(engine, Command::TopUp(one)).await.unwrap();
    }
}

fn wide() -> Option<Scope> {
    Some(Scope { price_types: PriceTypes::USAGE, features: Some(features().into()) })
}

/// Pins credit that pays for the first feature for two hours.
async fn place(engine: &Engine, asked: Credits) -> Result<Hold, Failure> {
    let charge = Charge { feature: Some(features().remove(0)), ..Charge::usage() };
    let (over_capture, memo) = (OverCapture::Draw, Memo::default());
    let asked = HoldAsked::Exactly(asked);
    let place = PlaceHold { asked, charge, expires_in_s: 7_200, over_capture, memo };
    ask(engine, Command::PlaceHold(place)).await.map(|placed| hold_of(&placed))
}

fn hold_of(committed: &Committed) -> Hold {
    match &committed.record.facts.effect {
        Effect::Held(step) => step.hold.clone(),
        other => panic!("not a hold: {other:?}"),
    }
}

async fn grow(engine: &Engine, hold: HoldId, credits: i64) -> Result<Hold, Failure> {
    let grown = ask(engine, Command::Grow { hold, credits: whole(credits) }).await;
    grown.map(|grown| hold_of(&grown))
}

async fn release(engine: &Engine, hold: HoldId) -> Result<Hold, Failure> {
    ask(engine, Command::Release { hold, memo: Memo::default() }).await.map(|released| hold_of(&released))
}

async fn capture(engine: &Engine, hold: HoldId, credits: Credits) -> Result<Hold, Failure> {
    let capture = Capture { hold, credits, last: true, memo: Memo::default() };
    ask(engine, Command::Capture(capture)).await.map(|captured| hold_of(&captured))
}

/// Another wallet of the same customer, with credit of its own.
async fn euros(engine: &Engine) -> WalletId {
    let request = CreateWallet {
        initial_credits: whole(100),
        ..CreateWallet::new("acme", Currency::parse("eur").unwrap())
    };
    match &ask(engine, Command::CreateWallet(request)).await.unwrap().record.facts.effect {
        Effect::WalletCreated { wallet, .. } => wallet.id,
        other => panic!("not a wallet: {other:?}"),
    }
}

async fn debit_euros(engine: &Engine) -> Result<Committed, Failure> {
    let Command::Debit(mut request) = debit(1) else { panic!("a debit") };
    request.charge.currency = Some(Currency::parse("eur").unwrap());
    ask(engine, Command::Debit(request)).await
}

/// The parts in which a hold ended, oldest first: how it stood after each, and pins that came back.
async fn parts(engine: &Engine, hold: HoldId) -> Vec<(HoldStatus, usize)> {
    let mut parts = Vec::new();
    for position in 1..=engine.stats().durable.0 {
        let Ok(stored) = engine.record(TENANT, coffer_ledger::ids::LogPosition(position)).await else {
            continue;
        };
        for due in &stored.record.facts.due {
            if let Due::HoldExpired(end) = due
                && end.hold.id == hold
            {
                parts.push((end.hold.status, end.returned.len()));
            }
        }
    }
    parts
}

/// Ends a hold that is too large, and checks that it blocks nothing.
async fn check_end(hold: &Hold, disk: CrashStorage, clock: std::sync::Arc<TestClock>, engine: Engine) {
    let (pins, id) = (hold.pins.len(), hold.id);
    clock.pass(180 * MINUTE);
    let shown = engine.hold(TENANT, Target::Customer("acme"), id).await.unwrap().value;
    assert_eq!((shown.status, shown.released), (HoldStatus::Expired, hold.held()), "before it is written");
    let taken = debit_euros(&engine).await.unwrap();
    assert!(taken.record.facts.due.is_empty(), "what does not fit beside it was written before it");
    assert_eq!(posted(&engine, "acme").await, whole(99));
    let parts = parts(&engine, id).await;
    let (last, earlier) = parts.split_last().unwrap();
    assert!(!earlier.is_empty() && last.0 == HoldStatus::Expired, "{parts:?}");
    assert!(earlier.iter().all(|part| part.0 == HoldStatus::Open), "{parts:?}");
    assert_eq!(parts.iter().map(|part| part.1).sum::<usize>(), pins, "each pin once: {parts:?}");
    let shown = engine.hold(TENANT, Target::Customer("acme"), id).await.unwrap().value;
    assert_eq!((shown.status, shown.released, shown.pins.len()), (HoldStatus::Expired, hold.held(), 0));
    // Folded anew it is the same.
    let engine = open_with(unlimited(), env_with_clock(&disk.kill(), clock)).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(99));
    let shown = engine.hold(TENANT, Target::Customer("acme"), id).await.unwrap().value;
    assert_eq!((shown.status, shown.released), (HoldStatus::Expired, hold.held()));
    debit_euros(&engine).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_grew_too_large_for_one_record_ends_in_parts_and_blocks_nobody() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(unlimited(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    credits(&engine, id, 190, whole(1), wide()).await;
    let mut hold = place(&engine, whole(91)).await.unwrap();
    while hold.pins.len() < 191 {
        hold = grow(&engine, hold.id, 5).await.unwrap();
    }
    euros(&engine).await;
    check_end(&hold, disk, clock, engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_of_thousands_of_pins_ends_in_parts_and_blocks_nobody() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(unlimited(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    let each = Credits::parse_json("123456.123456789012345").unwrap();
    credits(&engine, id, 1_989, each, None).await;
    let all = posted(&engine, "acme").await;
    let hold = place(&engine, all).await.unwrap();
    assert_eq!(hold.pins.len(), 1_990);
    euros(&engine).await;
    check_end(&hold, disk, clock, engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_let_go_in_one_record_is_not_pinned() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let options = EngineOptions { ticks_per_s_max: 0, ..options() };
    let engine = open_with(options, env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    credits(&engine, id, 229, whole(1), wide()).await;
    let limit = Failure::LimitReached { limit: "hold_bytes_max", max: 229_376 };
    let (mut holds, mut left) = (Vec::new(), 230);
    while left > 0 {
        let Ok(mut hold) = place(&engine, whole(left.min(60))).await else { panic!("60 pins fit") };
        left -= i64::try_from(hold.pins.len()).unwrap();
        while left > 0 {
            match grow(&engine, hold.id, 1).await {
                Ok(grown) => (hold, left) = (grown, left - 1),
                Err(failure) => {
                    assert_eq!(failure, limit);
                    break;
                }
            }
        }
        holds.push(hold);
    }
    let pins: Vec<_> = holds.iter().map(|hold| hold.pins.len()).collect();
    assert!(holds.len() == 3 && pins[0] == pins[1] && pins[0] > 100, "as many as fit: {pins:?}");
    // Each can be ended in each way, also when all of it is gone at once.
    let captured = capture(&engine, holds[0].id, holds[0].held()).await.unwrap();
    assert_eq!((captured.status, captured.captured), (HoldStatus::Captured, holds[0].held()));
    clock.pass(90 * MINUTE);
    assert_eq!(release(&engine, holds[1].id).await.unwrap().status, HoldStatus::Released);
    capture(&engine, holds[2].id, whole(1)).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_pins_are_not_too_many_until_their_end_is_too_large() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let options = EngineOptions { ticks_per_s_max: 0, ..options() };
    let engine = open_with(options, env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    let each = Credits::parse_json("123456.123456789012345").unwrap();
    credits(&engine, id, 1_989, each, None).await;
    let all = posted(&engine, "acme").await;
    let refused = place(&engine, all).await;
    assert_eq!(refused, Err(Failure::LimitReached { limit: "hold_bytes_max", max: 229_376 }));
    assert_eq!(posted(&engine, "acme").await, all, "and nothing is pinned");
    let hold = place(&engine, Credits(each.0 * 1_000)).await.unwrap();
    clock.pass(90 * MINUTE);
    assert_eq!(release(&engine, hold.id).await.unwrap().released, hold.held());
    assert_eq!(posted(&engine, "acme").await, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_holds_that_are_due_and_too_large_beside_a_command_are_written_before_it() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(unlimited(), env_with_clock(&disk, clock.clone())).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    credits(&engine, id, 159, whole(1), wide()).await;
    for _ in 0..16 {
        place(&engine, whole(10)).await.unwrap();
    }
    euros(&engine).await;
    clock.pass(180 * MINUTE);
    let taken = debit_euros(&engine).await.unwrap();
    assert!(taken.record.facts.due.is_empty());
    assert_eq!(posted(&engine, "acme").await, whole(99));
    let engine = open_with(unlimited(), env_with_clock(&disk.kill(), clock)).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_with_too_much_in_it_for_one_record_is_closed_after_a_part_of_it_is_gone() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(unlimited(), env_with_clock(&disk, clock)).await.unwrap();
    ensure_tenant(&engine).await;
    let id = wallet(&engine, "acme", 0).await;
    credits(&engine, id, 250, whole(1), wide()).await;
    let close = || Command::Close { wallet: id, remainder: Remainder::Refund, force: false };
    let refused = ask(&engine, close()).await;
    assert!(matches!(refused, Err(Failure::RecordTooLarge { max: 245_760 })), "{refused:?}");
    let part = ManualDebit { wallet: id, credits: whole(100), memo: Memo::default() };
    ask(&engine, Command::ManualDebit(part)).await.unwrap();
    ask(&engine, close()).await.unwrap();
    assert_eq!(posted(&engine, "acme").await, whole(0));
}
