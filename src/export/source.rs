//! Where lines come from: the durable log and its archive, decoded by what also fills the history and renders replies.
//!
//! An export is a function of the log and of a range of its records: it needs no history store, and is the same whenever and wherever
//! it is made. Records are read in steps, so that whoever reads can be stopped, and says how far it is, between any two.

use std::sync::Arc;

use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber, WalletId};
use coffer_ledger::record::Record;
use coffer_wal::{LogReader, Lsn};

use super::error::ExportError;
use super::names::Names;
use crate::engine::codec::{self, kinds};
use crate::engine::{CustomerNames, TenantView};
use crate::feed::history::Row;

/// Whose rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this tenant's.
    pub tenant: Option<TenantNumber>,
    /// Only this customer's.
    pub customer: Option<CustomerNumber>,
    /// Only this wallet's.
    pub wallet: Option<WalletId>,
}

impl Filter {
    /// Whether a record of this customer is looked at.
    fn takes(&self, tenant: TenantNumber, customer: CustomerNumber) -> bool {
        self.tenant.is_none_or(|only| only == tenant)
            && self.customer.is_none_or(|only| only == customer)
            && self.wallet.is_none_or(|wallet| wallet.0.customer() == customer)
    }
}

/// A customer's record, with its rows and its names.
pub(crate) struct Entry<'a> {
    /// Where it stands.
    pub(crate) position: LogPosition,
    /// The record.
    pub(crate) record: &'a Record,
    /// Its rows, in order.
    pub(crate) rows: Vec<Row>,
    /// Whose it is.
    pub(crate) customer: Arc<CustomerNames>,
    /// Whose that is.
    pub(crate) tenant: Arc<TenantView>,
}

/// The log, and who is who in it.
pub(crate) struct Source {
    log: LogReader,
    names: Names,
    filter: Filter,
}

impl Source {
    pub(crate) const fn new(log: LogReader, names: Names, filter: Filter) -> Self {
        Self { log, names, filter }
    }

    /// Shows the records `from..=to`, all durable, in order, as far as they are customers' and the filter takes them.
    pub(crate) fn read(
        &mut self,
        from: u64,
        to: u64,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let Self { log, names, filter } = self;
        let mut failed = None;
        let scanned = log.scan(Lsn(from), Lsn(to), &mut |record| {
            show(&record, names, filter, visit).map_err(|error| {
                let told = error.to_string();
                failed = Some(error);
                told.into()
            })
        });
        match (failed, scanned) {
            (Some(error), _) => Err(error),
            (None, scanned) => Ok(scanned.map(drop)?),
        }
    }

    /// A record of a customer's by its position; `None` if it is not kept any more.
    pub(crate) fn record(log: &LogReader, position: LogPosition) -> Result<Option<Record>, ExportError> {
        let found = match log.read(Lsn(position.0)) {
            Ok(found) => found,
            Err(coffer_wal::ReadError::Gone { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        decode(&found.as_record()).map(Some)
    }
}

fn show(
    record: &coffer_wal::Record<'_>,
    names: &mut Names,
    filter: &Filter,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let subject = record.header.subject;
    let (tenant, customer) = (TenantNumber(subject.tenant), CustomerNumber(subject.number));
    if subject.kind != kinds::CUSTOMER || !filter.takes(tenant, customer) {
        return Ok(());
    }
    let position = LogPosition(record.lsn.0);
    let decoded = decode(record)?;
    let rows = Row::all_of(tenant, customer, &decoded, position);
    let (customer, tenant) = (names.customer(tenant, customer)?, names.tenant(tenant)?);
    visit(&Entry { position, record: &decoded, rows, customer, tenant })
}

fn decode(record: &coffer_wal::Record<'_>) -> Result<Record, ExportError> {
    codec::decode_record(record.header.version, record.public, record.personal)
        .map_err(|error| ExportError::Record { position: record.lsn.0, error })
}
