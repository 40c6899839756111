//! Shows records with where they stand, from the archive and the hot log, oldest first.

use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::error::{OpenError, Place, ReadError, VisitError};
use crate::frame::{Lsn, Record};
use crate::recovery::survey;
use crate::segment::SegmentHeader;
use crate::storage::Access;
use crate::walk::{SegmentWalk, WalkStep, WalkedBatch};

use super::store::{HotFile, Store};

/// A record and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Dumped<'a> {
    /// The file.
    pub path: &'a Path,
    /// The segment's number.
    pub segment: u64,
    /// Whether the file is in the archive.
    pub archived: bool,
    /// Where the record's batch begins in the file; in the archive, where its compressed block begins.
    pub offset: u64,
    /// The batch's position in the chain.
    pub sequence: u64,
    /// The owner's run that wrote it.
    pub epoch: u64,
    /// The record.
    pub record: Record<'a>,
}

type Visit<'v> = &'v mut dyn FnMut(Dumped<'_>) -> Result<(), VisitError>;

/// Shows the records from `from` to `to`, both included, as far as they are in the store in `dir`; returns
/// the LSN after the last one shown. Changes nothing.
///
/// # Errors
/// [`OpenError`]: that there is no log, or the first damage on the way; what came before it was shown.
pub fn dump(env: &Env, dir: &Path, from: Lsn, to: Lsn, visit: Visit<'_>) -> Result<Lsn, OpenError> {
    let store = Store::open(env, dir)?;
    let storage = store.storage();
    let survey = survey(storage.as_ref(), dir, store.control.shard);
    let end_offset = survey.as_ref().ok().and_then(Option::as_ref).map(|survey| survey.end.offset);
    let mut range = Range { next: from.max(Lsn::FIRST), to, visit };
    let live = store.live();
    let oldest_hot = live.first().map_or(u64::MAX, |(file, ..)| file.number);
    for number in store.archive.numbers().into_iter().take_while(|number| *number < oldest_hot) {
        range.archived(&store, number)?;
    }
    for (file, header, next) in live {
        let end = next.map(|next| next.previous_end).or(end_offset).unwrap_or(file.bytes);
        range.hot(&store, file, &header, end.min(file.bytes))?;
    }
    // What was readable has been shown; now say why the log would not open.
    survey.map(|_| range.next)
}

struct Range<'v> {
    next: Lsn,
    to: Lsn,
    visit: Visit<'v>,
}

impl Range<'_> {
    fn archived(&mut self, store: &Store, number: u64) -> Result<(), OpenError> {
        let segment = store.archive.segment(number).map_err(super::store::archive_error)?;
        if self.next > self.to || segment.chain_after().lsn < self.next {
            return Ok(());
        }
        let path = store.archive.path(number);
        let (from, to) = (self.next, self.to);
        let shown = segment.batches(from, to, &mut |batch| {
            self.batch(Source { path: &path, segment: number, archived: true }, &batch)
        });
        shown.map_err(open_error)
    }

    fn hot(
        &mut self,
        store: &Store,
        file: &HotFile,
        header: &SegmentHeader,
        end: u64,
    ) -> Result<(), OpenError> {
        let open = store.env.storage.open(&file.path, Access::ReadDirect);
        let open = open.map_err(OpenError::io(&file.path))?;
        let mut walk = SegmentWalk::new(open.as_ref(), *header, end);
        let source = Source { path: &file.path, segment: file.number, archived: false };
        loop {
            let place =
                Place { path: file.path.clone(), offset: walk.offset(), lsn: walk.chain().lsn.next() };
            match walk.step().map_err(OpenError::io(&file.path))? {
                WalkStep::Batch(batch) if batch.header.first_lsn > self.to => return Ok(()),
                WalkStep::Batch(batch) => self.batch(source, &batch).map_err(open_error)?,
                WalkStep::Invalid(error) => return Err(open_error(place.batch(error))),
                WalkStep::Limit => return Ok(()),
            }
        }
    }

    fn batch(&mut self, source: Source<'_>, batch: &WalkedBatch<'_>) -> Result<(), ReadError> {
        for record in batch.records() {
            let lsn = self.next;
            let place = || Place { path: source.path.to_path_buf(), offset: batch.offset, lsn };
            let record = record.map_err(|error| place().frame(error))?;
            if record.lsn >= self.next && record.lsn <= self.to {
                let shown = (self.visit)(source.dumped(batch, record));
                shown.map_err(|source| ReadError::Visit { lsn: record.lsn, source })?;
                self.next = record.lsn.next();
            }
        }
        Ok(())
    }
}

/// The file that a batch comes from.
#[derive(Clone, Copy)]
struct Source<'a> {
    path: &'a Path,
    segment: u64,
    archived: bool,
}

impl<'a> Source<'a> {
    fn dumped(self, batch: &WalkedBatch<'_>, record: Record<'a>) -> Dumped<'a> {
        Dumped {
            path: self.path,
            segment: self.segment,
            archived: self.archived,
            offset: batch.offset,
            sequence: batch.header.sequence,
            epoch: batch.header.epoch,
            record,
        }
    }
}

fn open_error(error: ReadError) -> OpenError {
    match error {
        ReadError::Corrupt { path, offset, lsn, why } => corruption(path, offset, lsn, why),
        ReadError::Io { path, source } => OpenError::Io { path, source },
        ReadError::Visit { lsn, source } => OpenError::Visit { lsn, source },
        ReadError::Gone { lsn, first } => OpenError::Gone { from: lsn, first },
        ReadError::NotDurable { lsn, durable } => OpenError::Gone { from: lsn, first: durable },
    }
}

fn corruption(path: PathBuf, offset: u64, lsn: Lsn, why: String) -> OpenError {
    crate::error::Corruption { path, offset, first_lsn: lsn, last_lsn: None, why }.into()
}
