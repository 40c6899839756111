//! What came back, and what was taken back.

use bincode::{BorrowDecode, Encode};

use super::charge::BudgetMove;
use super::hold::Lapsed;
use super::wire::{Row, coded, tagged};
use crate::engine::codec::v1::record::{Posting, Slice};
use crate::engine::codec::v1::shared::Terms;
use crate::engine::codec::v1::wire::{Amount, List, Thing};

coded! {
    /// Why credits came back.
    pub enum RefundReason { 0 = Refund, 1 = Reversal, 2 = TransferReturned }
}

/// A tranche that is made by giving back.
#[derive(Encode, BorrowDecode)]
pub struct NewTranche<'a> {
    /// Its id.
    pub tranche: Thing,
    /// Its terms.
    pub terms: Terms<'a>,
}

tagged! {
    /// Where a slice went back to.
    pub enum BackTo<'a> { 0 = Tranche(()), 1 = Debt(()), 2 = New(NewTranche<'a>) }
}

/// A slice on its way back.
#[derive(Encode, BorrowDecode)]
pub struct Back<'a> {
    /// What comes back.
    pub slice: Slice<'a>,
    /// Where to.
    pub to: BackTo<'a>,
}

/// The credit row of one wallet.
#[derive(Encode, BorrowDecode)]
pub struct BackRow {
    /// Row of the debit's record.
    pub of_row: u32,
    /// Credits that came back.
    pub credits: Amount,
    /// The same in money.
    pub amount: Amount,
    /// The balance around it.
    pub posting: Posting,
}

/// Slices that came back.
#[derive(Encode, BorrowDecode)]
pub struct GivenBack<'a> {
    /// Why.
    pub reason: RefundReason,
    /// The debit's record.
    pub debit: u64,
    /// One per row of the debit that gets something.
    pub rows: List<'a, BackRow>,
    /// Last taken first.
    pub slices: List<'a, Back<'a>>,
    /// What is gone at once.
    pub lapsed: List<'a, Lapsed<'a>>,
    /// What does not count in budgets any more.
    pub freed: List<'a, BudgetMove<'a>>,
}

/// A refund.
#[derive(Encode, BorrowDecode)]
pub struct Refunded<'a> {
    /// The row that was named.
    pub of: Row,
    /// What came back.
    pub back: GivenBack<'a>,
    /// Σ slices.
    pub credits: Amount,
    /// Σ lapsed.
    pub expired: Amount,
    /// What could still be refunded.
    pub left: Amount,
    /// Whether nothing is added up, as the wallets are of different units.
    pub mixed_units: bool,
}

/// A credit that was voided.
#[derive(Encode, BorrowDecode)]
pub struct Voided<'a> {
    /// The row that brought it in.
    pub of: Row,
    /// Its wallet.
    pub wallet: Thing,
    /// Its tranche.
    pub tranche: Thing,
    /// The tranche's terms.
    pub terms: Terms<'a>,
    /// What was taken back.
    pub credits: Amount,
    /// What is pinned.
    pub held: Amount,
    /// What was gone before.
    pub spent: Amount,
    /// The balance around it.
    pub posting: Option<Posting>,
}
