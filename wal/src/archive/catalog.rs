//! Which archived segment holds a record.
//!
//! Segments are numbered in the order of their records, so the right one is found by bisection over their
//! headers; the few that were used last stay open with their index. An archive of thousands of segments so
//! costs memory for a handful.

use std::collections::HashMap;
use std::sync::Arc;

use crate::batch::BatchHeader;
use crate::error::{ReadError, VisitError};
use crate::frame::{Lsn, Record};
use crate::reader::SegmentSource;

use super::{Archive, ArchiveError, ArchivedSegment};

/// Segments that are kept open.
const OPEN_MAX: usize = 16;

/// The archived segments, and the ones that are open.
#[derive(Default)]
pub(super) struct Catalog {
    numbers: Vec<u64>,
    first_lsns: HashMap<u64, Lsn>,
    /// Used last comes last.
    open: Vec<Arc<ArchivedSegment>>,
}

impl Catalog {
    pub(super) fn new(mut numbers: Vec<u64>) -> Catalog {
        numbers.sort_unstable();
        Catalog { numbers, ..Catalog::default() }
    }

    pub(super) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    pub(super) fn add(&mut self, number: u64) {
        if let Err(at) = self.numbers.binary_search(&number) {
            self.numbers.insert(at, number);
        }
    }

    fn take_open(&mut self, number: u64) -> Option<Arc<ArchivedSegment>> {
        let at = self.open.iter().position(|segment| segment.number() == number)?;
        let segment = self.open.remove(at);
        self.open.push(Arc::clone(&segment));
        Some(segment)
    }

    fn keep_open(&mut self, segment: &Arc<ArchivedSegment>) {
        self.first_lsns.insert(segment.number(), segment.chain_before().lsn.next());
        if self.open.len() == OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(Arc::clone(segment));
    }
}

impl Archive {
    /// A segment with its index, opened when it is not open already.
    pub(super) fn opened(&self, number: u64) -> Result<Arc<ArchivedSegment>, ArchiveError> {
        if let Some(segment) = self.lock_catalog().take_open(number) {
            return Ok(segment);
        }
        // Opened outside of the lock: other lookups go on. Two may open the same file; that is harmless.
        let segment = Arc::new(self.segment(number)?);
        self.lock_catalog().keep_open(&segment);
        Ok(segment)
    }

    fn first_lsn_of(&self, number: u64) -> Result<Lsn, ArchiveError> {
        let known = self.lock_catalog().first_lsns.get(&number).copied();
        match known {
            Some(lsn) => Ok(lsn),
            None => Ok(self.opened(number)?.chain_before().lsn.next()),
        }
    }

    /// The newest segment that starts at or before `lsn`. One without records starts where its successor
    /// does and so is never the newest, unless it is the last.
    fn holding(&self, lsn: Lsn) -> Result<Option<Arc<ArchivedSegment>>, ArchiveError> {
        let numbers = self.numbers();
        let (mut low, mut high) = (0, numbers.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.first_lsn_of(numbers[middle])? <= lsn {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(at) = low.checked_sub(1) else { return Ok(None) };
        let segment = self.opened(numbers[at])?;
        Ok(segment.holds(lsn).then_some(segment))
    }

    /// The records that the newest unbroken run of segments holds.
    fn unbroken_range(&self) -> Result<Option<(Lsn, Lsn)>, ArchiveError> {
        let numbers = self.numbers();
        let Some(newest) = numbers.last() else { return Ok(None) };
        let run =
            numbers.iter().rev().zip((0..=*newest).rev()).take_while(|(number, dense)| **number == *dense);
        let oldest = run.last().map_or(*newest, |(number, _)| *number);
        let (first, last) = (self.first_lsn_of(oldest)?, self.opened(*newest)?.chain_after().lsn);
        Ok((first <= last).then_some((first, last)))
    }
}

impl SegmentSource for Archive {
    fn lsn_range(&self) -> Option<(Lsn, Lsn)> {
        self.unbroken_range().unwrap_or_else(|error| {
            tracing::error!(%error, "the archive cannot be read");
            None
        })
    }

    fn scan(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError> {
        let mut next = from;
        while next <= to {
            let Some(segment) = self.holding(next).map_err(|error| error.at_record(next))? else { break };
            let after = segment.scan(next, to, visit)?;
            if after == next {
                return Err(segment.lacks(next));
            }
            next = after;
        }
        if next == from && from <= to {
            let first = self.lsn_range().map_or(Lsn::NONE, |(first, _)| first);
            return Err(ReadError::Gone { lsn: from, first });
        }
        Ok(next)
    }

    fn batch_header(&self, lsn: Lsn) -> Result<BatchHeader, ReadError> {
        let mut found = None;
        if let Some(segment) = self.holding(lsn).map_err(|error| error.at_record(lsn))? {
            segment.batches(lsn, lsn, &mut |batch| {
                found = Some(batch.header);
                Ok(())
            })?;
        }
        let first = || self.lsn_range().map_or(Lsn::NONE, |(first, _)| first);
        found.ok_or_else(|| ReadError::Gone { lsn, first: first() })
    }
}
