//! What operators, and the server for them, ask of a running [`Engine`]: snapshots, proofs, an end in good order, what follows the log, what
//! the archive keeps, erasure. None of it is in a debit's way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coffer_ledger::ids::{RowId, TenantNumber};

use super::{CheckpointFailure, Engine, Failure, Follower, SnapshotFailure, SnapshotReport};
use super::{erasure, housekeeping, proving, retention, shutdown};
use crate::audit::{Checkpoint, Proof, ProveFailure, PublicKey};

impl Engine {
    /// Takes a snapshot while the engine goes on.
    ///
    /// # Errors
    /// [`SnapshotFailure`]; the log keeps what the snapshot would have replaced.
    pub async fn take_snapshot(&self) -> Result<SnapshotReport, SnapshotFailure> {
        housekeeping::take_snapshot(&self.core).await
    }

    /// The proof of a ledger row, for whoever has the public key. That the row is the caller's to see is the caller's to know.
    ///
    /// # Errors
    /// [`ProveFailure`], while its segment is not sealed and signed above all.
    pub async fn prove(&self, row: RowId) -> Result<Proof, ProveFailure> {
        proving::prove(&self.core, row).await
    }

    /// Waits until what is sealed is archived, and signs what is not signed yet. It happens by itself, too, once a second.
    ///
    /// # Errors
    /// [`CheckpointFailure`]; the log goes on.
    pub async fn checkpoint(&self) -> Result<Vec<Checkpoint>, CheckpointFailure> {
        proving::seal_and_sign(&self.core).await
    }

    /// The key by which checkpoints and proofs are checked.
    #[must_use]
    pub fn audit_key(&self) -> PublicKey {
        self.core.notary.lock().expect("nothing panics while it is held").public()
    }

    /// Ends in good order: refuse writes, wait for those in flight, rest all actors, snapshot, close the log. Safe to leave
    /// out: whatever was acknowledged is in the log.
    ///
    /// # Errors
    /// [`Failure::Halted`] if the log halted before.
    pub async fn shutdown(&self) -> Result<(), Failure> {
        shutdown::run(&self.core).await
    }

    /// Refuses writes from now on; reads go on. The first step of a shutdown, for a front that drains.
    pub fn stop_admitting(&self) {
        self.core.closing.store(true, Ordering::Release);
    }

    /// Reads the log's durable records, for whoever follows it. It pins nothing.
    #[must_use]
    pub fn log_reader(&self) -> coffer_wal::LogReader {
        self.core.reader.clone()
    }

    /// Registers one that follows the log: what it has not taken is not removed from the archive by [`Engine::keep_archive`].
    #[must_use]
    pub fn follow(&self) -> Follower {
        self.core.followers.add()
    }

    /// From now on removes the oldest archived segments for good that are not wanted and that nothing needs, one a second. Call it once,
    /// after everybody who follows the log is registered.
    pub fn keep_archive(&self, keep: retention::Keep) {
        if !keep.is_all() {
            self.core.runtime.spawn(retention::running::run(Arc::downgrade(&self.core), keep));
        }
    }

    /// What erasing a customer would change. Changes nothing. Reads the whole log.
    ///
    /// # Errors
    /// [`erasure::ErasureError`]; `Busy` while something else changes the archive.
    pub async fn plan_erasure(
        &self,
        tenant: TenantNumber,
        name: &str,
    ) -> Result<erasure::ErasurePlan, erasure::ErasureError> {
        erasure::running::plan(&self.core, tenant, name).await
    }

    /// Begins to erase a customer while everybody else goes on: when this resolves, its live state is erased for good, and what is
    /// recorded from then on stays. The rest is [`erasure::Erasure::run`]'s. `name` is its id or external id.
    ///
    /// # Errors
    /// [`erasure::ErasureError`]; what was begun goes on with the same call, or [`Engine::unfinished_erasure`].
    pub async fn begin_erasure(
        &self,
        tenant: TenantNumber,
        name: &str,
    ) -> Result<erasure::Erasure, erasure::ErasureError> {
        erasure::running::begin(&self.core, tenant, name).await
    }

    /// Goes on with an erasure that was begun and not finished, also on a stopped engine.
    ///
    /// # Errors
    /// As [`Engine::begin_erasure`].
    pub async fn unfinished_erasure(&self) -> Result<Option<erasure::Erasure>, erasure::ErasureError> {
        erasure::running::unfinished(&self.core).await
    }
}
