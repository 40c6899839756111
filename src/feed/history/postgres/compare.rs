//! The schema's lines beside those of a file: each is turned into what a file would hold, value by value, and then compared as files are.
//!
//! All of it is read as of one moment, through the server's cursors, so neither store has to fit into memory. Tested in
//! `tests/history_postgres/verified.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::WalletId;
use tokio_postgres::Row as Line;

use super::address::Address;
use super::connection::Connection;
use super::inspect::{Seen, inspect};
use super::lines::{LINES, Lines};
use super::store::{CURSOR, Counts, read_cursor};
use super::{cell, read};
use crate::feed::cursor::Cursor;
use crate::feed::history::key::place_of;
use crate::feed::history::looked::Looked;
use crate::feed::history::sqlite::compare::Right;
use crate::feed::history::{Differences, Remembered, Sealed, StoreError};

/// Slices that no row has, by the row that they name.
const OF_NO_ROW: &str = "SELECT key, count(*) AS slices FROM slices
  WHERE NOT EXISTS (SELECT FROM transactions WHERE transactions.key = slices.key) GROUP BY key ORDER BY key";
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A schema that is looked at and not touched.
pub(in crate::feed::history) struct PostgresLooked {
    connection: Connection,
    cursor: Cursor,
    /// Rows that there must be, and those that there are.
    counted: (Counts, Counts),
}

impl PostgresLooked {
    /// Looks at the schema's store; `None`: there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::feed::history) fn open(address: &Address) -> Result<Option<Self>, StoreError> {
        let connection = Connection::open(address)?;
        let found = connection.run(async |client| {
            match inspect(client, address.schema()).await? {
                Seen::Nothing => return Ok(None),
                Seen::Unfit(why) => return Err(StoreError::Unfit(why)),
                Seen::Ours => {}
            }
            client.batch_execute(BEGIN).await?;
            let (cursor, counts) = read_cursor(client, CURSOR).await?;
            Ok(Some((cursor, (counts, Counts::found(client).await?))))
        })?;
        Ok(found.map(|(cursor, counted)| Self { connection, cursor, counted }))
    }
}

impl PostgresLooked {
    /// Shows each line of a query, in order.
    fn each(
        &self,
        query: &str,
        mut visit: impl FnMut(&Line) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let declare = format!("DECLARE asked NO SCROLL CURSOR FOR {query}");
        self.connection.run(async |client| client.batch_execute(&declare).await)?;
        loop {
            let fetch = format!("FETCH {LINES} FROM asked");
            let lines = self.connection.run(async |client| client.query(&fetch, &[]).await)?;
            if lines.is_empty() {
                return Ok(self.connection.run(async |client| client.batch_execute("CLOSE asked").await)?);
            }
            lines.iter().try_for_each(&mut visit)?;
        }
    }
}

impl Looked for PostgresLooked {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn miscounted(&self) -> Option<String> {
        let (counts, found) = self.counted;
        counts.misfit(found)
    }

    fn sealed(&self) -> Result<Sealed, StoreError> {
        Ok(Sealed::OfServer)
    }

    fn balances(&self) -> Result<BTreeMap<WalletId, (Credits, Credits)>, StoreError> {
        self.connection.run(async |client| {
            let mut balances = BTreeMap::new();
            for line in client.query("SELECT id, debt FROM wallets", &[]).await? {
                let debt = read::credits(&line, "debt")?;
                balances.insert(read::id(&line, "id")?, (-debt, debt));
            }
            let of_wallets = "SELECT wallet, sum(remaining) AS remaining FROM tranches GROUP BY wallet";
            for line in client.query(of_wallets, &[]).await? {
                balances.entry(read::id(&line, "wallet")?).or_default().0 +=
                    read::credits(&line, "remaining")?;
            }
            Ok(balances)
        })
    }

    fn remembered(&self) -> Result<Remembered, StoreError> {
        let mut remembered = Remembered::default();
        self.each(&Remembered::alerts(), |line| {
            remembered.add_alert(&read::alert_change(line)?.change);
            Ok(())
        })?;
        self.each(&Remembered::recharges(), |line| {
            remembered.add_recharge(read::recharge(line)?);
            Ok(())
        })?;
        Ok(remembered)
    }

    fn compare(&self, right: &Path) -> Result<Differences, StoreError> {
        let (right, mut differences) = (Right::open(right, cell::without_nul)?, Differences::default());
        let mut slices = 0;
        for (table, key) in right.tables() {
            let columns = right.columns(table)?;
            let mut held = Lines::declare(&self.connection, table, key, &columns)?;
            right.compare((table, key), &mut held, &mut differences)?;
            slices += held.slices;
            held.wrong_ids.drain(..).for_each(|line| differences.tell(|| line));
            held.close()?;
        }
        if slices != self.counted.1.slices.cast_unsigned() {
            self.each(OF_NO_ROW, |line| {
                let (key, count): (i64, i64) = (read::needed(line, "key")?, read::needed(line, "slices")?);
                let (record, row) = place_of(key).unwrap_or_default();
                differences.tell(|| {
                    format!("slices: {count} are of record {record} row {row}, and there is no such row")
                });
                Ok(())
            })?;
        }
        Ok(differences)
    }
}
