//! The log's durable records, decoded, from a place on: one batch into the store.

use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_wal::{LogReader, Lsn, ReadError, Record};

use super::cursor::Cursor;
use super::history::Row;
use super::history::store::{Store, StoreError};
use crate::engine::codec::{self, kinds};

/// Why the feed does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    /// The log cannot be read.
    #[error("the log: {0}")]
    Log(#[from] ReadError),
    /// A record cannot be decoded.
    #[error("record {position}: {error}")]
    Record {
        /// Which one.
        position: u64,
        /// What is wrong with it.
        error: codec::DecodeError,
    },
    /// The store does not take it.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
}

/// Takes the next records into the store, `records_max` at most, all in one transaction. How many that were; 0 = it is level with the log.
///
/// # Errors
/// [`FeedError`]; then none of them is in the store.
pub(crate) fn advance(store: &mut Store, log: &LogReader, records_max: u64) -> Result<u64, FeedError> {
    begin_where_the_log_does(store, log)?;
    let from = store.cursor().position;
    let to = log.durable_lsn().0.min(from.saturating_add(records_max));
    if to <= from {
        return Ok(0);
    }
    let mut filling = store.begin()?;
    let mut failed = None;
    let scanned = log.scan(Lsn(from + 1), Lsn(to), &mut |record| {
        rows_of(&record).and_then(|rows| rows.iter().try_for_each(|row| Ok(filling.add(row)?))).map_err(
            |error| {
                let told = error.to_string();
                failed = Some(error);
                told.into()
            },
        )
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let last = scanned?.0 - 1;
    filling.finish(Cursor::at(log, last)?)?;
    Ok(last - from)
}

/// A new store of a log whose first records were removed for good begins behind them, and says so.
fn begin_where_the_log_does(store: &mut Store, log: &LogReader) -> Result<(), FeedError> {
    let removed = log.removed_to().0;
    if store.cursor().position > 0 || removed == 0 {
        return Ok(());
    }
    tracing::error!(
        removed,
        "records up to this one were removed from the archive: the history has rows of later ones only"
    );
    store.begin()?.finish(Cursor::at(log, removed)?)?;
    Ok(())
}

/// The rows of a record; a tenant's has none.
fn rows_of(record: &Record<'_>) -> Result<Vec<Row>, FeedError> {
    let (subject, position) = (record.header.subject, record.lsn.0);
    if subject.kind != kinds::CUSTOMER {
        return Ok(Vec::new());
    }
    let decoded = codec::decode_record(record.header.version, record.public, record.personal)
        .map_err(|error| FeedError::Record { position, error })?;
    let (tenant, customer) = (TenantNumber(subject.tenant), CustomerNumber(subject.number));
    Ok(Row::all_of(tenant, customer, &decoded, LogPosition(position)))
}
