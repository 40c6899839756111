//! Undoing: refunds of debits, voids of credits (SEMANTICS §6, §7).

use super::Memo;
use crate::amount::Credits;
use crate::ids::RowId;

/// `POST /customers/{id}/refunds`. The debit's record comes with the decision's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// A row of the debit; its first row names all its rows.
    pub row: RowId,
    /// How much; > 0. `None` = all that is left.
    pub credits: Option<Credits>,
    /// What has expired meanwhile comes as a new tranche of so many days, 1..=366; else it expires at once.
    pub regrant_days: Option<u16>,
    /// Words for the rows.
    pub memo: Memo,
}

/// Why credits of a debit come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundReason {
    /// REFUND: somebody asked.
    Refund,
    /// REVERSAL: the settlement was voided.
    Reversal,
    /// TRANSFER_RETURNED: the receiver could not take it.
    TransferReturned,
}

impl RefundReason {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refund => "REFUND",
            Self::Reversal => "REVERSAL",
            Self::TransferReturned => "TRANSFER_RETURNED",
        }
    }
}

/// `POST /transactions/{id}/void`. The credit's record comes with the decision's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoidCredit {
    /// The row that brought the credit in. Naming a purchase takes its bonus too.
    pub row: RowId,
    /// Words for the rows.
    pub memo: Memo,
}
