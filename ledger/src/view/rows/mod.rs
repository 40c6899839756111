//! The ledger rows of a record, in SEMANTICS §16's terms. A function of the record and its position alone, so that history, replies
//! and exports say the same whenever they are asked.
//!
//! [`moves`] tells what the same rows did to single tranches. Each effect's rows stand in the order that [`crate::fact`] documents: [`list`] walks over the facts, [`back_and_forth`] writes what
//! holds, refunds, invoices and transfers move, [`purchases`] what recharges do.

use smallvec::SmallVec;

use crate::amount::{Credits, Money};
use crate::command::{CreditReason, Memo, RefundReason};
use crate::fact::{Priced, Slice};
use crate::ids::{
    GrantId, HoldId, KeyId, LogPosition, RechargeId, RowId, SubscriptionId, TrancheId, TransferId, WalletId,
};
use crate::record::Record;
use crate::time::Timestamp;
use crate::unit::Currency;

mod back_and_forth;
mod list;
mod moves;
mod purchases;
mod words;

pub use moves::{Move, MoveKind, Moved};

/// What kind of change a row is (SEMANTICS §16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowType {
    /// Credits entered.
    Credit,
    /// Credits left.
    Debit,
    /// Credits are reserved; posted stays.
    Hold,
    /// Credits are not reserved any more; posted stays.
    Release,
    /// Nothing moved; noted.
    Memo,
}

/// Why a row is there (API §3 "Reasons").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowReason {
    /// Credit came in.
    Credit(CreditReason),
    /// A scheduled credit started: the reason is that of the row that this one completes.
    ScheduledCredit,
    /// USAGE_DEBIT: a debit for a charge.
    UsageDebit,
    /// MANUAL_BALANCE_DEBIT.
    ManualDebit,
    /// HOLD: credits were reserved.
    Hold,
    /// HOLD_CAPTURE: a debit of what was reserved, and of what was drawn beyond it.
    HoldCapture,
    /// HOLD_RELEASE: what was reserved is free again.
    HoldRelease,
    /// INVOICE_PAYMENT: a wallet's part of an invoice's line.
    InvoicePayment,
    /// Credits of a debit came back: REFUND, REVERSAL, TRANSFER_RETURNED.
    Back(RefundReason),
    /// TRANSFER_IN.
    TransferIn,
    /// TRANSFER_OUT.
    TransferOut,
    /// ROLLOVER: what is left of a grant's period goes on into the next: out of one tranche, into another.
    Rollover,
    /// CREDIT_VOIDED.
    CreditVoided,
    /// CREDIT_EXPIRED.
    CreditExpired,
    /// WALLET_TERMINATION.
    WalletTermination,
    /// UNCOLLECTED: debt that was written off, or usage that nothing paid for.
    Uncollected,
}

impl RowReason {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credit(reason) => reason.as_str(),
            Self::ScheduledCredit => "SCHEDULED_CREDIT",
            Self::UsageDebit => "USAGE_DEBIT",
            Self::ManualDebit => "MANUAL_BALANCE_DEBIT",
            Self::Hold => "HOLD",
            Self::HoldCapture => "HOLD_CAPTURE",
            Self::HoldRelease => "HOLD_RELEASE",
            Self::InvoicePayment => "INVOICE_PAYMENT",
            Self::Back(reason) => reason.as_str(),
            Self::TransferIn => "TRANSFER_IN",
            Self::TransferOut => "TRANSFER_OUT",
            Self::Rollover => "ROLLOVER",
            Self::CreditVoided => "CREDIT_VOIDED",
            Self::CreditExpired => "CREDIT_EXPIRED",
            Self::WalletTermination => "WALLET_TERMINATION",
            Self::Uncollected => "UNCOLLECTED",
        }
    }
}

/// How far a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowStatus {
    /// Its credit is bought and not paid.
    Pending,
    /// Its credit starts in the future.
    Scheduled,
    /// It counts.
    Completed,
}

/// What a row belongs to, beside what the request's own words refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// An invoice, by its id in the caller's system.
    Invoice(&'a str),
    /// A hold.
    Hold(HoldId),
    /// A transfer.
    Transfer(TransferId),
    /// A grant.
    Grant(GrantId),
    /// A subscription.
    Subscription(SubscriptionId),
    /// A recharge.
    Recharge(RechargeId),
}

/// One ledger row, as SEMANTICS §16 lists it. The edge adds tenant, customer and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView<'a> {
    /// Its id: the log tells where.
    pub id: RowId,
    /// The wallet.
    pub wallet: WalletId,
    /// Number in the wallet; `None` outside the balance chain (scheduled, hold, release, memo).
    pub sequence: Option<u64>,
    /// Kind of change.
    pub row_type: RowType,
    /// Why.
    pub reason: RowReason,
    /// How far.
    pub status: RowStatus,
    /// Credits moved, without a sign.
    pub credits: Credits,
    /// The same in money, where the record knows it.
    pub amount: Option<Money>,
    /// The money's currency, where the record knows it.
    pub currency: Option<Currency>,
    /// Money charged, where something was.
    pub charged: Option<Money>,
    /// Posted before; `None` outside the balance chain.
    pub balance_before: Option<Credits>,
    /// Posted after; `None` outside the balance chain.
    pub balance_after: Option<Credits>,
    /// What a debit took or a hold pinned, in the order taken; what came back, in the order of coming back. Only this row's.
    pub slices: SmallVec<[&'a Slice; 2]>,
    /// The tranche that a credit made, or that an expiry or a void emptied.
    pub tranche: Option<TrancheId>,
    /// How much of a credit repaid debt.
    pub repaid: Credits,
    /// The first row of the same debit, where this is not it; the debit's row that a refund gives back; the credit's row that is voided.
    pub parent: Option<RowId>,
    /// The scheduled or pending row that this one completes.
    pub completes: Option<RowId>,
    /// The price of what it paid for, and the card that said it.
    pub priced: Option<&'a Priced>,
    /// What it belongs to.
    pub reference: Option<Reference<'a>>,
    /// Words of the request; rows that happen by themselves have none.
    pub memo: Option<&'a Memo>,
    /// The request's idempotency key; rows that happen by themselves have none.
    pub idempotency_key: Option<&'a str>,
    /// Who: a key, or `None` = the system.
    pub by: Option<KeyId>,
    /// The record.
    pub position: LogPosition,
    /// The instant that counts.
    pub effective_at: Timestamp,
    /// The instant of the record.
    pub recorded_at: Timestamp,
}

/// All ledger rows of a record, in order. The i-th has row number i.
#[must_use]
pub fn rows(record: &Record, position: LogPosition) -> Vec<RowView<'_>> {
    list::Rows::of(record, position).list
}

/// What a record did to single tranches and to debts, in the order of its rows.
#[must_use]
pub fn moves(record: &Record, position: LogPosition) -> Vec<Move<'_>> {
    list::Rows::of(record, position).moves
}

/// Both of [`rows`] and [`moves`].
#[must_use]
pub fn rows_and_moves(record: &Record, position: LogPosition) -> (Vec<RowView<'_>>, Vec<Move<'_>>) {
    let rows = list::Rows::of(record, position);
    (rows.list, rows.moves)
}
