//! Transfers between wallets (SEMANTICS §15, DESIGN decision 13).

use super::Memo;
use crate::amount::Credits;
use crate::fact::Moved;
use crate::ids::{CustomerNumber, TransferId, WalletId};

/// `POST /transfers`, asked of the sender. Who receives comes resolved with the decision's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The receiver as the request named it.
    pub to_customer: Box<str>,
    /// Only this wallet gives; `None` = the unit's wallets in burn order.
    pub from_wallet: Option<WalletId>,
    /// Which wallet receives; `None` = the oldest active one of the unit.
    pub to_wallet: Option<WalletId>,
    /// How much; > 0.
    pub credits: Credits,
    /// Words for the rows.
    pub memo: Memo,
}

/// The receiver's half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferIn {
    /// Which transfer; remembered until the sender says that it may be forgotten.
    pub transfer: TransferId,
    /// Who sent it.
    pub from: CustomerNumber,
    /// Which wallet receives.
    pub to_wallet: WalletId,
    /// What was sent, in the order taken.
    pub moved: Vec<Moved>,
}
