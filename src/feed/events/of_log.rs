//! From a record of the log to its events.

use std::sync::Arc;

use coffer_ledger::catalog::tenant::TenantRecord;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::record::Record;
use coffer_wal::{LogReader, Lsn, Record as Logged};
use tokio::runtime::Handle;

use super::{Event, EventFilter, Names, Of, derive, of_record, other_customer};
use crate::engine::CustomerNames;
use crate::engine::codec::{self, kinds};
use crate::feed::tail::FeedError;

/// Whose a record is: a tenant's, and of it a customer's or its own. `None` = it is about neither.
pub(crate) fn whose(record: &Logged<'_>) -> Option<(TenantNumber, Option<CustomerNumber>)> {
    let subject = record.header.subject;
    let tenant = TenantNumber(subject.tenant);
    match subject.kind {
        kinds::CUSTOMER => Some((tenant, Some(CustomerNumber(subject.number)))),
        kinds::TENANT => Some((tenant, None)),
        _ => None,
    }
}

/// A record that events are derived from.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Whose it is.
    pub(crate) tenant: TenantNumber,
    /// Its place in the log.
    pub(crate) position: u64,
    what: DecodedWhat,
}

#[derive(Debug)]
enum DecodedWhat {
    Customer(CustomerNumber, Box<Record>),
    Tenant(Box<TenantRecord>),
}

impl Decoded {
    /// Reads a record; `None` = it is about neither a tenant nor a customer.
    ///
    /// # Errors
    /// [`FeedError::Record`].
    pub(crate) fn of(record: &Logged<'_>) -> Result<Option<Self>, FeedError> {
        let position = record.lsn.0;
        let failed = |error| FeedError::Record { position, error };
        let (version, public, personal) = (record.header.version, record.public, record.personal);
        let Some((tenant, customer)) = whose(record) else { return Ok(None) };
        let what = match customer {
            Some(customer) => {
                let decoded = codec::decode_record(version, public, personal).map_err(failed)?;
                DecodedWhat::Customer(customer, Box::new(decoded))
            }
            None => {
                let decoded = codec::decode_tenant_record(version, public, personal).map_err(failed)?;
                DecodedWhat::Tenant(Box::new(decoded))
            }
        };
        Ok(Some(Self { tenant, position, what }))
    }

    /// Its customer; `None` = it is the tenant's own.
    pub(crate) fn customer(&self) -> Option<CustomerNumber> {
        match &self.what {
            DecodedWhat::Customer(customer, _) => Some(*customer),
            DecodedWhat::Tenant(_) => None,
        }
    }

    /// When it was written, in nanoseconds.
    pub(crate) fn at(&self) -> u64 {
        match &self.what {
            DecodedWhat::Customer(_, record) => record.facts.at.0,
            DecodedWhat::Tenant(record) => record.facts.at.0,
        }
    }

    /// Its events that are wanted, from one on.
    ///
    /// # Errors
    /// [`FeedError::Halted`].
    pub(crate) async fn events(
        &self,
        names: &mut Names,
        filter: EventFilter,
        from_index: u32,
    ) -> Result<Vec<Event>, FeedError> {
        let position = LogPosition(self.position);
        match &self.what {
            DecodedWhat::Tenant(record) => {
                let of = Of { tenant: self.tenant, customer: None, position, names: None, other: None };
                Ok(derive(record.facts.at, of_record::of_tenant(record), None, &of, filter, from_index))
            }
            DecodedWhat::Customer(customer, record) => {
                let own = self.name(names, Some(*customer)).await?;
                let other = self.name(names, other_customer(record)).await?;
                let of = Of {
                    tenant: self.tenant,
                    customer: Some(*customer),
                    position,
                    names: own.as_ref(),
                    other: other.as_ref(),
                };
                let happened = of_record::all(record, position);
                Ok(derive(record.facts.at, happened, Some(record), &of, filter, from_index))
            }
        }
    }

    async fn name(
        &self,
        names: &mut Names,
        customer: Option<CustomerNumber>,
    ) -> Result<Option<Arc<CustomerNames>>, FeedError> {
        let Some(customer) = customer else { return Ok(None) };
        names.of(self.tenant, customer).await.map_err(|_| FeedError::Halted)
    }
}

/// The events of a record that are wanted, from one on. Blocks on names, and so is for threads that are none of the runtime's.
///
/// # Errors
/// [`FeedError`]: the record cannot be decoded, or the engine has halted.
pub(crate) fn events_of(
    record: &Logged<'_>,
    names: &mut Names,
    runtime: &Handle,
    (filter, from_index): (EventFilter, u32),
) -> Result<Vec<Event>, FeedError> {
    match Decoded::of(record)? {
        Some(decoded) => runtime.block_on(decoded.events(names, filter, from_index)),
        None => Ok(Vec::new()),
    }
}

/// Visits records `from + 1..=to`; a visit's own error comes back as it is.
///
/// # Errors
/// [`FeedError`]: the visit's, or the log cannot be read.
pub(crate) fn scan(
    log: &LogReader,
    range: (u64, u64),
    visit: &mut dyn FnMut(&Logged<'_>) -> Result<(), FeedError>,
) -> Result<(), FeedError> {
    scan_while(log, range, &mut |record| visit(record).map(|()| true))
}

/// The same, up to the record of which a visit says that nothing more is wanted.
///
/// # Errors
/// [`FeedError`]: the visit's, or the log cannot be read.
pub(crate) fn scan_while(
    log: &LogReader,
    (from, to): (u64, u64),
    visit: &mut dyn FnMut(&Logged<'_>) -> Result<bool, FeedError>,
) -> Result<(), FeedError> {
    if to <= from {
        return Ok(());
    }
    let mut ended = None;
    let scanned = log.scan(Lsn(from + 1), Lsn(to), &mut |record| match visit(&record) {
        Ok(true) => Ok(()),
        Ok(false) => {
            ended = Some(Ok(()));
            Err("enough".into())
        }
        Err(error) => {
            let told = error.to_string();
            ended = Some(Err(error));
            Err(told.into())
        }
    });
    if let Some(ended) = ended {
        return ended;
    }
    scanned?;
    Ok(())
}
