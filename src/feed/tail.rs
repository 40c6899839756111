//! The log's durable records, decoded, from a place on: one batch into the store.

use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_wal::{LogReader, Lsn, ReadError, Record};

use super::cursor::Cursor;
use super::history::{Batch, Projector, Store, StoreError};
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
    /// The engine has halted: nothing goes on.
    #[error("the log has halted")]
    Halted,
    /// The store does not take it.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
}

impl FeedError {
    /// Whether the log is what is wrong, and not the store.
    pub(crate) const fn is_of_the_log(&self) -> bool {
        match self {
            Self::Log(_) | Self::Record { .. } | Self::Halted => true,
            Self::Store(_) => false,
        }
    }
}

/// Records, and bytes of them, that are kept in memory on their way into a transaction.
const PART_RECORDS: u64 = 500;
const PART_BYTES: usize = 4 << 20;

/// Takes the next records into the store, `records_max` at most, all in one transaction. How many that were; 0 = it is level with the log.
///
/// # Errors
/// [`FeedError`]; then none of them is in the store, and the projector is of no use any more.
pub(crate) fn advance(
    store: &mut dyn Store,
    projector: &mut Projector,
    log: &LogReader,
    records_max: u64,
) -> Result<u64, FeedError> {
    let from = store.cursor().position;
    let removed = log.removed_to().0;
    if from < removed {
        return Err(StoreError::Unusable(lost(from, removed)).into());
    }
    let to = log.durable_lsn().0.min(from.saturating_add(records_max));
    if to <= from {
        return Ok(0);
    }
    let (mut part, mut records, mut bytes, mut failed) = (Batch::default(), 0, 0, None);
    let scanned = log.scan(Lsn(from + 1), Lsn(to), &mut |record| {
        let added = add(&record, projector, store, &mut part).and_then(|()| {
            (records, bytes) = (records + 1, bytes + record.public.len() + record.personal.len());
            if records >= PART_RECORDS || bytes >= PART_BYTES {
                store.add(&part)?;
                part.clear();
                (records, bytes) = (0, 0);
            }
            Ok(())
        });
        added.map_err(|error| {
            let told = error.to_string();
            failed = Some(error);
            told.into()
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let last = scanned?.0 - 1;
    projector.finish(&mut part);
    part.cursor = Cursor::at(log, last)?;
    store.write(&part)?;
    Ok(last - from)
}

/// A tranche of today may be of a record that is gone, so a history cannot begin in the middle of the log.
pub(super) fn lost(from: u64, removed: u64) -> String {
    format!(
        "it has records up to {from}, and those up to {removed} were removed from the archive: it cannot go on; bring its file back from a copy"
    )
}

/// What a record says; a tenant's says nothing here.
fn add(
    record: &Record<'_>,
    projector: &mut Projector,
    known: &dyn Store,
    batch: &mut Batch,
) -> Result<(), FeedError> {
    let (subject, position) = (record.header.subject, record.lsn.0);
    if subject.kind != kinds::CUSTOMER {
        return Ok(());
    }
    let decoded = codec::decode_record(record.header.version, record.public, record.personal)
        .map_err(|error| FeedError::Record { position, error })?;
    let of = (TenantNumber(subject.tenant), CustomerNumber(subject.number));
    Ok(projector.add(of, &decoded, LogPosition(position), known, batch)?)
}
