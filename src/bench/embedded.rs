//! The engine in this process, without HTTP: durable debits under keys, spread and on one hot wallet, and many per call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked, Command, CreateWallet, CreditReason, Debit, Origin, Quantity, TopUp};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::unit::Currency;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::report::{Figure, new_histogram};
use super::{Bench, CUSTOMERS};
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, EngineOptions, Operation, Target};

const TENANT: TenantNumber = TenantNumber(1);
const CREDITS: i64 = 100_000_000_000;
/// Debits of one `submit_many`.
const MANY: usize = 1_000;

/// What all tasks of a measurement share.
struct Load {
    engine: Engine,
    customers: Vec<CustomerNumber>,
    clock: Arc<dyn coffer_wal::Clock>,
    /// Makes the keys of this measurement unlike those of any other.
    salt: String,
    stop: AtomicBool,
    /// One for all tasks: each has a quarter of a megabyte, and thousands of them would be measured too.
    latencies_us: Mutex<Histogram<u64>>,
}

impl Load {
    fn saw(&self, began_ns: u64) {
        let latency_us = (self.clock.monotonic_ns() - began_ns) / 1_000;
        self.latencies_us.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(latency_us);
    }
}

/// Debits that a task did.
type Seen = Result<u64, CliError>;

/// Measures everything that is embedded.
pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>, CliError> {
    let options = EngineOptions::new(bench.dir.path().join("embedded"));
    let engine = Engine::open(options, bench.env.clone(), Arc::new(())).await?;
    engine.create_tenant("default", Origin::default()).await?;
    let customers = make_customers(&engine).await?;
    let mut rounds = vec![Vec::new(); CASES.len()];
    for round in 0..bench.rounds() {
        for (index, (case, figures)) in CASES.iter().zip(&mut rounds).enumerate() {
            bench.note(&format!(
                "embedded, {}, {} in flight, round {} of {}",
                case.name,
                case.in_flight,
                round + 1,
                bench.rounds()
            ));
            let salt = format!("{round}/{index}");
            figures.push(one(bench, &engine, &customers, case, salt).await?);
        }
    }
    engine.shutdown().await?;
    Ok(rounds.iter().filter_map(|rounds| Figure::median(rounds)).collect())
}

/// What is measured, in turn, round after round.
struct Case {
    name: &'static str,
    in_flight: u32,
    customers: usize,
    many: bool,
}

const CASES: [Case; 5] = [
    Case { name: "spread", in_flight: 64, customers: CUSTOMERS, many: false },
    Case { name: "spread", in_flight: 512, customers: CUSTOMERS, many: false },
    Case { name: "spread", in_flight: 4_096, customers: CUSTOMERS, many: false },
    Case { name: "hot wallet", in_flight: 512, customers: 1, many: false },
    Case { name: "submit_many of 1,000", in_flight: 4, customers: CUSTOMERS, many: true },
];

async fn one(
    bench: &Bench,
    engine: &Engine,
    customers: &[CustomerNumber],
    case: &Case,
    salt: String,
) -> Result<Figure, CliError> {
    let load = Arc::new(Load {
        engine: engine.clone(),
        customers: customers[..case.customers].to_vec(),
        clock: Arc::clone(&bench.env.clock),
        salt,
        stop: AtomicBool::new(false),
        latencies_us: Mutex::new(new_histogram()),
    });
    let mut tasks = JoinSet::new();
    for task in 0..case.in_flight {
        let load = Arc::clone(&load);
        if case.many {
            tasks.spawn(many_at_once(load, task));
        } else {
            tasks.spawn(one_by_one(load, task));
        }
    }
    collect(bench, &load, tasks, case).await
}

/// Lets the tasks run for a time and adds up what they did.
async fn collect(
    bench: &Bench,
    load: &Arc<Load>,
    mut tasks: JoinSet<Seen>,
    case: &Case,
) -> Result<Figure, CliError> {
    let began_ns = load.clock.monotonic_ns();
    tokio::time::sleep(bench.span()).await;
    load.stop.store(true, Ordering::Relaxed);
    let mut debits = 0;
    while let Some(ended) = tasks.join_next().await {
        debits += ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))??;
    }
    let took_ns = load.clock.monotonic_ns() - began_ns;
    let latencies_us = load.latencies_us.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Figure::new(case.name, case.in_flight, debits, took_ns, &latencies_us))
}

/// One debit after the other, each under a key of its own.
async fn one_by_one(load: Arc<Load>, task: u32) -> Seen {
    let mut debits = 0_u64;
    let mut customer = usize::try_from(task).unwrap_or(0);
    while !load.stop.load(Ordering::Relaxed) {
        customer = (customer + 7) % load.customers.len();
        let operation = Operation::new(debit()).with_key(&format!("{}/{task}/{debits}", load.salt));
        let began_ns = load.clock.monotonic_ns();
        load.engine.submit(TENANT, Target::Number(load.customers[customer]), operation).await?;
        load.saw(began_ns);
        debits += 1;
    }
    Ok(debits)
}

/// A thousand debits per call; the latency is that of the call.
async fn many_at_once(load: Arc<Load>, task: u32) -> Seen {
    let mut debits = 0_u64;
    while !load.stop.load(Ordering::Relaxed) {
        let operations = (0..MANY).map(|index| {
            let operation =
                Operation::new(debit()).with_key(&format!("{}/{task}/{debits}/{index}", load.salt));
            (load.customers[index % load.customers.len()], operation)
        });
        let operations = operations.collect();
        let began_ns = load.clock.monotonic_ns();
        let answers = load.engine.submit_many(TENANT, operations).await;
        load.saw(began_ns);
        for answer in answers {
            answer?;
            debits += 1;
        }
    }
    Ok(debits)
}

async fn make_customers(engine: &Engine) -> Result<Vec<CustomerNumber>, CliError> {
    let mut customers = Vec::with_capacity(CUSTOMERS);
    for index in 0..CUSTOMERS {
        let name = format!("bench-{index}");
        let made = engine.submit(TENANT, Target::NewCustomer(&name), Operation::new(wallet(&name)?)).await?;
        let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else {
            return Err(CliError::new(Code::Internal, "a wallet was asked for and something else was made"));
        };
        engine.submit(TENANT, Target::Wallet(wallet.id), Operation::new(top_up(wallet.id))).await?;
        customers.push(made.customer.number);
    }
    Ok(customers)
}

pub(super) fn wallet(customer: &str) -> Result<Command, CliError> {
    let currency =
        Currency::parse("usd").map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    Ok(Command::CreateWallet(CreateWallet::new(customer, currency)))
}

pub(super) fn top_up(wallet: coffer_ledger::ids::WalletId) -> Command {
    Command::TopUp(TopUp::new(
        wallet,
        Quantity::Credits(Credits::whole(CREDITS)),
        CreditReason::PurchasedCreditDirect,
    ))
}

pub(super) fn debit() -> Command {
    Command::Debit(Debit::new(Asked::Credits(Credits::whole(1))))
}
