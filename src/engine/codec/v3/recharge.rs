//! Purchases, and what became of their payment.

use bincode::{BorrowDecode, Encode};

use super::wire::coded;
use crate::engine::codec::v1::record::Posting;
use crate::engine::codec::v1::shared::Terms;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

coded! {
    /// Who wanted it.
    pub enum RechargeOrigin { 0 = Auto, 1 = TopUp }
    /// How far its payment is.
    pub enum RechargeStatus { 0 = Pending, 1 = Completed, 2 = Failed, 3 = Cancelled }
    /// Why it was not paid.
    pub enum RechargeReason {
        0 = PaymentFailed, 1 = Expired, 2 = Cancelled, 3 = WalletClosed, 4 = CardDeclined, 5 = InsufficientFunds, 6 = CardExpired,
        7 = AuthenticationRequired, 8 = NoPaymentMethod, 9 = PaymentRefused
    }
    /// Why a purchase's credit comes in.
    pub enum CreditReason { 0 = PurchasedCreditDirect, 1 = PurchasedCreditInvoiced, 2 = PurchasedCreditBonus }
}

/// The row of a purchase.
#[derive(Encode, BorrowDecode)]
pub struct CreditRow<'a> {
    /// Why.
    pub reason: CreditReason,
    /// Its tranche.
    pub tranche: Thing,
    /// The tranche's terms.
    pub terms: Terms<'a>,
    /// The same in money.
    pub amount: Amount,
    /// Money charged.
    pub charged: Option<Amount>,
    /// How much repaid debt.
    pub repaid: Amount,
    /// The balance around it; absent while pending or scheduled.
    pub posting: Option<Posting>,
}

/// The windows in which an automatic recharge counts.
#[derive(Encode, BorrowDecode)]
pub struct CountedIn {
    /// End of its day.
    pub day_ends_at: Stamp,
    /// End of its month.
    pub month_ends_at: Stamp,
}

/// A purchase.
#[derive(Encode, BorrowDecode)]
pub struct Recharge<'a> {
    /// Its id.
    pub id: Thing,
    /// Its wallet.
    pub wallet: Thing,
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// Who wanted it.
    pub origin: RechargeOrigin,
    /// How far its payment is.
    pub status: RechargeStatus,
    /// Whether its credit is there without proof of its payment.
    pub trusted: bool,
    /// The invoice.
    pub invoice: Option<Thing>,
    /// When it began.
    pub begun_at: Stamp,
    /// Where it counts for the rule that began it.
    pub counted_in: Option<CountedIn>,
    /// When it fails by itself.
    pub expires_at: Option<Stamp>,
    /// When it ended.
    pub ended_at: Option<Stamp>,
    /// Why it was not paid.
    pub reason: Option<RechargeReason>,
    /// The purchase, then its bonus.
    pub rows: List<'a, CreditRow<'a>>,
    /// What of each ended unspent.
    pub gone: List<'a, Amount>,
    /// The record in which it began.
    pub position: u64,
    /// Its first row there.
    pub row: u32,
    /// The record in which its credit came in later; 0 = none.
    pub came_in: u64,
    /// Its first row there.
    pub came_in_row: u32,
}

/// Credit that was trusted and never paid.
#[derive(Encode, BorrowDecode)]
pub struct Unpaid<'a> {
    /// Its tranche.
    pub tranche: Thing,
    /// The tranche's terms.
    pub terms: Terms<'a>,
    /// What is gone.
    pub taken: Amount,
    /// What is owed.
    pub owed: Amount,
    /// The balance around it.
    pub posting: Option<Posting>,
}

/// A recharge ended.
#[derive(Encode, BorrowDecode)]
pub struct RechargeEnd<'a> {
    /// The recharge after it.
    pub recharge: Recharge<'a>,
    /// Its credit, as it comes in.
    pub rows: List<'a, CreditRow<'a>>,
    /// What is taken back.
    pub unpaid: List<'a, Unpaid<'a>>,
}
