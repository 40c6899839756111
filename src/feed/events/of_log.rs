//! From a record of the log to its events.

use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_wal::Record;
use tokio::runtime::Handle;

use super::{Event, EventFilter, Names, Of, derive, other_customer};
use crate::engine::codec::{self, kinds};
use crate::feed::tail::FeedError;

/// Whose a record is: its tenant, and its customer; `None` = it is about no customer.
pub(crate) fn customer_of(record: &Record<'_>) -> Option<(TenantNumber, CustomerNumber)> {
    let subject = record.header.subject;
    (subject.kind == kinds::CUSTOMER)
        .then_some((TenantNumber(subject.tenant), CustomerNumber(subject.number)))
}

/// The events of a customer's record that are wanted, from one on. Blocks on names, and so is for threads that are none of the runtime's.
///
/// # Errors
/// [`FeedError`]: the record cannot be decoded, or the engine has halted.
pub(crate) fn events_of(
    record: &Record<'_>,
    names: &mut Names,
    runtime: &Handle,
    (filter, from_index): (EventFilter, u32),
) -> Result<Vec<Event>, FeedError> {
    let position = record.lsn.0;
    let Some((tenant, customer)) = customer_of(record) else { return Ok(Vec::new()) };
    let decoded = codec::decode_record(record.header.version, record.public, record.personal)
        .map_err(|error| FeedError::Record { position, error })?;
    let halted = |_| FeedError::Halted;
    let own = runtime.block_on(names.of(tenant, customer)).map_err(halted)?;
    let other = match other_customer(&decoded) {
        Some(other) => runtime.block_on(names.of(tenant, other)).map_err(halted)?,
        None => None,
    };
    let position = LogPosition(position);
    let of = Of { tenant, customer, position, names: own.as_ref(), other: other.as_ref() };
    Ok(derive(&decoded, &of, filter, from_index))
}

/// Visits records `from + 1..=to`; a visit's own error comes back as it is.
///
/// # Errors
/// [`FeedError`]: the visit's, or the log cannot be read.
pub(crate) fn scan(
    log: &coffer_wal::LogReader,
    (from, to): (u64, u64),
    visit: &mut dyn FnMut(&Record<'_>) -> Result<(), FeedError>,
) -> Result<(), FeedError> {
    if to <= from {
        return Ok(());
    }
    let mut failed = None;
    let scanned = log.scan(coffer_wal::Lsn(from + 1), coffer_wal::Lsn(to), &mut |record| {
        visit(&record).map_err(|error| {
            let told = error.to_string();
            failed = Some(error);
            told.into()
        })
    });
    failed.map_or(Ok(()), Err)?;
    scanned?;
    Ok(())
}
