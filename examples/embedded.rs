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
use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::command::{
    Asked, Charge, Command, CreateWallet, CreditReason, Debit, Memo, Origin, Quantity, TopUp,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::view;
use coffer_ledger::wallet::WalletType;

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
    let command = Command::CreateWallet(CreateWallet {
        customer: "acme".into(),
        currency: Currency::parse("usd")?,
        price_unit: None,
        conversion_rate: Rate::whole(1),
        topup_conversion_rate: Rate::whole(1),
        wallet_type: WalletType::PrePaid,
        name: None,
        description: None,
        metadata: Vec::new(),
        priority: 50,
        allowed_price_types: PriceTypes::USAGE,
        overdraft_limit: Credits::ZERO,
        initial_credits: Credits::ZERO,
        initial_expires_at: None,
        rules: None,
    });
    let committed = engine.submit(TENANT, Target::NewCustomer("acme"), Operation::new(command)).await?;
    match &committed.record.facts.effect {
        Effect::WalletCreated { wallet, .. } => Ok(wallet.id),
        _ => Err("not a wallet".into()),
    }
}

fn top_up(wallet: WalletId, credits: i64) -> Command {
    Command::TopUp(TopUp {
        wallet,
        quantity: Quantity::Credits(Credits::whole(credits)),
        reason: CreditReason::PurchasedCreditDirect,
        effective_at: None,
        expires_at: None,
        priority: None,
        scope: None,
        paid: None,
        bonus: None,
        memo: Memo::default(),
    })
}

fn debit(credits: i64) -> Command {
    Command::Debit(Debit {
        asked: Asked::Credits(Credits::whole(credits)),
        charge: Charge {
            wallet: None,
            currency: None,
            price_unit: None,
            price_type: PriceType::Usage,
            feature: None,
            budget: None,
        },
        partial: false,
        memo: Memo::default(),
    })
}
