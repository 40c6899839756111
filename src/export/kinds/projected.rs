//! Rows with everything that moved in them and its paid share, made of records as the history makes them, without a history.

use coffer_ledger::ids::WalletId;
use coffer_ledger::unit::Unit;

use crate::export::error::ExportError;
use crate::export::source::Entry;
use crate::feed::history::{Batch, FullRow, Nothing, Projector};

/// Follows the log from its first record on.
pub(super) struct Projected(Projector);

impl Projected {
    pub(super) fn new() -> Self {
        Self(Projector::without_a_store())
    }

    /// The rows of a record, in order.
    pub(super) fn rows(&mut self, entry: &Entry<'_>) -> Result<Vec<FullRow>, ExportError> {
        let mut batch = Batch::default();
        let of = (entry.tenant.number, entry.customer.number);
        let added = self.0.add(of, entry.record, entry.position, &Nothing, &mut batch);
        added.map_err(|error| ExportError::Mismatch(format!("record {}: {error}", entry.position.0)))?;
        self.0.finish(&mut batch);
        Ok(batch.rows)
    }

    /// What a wallet counts in.
    pub(super) fn unit(&self, wallet: WalletId) -> Option<&Unit> {
        self.0.unit_of(wallet)
    }
}
