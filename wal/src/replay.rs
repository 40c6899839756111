//! Reads a log from some record to its end and verifies every batch on the way.
//!
//! Records before the oldest hot segment come from the archive. Hot segments are walked whole, from the one
//! that holds the first record wanted: hashes, chain, the links between segments, and the witness where it
//! speaks of a batch that is passed. Absent on purpose: applying anything, tolerance of any kind.
//! Tested in `log/tests.rs` and by the crash tests.

use std::path::Path;

use crate::batch::ChainEnd;
use crate::error::{Corruption, OpenError, ReadError, VisitError};
use crate::frame::{Lsn, Record};
use crate::reader::SegmentSource;
use crate::recovery::{FoundSegment, Survey, check_against_witness};
use crate::storage::{Access, Storage};
use crate::walk::{SegmentWalk, WalkStep, WalkedBatch};

/// Batches between two reports of progress.
const BATCHES_PER_REPORT: u64 = 256;

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Records visited.
    pub records: u64,
    /// Bytes of hot segments read.
    pub bytes_read: u64,
    /// Bytes of hot segments there are to read.
    pub bytes_total: u64,
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Records visited.
    pub records: u64,
    /// Bytes of hot segments read and verified.
    pub bytes: u64,
    /// The last record of the log.
    pub last_lsn: Lsn,
}

/// The caller's two callbacks and what was counted for them.
pub(crate) struct Replay<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) archive: &'a dyn SegmentSource,
    pub(crate) survey: &'a Survey,
    pub(crate) from: Lsn,
    pub(crate) progress: &'a mut dyn FnMut(&ReplayProgress),
    pub(crate) visit: &'a mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    pub(crate) counted: ReplayProgress,
}

impl Replay<'_> {
    pub(crate) fn run(mut self) -> Result<ReplaySummary, OpenError> {
        let end = &self.survey.end;
        if self.from <= end.chain.lsn {
            self.visit_archived()?;
            let start = self.first_segment();
            self.counted.bytes_total = self.bytes_from(start);
            for at in start..self.survey.live.len() {
                self.walk_segment(at)?;
            }
        }
        (self.progress)(&self.counted);
        let ReplayProgress { records, bytes_read, .. } = self.counted;
        Ok(ReplaySummary { records, bytes: bytes_read, last_lsn: end.chain.lsn })
    }

    /// The newest segment that starts at or before the first record wanted.
    fn first_segment(&self) -> usize {
        let live = &self.survey.live;
        live.iter().rposition(|segment| segment.header.first_lsn() <= self.from).unwrap_or(0)
    }

    fn end_of(&self, at: usize) -> (u64, ChainEnd) {
        match self.survey.live.get(at + 1) {
            Some(next) => (next.header.previous_end, next.header.chain),
            None => (self.survey.end.offset, self.survey.end.chain),
        }
    }

    fn bytes_from(&self, start: usize) -> u64 {
        (start..self.survey.live.len()).map(|at| self.end_of(at).0).sum()
    }

    /// Visits what comes before the oldest hot segment.
    fn visit_archived(&mut self) -> Result<(), OpenError> {
        let hot_first = self.survey.live.first().map_or(Lsn::FIRST, |first| first.header.first_lsn());
        if self.from >= hot_first {
            return Ok(());
        }
        let (visit, counted) = (&mut *self.visit, &mut self.counted);
        let scanned = self.archive.scan(self.from, hot_first.previous(), &mut |record| {
            visit(record)?;
            counted.records += 1;
            Ok(())
        });
        match scanned {
            Ok(next) if next >= hot_first => Ok(()),
            Ok(next) => Err(OpenError::Gone { from: next, first: hot_first }),
            Err(error) => Err(from_archive(error, hot_first)),
        }
    }

    fn walk_segment(&mut self, at: usize) -> Result<(), OpenError> {
        let FoundSegment { path, header } = &self.survey.live[at];
        let (end, end_chain) = self.end_of(at);
        let file = self.storage.open(path, Access::ReadDirect).map_err(OpenError::io(path))?;
        let mut walk = SegmentWalk::new(&*file, *header, end);
        let (bytes_before, mut batches) = (self.counted.bytes_read, 0);
        loop {
            let (offset, next_lsn) = (walk.offset(), walk.chain().lsn.next());
            match walk.step().map_err(OpenError::io(path))? {
                WalkStep::Limit => break,
                WalkStep::Invalid(error) => {
                    return Err(damaged(path, offset, next_lsn, end_chain.lsn, &error.to_string()));
                }
                WalkStep::Batch(batch) => self.visit_batch(&batch, path)?,
            }
            let chain = walk.chain();
            check_against_witness(&self.survey.control, path, offset, &chain)?;
            self.counted.bytes_read = bytes_before + walk.offset();
            batches += 1;
            if batches % BATCHES_PER_REPORT == 0 {
                (self.progress)(&self.counted);
            }
        }
        self.counted.bytes_read = bytes_before + end;
        if walk.chain() != end_chain || walk.offset() != end {
            let why = "the segment does not end where the next one says";
            return Err(damaged(path, walk.offset(), walk.chain().lsn.next(), end_chain.lsn, why));
        }
        Ok(())
    }

    fn visit_batch(&mut self, batch: &WalkedBatch<'_>, path: &Path) -> Result<(), OpenError> {
        if batch.header.last_lsn() < self.from {
            return Ok(());
        }
        for record in batch.records() {
            let record = record.map_err(|error| {
                let (first, last) = (batch.header.first_lsn, batch.header.last_lsn());
                damaged(path, batch.offset, first, last, &error.to_string())
            })?;
            if record.lsn >= self.from {
                (self.visit)(record).map_err(|source| OpenError::Visit { lsn: record.lsn, source })?;
                self.counted.records += 1;
            }
        }
        Ok(())
    }
}

fn damaged(path: &Path, offset: u64, first: Lsn, last: Lsn, why: &str) -> OpenError {
    let last_lsn = (last >= first).then_some(last);
    Corruption { path: path.to_owned(), offset, first_lsn: first, last_lsn, why: why.to_owned() }.into()
}

/// What an error of the archive means for whoever opens the log.
fn from_archive(error: ReadError, hot_first: Lsn) -> OpenError {
    match error {
        ReadError::Corrupt { path, offset, lsn, why } => {
            damaged(&path, offset, lsn, hot_first.previous(), &why)
        }
        ReadError::Io { path, source } => OpenError::Io { path, source },
        ReadError::Visit { lsn, source } => OpenError::Visit { lsn, source },
        ReadError::Gone { lsn, .. } | ReadError::NotDurable { lsn, .. } => {
            OpenError::Gone { from: lsn, first: hot_first }
        }
    }
}
