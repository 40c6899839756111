//! Moves sealed segments into the archive, and lets their hot files go.
//!
//! A segment is sealed once its successor is live: it will never be written again. [`Sealer::step`] takes the
//! oldest one that is not archived, reads it back from the device, verifies every batch and the chain to its
//! end, and archives it. [`Sealer::purge`] removes hot files, oldest first, that are archived and that no
//! kept snapshot needs for its replay.
//!
//! A failure here never stops the log: the hot file stays, and the caller reports it and tries again later.
//! Absent on purpose: a thread and its rests (`machines`), signatures of the audit trees' roots. Tested in `wal/tests/proofs/archive.rs`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::{Archive, ArchiveError, ArchiveHeader, ArchiveWriter};
use crate::batch::BatchError;
use crate::frame::Lsn;
use crate::hot_log::{HotLog, SealedSegment};
use crate::storage::{Access, Storage};
use crate::walk::{SegmentWalk, WalkStep};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealStep {
    /// Archived this segment; there may be more.
    Archived {
        /// The segment's number.
        number: u64,
    },
    /// Every sealed segment is archived.
    Idle,
}

/// Why a segment could not be archived or removed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The hot file cannot be read or removed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// The hot file is damaged; it stays where it is, and the log must not be purged.
    #[error(
        "{} is damaged at offset {offset}: {error}; restore the file from a copy before it is needed",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, in bytes.
        offset: u64,
        /// What is wrong there.
        error: BatchError,
    },
    /// The archive cannot be written, or did not read back.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Archives what is sealed, one segment a step.
pub struct Sealer {
    storage: Arc<dyn Storage>,
    hot: Arc<HotLog>,
    archive: Arc<Archive>,
}

impl Sealer {
    /// Moves segments from `hot` to `archive`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, hot: Arc<HotLog>, archive: Arc<Archive>) -> Sealer {
        Sealer { storage, hot, archive }
    }

    /// Archives the oldest sealed segment that is not archived yet.
    ///
    /// # Errors
    /// [`SealError`]; nothing was archived then, and the hot file is untouched.
    pub fn step(&self) -> Result<SealStep, SealError> {
        self.step_resting(&mut || {})
    }

    /// The same, with a chance to rest after each little piece of work.
    pub(crate) fn step_resting(&self, rest: &mut dyn FnMut()) -> Result<SealStep, SealError> {
        let Some(segment) = self.waiting().next() else { return Ok(SealStep::Idle) };
        self.archive_segment(&segment, rest)?;
        Ok(SealStep::Archived { number: segment.header.number })
    }

    /// The sealed segments that are not archived, oldest first.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = SealedSegment> + '_ {
        self.hot.sealed().into_iter().filter(|segment| !self.archive.holds(segment.header.number))
    }

    /// Removes the hot files of segments that are archived and whose last record is at or before `floor`,
    /// oldest first; returns their numbers. `floor` is where the replay of the oldest kept snapshot starts.
    ///
    /// # Errors
    /// When a file cannot be removed; the ones before it are gone.
    pub fn purge(&self, floor: Lsn) -> Result<Vec<u64>, SealError> {
        let sealed = self.hot.sealed();
        let purgeable: Vec<&SealedSegment> = sealed
            .iter()
            .take_while(|segment| segment.chain.lsn <= floor && self.archive.holds(segment.header.number))
            .collect();
        if !purgeable.is_empty() {
            self.archive.make_names_durable()?;
        }
        let mut purged = Vec::new();
        for segment in purgeable {
            let number = segment.header.number;
            let removed = self.hot.remove(number);
            removed.map_err(|source| SealError::Io { path: segment.path.clone(), source })?;
            purged.push(number);
        }
        Ok(purged)
    }

    fn archive_segment(&self, segment: &SealedSegment, rest: &mut dyn FnMut()) -> Result<(), SealError> {
        let header = &segment.header;
        let mut writer = self.archive.create(ArchiveHeader {
            store: header.store,
            shard: header.shard,
            number: header.number,
            epoch: header.epoch,
            created_ns: header.created_ns,
            chain: header.chain,
            erased: false,
        })?;
        self.copy_batches(segment, &mut writer, rest)?;
        let archived = writer.finish_resting(rest)?;
        assert_eq!(archived, segment.chain, "the copy was checked to end where the segment does");
        Ok(())
    }

    /// Reads past the page cache: what is archived is what the device holds.
    fn copy_batches(
        &self,
        segment: &SealedSegment,
        writer: &mut ArchiveWriter,
        rest: &mut dyn FnMut(),
    ) -> Result<(), SealError> {
        let error = |source| SealError::Io { path: segment.path.clone(), source };
        let file = self.storage.open(&segment.path, Access::ReadDirect).map_err(error)?;
        let mut walk = SegmentWalk::new(file.as_ref(), segment.header, segment.end);
        loop {
            let offset = walk.offset();
            match walk.step().map_err(error)? {
                WalkStep::Batch(batch) => {
                    writer.batch(&batch.header, batch.frames)?;
                    rest();
                }
                WalkStep::Invalid(error) => {
                    return Err(SealError::Damaged { path: segment.path.clone(), offset, error });
                }
                WalkStep::Limit => break,
            }
        }
        if walk.chain() == segment.chain {
            return Ok(());
        }
        let (path, offset) = (segment.path.clone(), segment.end);
        Err(SealError::Damaged { path, offset, error: BatchError::Chain })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({:?})", self.archive)
    }
}
