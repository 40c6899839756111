//! The schema, as its one writer sees it: opened or made, checked whole, filled batch by batch.
//!
//! One writer: a lock of the server's on the schema's name, held by the session. A batch and the cursor are one transaction, so whatever
//! becomes of connection or server, what is found at the next opening is whole batches. Absent on purpose: a sync per batch
//! (`synchronous_commit = off`: a server that falls takes the last batches away whole, and the log has them), upgrades of old tables, reading. Tested in
//! `tests/history_postgres/`.

use coffer_ledger::ids::{TrancheId, WalletId};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};
use xxhash_rust::xxh3::xxh3_64;

use super::address::Address;
use super::connection::Connection;
use super::erase;
use super::insert::{self, Prepared};
use super::inspect::{Seen, create, empty, inspect};
use super::read;
use crate::feed::cursor::Cursor;
use crate::feed::history::batch::{Batch, WalletLife};
use crate::feed::history::projector::Known;
use crate::feed::history::store::Store;
use crate::feed::history::tranche::TrancheLife;
use crate::feed::history::{Erasable, StoreError};

pub(super) const CURSOR: &str = "SELECT position, hash, at, transactions, slices FROM cursor";
const ADVANCE: &str = "UPDATE cursor SET position = $1, hash = $2, at = $3, transactions = $4, slices = $5";
/// What the server answers when somebody has a lock for longer than the session waits.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The schema, open for writing.
pub(in crate::feed::history) struct PostgresStore {
    connection: Connection,
    prepared: Prepared,
    /// The table that the cursor stands in.
    table: u32,
    cursor: Cursor,
    counts: Counts,
    /// Rows that there will be at the end of the transaction that has begun.
    begun: Option<Counts>,
}

/// Rows that there must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    transactions: i64,
    pub(super) slices: i64,
}

impl PostgresStore {
    /// Opens the schema's store, or makes it; checks it whole.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::feed::history) fn open(address: &Address) -> Result<Self, StoreError> {
        let connection = locked(address)?;
        let (cursor, counts, table) =
            connection.run(async |client| opened(client, address.schema()).await)?;
        Ok(Self { connection, prepared: Prepared::default(), table, cursor, counts, begun: None })
    }

    /// Empties what is ours in the schema.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::feed::history) fn make_room(address: &Address) -> Result<(), StoreError> {
        locked(address)?.run(async |client| {
            client.batch_execute("BEGIN").await?;
            empty(client, address.schema()).await?;
            Ok(client.batch_execute("COMMIT").await?)
        })
    }
}

/// A session that alone may write: of each schema there is one.
///
/// # Errors
/// [`StoreError::Unusable`].
pub(super) fn locked(address: &Address) -> Result<Connection, StoreError> {
    let connection = Connection::open(address)?;
    let key = xxh3_64(format!("coffer history {}", address.schema()).as_bytes()).cast_signed();
    connection.run(async |client| {
        let locked = client.execute("SELECT pg_advisory_lock($1)", &[&key]).await;
        locked.map_err(|error| match error.code() {
            Some(state) if state.code() == LOCK_NOT_AVAILABLE => StoreError::Unusable(format!(
                "another Coffer writes to the schema {}: each needs one of its own (history.postgres_schema)",
                address.schema()
            )),
            Some(_) | None => error.into(),
        })?;
        client.batch_execute("SET synchronous_commit = off").await?;
        Ok::<_, StoreError>(())
    })?;
    Ok(connection)
}

async fn opened(client: &Client, schema: &str) -> Result<(Cursor, Counts, u32), StoreError> {
    let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
    if encoding != "UTF8" {
        return Err(StoreError::Unusable(format!("the database's encoding is {encoding}: it must be UTF8")));
    }
    match inspect(client, schema).await? {
        Seen::Ours => {}
        Seen::Unfit(why) => return Err(StoreError::Unfit(why)),
        Seen::Nothing => {
            client.batch_execute("BEGIN").await?;
            create(client, schema).await?;
            client.batch_execute("COMMIT").await?;
        }
    }
    let (cursor, counts) = read_cursor(client, CURSOR).await?;
    if let Some(why) = counts.misfit(Counts::found(client).await?) {
        return Err(StoreError::Unfit(why));
    }
    Ok((cursor, counts, table(client).await?))
}

async fn table(client: &Client) -> Result<u32, StoreError> {
    Ok(client.query_one("SELECT 'cursor'::regclass::oid", &[]).await?.get(0))
}

pub(super) async fn read_cursor(client: &Client, text: &str) -> Result<(Cursor, Counts), StoreError> {
    let rows = client.query_typed(text, &[]).await?;
    let [line] = &rows[..] else { return Err(StoreError::Unfit("it has no cursor".to_owned())) };
    let cursor = Cursor {
        position: line.get::<_, i64>(0).cast_unsigned(),
        // Before the first batch it is empty.
        hash: line.get::<_, &[u8]>(1).try_into().unwrap_or_default(),
        at: line.get::<_, i64>(2).cast_unsigned(),
    };
    Ok((cursor, Counts { transactions: line.get(3), slices: line.get(4) }))
}

impl Counts {
    /// Rows that there are.
    pub(super) async fn found(client: &Client) -> Result<Self, StoreError> {
        let text = "SELECT (SELECT count(*) FROM transactions), (SELECT count(*) FROM slices)";
        let line = client.query_one(text, &[]).await?;
        Ok(Self { transactions: line.get(0), slices: line.get(1) })
    }

    /// Why these are not as many as there must be.
    pub(super) fn misfit(self, found: Self) -> Option<String> {
        (found != self).then(|| {
            format!(
                "it has {} rows and {} slices instead of {} and {}",
                found.transactions, found.slices, self.transactions, self.slices
            )
        })
    }
}

impl Store for PostgresStore {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn rows(&self) -> u64 {
        self.counts.transactions.cast_unsigned()
    }

    fn add(&mut self, part: &Batch) -> Result<(), StoreError> {
        self.connection.run(async |client| {
            if self.begun.is_none() {
                client.batch_execute("BEGIN").await?;
                if read_cursor(client, &format!("{CURSOR} FOR UPDATE")).await? != (self.cursor, self.counts) {
                    return Err(StoreError::Unfit("somebody else has written to it".to_owned()));
                }
            }
            insert::part(client, &self.prepared, part).await
        })?;
        let Counts { transactions, slices } = self.begun.unwrap_or(self.counts);
        let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
        self.begun = Some(Counts {
            transactions: transactions + count(part.rows.len()),
            slices: slices + count(part.rows.iter().map(|row| row.slices.len()).sum()),
        });
        Ok(())
    }

    fn write(&mut self, last: &Batch) -> Result<(), StoreError> {
        self.add(last)?;
        let counts = self.begun.take().unwrap_or(self.counts);
        self.connection.run(async |client| {
            insert::totals(client, &self.prepared, last).await?;
            let Cursor { position, hash, at } = last.cursor;
            let (position, at) = (position.cast_signed(), at.cast_signed());
            let Counts { transactions, slices } = counts;
            let hash = &hash[..];
            let values: [(&(dyn ToSql + Sync), Type); 5] = [
                (&position, Type::INT8),
                (&hash, Type::BYTEA),
                (&at, Type::INT8),
                (&transactions, Type::INT8),
                (&slices, Type::INT8),
            ];
            client.execute_typed(ADVANCE, &values).await?;
            client.batch_execute("COMMIT").await
        })?;
        (self.cursor, self.counts) = (last.cursor, counts);
        Ok(())
    }

    fn is_in_place(&self) -> Result<bool, StoreError> {
        self.connection.run(async |client| Ok(table(client).await? == self.table))
    }

    fn erasable(&self, what: &Erasable) -> Result<u64, StoreError> {
        self.connection.run(async |client| erase::count(client, what).await)
    }

    fn erase(&mut self, what: &Erasable) -> Result<u64, StoreError> {
        self.connection.run(async |client| erase::take_out(client, what).await)
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        // A commit that is synced takes all before it along.
        let synced = "BEGIN; SET LOCAL synchronous_commit = on; UPDATE cursor SET at = at; COMMIT";
        self.connection.run(async |client| Ok(client.batch_execute(synced).await?))
    }

    fn settle(&self) {
        // Left undone, the log has what is missing.
        let _ = self.make_durable();
    }
}

impl Known for PostgresStore {
    fn tranche(&self, id: TrancheId) -> Result<Option<TrancheLife>, StoreError> {
        self.connection.run(async |client| read::tranche(client, id).await)
    }

    fn wallet(&self, id: WalletId) -> Result<Option<WalletLife>, StoreError> {
        self.connection.run(async |client| read::wallet(client, id).await)
    }
}
