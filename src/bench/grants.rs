//! `coffer bench --only grants`: everybody on one plan is granted the next period at one instant, while others and themselves are debited.
//!
//! What is compared is one run: the same two loads just before the instant, and from it until the last record is written. The loads are light
//! enough for both cores: it is the timers' pace that is measured, and not the capacity. At the instant each customer's tranche of the
//! period that ends expires, and the next is minted: one record each.

use std::sync::Arc;
use std::time::Duration;

use coffer_ledger::amount::Credits;
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::{Command, Metadata, Origin, Subscribe};
use coffer_ledger::customer::Customer;
use coffer_ledger::grant::{Cadence, Life, Rule};
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use tokio::task::JoinSet;

use super::offer::{Load, Pick, Running, Seen};
use super::sheet::Sheet;
use super::world::{self, World};
use super::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, EngineOptions, Operation, Target, TenantOperation};

const TENANT: TenantNumber = TenantNumber(1);
const PLAN: &str = "starter";
/// Debits per second of customers that are in no plan, and of those that are in it, most of whom rest.
const OTHERS_PER_S: u64 = 4_000;
const ENROLLED_PER_S: u64 = 1_000;
/// What each is granted.
const CREDITS: i64 = 1_000_000;
/// Customers that enrol at the same time.
const MAKERS: u64 = 512;
const NS_PER_S: u64 = 1_000_000_000;
/// Time before the instant: this, and a second for so many to enrol in.
const LEAD_S: u64 = 6;
const ENROLLED_IN_A_SECOND: u64 = 4_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Nothing was written for so long: everything is.
const QUIET_NS: u64 = NS_PER_S;
/// Records that are not written after this are missing.
const DRAIN_TIMEOUT_S: u64 = 240;

/// Measures it.
pub(super) async fn measure(bench: &Bench) -> Result<Sheet, CliError> {
    let options = EngineOptions {
        actor_idle_s: 1,
        snapshot_log_bytes: 0,
        snapshot_at_shutdown: false,
        ..EngineOptions::new(bench.dir.path().join("grants"))
    };
    let engine = Engine::open(options, bench.env.clone(), Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;
    let few = u64::try_from(CUSTOMERS).expect("a thousand");
    let others = world::make(bench, &engine, TENANT, few).await?;
    let enrolled = bench.sizes().enrolled;
    let at =
        Timestamp(engine.now().0 + (LEAD_S + enrolled / ENROLLED_IN_A_SECOND) * NS_PER_S + span_ns(bench));
    let ask = TenantOperation::new(TenantCommand::CreatePlanGrant(plan(at)), Origin::default());
    engine.submit_tenant(TENANT, ask).await?;
    let enrolled = enrol(bench, &engine, enrolled).await?;
    world::rest(&engine).await?;
    let begin = Timestamp(at.0 - span_ns(bench));
    if engine.now() > begin {
        return Err(CliError::new(Code::Failed, "the customers were not enrolled in time; try fewer"));
    }
    wait_for(&engine, begin).await;
    bench.note("debits before the instant");
    let load = |world, salt: &str| Load {
        engine: engine.clone(),
        world,
        pick: Pick::InTurn,
        clock: bench.env.clock.clone(),
        salt: salt.to_owned(),
    };
    let before = both(&load, (others, enrolled), "before");
    // On a busy machine the timer has written before the load has stopped.
    let records = engine.stats().other_commands;
    wait_for(&engine, at).await;
    let (others_before, enrolled_before) = stop(before).await?;
    bench.note("debits while the next period is minted");
    let during = both(&load, (others, enrolled), "during");
    let written_at = drain(bench, &engine, records).await?;
    let (others_during, enrolled_during) = stop(during).await?;
    let by_timer = engine.stats().other_commands - records;
    let left = not_granted(&engine, at).await?;
    let mut sheet = Sheet::default();
    sheet.put("grants: customers on one plan", enrolled.customers as f64, "");
    sheet.put("grants: records that the timer wrote", by_timer as f64, "");
    sheet.put("grants: customers without the period then", left as f64, "");
    sheet.put("grants: until all were written", written_at.saturating_sub(at.0) as f64 / 1e9, "s");
    for (name, seen) in [
        ("others before", others_before),
        ("others meanwhile", others_during),
        ("enrolled, most asleep, before", enrolled_before),
        ("enrolled, most asleep, meanwhile", enrolled_during),
    ] {
        sheet.put(format!("grants: debits of {name}: rate"), seen.per_second(), "debits/s");
        sheet.latencies(&format!("grants: debits of {name}"), &seen.latencies_us, None);
    }
    engine.shutdown().await?;
    if left == 0 { Ok(sheet) } else { Err(CliError::new(Code::Failed, format!("{left} were not granted"))) }
}

fn span_ns(bench: &Bench) -> u64 {
    u64::try_from(bench.span().as_nanos()).unwrap_or(u64::MAX)
}

/// Thirty days that end at the instant, and so on.
fn plan(at: Timestamp) -> PlanGrantAsked {
    let thirty_days = 30 * 86_400 * NS_PER_S;
    PlanGrantAsked {
        kind: PlanKind::Plan,
        plan: PLAN.into(),
        name: "monthly".into(),
        metadata: Metadata::new(),
        rule: Rule {
            currency: Some(Currency(*b"usd")),
            start: Some(Timestamp(at.0 - thirty_days)),
            life: Life::Period,
            ..Rule::new(Credits::whole(CREDITS), Cadence::Recurring(Span { unit: SpanUnit::Day, count: 30 }))
        },
    }
}

async fn enrol(bench: &Bench, engine: &Engine, customers: u64) -> Result<World, CliError> {
    bench.note(&format!("the enrolment of {customers} customers"));
    let mut makers = JoinSet::new();
    for maker in 0..MAKERS.min(customers) {
        let engine = engine.clone();
        makers.spawn(async move {
            let mut lowest = u64::MAX;
            for index in (maker..customers).step_by(usize::try_from(MAKERS).unwrap_or(1)) {
                let name = format!("enrolled-{index}");
                let customer = name.as_str().into();
                let request = Subscribe { customer, id: None, plan: PLAN.into(), start: None, zone: None };
                let operation = Operation::new(Command::Subscribe(Box::new(request)));
                let made = engine.submit(TENANT, Target::NewCustomer(&name), operation).await?;
                lowest = lowest.min(made.customer.number.0);
            }
            Ok::<_, CliError>(lowest)
        });
    }
    let lowest = makers.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(World::of(TENANT, lowest.into_iter().min().unwrap_or(1), customers))
}

fn both(load: &dyn Fn(World, &str) -> Load, (others, enrolled): (World, World), when: &str) -> [Running; 2] {
    [
        Running::open(load(others, &format!("others {when}")), OTHERS_PER_S),
        Running::open(load(enrolled, &format!("enrolled {when}")), ENROLLED_PER_S),
    ]
}

async fn stop([others, enrolled]: [Running; 2]) -> Result<(Seen, Seen), CliError> {
    Ok((others.stop().await?, enrolled.stop().await?))
}

async fn wait_for(engine: &Engine, at: Timestamp) {
    while engine.now() < at {
        tokio::time::sleep(Duration::from_nanos((at.0 - engine.now().0).min(1_000_000))).await;
    }
}

/// Waits until nothing but debits is written any more; when the last was. Whoever is debited first is granted in the debit's record.
async fn drain(bench: &Bench, engine: &Engine, records: u64) -> Result<u64, CliError> {
    let began = engine.now();
    let (mut seen, mut last) = (records, began);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (now, count) = (engine.now(), engine.stats().other_commands);
        if count > seen {
            (seen, last) = (count, now);
        }
        if now.0 - last.0 > QUIET_NS + span_ns(bench) {
            return Ok(last.0);
        }
        if now.0 - began.0 > DRAIN_TIMEOUT_S * NS_PER_S {
            return Err(CliError::new(Code::Failed, "the timers do not come to an end"));
        }
    }
}

/// Customers on the plan that do not stand behind the period of the instant.
async fn not_granted(engine: &Engine, at: Timestamp) -> Result<u64, CliError> {
    let look = move |customer: &Customer, _| {
        let granted = customer
            .grants
            .iter()
            .all(|grant| grant.next.period == 2 && grant.next.at > at && grant.minted.len() == 2);
        (!granted).then_some(())
    };
    let left = engine.scan(TENANT, look).await?;
    Ok(u64::try_from(left.len()).unwrap_or(u64::MAX))
}
