//! Every ledger row, where it can be searched: SQLite in a file of its own, written by the feed and read by whoever asks.
//!
//! A projection: everything in it is said by the log, and it can be thrown away at any time. `store` writes, `row` is what is
//! kept of a row, `query` what can be asked; [`History`] is the handle that readers hold. A reader sees a whole batch or nothing of
//! it, and is told the record up to which it saw.
//!
//! Absent on purpose: the customers' names (the engine knows them), what is left of a credit (the engine knows that as of now),
//! statements, books and exports. Tested in `tests/history/` and `tests/http/history.rs`.

mod erase;
pub(crate) mod insert;
mod query;
mod read;
mod row;
mod schema;
pub(crate) mod store;
mod terms;
mod values;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

pub use self::erase::{EraseError, erasable, erase, followed_to};
pub use self::query::{Column, Given, Of, Query, Test};
pub use self::row::{OfTranche, Part, Row};
use self::values::number_of;
use super::progress::{Progress, Shared, State};

/// How long a reader waits for the file's lock.
const BUSY: Duration = Duration::from_secs(1);
/// Connections that are kept for the next reader.
const IDLE_MAX: usize = 8;

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
    /// Everything that matches, on whatever page.
    pub total: usize,
    /// Whether more comes after the page.
    pub more: bool,
    /// The last record that this knows of.
    pub position: u64,
}

/// How the feed is.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryStatus {
    /// The last record that is in the store.
    pub position: u64,
    /// Durable records that are not.
    pub lag_records: u64,
    /// Seconds since all of them were; 0 while they are.
    pub lag_seconds: f64,
    /// In one word: opening, following, failed or stopped.
    pub state: &'static str,
    /// Why it failed.
    pub reason: Option<Arc<str>>,
    /// How often the file was made anew since the start.
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

    /// Reads a page.
    ///
    /// # Errors
    /// [`HistoryError`]: not now.
    pub async fn find(&self, query: Query) -> Result<Found, HistoryError> {
        let shared = Arc::clone(&self.shared);
        let reading = tokio::task::spawn_blocking(move || find(&shared, &query));
        reading.await.map_err(|_| HistoryError::Unavailable("its reader panicked".to_owned()))?
    }
}

/// A connection of a reader, and which opening of the file it is from.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) generation: u64,
    connection: Connection,
}

fn find(shared: &Shared, query: &Query) -> Result<Found, HistoryError> {
    let generation = open_generation(shared)?;
    let mut reader = match shared.idle(generation) {
        Some(reader) => reader,
        None => Reader { generation, connection: connect(&shared.path).map_err(told)? },
    };
    let found = look(&mut reader.connection, query).map_err(|error| {
        if is_damage(&error) {
            shared.suspect(generation);
        }
        told(error)
    })?;
    // What was read from a file that is no longer the one is not shown.
    if open_generation(shared)? != generation {
        return Err(HistoryError::Unavailable("it was made anew".to_owned()));
    }
    shared.keep(reader, IDLE_MAX);
    Ok(found)
}

fn open_generation(shared: &Shared) -> Result<u64, HistoryError> {
    let progress = shared.progress.borrow();
    match &progress.state {
        State::Following | State::Stopped => Ok(progress.generation),
        State::Opening => Err(HistoryError::Unavailable("it is being opened".to_owned())),
        State::Failed(why) => Err(HistoryError::Unavailable(why.to_string())),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Count, page and cursor as of one instant.
fn look(connection: &mut Connection, query: &Query) -> rusqlite::Result<Found> {
    let transaction = connection.transaction()?;
    let position = transaction.query_row("SELECT position FROM cursor", [], |row| row.get(0))?;
    let count = query.count();
    let total: i64 = transaction
        .prepare_cached(&count.text)?
        .query_row(params_from_iter(count.parameters), |row| row.get(0))?;
    let page = query.page();
    let mut statement = transaction.prepare_cached(&page.text)?;
    let rows =
        statement.query_map(params_from_iter(page.parameters), |line| read::row(&transaction, line))?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    Ok(Found { rows, total: usize::try_from(total).unwrap_or(0), more, position: number_of(position) })
}

fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => true,
        Some(_) => false,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn told(error: rusqlite::Error) -> HistoryError {
    tracing::error!(%error, "the history cannot be read");
    HistoryError::Unavailable("its file cannot be read".to_owned())
}
