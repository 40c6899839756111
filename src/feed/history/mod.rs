//! Every ledger row, where it can be searched: in an SQLite file of its own or in a PostgreSQL database, written by the feed and read by
//! whoever asks.
//!
//! A projection: everything in it is said by the log, and it can be thrown away at any time. The `projector` makes a `batch` of records,
//! a `store` takes it; `row`, `tranche`, `recharge` and `totals` are what is kept, `query` and `look` are what can be asked; [`History`] is the
//! handle that readers hold, [`HistoryFile`] that of a stopped server. A reader sees a whole batch or nothing of it, and is told the record up to which it saw.
//!
//! Absent on purpose: the customers' names (the engine knows them), what is left of a credit (the engine knows that as of now),
//! statements, books and exports (`crate::books`, `crate::export`). Tested in `tests/history/` and `tests/http/history.rs`.

mod batch;
mod cell;
mod columns;
mod erase;
mod error;
mod file;
mod key;
mod look;
mod looked;
mod place;
mod postgres;
mod projector;
mod query;
mod reader;
mod recharge;
mod remembered;
mod row;
mod sql;
pub(in crate::feed) mod sqlite;
mod store;
pub(crate) mod terms;
mod totals;
mod tranche;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use coffer_ledger::ids::{RowId, TrancheId};

pub(crate) use self::batch::Batch;
pub use self::batch::{AlertLine, FullRow, SliceKind, SliceLine, WalletLife};
pub use self::erase::{Erasable, EraseError, erasable, erase, followed_to};
pub(crate) use self::error::StoreError;
pub use self::file::HistoryFile;
pub use self::look::{Look, RowsAsked};
pub use self::place::Place;
pub use self::postgres::{Address, AddressError, Server};
pub(crate) use self::projector::{Nothing, Projector};
pub use self::query::{AlertsAsked, Column, Given, Listed, Of, Paged, Query, RechargesAsked, Test};
pub(in crate::feed) use self::reader::Idle;
pub use self::recharge::RechargeLife;
pub use self::remembered::Remembered;
pub use self::row::{OfTranche, Part, Row};
pub use self::sqlite::{Differences, Sealed};
pub(crate) use self::store::Store;
pub use self::totals::{OVERDRAFT, SLOT_NS, Sums, TotalOf, slot_of};
pub use self::tranche::{TrancheLife, TrancheStatus};
use super::progress::{Asked, Progress, Shared};

/// How long the writer is waited for that has something else to do first.
const WRITER_PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// It is being made or checked, or cannot be used at the moment.
    #[error("the history cannot be read now: {0}")]
    Unavailable(String),
}

/// A page of rows, and how far into the log it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The rows, in the order asked for.
    pub rows: Vec<Row>,
    /// The rows that brought in the credit which these took, as far as a tranche's is known.
    pub credits: HashMap<TrancheId, RowId>,
    /// Everything that matches, on whatever page.
    pub total: usize,
    /// Whether more comes after the page.
    pub more: bool,
    /// The last record that this knows of.
    pub position: u64,
}

/// The tranches that rows took credit from, each once.
fn givers(rows: &[Row]) -> Vec<TrancheId> {
    let parts = rows.iter().flat_map(|row| &row.parts);
    let mut givers: Vec<_> = parts.filter_map(|part| part.tranche.as_ref().map(|of| of.id)).collect();
    givers.sort_unstable();
    givers.dedup();
    givers
}

/// How the feed is.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryStatus {
    /// The last record that is in the store.
    pub position: u64,
    /// Durable records that are not.
    pub lag_records: u64,
    /// Seconds since the log ended where the store is; 0 while it does.
    pub lag_seconds: f64,
    /// In one word: opening, following, failed or stopped.
    pub state: &'static str,
    /// Why it failed.
    pub reason: Option<Arc<str>>,
    /// How often the store was made anew since the start.
    pub rebuilds: u64,
}

/// Reads the store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    shared: Arc<Shared>,
}

impl History {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits until everything up to this record is in the store, for `time` at most; whether it is.
    pub async fn wait_for(&self, position: u64, time: Duration) -> bool {
        let mut progress = self.shared.progress.subscribe();
        let reached = |progress: &Progress| progress.is_open() && progress.position >= position;
        if reached(&progress.borrow()) {
            return true;
        }
        let _awaited = self.shared.await_more();
        tokio::time::timeout(time, progress.wait_for(reached)).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Whether the store has once been as far as the log since it was opened. Before that it lacks more than the last moments.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        let progress = self.shared.progress.borrow();
        progress.is_open() && progress.caught_up
    }

    /// How the feed is.
    #[must_use]
    pub fn status(&self) -> HistoryStatus {
        self.shared.status()
    }

    /// Takes out what is personal, when the store has the last record that this is about. Returns how many rows changed.
    ///
    /// # Errors
    /// [`HistoryError`]: not now; what was erased stays so.
    pub async fn erase(&self, what: Erasable) -> Result<u64, HistoryError> {
        self.ask_writer(what, Asked::Erase).await
    }

    /// How many rows [`Self::erase`] would change.
    ///
    /// # Errors
    /// [`HistoryError`]: not now.
    pub async fn erasable(&self, what: Erasable) -> Result<u64, HistoryError> {
        self.ask_writer(what, Asked::Count).await
    }

    async fn ask_writer(&self, what: Erasable, asked: Asked) -> Result<u64, HistoryError> {
        let _awaited = self.shared.await_more();
        let told = self.shared.ask_to_erase(what, asked);
        let unavailable = |why: String| HistoryError::Unavailable(why);
        let waited = tokio::time::timeout(WRITER_PATIENCE, told).await;
        let answer = waited.map_err(|_| unavailable("it is not that far, or not open".to_owned()))?;
        answer.map_err(|_| unavailable("its writer has stopped".to_owned()))?.map_err(unavailable)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// [`HistoryError`]: not now.
    pub async fn find(&self, query: Query) -> Result<Found, HistoryError> {
        let shared = Arc::clone(&self.shared);
        let reading =
            tokio::task::spawn_blocking(move || reader::read(&shared, |reader| reader.find(&query)));
        reading.await.map_err(|_| HistoryError::Unavailable("its reader panicked".to_owned()))?
    }

    /// Takes a look: all that it sees is as of one record.
    ///
    /// # Errors
    /// [`HistoryError`]: not now; or what the look itself says.
    pub async fn look<T, F>(&self, look: F) -> Result<T, HistoryError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Look) -> Result<T, HistoryError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let reading = tokio::task::spawn_blocking(move || reader::look(&shared, look));
        reading.await.map_err(|_| HistoryError::Unavailable("its reader panicked".to_owned()))?
    }
}
