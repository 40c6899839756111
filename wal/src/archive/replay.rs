//! Reads the archive alone, from the first record of the log, or the first that was not removed, to the last that it holds.

use std::path::Path;

use crate::batch::ChainEnd;
use crate::error::{Corruption, OpenError, ReadError, VisitError};
use crate::frame::{Lsn, Record};

use super::{Archive, ArchiveError};

/// What a replay of the archive came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveReplay {
    /// Segments read, each verified whole.
    pub segments: u64,
    /// The end of the chain, and so the last record.
    pub end: ChainEnd,
}

impl Archive {
    /// Visits every record, in order. Each segment is verified before its first record is shown: every byte, the chain in it,
    /// and that it goes on where the one before ends. Segments are dense from 1, or from where older ones were removed, or something is missing.
    ///
    /// # Errors
    /// [`OpenError`]: damage, a missing segment, a failing storage, or what `visit` said.
    pub fn replay(
        &self,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<ArchiveReplay, OpenError> {
        let (removed, mut end) = match self.removed() {
            Some(removed) => (removed.segment, removed.chain),
            None => (0, ChainEnd::genesis(&self.store, self.shard)),
        };
        // A removal that was cut short has left some of what it says is gone.
        let numbers: Vec<u64> = self.numbers().into_iter().filter(|number| *number > removed).collect();
        for (number, dense) in numbers.iter().zip(removed + 1..) {
            let path = self.path(dense);
            if *number != dense {
                return Err(damaged(&path, end.lsn.next(), "the archived segment is missing"));
            }
            self.verify(*number).map_err(open_error)?;
            let segment = self.segment(*number).map_err(open_error)?;
            if segment.chain_before() != end {
                return Err(damaged(
                    &path,
                    end.lsn.next(),
                    "it does not go on where the segment before ends",
                ));
            }
            let last = segment.chain_after().lsn;
            segment.scan(end.lsn.next(), last, visit).map_err(|error| read_error(error, end.lsn.next()))?;
            end = segment.chain_after();
        }
        Ok(ArchiveReplay { segments: numbers.len() as u64, end })
    }
}

fn damaged(path: &Path, first_lsn: Lsn, why: &str) -> OpenError {
    Corruption { path: path.to_owned(), offset: 0, first_lsn, last_lsn: None, why: why.to_owned() }.into()
}

fn read_error(error: ReadError, next: Lsn) -> OpenError {
    match error {
        ReadError::Corrupt { path, offset, lsn, why } => {
            Corruption { path, offset, first_lsn: lsn, last_lsn: None, why }.into()
        }
        ReadError::Io { path, source } => OpenError::io(path)(source),
        ReadError::Visit { lsn, source } => OpenError::Visit { lsn, source },
        ReadError::Gone { lsn, .. } | ReadError::NotDurable { lsn, .. } => {
            OpenError::Gone { from: lsn, first: next }
        }
    }
}

/// What is wrong with the archive, as whoever opens the log says it.
pub(crate) fn open_error(error: ArchiveError) -> OpenError {
    match error {
        ArchiveError::Io { path, source } => OpenError::io(path)(source),
        ArchiveError::Damaged { path, offset, damage } => {
            let why = damage.to_string();
            Corruption { path, offset, first_lsn: Lsn::FIRST, last_lsn: None, why }.into()
        }
    }
}
