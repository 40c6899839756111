//! Opening: lock → recover → check the clock → start the log's threads → seat the tenants → start the timers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use coffer_ledger::time::Timestamp;
use coffer_wal::{Archive, Log, LogOptions, Opened, SnapshotError};

use super::core::Core;
use super::counters::Counters;
use super::followers::Followers;
use super::gate::Done;
use super::host::Host;
use super::intents::Intents;
use super::keys::Keys;
use super::options::EngineOptions;
use super::permits::{Door, PermitLimits};
use super::recovery::{RecoveryProgress, Tables, recover};
use super::tenant_view::TenantViews;
use super::timers::Timers;
use super::{housekeeping, tenant_actor, timers};
use crate::audit::{AuditKey, CheckpointStore, KeyError, Notary};
use crate::clock::{Timekeeper, days_ahead};
use crate::env::Env;

/// Why an engine did not start. Nothing on disk was changed, except that an empty directory may hold an empty log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log: locked, unwritable, of another format or store, damaged. The command line maps each to its exit code.
    #[error(transparent)]
    Log(#[from] coffer_wal::OpenError),
    /// The snapshot directory.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The machine's clock is far ahead of the last record; expiring everybody's credit by mistake cannot be undone.
    #[error(
        "the clock is {days} days ahead of the last record (limit {max}); if it is right, start with --accept-clock"
    )]
    ClockGap {
        /// Whole days.
        days: u64,
        /// `clock_gap_days_max`.
        max: u64,
    },
    /// The key that signs checkpoints.
    #[error(transparent)]
    AuditKey(#[from] KeyError),
    /// The recovering thread panicked: a bug.
    #[error("recovery panicked")]
    Panicked,
}

/// Changes what recovery found, before anything runs on it.
pub(crate) type Prepare = Box<dyn FnOnce(&mut Tables) + Send>;

/// Opens the log of shard 0 and builds the engine around it.
pub(crate) async fn open(
    options: EngineOptions,
    env: Env,
    progress: Arc<dyn RecoveryProgress>,
) -> Result<Arc<Core>, OpenError> {
    open_prepared(options, env, progress, Box::new(|_| {})).await
}

/// As [`open`], after `prepare` changed what recovery found.
pub(crate) async fn open_prepared(
    options: EngineOptions,
    env: Env,
    progress: Arc<dyn RecoveryProgress>,
    prepare: Prepare,
) -> Result<Arc<Core>, OpenError> {
    let runtime = tokio::runtime::Handle::current();
    let opening =
        tokio::task::spawn_blocking(move || open_blocking(options, env, runtime, &progress, prepare));
    opening.await.map_err(|_| OpenError::Panicked)?
}

fn open_blocking(
    options: EngineOptions,
    env: Env,
    runtime: tokio::runtime::Handle,
    progress: &Arc<dyn RecoveryProgress>,
    prepare: Prepare,
) -> Result<Arc<Core>, OpenError> {
    let started_ns = env.clock.monotonic_ns();
    let mut opened = coffer_wal::Log::open(log_options(&options), env.for_log())?;
    if let Some(torn) = &opened.end().torn {
        let (file, offset, bytes) = (torn.path.display(), torn.offset, torn.bytes);
        progress.note(&format!("{file}: a write of {bytes} bytes at {offset} was cut short; it was never acknowledged, and is set aside"));
    }
    if opened.end().control_slot_damaged {
        progress.note(
            "one slot of the control file is damaged; the other one answered, and both are written anew",
        );
    }
    let seed = seed_of(&opened);
    let make_keys = || Keys::new(seed, options.idempotency_window_h, options.keys_max);
    fail::fail_point!("open::recover");
    let mut tables = recover(&mut opened, &make_keys, progress)?;
    prepare(&mut tables);
    check_clock(&options, &env, tables.last_at)?;
    let signing = Signing::prepare(&options, &env, &opened)?;
    let log = opened.start(env.spawn.as_ref())?;
    let took_ms = (env.clock.monotonic_ns() - started_ns) / 1_000_000;
    Ok(assemble(options, env, runtime, log, tables, signing, took_ms))
}

/// What signs checkpoints, and where they are.
struct Signing {
    store: [u8; 16],
    archive: Archive,
    checkpoints: CheckpointStore,
    notary: Notary,
}

impl Signing {
    fn prepare(options: &EngineOptions, env: &Env, opened: &Opened) -> Result<Self, OpenError> {
        let key = AuditKey::open_or_make(env, &options.data_dir, options.audit_key.as_deref())?;
        let archive = opened.archive().clone();
        let log_options = log_options(options);
        let checkpoints = CheckpointStore::new(Arc::clone(&env.storage), &log_options.dir);
        let owner = (opened.store_id(), log_options.shard);
        let notary = Notary::new(key, owner, archive.clone(), checkpoints.clone(), Arc::clone(&env.clock));
        Ok(Self { store: opened.store_id(), archive, checkpoints, notary })
    }
}

pub(crate) fn log_options(options: &EngineOptions) -> LogOptions {
    LogOptions {
        dir: options.data_dir.join("shard-00"),
        segment_bytes: options.segment_bytes,
        direct_io: options.direct_io,
        ..LogOptions::default()
    }
}

/// Key hashes stand in snapshots: their seed is the store's own and never changes.
pub(crate) fn seed_of(opened: &Opened) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = opened.store_id();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn check_clock(options: &EngineOptions, env: &Env, last_at: Timestamp) -> Result<(), OpenError> {
    let (days, max) = (days_ahead(env.clock.as_ref(), last_at), options.clock_gap_days_max);
    if days > max && !options.accept_clock { Err(OpenError::ClockGap { days, max }) } else { Ok(()) }
}

fn assemble(
    options: EngineOptions,
    env: Env,
    runtime: tokio::runtime::Handle,
    log: Log<Done>,
    tables: Tables,
    signing: Signing,
    took_ms: u64,
) -> Arc<Core> {
    let counters = Counters::default();
    counters.recovery_ms.store(took_ms, Ordering::Relaxed);
    counters.recovery_records.store(tables.records, Ordering::Relaxed);
    let permit_limits = PermitLimits {
        engine: options.writes_in_flight_max,
        tenant: options.writes_in_flight_tenant_max,
        customer: options.writes_in_flight_customer_max,
    };
    let internal = PermitLimits {
        engine: options.internal_in_flight_max,
        tenant: options.internal_in_flight_max,
        customer: options.internal_in_flight_max,
    };
    let core = Arc::new(Core {
        internal: Door::new(Arc::default(), Arc::default(), internal),
        intents: Intents::default(),
        time: Timekeeper::start(Arc::clone(&env.clock), tables.last_at),
        journal: log.journal(),
        reader: log.reader(),
        snapshots: log.snapshots().clone(),
        store: signing.store,
        archive: signing.archive,
        checkpoints: signing.checkpoints,
        notary: Mutex::new(signing.notary),
        log: Mutex::new(Some(log)),
        router: tables.router,
        directory: tables.directory,
        keys: tables.keys,
        views: TenantViews::default(),
        tenants: std::sync::RwLock::default(),
        timers: Timers::default(),
        counters,
        in_flight: Arc::default(),
        permit_limits,
        closing: AtomicBool::new(false),
        looking_back: Arc::new(tokio::sync::Semaphore::new(options.as_of_in_flight_max)),
        followers: Followers::default(),
        archive_changing: Arc::default(),
        snapshotting: tokio::sync::Mutex::default(),
        replayed_bytes: tables.replayed_bytes,
        snapshot_start: AtomicU64::new(tables.snapshot_start.0),
        options,
        env,
        runtime,
    });
    let (numbers, tenants): (Vec<_>, Vec<_>) = tables.tenants.into_iter().unzip();
    tenants.into_iter().for_each(|tenant| tenant_actor::seat(&core, tenant));
    // A tenant's clock is known once it is seated.
    tables.due.iter().for_each(|(at, tenant, number)| core.schedule(*at, *tenant, *number));
    numbers.into_iter().for_each(|number| tenant_actor::tell_those_behind(&core, number));
    core.runtime.spawn(timers::run(Arc::downgrade(&core)));
    core.runtime.spawn(housekeeping::run(Arc::downgrade(&core)));
    core
}
