//! That one transaction is in the log that a key has signed: everything needed to check it, and nothing else.

use coffer_ledger::ids::{LogPosition, RowId};
use coffer_ledger::record::Record;
use coffer_ledger::view;
use coffer_wal::RecordBuf;
use coffer_wal::archive::RecordProof;
use coffer_wal::audit::{SegmentRoot, leaf_of_record, root_by_path};
use coffer_wal::batch::Hash;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::key::PublicKey;
use crate::engine::codec::{self, DecodeError};
use crate::engine::erasure::says_no_more_than_it_must;

/// The proof of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The ledger row.
    pub transaction: RowId,
    /// The record that made it.
    pub record: RecordBuf,
    /// The segment that holds it: number, first and last record.
    pub segment: (u64, coffer_wal::Lsn, coffer_wal::Lsn),
    /// The neighbours on the way from its leaf to the segment's root, lowest first.
    pub path: Vec<Hash>,
    /// The chained root before the segment.
    pub before: Hash,
    /// The signed checkpoint of the segment.
    pub checkpoint: Vec<u8>,
}

/// Why a proof proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// It is not the text that was given out.
    #[error("it is not in the form in which proofs are given out, to the last byte")]
    Form,
    /// The checkpoint in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Signed by somebody else.
    #[error("it is signed by the key {found}, which is not the one to be trusted")]
    Key {
        /// By whom.
        found: PublicKey,
    },
    /// Record, path and roots do not lead to what was signed.
    #[error("the record does not lead to the root that was signed")]
    Root,
    /// The record is of a version or shape that this program does not read.
    #[error("the record cannot be read: {0}")]
    Record(#[from] DecodeError),
    /// The record has no such row.
    #[error("the record does not hold the transaction")]
    Row,
    /// What stands in place of the erased personal part is proven by nothing, and must say nothing.
    #[error("the record is erased, and yet says something personal")]
    Erased,
}

impl Proof {
    /// Of a record's row, by what the archive shows and the segment's checkpoint.
    #[must_use]
    pub fn new(transaction: RowId, shown: RecordProof, checkpoint: Vec<u8>) -> Self {
        let SegmentRoot { number, first, last, .. } = shown.segment;
        let RecordProof { record, path, before, .. } = shown;
        Self { transaction, record, segment: (number, first, last), path, before, checkpoint }
    }

    /// Checks everything; returns the checkpoint that it leads to and the record, read.
    ///
    /// # Errors
    /// [`ProofError`], when anything in it is not as it was given out, or `trusted` did not sign it.
    pub fn check(&self, trusted: &PublicKey) -> Result<(Checkpoint, Record), ProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint)?;
        if checkpoint.key != *trusted {
            return Err(ProofError::Key { found: checkpoint.key });
        }
        let chained = self.chained().ok_or(ProofError::Root)?;
        let (number, _, last) = self.segment;
        if (checkpoint.segment, checkpoint.last, checkpoint.chained) != (number, last, chained) {
            return Err(ProofError::Root);
        }
        let RecordBuf { lsn, header, public, personal, erased } = &self.record;
        let says_more = || !says_no_more_than_it_must(&self.record.as_record()).unwrap_or(false);
        if erased.is_some() && says_more() {
            return Err(ProofError::Erased);
        }
        let record = match codec::kinds::kind_of(header)? {
            codec::kinds::Kind::Customer => codec::decode_record(header.version, public, personal)?,
            codec::kinds::Kind::Tenant => return Err(ProofError::Row),
        };
        let has_row = view::rows(&record, LogPosition(lsn.0)).iter().any(|row| row.id == self.transaction);
        if has_row { Ok((checkpoint, record)) } else { Err(ProofError::Row) }
    }

    /// The chained root that the record leads to; `None` when its place and its path do not fit each other.
    fn chained(&self) -> Option<Hash> {
        let (number, first, last) = self.segment;
        let at = self.record.lsn.0.checked_sub(first.0)?;
        let shape = SegmentRoot { number, first, last, root: Hash::default() };
        let leaf = leaf_of_record(&self.record.as_record());
        let root = root_by_path(leaf, at, shape.records()?, &self.path)?;
        Some(SegmentRoot { root, ..shape }.chained_to(&self.before))
    }
}
