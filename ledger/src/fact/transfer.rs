//! Credit that moved between wallets (SEMANTICS §15).

use super::{Debited, Lapsed, Posting};
use crate::amount::{Credits, Money};
use crate::ids::{TrancheId, WalletId};
use crate::tranche::Terms;
use crate::transfer::TransferOut;

/// What the receiver gets for a slice: a tranche with these terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How much; = `terms.original`.
    pub credits: Credits,
    /// Those of the origin, with the share of its paid money that goes along.
    pub terms: Terms,
}

/// A transfer left. Rows: those of `taken`; then, within one customer, those of `arrived`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferSent {
    /// What is open from now on, unless it has arrived.
    pub out: TransferOut,
    /// What left.
    pub taken: Debited,
    /// Between wallets of one customer it arrives in the same record.
    pub arrived: Option<Arrived>,
}

/// Tranches that arrived. Rows: `rows`, then `lapsed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The receiving wallet.
    pub wallet: WalletId,
    /// In the order in which they were taken.
    pub rows: Vec<ArrivedRow>,
    /// What had ended on the way, and is gone at once. Rows of their own, after the others.
    pub lapsed: Vec<Lapsed>,
}

/// One ledger row of an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedRow {
    /// The tranche.
    pub tranche: TrancheId,
    /// Its terms.
    pub terms: Terms,
    /// The same in money at the topup rate, half-even at 15 digits.
    pub amount: Money,
    /// How much of it repaid debt at once.
    pub repaid: Credits,
    /// The balance around it.
    pub posting: Posting,
}
