//! An engine that is killed at random and started again on what its disk kept.

use std::sync::Arc;

use coffer::engine::{Committed, Engine, EngineOptions, Failure, Operation, Target, TenantOperation};
use coffer_ledger::amount::Credits;
use coffer_ledger::catalog::tenant::{TenantCommand, TenantRecord};
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::Customer;
use coffer_ledger::time::Timestamp;
use coffer_ledger::view;
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};

use crate::program::Random;
use crate::support::*;

/// Longer than this is never.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);
const A_MOMENT: std::time::Duration = std::time::Duration::from_millis(2);

/// The engine, what it stands on, and what befell it.
pub(crate) struct World {
    disk: CrashStorage,
    clock: Arc<TestClock>,
    pub(crate) engine: Engine,
    pub(crate) random: Random,
    pub(crate) cuts: usize,
    pub(crate) kills: usize,
    /// Of the cuts, those that came while what was due was written.
    pub(crate) amid: usize,
    keys: u64,
}

fn restless() -> EngineOptions {
    // Whoever is idle rests, so that the timer has to wake it.
    EngineOptions { actor_idle_s: 0, actors_max: 0, accept_clock: true, ..options() }
}

/// The power is gone, or seems to be: the disk takes no more changes.
fn is_over(failure: &Failure) -> bool {
    matches!(failure, Failure::Halted | Failure::OutcomeUnknown | Failure::ReadOnly(_))
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let (disk, clock) = (CrashStorage::new(), TestClock::new());
        let engine = open_with(restless(), env_with_clock(&disk, clock.clone())).await.unwrap();
        ensure_tenant(&engine).await;
        let_clock_run(&clock);
        let random = Random::new(seed);
        Self { disk, clock, engine, random, cuts: 0, kills: 0, amid: 0, keys: 0 }
    }

    pub(crate) fn pass(&self, ns: u64) {
        self.clock.pass(ns);
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    /// After so many changes of the disk the power is gone.
    pub(crate) fn cut_after(&self, changes: u64) {
        self.disk.stop_at_change(self.disk.changes() + changes);
    }

    /// Waits until the power is gone, or until nothing is due any more and so nothing changes the disk.
    pub(crate) async fn await_cut(&mut self) {
        while !self.disk.stopped() && !self.is_caught_up().await {
            tokio::time::sleep(A_MOMENT).await;
        }
        self.amid += usize::from(self.disk.stopped());
    }

    /// The power is cut: some sectors and names that were not synced are there, some not.
    pub(crate) async fn cut(&mut self) {
        self.cuts += 1;
        let coins = self.below(u64::MAX);
        let plan = CrashPlan { sectors: Survival::Seeded(coins), names: Survival::Seeded(!coins) };
        let disk = self.disk.crash(&plan);
        self.reopen(disk).await;
    }

    /// The process is killed; the machine goes on.
    pub(crate) async fn kill(&mut self) {
        self.kills += 1;
        let disk = self.disk.kill();
        self.reopen(disk).await;
    }

    async fn reopen(&mut self, disk: CrashStorage) {
        // Whatever the old one still does, nobody sees; then it goes, with its disk.
        self.disk.stop_at_change(self.disk.changes());
        drop(self.engine.shutdown().await);
        self.disk = disk;
        let env = env_with_clock(&self.disk, self.clock.clone());
        self.engine = open_with(restless(), env).await.unwrap();
    }

    pub(crate) async fn is_caught_up(&self) -> bool {
        let due = |customer: &Customer, now| (customer.next_due() <= now).then_some(());
        self.engine.scan(TENANT, due).await.is_ok_and(|due| due.is_empty())
    }

    /// Waits until the timers have done what is due.
    pub(crate) async fn catch_up(&mut self) {
        tokio::time::timeout(PATIENCE, self.catch_up_some_day())
            .await
            .expect("what is due happens by itself");
    }

    async fn catch_up_some_day(&mut self) {
        while !self.is_caught_up().await {
            if self.disk.stopped() {
                self.cut().await;
            }
            tokio::time::sleep(A_MOMENT).await;
        }
    }

    fn next_key(&mut self) -> Box<str> {
        self.keys += 1;
        format!("key-{}", self.keys).into()
    }

    /// Asks until there is an answer, however often the engine is killed meanwhile.
    pub(crate) async fn insist(&mut self, target: Target<'_>, command: Command) -> Committed {
        let key = self.next_key();
        loop {
            let operation = Operation::new(command.clone()).with_key(&key);
            match self.engine.submit(TENANT, target, operation).await {
                Ok(committed) => return committed,
                Err(failure) if is_over(&failure) => self.cut().await,
                Err(other) => panic!("{other}: {command:?}"),
            }
        }
    }

    pub(crate) async fn insist_tenant(&mut self, command: TenantCommand) -> Box<TenantRecord> {
        let origin = Origin { by: None, idempotency_key: Some(self.next_key()) };
        loop {
            let operation = TenantOperation::new(command.clone(), origin.clone());
            match self.engine.submit_tenant(TENANT, operation).await {
                Ok(committed) => return committed.record,
                Err(failure) if is_over(&failure) => self.cut().await,
                Err(other) => panic!("{other}: {command:?}"),
            }
        }
    }

    /// What a customer has, and when that was.
    pub(crate) async fn posted(&mut self, name: &str) -> (i128, Timestamp) {
        let look = |customer: &Customer, now| {
            let wallets = view::balance(customer, now).wallets;
            (wallets.iter().map(|wallet| wallet.figures.posted.0).sum(), now)
        };
        loop {
            match self.engine.read(TENANT, Target::Customer(name), look).await {
                Ok(seen) => return seen.value,
                Err(failure) if is_over(&failure) => self.cut().await,
                Err(other) => panic!("{other}: {name}"),
            }
        }
    }

    /// A snapshot, unless the power is gone.
    pub(crate) async fn snapshot(&self) {
        match self.engine.take_snapshot().await {
            Ok(_) => {}
            Err(error) => assert!(self.disk.stopped(), "{error}"),
        }
    }

    /// One debit of so many whole credits.
    pub(crate) async fn spend(&mut self, name: &str, credits: i64) -> Credits {
        let committed = self.insist(Target::Customer(name), debit(credits)).await;
        debited(&committed).credits
    }
}
