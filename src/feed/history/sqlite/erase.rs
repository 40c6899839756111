//! Takes everything personal about one customer out of a stopped server's history.
//!
//! The rows stay, with their amounts, balances and slices; what goes is what goes from the records they were made of, so a row reads
//! as one that is made anew from an erased record. The file is written anew, so that no free page keeps what was there.

use std::path::Path;
use std::time::Duration;

use coffer_ledger::ids::{CustomerNumber, LogPosition};
use rusqlite::{Connection, OpenFlags, params};

use super::seal;
use super::store::SqliteStore;
use super::values::number;
use super::verify::Looked;
use crate::feed::history::{EraseError, StoreError};

/// How long another process may hold the file's lock before that is an answer.
const BUSY: Duration = Duration::from_secs(1);

/// Which rows say something personal: those of a customer (?1), or of one record (?2).
const PERSONAL: &str =
    "(customer = ?1 OR key / 65536 = ?2) AND (reference_type IS NOT NULL OR reference_id IS NOT NULL
  OR description IS NOT NULL OR idempotency_key IS NOT NULL OR metadata <> '[]')";

/// `metadata` is an empty list where a request could have had some, as in the row of a request that had none.
const WITHOUT: &str =
    "reference_type = NULL, reference_id = NULL, description = NULL, idempotency_key = NULL,
  metadata = CASE WHEN metadata IS NULL THEN NULL ELSE '[]' END";

/// What callers call an event, and where it comes from: as in an event's erased record.
const EVENTS: &str = "UPDATE events SET source = 'erased', event = 'erased' WHERE customer = ?1";

/// No record has this number, and no customer.
const NOBODY: i64 = 0;

/// How many rows [`erase`] would change; 0 when there is no file.
///
/// # Errors
/// The file cannot be read.
pub(in crate::feed::history) fn erasable(
    path: &Path,
    customer: CustomerNumber,
    mentions: &[LogPosition],
) -> Result<u64, EraseError> {
    if !path.exists() {
        return Ok(0);
    }
    let looked = Looked::open(path)?;
    each(customer, mentions, |customer, record| {
        let count = format!("SELECT count(*) FROM transactions WHERE {PERSONAL}");
        looked
            .connection()
            .query_row(&count, params![customer, record], |row| row.get(0))
            .map_err(StoreError::from)
    })
}

/// Erases the rows of a customer, and those of other customers' records that name it. Returns how many rows changed.
///
/// # Errors
/// The file cannot be written; what was erased of it stays so.
pub(in crate::feed::history) fn erase(
    path: &Path,
    customer: CustomerNumber,
    mentions: &[LogPosition],
) -> Result<u64, EraseError> {
    let Some(connection) = open(path)? else { return Ok(0) };
    seal::remove(path).map_err(StoreError::from)?;
    let pragma = |name, value| connection.pragma_update(None, name, value).map_err(StoreError::from);
    pragma("secure_delete", "ON")?;
    let rows = each(customer, mentions, |customer, record| {
        let update = format!("UPDATE transactions SET {WITHOUT} WHERE {PERSONAL}");
        let rows = connection.execute(&update, params![customer, record]).map_err(StoreError::from)?;
        Ok(i64::try_from(rows).unwrap_or(i64::MAX))
    })?;
    connection.execute(EVENTS, params![number(customer.0)]).map_err(StoreError::from)?;
    // Also when nothing changed: whoever was interrupted after the rows has not been here.
    connection.execute_batch("VACUUM").map_err(StoreError::from)?;
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(StoreError::from)?;
    if busy != 0 {
        return Err(EraseError::InUse);
    }
    // Its bytes are others now; what they say up to the cursor is what an erased log says.
    let cursor = SqliteStore::check(&connection, path)?;
    drop(connection);
    seal::write(path, cursor).map_err(StoreError::from)?;
    Ok(rows)
}

/// The last record whose rows a stopped server's history has; 0 when there is no file.
///
/// # Errors
/// The file cannot be read.
pub(in crate::feed::history) fn followed_to(path: &Path) -> Result<u64, EraseError> {
    if !path.exists() {
        return Ok(0);
    }
    Ok(Looked::open(path)?.cursor.position)
}

fn open(path: &Path) -> Result<Option<Connection>, EraseError> {
    if !path.exists() {
        return Ok(None);
    }
    let opened = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    );
    let connection = opened.map_err(StoreError::from)?;
    connection.busy_timeout(BUSY).map_err(StoreError::from)?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'transactions'";
    let made: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(StoreError::from)?;
    Ok((made > 0).then_some(connection))
}

/// The rows of the customer, then those of each record.
fn each(
    customer: CustomerNumber,
    mentions: &[LogPosition],
    mut step: impl FnMut(i64, i64) -> Result<i64, StoreError>,
) -> Result<u64, EraseError> {
    let mut rows = step(number(customer.0), NOBODY)?;
    for mention in mentions {
        rows += step(NOBODY, number(mention.0))?;
    }
    Ok(u64::try_from(rows).unwrap_or(0))
}
