//! What a store takes, in one or several parts of a transaction: everything that some records say, and how far they go.

use std::borrow::Cow;
use std::collections::HashMap;

use coffer_ledger::alert::AlertChange;
use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::hold::Hold;
use coffer_ledger::ids::{
    CustomerNumber, HoldId, LogPosition, RateCardId, RechargeId, RowId, TenantNumber, TransferId, WalletId,
};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, Unit};
use coffer_ledger::view::{MoveKind, RowReason};

use super::recharge::RechargeLife;
use super::row::{OfTranche, Row};
use super::totals::Totals;
use super::tranche::TrancheLife;
use crate::feed::cursor::Cursor;

/// Everything that some records say.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// Ledger rows, in the order of the log.
    pub(crate) rows: Vec<FullRow>,
    /// Tranches as they are after it.
    pub(crate) tranches: Vec<TrancheLife>,
    /// Wallets as they are after it.
    pub(crate) wallets: HashMap<WalletId, WalletLife>,
    /// Holds as they are after it.
    pub(crate) holds: HashMap<HoldId, HoldLife>,
    /// Invoices that were settled.
    pub(crate) settled: Vec<Settlement>,
    /// Settlements that were put back.
    pub(crate) voided: Vec<SettlementVoided>,
    /// Transfers that left.
    pub(crate) sent: Vec<TransferLife>,
    /// Transfers that ended.
    pub(crate) ended: Vec<(TransferId, &'static str, RecordAt)>,
    /// Usage events.
    pub(crate) events: Vec<EventLine>,
    /// Alerts that changed, in the order of the log.
    pub(crate) alerts: Vec<AlertLine>,
    /// Recharges as they are after it.
    pub(crate) recharges: HashMap<RechargeId, RechargeLife>,
    /// Sums for the books.
    pub(crate) totals: Totals,
    /// How far it goes.
    pub(crate) cursor: Cursor,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            tranches: Vec::new(),
            wallets: HashMap::new(),
            holds: HashMap::new(),
            settled: Vec::new(),
            voided: Vec::new(),
            sent: Vec::new(),
            ended: Vec::new(),
            events: Vec::new(),
            alerts: Vec::new(),
            recharges: HashMap::new(),
            totals: Totals::default(),
            cursor: Cursor::START,
        }
    }
}

impl Batch {
    /// Forgets what a store has taken; totals go on.
    pub(crate) fn clear(&mut self) {
        let (mut rows, totals) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.totals));
        rows.clear();
        *self = Self { rows, totals, ..Self::default() };
    }
}

/// Where and when a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordAt {
    pub(crate) position: LogPosition,
    pub(crate) at: Timestamp,
}

/// A ledger row with all of its slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullRow {
    /// The row.
    pub row: Row,
    /// Its slices, in order.
    pub slices: Vec<SliceLine>,
}

/// A line of `slices`: a part of a row that concerns one tranche, or the wallet's debt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceLine {
    /// The wallet.
    pub wallet: WalletId,
    /// What happened.
    pub kind: SliceKind,
    /// How much.
    pub credits: Credits,
    /// The tranche; `None` = debt.
    pub tranche: Option<OfTranche>,
    /// The share of its paid money that went along, without a sign; `None` where nothing moved.
    pub share: Option<Money>,
}

/// What a line of `slices` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceKind {
    /// Credit moved.
    Moved(MoveKind),
    /// A hold reserved it.
    Pinned,
    /// A hold let it go.
    Unpinned,
    /// A refund gave it back, as a new tranche: this is the one that it was taken from, and the next line the new one.
    RegrantedFrom,
}

impl SliceKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moved(kind) => kind.as_str(),
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::RegrantedFrom => "regranted_from",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let moved = MoveKind::ALL.into_iter().map(Self::Moved);
        moved.chain([Self::Pinned, Self::Unpinned, Self::RegrantedFrom]).find(|kind| kind.as_str() == word)
    }

    /// Whether a reply shows it as one of the slices of a row with this reason: what a debit took, a hold reserved or let go, a refund gave
    /// back. Of a void none is: what it makes of spent credit is debt, and nothing was taken for it.
    #[must_use]
    pub fn is_shown(self, reason: &str) -> bool {
        match self {
            Self::Pinned | Self::Unpinned | Self::RegrantedFrom => true,
            Self::Moved(kind) => {
                matches!(kind, MoveKind::Spent | MoveKind::Sent | MoveKind::Returned)
                    && reason != RowReason::CreditVoided.as_str()
            }
        }
    }
}

/// A wallet over its whole life. What it is called is in the engine's state only: it may be personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletLife {
    /// Whose it is.
    pub tenant: TenantNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// What it counts in.
    pub unit: Unit,
    /// Money per credit when buying.
    pub topup_conversion_rate: Rate,
    /// active, frozen or closed.
    pub status: Cow<'static, str>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Overdraft taken and not repaid.
    pub debt: Credits,
}

/// A hold over its whole life.
#[derive(Clone, Debug)]
pub(crate) struct HoldLife {
    pub(crate) tenant: TenantNumber,
    pub(crate) customer: CustomerNumber,
    pub(crate) hold: Hold,
    /// When it was closed.
    pub(crate) ended_at: Option<Timestamp>,
    /// Its newest record.
    pub(crate) last: LogPosition,
}

/// A settled invoice.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    pub(crate) tenant: TenantNumber,
    pub(crate) customer: CustomerNumber,
    pub(crate) invoice: Box<str>,
    pub(crate) currency: Currency,
    pub(crate) paid: Money,
    pub(crate) shortfall: Money,
    pub(crate) settled: RecordAt,
}

/// A settlement that was put back.
#[derive(Clone, Debug)]
pub(crate) struct SettlementVoided {
    pub(crate) customer: CustomerNumber,
    pub(crate) invoice: Box<str>,
    pub(crate) voided: RecordAt,
}

/// A transfer that left.
#[derive(Clone, Debug)]
pub(crate) struct TransferLife {
    pub(crate) id: TransferId,
    pub(crate) tenant: TenantNumber,
    pub(crate) from: CustomerNumber,
    pub(crate) to: CustomerNumber,
    pub(crate) credits: Credits,
    pub(crate) status: &'static str,
    pub(crate) sent: RecordAt,
}

/// A usage event.
#[derive(Clone, Debug)]
pub(crate) struct EventLine {
    pub(crate) tenant: TenantNumber,
    pub(crate) customer: CustomerNumber,
    pub(crate) source: Box<str>,
    pub(crate) event: Box<str>,
    pub(crate) happened_at: Timestamp,
    pub(crate) meter: Box<str>,
    pub(crate) quantity: Usage,
    /// The price and the card that said it; `None` = no card matched.
    pub(crate) priced: Option<(RateCardId, u64, Credits)>,
    pub(crate) uncollected: Credits,
    /// The first row of its debit.
    pub(crate) row: Option<RowId>,
    pub(crate) recorded: RecordAt,
}

/// A change of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertLine {
    /// Whose it is.
    pub tenant: TenantNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// The record that it stands in.
    pub position: LogPosition,
    /// What changed.
    pub change: AlertChange,
}
