//! Reading the file: one connection a reader, a few of them kept.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::look::SqliteLook;
use super::read;
use super::values::number_of;
use crate::feed::history::look::Look;
use crate::feed::history::{Found, HistoryError, Query};
use crate::feed::progress::{Shared, State};

/// How long a reader waits for the file's lock.
const BUSY: Duration = Duration::from_secs(1);
/// Connections that are kept for the next reader.
const IDLE_MAX: usize = 8;

/// A connection of a reader, and which opening of the file it is from.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) generation: u64,
    connection: Connection,
}

/// A page.
pub(in crate::feed) fn find(shared: &Shared, query: &Query) -> Result<Found, HistoryError> {
    with_reader(shared, |connection| {
        page(connection, query).map_err(|error| (is_damage(&error), told(error)))
    })
}

/// Whatever one look is used for.
pub(in crate::feed) fn look<T>(
    shared: &Shared,
    look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    with_reader(shared, |connection| look_into(connection, look))
}

/// The same in a file that nobody writes.
pub(in crate::feed) fn look_offline<T>(
    path: &Path,
    look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    let mut connection = connect(path).map_err(told)?;
    look_into(&mut connection, look).map_err(|(_, error)| error)
}

fn look_into<T>(
    connection: &mut Connection,
    look: impl FnOnce(&dyn Look) -> Result<T, HistoryError>,
) -> Result<T, (bool, HistoryError)> {
    let transaction = connection.transaction().map_err(|error| (is_damage(&error), told(error)))?;
    let view = SqliteLook::new(&transaction);
    look(&view).map_err(|error| (view.damaged.get(), error))
}

/// Reads with a connection of the file that is open now. An error says whether the file is damaged.
fn with_reader<T>(
    shared: &Shared,
    read: impl FnOnce(&mut Connection) -> Result<T, (bool, HistoryError)>,
) -> Result<T, HistoryError> {
    let generation = open_generation(shared)?;
    let mut reader = match shared.idle(generation) {
        Some(reader) => reader,
        None => Reader { generation, connection: connect(&shared.path).map_err(told)? },
    };
    let found = read(&mut reader.connection).map_err(|(damaged, error)| {
        if damaged {
            shared.suspect(generation);
        }
        error
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
fn page(connection: &mut Connection, query: &Query) -> rusqlite::Result<Found> {
    let transaction = connection.transaction()?;
    let position = transaction.query_row("SELECT position FROM cursor", [], |row| row.get(0))?;
    let count = query.count();
    let total: i64 = transaction
        .prepare_cached(&count.text)?
        .query_row(params_from_iter(count.parameters), |row| row.get(0))?;
    let asked = query.page();
    let mut statement = transaction.prepare_cached(&asked.text)?;
    let rows =
        statement.query_map(params_from_iter(asked.parameters), |line| read::row(&transaction, line))?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    Ok(Found { rows, total: usize::try_from(total).unwrap_or(0), more, position: number_of(position) })
}

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => true,
        Some(_) => false,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn told(error: rusqlite::Error) -> HistoryError {
    tracing::error!(%error, "the history cannot be read");
    HistoryError::Unavailable("its file cannot be read".to_owned())
}
