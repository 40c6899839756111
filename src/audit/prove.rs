//! Makes the proof of a transaction from the archive and the checkpoints, of a running store or of a stopped one.

use coffer_ledger::ids::RowId;
use coffer_wal::archive::Provable;
use coffer_wal::{Archive, Lsn, ReadError};

use super::checkpoint::Checkpoint;
use super::proof::{Proof, ProofError};
use super::store::CheckpointStore;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveFailure {
    /// The record's segment is still being written, or not archived yet.
    #[error("the transaction's segment of the log is not sealed yet")]
    NotSealed,
    /// Sealed; the next second signs it.
    #[error("the transaction's segment of the log is not signed yet")]
    NotSigned,
    /// The segment was archived by a version that made no audit trees.
    #[error("the transaction's segment was archived before there were proofs")]
    NoTree,
    /// Its segment was removed from the archive for good.
    #[error("the archive no longer holds the transaction's record")]
    Gone,
    /// The record is there and has no such row.
    #[error("there is no such transaction")]
    NoSuchRow,
    /// The archive or the checkpoint cannot be read, or they do not fit each other.
    #[error("{0}")]
    Damaged(String),
}

/// Proves one ledger row. What is given out was checked: it holds for the key that signed it.
///
/// # Errors
/// [`ProveFailure`].
pub fn prove(archive: &Archive, checkpoints: &CheckpointStore, row: RowId) -> Result<Proof, ProveFailure> {
    let proven = archive.prove(Lsn(row.position().0)).map_err(|error| match error {
        ReadError::Gone { .. } => ProveFailure::Gone,
        error => damaged(error),
    });
    let shown = match proven? {
        Provable::Proven(shown) => *shown,
        Provable::NotArchived => return Err(ProveFailure::NotSealed),
        Provable::NoTree => return Err(ProveFailure::NoTree),
    };
    let number = shown.segment.number;
    let Some(bytes) = checkpoints.bytes(number).map_err(damaged)? else {
        // Its checkpoint goes with the segment, also from under a proof that is being made.
        let is_gone = archive.removed().is_some_and(|removed| number <= removed.segment);
        return Err(if is_gone { ProveFailure::Gone } else { ProveFailure::NotSigned });
    };
    let key = Checkpoint::open(&bytes).map_err(damaged)?.key;
    let proof = Proof::new(row, shown, bytes);
    match proof.check(&key) {
        Ok(_) => Ok(proof),
        Err(ProofError::Row) => Err(ProveFailure::NoSuchRow),
        Err(error) => Err(damaged(error)),
    }
}

fn damaged(error: impl std::fmt::Display) -> ProveFailure {
    ProveFailure::Damaged(error.to_string())
}
