//! Signs what the sealer has archived, a checkpoint for each segment.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use coffer_wal::archive::ArchiveError;
use coffer_wal::segment::StoreId;
use coffer_wal::{Archive, Clock};

use super::checkpoint::Checkpoint;
use super::key::{AuditKey, PublicKey};
use super::store::CheckpointStore;

/// Signs checkpoints of one shard.
pub struct Notary {
    key: AuditKey,
    owner: (StoreId, u16),
    archive: Archive,
    store: CheckpointStore,
    clock: Arc<dyn Clock>,
    /// Segments that need nothing any more: signed, or without a tree.
    done: BTreeSet<u64>,
}

/// Why a checkpoint was not signed. The log goes on; the next try begins where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The checkpoint's file or directory.
    #[error("checkpoint {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// The archived segment.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl Notary {
    /// Signs what is in `archive`, of this store and shard.
    #[must_use]
    pub fn new(
        key: AuditKey,
        owner: (StoreId, u16),
        archive: Archive,
        store: CheckpointStore,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { key, owner, archive, store, clock, done: BTreeSet::new() }
    }

    /// The key's public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Signs every archived segment that has no checkpoint yet, oldest first; returns the new ones. Never signs one a second time.
    ///
    /// # Errors
    /// [`NotaryError`]; the ones before it are signed.
    pub fn sign_all(&mut self) -> Result<Vec<Checkpoint>, NotaryError> {
        if self.done.is_empty() {
            let signed = self.store.segments();
            self.done.extend(signed.map_err(|source| NotaryError::Io { path: self.store.path(0), source })?);
        }
        let mut new = Vec::new();
        for number in self.archive.numbers() {
            if self.done.contains(&number) {
                continue;
            }
            new.extend(self.sign(number)?);
            self.done.insert(number);
        }
        Ok(new)
    }

    /// The segment was read back whole when it was archived; that its tree follows the one before is checked here.
    fn sign(&self, number: u64) -> Result<Option<Checkpoint>, NotaryError> {
        let Some((segment, chained)) = self.archive.verify_chained_root(number)? else { return Ok(None) };
        let checkpoint =
            Checkpoint::of(self.owner, &segment, chained, self.clock.now_ns(), self.key.public());
        let written = self.store.write(number, &checkpoint.sign(&self.key));
        written.map_err(|source| NotaryError::Io { path: self.store.path(number), source })?;
        Ok(Some(checkpoint))
    }
}

impl std::fmt::Debug for Notary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notary({:?}, {} done)", self.key, self.done.len())
    }
}
