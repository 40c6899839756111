//! What came back, and what was taken back (SEMANTICS §6, §7).

use super::{Lapsed, Posting, Slice};
use crate::amount::{Credits, Money};
use crate::budget::BudgetMove;
use crate::command::RefundReason;
use crate::ids::{LogPosition, RowId, TrancheId, WalletId};
use crate::tranche::Terms;

/// Where a slice went back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackTo {
    /// The tranche that gave it; made anew from its terms if it had left the live state.
    Tranche,
    /// The wallet's debt. What a tranche gave comes back to it where the tranche's credit was never paid, and what was spent of it is debt
    /// ([`crate::recharge::Recharge::is_unpaid`]).
    Debt,
    /// A new tranche: a regrant of what has ended, or debt that was repaid meanwhile.
    New {
        /// Its id.
        tranche: TrancheId,
        /// Its terms; `original` is the slice's credits.
        terms: Terms,
    },
}

/// A slice on its way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// What comes back; less than the debit's slice if the refund is partial.
    pub slice: Slice,
    /// Where to.
    pub to: BackTo,
}

/// The credit row of one wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackRow {
    /// Number of the debit's row in its record, whose credit this is.
    pub of_row: u32,
    /// Credits that came back; > 0.
    pub credits: Credits,
    /// The same in money at the wallet's rate, half-even at 15 digits.
    pub amount: Money,
    /// The balance around it.
    pub posting: Posting,
}

/// Slices that came back. Rows, in order: `rows`, then one per entry of `lapsed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBack {
    /// Why.
    pub reason: RefundReason,
    /// The debit's record.
    pub debit: LogPosition,
    /// One per row of the debit that gets something back, in its order.
    pub rows: Vec<BackRow>,
    /// Last taken first.
    pub slices: Vec<Back>,
    /// What had ended and is gone at once.
    pub lapsed: Vec<Lapsed>,
    /// What does not count in budgets any more.
    pub freed: Vec<BudgetMove>,
}

impl GivenBack {
    /// For each of `slices`, which of `rows` it came back by. A wallet may have several rows, as an invoice's lines do.
    #[must_use]
    pub(crate) fn row_of_each(&self) -> Vec<usize> {
        let mut left: Vec<Credits> = self.rows.iter().map(|row| row.credits).collect();
        // Both go from the last: within a wallet, the slices of its last row stand first.
        let row_of = |back: &Back| {
            let mut rows = self.rows.iter().zip(&left).enumerate().rev();
            let found =
                rows.find(|(_, (row, left))| row.posting.wallet == back.slice.wallet && left.is_positive());
            let (row, _) = found.expect("every slice came back by a row of its wallet");
            left[row] -= back.slice.credits;
            row
        };
        self.slices.iter().map(row_of).collect()
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refunded {
    /// The row that was named.
    pub of: RowId,
    /// What came back.
    pub back: GivenBack,
    /// Σ slices; 0 with `mixed_units`.
    pub credits: Credits,
    /// Σ lapsed.
    pub expired: Credits,
    /// What could still be refunded of what was named.
    pub left: Credits,
    /// Whether what was left was of different units: then nothing is added up.
    pub mixed_units: bool,
}

/// A credit that was voided, as far as it was neither spent nor pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voided {
    /// The row that brought the credit in.
    pub of: RowId,
    /// Its wallet.
    pub wallet: WalletId,
    /// Its tranche.
    pub tranche: TrancheId,
    /// The tranche's terms.
    pub terms: Terms,
    /// What was taken back. The row's credits.
    pub credits: Credits,
    /// What is pinned: taken back when its hold lets it go.
    pub held: Credits,
    /// What was gone before: spent, expired, moved.
    pub spent: Credits,
    /// The row's balance. `None` if the credit was only scheduled, or nothing was taken back.
    pub posting: Option<Posting>,
}
