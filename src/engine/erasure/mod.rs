//! Erasing everything personal about one customer: from a stopped engine's directory, here, and while the engine serves (`running`).
//!
//! What is erased stands in the personal parts of the customer's records, in its state, in its API keys, and in the words of
//! transfers that others sent it (`coffer_ledger::erasure` says what is left of each). The order makes every step one that the next
//! start, and the same erasure begun again, can build on:
//!
//! 1. [`plan_erasure`] finds the customer and all that is to go, and changes nothing.
//! 2. A marker says that it was begun. 3. The log is sealed to its end, so that every record stands in the archive.
//! 4. Archived segments are written again, one by one. 5. Two snapshots of the erased state replace all older ones, and with them
//!    the hot segments go. 6. Copies of cut-short writes are removed. 7. Whoever keeps copies of records (the history) is next.
//! 8. The marker is removed: [`Erasing::finish`].
//!
//! Erasing and folding commute, so that the archive's state and the snapshots' are the same again at the end; while the marker
//! stands, they are the same but for what is being erased. No record says that it was done: each erased record does.
//! Absent on purpose: the history. Tested in `tests/erasure/`.

mod choose;
mod marker;
mod plan;
pub(super) mod running;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::erasure;
use coffer_wal::{Archive, ArchiveError, ReadError, SnapshotError};

pub use self::choose::ErasedFields;
pub(crate) use self::choose::{Who, says_no_more_than_it_must};
use self::marker::Begun;
pub(crate) use self::marker::Marker;
pub use self::plan::{ErasurePlan, plan_erasure};
pub use self::running::{Erased, Erasure};
use super::core::Core;
use super::customer_actor::resting_of;
use super::open::{OpenError, log_options, open_prepared};
use super::options::EngineOptions;
use super::proving::{CheckpointFailure, seal_and_sign};
use super::recovery::{RecoveryProgress, Tables};
use super::snapshot::SnapshotFailure;
use super::{Failure, housekeeping, shutdown};
use crate::env::Env;

/// Why a customer was not erased, or not to the end: the same erasure begun again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no tenant of this name.
    #[error("no tenant {name:?}; there are: {}", known.join(", "))]
    NoTenant {
        /// The name asked for.
        name: Box<str>,
        /// The names that there are.
        known: Vec<Box<str>>,
    },
    /// There is no customer of this name.
    #[error("no customer {0:?}; one that was erased answers to the id that its erasure printed (cust_…)")]
    NoCustomer(Box<str>),
    /// Another customer's erasure was begun and not finished.
    #[error("the erasure of customer {name} of tenant {tenant:?} is not finished; finish that first")]
    Unfinished {
        /// Its tenant.
        tenant: Box<str>,
        /// What it answers to.
        name: Box<str>,
    },
    /// Another customer has the name that this one would get.
    #[error(
        "another customer is called {0:?}, which is what this one would be called; rename or delete that one first"
    )]
    NameTaken(Box<str>),
    /// The customer's state.
    #[error("the customer's state cannot be read: {0}")]
    Unreadable(String),
    /// An archived segment.
    #[error(transparent)]
    Archive(#[from] coffer_wal::archive::EraseError),
    /// Sealing or signing.
    #[error(transparent)]
    Seal(#[from] CheckpointFailure),
    /// A snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFailure),
    /// Hot segments that hold what was erased are still there.
    #[error("hot segments of the log could not be removed yet; run the same command again")]
    Hot,
    /// A file.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// Something else changes the archive: an erasure, or retention.
    #[error("another erasure is under way, or the archive is being made smaller: try again")]
    Busy,
    /// The sealer comes to no end.
    #[error("the log could not be archived to its end; the server's log says why")]
    NotSealed,
    /// Closing the engine, or a live one's answer.
    #[error(transparent)]
    Close(#[from] Failure),
    /// A bug.
    #[error("erasing panicked")]
    Panicked,
}

impl From<ArchiveError> for ErasureError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error.into())
    }
}

impl From<ReadError> for ErasureError {
    fn from(error: ReadError) -> Self {
        Self::Archive(error.into())
    }
}

/// How far an erasure has come. Each is durable when it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErasureStep {
    /// It is known that it was begun.
    Begun,
    /// The log is archived to its end.
    Sealed,
    /// A segment was written again.
    Rewritten {
        /// Its number.
        segment: u64,
        /// Erased records.
        records: u64,
    },
    /// A snapshot of the erased state was written.
    Snapshot,
    /// Older snapshots, hot segments and copies are gone.
    Removed,
}

/// An erasure under way, on an engine that serves nobody.
pub struct Erasing {
    core: Arc<Core>,
    plan: ErasurePlan,
    marker: Marker,
}

impl Erasing {
    /// Marks the erasure as begun and opens the engine, with the customer's state erased.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn begin(
        options: EngineOptions,
        env: Env,
        progress: Arc<dyn RecoveryProgress>,
        (plan, name): (ErasurePlan, &str),
        told: &mut (dyn FnMut(ErasureStep) + Send),
    ) -> Result<Self, ErasureError> {
        let marker = Marker::new(Arc::clone(&env.storage), &log_options(&options).dir);
        let who = plan.who();
        if !plan.unfinished {
            let begun = marker.write(&Begun::new(who, name));
            begun.map_err(|source| ErasureError::Io { path: marker.path(), source })?;
        }
        told(ErasureStep::Begun);
        let options = EngineOptions { snapshot_at_shutdown: false, snapshot_log_bytes: 0, ..options };
        let prepare = Box::new(move |tables: &mut Tables| erase_state(tables, who));
        let core = open_prepared(options, env, progress, prepare).await?;
        Ok(Self { core, plan, marker })
    }

    /// Erases in archive, snapshots and hot log. Returns how many records this changed.
    ///
    /// # Errors
    /// [`ErasureError`]; the same erasure begun again goes on from here.
    pub async fn run(&self, told: &mut (dyn FnMut(ErasureStep) + Send)) -> Result<u64, ErasureError> {
        seal_and_sign(&self.core).await?;
        told(ErasureStep::Sealed);
        let mut erased = 0;
        for segment in self.core.archive.numbers() {
            let records = self.rewrite(segment).await?;
            if records > 0 {
                told(ErasureStep::Rewritten { segment, records });
            }
            erased += records;
        }
        let mut kept = Vec::new();
        for _ in 0..coffer_wal::snapshot_file::SNAPSHOTS_KEPT {
            kept.push(housekeeping::take_snapshot(&self.core).await?.id);
            told(ErasureStep::Snapshot);
        }
        self.remove_what_is_left(&kept)?;
        told(ErasureStep::Removed);
        Ok(erased)
    }

    /// Says that it is done, and closes the engine. What keeps copies of the records outside of the log must be erased by now.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn finish(self) -> Result<(), ErasureError> {
        let removed = self.marker.remove();
        removed.map_err(|source| ErasureError::Io { path: self.marker.path(), source })?;
        self.close().await
    }

    /// Closes the engine without an end: the same erasure can be begun again.
    ///
    /// # Errors
    /// [`ErasureError::Close`].
    pub async fn close(self) -> Result<(), ErasureError> {
        Ok(shutdown::run(&self.core).await?)
    }

    async fn rewrite(&self, segment: u64) -> Result<u64, ErasureError> {
        let (archive, who) = (self.core.archive.clone(), self.plan.who());
        let rewriting = self.core.runtime.spawn_blocking(move || rewrite(&archive, segment, who));
        rewriting.await.map_err(|_| ErasureError::Panicked)?
    }

    fn remove_what_is_left(&self, kept: &[u64]) -> Result<(), ErasureError> {
        let storage = self.core.env.storage.as_ref();
        self.core.snapshots.keep_only(kept).map_err(|error: SnapshotError| SnapshotFailure::from(error))?;
        let hot = self.core.log.lock().expect("nothing panics while it is held");
        if hot.as_ref().is_some_and(|log| !log.hot_log().sealed().is_empty()) {
            return Err(ErasureError::Hot);
        }
        plan::remove_copies(storage, &log_options(&self.core.options).dir)
    }
}

impl std::fmt::Debug for Erasing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Erasing").field("plan", &self.plan).finish_non_exhaustive()
    }
}

fn rewrite(archive: &Archive, segment: u64, who: Who) -> Result<u64, ErasureError> {
    let mut choose =
        |record: &coffer_wal::Record<'_>| Ok(choose::instead(record, who)?.map(|(instead, _)| instead));
    Ok(archive.erase(segment, &mut choose)?)
}

/// Erases the customer in what recovery found: its state, its name, its API keys.
fn erase_state(tables: &mut Tables, who: Who) {
    let Ok(Some(customer)) = plan::state_of(tables, who) else { return };
    let erased = erasure::of_customer(&customer);
    forget_name(tables, &customer);
    tables.directory.note(&erased);
    if tables.router.take_resting(who.number).is_some() {
        tables.router.lay_to_rest(who.tenant, who.number, resting_of(&erased));
    }
    if let Some(tenant) = tables.tenants.get_mut(&who.tenant) {
        *tenant = erasure::of_tenant(tenant, who.number);
    }
}

fn forget_name(tables: &Tables, customer: &Customer) {
    if let Some(identity) = &customer.identity {
        tables.directory.forget(customer.tenant, &identity.external_id, customer.number);
    }
}
