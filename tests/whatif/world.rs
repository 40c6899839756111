//! An engine on a disk in memory whose clock the test moves, and what-ifs of what it left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coffer::engine::{Committed, Engine, Failure, Operation, Target};
use coffer::env::{Clock, Env};
use coffer::whatif::{self, Answer, At, CustomerAnswer, Difference, Question, Refused, Rules, Watch};
use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::command::{Command, CreateWallet, CreditReason, Refund, TopUp};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{HoldId, LogPosition, RowId, TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_wal::OsEnv;
use coffer_wal::storage::crash::CrashStorage;

use crate::support::{START, TENANT, create_wallet, ensure_tenant, env_on, open_with, options, top_up};

/// Nanoseconds in a day.
pub(crate) const DAY: u64 = 86_400_000_000_000;

/// A clock that goes on by itself, since a log with several writers waits for it, and jumps when the test says so.
pub(crate) struct Jumping {
    machine: OsEnv,
    started_ns: u64,
    jumped: AtomicU64,
}

impl Jumping {
    fn new() -> Arc<Self> {
        let machine = OsEnv::new();
        let started_ns = machine.monotonic_ns();
        Arc::new(Self { machine, started_ns, jumped: AtomicU64::new(0) })
    }
}

impl Clock for Jumping {
    fn now_ns(&self) -> u64 {
        START.0 + self.monotonic_ns() - self.started_ns
    }

    fn monotonic_ns(&self) -> u64 {
        self.machine.monotonic_ns() + self.jumped.load(Ordering::SeqCst)
    }
}

fn env(disk: &CrashStorage, clock: &Arc<Jumping>) -> Env {
    let clock: Arc<dyn Clock> = Arc::<Jumping>::clone(clock);
    Env { clock, ..env_on(disk) }
}

/// A running engine.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) disk: CrashStorage,
    pub(crate) clock: Arc<Jumping>,
}

impl World {
    /// An engine with its first tenant. Holds of more than one pin that end by the timer end in parts.
    pub(crate) async fn new() -> Self {
        let (disk, clock) = (CrashStorage::new(), Jumping::new());
        let mut in_parts = options();
        in_parts.limits.hold_pins_per_record_max = 1;
        let engine = open_with(in_parts, env(&disk, &clock)).await.unwrap();
        ensure_tenant(&engine).await;
        Self { engine, disk, clock }
    }

    /// Asks; `None` = refused.
    pub(crate) async fn ask(&self, customer: &str, command: Command) -> Option<Committed> {
        self.ask_of(TENANT, customer, command).await
    }

    /// Asks a tenant's customer; `None` = refused.
    pub(crate) async fn ask_of(
        &self,
        tenant: TenantNumber,
        customer: &str,
        command: Command,
    ) -> Option<Committed> {
        let own_name = match &command {
            Command::CreateCustomer { external_id, .. } => Some(external_id.clone()),
            _ => None,
        };
        let target = match (&own_name, &command) {
            (Some(name), _) => Target::NewCustomer(name),
            (None, Command::CreateWallet(_) | Command::Event(_)) => Target::NewCustomer(customer),
            (None, _) => Target::Customer(customer),
        };
        // A transfer is answered when it has arrived.
        let is_transfer = matches!(command, Command::Transfer(_));
        let operation = Operation::new(command);
        let answer = if is_transfer {
            self.engine.transfer(tenant, target, operation).await.map(|(committed, _)| committed)
        } else {
            self.engine.submit(tenant, target, operation).await
        };
        match answer {
            Ok(committed) => Some(committed),
            Err(Failure::Refused(_) | Failure::NotFound(_) | Failure::RecordGone) => None,
            Err(failure) => panic!("{failure:?}"),
        }
    }

    /// Makes a wallet without credit.
    pub(crate) async fn wallet(&self, customer: &str) -> WalletId {
        self.wallet_with(customer, 0).await
    }

    /// Makes a wallet that may be overdrawn.
    pub(crate) async fn wallet_with(&self, customer: &str, overdraft: i64) -> WalletId {
        let Command::CreateWallet(request) = create_wallet(customer, 0) else { panic!() };
        let request = CreateWallet { overdraft_limit: Credits::whole(overdraft), ..request };
        let made = self.ask(customer, Command::CreateWallet(request)).await.unwrap();
        let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { panic!() };
        wallet.id
    }

    /// Credits a wallet.
    pub(crate) async fn credit(&self, customer: &str, request: TopUp) -> Committed {
        self.ask(customer, Command::TopUp(request)).await.unwrap()
    }

    pub(crate) fn pass(&self, ns: u64) {
        self.clock.jumped.fetch_add(ns, Ordering::SeqCst);
    }

    /// Ends the engine and asks.
    pub(crate) async fn what_if(self, rules: Rules) -> Answer {
        self.stopped().await.what_if(&Question { rules, ..Question::default() })
    }

    /// Ends the engine.
    pub(crate) async fn stopped(self) -> Stopped {
        self.engine.shutdown().await.unwrap();
        Stopped { disk: self.disk, clock: self.clock }
    }
}

/// What an engine left.
pub(crate) struct Stopped {
    disk: CrashStorage,
    clock: Arc<Jumping>,
}

impl Stopped {
    /// Asks, and shows the first differences if there are any.
    pub(crate) fn what_if(&self, question: &Question) -> Answer {
        self.try_what_if(question).unwrap()
    }

    pub(crate) fn try_what_if(&self, question: &Question) -> Result<Answer, whatif::WhatIfError> {
        let env = env(&self.disk, &self.clock);
        let progress: Arc<dyn coffer::engine::RecoveryProgress> = Arc::new(());
        whatif::run(&options(), &env, question, &progress, &mut Same(question.rules.is_empty()))
    }

    /// The records in which a recharge began: in the log, and under these rules.
    pub(crate) fn recharged(&self, rules: Rules) -> [Vec<LogPosition>; 2] {
        let (env, progress) = (env(&self.disk, &self.clock), Arc::new(()) as _);
        let mut watch = Recharged::default();
        let question = Question { rules, ..Question::default() };
        whatif::run(&options(), &env, &question, &progress, &mut watch).unwrap();
        watch.0
    }

    /// Decides from there on under the same rules: how many records, and none may differ.
    pub(crate) fn check(&self, from: Option<At>, what: &str) -> u64 {
        let answer = self.what_if(&Question { from, ..Question::default() });
        assert_eq!(answer.differing, 0, "{what}, from {from:?}: of {} records", answer.records);
        assert!(answer.units.iter().all(|unit| !unit.differ()), "{what}: {:?}", answer.units);
        assert_eq!((answer.refused, answer.following), (0, 0), "{what}");
        answer.records
    }
}

/// Fails at the first record that comes out differently under the same rules, and says how.
struct Same(bool);

impl Watch for Same {
    fn records(&mut self, done: u64, all: u64) {
        assert!(done <= all);
    }

    fn difference(&mut self, difference: &Difference<'_>) {
        assert!(!self.0, "{difference:#?}");
    }

    fn refused(&mut self, _: &Customer, refused: &Refused) {
        assert!(!self.0, "{refused:#?}");
    }
}

/// Notes where recharges began, as far as the two sides differ.
#[derive(Default)]
struct Recharged([Vec<LogPosition>; 2]);

impl Watch for Recharged {
    fn records(&mut self, _: u64, _: u64) {}

    fn difference(&mut self, difference: &Difference<'_>) {
        for (places, facts) in self.0.iter_mut().zip([Some(difference.log), difference.shadow]) {
            let set_off = facts.and_then(|facts| facts.set_off.as_deref());
            let begun = set_off.into_iter().flat_map(|set_off| set_off.begun());
            places.extend(begun.map(|_| difference.position));
        }
    }

    fn refused(&mut self, _: &Customer, _: &Refused) {}
}

/// A purchase that never ends.
pub(crate) fn bought(wallet: WalletId, credits: i64) -> TopUp {
    top_up(wallet, credits, None)
}

/// Free credit.
pub(crate) fn promotional(wallet: WalletId, credits: i64, expires_at: Option<Timestamp>) -> TopUp {
    TopUp { reason: CreditReason::FreeCreditGrant, ..top_up(wallet, credits, expires_at) }
}

/// Days after the start.
pub(crate) fn day(days: u64) -> Timestamp {
    Timestamp(START.0 + days * DAY)
}

/// The first row of what a record did.
pub(crate) fn row_of(committed: &Committed) -> RowId {
    let facts = &committed.record.facts;
    RowId::new(facts.at, committed.position, facts.first_row())
}

/// The hold that a record placed.
pub(crate) fn hold_of(committed: &Committed) -> HoldId {
    let Effect::Held(step) = &committed.record.facts.effect else { panic!("no hold: {committed:?}") };
    step.hold.id
}

/// A refund of all that is left.
pub(crate) fn refund(row: RowId) -> Command {
    Command::Refund(Refund { row, credits: None, regrant_days: None, memo: Default::default() })
}

/// A customer's answer.
pub(crate) fn of<'a>(answer: &'a Answer, customer: &str) -> &'a CustomerAnswer {
    answer.customers.iter().find(|known| *known.external_id == *customer).unwrap()
}

/// A place in the log.
pub(crate) fn at(position: u64) -> Option<At> {
    Some(At::Position(LogPosition(position)))
}

/// A rate.
pub(crate) fn rate(text: &str) -> Rate {
    Rate::parse_json(text).unwrap()
}
