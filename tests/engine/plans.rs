//! Plans and customers at rest: the timers wake who is due, at their pace; a change counts from its instant for everybody, whoever rests,
//! whatever is killed before all have followed (decisions/0023).

use std::collections::BTreeSet;

use coffer::engine::{Engine, EngineOptions, Operation, Target, TenantOperation};
use coffer::env::Clock;
use coffer_ledger::amount::{Credits, ONE};
use coffer_ledger::calendar::SpanUnit;
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::command::{Command, GrantChange, Origin};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::grant::{Cadence, Life, Rule};
use coffer_ledger::ids::{GrantId, LogPosition};
use coffer_ledger::time::Timestamp;
use coffer_wal::OsEnv;
use coffer_wal::storage::crash::CrashStorage;

use crate::grants::people::{every, plan_name, rule, subscribe, template};
use crate::places::states;
use crate::support::*;

const DAY: u64 = 86_400 * S;
const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(5);
/// Longer than this is never.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// One customer is told at each look of the timers, 20 looks a second; whoever is idle rests at once.
fn slow() -> EngineOptions {
    EngineOptions { ticks_per_s_max: 20, actor_idle_s: 0, actors_max: 0, accept_clock: true, ..options() }
}

fn daily() -> Rule {
    rule(10 * ONE, every(SpanUnit::Day, 1), Life::Never)
}

async fn ask_tenant(engine: &Engine, command: TenantCommand) -> (GrantId, Timestamp) {
    let committed = engine.submit_tenant(TENANT, TenantOperation::new(command, Origin::default())).await;
    let effect = committed.unwrap().record.facts.effect.clone();
    let TenantEffect::PlanGrantSet(set) = effect else { panic!("{effect:?}") };
    (set.id, set.changed_at)
}

async fn add(engine: &Engine, rule: &Rule) -> (GrantId, Timestamp) {
    ask_tenant(engine, TenantCommand::CreatePlanGrant(template(0, rule))).await
}

async fn enrol(engine: &Engine, customers: usize) {
    for number in 0..customers {
        let name = format!("c{number}");
        let enter = Command::Subscribe(Box::new(subscribe(&name, plan_name(0), None, None)));
        engine.submit(TENANT, Target::NewCustomer(&name), Operation::new(enter)).await.unwrap();
    }
}

async fn until(mut reached: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !reached().await {
            tokio::time::sleep(A_MOMENT).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it happens some time");
}

async fn all_rest(engine: &Engine, clock: &TestClock) {
    until(async || {
        // A whole second must have gone by since somebody was touched.
        clock.pass(S);
        engine.stats().actors_active == 0
    })
    .await;
}

/// What every customer was granted: beginning and credits, the earliest first, as its state has it.
async fn granted(engine: &Engine) -> Vec<Vec<(Timestamp, Credits)>> {
    let of = |customer: &Customer| {
        let tranches = customer.wallets.iter().flat_map(|wallet| &wallet.tranches);
        let mut all: Vec<_> =
            tranches.map(|tranche| (tranche.terms.effective_at, tranche.terms.original)).collect();
        all.sort_unstable();
        all
    };
    let seen = engine.scan(TENANT, move |customer, _| Some(of(customer))).await;
    seen.unwrap()
}

/// How many have written down that they follow the catalog's last change.
async fn followed(engine: &Engine) -> usize {
    let version = engine.tenant_view(TENANT).unwrap().plans_version;
    let stored = engine.stats().durable.0;
    let mut customers = BTreeSet::new();
    for position in 1..=stored {
        let Ok(stored) = engine.record(TENANT, LogPosition(position)).await else { continue };
        if matches!(&stored.record.facts.effect, Effect::PlansFollowed(followed) if followed.seen == version)
        {
            customers.insert(stored.customer.number);
        }
    }
    customers.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resting_customers_are_woken_for_their_period_no_faster_than_the_timers_pace_and_rest_again() {
    const CUSTOMERS: usize = 40;
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(slow(), env_with_clock(&disk, clock.clone())).await.unwrap();
    let_clock_run(&clock);
    ensure_tenant(&engine).await;
    add(&engine, &daily()).await;
    enrol(&engine, CUSTOMERS).await;
    all_rest(&engine, &clock).await;
    let before = engine.stats().durable.0;
    let machine = OsEnv::new();
    let began = machine.monotonic_ns();
    clock.pass(DAY);
    until(async || engine.stats().durable.0 == before + CUSTOMERS as u64).await;
    let took_ms = (machine.monotonic_ns() - began) / 1_000_000;
    // A look every 50 ms, one customer a look; a slow machine takes longer.
    assert!(took_ms > 1_500, "{CUSTOMERS} customers within {took_ms} ms, at 20 a second");
    all_rest(&engine, &clock).await;
    assert_eq!(engine.stats().durable.0, before + CUSTOMERS as u64, "one record each, and no more");
    let midnight = Timestamp(START.0 + DAY);
    for granted in granted(&engine).await {
        assert_eq!(granted.len(), 2);
        assert_eq!(granted[1], (midnight, whole(10)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_an_ended_and_a_new_grant_count_from_their_instant_for_all_who_rest_though_the_engine_dies()
{
    const CUSTOMERS: usize = 30;
    let (mut disk, clock) = (CrashStorage::new(), TestClock::new());
    let mut engine = open_with(slow(), env_with_clock(&disk, clock.clone())).await.unwrap();
    let_clock_run(&clock);
    ensure_tenant(&engine).await;
    let (changes, _) = add(&engine, &daily()).await;
    let (ends, _) = add(&engine, &rule(ONE, every(SpanUnit::Day, 1), Life::Never)).await;
    enrol(&engine, CUSTOMERS).await;
    engine.take_snapshot().await.unwrap();
    all_rest(&engine, &clock).await;
    // In the middle of the first day.
    let change = GrantChange { credits: Some(whole(25)), ..GrantChange::default() };
    ask_tenant(&engine, TenantCommand::UpdatePlanGrant { id: changes, change }).await;
    ask_tenant(&engine, TenantCommand::DeletePlanGrant(ends)).await;
    let (_, welcomed_at) = add(&engine, &rule(7 * ONE, Cadence::OneTime, Life::Never)).await;

    until(async || followed(&engine).await >= 3).await;
    for _ in 0..2 {
        let so_far = followed(&engine).await;
        disk = disk.kill();
        engine = open_with(slow(), env_with_clock(&disk, clock.clone())).await.unwrap();
        until(async || followed(&engine).await > so_far).await;
    }
    // Those who have not followed yet have two periods to come under rules that are gone, or are told of it only after them.
    disk = disk.kill();
    clock.pass(2 * DAY);
    engine = open_with(slow(), env_with_clock(&disk, clock.clone())).await.unwrap();
    let first = granted(&engine).await;
    until(async || followed(&engine).await == CUSTOMERS).await;
    until(async || states(&engine).await.iter().all(|customer| customer.next_due() > engine.now())).await;
    let day = |day: u64| Timestamp(START.0 + day * DAY);
    for (number, granted) in granted(&engine).await.into_iter().enumerate() {
        let later: Vec<_> = granted.into_iter().filter(|(at, _)| *at >= welcomed_at).collect();
        let wanted = [(welcomed_at, whole(7)), (day(1), whole(25)), (day(2), whole(25))];
        assert_eq!(later, wanted, "customer {number}; before: {:?}", first[number]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_snapshot_and_the_log_after_it_give_is_what_was_there() {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let fast = EngineOptions { ticks_per_s_max: 20_000, ..slow() };
    let engine = open_with(fast.clone(), env_with_clock(&disk, clock.clone())).await.unwrap();
    let_clock_run(&clock);
    ensure_tenant(&engine).await;
    let (id, _) = add(&engine, &daily()).await;
    enrol(&engine, 20).await;
    let caught_up = async |engine: &Engine| {
        until(async || states(engine).await.iter().all(|customer| customer.next_due() > engine.now())).await;
    };
    for round in 0..4 {
        clock.pass(3 * DAY);
        if round == 1 {
            let change = GrantChange { priority: Some(3), ..GrantChange::default() };
            ask_tenant(&engine, TenantCommand::UpdatePlanGrant { id, change }).await;
        }
        caught_up(&engine).await;
        if round % 2 == 0 {
            engine.take_snapshot().await.unwrap();
        }
    }
    until(async || followed(&engine).await == 20).await;
    let there = states(&engine).await;
    let again = open_with(fast, env_with_clock(&disk.kill(), clock)).await.unwrap();
    assert_eq!(states(&again).await, there);
}
