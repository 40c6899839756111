//! A stopped engine's past: its records from any position on, and the state that they build on.
//!
//! Works on the directory of a stopped engine, or a copy of it, and changes no file in it; the lock keeps a server out
//! meanwhile. The state before a record comes from the newest snapshot that shows nothing later, and the log after it; without
//! one, from the first record. Absent on purpose: rules, and anything that would be written. Used by `whatif`; tested with it.

use std::sync::Arc;

use coffer_ledger::catalog::tenant::Tenant;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{Lsn, Opened, Record, VisitError};
use hashbrown::HashMap;

use super::codec::DecodeError;
use super::codec::kinds::{self, Kind};
use super::keys::Keys;
use super::open::{OpenError, log_options, seed_of};
use super::options::EngineOptions;
use super::recovery::{RecoveryProgress, ReplayError, Tables, fetch, recover_to};
use crate::env::Env;

/// A stopped engine's log, to read. Nobody else can have it meanwhile.
pub struct StoppedLog {
    opened: Opened,
    idempotency_window_h: u64,
}

/// One record of it.
#[derive(Clone, Copy)]
pub(crate) struct PastRecord<'a> {
    /// Where it stands.
    pub(crate) position: LogPosition,
    /// The log's time.
    pub(crate) logged_at: Timestamp,
    /// Whose it is.
    pub(crate) tenant: TenantNumber,
    /// The customer, unless it is the tenant's own.
    pub(crate) customer: Option<CustomerNumber>,
    /// The record of the same subject before it.
    pub(crate) previous: LogPosition,
    /// The version of its two parts.
    pub(crate) version: u8,
    pub(crate) public: &'a [u8],
    pub(crate) personal: &'a [u8],
}

/// The state before a record.
pub(crate) struct StateBefore {
    tables: Tables,
}

impl StoppedLog {
    /// Opens the log and takes its lock.
    ///
    /// # Errors
    /// [`OpenError`]: the directory is in use, or something in it is damaged.
    pub fn open(options: &EngineOptions, env: &Env) -> Result<Self, OpenError> {
        let opened = coffer_wal::Log::open_to_read(log_options(options), env.for_log())?;
        Ok(Self { opened, idempotency_window_h: options.idempotency_window_h })
    }

    /// Reads it by position. What is durable in it stays the same.
    #[must_use]
    pub fn reader(&self) -> coffer_wal::LogReader {
        self.opened.reader()
    }

    /// The last record.
    pub(crate) fn end(&self) -> LogPosition {
        LogPosition(self.opened.end().last_lsn.0)
    }

    /// Visits the records `from..=to`, in order, and verifies every batch on the way.
    ///
    /// # Errors
    /// [`OpenError`]: damage, records that are gone, or what `visit` said.
    pub(crate) fn records(
        &mut self,
        from: LogPosition,
        to: LogPosition,
        visit: &mut dyn FnMut(PastRecord<'_>) -> Result<(), VisitError>,
    ) -> Result<(), OpenError> {
        self.opened.replay(Lsn(from.0), &mut |_| {}, &mut |record| {
            if record.lsn.0 > to.0 { Ok(()) } else { visit(PastRecord::of(&record)?) }
        })?;
        Ok(())
    }

    /// The state that the record at this position built on.
    ///
    /// # Errors
    /// [`OpenError`]: damage, or records that are gone.
    pub(crate) fn state_before(
        &mut self,
        position: LogPosition,
        progress: &Arc<dyn RecoveryProgress>,
    ) -> Result<StateBefore, OpenError> {
        let (seed, window_h) = (seed_of(&self.opened), self.idempotency_window_h);
        // Nobody asks for a key here.
        let make_keys = || Keys::new(seed, window_h, usize::MAX);
        if position.0 <= 1 {
            return Ok(StateBefore { tables: Tables::new(make_keys()) });
        }
        let tables = recover_to(&mut self.opened, Lsn(position.0 - 1), &make_keys, progress)?;
        Ok(StateBefore { tables })
    }
}

impl std::fmt::Debug for StoppedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoppedLog({})", self.end().0)
    }
}

impl<'a> PastRecord<'a> {
    fn of(record: &Record<'a>) -> Result<Self, DecodeError> {
        let header = &record.header;
        let customer = match kinds::kind_of(header)? {
            Kind::Customer => Some(CustomerNumber(header.subject.number)),
            Kind::Tenant => None,
        };
        Ok(Self {
            position: LogPosition(record.lsn.0),
            logged_at: Timestamp(header.time_ns),
            tenant: TenantNumber(header.subject.tenant),
            customer,
            previous: LogPosition(header.previous.0),
            version: header.version,
            public: record.public,
            personal: record.personal,
        })
    }
}

impl StateBefore {
    /// A customer as it was; one without a record if nobody had touched it. Each can be taken once.
    ///
    /// # Errors
    /// Its bytes cannot be read: a bug, since recovery wrote them.
    pub(crate) fn take(&self, tenant: TenantNumber, number: CustomerNumber) -> Result<Customer, ReplayError> {
        fetch(&self.tables, tenant, number)
    }

    /// The tenants as they were.
    pub(crate) fn tenants(&self) -> &HashMap<TenantNumber, Tenant> {
        &self.tables.tenants
    }
}
