//! The schema's lines beside those of a file: each is turned into what a file would hold, value by value, and then compared as files are.
//!
//! All of it is read as of one moment, through the server's cursors, so neither store has to fit into memory. Tested in
//! `tests/history_postgres/verified.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::str::FromStr;

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::{
    AlertId, GrantId, HoldId, InvoiceId, KeyId, LogPosition, RateCardId, RechargeId, RowId, TrancheId,
    TransferId, WalletId,
};
use coffer_ledger::time::Timestamp;
use tokio_postgres::Row as Line;

use super::address::Address;
use super::connection::Connection;
use super::inspect::{Seen, inspect};
use super::schema::TABLES;
use super::store::{CURSOR, check_whole, read_cursor};
use super::table::{Kind, Table};
use super::{cell, read};
use crate::feed::cursor::Cursor;
use crate::feed::history::batch::SliceLine;
use crate::feed::history::key::place_of;
use crate::feed::history::looked::Looked;
use crate::feed::history::sqlite::compare::{Held, Right, Value};
use crate::feed::history::sqlite::written_slices;
use crate::feed::history::{Differences, Remembered, Sealed, StoreError};

/// Lines that are fetched at once.
const LINES: usize = 2_000;
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A schema that is looked at and not touched.
pub(in crate::feed::history) struct PostgresLooked {
    connection: Connection,
    cursor: Cursor,
    slices: u64,
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
            check_whole(client, counts).await?;
            Ok(Some((cursor, counts.slices.cast_unsigned())))
        })?;
        Ok(found.map(|(cursor, slices)| Self { connection, cursor, slices }))
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
            let mut held = Lines::declare(self, table, key, &columns)?;
            right.compare((table, key), &mut held, &mut differences)?;
            slices += held.slices;
            held.wrong_ids.drain(..).for_each(|line| differences.tell(|| line));
            held.close()?;
        }
        if slices != self.slices {
            differences.tell(|| format!("slices: {} are of no row", self.slices.saturating_sub(slices)));
        }
        Ok(differences)
    }
}

/// The lines of a table, in the order of its key.
struct Lines<'a> {
    of: &'a PostgresLooked,
    table: &'static Table,
    columns: Vec<String>,
    fetched: VecDeque<Vec<Value>>,
    /// Slices of the rows so far.
    slices: u64,
    /// Rows whose ids, which only this kind of store has, are not theirs.
    wrong_ids: Vec<String>,
}

impl<'a> Lines<'a> {
    fn declare(
        of: &'a PostgresLooked,
        name: &str,
        key: usize,
        columns: &[String],
    ) -> Result<Self, StoreError> {
        let table = TABLES.iter().find(|table| table.name == name).expect("both kinds of store have it");
        let order = columns[..key].join(", ");
        let text = format!("DECLARE held NO SCROLL CURSOR FOR SELECT * FROM {name} ORDER BY {order}");
        of.connection.run(async |client| client.batch_execute(&text).await)?;
        Ok(Self {
            of,
            table,
            columns: columns.to_vec(),
            fetched: VecDeque::new(),
            slices: 0,
            wrong_ids: Vec::new(),
        })
    }

    fn close(self) -> Result<(), StoreError> {
        Ok(self.of.connection.run(async |client| client.batch_execute("CLOSE held").await)?)
    }

    fn fetch(&mut self) -> Result<(), StoreError> {
        let (lines, mut slices) = self.of.connection.run(async |client| {
            let lines = client.query(&format!("FETCH {LINES} FROM held"), &[]).await?;
            let keys = match self.table.name {
                "transactions" => lines.iter().map(|line| line.get("key")).collect(),
                _ => Vec::new(),
            };
            let slices = read::slices(client, &keys).await?;
            Ok::<_, StoreError>((lines, slices))
        })?;
        for line in &lines {
            let of_row = match self.table.name {
                "transactions" => slices.remove(&line.get("key")).unwrap_or_default(),
                _ => Vec::new(),
            };
            self.slices += of_row.len() as u64;
            if self.table.name == "transactions" {
                self.wrong_ids.extend(wrong_id(line)?);
            }
            let values = self.columns.iter().map(|column| self.value(line, column, &of_row));
            self.fetched.push_back(values.collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    /// What a file would hold there.
    fn value(&self, line: &Line, column: &str, slices: &[SliceLine]) -> Result<Value, StoreError> {
        if column == "slices" {
            let written = written_slices(read::id(line, "wallet")?, slices);
            return Ok(written.map_or(Value::Null, Value::Blob));
        }
        let known = self.table.columns.iter().find(|known| known.name == column);
        Ok(match known.map(|known| known.kind) {
            Some(Kind::Number) => {
                read::needed::<Option<i64>>(line, column)?.map_or(Value::Null, Value::Integer)
            }
            Some(Kind::Amount) => {
                let units = read::needed::<Option<cell::Units>>(line, column)?;
                units.map_or(Value::Null, |units| Value::of_amount(units.0))
            }
            Some(Kind::Text) => {
                let text = read::needed::<Option<&str>>(line, column)?;
                text.map_or(Value::Null, |text| of_text(self.table.name, column, text))
            }
            None => Value::Null,
        })
    }
}

impl Held for Lines<'_> {
    fn next(&mut self) -> Result<Option<Vec<Value>>, StoreError> {
        if self.fetched.is_empty() {
            self.fetch()?;
        }
        Ok(self.fetched.pop_front())
    }
}

/// What is wrong with the id of a row, if anything is.
fn wrong_id(line: &Line) -> Result<Option<String>, StoreError> {
    let (key, recorded_at): (i64, i64) = (read::needed(line, "key")?, read::needed(line, "recorded_at")?);
    let text: &str = read::needed(line, "id")?;
    let right = place_of(key).map(|(position, row)| {
        RowId::new(Timestamp(recorded_at.cast_unsigned()), LogPosition(position), row).to_string()
    });
    Ok((right.as_deref() != Some(text)).then(|| format!("transactions: key {key}: id is {text:?}")))
}

/// An id where the column has ids; a text that is none of the right kind stays a text, and differs.
fn of_text(table: &str, column: &str, text: &str) -> Value {
    let bits = match (table, column) {
        (_, "wallet") | ("wallets", "id") => bits(text, |id: WalletId| id.0.0),
        (_, "tranche" | "bonus_tranche") | ("tranches", "id") => bits(text, |id: TrancheId| id.0.0),
        (_, "hold") | ("holds", "id") => bits(text, |id: HoldId| id.0.0),
        (_, "transfer") | ("transfers", "id") => bits(text, |id: TransferId| id.0.0),
        ("transactions", "parent" | "completes") | ("tranches", "credit") | ("events", "debit") => {
            bits(text, |id: RowId| id.0)
        }
        ("alert_changes", "id") => bits(text, |id: AlertId| id.0.0),
        ("recharges", "id") => bits(text, |id: RechargeId| id.0.0),
        (_, "invoice_id") => bits(text, |id: InvoiceId| id.0.0),
        (_, "card") => bits(text, |id: RateCardId| id.0.0),
        (_, "grant_id") => bits(text, |id: GrantId| id.0.0),
        (_, "by_key") => bits(text, |id: KeyId| id.0.0),
        _ => None,
    };
    match bits {
        Some(bits) => Value::Blob(bits.to_be_bytes().to_vec()),
        None => Value::Text(text.as_bytes().to_vec()),
    }
}

fn bits<T: FromStr>(text: &str, of: impl Fn(T) -> u128) -> Option<u128> {
    text.parse().ok().map(of)
}
