//! Bugs amid grants, planted: a period is minted once and by the rule that counts for it, whatever broke before.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use coffer::engine::{Engine, Failure, Operation, Target, TenantOperation};
use coffer_ledger::amount::Credits;
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::command::{Command, GrantChange, Origin, Subscribe};
use coffer_ledger::customer::Customer;
use coffer_ledger::grant::{Cadence, Rule};
use coffer_ledger::ids::GrantId;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_wal::storage::crash::CrashStorage;
use fail::FailScenario;

use crate::support::*;

const DAY: u64 = 86_400 * S;
const PATIENCE: Duration = Duration::from_secs(60);

fn ten_a_day() -> TenantCommand {
    TenantCommand::CreatePlanGrant(PlanGrantAsked {
        kind: PlanKind::Plan,
        plan: "starter".into(),
        name: "daily".into(),
        metadata: Vec::new(),
        rule: Rule {
            currency: Some(Currency(*b"usd")),
            ..Rule::new(whole(10), Cadence::Recurring(Span { unit: SpanUnit::Day, count: 1 }))
        },
    })
}

async fn ask_tenant(engine: &Engine, command: TenantCommand) -> GrantId {
    let committed = engine.submit_tenant(TENANT, TenantOperation::new(command, Origin::default())).await;
    let effect = committed.unwrap().record.facts.effect.clone();
    let TenantEffect::PlanGrantSet(set) = effect else { panic!("{effect:?}") };
    set.id
}

/// An engine with a plan of ten credits a day, and these customers in it.
async fn enrolled(customers: &[&str]) -> (CrashStorage, Arc<TestClock>, Engine, GrantId) {
    let (disk, clock) = (CrashStorage::new(), TestClock::new());
    let engine = open_with(options(), env_with_clock(&disk, clock.clone())).await.unwrap();
    let_clock_run(&clock);
    ensure_tenant(&engine).await;
    let id = ask_tenant(&engine, ten_a_day()).await;
    for name in customers {
        let enter =
            Subscribe { customer: (*name).into(), id: None, plan: "starter".into(), start: None, zone: None };
        let operation = Operation::new(Command::Subscribe(Box::new(enter)));
        engine.submit(TENANT, Target::NewCustomer(name), operation).await.unwrap();
    }
    (disk, clock, engine, id)
}

/// What the state of a customer has of grants, without what is due.
async fn granted(engine: &Engine, name: &str) -> Result<Vec<(Timestamp, Credits)>, Failure> {
    let look = |customer: &Customer, _| {
        let tranches = customer.wallets.iter().flat_map(|wallet| &wallet.tranches);
        let mut all: Vec<_> =
            tranches.map(|tranche| (tranche.terms.effective_at, tranche.terms.original)).collect();
        all.sort_unstable();
        all
    };
    engine.read(TENANT, Target::Customer(name), look).await.map(|seen| seen.value)
}

async fn until_granted(engine: &Engine, name: &str, periods: usize) -> Vec<(Timestamp, Credits)> {
    let waiting = async {
        loop {
            let granted = granted(engine, name).await.unwrap();
            if granted.len() >= periods {
                return granted;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the timers mint some time")
}

fn midnight(day: u64) -> Timestamp {
    Timestamp(START.0 + day * DAY)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_a_period_is_minted_costs_a_rebuild_and_the_period_comes_once() {
    let scenario = FailScenario::setup();
    let (disk, clock, engine, _) = enrolled(&["acme"]).await;
    for (place, rebuilt) in [("turn::decide", 0), ("turn::encode", 0), ("turn::apply", 1)] {
        let had = granted(&engine, "acme").await.unwrap().len();
        fail::cfg(place, "1*panic").unwrap();
        clock.pass(DAY);
        assert_eq!(until_granted(&engine, "acme", had + 1).await.len(), had + 1, "{place}");
        fail::remove(place);
        assert_eq!(engine.stats().actors_rebuilt, rebuilt, "{place}");
    }
    let there = granted(&engine, "acme").await.unwrap();
    let later: Vec<_> = there.iter().skip(1).map(|(at, _)| *at).collect();
    assert_eq!(later, [midnight(1), midnight(2), midnight(3)]);
    scenario.teardown();
    let reopened = open_with(options(), env_with_clock(&disk.kill(), clock)).await.unwrap();
    assert_eq!(granted(&reopened, "acme").await.unwrap(), there);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarantined_customer_gets_its_periods_after_a_restart_and_the_others_get_theirs_meanwhile() {
    let scenario = FailScenario::setup();
    let (disk, clock, engine, _) = enrolled(&["acme", "other"]).await;
    fail::cfg("turn::apply", "2*panic").unwrap();
    for _ in 0..2 {
        assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
    }
    fail::remove("turn::apply");
    clock.pass(3 * DAY);
    let others = until_granted(&engine, "other", 4).await;
    assert_eq!(granted(&engine, "acme").await.unwrap_err(), Failure::Quarantined);
    scenario.teardown();
    let reopened = open_with(options(), env_with_clock(&disk.kill(), clock)).await.unwrap();
    let late = until_granted(&reopened, "acme", 4).await;
    assert_eq!(late[1..], others[1..], "dated as if nothing had happened");
    assert_eq!(granted(&reopened, "other").await.unwrap(), others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_plans_change_cannot_be_followed_no_period_is_minted_under_the_rule_that_is_gone() {
    let scenario = FailScenario::setup();
    let (_, clock, engine, id) = enrolled(&["acme"]).await;
    fail::cfg("turn::decide", "panic").unwrap();
    let change = GrantChange { credits: Some(whole(25)), ..GrantChange::default() };
    ask_tenant(&engine, TenantCommand::UpdatePlanGrant { id, change }).await;
    clock.pass(DAY);
    assert_eq!(debit_now(&engine, "acme", 1).await.unwrap_err(), Failure::Internal);
    // To follow breaks once more; what comes after it in the same turn would not.
    fail::cfg("turn::decide", "1*panic").unwrap();
    drop(debit_now(&engine, "acme", 1).await);
    let granted = until_granted(&engine, "acme", 2).await;
    fail::remove("turn::decide");
    assert_eq!(granted[1], (midnight(1), whole(25)));
    scenario.teardown();
}

/// Holds the customer's next decision until it is let go on.
fn hold_the_next_decision() -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (began, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let once = Mutex::new(Some((began, may_go_on)));
    let hold = move || {
        let Some((began, may_go_on)) = once.lock().unwrap().take() else { return };
        began.send(()).unwrap();
        may_go_on.recv().unwrap();
    };
    fail::cfg_callback("turn::decide", hold).unwrap();
    (has_begun, go_on)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plans_change_in_the_middle_of_a_turn_counts_from_the_next_and_is_not_passed_over() {
    let scenario = FailScenario::setup();
    let (_, clock, engine, id) = enrolled(&["acme"]).await;
    let update = async |credits: i64| {
        let change = GrantChange { credits: Some(whole(credits)), ..GrantChange::default() };
        ask_tenant(&engine, TenantCommand::UpdatePlanGrant { id, change }).await;
    };
    let begin = |operation: Operation| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.submit(TENANT, Target::Customer("acme"), operation).await })
    };
    let enter =
        Subscribe { customer: "acme".into(), id: None, plan: "starter".into(), start: None, zone: None };

    // While a debit is decided, an enrolment waits behind it and the plan changes: the enrolment's turn begins by following that.
    let (has_begun, go_on) = hold_the_next_decision();
    let debited = begin(Operation::new(debit(1)));
    has_begun.recv().unwrap();
    let entered = begin(Operation::new(Command::Subscribe(Box::new(enter))));
    while engine.stats().writes_in_flight < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    update(25).await;
    // While it follows, the plan changes again.
    let (follows, go_on_following) = hold_the_next_decision();
    go_on.send(()).unwrap();
    follows.recv().unwrap();
    update(40).await;
    go_on_following.send(()).unwrap();
    debited.await.unwrap().unwrap();
    entered.await.unwrap().unwrap();
    fail::remove("turn::decide");

    clock.pass(DAY);
    let granted = until_granted(&engine, "acme", 4).await;
    assert_eq!(granted[2..], [(midnight(1), whole(40)), (midnight(1), whole(40))]);
    scenario.teardown();
}
