//! The thread on a real engine's log, at a pace at which only somebody who waits ends its rest.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked as Price, Command, CreateWallet, Debit, Origin};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::unit::Currency;
use coffer_wal::{Clock, Urgency};
use tokio::runtime::Handle;

use super::*;
use crate::engine::{Engine, EngineOptions, Operation, Target};
use crate::env::Env;
use crate::feed::history::{History, Place};

const TENANT: TenantNumber = TenantNumber(1);
/// Longer than this is a hang.
const PATIENCE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Nobody looks at the log by itself.
const NEVER: Pace = Pace { batch_records: 20_000, lag_records_max: 100_000, look_every: DAY, rest_max: DAY };

/// An engine with a customer who can pay, and the history's thread at some pace.
struct Following {
    engine: Engine,
    customer: CustomerNumber,
    shared: Arc<Shared>,
    history: History,
}

impl Following {
    /// Begins, and waits until the store is level with the log.
    async fn start(dir: &std::path::Path, pace: Pace, clock: Arc<dyn Clock>) -> Self {
        let env = Env::os();
        let engine = Engine::open(EngineOptions::new(dir), env.clone(), Arc::new(())).await.unwrap();
        engine.create_tenant("default", Origin::default()).await.unwrap();
        let wallet = CreateWallet {
            initial_credits: Credits::whole(1_000_000),
            ..CreateWallet::new("acme", Currency::parse("usd").unwrap())
        };
        let operation = Operation::new(Command::CreateWallet(wallet));
        let made = engine.submit(TENANT, Target::NewCustomer("acme"), operation).await.unwrap();
        let place = Place::File(dir.join("history.db"));
        let shared = Arc::new(Shared::new(place, &engine, clock));
        let following = Arc::clone(&shared);
        env.spawn.spawn("history", Urgency::Later, Box::new(move || run(&following, pace))).unwrap();
        let history = History::new(Arc::clone(&shared));
        let mut progress = shared.progress.subscribe();
        progress.wait_for(|progress| progress.caught_up).await.unwrap();
        assert_eq!(history.status().position, made.position.0);
        Self { engine, customer: made.customer.number, shared, history }
    }

    async fn end(self) {
        let mut progress = self.shared.progress.subscribe();
        self.shared.ask_to_stop();
        progress.wait_for(|progress| progress.state == State::Stopped).await.unwrap();
        self.engine.shutdown().await.unwrap();
    }
}

/// So many debits; the last one's record.
async fn debits(engine: &Engine, customer: CustomerNumber, count: u64) -> u64 {
    let debit = || Operation::new(Command::Debit(Debit::new(Price::Credits(Credits::ONE))));
    let answers = engine.submit_many(TENANT, (0..count).map(|_| (customer, debit())).collect()).await;
    answers.into_iter().map(|answer| answer.unwrap().position.0).max().unwrap()
}

/// A clock by which everything takes an hour, and while the history's thread looks at it, debits come in.
#[derive(Default)]
struct Busy {
    looks: AtomicU64,
    load: Mutex<Option<(Handle, Engine, CustomerNumber)>>,
}

impl Clock for Busy {
    fn now_ns(&self) -> u64 {
        self.monotonic_ns()
    }

    fn monotonic_ns(&self) -> u64 {
        let load = self.load.lock().unwrap().clone();
        if let (Some((runtime, engine, customer)), Err(_)) = (load, Handle::try_current()) {
            runtime.block_on(debits(&engine, customer, 100));
        }
        3_600_000_000_000 * self.looks.fetch_add(1, Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_record_ends_the_rest_of_the_thread_that_has_not_looked_since() {
    let dir = tempfile::tempdir().unwrap();
    let of = Following::start(dir.path(), NEVER, Env::os().clock).await;
    for _ in 0..20 {
        let position = debits(&of.engine, of.customer, 1).await;
        assert!(of.history.status().position < position, "it rests");
        assert!(of.history.wait_for(position, PATIENCE).await, "{:?}", of.history.status());
    }
    of.end().await;
}

/// Whoever begins to wait ends one rest. That there is no other before they have what they wait for is what this shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_waits_the_thread_does_not_give_way_to_a_load_that_goes_on() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(Busy::default()));
    let pace = Pace { batch_records: 300, ..NEVER };
    let of = Following::start(dir.path(), pace, Arc::<Busy>::clone(&clock)).await;
    let mut position = 0;
    for _ in 0..30 {
        position = debits(&of.engine, of.customer, 100).await;
    }
    *clock.load.lock().unwrap() = Some((Handle::current(), of.engine.clone(), of.customer));
    assert!(of.history.wait_for(position, PATIENCE).await, "{:?}", of.history.status());
    *clock.load.lock().unwrap() = None;
    assert!(of.engine.stats().durable.0 > position + 1_000, "the load went on meanwhile");
    of.end().await;
}
