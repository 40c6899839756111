//! What an invoice took, without its id and its lines' ids.

use bincode::{BorrowDecode, Encode};

use crate::engine::codec::v1::record::{DebitRow, Slice};
use crate::engine::codec::v1::wire::{Amount, List};

/// A settled invoice.
#[derive(Encode, BorrowDecode)]
pub struct Settled<'a> {
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// Σ lines.
    pub paid: Amount,
    /// What is left to pay.
    pub shortfall: Amount,
    /// In the order of the request.
    pub lines: List<'a, SettledLine<'a>>,
}

/// What was paid of a line.
#[derive(Encode, BorrowDecode)]
pub struct SettledLine<'a> {
    /// What was due.
    pub amount: Amount,
    /// Σ parts.
    pub paid: Amount,
    /// What is left.
    pub shortfall: Amount,
    /// By wallet.
    pub parts: List<'a, SettledPart<'a>>,
}

/// One wallet's part of a line.
#[derive(Encode, BorrowDecode)]
pub struct SettledPart<'a> {
    /// The ledger row.
    pub row: DebitRow,
    /// What gave the credits.
    pub slices: List<'a, Slice<'a>>,
}
