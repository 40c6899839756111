//! Takes everything personal about one customer out of a history: a stopped server's, or by its writer.
//!
//! Personal are words of requests, which rows and usage events have. Alerts, recharges and everything else have none.
//!
//! The tables are written anew afterwards, so that none of their pages keeps what was there. Absent on purpose: PostgreSQL's own log and
//! the backups of its operator (docs/OPERATIONS.md).

use tokio_postgres::Client;

use super::address::Address;
use super::connection::Connection;
use super::inspect::{Seen, inspect};
use super::store::locked;
use crate::feed::history::{Erasable, EraseError, StoreError};

/// Which rows say something personal: those of a customer up to a record, or of some records.
const PERSONAL: &str =
    "((customer = $1 AND key >> 16 <= $3) OR key >> 16 = ANY($2)) AND (reference_type IS NOT NULL
  OR reference_id IS NOT NULL OR description IS NOT NULL OR idempotency_key IS NOT NULL OR metadata <> '[]')";

/// `metadata` is an empty list where a request could have had some, as in the row of a request that had none.
const WITHOUT: &str =
    "reference_type = NULL, reference_id = NULL, description = NULL, idempotency_key = NULL,
  metadata = CASE WHEN metadata IS NULL THEN NULL ELSE '[]' END";

/// What callers call an event, and where it comes from: as in an event's erased record.
const EVENTS: &str =
    "UPDATE events SET source = 'erased', event = 'erased' WHERE customer = $1 AND record <= $2";

/// How many rows [`erase`] would change; 0 when there is no store.
///
/// # Errors
/// The store cannot be read.
pub(in crate::feed::history) fn erasable(address: &Address, what: &Erasable) -> Result<u64, EraseError> {
    let counted = Connection::open(address)?
        .run(async |client| if is_there(client, address).await? { count(client, what).await } else { Ok(0) });
    Ok(counted?)
}

/// Erases the rows of a customer, and those of other customers' records that name it. Returns how many rows changed.
///
/// # Errors
/// The store cannot be written; what was erased of it stays so.
pub(in crate::feed::history) fn erase(address: &Address, what: &Erasable) -> Result<u64, EraseError> {
    let erased = locked(address)?.run(async |client| {
        if is_there(client, address).await? { take_out(client, what).await } else { Ok(0) }
    });
    Ok(erased?)
}

/// How many rows say something personal.
pub(super) async fn count(client: &Client, what: &Erasable) -> Result<u64, StoreError> {
    let text = format!("SELECT count(*) FROM transactions WHERE {PERSONAL}");
    let (customer, records, through) = values(what);
    let found: i64 = client.query_one(&text, &[&customer, &records, &through]).await?.get(0);
    Ok(found.cast_unsigned())
}

/// Takes the words out of the rows, and writes the tables anew. Returns how many changed.
pub(super) async fn take_out(client: &Client, what: &Erasable) -> Result<u64, StoreError> {
    let update = format!("UPDATE transactions SET {WITHOUT} WHERE {PERSONAL}");
    let (customer, records, through) = values(what);
    // This must not be lost with a server that falls: nothing erases it again.
    client.batch_execute("BEGIN; SET LOCAL synchronous_commit = on").await?;
    let rows = client.execute(&update, &[&customer, &records, &through]).await?;
    client.execute(EVENTS, &[&customer, &through]).await?;
    client.batch_execute("COMMIT").await?;
    // Also when nothing changed: whoever was interrupted after the rows has not been here. Each in a transaction of its own.
    client.batch_execute("VACUUM FULL transactions").await?;
    client.batch_execute("VACUUM FULL events").await?;
    Ok(rows)
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

fn values(what: &Erasable) -> (i64, Vec<i64>, i64) {
    let mentions = what.mentions.iter().map(|record| record.0.cast_signed()).collect();
    (what.customer.0.cast_signed(), mentions, what.through.0.cast_signed())
}
