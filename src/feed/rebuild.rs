//! The store made anew from the archive and the log of a stopped server, or brought up to date.

use coffer_wal::LogReader;

use super::history::{Place, Projector, StoreError};
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
    let (mut store, mut projector) = (place.open()?, Projector::default());
    let all = log.durable_lsn().0;
    while advance(&mut *store, &mut projector, log, batch_records)? > 0 {
        progress.records(store.cursor().position, all);
    }
    store.settle();
    Ok(Rebuilt { position: store.cursor().position, rows: store.rows() })
}
