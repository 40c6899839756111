//! Customers to measure with: each has one wallet with three tranches (free credit at first, a purchase and its bonus).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Bonus, Command, CreateWallet, CreditReason, Quantity, TopUp};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{CustomerNumber, TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use tokio::task::JoinSet;

use super::Bench;
use super::embedded;
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, Operation, Target};

/// Customers that are made at the same time.
const MAKERS: u64 = 1_024;
/// Free credits of every customer, gone first.
const FREE: i64 = 100;
/// How long all customers may take to come to rest, and how often is looked.
const REST_TIMEOUT: Duration = Duration::from_secs(120);
const REST_LOOK_EVERY: Duration = Duration::from_millis(20);

/// Customers of one tenant with numbers in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) tenant: TenantNumber,
    first: u64,
    pub(crate) customers: u64,
}

impl World {
    /// So many customers from this number on.
    pub(crate) const fn of(tenant: TenantNumber, first: u64, customers: u64) -> Self {
        Self { tenant, first, customers }
    }

    /// The customer of this index; indices beyond the last begin again.
    pub(crate) fn customer(&self, index: u64) -> CustomerNumber {
        CustomerNumber(self.first + index % self.customers)
    }

    /// Only the first so many customers.
    pub(crate) fn first(self, customers: u64) -> Self {
        Self { customers: customers.min(self.customers), ..self }
    }

    /// All but the first so many customers; at least one is left.
    pub(crate) fn without_first(self, customers: u64) -> Self {
        let left_out = customers.min(self.customers - 1);
        Self { first: self.first + left_out, customers: self.customers - left_out, ..self }
    }
}

/// Makes customers of a tenant that has none; their names are those of the HTTP measurements.
pub(crate) async fn make(
    bench: &Bench,
    engine: &Engine,
    tenant: TenantNumber,
    customers: u64,
) -> Result<World, CliError> {
    let (made, lowest) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(u64::MAX)));
    let mut makers = JoinSet::new();
    for maker in 0..MAKERS.min(customers) {
        let (engine, made, lowest) = (engine.clone(), Arc::clone(&made), Arc::clone(&lowest));
        makers.spawn(async move {
            for index in (maker..customers).step_by(usize::try_from(MAKERS).unwrap_or(1)) {
                let number = make_one(&engine, tenant, index).await?;
                lowest.fetch_min(number.0, Ordering::Relaxed);
                let done = made.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of((customers / 10).max(10_000)) {
                    crate::cli::output::note(format!("made {done} of {customers} customers"));
                }
            }
            Ok::<_, CliError>(())
        });
    }
    bench.note(&format!("the making of {customers} customers with three tranches each"));
    makers.join_all().await.into_iter().collect::<Result<(), _>>()?;
    Ok(World::of(tenant, lowest.load(Ordering::Relaxed), customers))
}

async fn make_one(engine: &Engine, tenant: TenantNumber, index: u64) -> Result<CustomerNumber, CliError> {
    let name = format!("bench-{index}");
    let Command::CreateWallet(wallet) = embedded::wallet(&name)? else { return Err(other()) };
    let wallet = CreateWallet { initial_credits: Credits::whole(FREE), ..wallet };
    let operation = Operation::new(Command::CreateWallet(wallet));
    let made = engine.submit(tenant, Target::NewCustomer(&name), operation).await?;
    let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { return Err(other()) };
    let Command::TopUp(top_up) = embedded::top_up(wallet.id) else { return Err(other()) };
    let bonus = Some(Bonus { credits: Credits::whole(FREE), expires_at: None });
    let operation = Operation::new(Command::TopUp(TopUp { bonus, ..top_up }));
    engine.submit(tenant, Target::Wallet(wallet.id), operation).await?;
    Ok(made.customer.number)
}

fn other() -> CliError {
    CliError::new(Code::Internal, "a wallet was asked for and something else was made")
}

/// Free credit that ends at an instant.
pub(crate) fn expiring(wallet: WalletId, credits: i64, at: Timestamp) -> Command {
    Command::TopUp(TopUp {
        expires_at: Some(at),
        ..TopUp::new(wallet, Quantity::Credits(Credits::whole(credits)), CreditReason::FreeCreditGrant)
    })
}

/// Waits until nobody is active.
pub(crate) async fn rest(engine: &Engine) -> Result<(), CliError> {
    let resting = async {
        while engine.stats().actors_active > 0 {
            tokio::time::sleep(REST_LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(REST_TIMEOUT, resting)
        .await
        .map_err(|_| CliError::new(Code::Failed, "the customers do not come to rest"))
}
