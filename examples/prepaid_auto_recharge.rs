//! Prepaid credit that buys itself anew: the debit that reaches the threshold begins a recharge in its own record, and an alert says how
//! low the wallet is. First the recharge is asked for by an invoice and pends until it is paid; then it is charged directly, and even a
//! debit that would have been refused passes on it.
//!
//! ```text
//! cargo run --release --no-default-features --example prepaid_auto_recharge
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use coffer::engine::{Committed, Engine, EngineOptions, Operation, Target};
use coffer::env::Env;
use coffer_ledger::alert::{AlertSettings, AlertState, Condition};
use coffer_ledger::amount::Credits;
use coffer_ledger::auto_topup::{AutoTopup, COUNT_MAX_DEFAULT, FAILURES_MAX_DEFAULT};
use coffer_ledger::command::{
    Asked, AutoTopupChange, Command, CreateWallet, CreditReason, Debit, Origin, Quantity, TopUp, UpdateWallet,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{RechargeId, TenantNumber, WalletId};
use coffer_ledger::unit::Currency;
use coffer_ledger::view;
use coffer_ledger::watch::WalletRules;

const TENANT: TenantNumber = TenantNumber(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(dir.path()), Env::os(), Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;
    let wallet = create_wallet(&engine).await?;
    let reason = CreditReason::PurchasedCreditDirect;
    act(&engine, Command::TopUp(TopUp::new(wallet, Quantity::Credits(Credits::whole(100)), reason))).await?;
    shows(&engine, "acme buys 100", [100, 0], AlertState::Ok).await?;

    // 15 are left, 20 is the threshold: an invoice over 100 goes out. Until it is paid no second one does.
    let invoiced = begun(&debit(&engine, 85).await?).ok_or("15 is below the threshold of 20")?;
    shows(&engine, "acme uses 85, which asks for a recharge", [15, 100], AlertState::Warning).await?;
    if begun(&debit(&engine, 12).await?).is_some() {
        return Err("one recharge is in flight already".into());
    }
    shows(&engine, "acme uses 12 more", [3, 100], AlertState::InAlarm).await?;
    act(&engine, Command::CompleteRecharge(invoiced)).await?;
    shows(&engine, "the invoice is paid", [103, 0], AlertState::Ok).await?;

    // From now on recharges are charged directly: the credit is there at once, in the record of the debit that needs it.
    act(&engine, directly(wallet)).await?;
    begun(&debit(&engine, 150).await?).ok_or("150 are more than there are")?;
    shows(&engine, "acme uses 150 of 103, on a direct recharge", [53, 0], AlertState::Warning).await?;
    // More than one amount would let pass: refused, and nothing is bought.
    match debit(&engine, 500).await {
        Err(refused) => println!("acme asks for 500: {refused}"),
        Ok(_) => return Err("500 are more than one recharge lets pass".into()),
    }
    shows(&engine, "nothing changed", [53, 0], AlertState::Warning).await?;
    engine.shutdown().await?;
    Ok(())
}

/// A wallet that buys 100 credits whenever 20 or fewer are left, and warns on the way down.
async fn create_wallet(engine: &Engine) -> Result<WalletId, Box<dyn Error>> {
    let auto_topup = AutoTopup {
        enabled: true,
        threshold: Credits::whole(20),
        amount: Credits::whole(100),
        invoicing: true,
        target_balance: None,
        cooldown_s: 0,
        count_max: COUNT_MAX_DEFAULT,
        amount_max: None,
        failures_max: FAILURES_MAX_DEFAULT,
    };
    let alerts = AlertSettings {
        enabled: true,
        condition: Condition::Below,
        percent: false,
        info: None,
        warning: Some(Credits::whole(60)),
        critical: Some(Credits::whole(5)),
        runway_below_s: None,
    };
    let rules = WalletRules { alerts: Some(alerts), auto_topup: Some(auto_topup) };
    let command = Command::CreateWallet(CreateWallet {
        rules: Some(Box::new(rules)),
        ..CreateWallet::new("acme", Currency::parse("usd")?)
    });
    let committed = engine.submit(TENANT, Target::NewCustomer("acme"), Operation::new(command)).await?;
    match &committed.record.facts.effect {
        Effect::WalletCreated { wallet, .. } => Ok(wallet.id),
        _ => Err("not a wallet".into()),
    }
}

/// Of the rule, only how it is paid changes.
fn directly(wallet: WalletId) -> Command {
    let change = AutoTopupChange { invoicing: Some(false), ..AutoTopupChange::default() };
    Command::UpdateWallet(UpdateWallet {
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: None,
        allowed_price_types: None,
        overdraft_limit: None,
        alerts: None,
        auto_topup: Some(Box::new(change)),
    })
}

async fn act(engine: &Engine, command: Command) -> Result<Committed, Box<dyn Error>> {
    Ok(engine.submit(TENANT, Target::Customer("acme"), Operation::new(command)).await?)
}

async fn debit(engine: &Engine, credits: i64) -> Result<Committed, Box<dyn Error>> {
    act(engine, Command::Debit(Debit::new(Asked::Credits(Credits::whole(credits))))).await
}

/// The recharge that began in this record.
fn begun(committed: &Committed) -> Option<RechargeId> {
    committed.record.facts.set_off.as_ref()?.begun().map(|recharge| recharge.id).next()
}

/// Prints what there is, what is bought and not paid, and how the alert stands, and checks it.
async fn shows(
    engine: &Engine,
    when: &str,
    wanted: [i64; 2],
    alert: AlertState,
) -> Result<(), Box<dyn Error>> {
    let seen = engine.read(TENANT, Target::Customer("acme"), |customer, now| {
        let wallet = &customer.wallets[0];
        let figures = view::figures_at(customer, wallet, now);
        (
            figures.posted,
            customer.recharges.pending(wallet.head.id),
            view::watched_at(customer, wallet, now).0,
        )
    });
    let (posted, pending, state) = seen.await?.value;
    println!("{when}: {posted} there, {pending} pending, alert {}", state.as_str());
    match ([posted, pending], state) == (wanted.map(Credits::whole), alert) {
        true => Ok(()),
        false => Err(format!("{wanted:?} and alert {} were expected", alert.as_str()).into()),
    }
}
