//! Which archived segment holds a record.
//!
//! Segments are numbered in the order of their records, so the right one is found by bisection over their
//! headers; the few that were used last stay open with their index. An archive of thousands of segments so
//! costs memory for a handful.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::ops::Range;
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
    /// How often a file was replaced or removed.
    changes: u64,
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

    /// Forgets a segment.
    pub(super) fn remove(&mut self, number: u64) {
        self.close(number);
        self.first_lsns.remove(&number);
        if let Ok(at) = self.numbers.binary_search(&number) {
            self.numbers.remove(at);
        }
    }

    /// Lets go of a segment whose file was replaced or removed.
    pub(super) fn close(&mut self, number: u64) {
        self.changes += 1;
        self.open.retain(|segment| segment.number() != number);
    }

    #[cfg(test)]
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    #[cfg(test)]
    pub(super) fn numbers_open(&self) -> Vec<u64> {
        self.open.iter().map(|segment| segment.number()).collect()
    }

    fn take_open(&mut self, number: u64) -> Option<Arc<ArchivedSegment>> {
        let at = self.open.iter().position(|segment| segment.number() == number)?;
        let segment = self.open.remove(at);
        self.open.push(Arc::clone(&segment));
        Some(segment)
    }

    /// Unless a file was replaced or removed since `changes`: this one's may be, and would never be let go of.
    pub(super) fn keep_open(&mut self, segment: &Arc<ArchivedSegment>, changes: u64) {
        if self.changes != changes {
            return;
        }
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
        let changes = {
            let mut catalog = self.lock_catalog();
            if let Some(segment) = catalog.take_open(number) {
                return Ok(segment);
            }
            catalog.changes
        };
        // Opened outside of the lock: other lookups go on. Two may open the same file; that is harmless.
        let segment = Arc::new(self.segment(number)?);
        self.lock_catalog().keep_open(&segment, changes);
        Ok(segment)
    }

    /// The same; none if it was removed on purpose, before this or meanwhile. Who has it open already, finishes.
    fn opened_unless_removed(&self, number: u64) -> Result<Option<Arc<ArchivedSegment>>, ArchiveError> {
        match self.opened(number) {
            Err(ArchiveError::Io { source, .. })
                if source.kind() == ErrorKind::NotFound && self.was_removed(number) =>
            {
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    fn was_removed(&self, number: u64) -> bool {
        self.removed().is_some_and(|removed| number <= removed.segment)
    }

    fn first_lsn_of(&self, number: u64) -> Result<Lsn, ArchiveError> {
        let known = self.lock_catalog().first_lsns.get(&number).copied();
        match known {
            Some(lsn) => Ok(lsn),
            None => Ok(self.opened(number)?.chain_before().lsn.next()),
        }
    }

    /// The segment that holds `lsn`. A damaged one is passed over on the way, so that it costs its own records and no others; it
    /// is an error only when the record can be nowhere else. One without records starts where its successor does and so is never
    /// the newest that starts at or before `lsn`, unless it is the last.
    pub(super) fn holding(&self, lsn: Lsn) -> Result<Option<Arc<ArchivedSegment>>, ArchiveError> {
        let numbers = self.numbers();
        let (mut before, mut low, mut high) = (None, 0, numbers.len());
        while let Some((at, first)) = self.pivot(&numbers, low..high) {
            if first <= lsn {
                (before, low) = (Some(numbers[at]), at + 1);
            } else {
                high = at;
            }
        }
        if let Some(number) = before
            && let Some(segment) = self.opened_unless_removed(number)?
            && segment.holds(lsn)
        {
            return Ok(Some(segment));
        }
        // What is left between could not be opened, and the record is there or nowhere.
        let Some(number) = numbers[low..high].first() else { return Ok(None) };
        let segment = self.opened_unless_removed(*number)?;
        Ok(segment.filter(|segment| segment.holds(lsn)))
    }

    /// A segment near the middle of these whose start is known, and its first record; `None` when there is none.
    fn pivot(&self, numbers: &[u64], range: Range<usize>) -> Option<(usize, Lsn)> {
        let middle = range.start + range.len() / 2;
        let (lower, upper) = (range.start..middle, middle..range.end);
        upper.chain(lower.rev()).find_map(|at| Some((at, self.first_lsn_of(numbers[at]).ok()?)))
    }

    /// The records that the newest unbroken run of segments holds. Damage at one of its ends takes that segment's records out of
    /// the range, and no others.
    fn unbroken_range(&self) -> Option<(Lsn, Lsn)> {
        let numbers = self.numbers();
        let dense = (0..=*numbers.last()?).rev();
        let run = numbers.iter().rev().zip(dense).take_while(|(number, dense)| **number == *dense);
        let run: Vec<u64> = run.map(|(number, _)| *number).collect();
        let first = run.iter().rev().find_map(|number| self.noted(*number, self.first_lsn_of(*number)))?;
        let last = run.iter().find_map(|number| self.noted(*number, self.opened(*number)))?;
        let last = last.chain_after().lsn;
        (first <= last).then_some((first, last))
    }

    /// What could be read; what could not is told to the operator, unless it was removed on purpose.
    fn noted<T>(&self, number: u64, read: Result<T, ArchiveError>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                if !self.was_removed(number) {
                    tracing::error!(%error, "an archived segment cannot be read");
                }
                None
            }
        }
    }
}

impl SegmentSource for Archive {
    fn lsn_range(&self) -> Option<(Lsn, Lsn)> {
        self.unbroken_range()
    }

    fn removed_to(&self) -> Lsn {
        self.removed().map_or(Lsn::NONE, |removed| removed.chain.lsn)
    }

    fn removed_time_ns(&self) -> u64 {
        self.removed().map_or(0, |removed| removed.chain.time_ns)
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
