//! Credits of a plan that come every month and end: whoever enrols is granted them by itself, half of what is left goes on once, and a change
//! of the plan counts for everybody from the next month. The tenant is in test mode, so that months pass in no time.
//!
//! ```text
//! cargo run --release --no-default-features --example plan_grants
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use coffer::engine::{Engine, EngineOptions, Operation, Target, TenantOperation};
use coffer::env::Env;
use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::calendar::{Span, SpanUnit, Zone};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::command::{Asked, Command, Debit, GrantChange, Origin, Subscribe};
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_ledger::view;

const TENANT: TenantNumber = TenantNumber(1);
const CUSTOMERS: [&str; 2] = ["acme", "bolt"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(dir.path()), Env::os(), Arc::new(())).await?;
    engine.create_test_tenant("default", Origin::default()).await?;
    move_to(&engine, 1).await?;

    // 100 credits a month. Half of what is left goes on into the next month, 30 at most, and ends with that; the rest ends at once.
    let create = TenantOperation::new(TenantCommand::CreatePlanGrant(starter()?), Origin::default());
    let made = engine.submit_tenant(TENANT, create).await?;
    let TenantEffect::PlanGrantSet(grant) = &made.record.facts.effect else { return Err("no grant".into()) };
    for customer in CUSTOMERS {
        let enter = Subscribe {
            customer: customer.into(),
            id: None,
            plan: "starter".into(),
            start: None,
            zone: Some("Europe/Berlin".into()),
        };
        let operation = Operation::new(Command::Subscribe(Box::new(enter)));
        engine.submit(TENANT, Target::NewCustomer(customer), operation).await?;
    }
    shows(&engine, "both enrol in January", [100, 100]).await?;
    let debit = Operation::new(Command::Debit(Debit::new(Asked::Credits(Credits::whole(90)))));
    engine.submit(TENANT, Target::Customer("bolt"), debit).await?;
    shows(&engine, "bolt uses 90", [100, 10]).await?;

    // Of acme's 100 the cap of 30 goes on; of bolt's 10 half.
    move_to(&engine, 2).await?;
    shows(&engine, "February", [130, 105]).await?;
    // What went on once ends now. Of February's 100 as much goes on as before: bolt has used nothing since.
    move_to(&engine, 3).await?;
    shows(&engine, "March", [130, 130]).await?;

    // The plan gives more: nobody has anything of it before the next month.
    let change = GrantChange { credits: Some(Credits::whole(250)), ..GrantChange::default() };
    let update = TenantCommand::UpdatePlanGrant { id: grant.id, change };
    engine.submit_tenant(TENANT, TenantOperation::new(update, Origin::default())).await?;
    shows(&engine, "the plan changes to 250", [130, 130]).await?;
    move_to(&engine, 4).await?;
    shows(&engine, "April", [280, 280]).await?;

    // Who leaves keeps what is there until it ends, unless it is taken back.
    let subscription = engine.read(TENANT, Target::Customer("acme"), |customer, _| {
        customer.grants.subscriptions.values().map(|subscription| subscription.name.clone()).next()
    });
    let subscription = subscription.await?.value.ok_or("acme is enrolled")?;
    let leave = Operation::new(Command::Unsubscribe { subscription, void_remaining: true });
    engine.submit(TENANT, Target::Customer("acme"), leave).await?;
    shows(&engine, "acme leaves, and gives back what is left", [0, 280]).await?;
    move_to(&engine, 5).await?;
    shows(&engine, "May", [0, 280]).await?;
    engine.shutdown().await?;
    Ok(())
}

fn starter() -> Result<PlanGrantAsked, Box<dyn Error>> {
    let share = Rate::parse_json("0.5")?;
    let rollover = Rollover { share, cap: Some(Credits::whole(30)), life: Life::Period };
    Ok(PlanGrantAsked {
        kind: PlanKind::Plan,
        plan: "starter".into(),
        name: "Starter, every month".into(),
        metadata: Vec::new(),
        rule: Rule {
            currency: Some(Currency::parse("usd")?),
            life: Life::Period,
            rollover: Some(rollover),
            ..Rule::new(Credits::whole(100), Cadence::Recurring(Span { unit: SpanUnit::Month, count: 1 }))
        },
    })
}

/// Moves the test clock to the first of a month of 2031 in Berlin; everything that is due until then happens.
async fn move_to(engine: &Engine, month: u32) -> Result<(), Box<dyn Error>> {
    let berlin = Zone::named("Europe/Berlin").ok_or("a zone")?;
    let (first, _): (Timestamp, _) = berlin.month(2031, month).ok_or("a month")?;
    let operation = TenantOperation::new(TenantCommand::MoveClock(first), Origin::default());
    engine.move_clock(TENANT, operation).await?;
    Ok(())
}

/// Prints what both have, and checks it.
async fn shows(engine: &Engine, when: &str, wanted: [i64; 2]) -> Result<(), Box<dyn Error>> {
    print!("{when}:");
    for (customer, wanted) in CUSTOMERS.into_iter().zip(wanted) {
        let seen = engine.read(TENANT, Target::Customer(customer), view::balance).await?;
        let posted: Credits = seen.value.wallets.iter().map(|wallet| wallet.figures.posted).sum();
        print!(" {customer} {posted}");
        assert_eq!(posted, Credits::whole(wanted), "{customer}");
    }
    println!();
    Ok(())
}
