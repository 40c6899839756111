//! The shell around the ledger rules: mailboxes, the log, time, admission.
//!
//! [`Engine`] is the handle. A write's way: [`Engine::submit`] → permit and slot (`router`) → mailbox (`customer_actor`) →
//! `turn` → the log → `gate`. It leaves when it is durable; so does every refusal and every read, for they show state.
//!
//! Absent on purpose: HTTP (see `http`), rules (see [`coffer_ledger`]), the format of files (see [`coffer_wal`]).

mod arriving_keys;
mod closed;
pub mod codec;
mod core;
mod counters;
mod customer_actor;
mod directory;
mod enrolments;
pub mod erasure;
mod fold;
mod followers;
mod footprint;
mod gate;
mod host;
mod housekeeping;
mod intents;
mod keys;
mod looking_up;
mod message;
#[cfg(all(test, shuttle))]
mod model;
mod names;
mod open;
mod operation;
mod options;
mod past;
mod permits;
mod proving;
mod read;
mod rebuild;
#[cfg(feature = "server")]
mod recorded;
mod recovery;
mod replayer;
pub mod retention;
mod router;
mod shutdown;
mod slot;
mod snapshot;
mod stats;
#[cfg(feature = "server")]
pub(crate) mod stopped_log;
mod submit;
mod sync;
mod tenant_actor;
mod tenant_view;
mod test_clock;
mod timers;
mod turn;
mod upkeep;
mod whole;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::customer::{ClosedAs, Customer};
use coffer_ledger::hold::Hold;
use coffer_ledger::ids::{CustomerNumber, HoldId, LogPosition, SubscriptionId, TenantNumber, TransferId};
use coffer_ledger::time::Timestamp;
use coffer_wal::Halted;

pub use self::followers::Follower;
pub use self::footprint::Footprint;
#[cfg(feature = "server")]
pub(crate) use self::names::names_of;
pub use self::open::OpenError;
pub use self::operation::{
    Committed, CustomerNames, Failure, Operation, Refused, Seen, StoredRecord, Target, TenantCommitted,
    TenantOperation,
};
pub use self::options::EngineOptions;
pub use self::past::{AsOf, At, PastFailure, Stopped};
pub use self::proving::CheckpointFailure;
pub use self::recovery::RecoveryProgress;
pub use self::snapshot::{SnapshotFailure, SnapshotReport};
pub use self::stats::{EngineStats, LogStats};
#[cfg(feature = "server")]
pub use self::stopped_log::StoppedLog;
pub use self::tenant_view::{Authenticated, TenantView};
#[cfg(feature = "server")]
pub(crate) use self::turn::DUE_BESIDE_A_COMMAND_MAX;
pub use self::whole::{ArchiveCheck, Comparison, from_archive};

use self::core::Core;
use crate::env::Env;

/// How often a halt is looked for by those who wait for one.
const HALT_LOOK_EVERY: Duration = Duration::from_millis(20);

/// A wallet engine on one data directory. Cheap to clone; usable from any task of the runtime that opened it.
///
/// See `examples/embedded.rs` for a program that runs.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
    creating: Arc<tokio::sync::Mutex<()>>,
}

impl Engine {
    /// Opens the data directory, recovers, and starts. Needs a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`]: locked, unwritable, another format, damaged, or a clock far ahead.
    pub async fn open(
        options: EngineOptions,
        env: Env,
        progress: Arc<dyn RecoveryProgress>,
    ) -> Result<Self, OpenError> {
        let core = open::open(options, env, progress).await?;
        Ok(Self { core, creating: Arc::default() })
    }

    /// Asks something of one customer; the operation may be in a box already. Resolves when the outcome is durable. Dropping
    /// the future changes nothing: the work belongs to the engine.
    ///
    /// # Errors
    /// [`Failure`]; a [`coffer_ledger::refusal::Refusal`] is inside [`Failure::Refused`].
    pub fn submit<'a>(
        &'a self,
        tenant: TenantNumber,
        target: Target<'a>,
        operation: impl Into<Box<Operation>>,
    ) -> impl Future<Output = Result<Committed, Failure>> + Send {
        // Boxed once, here: operations are large, and this one still has several hands to go through.
        submit::one(&self.core, tenant, target, operation.into())
    }

    /// Asks many things at once, each alone, answered in their order. Operations of one customer share messages and appends,
    /// and happen in their order.
    pub async fn submit_many(
        &self,
        tenant: TenantNumber,
        operations: Vec<(CustomerNumber, Operation)>,
    ) -> Vec<Result<Committed, Failure>> {
        submit::many(&self.core, tenant, operations).await
    }

    /// Shows one customer's state to `look`, as of now. What is seen is durable when this resolves.
    ///
    /// # Errors
    /// [`Failure::NotFound`], [`Failure::Quarantined`], [`Failure::Halted`].
    pub async fn read<T, F>(
        &self,
        tenant: TenantNumber,
        target: Target<'_>,
        look: F,
    ) -> Result<Seen<T>, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Customer, Timestamp) -> T + Send + 'static,
    {
        let number = self.resolve(tenant, target).ok_or(Failure::NotFound("customer"))?;
        read::read(&self.core, (tenant, number), look).await
    }

    /// A customer at each of these, in their order, a deleted one included. It is read beside the debits and disturbs none; what it
    /// takes grows with the customer's records since, and since a snapshot or its first one.
    ///
    /// # Errors
    /// [`PastFailure`]. A customer that did not exist then has a state without an identity.
    pub async fn look_back(
        &self,
        tenant: TenantNumber,
        target: Target<'_>,
        at: Vec<At>,
    ) -> Result<Vec<AsOf>, PastFailure> {
        past::look(&self.core, tenant, target, at).await
    }

    /// Shows every customer of a tenant to `look`, by number, and collects what it gives. Costs a decode per resting customer.
    ///
    /// # Errors
    /// [`Failure::Halted`], [`Failure::Internal`].
    pub async fn scan<T, F>(&self, tenant: TenantNumber, look: F) -> Result<Vec<T>, Failure>
    where
        T: Send + 'static,
        F: Fn(&Customer, Timestamp) -> Option<T> + Send + Sync + 'static,
    {
        read::scan(&self.core, tenant, look).await
    }

    /// A customer's record by its position, from the log or the archive.
    ///
    /// # Errors
    /// [`Failure::NotFound`] (no such record of this tenant), [`Failure::RecordGone`].
    pub async fn record(&self, tenant: TenantNumber, position: LogPosition) -> Result<StoredRecord, Failure> {
        replayer::stored(&self.core, tenant, position).await
    }

    /// Asks something of a tenant. What it changed is published when this resolves.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn submit_tenant(
        &self,
        tenant: TenantNumber,
        operation: TenantOperation,
    ) -> Result<TenantCommitted, Failure> {
        submit::tenant(&self.core, tenant, operation).await
    }

    /// Sends credit to another wallet and waits until it has arrived or is back. The work goes on whether somebody waits or not.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::InTransit`] if it takes long.
    pub async fn transfer(
        &self,
        tenant: TenantNumber,
        from: Target<'_>,
        operation: Operation,
    ) -> Result<(Committed, ClosedAs), Failure> {
        let committed = self.submit(tenant, from, operation).await?;
        let how = closed::end_of_transfer(&self.core, tenant, &committed).await?;
        Ok((committed, how))
    }

    /// What became of an event that was recorded within the window of keys: by its customer, source and id. `None` = it was not.
    ///
    /// # Errors
    /// [`Failure`] if its record cannot be read.
    #[cfg(feature = "server")]
    pub(crate) async fn recorded_event(
        &self,
        tenant: TenantNumber,
        event: coffer_ledger::command::Event,
    ) -> Result<Option<Committed>, Failure> {
        recorded::event(&self.core, tenant, event).await
    }

    /// Where the record of a transfer stands, and how the transfer ended; `None` = it is on its way.
    ///
    /// # Errors
    /// [`Failure::NotFound`]; [`Failure::RecordGone`] if it ended too long ago to be found.
    pub async fn transfer_status(
        &self,
        tenant: TenantNumber,
        id: TransferId,
    ) -> Result<(LogPosition, Option<ClosedAs>), Failure> {
        closed::transfer(&self.core, tenant, id).await
    }

    /// A hold of a customer's, open or closed, as its last record left it.
    ///
    /// # Errors
    /// [`Failure::NotFound`]; [`Failure::RecordGone`] if it ended too long ago to be found.
    pub async fn hold(
        &self,
        tenant: TenantNumber,
        target: Target<'_>,
        id: HoldId,
    ) -> Result<Seen<Box<Hold>>, Failure> {
        let number = self.resolve(tenant, target).ok_or(Failure::NotFound("customer"))?;
        closed::hold(&self.core, (tenant, number), id).await
    }

    /// Moves the clock of a tenant in test mode, and does everything that this makes due. All of it is durable when this resolves.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn move_clock(
        &self,
        tenant: TenantNumber,
        operation: TenantOperation,
    ) -> Result<TenantCommitted, Failure> {
        let dry_run = operation.dry_run;
        let committed = self.submit_tenant(tenant, operation).await?;
        if !dry_run {
            test_clock::catch_up(&self.core, tenant).await?;
        }
        Ok(committed)
    }

    /// The tenant's time: its own clock in test mode, else the engine's.
    #[must_use]
    pub fn now_of(&self, tenant: TenantNumber) -> Timestamp {
        self.core.now_of(tenant)
    }

    /// Makes a tenant. A repeat under the same key is answered by the first.
    ///
    /// # Errors
    /// [`coffer_ledger::refusal::Refusal::AlreadyExists`] if there is one of this name.
    pub async fn create_tenant(&self, name: &str, origin: Origin) -> Result<TenantCommitted, Failure> {
        self.create_tenant_of(name, false, origin).await
    }

    /// Makes a tenant in test mode: it may be given a clock of its own (SEMANTICS §10).
    ///
    /// # Errors
    /// As [`Engine::create_tenant`].
    pub async fn create_test_tenant(&self, name: &str, origin: Origin) -> Result<TenantCommitted, Failure> {
        self.create_tenant_of(name, true, origin).await
    }

    async fn create_tenant_of(
        &self,
        name: &str,
        test_mode: bool,
        origin: Origin,
    ) -> Result<TenantCommitted, Failure> {
        // On a task of its own: a caller that hangs up must not leave the lock before the name is published.
        let (engine, name) = (self.clone(), Box::from(name));
        let creating =
            self.core.runtime.spawn(async move { engine.create_tenant_alone(name, test_mode, origin).await });
        creating.await.map_err(|_| Failure::OutcomeUnknown)?
    }

    async fn create_tenant_alone(
        &self,
        name: Box<str>,
        test_mode: bool,
        origin: Origin,
    ) -> Result<TenantCommitted, Failure> {
        let _one_at_a_time = self.creating.lock().await;
        self.core.admit()?;
        let named = self.core.views.all().iter().find(|view| view.name == name).map(|view| view.number);
        // If it has the name, it refuses, unless this is the request that made it.
        let number = named.unwrap_or_else(|| self.core.vacant_tenant());
        let command = TenantCommand::Create { name, test_mode };
        self.submit_tenant(number, TenantOperation::new(command, origin)).await
    }

    /// What is published of a tenant.
    #[must_use]
    pub fn tenant_view(&self, tenant: TenantNumber) -> Option<Arc<TenantView>> {
        self.core.views.get(tenant)
    }

    /// What is published of every tenant, by number.
    #[must_use]
    pub fn tenants(&self) -> Vec<Arc<TenantView>> {
        self.core.views.all()
    }

    /// How often something about tenants was published.
    #[cfg(feature = "server")]
    pub(crate) fn published(&self) -> u64 {
        self.core.views.published()
    }

    /// What is published of tenants that have webhook endpoints.
    #[cfg(feature = "server")]
    pub(crate) fn tenants_with_webhooks(&self) -> Vec<Arc<TenantView>> {
        self.core.views.with_webhooks()
    }

    /// Who a key is, by the SHA-256 of its text; `None` if unknown or revoked.
    #[must_use]
    pub fn authenticate(&self, secret_sha256: &[u8; 32]) -> Option<Authenticated> {
        self.core.views.authenticate(secret_sha256)
    }

    /// Whose subscription has this name, as far as its name says: whether it is still there, a read tells.
    #[must_use]
    pub fn find_subscription(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        let given = self.core.directory.enrolments.find(tenant, name);
        given.or_else(|| name.parse::<SubscriptionId>().ok().map(|id| id.0.customer()))
    }

    /// The customer that the end of the subscription of this name goes to: who ended one of the name under this key already, else whose it
    /// is. A name is free again when its subscription has ended, the key is not (SEMANTICS §9).
    ///
    /// # Errors
    /// [`Failure::RecordGone`] and [`Failure::Halted`]: what was done under the key cannot be read.
    pub async fn resolve_subscription(
        &self,
        tenant: TenantNumber,
        name: &str,
        key: Option<&str>,
    ) -> Result<Option<CustomerNumber>, Failure> {
        let hash = key.map(|key| self.core.keys.hash_by_subscription(tenant, name, key));
        let ended = || hash.and_then(|hash| self.core.keys.find(hash, self.core.time.now()));
        let before = ended();
        let known = if before.is_none() { self.find_subscription(tenant, name) } else { None };
        // It may have ended since: its name goes after its key has come.
        match before.or_else(|| if known.is_none() { ended() } else { None }) {
            Some(position) => replayer::whose(&self.core, tenant, position).await.map(Some),
            None => Ok(known),
        }
    }

    /// The number of a customer that exists.
    #[must_use]
    pub fn resolve(&self, tenant: TenantNumber, target: Target<'_>) -> Option<CustomerNumber> {
        submit::find(&self.core, tenant, target)
    }

    /// The customer that a write to this name goes to: who has it, else who had it last. A deleted one answers what it did under a
    /// repeated key, and else that it is not found (SEMANTICS §9).
    #[must_use]
    pub fn resolve_even_deleted(&self, tenant: TenantNumber, name: &str) -> Option<CustomerNumber> {
        self.core.directory.find_even_deleted(tenant, name)
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        stats::collect(&self.core)
    }

    /// What the tables take in memory. Walks over all customers.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        footprint::measure(&self.core)
    }

    /// Whether writes are admitted now: recovered, log writable, not shutting down.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.refuses_writes().is_none()
    }

    /// Why no write is admitted now: the log has halted, the disk is nearly full, or the engine is shutting down. `None` = writes are.
    #[must_use]
    pub fn refuses_writes(&self) -> Option<Failure> {
        self.core.admit().err().or_else(|| self.halted().map(|_| Failure::Halted))
    }

    /// Why the log has halted, if it has.
    #[must_use]
    pub fn halted(&self) -> Option<Halted> {
        self.core.journal.halted()
    }

    /// Resolves when the log halts. `main` then ends the process; an embedding program decides itself (DESIGN decision 14).
    pub async fn wait_halted(&self) -> Halted {
        loop {
            if let Some(halted) = self.halted() {
                return halted;
            }
            tokio::time::sleep(HALT_LOOK_EVERY).await;
        }
    }

    /// Changes whenever something personal was erased, of a customer's state or of its records: whoever keeps names, or what was
    /// derived from records, lets go of all of it then.
    #[must_use]
    pub fn erasures(&self) -> u64 {
        self.core.counters.erasures.load(Ordering::Acquire)
    }

    /// What names its log for good, whatever directory it is in.
    #[must_use]
    pub fn store_id(&self) -> [u8; 16] {
        self.core.store
    }

    /// Runs work that may lag behind everybody else's on a thread of its own.
    ///
    /// # Errors
    /// What the machine says when it has no thread to give.
    pub fn spawn_later(&self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.core.env.spawn.spawn(name, coffer_wal::Urgency::Later, Box::new(work))
    }

    /// The engine's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core.time.now()
    }

    /// Random bytes from the engine's environment, for secrets.
    pub fn random(&self, out: &mut [u8]) {
        self.core.env.entropy.fill(out);
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("data_dir", &self.core.options.data_dir).finish_non_exhaustive()
    }
}
