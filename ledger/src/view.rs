//! What replies and the feed show: balances as of an instant, and the ledger rows of a record (SEMANTICS §1, §16). Reads write nothing.

use smallvec::SmallVec;

use crate::amount::{Credits, Money};
use crate::command::{CreditReason, Memo};
use crate::customer::Customer;
use crate::fact::Slice;
use crate::ids::{KeyId, LogPosition, RowId, TrancheId, WalletId};
use crate::record::Record;
use crate::time::Timestamp;
use crate::tranche::{Source, Tranche};
use crate::unit::{Currency, Unit};
use crate::wallet::{Wallet, WalletHead};

/// Credits by the source of their tranches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySource {
    /// [`Source::Purchased`].
    pub purchased: Credits,
    /// [`Source::Promotional`].
    pub promotional: Credits,
    /// [`Source::PlanIncluded`].
    pub plan_included: Credits,
    /// [`Source::Refund`].
    pub refund: Credits,
    /// [`Source::Adjustment`].
    pub adjustment: Credits,
    /// [`Source::Rollover`].
    pub rollover: Credits,
}

/// What a charge of each price type, without a feature, could take now, overdraft included: what a 402 would call `available`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByPriceType {
    /// For metered use.
    pub usage: Credits,
    /// For fixed fees.
    pub fixed: Credits,
}

/// The figures of a wallet or of a unit as of an instant (SEMANTICS §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Σ usable − debt.
    pub posted: Credits,
    /// Σ pinned by open holds.
    pub held: Credits,
    /// posted − held.
    pub own: Credits,
    /// max(0, own + overdraft limit) of active wallets.
    pub available: Credits,
    /// Bought and not paid.
    pub pending: Credits,
    /// Confirmed, with a start in the future.
    pub scheduled: Credits,
    /// Overdraft taken and not repaid.
    pub debt: Credits,
    /// Usable credit by source. Σ = posted + debt.
    pub by_source: BySource,
    /// What a charge could take.
    pub by_price_type: ByPriceType,
}

/// A wallet as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletBalance {
    /// The wallet's settings and, as of the instant, its running values.
    pub head: WalletHead,
    /// Its figures.
    pub figures: Figures,
    /// Its live tranches in burn order, scheduled ones included, ended ones not.
    pub tranches: Vec<Tranche>,
}

/// All wallets that count in one unit, closed ones left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitBalance {
    /// The unit.
    pub unit: Unit,
    /// Sums over its wallets.
    pub figures: Figures,
}

/// A customer's balance as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// All wallets, oldest first, closed ones left out.
    pub wallets: Vec<WalletBalance>,
    /// One per unit, in the order of its oldest wallet. With exactly one, a reply shows its figures on top.
    pub units: Vec<UnitBalance>,
}

/// The balance as of `now`, with nothing expired in it, whether that was written yet or not. `now` is never before the customer's
/// last record.
#[must_use]
pub fn balance(customer: &Customer, now: Timestamp) -> BalanceView {
    let _ = (customer, now);
    BalanceView { wallets: Vec::new(), units: Vec::new() }
}

/// The wallet's head with the running values that it has at `now`.
#[must_use]
pub fn head_at(wallet: &Wallet, now: Timestamp) -> WalletHead {
    let _ = now;
    wallet.head.clone()
}

/// The figures of one wallet as of `now`.
#[must_use]
pub fn figures_at(wallet: &Wallet, now: Timestamp) -> Figures {
    let _ = (wallet, now);
    Figures::default()
}

/// What kind of change a row is (SEMANTICS §16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowType {
    /// Credits entered.
    Credit,
    /// Credits left.
    Debit,
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
    /// USAGE_DEBIT or INVOICE_PAYMENT by price type is the edge's word; here: a debit for a charge.
    UsageDebit,
    /// MANUAL_BALANCE_DEBIT.
    ManualDebit,
    /// CREDIT_EXPIRED.
    CreditExpired,
    /// WALLET_TERMINATION.
    WalletTermination,
    /// UNCOLLECTED: debt that was written off.
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
            Self::CreditExpired => "CREDIT_EXPIRED",
            Self::WalletTermination => "WALLET_TERMINATION",
            Self::Uncollected => "UNCOLLECTED",
        }
    }
}

/// How far a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowStatus {
    /// Its credit starts in the future.
    Scheduled,
    /// It counts.
    Completed,
}

/// One ledger row, as SEMANTICS §16 lists it. The edge adds tenant, customer and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView<'a> {
    /// Its id: the log tells where.
    pub id: RowId,
    /// The wallet.
    pub wallet: WalletId,
    /// Number in the wallet; `None` outside the balance chain (scheduled, memo).
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
    /// What a debit took, in the order taken: only this row's wallet.
    pub slices: SmallVec<[&'a Slice; 2]>,
    /// The tranche that a credit made, or that an expiry emptied.
    pub tranche: Option<TrancheId>,
    /// How much of a credit repaid debt.
    pub repaid: Credits,
    /// The first row of the same debit, where this is not it.
    pub parent: Option<RowId>,
    /// The scheduled row that this one completes.
    pub completes: Option<RowId>,
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
    let _ = (record, position);
    Vec::new()
}
