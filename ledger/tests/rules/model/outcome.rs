//! What an operation did or why it was refused, in terms that the model and the ledger can both be told in. Wallets and
//! tranches are numbered in the order of their creation.

use coffer_ledger::budget::Window;
use coffer_ledger::command::CreditReason;
use coffer_ledger::fact::HoldVerb;
use coffer_ledger::hold::HoldStatus;
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::scope::Scope;
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::Currency;

use super::number::{DIGITS, Q};

/// The balance of a wallet around one completed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) wallet: usize,
    pub(crate) sequence: u64,
    pub(crate) before: Q,
    pub(crate) after: Q,
}

/// Something that happened by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are a few of them at a time")]
pub(crate) enum Happened {
    Expired {
        tranche: usize,
        at: Timestamp,
        credits: Q,
        row: Row,
    },
    Started {
        tranche: usize,
        at: Timestamp,
        credits: Q,
        repaid: Q,
        row: Row,
    },
    HoldEnded(HoldEnded),
    /// Whether the wallet had to be made, and the credit; nothing if nothing landed.
    Granted {
        grant: usize,
        period: u32,
        at: Timestamp,
        ends_at: Option<Timestamp>,
        landed: Option<Box<(bool, Credited)>>,
    },
    /// Out of one tranche, into another.
    RolledOver {
        grant: usize,
        period: u32,
        at: Timestamp,
        from: usize,
        tranche: usize,
        kind: Kind,
        rows: [Row; 2],
    },
}

/// A credit's row and the tranche that it minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credited {
    pub(crate) tranche: usize,
    pub(crate) reason: CreditReason,
    pub(crate) source: Source,
    pub(crate) priority: u32,
    pub(crate) scope: Scope,
    pub(crate) original: Q,
    pub(crate) paid: Q,
    pub(crate) effective_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) amount: Q,
    pub(crate) charged: Option<Q>,
    pub(crate) repaid: Q,
    /// `None` = scheduled.
    pub(crate) row: Option<Row>,
}

/// A part of a debit; without a tranche it is overdraft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) wallet: usize,
    pub(crate) tranche: Option<usize>,
    pub(crate) credits: Q,
}

/// A debit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) parts: Vec<Part>,
    /// Per wallet touched: credits, money, balance.
    pub(crate) rows: Vec<(Q, Q, Row)>,
    pub(crate) credits: Q,
    pub(crate) amount: Q,
    pub(crate) currency: Currency,
    /// Exact in the model; the ledger may round money at the last digit.
    pub(crate) shortfall: Q,
    pub(crate) before: Q,
    pub(crate) after: Q,
    pub(crate) available: Q,
    /// The wallets touched are of several units, which nobody adds (§3): credits, before, after and available are 0.
    pub(crate) mixed: bool,
}

/// A closing wallet: what each tranche gave up and what of it is to be paid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) wallet: usize,
    pub(crate) forfeits: Vec<(usize, Q, Q)>,
    pub(crate) row: Option<Row>,
    pub(crate) cancelled: Vec<usize>,
    pub(crate) written_off: Q,
    pub(crate) refund: Q,
}

/// What the operation itself did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Ticked,
    CustomerSet { external_id: String, deleted: bool },
    WalletMade { customer: bool, wallet: usize, initial: Option<Credited> },
    WalletSet(usize),
    Credited(usize, Vec<Credited>),
    Taken(Taken),
    TakenByHand(Taken),
    Ended(Ended, Vec<HoldEnded>),
    Held(Box<Step>),
    Refunded { back: Back, credits: Q, expired: Q, left: Q, mixed: bool },
    Voided(Vec<Void>),
    Settled { paid: Q, shortfall: Q, lines: Vec<LineSettled> },
    InvoiceVoided(Back),
    Sent { taken: Taken, moved: Vec<Kind>, arrived: Option<Arrival> },
    Received(Arrival),
    Arrived,
    Returned(Back),
    Forgotten,
    BudgetSet(String),
    BudgetDeleted(String),
    Event { customer: bool, priced: Option<Q>, taken: Option<Taken>, uncollected: Option<(Option<usize>, Q)> },
    GrantSet(usize, Vec<Happened>),
    GrantGone(Vec<Void>),
    Subscribed { customer: bool, grants: Vec<usize>, minted: Vec<Happened> },
    Left(Vec<Void>),
    PurchaseEnded(usize, RechargeStatus, Vec<NotPaid>),
    Batch(Vec<Done>),
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) wallet: usize,
    pub(crate) kind: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) credits: Q,
    /// `None` = outside the balance chain.
    pub(crate) row: Option<Row>,
    /// The tranche, if it is a credit that was asked for.
    pub(crate) minted: Option<usize>,
    /// The line of the bonus, if it is a purchase that has one.
    pub(crate) bonus: Option<usize>,
}

/// What came back to a tranche that has ended or was voided, and is gone at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) tranche: usize,
    pub(crate) credits: Q,
    pub(crate) voided: bool,
    pub(crate) row: Row,
}

/// A hold as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldSeen {
    pub(crate) hold: usize,
    pub(crate) status: HoldStatus,
    pub(crate) placed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) credits: Q,
    pub(crate) captured: Q,
    pub(crate) released: Q,
    pub(crate) pins: Vec<Part>,
}

/// A hold that ended without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldEnded {
    pub(crate) at: Timestamp,
    pub(crate) hold: HoldSeen,
    pub(crate) returned: Vec<Part>,
    pub(crate) gone: Vec<Gone>,
}

/// A step of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) verb: HoldVerb,
    pub(crate) hold: HoldSeen,
    pub(crate) pinned: Vec<Part>,
    pub(crate) consumed: Vec<Part>,
    pub(crate) returned: Vec<Part>,
    pub(crate) taken: Option<Taken>,
    pub(crate) gone: Vec<Gone>,
}

/// Where a slice went back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Tranche,
    Debt,
    New(usize),
}

/// Slices that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Back {
    pub(crate) slices: Vec<(Part, To)>,
    /// Number of the debit's row, credits, money, balance.
    pub(crate) rows: Vec<(usize, Q, Q, Row)>,
    pub(crate) gone: Vec<Gone>,
}

/// A credit that was voided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Void {
    pub(crate) tranche: usize,
    pub(crate) credits: Q,
    pub(crate) held: Q,
    pub(crate) spent: Q,
    pub(crate) row: Option<Row>,
}

/// Credit whose payment failed: what goes, what is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotPaid {
    pub(crate) tranche: usize,
    pub(crate) taken: Q,
    pub(crate) owed: Q,
    pub(crate) row: Option<Row>,
}

/// What a wallet paid of an invoice's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinePart {
    pub(crate) credits: Q,
    pub(crate) amount: Q,
    pub(crate) row: Row,
    pub(crate) slices: Vec<Part>,
}

/// A line of an invoice: what was due, paid, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineSettled {
    pub(crate) id: String,
    pub(crate) amount: Q,
    pub(crate) paid: Q,
    pub(crate) shortfall: Q,
    pub(crate) parts: Vec<LinePart>,
}

/// What never changes about a tranche.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) source: Source,
    pub(crate) priority: u32,
    pub(crate) scope: Scope,
    pub(crate) original: Q,
    pub(crate) paid: Q,
    pub(crate) effective_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Tranches that arrived: tranche, what it is, money, repaid, balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) wallet: usize,
    pub(crate) rows: Vec<(usize, Kind, Q, Q, Row)>,
    pub(crate) gone: Vec<Gone>,
}

/// Everything that one accepted operation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) happened: Vec<Happened>,
    pub(crate) done: Done,
}

/// Why not. The order of checks is not the model's business: it lists every reason that applies, and the ledger must give
/// one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// `required`, and what this charge could have taken, exactly.
    Insufficient(Q, Q),
    CustomerNotFound,
    WalletNotFound,
    AlreadyExists,
    Frozen,
    Closed,
    InvalidOperation,
    AmountInvalid,
    AmountOverflow,
    UnitRequired,
    UnitMismatch,
    Limit(&'static str, u64),
    Invalid,
    NotFound,
    HoldClosed,
    HoldExpired,
    /// What is held, what was asked.
    OverCapture(Q, Q),
    /// What is left, what was asked.
    OverRefund(Q, Q),
    /// Budget, window, limit, used, end of the window.
    Budget(String, Window, Q, Q, Option<Timestamp>),
    EventTime,
    /// Of an item of a batch.
    Item(usize, Box<No>),
}

impl No {
    /// Whether the ledger's refusal is this one, numbers included.
    pub(crate) fn is(&self, told: &Refusal) -> bool {
        match told {
            Refusal::InsufficientCredits { required, available, shortfall } => {
                let (required, available) = (Q::raw(required.0), Q::raw(available.0));
                let adds_up = &required - &available == Q::raw(shortfall.0);
                matches!(self, Self::Insufficient(wanted, there)
                    if *wanted == required && nearly(there, &available) && adds_up)
            }
            Refusal::LimitReached { limit, max } => *self == Self::Limit(limit, *max),
            Refusal::CustomerNotFound => *self == Self::CustomerNotFound,
            Refusal::WalletNotFound(_) => *self == Self::WalletNotFound,
            Refusal::AlreadyExists(_) => *self == Self::AlreadyExists,
            Refusal::WalletFrozen(_) => *self == Self::Frozen,
            Refusal::WalletClosed(_) => *self == Self::Closed,
            Refusal::InvalidOperation(_) => *self == Self::InvalidOperation,
            Refusal::AmountInvalid(_) => *self == Self::AmountInvalid,
            Refusal::AmountOverflow(_) => *self == Self::AmountOverflow,
            Refusal::UnitRequired => *self == Self::UnitRequired,
            Refusal::UnitMismatch => *self == Self::UnitMismatch,
            Refusal::Invalid { .. } => *self == Self::Invalid,
            Refusal::NotFound(_) => *self == Self::NotFound,
            Refusal::HoldClosed(_) => *self == Self::HoldClosed,
            Refusal::HoldExpired(_) => *self == Self::HoldExpired,
            Refusal::OverCapture { held, asked } => {
                *self == Self::OverCapture(Q::raw(held.0), Q::raw(asked.0))
            }
            Refusal::OverRefund { left, asked } => *self == Self::OverRefund(Q::raw(left.0), Q::raw(asked.0)),
            Refusal::BudgetExceeded { budget, window, limit, used, resets_at, .. } => {
                let (limit, used) = (Q::raw(limit.0), Q::raw(used.0));
                *self == Self::Budget(budget.to_string(), *window, limit, used, *resets_at)
            }
            Refusal::EventTime(_) => *self == Self::EventTime,
            Refusal::Item { index, refusal } => {
                matches!(self, Self::Item(item, no) if item == index && no.is(refusal))
            }
        }
    }
}

/// Equal but for a rounding of an exact figure at the last digit, whichever way: SEMANTICS does not say which.
pub(crate) fn nearly(exact: &Q, told: &Q) -> bool {
    exact.down(DIGITS) == *told || exact.up(DIGITS) == *told
}
