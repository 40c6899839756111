//! What was decided. Facts are complete: `apply` needs nothing else, and a reply is rendered from the record that holds them.
//!
//! Rows of a record are numbered from 0: first those of [`Facts::due`], then those of the recharge [`SetOff::before`] the effect, those of
//! the effect, and those of what it set off [`SetOff::after`] it, in order; [`Due::rows`] and [`Effect::rows`] say how many each has.

use smallvec::SmallVec;

use crate::amount::{Credits, Money};
use crate::budget::{Budget, BudgetMove};
use crate::command::CreditReason;
use crate::customer::Identity;
use crate::ids::{CustomerNumber, LogPosition, RateCardId, TrancheId, TransferId, WalletId};
use crate::recharge::Recharge;
use crate::time::Timestamp;
use crate::tranche::{Source, Terms};
use crate::unit::Currency;
use crate::wallet::WalletHead;

mod grant;
mod hold;
mod invoice;
mod refund;
mod rows;
mod set_off;
mod transfer;

pub use grant::{
    GrantRemoved, GrantSet, Granted, Landed, MadeWallet, PlansFollowed, RolledOver, Skipped, Subscribed,
    Unsubscribed,
};
pub use hold::{HoldEnd, HoldStep, HoldVerb, Lapsed};
pub use invoice::{Settled, SettledLine, SettledPart};
pub use refund::{Back, BackRow, BackTo, GivenBack, Refunded, Voided};
pub(crate) use rows::wallets_of;
pub use set_off::{RechargeEnd, SetOff, Unpaid};
pub use transfer::{Arrived, ArrivedRow, Moved, TransferSent};

/// Everything that one command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The instant of the turn: `recorded_at` of every row.
    pub at: Timestamp,
    /// What had become due and was not written yet, each at its own instant, in order (SEMANTICS §8).
    pub due: Vec<Due>,
    /// What the command itself did, after that.
    pub effect: Effect,
    /// What all of it set off; `None` = nothing.
    pub set_off: Option<Box<SetOff>>,
}

/// The balance of one wallet around one row; the row's number in the wallet's gap-free sequence (I4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Which wallet.
    pub wallet: WalletId,
    /// Number of the row in the wallet, from 1.
    pub sequence: u64,
    /// Posted before.
    pub before: Credits,
    /// Posted after.
    pub after: Credits,
}

/// Something that happened by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// A tranche reached its end: the unpinned part is gone.
    Expired {
        /// Which tranche.
        tranche: TrancheId,
        /// What is gone; > 0.
        credits: Credits,
        /// Its terms; `terms.expires_at` is the row's `effective_at`.
        terms: Terms,
        /// The wallet's balance around it.
        posting: Posting,
    },
    /// A scheduled tranche reached its start: its credit counts from now on.
    Started {
        /// Which tranche.
        tranche: TrancheId,
        /// Its credit.
        credits: Credits,
        /// How much of it repaid debt at once.
        repaid: Credits,
        /// The start: the row's `effective_at`.
        effective_at: Timestamp,
        /// The row that was scheduled, and is completed by this.
        row: (LogPosition, u32),
        /// The wallet's balance around it.
        posting: Posting,
    },
    /// A hold reached its deadline.
    HoldExpired(Box<HoldEnd>),
    /// Credit of an ending period went on into the next.
    RolledOver(Box<RolledOver>),
    /// A period of a grant began.
    Granted(Box<Granted>),
    /// A purchase was not paid in time. No row: the one with which it began fails.
    RechargeExpired(Box<RechargeEnd>),
}

/// Which tranche, and its terms, gave a slice; or the overdraft did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Giver {
    /// A tranche. The terms are enough to make it anew (DESIGN decision 11).
    Tranche {
        /// Which one.
        id: TrancheId,
        /// What never changes about it.
        terms: Terms,
    },
    /// The wallet's overdraft.
    Overdraft,
}

impl Giver {
    /// The source of the tranche; `None` for overdraft.
    #[must_use]
    pub const fn source(&self) -> Option<Source> {
        match self {
            Self::Tranche { terms, .. } => Some(terms.source),
            Self::Overdraft => None,
        }
    }
}

/// A part of a debit: so much from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The wallet that it left.
    pub wallet: WalletId,
    /// How much; > 0.
    pub credits: Credits,
    /// What gave it.
    pub giver: Giver,
}

/// One ledger row of a debit: the part of one wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebitRow {
    /// Credits that left the wallet; > 0.
    pub credits: Credits,
    /// The same in money at the wallet's rate, half-even at 15 digits.
    pub amount: Money,
    /// The wallet's balance around it.
    pub posting: Posting,
}

/// A debit: rows per wallet touched, slices in the order taken (SEMANTICS §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debited {
    /// One per wallet touched, in the order taken.
    pub rows: SmallVec<[DebitRow; 1]>,
    /// Σ slices = credits (I3).
    pub slices: SmallVec<[Slice; 1]>,
    /// Credits taken in all.
    pub credits: Credits,
    /// The same in money.
    pub amount: Money,
    /// The currency of all wallets touched.
    pub currency: Currency,
    /// Whether the wallets touched are of different units, as a debit by amount may find them. Then nothing is added up (SEMANTICS §3
    /// "No reply adds different units"): `credits`, `balance_before`, `balance_after` and `available` are 0, and a reply shows null.
    pub mixed_units: bool,
    /// What was asked for and not there; 0 unless partial. In credits, or in money if money was asked for.
    pub shortfall: Credits,
    /// Σ posted of the touched wallets before.
    pub balance_before: Credits,
    /// Σ posted of the touched wallets after.
    pub balance_after: Credits,
    /// Σ max(0, own + limit) over the unit's active wallets, after (API §2).
    pub available: Credits,
    /// What few debits have.
    pub extra: Option<Box<DebitExtra>>,
}

impl Debited {
    /// What it counts as in budgets; what a refund gives back.
    #[must_use]
    pub fn budget(&self) -> &[BudgetMove] {
        self.extra.as_ref().map_or(&[], |extra| &extra.budget)
    }

    /// How it was priced, if it was.
    #[must_use]
    pub fn priced(&self) -> Option<&Priced> {
        self.extra.as_ref().and_then(|extra| extra.priced.as_ref())
    }
}

/// What few debits have. Not both empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebitExtra {
    /// How it was priced.
    pub priced: Option<Priced>,
    /// What it counts as in budgets.
    pub budget: Vec<BudgetMove>,
}

/// The price of usage, and the card that said it (SEMANTICS §19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Which card.
    pub card: RateCardId,
    /// The card's version: how often it was set.
    pub version: u64,
    /// The price; ≥ 0.
    pub credits: Credits,
}

/// Usage that was not paid for: a memo, outside the balance chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncollected {
    /// The wallet that should have paid; `None` = there is none, and no row.
    pub wallet: Option<WalletId>,
    /// How much; > 0.
    pub credits: Credits,
}

/// One ledger row of a credit, and the tranche that it minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditRow {
    /// Why.
    pub reason: CreditReason,
    /// The tranche. Its `original` is the row's credits.
    pub tranche: TrancheId,
    /// Its terms.
    pub terms: Terms,
    /// The same in money at the topup rate, half-even at 15 digits.
    pub amount: Money,
    /// Money charged, half-up to the currency's minor unit; `None` where nothing is charged.
    pub charged: Option<Money>,
    /// How much of it repaid debt at once (SEMANTICS §4).
    pub repaid: Credits,
    /// Balance around it. `None` = scheduled: outside the balance chain until it starts (SEMANTICS §6).
    pub posting: Option<Posting>,
}

/// A tranche that a closing wallet gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forfeit {
    /// Which tranche.
    pub tranche: TrancheId,
    /// What was left; > 0.
    pub credits: Credits,
    /// Its terms.
    pub terms: Terms,
    /// The unspent share of its paid money, marked for paying out; 0 with `Remainder::Forfeit`.
    pub refundable: Money,
}

/// What the command itself did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: a tick.
    Ticked,
    /// The customer as it is now: made, changed or deleted.
    CustomerSet(Box<Identity>),
    /// A wallet, and the customer if it was made by it, and the row of the initial credit.
    WalletCreated {
        /// The customer, if the wallet made it.
        customer: Option<Box<Identity>>,
        /// The wallet after everything.
        wallet: Box<WalletHead>,
        /// The initial credit.
        initial: Option<Box<CreditRow>>,
    },
    /// A wallet's settings or status as they are now.
    WalletSet(Box<WalletHead>),
    /// Credit came in.
    ToppedUp {
        /// The row of the credit and, after it, of its bonus.
        rows: SmallVec<[Box<CreditRow>; 1]>,
        /// The wallet after everything.
        wallet: Box<WalletHead>,
    },
    /// Credit left, for a charge.
    Debited(Debited),
    /// Credit left, by hand.
    ManuallyDebited {
        /// As any debit.
        debited: Debited,
        /// The wallet after everything.
        wallet: Box<WalletHead>,
    },
    /// A wallet ended.
    WalletClosed {
        /// What it gave up, in burn order; one row (WALLET_TERMINATION) for all of it.
        forfeits: Vec<Forfeit>,
        /// The row's balance; `None` if nothing was left. With debt, `after` is −debt, until the debt is written off.
        posting: Option<Posting>,
        /// Scheduled tranches that never started.
        cancelled: Vec<TrancheId>,
        /// Debt written off as UNCOLLECTED: a memo row, outside the balance chain; the closed wallet's posted is 0.
        written_off: Credits,
        /// Σ refundable, and with `Remainder::Refund` the money paid for what was cancelled; half-up to the minor unit.
        refund: Money,
        /// The wallet after everything.
        wallet: Box<WalletHead>,
        /// The open holds that pinned credit of it, in order of their ids: released before all else.
        released: Vec<HoldEnd>,
    },
    /// A hold was placed, grown, extended, captured or released.
    Held(Box<HoldStep>),
    /// Credits of a debit came back.
    Refunded(Box<Refunded>),
    /// Credits were taken back. Rows: one per entry.
    CreditVoided(Vec<Voided>),
    /// An invoice was settled.
    InvoiceSettled(Box<Settled>),
    /// A settlement was put back.
    InvoiceVoided {
        /// The invoice's id in the caller's system.
        invoice: Box<str>,
        /// What came back.
        back: Box<GivenBack>,
    },
    /// A transfer left.
    TransferSent(Box<TransferSent>),
    /// A transfer arrived.
    TransferReceived {
        /// Which one.
        transfer: TransferId,
        /// Who sent it.
        from: CustomerNumber,
        /// What it brought.
        arrived: Box<Arrived>,
    },
    /// The sender knows that it has arrived.
    TransferDone(TransferId),
    /// The receiver could not take it.
    TransferReturned {
        /// Which one.
        transfer: TransferId,
        /// What came back.
        back: Box<GivenBack>,
    },
    /// The receiver may forget it.
    TransferForgotten(TransferId),
    /// A budget is this now.
    BudgetSet(Box<Budget>),
    /// A budget is gone.
    BudgetDeleted(Box<str>),
    /// Usage was recorded. Rows: those of `taken`, then the memo.
    EventRecorded {
        /// The customer, if the event made it.
        customer: Option<Box<Identity>>,
        /// How it was priced; `None` = no card matches.
        priced: Option<Priced>,
        /// What left; `None` = nothing was there, or its price is 0.
        taken: Option<Box<Debited>>,
        /// What was not there.
        uncollected: Option<Uncollected>,
        /// What counts in budgets from now on: also what was not there.
        used: Vec<BudgetMove>,
    },
    /// A customer was enrolled in a plan.
    Subscribed(Box<Subscribed>),
    /// A customer left a plan.
    Unsubscribed(Box<Unsubscribed>),
    /// A grant of the customer's own is this now.
    GrantSet(Box<GrantSet>),
    /// A grant of the customer's own is gone.
    GrantRemoved(Box<GrantRemoved>),
    /// Copies of plans' grants followed a change.
    PlansFollowed(Box<PlansFollowed>),
    /// Credit was bought, and its payment is asked for. Rows: those of the recharge.
    Recharged {
        /// The purchase.
        recharge: Box<Recharge>,
        /// The wallet after everything.
        wallet: Box<WalletHead>,
    },
    /// A purchase was paid, was not, or was called off.
    RechargeEnded(Box<RechargeEnd>),
    /// Automatic top-up goes on.
    AutoTopupResumed(WalletId),
    /// All of an atomic batch, in order.
    Atomic(Vec<Self>),
}
