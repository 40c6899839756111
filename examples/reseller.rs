//! A reseller buys credit in bulk, passes it on to its own two customers by transfers, and gives each a budget: who would overspend it is
//! refused, however much credit is left.
//!
//! ```text
//! cargo run --release --no-default-features --example reseller
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use coffer::engine::{Committed, Engine, EngineOptions, Failure, Operation, Target};
use coffer::env::Env;
use coffer_ledger::amount::Credits;
use coffer_ledger::budget::Window;
use coffer_ledger::command::{
    Asked, Charge, Command, CreateWallet, CreditReason, Debit, Memo, Origin, Quantity, SetBudget, TopUp,
    Transfer,
};
use coffer_ledger::customer::ClosedAs;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::refusal::Refusal;
use coffer_ledger::unit::Currency;
use coffer_ledger::view;

const TENANT: TenantNumber = TenantNumber(1);
const EVERYBODY: [&str; 3] = ["reseller", "north", "south"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(dir.path()), Env::os(), Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;
    let stock = create_wallet(&engine, "reseller").await?;
    for customer in ["north", "south"] {
        create_wallet(&engine, customer).await?;
        act(&engine, customer, budget(Credits::whole(150))?).await?;
    }
    let reason = CreditReason::PurchasedCreditDirect;
    let bought = TopUp::new(stock, Quantity::Credits(Credits::whole(1_000)), reason);
    act(&engine, "reseller", Command::TopUp(bought)).await?;
    shows(&engine, "the reseller buys 1000", [1_000, 0, 0]).await?;

    send(&engine, "north", 400, "order-1").await?;
    send(&engine, "south", 300, "order-2").await?;
    // Asked again under the same key, as after a lost answer: it was sent once.
    send(&engine, "south", 300, "order-2").await?;
    shows(&engine, "it passes on 400 and 300", [300, 400, 300]).await?;

    spend(&engine, "north", 100).await?;
    spend(&engine, "south", 150).await?;
    shows(&engine, "north uses 100, south all of its budget of 150", [300, 300, 150]).await?;

    // North has 300 left, and may still spend 50 of them.
    let Err(Failure::Refused(refused)) = spend(&engine, "north", 60).await else {
        return Err("160 of a budget of 150 were not refused".into());
    };
    let Refusal::BudgetExceeded { limit, used, .. } = refused.refusal else {
        return Err(refused.refusal.into());
    };
    println!("north asks for 60: refused, {used} of its budget of {limit} are used");
    if (used, limit) != (Credits::whole(100), Credits::whole(150)) {
        return Err("the refusal names other figures".into());
    }
    spend(&engine, "north", 50).await?;
    shows(&engine, "north uses 50", [300, 250, 150]).await?;
    engine.shutdown().await?;
    Ok(())
}

async fn create_wallet(engine: &Engine, customer: &str) -> Result<WalletId, Box<dyn Error>> {
    let command = Command::CreateWallet(CreateWallet::new(customer, Currency::parse("usd")?));
    let committed = engine.submit(TENANT, Target::NewCustomer(customer), Operation::new(command)).await?;
    match &committed.record.facts.effect {
        Effect::WalletCreated { wallet, .. } => Ok(wallet.id),
        _ => Err("not a wallet".into()),
    }
}

/// So much, and no more.
fn budget(credits: Credits) -> Result<Command, Box<dyn Error>> {
    Ok(Command::SetBudget(SetBudget {
        id: Some("allowance".into()),
        create: true,
        parent: None,
        currency: Currency::parse("usd")?,
        price_unit: None,
        // Windows of an hour to a month begin anew by the customer's calendar; this one never does.
        limits: vec![(Window::Lifetime, credits)],
    }))
}

async fn act(engine: &Engine, customer: &str, command: Command) -> Result<Committed, Failure> {
    engine.submit(TENANT, Target::Customer(customer), Operation::new(command)).await
}

async fn spend(engine: &Engine, customer: &str, credits: i64) -> Result<Committed, Failure> {
    let charge = Charge { budget: Some("allowance".into()), ..Charge::usage() };
    let debit = Debit { charge, ..Debit::new(Asked::Credits(Credits::whole(credits))) };
    act(engine, customer, Command::Debit(debit)).await
}

/// Sends credit on, and waits until it has arrived.
async fn send(engine: &Engine, to: &str, credits: i64, key: &str) -> Result<(), Box<dyn Error>> {
    let command = Command::Transfer(Transfer {
        to_customer: to.into(),
        from_wallet: None,
        to_wallet: None,
        credits: Credits::whole(credits),
        memo: Memo::default(),
    });
    let operation = Operation::new(command).with_key(key);
    let (_, how) = engine.transfer(TENANT, Target::Customer("reseller"), operation).await?;
    match how {
        ClosedAs::Completed => Ok(()),
        _ => Err("the transfer came back".into()),
    }
}

/// Prints what everybody has, and checks it.
async fn shows(engine: &Engine, when: &str, wanted: [i64; 3]) -> Result<(), Box<dyn Error>> {
    print!("{when}:");
    for (customer, wanted) in EVERYBODY.into_iter().zip(wanted) {
        let seen = engine.read(TENANT, Target::Customer(customer), view::balance).await?;
        let posted = seen.value.wallets[0].figures.posted;
        print!(" {customer} {posted}");
        if posted != Credits::whole(wanted) {
            return Err(format!("{customer} should have {wanted}").into());
        }
    }
    println!();
    Ok(())
}
