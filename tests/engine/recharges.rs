//! A threshold that a thousand debits cross at once is crossed once (SEMANTICS §11).

use coffer::engine::{Committed, Engine, Operation, Target};
use coffer_ledger::amount::Credits;
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::command::{Asked, Command};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{RechargeId, WalletId};
use coffer_ledger::invariants;
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::watch::WalletRules;
use coffer_wal::storage::crash::CrashStorage;
use tokio::task::JoinSet;

use crate::support::*;

const RACERS: i64 = 1_000;
const THRESHOLD: i64 = 200;
const INITIAL: i64 = 1_500;
const AMOUNT: i64 = 10_000;
/// The last digit that a credit has.
const HAIR: Credits = Credits(1);

/// What each of the racers takes.
fn one_debit() -> Credits {
    whole(1).checked_add(HAIR).unwrap()
}

/// What all of them take.
fn all_debits() -> Credits {
    whole(RACERS).checked_add(Credits(HAIR.0 * i128::from(RACERS))).unwrap()
}

async fn wallet_with_rule(engine: &Engine, initial: i64, invoicing: bool) -> WalletId {
    let rule = AutoTopup {
        enabled: true,
        threshold: whole(THRESHOLD),
        amount: whole(AMOUNT),
        invoicing,
        target_balance: None,
        cooldown_s: 0,
        count_max: 24,
        amount_max: None,
        failures_max: 3,
    };
    let Command::CreateWallet(mut request) = create_wallet("acme", initial) else { panic!("a wallet") };
    request.rules = Some(Box::new(WalletRules { alerts: None, auto_topup: Some(rule) }));
    let made = Operation::new(Command::CreateWallet(request));
    let made = engine.submit(TENANT, Target::NewCustomer("acme"), made).await.unwrap();
    made.record.facts.effect.wallet().unwrap().id
}

/// A thousand at once, all of which must pass.
async fn race(engine: &Engine) -> Vec<Committed> {
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let engine = engine.clone();
        racers.spawn(async move {
            let Command::Debit(mut request) = debit(1) else { panic!("a debit") };
            request.asked = Asked::Credits(one_debit());
            let operation = Operation::new(Command::Debit(request));
            engine.submit(TENANT, Target::Customer("acme"), operation).await.unwrap()
        });
    }
    let mut records = Vec::new();
    while let Some(record) = racers.join_next().await {
        records.push(record.unwrap());
    }
    records.sort_by_key(|record| record.position);
    records
}

/// The recharges that began in these records, and in which.
fn begun(records: &[Committed]) -> Vec<(RechargeId, usize)> {
    let of = |(index, record): (usize, &Committed)| {
        let begun = record.record.facts.set_off.iter().flat_map(|set_off| set_off.begun());
        begun.map(|recharge| (recharge.id, index)).collect::<Vec<_>>()
    };
    records.iter().enumerate().flat_map(of).collect()
}

/// What the debits took, and what came in beside them, by their rows.
fn moved(records: &[Committed]) -> (Credits, Credits) {
    let (mut out, mut came_in) = (Credits::ZERO, Credits::ZERO);
    for record in records {
        record.record.facts.each_posting(|posting| {
            let sum = if posting.after < posting.before { &mut out } else { &mut came_in };
            *sum = Credits(sum.0 + (posting.after.0 - posting.before.0).abs());
        });
    }
    (out, came_in)
}

async fn state(engine: &Engine) -> Customer {
    engine.read(TENANT, Target::Customer("acme"), |customer, _| customer.clone()).await.unwrap().value
}

async fn again(engine: Engine, disk: &CrashStorage) -> Engine {
    let before = state(&engine).await;
    engine.shutdown().await.unwrap();
    let engine = open(disk).await;
    assert_eq!(state(&engine).await, before, "a restart changes nothing");
    engine
}

/// The debit that reaches the threshold is the one that the recharge stands with.
fn crosses(records: &[Committed], index: usize) {
    let after = |index: usize| debited(&records[index]).balance_after;
    assert!(after(index) <= whole(THRESHOLD) && after(index - 1) > whole(THRESHOLD), "record {index}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_debits_across_a_threshold_begin_one_direct_recharge() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    // Not enough for all of them: those after the threshold live on the recharge.
    let wallet = wallet_with_rule(&engine, INITIAL - RACERS, false).await;
    let records = race(&engine).await;
    let [(id, index)] = begun(&records)[..] else { panic!("{:?}", begun(&records)) };
    crosses(&records, index);
    assert_eq!(moved(&records), (all_debits(), whole(AMOUNT)));
    let left = Credits(whole(INITIAL - RACERS + AMOUNT).0 - all_debits().0);
    assert_eq!(posted(&engine, "acme").await, left);

    let engine = again(engine, &disk).await;
    let customer = state(&engine).await;
    invariants::check_all(&customer).unwrap();
    let kept: Vec<_> = customer.recharges.iter().map(|one| (one.id, one.wallet, one.status)).collect();
    assert_eq!(kept, [(id, wallet, RechargeStatus::Completed)]);
    assert_eq!(posted(&engine, "acme").await, left);
    // It is not near its threshold any more.
    assert_eq!(begun(&[debit_now(&engine, "acme", 1).await.unwrap()]), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_debits_across_a_threshold_have_one_invoice_in_flight() {
    let disk = CrashStorage::new();
    let engine = open(&disk).await;
    let wallet = wallet_with_rule(&engine, THRESHOLD + RACERS + 1, true).await;
    let first = race(&engine).await;
    assert_eq!(begun(&first), [], "nobody reached the threshold");
    let short = debit_now(&engine, "acme", 1).await.unwrap();
    let [(id, _)] = begun(std::slice::from_ref(&short))[..] else { panic!("{short:?}") };
    let engine = again(engine, &disk).await;
    let cancel = Operation::new(Command::CancelRecharge(id));
    engine.submit(TENANT, Target::Customer("acme"), cancel).await.unwrap();

    let credit = Operation::new(Command::TopUp(top_up(wallet, RACERS - THRESHOLD + 10, None)));
    engine.submit(TENANT, Target::Customer("acme"), credit).await.unwrap();
    let there = posted(&engine, "acme").await;
    let records = race(&engine).await;
    let [(id, index)] = begun(&records)[..] else { panic!("{:?}", begun(&records)) };
    crosses(&records, index);
    assert_eq!(moved(&records), (all_debits(), Credits::ZERO), "nothing comes in before it is paid");
    let left = Credits(there.0 - all_debits().0);
    assert_eq!(posted(&engine, "acme").await, left);

    let engine = again(engine, &disk).await;
    let customer = state(&engine).await;
    let open: Vec<_> = customer.recharges.open_of(wallet).map(|one| one.id).collect();
    assert_eq!((open, customer.recharges.pending(wallet)), (vec![id], whole(AMOUNT)));
    assert_eq!(begun(&[debit_now(&engine, "acme", 1).await.unwrap()]), [], "one is in flight");

    let complete = || Operation::new(Command::CompleteRecharge(id)).with_key("paid");
    let mut payers = JoinSet::new();
    for _ in 0..50 {
        let (engine, complete) = (engine.clone(), complete());
        payers.spawn(async move { engine.submit(TENANT, Target::Customer("acme"), complete).await });
    }
    while let Some(paid) = payers.join_next().await {
        let paid = paid.unwrap().unwrap();
        assert!(matches!(paid.record.facts.effect, Effect::RechargeEnded(_)), "{paid:?}");
    }
    let paid = Credits(left.0 - whole(1).0 + whole(AMOUNT).0);
    assert_eq!(posted(&engine, "acme").await, paid);
    let engine = again(engine, &disk).await;
    assert_eq!(posted(&engine, "acme").await, paid);
    assert_eq!(state(&engine).await.recharges.pending(wallet), Credits::ZERO);
}
