//! A customer's image in a snapshot, to fold a state of the past from.

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};

use super::trail::Trail;
use super::{PastFailure, Sources};
use crate::engine::snapshot::find_in;

/// The newest image that the way back can end at. Each customer's image is as of its own last record, so one in a snapshot that
/// began after an instant may still be of before it.
pub(super) fn find(
    sources: &Sources<'_>,
    (tenant, number): (TenantNumber, CustomerNumber),
    trail: &Trail<'_>,
) -> Result<Option<Customer>, PastFailure> {
    for info in sources.snapshots.list().map_err(|error| PastFailure::Unreadable(error.into()))? {
        // Whoever has a record of before the snapshot began is in it with that record.
        let is_late = trail.after().is_some_and(|after| after <= info.start_lsn);
        if is_late {
            continue;
        }
        match find_in(sources.snapshots, &info, tenant, number) {
            Ok(Some(image)) if trail.fits(&image) => return Ok(Some(image)),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(snapshot = info.id, %error, "a snapshot cannot be read; trying the one before");
            }
        }
    }
    Ok(None)
}
