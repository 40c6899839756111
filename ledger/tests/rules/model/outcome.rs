//! What an operation did or why it was refused, in terms that the model and the ledger can both be told in. Wallets and
//! tranches are numbered in the order of their creation.

use coffer_ledger::command::CreditReason;
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
pub(crate) enum Happened {
    Expired { tranche: usize, at: Timestamp, credits: Q, row: Row },
    Started { tranche: usize, at: Timestamp, credits: Q, repaid: Q, row: Row },
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
    Ended(Ended),
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
            _ => false,
        }
    }
}

/// Equal but for a rounding of an exact figure at the last digit, whichever way: SEMANTICS does not say which.
pub(crate) fn nearly(exact: &Q, told: &Q) -> bool {
    exact.down(DIGITS) == *told || exact.up(DIGITS) == *told
}
