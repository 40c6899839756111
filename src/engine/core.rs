//! What everything in the engine shares: the log, the tables, the clock, the counters. No logic lives here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use coffer_ledger::catalog::tenant::Tenant;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{Archive, Journal, Log, LogReader, Lsn, SnapshotStore, Space, Subject};
use ractor::ActorRef;

use super::codec::kinds;
use super::counters::Counters;
use super::directory::Directory;
use super::followers::Followers;
use super::gate::Done;
use super::intents::Intents;
use super::keys::Keys;
use super::operation::Failure;
use super::options::EngineOptions;
use super::permits::{Door, InFlight, PermitLimits};
use super::router::Router;
use super::tenant_actor::TenantMessage;
use super::tenant_view::TenantViews;
use super::timers::Timers;
use crate::audit::{CheckpointStore, Notary};
use crate::clock::Timekeeper;
use crate::env::Env;

/// A tenant's mailbox and its share of the writes in flight.
#[derive(Clone)]
pub(crate) struct TenantSeat {
    pub(crate) mailbox: ActorRef<TenantMessage>,
    pub(crate) in_flight: Arc<InFlight>,
}

/// What everything in the engine shares.
pub(crate) struct Core {
    pub(crate) options: EngineOptions,
    pub(crate) env: Env,
    /// Names the log for good.
    pub(crate) store: [u8; 16],
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) time: Timekeeper,
    pub(crate) journal: Journal<Done>,
    pub(crate) reader: LogReader,
    pub(crate) snapshots: SnapshotStore,
    pub(crate) archive: Archive,
    pub(crate) checkpoints: CheckpointStore,
    /// Held while it signs; nobody else waits for it.
    pub(crate) notary: Mutex<Notary>,
    /// Taken by the shutdown.
    pub(crate) log: Mutex<Option<Log<Done>>>,
    pub(crate) router: Router,
    pub(crate) directory: Directory,
    pub(crate) keys: Keys,
    pub(crate) views: TenantViews,
    pub(crate) tenants: RwLock<HashMap<TenantNumber, TenantSeat>>,
    pub(crate) timers: Timers,
    pub(crate) counters: Counters,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) permit_limits: PermitLimits,
    /// Room for the engine's own writes.
    pub(crate) internal: Arc<Door>,
    /// Transfers on their way.
    pub(crate) intents: Intents,
    /// Set once: no write is admitted any more.
    pub(crate) closing: AtomicBool,
    /// Room for those who look into the past.
    pub(crate) looking_back: Arc<tokio::sync::Semaphore>,
    /// Whoever follows the log.
    pub(crate) followers: Followers,
    /// Held by whoever removes archived segments or writes them again.
    pub(crate) archive_changing: Arc<tokio::sync::Mutex<()>>,
    /// Held while a snapshot is taken.
    pub(crate) snapshotting: tokio::sync::Mutex<()>,
    /// Bytes of log that the start replayed.
    pub(crate) replayed_bytes: u64,
    /// Start of the newest snapshot.
    pub(crate) snapshot_start: AtomicU64,
}

impl Core {
    /// Whether a write may be tried at all (DESIGN decision 6). A halted log answers for itself.
    pub(crate) fn admit(&self) -> Result<(), Failure> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Failure::ReadOnly("the engine is shutting down"));
        }
        match self.journal.space() {
            Space::Enough => Ok(()),
            // A disk that failed cannot make spare segments either.
            Space::Low { .. } if self.journal.halted().is_some() => Err(Failure::Halted),
            Space::Low { .. } => Err(Failure::ReadOnly("the disk is nearly full")),
        }
    }

    /// The tenant's time: its own clock if it has one, else the engine's (SEMANTICS §10).
    pub(crate) fn now_of(&self, tenant: TenantNumber) -> Timestamp {
        self.views.get(tenant).and_then(|view| view.test_clock).unwrap_or_else(|| self.time.now())
    }

    /// The door of a customer of this tenant that wakes now.
    pub(crate) fn door_of(&self, tenant: TenantNumber) -> Arc<Door> {
        let tenants = self.tenants.read().expect("no tenant operation panics");
        let of_tenant = tenants.get(&tenant).map(|seat| Arc::clone(&seat.in_flight));
        Door::new(Arc::clone(&self.in_flight), of_tenant.unwrap_or_default(), self.permit_limits)
    }

    /// Every tenant's seat, by number.
    pub(crate) fn tenant_seats(&self) -> Vec<(TenantNumber, TenantSeat)> {
        let tenants = self.tenants.read().expect("no tenant operation panics");
        let mut seats: Vec<_> = tenants.iter().map(|(number, seat)| (*number, seat.clone())).collect();
        seats.sort_by_key(|(number, _)| *number);
        seats
    }

    /// A tenant that no record has made yet: one whose creation was refused before, else a new one.
    pub(crate) fn vacant_tenant(self: &Arc<Self>) -> TenantNumber {
        let seats = self.tenant_seats();
        if let Some((vacant, _)) = seats.iter().find(|(number, _)| self.views.get(*number).is_none()) {
            return *vacant;
        }
        let number = TenantNumber(seats.last().map_or(0, |(number, _)| number.0) + 1);
        super::tenant_actor::seat(self, Tenant::new(number));
        number
    }

    /// Runs `then` when everything up to `position` is durable.
    pub(crate) fn after(&self, position: LogPosition, then: super::gate::Then) {
        self.journal.after(Lsn(position.0), Done::Then(then));
    }

    /// Waits until everything up to `position` is durable.
    pub(crate) async fn durable(&self, position: LogPosition) -> Result<(), Failure> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.after(position, Box::new(move |result| drop(tell.send(result))));
        told.await.map_err(|_| Failure::OutcomeUnknown)?.map_err(|_| Failure::Halted)
    }
}

/// The log's name for a customer.
pub(crate) const fn customer_subject(tenant: TenantNumber, number: CustomerNumber) -> Subject {
    Subject { kind: kinds::CUSTOMER, tenant: tenant.0, number: number.0 }
}

/// The log's name for a tenant.
pub(crate) const fn tenant_subject(tenant: TenantNumber) -> Subject {
    Subject { kind: kinds::TENANT, tenant: tenant.0, number: tenant.0 as u64 }
}
