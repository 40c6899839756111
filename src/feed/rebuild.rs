//! The store made anew from the archive and the log of a stopped server, or brought up to date.

use coffer_wal::LogReader;

use super::history::{HistoryFile, Place, Projector, Store, StoreError};
use super::tail::{FeedError, advance};

/// Told how far it is: records done, records in all.
pub trait RebuildProgress {
    /// After each batch.
    fn records(&self, done: u64, all: u64);
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last record in it.
    pub position: u64,
    /// Its ledger rows.
    pub rows: u64,
}

/// Why it was not made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RebuildError(#[source] FeedError);

impl RebuildError {
    /// Whether the log is what is wrong, and not the store.
    #[must_use]
    pub const fn is_of_the_log(&self) -> bool {
        self.0.is_of_the_log()
    }
}

/// Opens the store, makes it where it is missing or of no use, and takes what the log has beyond it. Nobody else may use it.
///
/// # Errors
/// [`RebuildError`]; also for what is no history: it is left alone.
pub fn catch_up(
    place: &Place,
    log: &LogReader,
    batch_records: u64,
    progress: &dyn RebuildProgress,
) -> Result<HistoryFile, RebuildError> {
    let caught = || {
        let mut store = open_or_make(place, log)?;
        fill(&mut *store, log, batch_records, progress)
    };
    caught().map_err(RebuildError)?;
    Ok(HistoryFile::new(place.clone()))
}

fn open_or_make(place: &Place, log: &LogReader) -> Result<Box<dyn Store>, FeedError> {
    let why = match place.open() {
        Ok(store) => match store.cursor().misfit(log)? {
            None => return Ok(store),
            Some(why) => why,
        },
        Err(StoreError::Unfit(why)) => why,
        Err(error) => return Err(error.into()),
    };
    let removed = log.removed_to();
    if !removed.is_none() {
        let line = format!(
            "{why}; records up to {removed} were removed from the archive, so it cannot be made anew"
        );
        return Err(StoreError::Unusable(line).into());
    }
    place.make_room(true)?;
    Ok(place.open()?)
}

fn fill(
    store: &mut dyn Store,
    log: &LogReader,
    batch_records: u64,
    progress: &dyn RebuildProgress,
) -> Result<(), FeedError> {
    let (mut projector, all) = (Projector::default(), log.durable_lsn().0);
    while advance(store, &mut projector, log, batch_records)? > 0 {
        progress.records(store.cursor().position, all);
    }
    store.settle();
    Ok(())
}

/// Removes the store and makes it anew. Nobody else may use it.
///
/// # Errors
/// [`RebuildError`]; what is there then is caught up or made anew by the next start.
pub fn rebuild(
    place: &Place,
    log: &LogReader,
    batch_records: u64,
    progress: &dyn RebuildProgress,
) -> Result<Rebuilt, RebuildError> {
    made(place, log, batch_records, progress).map_err(RebuildError)
}

fn made(
    place: &Place,
    log: &LogReader,
    batch_records: u64,
    progress: &dyn RebuildProgress,
) -> Result<Rebuilt, FeedError> {
    let ours = !matches!(place.open(), Err(StoreError::Foreign));
    place.make_room(ours)?;
    let mut store = place.open()?;
    fill(&mut *store, log, batch_records, progress)?;
    Ok(Rebuilt { position: store.cursor().position, rows: store.rows() })
}
