//! Wallets by type of charge: one for usage, one for fixed fees, one for both, and an invoice that each pays its own part of.
//!
//! The numbers are those of example E10 of the rules: U (USAGE) 40, F (FIXED) 250, A (ALL) 30 credits; an invoice over 100 of usage and
//! 200 of fixed fees. U and then A pay the usage, 30 short; F pays the fee. Settle invoices for charges that were not debited when they
//! happened.
//!
//! ```text
//! cargo run --release --no-default-features --example charge_type_wallets
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use coffer::engine::{Engine, EngineOptions, Operation, Target};
use coffer::env::Env;
use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{
    Command, CreateWallet, CreditReason, InvoiceLine, Origin, Quantity, Settle, TopUp,
};
use coffer_ledger::fact::{Effect, Settled};
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::view;

const TENANT: TenantNumber = TenantNumber(1);
const FIXED: PriceTypes = PriceTypes { usage: false, fixed: true, all: false };

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(dir.path()), Env::os(), Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;
    for (name, admits, credits) in
        [("U", PriceTypes::USAGE, 40), ("F", FIXED, 250), ("A", PriceTypes::ALL, 30)]
    {
        let wallet = create_wallet(&engine, name, admits).await?;
        engine.submit(TENANT, Target::Wallet(wallet), Operation::new(top_up(wallet, credits))).await?;
    }

    let settled = settle(&engine).await?;
    for line in &settled.lines {
        println!(
            "{}: {} due, {} paid from credit, {} for the card",
            line.id, line.amount, line.paid, line.shortfall
        );
    }
    assert_eq!((settled.lines[0].paid, settled.lines[0].shortfall), (Money::whole(70), Money::whole(30)));
    assert_eq!((settled.lines[1].paid, settled.lines[1].shortfall), (Money::whole(200), Money::ZERO));
    assert_eq!(posted(&engine).await?, [("U", 0), ("F", 50), ("A", 0)].map(as_credits));

    // The same invoice again is answered by what was done, and pays nothing twice.
    assert_eq!(settle(&engine).await?, settled);
    let void = Operation::new(Command::VoidInvoice { invoice: "inv-1".into() });
    engine.submit(TENANT, Target::Customer("acme"), void).await?;
    let after = posted(&engine).await?;
    for (name, credits) in &after {
        println!("{name} holds {credits} again");
    }
    assert_eq!(after, [("U", 40), ("F", 250), ("A", 30)].map(as_credits));
    engine.shutdown().await?;
    Ok(())
}

fn as_credits((name, credits): (&str, i64)) -> (String, Credits) {
    (name.to_owned(), Credits::whole(credits))
}

/// What each wallet holds, oldest first.
async fn posted(engine: &Engine) -> Result<Vec<(String, Credits)>, Box<dyn Error>> {
    let seen = engine.read(TENANT, Target::Customer("acme"), |customer, now| {
        let figures = view::balance(customer, now).wallets.into_iter();
        let posted = customer.wallets.iter().zip(figures);
        posted.map(|(wallet, shown)| (wallet.head.name.to_string(), shown.figures.posted)).collect()
    });
    Ok(seen.await?.value)
}

async fn settle(engine: &Engine) -> Result<Settled, Box<dyn Error>> {
    let line = |id: &str, amount, price_type| InvoiceLine {
        id: id.into(),
        amount: Money::whole(amount),
        price_type,
        feature: None,
    };
    let command = Command::Settle(Settle {
        invoice: "inv-1".into(),
        currency: Currency::parse("usd")?,
        lines: vec![line("usage", 100, PriceType::Usage), line("fixed", 200, PriceType::Fixed)],
    });
    let committed = engine.submit(TENANT, Target::Customer("acme"), Operation::new(command)).await?;
    match committed.record.facts.effect {
        Effect::InvoiceSettled(settled) => Ok(*settled),
        _ => Err("not a settlement".into()),
    }
}

async fn create_wallet(engine: &Engine, name: &str, admits: PriceTypes) -> Result<WalletId, Box<dyn Error>> {
    let command = Command::CreateWallet(CreateWallet {
        name: Some(name.into()),
        allowed_price_types: admits,
        ..CreateWallet::new("acme", Currency::parse("usd")?)
    });
    let committed = engine.submit(TENANT, Target::NewCustomer("acme"), Operation::new(command)).await?;
    match &committed.record.facts.effect {
        Effect::WalletCreated { wallet, .. } => Ok(wallet.id),
        _ => Err("not a wallet".into()),
    }
}

fn top_up(wallet: WalletId, credits: i64) -> Command {
    Command::TopUp(TopUp::new(
        wallet,
        Quantity::Credits(Credits::whole(credits)),
        CreditReason::PurchasedCreditDirect,
    ))
}
