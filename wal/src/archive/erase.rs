//! Erases personal parts: an archived segment is written again, beside itself, and takes its own place.
//!
//! Each erased record keeps its public part and the hash of its personal part, so its leaf in the audit tree stays what it
//! was, and with it every root, checkpoint and proof. A batch with an erased record keeps its header and with it the chain;
//! the header says how long the batch is now, and its hash is of records that are no longer there. What stands for it is
//! the tree, which is computed again from what is written and must come out the same.
//!
//! Until the new file has its name, the old one is whole; afterwards the new one is. Absent on purpose: what belongs to whom,
//! the hot log. Tested in `tests/erase.rs` beside this.

use crate::batch::{BATCH_HEADER_BYTES, BatchHeader};
use crate::error::{ReadError, VisitError};
use crate::frame::{FRAME_HEADER_BYTES, Lsn, Record, encode_erased_frame};
use crate::storage::Access;
use crate::walk::WalkedBatch;

use super::{Archive, ArchiveDamage, ArchiveError, ArchiveHeader, ArchiveWriter, ArchivedSegment};
use crate::batch::BatchError;

/// Why a segment could not be written again; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// It cannot be read, or whoever chooses what is erased said no.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Says what stands in place of a record's personal part from now on; `None` leaves the record as it is.
pub(super) type Chooser<'a> = dyn FnMut(&Record<'_>) -> Result<Option<Vec<u8>>, VisitError> + 'a;

impl Archive {
    /// Erases the personal parts of the records of a segment that `choose` gives something for; returns how many. The file is
    /// not touched when there is none.
    ///
    /// # Errors
    /// [`EraseError`]; the segment is as it was.
    pub fn erase(&self, number: u64, choose: &mut Chooser<'_>) -> Result<u64, EraseError> {
        let segment = self.open_path(&self.path(number), number, Access::Read)?;
        let mut chosen = 0;
        segment.scan(Lsn::FIRST, segment.chain_after().lsn, &mut |record| {
            chosen += u64::from(choose(&record)?.is_some());
            Ok(())
        })?;
        if chosen > 0 {
            self.write_again(&segment, choose)?;
        }
        Ok(chosen)
    }

    fn write_again(&self, segment: &ArchivedSegment, choose: &mut Chooser<'_>) -> Result<(), EraseError> {
        let header = ArchiveHeader { erased: true, ..*segment.header() };
        let mut writer = self.create(header)?.keeping(segment.tree()?);
        let mut failed = None;
        let copied = segment.batches(Lsn::FIRST, segment.chain_after().lsn, &mut |batch| {
            if failed.is_none() {
                failed = copy(&batch, choose, &mut writer).err();
            }
            Ok(())
        });
        copied?;
        failed.map_or(Ok(()), Err)?;
        let end = writer.finish()?;
        if end == segment.chain_after() {
            return Ok(());
        }
        Err(ArchiveError::damaged(&self.path(segment.number()), 0, ArchiveDamage::Chain).into())
    }
}

/// Copies a batch as it is, or with what is erased of it.
fn copy(
    batch: &WalkedBatch<'_>,
    choose: &mut Chooser<'_>,
    writer: &mut ArchiveWriter,
) -> Result<(), EraseError> {
    let mut body = Vec::with_capacity(batch.frames.len() + FRAME_HEADER_BYTES);
    let (mut rest, mut changed) = (batch.frames, false);
    for record in batch.records() {
        let lsn = batch.header.first_lsn;
        let record = record.map_err(|error| {
            let damage = ArchiveDamage::Batch(BatchError::Frames(error));
            ArchiveError::damaged("archive".as_ref(), batch.offset, damage).at_record(lsn)
        })?;
        let (frame, after) = rest.split_at(record.frame_bytes());
        rest = after;
        let lsn = record.lsn;
        match choose(&record).map_err(|source| ReadError::Visit { lsn, source })? {
            Some(instead) => {
                let erased = encode_erased_frame(&mut body, &record, &instead);
                erased.map_err(|error| ReadError::Visit { lsn, source: error.into() })?;
                changed = true;
            }
            None => body.extend_from_slice(frame),
        }
    }
    let stored = if changed {
        u32::try_from(BATCH_HEADER_BYTES + body.len()).expect("a batch is far below 4 GiB")
    } else {
        batch.header.stored
    };
    Ok(writer.batch(&BatchHeader { stored, ..batch.header }, &body)?)
}
