//! Reading records back by their number, from the hot log or from the archive, through one handle.
//!
//! Reads never touch the writer's files or its lock. Only durable records can be read.
//! Absent on purpose: following (a caller asks again after `durable_lsn` has moved), a cache.
//! Tested in `log/tests.rs` and by the integration tests.

use std::path::PathBuf;
use std::sync::Arc;

use crate::batch::{BatchHeader, Hash};
use crate::error::{ReadError, VisitError};
use crate::frame::{Lsn, Record, RecordBuf};
use crate::hot_log::HotLog;

/// Records outside of the hot log: the archive, as the reader sees it.
pub trait SegmentSource: Send + Sync {
    /// The first and the last record it holds without a gap, if any.
    fn lsn_range(&self) -> Option<(Lsn, Lsn)>;

    /// The last record that was removed from its front for good; [`Lsn::NONE`] when none was.
    fn removed_to(&self) -> Lsn {
        Lsn::NONE
    }

    /// The time of the batch of that record, in nanoseconds since 1970 UTC; 0 when none was removed.
    fn removed_time_ns(&self) -> u64 {
        0
    }

    /// Visits the records `from..=to`, in order, as far as it holds them; returns the LSN after the last one
    /// visited.
    ///
    /// # Errors
    /// [`ReadError::Gone`] when it does not hold `from`; otherwise what is wrong with its files.
    fn scan(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError>;

    /// The header of the batch that holds a record.
    ///
    /// # Errors
    /// [`ReadError::Gone`] when it does not hold the record; otherwise what is wrong with its files.
    fn batch_header(&self, lsn: Lsn) -> Result<BatchHeader, ReadError>;
}

/// Reads records of a running log. Cheap to clone.
#[derive(Clone)]
pub struct LogReader {
    hot: Arc<HotLog>,
    archive: Arc<dyn SegmentSource>,
}

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogReader").field("durable_lsn", &self.durable_lsn()).finish_non_exhaustive()
    }
}

impl LogReader {
    /// A reader over both.
    pub(crate) fn new(hot: Arc<HotLog>, archive: Arc<dyn SegmentSource>) -> LogReader {
        LogReader { hot, archive }
    }

    /// The last record that can be read.
    #[must_use]
    pub fn durable_lsn(&self) -> Lsn {
        self.hot.durable_lsn()
    }

    /// The oldest record that can be read.
    #[must_use]
    pub fn first_lsn(&self) -> Lsn {
        let hot = self.hot.first_lsn().unwrap_or(Lsn::FIRST);
        self.archive.lsn_range().map_or(hot, |(first, _)| first.min(hot))
    }

    /// The last record that was removed from the archive for good, with all before it; [`Lsn::NONE`] when none was. What is missing
    /// after it was lost.
    #[must_use]
    pub fn removed_to(&self) -> Lsn {
        self.archive.removed_to()
    }

    /// The time of the batch of that record, in nanoseconds since 1970 UTC; 0 when none was removed.
    #[must_use]
    pub fn removed_time_ns(&self) -> u64 {
        self.archive.removed_time_ns()
    }

    /// One record.
    ///
    /// # Errors
    /// [`ReadError`]: not durable yet, gone, damaged, or the storage failed.
    pub fn read(&self, lsn: Lsn) -> Result<RecordBuf, ReadError> {
        let mut found = None;
        self.scan(lsn, lsn, &mut |record| {
            found = Some(record.to_owned());
            Ok(())
        })?;
        found.ok_or_else(|| ReadError::NotDurable { lsn, durable: self.durable_lsn() })
    }

    /// Visits the records `from..=to` in order, as far as they are durable; returns the LSN after the last
    /// one visited, which is `from` when nothing is there yet.
    ///
    /// # Errors
    /// [`ReadError`]; records before the failing one have been visited.
    pub fn scan(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError> {
        if from.is_none() {
            return Err(ReadError::Gone { lsn: from, first: self.first_lsn() });
        }
        let mut next = from;
        while next <= to && next <= self.durable_lsn() {
            match self.hot.scan(next, to, visit) {
                Ok(after) => next = after,
                // A segment may leave the hot log between two steps, but only once the archive has it.
                Err(ReadError::Gone { .. }) => next = self.scan_archive(next, to, visit)?,
                Err(error) => return Err(error),
            }
        }
        Ok(next)
    }

    fn scan_archive(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError> {
        let gone = ReadError::Gone { lsn: from, first: self.first_lsn() };
        let Some((_, last)) = self.archive.lsn_range() else { return Err(gone) };
        let next = self.archive.scan(from, to.min(last), visit)?;
        if next > from { Ok(next) } else { Err(gone) }
    }

    /// The header of the batch that holds a record. Its hash stands for the whole log up to there: whoever
    /// keeps a position in the log keeps it with that hash, and notices when the log was exchanged.
    ///
    /// # Errors
    /// [`ReadError`]: not durable yet, gone, damaged, or the storage failed.
    pub fn batch_header(&self, lsn: Lsn) -> Result<BatchHeader, ReadError> {
        match self.hot.batch_header(lsn) {
            Err(ReadError::Gone { .. }) => self.archive.batch_header(lsn),
            found => found,
        }
    }

    /// The hash of the batch that holds a record; of none, the genesis hash, while the first segment is hot.
    ///
    /// # Errors
    /// As [`LogReader::batch_header`].
    pub fn hash_at(&self, lsn: Lsn) -> Result<Hash, ReadError> {
        match self.hot.hash_at_an_end(lsn) {
            Some(hash) => Ok(hash),
            None => Ok(self.batch_header(lsn)?.hash()),
        }
    }

    /// One subject's records, from `lsn` backwards along [`crate::FrameHeader::previous`], newest first,
    /// until `visit` answers false or the first one was visited.
    ///
    /// # Errors
    /// [`ReadError`]; among others when a record names a previous one that does not come before it.
    pub fn subject_chain(&self, lsn: Lsn, visit: &mut dyn FnMut(RecordBuf) -> bool) -> Result<(), ReadError> {
        let mut next = lsn;
        while !next.is_none() {
            let record = self.read(next)?;
            let previous = record.header.previous;
            if previous >= next {
                let why = format!("it names record {previous} as the one before it");
                return Err(ReadError::Corrupt { path: PathBuf::from("log"), offset: 0, lsn: next, why });
            }
            if !visit(record) {
                return Ok(());
            }
            next = previous;
        }
        Ok(())
    }
}
