//! A consistent look at a store: a few small reads that statements, books, the journal and lists of alerts and recharges are made of.
//!
//! All that one look sees is as of one record of the log. What is asked is plain enough for any database: equality, ranges, one order.
//! Amounts are added up by who reads, never by the store. Tested in `tests/history/` and `tests/books/`.

use std::cell::RefCell;

use coffer_ledger::ids::{CustomerNumber, RowId, TenantNumber, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;

use super::{
    AlertLine, AlertsAsked, FullRow, HistoryError, Listed, RechargeLife, RechargesAsked, StoreError, Sums,
    TotalOf, TrancheLife, WalletLife,
};

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsAsked {
    /// Whose.
    pub tenant: TenantNumber,
    /// Only this customer's.
    pub customer: Option<CustomerNumber>,
    /// Only those that count at or after this instant.
    pub from: Timestamp,
    /// Only those that count before it.
    pub to: Timestamp,
    /// Only those behind this one.
    pub after: Option<RowId>,
    /// Only those of records up to this one.
    pub last: u64,
    /// At most so many.
    pub limit: usize,
}

/// What is seen at one moment.
pub trait Look {
    /// The last record that is in the store.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn position(&self) -> Result<u64, HistoryError>;

    /// Shows the sums of a tenant's slots before an instant, in no order.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn totals(
        &self,
        tenant: TenantNumber,
        before: Timestamp,
        visit: &mut dyn FnMut(TotalOf, Sums),
    ) -> Result<(), HistoryError>;

    /// Rows with all of their slices, in the order of the log.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn rows(&self, asked: &RowsAsked) -> Result<Vec<FullRow>, HistoryError>;

    /// A wallet.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn wallet(&self, id: WalletId) -> Result<Option<WalletLife>, HistoryError>;

    /// A tranche, also one that is gone.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn tranche(&self, id: TrancheId) -> Result<Option<TrancheLife>, HistoryError>;

    /// A page of changes of alerts.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn alerts(&self, asked: &AlertsAsked) -> Result<Listed<AlertLine>, HistoryError>;

    /// A page of recharges, also of those that are gone.
    ///
    /// # Errors
    /// [`HistoryError`]: the store cannot be read.
    fn recharges(&self, asked: &RechargesAsked) -> Result<Listed<RechargeLife>, HistoryError>;
}

/// What went wrong first in a look: whoever looks is told that there is no answer, and whoever keeps the store why.
pub(super) struct Failure(RefCell<Option<StoreError>>);

impl Failure {
    pub(super) const fn none() -> Self {
        Self(RefCell::new(None))
    }

    /// What was read, or that it cannot be.
    pub(super) fn told<T>(&self, read: Result<T, StoreError>) -> Result<T, HistoryError> {
        read.map_err(|error| {
            self.0.borrow_mut().get_or_insert(error);
            HistoryError::Unavailable("its store cannot be read".to_owned())
        })
    }

    /// The first failure, if there was one.
    pub(super) fn end(self) -> Result<(), StoreError> {
        self.0.into_inner().map_or(Ok(()), Err)
    }
}
