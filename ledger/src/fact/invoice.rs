//! What an invoice took (SEMANTICS §14).

use smallvec::SmallVec;

use super::{DebitRow, Slice};
use crate::amount::Money;
use crate::unit::Currency;

/// A settled invoice. Rows: one per part, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The invoice's id in the caller's system.
    pub invoice: Box<str>,
    /// The money's currency.
    pub currency: Currency,
    /// Σ lines.
    pub paid: Money,
    /// What is left to pay by other means.
    pub shortfall: Money,
    /// In the order of the request.
    pub lines: Vec<SettledLine>,
}

/// What was paid of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledLine {
    /// Its id.
    pub id: Box<str>,
    /// What was due.
    pub amount: Money,
    /// Σ parts.
    pub paid: Money,
    /// amount − paid.
    pub shortfall: Money,
    /// By wallet, in the order taken.
    pub parts: SmallVec<[SettledPart; 1]>,
}

/// One wallet's part of a line: a ledger row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledPart {
    /// Credits, the money that they pay (whole minor units), the balance around them.
    pub row: DebitRow,
    /// What gave the credits.
    pub slices: SmallVec<[Slice; 1]>,
}
