//! A customer at rest: in the router's slots and in snapshots. Words and numbers stand together here.

use bincode::{BorrowDecode, Encode};

use super::shared::{Identity, Terms, WalletHead};
use super::texts::{HeadText, IdentityText};
use super::wire::{Amount, List, Stamp, Thing};

/// Who a customer is.
#[derive(Encode, BorrowDecode)]
pub struct WholeIdentity<'a> {
    /// Without words.
    pub identity: Identity,
    /// The words.
    pub text: IdentityText<'a>,
}

/// A live tranche.
#[derive(Encode, BorrowDecode)]
pub struct Tranche<'a> {
    /// Its id.
    pub id: Thing,
    /// What never changes.
    pub terms: Terms<'a>,
    /// Not yet spent.
    pub remaining: Amount,
    /// Reserved by holds.
    pub pinned: Amount,
    /// The record that minted it.
    pub credit_position: u64,
    /// Row of that record.
    pub credit_row: u32,
    /// Whether its start has not been written yet.
    pub scheduled: bool,
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
}

/// A customer.
#[derive(Encode, BorrowDecode)]
pub struct Customer<'a> {
    /// The tenant that it belongs to.
    pub tenant: u32,
    /// Its number (see [`Thing`]).
    pub number: u64,
    /// Who it is.
    pub identity: Option<WholeIdentity<'a>>,
    /// Time of its last record.
    pub last_at: Stamp,
    /// Position of its last record.
    pub last_position: u64,
    /// Next value of its counter.
    pub counter: u64,
    /// All wallets, oldest first.
    pub wallets: List<'a, Wallet<'a>>,
}
