//! A store that is looked at and not touched: a stopped server's, compared with one that was made from the log just now.

use std::collections::BTreeMap;
use std::path::Path;

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::WalletId;

use super::{Differences, Remembered, Sealed, StoreError};
use crate::feed::cursor::Cursor;

/// A store of either kind. Made by [`super::Place::look_at`].
pub(in crate::feed) trait Looked {
    /// How far it is.
    fn cursor(&self) -> Cursor;

    /// Why it does not have as many rows as it says itself, if so.
    fn miscounted(&self) -> Option<String>;

    /// Whether its bytes are as they were when it was closed.
    ///
    /// # Errors
    /// [`StoreError`]: they cannot be read.
    fn sealed(&self) -> Result<Sealed, StoreError>;

    /// What it says of every wallet: Σ remaining of its tranches − debt, and debt.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    fn balances(&self) -> Result<BTreeMap<WalletId, (Credits, Credits)>, StoreError>;

    /// What of its alerts and recharges customers remember themselves.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    fn remembered(&self) -> Result<Remembered, StoreError>;

    /// Compares every line with those of a file that was made from the log just now.
    ///
    /// # Errors
    /// [`StoreError`]: one of them cannot be read.
    fn compare(&self, right: &Path) -> Result<Differences, StoreError>;
}
