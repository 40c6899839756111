//! Takes everything personal about one customer out of a history: a stopped server's, or by its writer.
//!
//! Personal are words of requests, which rows and usage events have. Alerts, recharges and everything else have none.
//!
//! The rows stay, with their amounts, balances and slices; what goes is what goes from the records they were made of, so a row reads
//! as one that is made anew from an erased record. The file is written anew, so that no free page keeps what was there.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::seal;
use super::store::SqliteStore;
use super::values::number;
use super::verify::LookedFile;
use crate::feed::history::looked::Looked;
use crate::feed::history::{Erasable, EraseError, StoreError};

/// How long another process may hold the file's lock before that is an answer.
const BUSY: Duration = Duration::from_secs(1);

/// Which rows say something personal: those of a customer (?1) up to a record (?3), or of one record (?2).
const PERSONAL: &str =
    "((customer = ?1 AND key / 65536 <= ?3) OR key / 65536 = ?2) AND (reference_type IS NOT NULL
  OR reference_id IS NOT NULL OR description IS NOT NULL OR idempotency_key IS NOT NULL OR metadata <> '[]')";

/// `metadata` is an empty list where a request could have had some, as in the row of a request that had none.
const WITHOUT: &str =
    "reference_type = NULL, reference_id = NULL, description = NULL, idempotency_key = NULL,
  metadata = CASE WHEN metadata IS NULL THEN NULL ELSE '[]' END";

/// What callers call an event, and where it comes from: as in an event's erased record.
const EVENTS: &str =
    "UPDATE events SET source = 'erased', event = 'erased' WHERE customer = ?1 AND record <= ?2";

/// No record has this number, and no customer.
const NOBODY: i64 = 0;

/// How many rows [`erase`] would change; 0 when there is no file.
///
/// # Errors
/// The file cannot be read.
pub(in crate::feed::history) fn erasable(path: &Path, what: &Erasable) -> Result<u64, EraseError> {
    if !path.exists() {
        return Ok(0);
    }
    Ok(count(LookedFile::open(path)?.whole()?.connection(), what)?)
}

/// Erases the rows of a customer, and those of other customers' records that name it. Returns how many rows changed.
///
/// # Errors
/// The file cannot be written; what was erased of it stays so.
pub(in crate::feed::history) fn erase(path: &Path, what: &Erasable) -> Result<u64, EraseError> {
    let Some(connection) = open(path)? else { return Ok(0) };
    seal::remove(path).map_err(StoreError::from)?;
    let rows = rows(&connection, what)?;
    if !anew(&connection)? {
        return Err(EraseError::InUse);
    }
    // Its bytes are others now; what they say up to the cursor is what an erased log says.
    let (cursor, miscounted) = SqliteStore::check(&connection, path)?;
    if let Some(why) = miscounted {
        return Err(StoreError::Unfit(why).into());
    }
    drop(connection);
    seal::write(path, cursor).map_err(StoreError::from)?;
    Ok(rows)
}

/// How many rows say something personal.
pub(super) fn count(connection: &Connection, what: &Erasable) -> Result<u64, StoreError> {
    let text = format!("SELECT count(*) FROM transactions WHERE {PERSONAL}");
    each(what, |values| Ok(connection.query_row(&text, values, |row| row.get(0))?))
}

/// Takes the words out of the rows. Returns how many changed.
pub(super) fn rows(connection: &Connection, what: &Erasable) -> Result<u64, StoreError> {
    connection.pragma_update(None, "secure_delete", "ON")?;
    let text = format!("UPDATE transactions SET {WITHOUT} WHERE {PERSONAL}");
    let rows =
        each(what, |values| Ok(i64::try_from(connection.execute(&text, values)?).unwrap_or(i64::MAX)))?;
    connection.execute(EVENTS, (number(what.customer.0), number(what.through.0)))?;
    Ok(rows)
}

/// Writes the file anew, so that no free page keeps what was there; whether all of it could be. Also when nothing changed: whoever was
/// interrupted after the rows has not been here.
pub(super) fn anew(connection: &Connection) -> Result<bool, StoreError> {
    connection.execute_batch("VACUUM")?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// The last record whose rows a stopped server's history has; 0 when there is no file.
///
/// # Errors
/// The file cannot be read.
pub(in crate::feed::history) fn followed_to(path: &Path) -> Result<u64, EraseError> {
    if !path.exists() {
        return Ok(0);
    }
    Ok(LookedFile::open(path)?.whole()?.cursor().position)
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
    what: &Erasable,
    mut step: impl FnMut([i64; 3]) -> Result<i64, StoreError>,
) -> Result<u64, StoreError> {
    let mut rows = step([number(what.customer.0), NOBODY, number(what.through.0)])?;
    for mention in &what.mentions {
        rows += step([NOBODY, number(mention.0), NOBODY])?;
    }
    Ok(u64::try_from(rows).unwrap_or(0))
}
