//! What a store is to the feed: opened or made, checked whole, filled batch by batch.

use super::StoreError;
use super::batch::Batch;
use super::erase::Erasable;
use super::projector::Known;
use crate::feed::cursor::Cursor;

/// Where the history is kept, as its one writer sees it.
///
/// Rows and cursor change in one transaction, so a store is always the log's rows up to its cursor, wherever it was cut.
pub(crate) trait Store: Known + Send {
    /// How far it is.
    fn cursor(&self) -> Cursor;

    /// Rows in it.
    fn rows(&self) -> u64;

    /// Takes a part of a transaction, all but its totals. [`Store::write`] ends it; dropping the store takes it back.
    ///
    /// # Errors
    /// [`StoreError`]; also when somebody else has written to the store. After it the store is of no use any more.
    fn add(&mut self, part: &Batch) -> Result<(), StoreError>;

    /// Takes the last part, the totals of all, and the cursor: whole with what was added before, or not at all.
    ///
    /// # Errors
    /// As [`Store::add`].
    fn write(&mut self, last: &Batch) -> Result<(), StoreError>;

    /// Whether what is written is still what readers find under its name.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be said.
    fn is_in_place(&self) -> Result<bool, StoreError>;

    /// How many rows [`Store::erase`] would change.
    ///
    /// # Errors
    /// [`StoreError`].
    fn erasable(&self, what: &Erasable) -> Result<u64, StoreError>;

    /// Takes out what is personal, so that no page keeps it. Returns how many rows changed.
    ///
    /// # Errors
    /// [`StoreError`]; `Unusable`: somebody reads, so that not every page could be written anew. The same again finishes it.
    fn erase(&mut self, what: &Erasable) -> Result<u64, StoreError>;

    /// Syncs what was written: no power cut takes it back.
    ///
    /// # Errors
    /// [`StoreError`].
    fn make_durable(&self) -> Result<(), StoreError>;

    /// Makes it whole by itself, as far as that can be had; for the end.
    fn settle(&self);
}
