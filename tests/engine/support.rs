//! What the engine's tests share: an engine on a disk in memory, a clock that the test moves, and short words for commands.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coffer::engine::{Committed, Engine, EngineOptions, Failure, OpenError, Operation, Target};
use coffer::env::{Clock, Env};
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Asked, Command, CreateWallet, CreditReason, Debit, Origin, Quantity, TopUp};
use coffer_ledger::fact::{Debited, Effect};
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_ledger::view;
use coffer_wal::OsEnv;
use coffer_wal::storage::crash::CrashStorage;

/// The tenant of every test that needs only one.
pub(crate) const TENANT: TenantNumber = TenantNumber(1);
/// 2026-01-01.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000_000_000);
/// Nanoseconds in a second.
pub(crate) const S: u64 = 1_000_000_000;

/// A clock that only the test moves.
pub(crate) struct TestClock {
    now: AtomicU64,
    /// By how much each look at it moves it.
    a_look: AtomicU64,
}

impl TestClock {
    /// Stands at [`START`].
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { now: AtomicU64::new(START.0), a_look: AtomicU64::new(0) })
    }

    /// Goes on by so many nanoseconds.
    pub(crate) fn pass(&self, ns: u64) {
        self.now.fetch_add(ns, Ordering::SeqCst);
    }

    /// From now on each look at it moves it by so many nanoseconds.
    pub(crate) fn move_by_each_look(&self, ns: u64) {
        self.a_look.store(ns, Ordering::SeqCst);
    }

    fn look(&self) -> u64 {
        self.now.fetch_add(self.a_look.load(Ordering::SeqCst), Ordering::SeqCst)
    }
}

impl Clock for TestClock {
    fn now_ns(&self) -> u64 {
        self.look()
    }
    fn monotonic_ns(&self) -> u64 {
        self.look()
    }
}

/// Lets a clock go on in real time, as the log's writer needs it where many write at once, until the test ends.
pub(crate) fn let_clock_run(clock: &Arc<TestClock>) {
    let clock = Arc::downgrade(clock);
    tokio::spawn(async move {
        while let Some(clock) = clock.upgrade() {
            clock.pass(1_000_000);
            drop(clock);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    });
}

/// An environment on this disk with the machine's time.
pub(crate) fn env_on(disk: &CrashStorage) -> Env {
    Env { storage: Arc::new(disk.clone()), ..Env::os() }
}

/// The same with a clock of the test's.
pub(crate) fn env_with_clock(disk: &CrashStorage, clock: Arc<TestClock>) -> Env {
    let os = Arc::new(OsEnv::new());
    Env { clock, entropy: os.clone(), storage: Arc::new(disk.clone()), spawn: os }
}

/// Small segments, so that tests rotate them.
pub(crate) fn options() -> EngineOptions {
    EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new("/coffer") }
}

/// Opens with these options.
pub(crate) async fn open_with(options: EngineOptions, env: Env) -> Result<Engine, OpenError> {
    Engine::open(options, env, Arc::new(())).await
}

/// Opens and makes the tenant if it is not there.
pub(crate) async fn open(disk: &CrashStorage) -> Engine {
    let engine = open_with(options(), env_on(disk)).await.unwrap();
    ensure_tenant(&engine).await;
    engine
}

/// Makes tenant 1 if it is not there.
pub(crate) async fn ensure_tenant(engine: &Engine) {
    if engine.tenant_view(TENANT).is_none() {
        engine.create_tenant("default", Origin::default()).await.unwrap();
    }
}

/// Makes a USD wallet, and the customer if need be.
pub(crate) async fn wallet(engine: &Engine, customer: &str, initial: i64) -> WalletId {
    let committed = engine
        .submit(TENANT, Target::NewCustomer(customer), Operation::new(create_wallet(customer, initial)))
        .await;
    match &committed.unwrap().record.facts.effect {
        Effect::WalletCreated { wallet, .. } => wallet.id,
        other => panic!("not a wallet: {other:?}"),
    }
}

/// The command of [`wallet`].
pub(crate) fn create_wallet(customer: &str, initial: i64) -> Command {
    Command::CreateWallet(CreateWallet {
        initial_credits: Credits::whole(initial),
        ..CreateWallet::new(customer, Currency::parse("usd").unwrap())
    })
}

/// A purchase.
pub(crate) fn top_up(wallet: WalletId, credits: i64, expires_at: Option<Timestamp>) -> TopUp {
    TopUp {
        expires_at,
        ..TopUp::new(wallet, Quantity::Credits(Credits::whole(credits)), CreditReason::PurchasedCreditDirect)
    }
}

/// A charge.
pub(crate) fn debit(credits: i64) -> Command {
    Command::Debit(Debit::new(Asked::Credits(Credits::whole(credits))))
}

/// Debits a customer without a key.
pub(crate) async fn debit_now(engine: &Engine, customer: &str, credits: i64) -> Result<Committed, Failure> {
    engine.submit(TENANT, Target::Customer(customer), Operation::new(debit(credits))).await
}

/// Debits a customer under a key.
pub(crate) async fn debit_keyed(
    engine: &Engine,
    customer: &str,
    credits: i64,
    key: &str,
) -> Result<Committed, Failure> {
    engine.submit(TENANT, Target::Customer(customer), Operation::new(debit(credits)).with_key(key)).await
}

/// What a debit decided.
pub(crate) fn debited(committed: &Committed) -> &Debited {
    match &committed.record.facts.effect {
        Effect::Debited(debited) => debited,
        other => panic!("not a debit: {other:?}"),
    }
}

/// Σ posted over a customer's wallets.
pub(crate) async fn posted(engine: &Engine, customer: &str) -> Credits {
    let seen = engine.read(TENANT, Target::Customer(customer), view::balance).await.unwrap();
    seen.value
        .wallets
        .iter()
        .fold(Credits::ZERO, |sum, wallet| sum.checked_add(wallet.figures.posted).unwrap())
}

/// Tells the number of whole credits.
pub(crate) fn whole(credits: i64) -> Credits {
    Credits::whole(credits)
}
