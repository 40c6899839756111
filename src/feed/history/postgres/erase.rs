//! Takes everything personal about one customer out of a stopped server's history.
//!
//! The tables are written anew afterwards, so that none of their pages keeps what was there. Absent on purpose: PostgreSQL's own log and
//! the backups of its operator (docs/OPERATIONS.md).

use coffer_ledger::ids::{CustomerNumber, LogPosition};
use tokio_postgres::Client;

use super::address::Address;
use super::connection::Connection;
use super::inspect::{Seen, inspect};
use super::store::locked;
use crate::feed::history::{EraseError, StoreError};

/// Which rows say something personal: those of a customer, or of some records.
const PERSONAL: &str =
    "(customer = $1 OR key >> 16 = ANY($2)) AND (reference_type IS NOT NULL OR reference_id IS NOT NULL
  OR description IS NOT NULL OR idempotency_key IS NOT NULL OR metadata <> '[]')";

/// `metadata` is an empty list where a request could have had some, as in the row of a request that had none.
const WITHOUT: &str =
    "reference_type = NULL, reference_id = NULL, description = NULL, idempotency_key = NULL,
  metadata = CASE WHEN metadata IS NULL THEN NULL ELSE '[]' END";

/// What callers call an event, and where it comes from: as in an event's erased record.
const EVENTS: &str = "UPDATE events SET source = 'erased', event = 'erased' WHERE customer = $1";

/// How many rows [`erase`] would change; 0 when there is no store.
///
/// # Errors
/// The store cannot be read.
pub(in crate::feed::history) fn erasable(
    address: &Address,
    customer: CustomerNumber,
    mentions: &[LogPosition],
) -> Result<u64, EraseError> {
    let (customer, records) = asked(customer, mentions);
    let count = format!("SELECT count(*) FROM transactions WHERE {PERSONAL}");
    let found: i64 = Connection::open(address)?.run(async |client| {
        if !is_there(client, address).await? {
            return Ok(0);
        }
        Ok::<_, StoreError>(client.query_one(&count, &[&customer, &records]).await?.get(0))
    })?;
    Ok(found.cast_unsigned())
}

/// Erases the rows of a customer, and those of other customers' records that name it. Returns how many rows changed.
///
/// # Errors
/// The store cannot be written; what was erased of it stays so.
pub(in crate::feed::history) fn erase(
    address: &Address,
    customer: CustomerNumber,
    mentions: &[LogPosition],
) -> Result<u64, EraseError> {
    let (customer, records) = asked(customer, mentions);
    let update = format!("UPDATE transactions SET {WITHOUT} WHERE {PERSONAL}");
    let erased = locked(address)?.run(async |client| {
        if !is_there(client, address).await? {
            return Ok(0);
        }
        // This must not be lost with a server that falls: nothing erases it again.
        client.batch_execute("SET synchronous_commit = on; BEGIN").await?;
        let rows = client.execute(&update, &[&customer, &records]).await?;
        client.execute(EVENTS, &[&customer]).await?;
        client.batch_execute("COMMIT").await?;
        // Also when nothing changed: whoever was interrupted after the rows has not been here. Each in a transaction of its own.
        client.batch_execute("VACUUM FULL transactions").await?;
        client.batch_execute("VACUUM FULL events").await?;
        Ok::<_, StoreError>(rows)
    })?;
    Ok(erased)
}

/// The last record whose rows the store has; 0 when there is none.
///
/// # Errors
/// The store cannot be read.
pub(in crate::feed::history) fn followed_to(address: &Address) -> Result<u64, EraseError> {
    let position: i64 = Connection::open(address)?.run(async |client| {
        if !is_there(client, address).await? {
            return Ok(0);
        }
        Ok::<_, StoreError>(client.query_one("SELECT position FROM cursor", &[]).await?.get(0))
    })?;
    Ok(position.cast_unsigned())
}

async fn is_there(client: &Client, address: &Address) -> Result<bool, StoreError> {
    match inspect(client, address.schema()).await? {
        Seen::Nothing => Ok(false),
        Seen::Ours => Ok(true),
        Seen::Unfit(why) => Err(StoreError::Unfit(why)),
    }
}

fn asked(customer: CustomerNumber, mentions: &[LogPosition]) -> (i64, Vec<i64>) {
    (customer.0.cast_signed(), mentions.iter().map(|record| record.0.cast_signed()).collect())
}
