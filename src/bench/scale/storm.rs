//! A storm of ticks: tranches of many customers end at one instant while others are debited at half the peak.
//!
//! What ends is not spendable from that instant on, whether its row is written yet or not; the rows follow at the timer's pace.

use std::time::Duration;

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked, Command, Debit};
use coffer_ledger::ids::CustomerNumber;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;
use coffer_ledger::view;
use tokio::task::JoinSet;

use super::load;
use super::snapshot::half_of;
use crate::bench::embedded::debit;
use crate::bench::offer::{Pick, Running};
use crate::bench::sheet::{Goal, Sheet};
use crate::bench::world::{self, World};
use crate::bench::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, Failure, Operation, Refused, Target};

/// Credits of every tranche that ends.
const ENDING: i64 = 1_000;
/// Customers that are debited at the instant, to see what is spendable.
const PROBES: u64 = 1_000;
/// Customers that get their tranche at the same time.
const MAKERS: u64 = 512;
const NS_PER_S: u64 = 1_000_000_000;
/// Time to hand the tranches out before they end: this, and a second for so many.
const LEAD_S: u64 = 4;
const MADE_PER_S: u64 = 10_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Rows that are not written after this are missing.
const DRAIN_TIMEOUT_S: u64 = 120;

/// Measures it.
pub(super) async fn measure(
    bench: &Bench,
    engine: &Engine,
    (world, peak): (World, f64),
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let ending = world.first(bench.sizes().expiring.min(world.customers / 2));
    let probes = PROBES.min(ending.customers / 10);
    let others = world.without_first(ending.customers).first(u64::try_from(CUSTOMERS).expect("a thousand"));
    let half = half_of(peak);
    let at = Timestamp(engine.now().0 + (LEAD_S + ending.customers / MADE_PER_S) * NS_PER_S);
    bench.note(&format!("{} tranches that end at one instant", ending.customers));
    hand_out(engine, ending, at).await?;
    let spendable = spendable_before(engine, ending, probes, at).await?;
    let before = Running::open(load(bench, engine, others, Pick::InTurn, "before the storm"), half);
    wait_for(engine, at).await;
    let rows_before = engine.stats().other_commands;
    let before = before.stop().await?;
    let during = Running::open(load(bench, engine, others, Pick::InTurn, "in the storm"), half);
    let overspent = probe(engine, spendable).await?;
    drain(engine, rows_before + ending.customers).await?;
    let drained_s = (engine.now().0 - at.0) as f64 / NS_PER_S as f64;
    let during = during.stop().await?;
    let left = due_left(engine, ending, at).await?;
    sheet.put("storm: tranches that end at one instant", ending.customers as f64, "");
    sheet.put("storm: debits of expired credit accepted at the instant", overspent as f64, "");
    let rows = engine.stats().other_commands - rows_before;
    sheet.put("storm: rows that the timer wrote", rows as f64, "");
    sheet.put("storm: expired tranches without a row then", left as f64, "");
    sheet.put("storm: until all rows were written", drained_s, "s");
    sheet.latencies("storm: half the peak before it", &before.latencies_us, None);
    sheet.latencies("storm: half the peak during it", &during.latencies_us, Some(Goal::AtMost(2.0)));
    sheet.put("storm: rate kept", during.per_second() / half as f64, "of offered");
    match (overspent, left) {
        (0, 0) => Ok(()),
        _ => Err(CliError::new(Code::Failed, format!("{overspent} overspent, {left} rows are missing"))),
    }
}

/// Gives everybody a tranche that ends at the instant.
async fn hand_out(engine: &Engine, world: World, at: Timestamp) -> Result<(), CliError> {
    let mut makers = JoinSet::new();
    for maker in 0..MAKERS.min(world.customers) {
        let engine = engine.clone();
        makers.spawn(async move {
            for index in (maker..world.customers).step_by(usize::try_from(MAKERS).unwrap_or(1)) {
                let target = Target::Number(world.customer(index));
                let wallet = engine
                    .read(world.tenant, target, |customer, _| {
                        customer.wallets.first().map(|first| first.head.id)
                    })
                    .await?;
                let wallet = wallet.value.ok_or(Failure::NotFound("wallet"))?;
                let operation = Operation::new(world::expiring(wallet, ENDING, at));
                engine.submit(world.tenant, target, operation).await?;
            }
            Ok::<_, CliError>(())
        });
    }
    makers.join_all().await.into_iter().collect()
}

/// Customers, and what each can spend just before the instant.
struct Spendable {
    world: World,
    credits: Vec<(CustomerNumber, Credits)>,
}

/// The last customers in the timer's queue: their rows are written last.
async fn spendable_before(
    engine: &Engine,
    world: World,
    probes: u64,
    at: Timestamp,
) -> Result<Spendable, CliError> {
    let mut credits = Vec::new();
    for index in world.customers - probes..world.customers {
        let number = world.customer(index);
        let just_before = Timestamp(at.0 - 1);
        let look = move |customer: &coffer_ledger::customer::Customer, _| {
            customer.wallets.first().map(|wallet| view::figures_at(customer, wallet, just_before).available)
        };
        let seen = engine.read(world.tenant, Target::Number(number), look).await?;
        credits.push((number, seen.value.ok_or(Failure::NotFound("wallet"))?));
    }
    Ok(Spendable { world, credits })
}

async fn wait_for(engine: &Engine, at: Timestamp) {
    while engine.now() < at {
        tokio::time::sleep(Duration::from_nanos((at.0 - engine.now().0).min(1_000_000))).await;
    }
}

/// Asks each for all that it had, which must be refused, and on trial for all that is left, which must be given. Returns how
/// often the engine did otherwise.
async fn probe(engine: &Engine, spendable: Spendable) -> Result<u64, CliError> {
    let mut wrong = 0;
    for (number, had) in spendable.credits {
        let left = had.checked_sub(Credits::whole(ENDING)).unwrap_or(had);
        let all = ask(engine, spendable.world, (number, had), false).await;
        wrong += u64::from(!matches!(
            all,
            Err(Failure::Refused(Refused { refusal: Refusal::InsufficientCredits { .. }, .. }))
        ));
        wrong += u64::from(ask(engine, spendable.world, (number, left), true).await.is_err());
    }
    Ok(wrong)
}

async fn ask(
    engine: &Engine,
    world: World,
    (number, credits): (CustomerNumber, Credits),
    dry_run: bool,
) -> Result<(), Failure> {
    let Command::Debit(one) = debit() else { return Err(Failure::Internal) };
    let debit = Command::Debit(Debit { asked: Asked::Credits(credits), ..one });
    let operation = Operation { dry_run, ..Operation::new(debit) };
    engine.submit(world.tenant, Target::Number(number), operation).await.map(|_| ())
}

/// Waits until the timer has written so many rows since the start.
async fn drain(engine: &Engine, rows: u64) -> Result<(), CliError> {
    let drained = async {
        while engine.stats().other_commands < rows {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(DRAIN_TIMEOUT_S), drained).await.map_err(|_| {
        CliError::new(Code::Failed, format!("rows are missing {DRAIN_TIMEOUT_S} s after the instant"))
    })
}

/// Customers whose tranche has ended and whose row is not written.
async fn due_left(engine: &Engine, world: World, at: Timestamp) -> Result<u64, CliError> {
    let mut left = 0;
    for index in 0..world.customers {
        let target = Target::Number(world.customer(index));
        let due = engine.read(world.tenant, target, move |customer, _| customer.next_due() <= at).await?;
        left += u64::from(due.value);
    }
    Ok(left)
}
