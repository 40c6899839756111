//! Closed things that a decision needs, read back by the shell and brought along (DESIGN decision 11).
//!
//! A debit that is to be refunded, a credit that is to be voided: both are a function of the record that holds them. Who receives a
//! transfer is a look at another customer; it may be out of date when the transfer arrives, and then the transfer comes back.

use crate::budget::BudgetMove;
use crate::command::CreditReason;
use crate::fact::{DebitRow, Slice};
use crate::ids::{CustomerNumber, LogPosition, RowId, TrancheId, WalletId};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::tranche::Terms;
use crate::unit::Unit;
use crate::wallet::WalletStatus;

/// What the shell looked up for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// For a refund or the voiding of an invoice: what left.
    Debit(OldDebit),
    /// For the voiding of a credit: what it brought, its bonus after it.
    Credits(Vec<OldCredit>),
    /// For a transfer: who receives.
    Receiver(Receiver),
    /// For an atomic batch: for each of its items.
    Each(Vec<Option<Self>>),
}

/// A debit of an old record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldDebit {
    /// Its record.
    pub position: LogPosition,
    /// The rows that were named: their numbers in the record, and what they say.
    pub rows: Vec<(u32, DebitRow)>,
    /// What they took, in the order taken, each with the number of its row.
    pub slices: Vec<(u32, Slice)>,
    /// What the whole debit counts as in budgets.
    pub budget: Vec<BudgetMove>,
}

/// A credit of an old record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldCredit {
    /// Its row.
    pub row: RowId,
    /// Its wallet.
    pub wallet: WalletId,
    /// Why it came.
    pub reason: CreditReason,
    /// The tranche that it made.
    pub tranche: TrancheId,
    /// The tranche's terms.
    pub terms: Terms,
}

/// Who receives a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The customer.
    pub customer: CustomerNumber,
    /// Its wallets, oldest first.
    pub wallets: Vec<(WalletId, Unit, WalletStatus)>,
}

/// The debit that a row belongs to. Its first row stands for all its rows, any other for itself.
///
/// # Errors
/// [`Refusal::InvalidOperation`] if the row is none of a debit; [`Refusal::NotFound`] if the record has no such row.
pub fn old_debit(record: &Record, position: LogPosition, row: u32) -> Result<OldDebit, Refusal> {
    let _ = (record, position, row);
    todo!("wip: refunds")
}

/// All that an invoice's settlement took.
///
/// # Errors
/// [`Refusal::InvalidOperation`] if the record settles no invoice.
pub fn old_settlement(record: &Record, position: LogPosition) -> Result<OldDebit, Refusal> {
    let _ = (record, position);
    todo!("wip: invoices")
}

/// The credit of a row, and its bonus after it if it is a purchase.
///
/// # Errors
/// [`Refusal::InvalidOperation`] if the row is no credit that can be voided; [`Refusal::NotFound`] if the record has no such row.
pub fn old_credits(record: &Record, position: LogPosition, row: u32) -> Result<Vec<OldCredit>, Refusal> {
    let _ = (record, position, row);
    todo!("wip: voids")
}
