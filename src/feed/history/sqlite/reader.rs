//! Reading the file: one connection a reader, a few of them kept.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::read;
use super::values::number_of;
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
