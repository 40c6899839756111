//! Credit that moved between wallets. Ids of the other customer's things stand with this one's number taken out, as all do.

use bincode::{BorrowDecode, Encode};

use super::charge::Debited;
use super::hold::Lapsed;
use crate::engine::codec::v1::record::{DebitRow, Posting, Slice};
use crate::engine::codec::v1::shared::Terms;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

/// What the receiver gets for a slice.
#[derive(Encode, BorrowDecode)]
pub struct Moved<'a> {
    /// How much.
    pub credits: Amount,
    /// The terms of its tranche.
    pub terms: Terms<'a>,
}

/// A transfer on its way.
#[derive(Encode, BorrowDecode)]
pub struct TransferOut<'a> {
    /// Its id.
    pub id: Thing,
    /// Number of the customer that receives.
    pub to: u64,
    /// Which of its wallets.
    pub to_wallet: Thing,
    /// How much.
    pub credits: Amount,
    /// Number of the first of `rows` in the record.
    pub first_row: u32,
    /// The rows that it left by.
    pub rows: List<'a, DebitRow>,
    /// What left.
    pub slices: List<'a, Slice<'a>>,
    /// What the receiver gets.
    pub moved: List<'a, Moved<'a>>,
    /// When it was sent.
    pub sent_at: Stamp,
    /// The record that sent it.
    pub position: u64,
}

/// One ledger row of an arrival.
#[derive(Encode, BorrowDecode)]
pub struct ArrivedRow<'a> {
    /// The tranche.
    pub tranche: Thing,
    /// Its terms.
    pub terms: Terms<'a>,
    /// The same in money.
    pub amount: Amount,
    /// How much repaid debt.
    pub repaid: Amount,
    /// The balance around it.
    pub posting: Posting,
}

/// Tranches that arrived.
#[derive(Encode, BorrowDecode)]
pub struct Arrived<'a> {
    /// The receiving wallet.
    pub wallet: Thing,
    /// In the order taken.
    pub rows: List<'a, ArrivedRow<'a>>,
    /// What had ended on the way.
    pub lapsed: List<'a, Lapsed<'a>>,
}

/// A transfer left.
#[derive(Encode, BorrowDecode)]
pub struct TransferSent<'a> {
    /// What is open now.
    pub out: TransferOut<'a>,
    /// What left.
    pub taken: Debited<'a>,
    /// What arrived in the same record.
    pub arrived: Option<Arrived<'a>>,
}

/// A transfer arrived.
#[derive(Encode, BorrowDecode)]
pub struct TransferReceived<'a> {
    /// Which one.
    pub transfer: Thing,
    /// Number of the customer that sent it.
    pub from: u64,
    /// What it brought.
    pub arrived: Arrived<'a>,
}
