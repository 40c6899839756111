//! Reading the file: one connection a reader.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::insert::Bound;
use super::look::SqliteLook;
use super::values::number_of;
use super::{read, slices};
use crate::feed::history::look::Look;
use crate::feed::history::reader::HistoryReader;
use crate::feed::history::sql::{self, Dialect, Narrowing, Parameter, Sql};
use crate::feed::history::{Found, Query, StoreError, givers};

/// How long a reader waits for the file's lock.
const BUSY: Duration = Duration::from_secs(1);

/// A connection that reads.
pub(crate) struct SqliteReader(Connection);

impl SqliteReader {
    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        connect(path).map(Self).map_err(told)
    }
}

impl HistoryReader for SqliteReader {
    fn find(&mut self, query: &Query) -> Result<Found, StoreError> {
        page(&mut self.0, query).map_err(told)
    }

    fn look(&mut self, look: &mut dyn FnMut(&dyn Look)) -> Result<(), StoreError> {
        let transaction = self.0.transaction().map_err(told)?;
        let view = SqliteLook::new(&transaction);
        look(&view);
        view.end()
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
    let life = query.paid_by.map(|tranche| read::tranche(&transaction, tranche)).transpose()?.flatten();
    let mut narrowing = Narrowing::of(query, life.and_then(|life| life.since()));
    while let Some(asked) = narrowing.look_up(Dialect::Sqlite) {
        let mut statement = transaction.prepare(&asked.text)?;
        let numbers = statement.query_map(params_from_iter(bound(&asked)), |row| row.get(0))?;
        narrowing.tell(numbers.collect::<rusqlite::Result<Vec<_>>>()?.into_iter());
    }
    let count = sql::count(query, &narrowing, Dialect::Sqlite);
    let total: i64 = transaction
        .prepare_cached(&count.text)?
        .query_row(params_from_iter(bound(&count)), |row| row.get(0))?;
    let asked = sql::page(query, &narrowing, Dialect::Sqlite);
    let mut statement = transaction.prepare_cached(&asked.text)?;
    let rows = statement.query_map(params_from_iter(bound(&asked)), read::row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let credits = read::credit_rows(&transaction, &givers(&rows))?;
    let total = usize::try_from(total).unwrap_or(0);
    Ok(Found { rows, credits, total, more, position: number_of(position) })
}

/// The parameters as SQLite takes them: a list is one JSON text.
pub(super) fn bound(sql: &Sql) -> impl Iterator<Item = Value> {
    sql.parameters.iter().map(|parameter| match parameter {
        Parameter::One(cell) => match Bound::of(cell) {
            Bound::Text(text) => Value::Text(text.to_owned()),
            Bound::Id(bytes) => Value::Blob(bytes.to_vec()),
            Bound::Amount(packed) => Value::Blob(packed.to_vec()),
            Bound::Bytes(bytes) => Value::Blob(bytes.to_vec()),
            Bound::Number(value) => Value::Integer(value),
            Bound::Null => Value::Null,
        },
        Parameter::Gave(kind, tranche) => {
            Value::Blob(slices::head(kind, Some(*tranche)).expect("kinds of the query have numbers").to_vec())
        }
        Parameter::Tranches(tranches) => {
            let ids: Vec<String> = tranches.iter().map(|tranche| format!("{:032X}", tranche.0.0)).collect();
            Value::Text(serde_json::to_string(&ids).expect("strings are JSON"))
        }
    })
}

/// Damage that a reader finds is told from what only stands in its way.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
pub(super) fn told(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => {
            StoreError::Unfit(error.to_string())
        }
        Some(_) => StoreError::Unusable(error.to_string()),
    }
}
