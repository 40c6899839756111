//! Coffer inside a Rust program, without HTTP: open, sell credit, debit, retry, restart, look again.
//!
//! ```text
//! cargo run --release --no-default-features --example embedded
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use coffer::engine::{Engine, EngineOptions, Operation, Target};
use coffer::env::Env;
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked, Command, CreateWallet, CreditReason, Debit, Origin, Quantity, TopUp};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::unit::Currency;
use coffer_ledger::view;

const TENANT: TenantNumber = TenantNumber(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(dir.path()), Env::os(), Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;

    let wallet = create_wallet(&engine).await?;
    engine.submit(TENANT, Target::Wallet(wallet), Operation::new(top_up(wallet, 100))).await?;

    // A debit with a key: asked twice, done once, answered the same.
    for _ in 0..2 {
        let operation = Operation::new(debit(30)).with_key("call-1");
        let committed = engine.submit(TENANT, Target::Customer("acme"), operation).await?;
        let Effect::Debited(debited) = &committed.record.facts.effect else {
            return Err("not a debit".into());
        };
        println!("{} → {} (replayed: {})", debited.balance_before, debited.balance_after, committed.replayed);
    }

    engine.shutdown().await?;
    let engine = Engine::open(EngineOptions::new(dir.path()), Env::os(), Arc::new(())).await?;
    let seen = engine.read(TENANT, Target::Customer("acme"), view::balance).await?;
    println!(
        "after a restart: {} available in {} wallet(s)",
        seen.value.wallets[0].figures.available,
        seen.value.wallets.len()
    );
    engine.shutdown().await?;
    Ok(())
}

async fn create_wallet(engine: &Engine) -> Result<WalletId, Box<dyn Error>> {
    let command = Command::CreateWallet(CreateWallet::new("acme", Currency::parse("usd")?));
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

fn debit(credits: i64) -> Command {
    Command::Debit(Debit::new(Asked::Credits(Credits::whole(credits))))
}
