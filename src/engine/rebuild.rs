//! Rebuilding one customer in place: its block in the newest snapshot, then its later records (DESIGN decision 4).
//!
//! Rare and slow on purpose: the log is read forward from the snapshot and filtered by the subject in the record frame. Other
//! customers go on meanwhile; this one's mailbox waits.

use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_wal::{Lsn, ReadError};

use super::core::{Core, customer_subject};
use super::fold::{FoldError, fold};
use super::operation::Failure;
use super::snapshot::{self, SnapshotFailure};

/// Why a customer cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    #[error("the log halted")]
    Halted,
    #[error(transparent)]
    Snapshot(#[from] SnapshotFailure),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Fold(#[from] FoldError),
    #[error("the rebuilding thread panicked")]
    Panicked,
}

impl From<Failure> for RebuildError {
    fn from(_: Failure) -> Self {
        Self::Halted
    }
}

/// The customer as the log has it.
pub(crate) async fn rebuild(
    core: &Arc<Core>,
    tenant: TenantNumber,
    number: CustomerNumber,
) -> Result<Customer, RebuildError> {
    let end = core.journal.appended_lsn();
    core.durable(LogPosition(end.0)).await?;
    let core = Arc::clone(core);
    let reading = core.runtime.clone().spawn_blocking(move || read(&core, tenant, number, end));
    reading.await.map_err(|_| RebuildError::Panicked)?
}

fn read(
    core: &Core,
    tenant: TenantNumber,
    number: CustomerNumber,
    end: Lsn,
) -> Result<Customer, RebuildError> {
    fail::fail_point!("rebuild::read");
    let (mut customer, start) = snapshot::find_customer(&core.snapshots, tenant, number)?;
    let subject = customer_subject(tenant, number);
    let mut failed = None;
    core.reader.scan(start.next(), end, &mut |record| {
        if record.header.subject == subject && failed.is_none() {
            failed = fold(&mut customer, &record).err();
        }
        Ok(())
    })?;
    failed.map_or(Ok(customer), |error| Err(error.into()))
}
