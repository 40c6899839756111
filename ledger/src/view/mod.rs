//! What replies and the feed show: balances as of an instant in [`balance`], what changed between two in [`difference`], the ledger
//! rows of a record in [`rows`]. Pure, and reads write nothing (SEMANTICS §8).

mod balance;
mod begun;
mod difference;
mod rows;
#[cfg(test)]
mod tests;

pub use balance::{
    BalanceView, ByPriceType, BySource, Figures, UnitBalance, WalletBalance, balance, figures_at, head_at,
    watched_at,
};
pub use begun::{Begun, Progress, ProgressStatus, progress};
pub use difference::{
    Change, Difference, Fate, FiguresMoved, HoldMoved, Instant, TrancheMoved, UnitMoved, WalletMoved,
    difference,
};
pub use rows::{
    Move, MoveKind, Moved, Reference, RowReason, RowStatus, RowType, RowView, moves, rows, rows_and_moves,
};
