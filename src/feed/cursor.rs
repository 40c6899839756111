//! How far a projection is, and whether that is a place in this log.
//!
//! A batch's hash stands for the whole log up to it, so a position is kept with the hash of its batch. A projection that is ahead of the
//! log, or has another hash there, was made from another log: an older one was restored, or the file is somebody else's. One that is
//! behind, such as an older copy of the file, is simply behind. Tested in `tests/history/`.

use coffer_wal::{LogReader, Lsn, ReadError};

/// A place in the log that everything up to there was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The last record taken; 0 = none.
    pub(crate) position: u64,
    /// The hash of its batch; zeros before the first.
    pub(crate) hash: [u8; 32],
    /// The log's time there.
    pub(crate) at: u64,
}

impl Cursor {
    /// Before the first record.
    pub(crate) const START: Self = Self { position: 0, hash: [0; 32], at: 0 };

    /// The cursor at a durable record.
    ///
    /// # Errors
    /// [`ReadError`]: the record cannot be read.
    pub(crate) fn at(log: &LogReader, position: u64) -> Result<Self, ReadError> {
        if position == 0 {
            return Ok(Self::START);
        }
        // The last record that was removed for good is still known by the hash that its successor continues.
        if Lsn(position) == log.removed_to() {
            let next = log.batch_header(Lsn(position + 1))?;
            return Ok(Self { position, hash: next.previous_hash, at: next.time_ns });
        }
        let header = log.batch_header(Lsn(position))?;
        Ok(Self { position, hash: header.hash(), at: header.time_ns })
    }

    /// Why this is no place in the log; `None` = it is one.
    ///
    /// # Errors
    /// [`ReadError`]: the log cannot say.
    pub(crate) fn misfit(&self, log: &LogReader) -> Result<Option<String>, ReadError> {
        let durable = log.durable_lsn().0;
        if self.position > durable {
            return Ok(Some(format!("it is at record {}, and the log ends at {durable}", self.position)));
        }
        if self.position < log.removed_to().0 {
            // Nobody can tell any more, and it will not go on.
            return Ok(None);
        }
        let there = Self::at(log, self.position)?;
        Ok(((there.position, there.hash) != (self.position, self.hash))
            .then(|| format!("the log holds something else at record {}", self.position)))
    }

    /// Why its time is not the log's there, though it is a place in the log; `None` = it is, or nobody can tell any more.
    ///
    /// # Errors
    /// [`ReadError`]: the log cannot say.
    pub(crate) fn misdated(&self, log: &LogReader) -> Result<Option<String>, ReadError> {
        // Of what was removed, only the time of its successor is known.
        if self.position > 0 && self.position <= log.removed_to().0 {
            return Ok(None);
        }
        let there = Self::at(log, self.position)?.at;
        Ok((there != self.at).then(|| {
            format!("it says that record {} is of {}, and the log says {there}", self.position, self.at)
        }))
    }
}
