//! A customer at rest. Words and numbers stand together here. What is kept by a key stands in the keys' order, each once.

use bincode::{BorrowDecode, Encode};

use super::charge::Budget;
use super::hold::Hold;
use super::transfer::TransferOut;
use super::wire::{Walk, coded};
use crate::engine::codec::v1::shared::WalletHead;
use crate::engine::codec::v1::state as v1;
use crate::engine::codec::v1::texts::HeadText;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

coded! {
    /// How a hold (0 to 2) or a transfer ended.
    pub enum ClosedAs { 0 = Captured, 1 = Released, 2 = Expired, 3 = Completed, 4 = Returned }
}

/// A live tranche.
#[derive(Encode, BorrowDecode)]
pub struct Tranche<'a> {
    /// What version 1 has of it.
    pub plain: v1::Tranche<'a>,
    /// Whether its credit was voided.
    pub voided: bool,
}

/// A wallet.
#[derive(Encode, BorrowDecode)]
pub struct Wallet<'a> {
    /// Without words.
    pub head: WalletHead<'a>,
    /// The words.
    pub text: HeadText<'a>,
    /// Live tranches in burn order.
    pub tranches: List<'a, Tranche<'a>>,
    /// When one of them next starts or ends.
    pub next_due: Stamp,
    /// Overdraft that holds pin.
    pub held_overdraft: Amount,
}

/// What was given back of a row.
#[derive(Encode, BorrowDecode)]
pub struct GivenBackRow {
    /// The debit's record.
    pub position: u64,
    /// Row of that record.
    pub row: u32,
    /// How much.
    pub credits: Amount,
}

/// A settled invoice.
#[derive(Encode, BorrowDecode)]
pub struct Invoice<'a> {
    /// Its id.
    pub id: &'a str,
    /// The record that settled it.
    pub settled: u64,
    /// The record that voided it.
    pub voided: Option<u64>,
}

/// A transfer that arrived.
#[derive(Encode, BorrowDecode)]
pub struct TransferReceived {
    /// Which one.
    pub id: Thing,
    /// Number of the customer that sent it.
    pub from: u64,
    /// When it came.
    pub at: Stamp,
}

/// Something that is closed.
#[derive(Encode, BorrowDecode)]
pub struct Closed {
    /// Its id.
    pub id: Thing,
    /// How it ended.
    pub how: ClosedAs,
    /// The record that says more.
    pub position: u64,
}

/// A customer.
#[derive(Encode, BorrowDecode)]
pub struct Customer<'a> {
    /// The tenant that it belongs to.
    pub tenant: u32,
    /// Its number (see [`Thing`]).
    pub number: u64,
    /// Who it is.
    pub identity: Option<v1::WholeIdentity<'a>>,
    /// Time of its last record.
    pub last_at: Stamp,
    /// Position of its last record.
    pub last_position: u64,
    /// Next value of its counter.
    pub counter: u64,
    /// All wallets, oldest first.
    pub wallets: List<'a, Wallet<'a>>,
    /// Open holds, by id.
    pub holds: Walk<'a, Hold<'a>>,
    /// Budgets, by name.
    pub budgets: Walk<'a, Budget<'a>>,
    /// What was given back, by row.
    pub given_back: Walk<'a, GivenBackRow>,
    /// Settled invoices, by id.
    pub invoices: Walk<'a, Invoice<'a>>,
    /// Transfers on their way, by id.
    pub transfers_out: Walk<'a, TransferOut<'a>>,
    /// Transfers that arrived, by id.
    pub transfers_in: Walk<'a, TransferReceived>,
    /// What was closed last, oldest first.
    pub closed: Walk<'a, Closed>,
}
