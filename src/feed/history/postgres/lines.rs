//! The lines of a table as a file would hold them: ids are their bits, amounts a file's bytes, slices one value beside their row.
//!
//! A value that nothing of Coffer's ever wrote stays a text and so differs from whatever must be there: an id in other letters, an amount
//! that is no number, a slice that does not read back as what was written. Tested in `tests/history_postgres/{damaged,verified}.rs`.

use std::collections::VecDeque;
use std::fmt::Display;
use std::str::FromStr;

use coffer_ledger::ids::{
    AlertId, GrantId, HoldId, InvoiceId, KeyId, LogPosition, RateCardId, RechargeId, RowId, TrancheId,
    TransferId, WalletId,
};
use coffer_ledger::time::Timestamp;
use tokio_postgres::Row as Line;

use super::connection::Connection;
use super::schema::{SLICES, TABLES};
use super::table::{Column, Kind, Table};
use super::{cell, read};
use crate::feed::history::batch::SliceLine;
use crate::feed::history::key::place_of;
use crate::feed::history::sqlite::compare::{Held, Value, shown};
use crate::feed::history::sqlite::written_slices;
use crate::feed::history::{StoreError, columns};

/// Lines that are fetched at once.
pub(super) const LINES: usize = 2_000;

/// The lines of a table, in the order of its key.
pub(super) struct Lines<'a> {
    connection: &'a Connection,
    table: &'static Table,
    columns: Vec<String>,
    fetched: VecDeque<Vec<Value>>,
    /// Slices of the rows so far.
    pub(super) slices: u64,
    /// Rows whose ids, which only this kind of store has, are not theirs.
    pub(super) wrong_ids: Vec<String>,
}

impl<'a> Lines<'a> {
    /// Begins with a table of which so many of the first columns are the key.
    pub(super) fn declare(
        connection: &'a Connection,
        name: &str,
        key: usize,
        columns: &[String],
    ) -> Result<Self, StoreError> {
        let table = TABLES.iter().find(|table| table.name == name).expect("both kinds of store have it");
        let order = columns[..key].join(", ");
        let text = format!("DECLARE held NO SCROLL CURSOR FOR SELECT * FROM {name} ORDER BY {order}");
        connection.run(async |client| client.batch_execute(&text).await)?;
        Ok(Self {
            connection,
            table,
            columns: columns.to_vec(),
            fetched: VecDeque::new(),
            slices: 0,
            wrong_ids: Vec::new(),
        })
    }

    /// Lets the server forget it.
    pub(super) fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.run(async |client| client.batch_execute("CLOSE held").await)?)
    }

    fn has_slices(&self) -> bool {
        self.table.name == "transactions"
    }

    fn fetch(&mut self) -> Result<(), StoreError> {
        let (lines, mut slices) = self.connection.run(async |client| {
            let lines = client.query(&format!("FETCH {LINES} FROM held"), &[]).await?;
            let keys: Result<Vec<i64>, _> = match self.has_slices() {
                true => lines.iter().map(|line| read::needed(line, "key")).collect(),
                false => Ok(Vec::new()),
            };
            let slices = read::slice_lines(client, &keys?).await?;
            Ok::<_, StoreError>((lines, slices))
        })?;
        for line in &lines {
            let of_row = match self.has_slices() {
                true => slices.remove(&read::needed(line, "key")?).unwrap_or_default(),
                false => Vec::new(),
            };
            self.slices += of_row.len() as u64;
            if self.has_slices() {
                self.wrong_ids.extend(wrong_id(line)?);
            }
            let values = self.columns.iter().map(|column| match &**column {
                "slices" => slices_of(line, &of_row),
                name => self.value(line, name),
            });
            self.fetched.push_back(values.collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    fn value(&self, line: &Line, name: &str) -> Result<Value, StoreError> {
        let known = self.table.columns.iter().find(|column| column.name == name);
        known.map_or(Ok(Value::Null), |column| value(self.table, column, line))
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

/// What a file would hold in a column.
fn value(table: &Table, column: &Column, line: &Line) -> Result<Value, StoreError> {
    let Column { name, kind, .. } = column;
    Ok(match kind {
        Kind::Number => read::needed::<Option<i64>>(line, name)?.map_or(Value::Null, Value::Integer),
        Kind::Amount => match read::needed::<Option<cell::Units>>(line, name) {
            Ok(units) => units.map_or(Value::Null, |units| Value::of_amount(units.0)),
            Err(_) => Value::Text(b"no amount".to_vec()),
        },
        Kind::Text => {
            let text = read::needed::<Option<&str>>(line, name)?;
            text.map_or(Value::Null, |text| of_text(table.name, name, text))
        }
    })
}

/// The slices of a row as a file would hold them beside it.
fn slices_of(line: &Line, of_row: &[Line]) -> Result<Value, StoreError> {
    let read = |number, of_row: &Line| slice(read::needed(line, "key")?, number, of_row);
    let slices = (0_i64..).zip(of_row).map(|(number, of_row)| read(number, of_row));
    let written = slices.collect::<Result<Vec<_>, _>>().and_then(|slices| {
        let written = written_slices(read::id(line, "wallet")?, &slices);
        Ok(written.map_or(Value::Null, Value::Blob))
    });
    match written {
        // Words instead of slices: no row has such.
        Err(StoreError::Unfit(why)) => Ok(Value::Text(why.into_bytes())),
        other => other,
    }
}

/// A slice that stands there as it is written, column by column.
fn slice(key: i64, number: i64, line: &Line) -> Result<SliceLine, StoreError> {
    let slice = read::slice(line)?;
    for (column, written) in SLICES.columns.iter().zip(&columns::slice(key, number, &slice)) {
        let found = value(&SLICES, column, line)?;
        if found != Value::from(written) {
            let (name, found) = (column.name, shown(column.name, &found));
            return Err(StoreError::Unfit(format!("{name} of slice {number} is {found}")));
        }
    }
    Ok(slice)
}

/// What is wrong with the id of a row, if anything is.
fn wrong_id(line: &Line) -> Result<Option<String>, StoreError> {
    let (key, recorded_at): (i64, i64) = (read::needed(line, "key")?, read::needed(line, "recorded_at")?);
    let text: &str = read::needed(line, "id")?;
    let right = place_of(key).map(|(position, row)| {
        RowId::new(Timestamp(recorded_at.cast_unsigned()), LogPosition(position), row).to_string()
    });
    Ok((right.as_deref() != Some(text)).then(|| {
        let place = place_of(key)
            .map_or_else(|| format!("key {key}"), |(record, row)| format!("record {record} row {row}"));
        format!("transactions: {place}: id is {text:?}")
    }))
}

/// An id where the column has ids; a text that is none of the right kind, or is not written as ids are, stays a text, and differs.
fn of_text(table: &str, column: &str, text: &str) -> Value {
    let bits = match (table, column) {
        (_, "wallet") | ("wallets", "id") => bits(text, |id: &WalletId| id.0.0),
        (_, "tranche" | "bonus_tranche") | ("tranches", "id") => bits(text, |id: &TrancheId| id.0.0),
        (_, "hold") | ("holds", "id") => bits(text, |id: &HoldId| id.0.0),
        (_, "transfer") | ("transfers", "id") => bits(text, |id: &TransferId| id.0.0),
        ("transactions", "parent" | "completes") | ("tranches", "credit") | ("events", "debit") => {
            bits(text, |id: &RowId| id.0)
        }
        ("alert_changes", "id") => bits(text, |id: &AlertId| id.0.0),
        ("recharges", "id") => bits(text, |id: &RechargeId| id.0.0),
        (_, "invoice_id") => bits(text, |id: &InvoiceId| id.0.0),
        (_, "card") => bits(text, |id: &RateCardId| id.0.0),
        (_, "grant_id") => bits(text, |id: &GrantId| id.0.0),
        (_, "by_key") => bits(text, |id: &KeyId| id.0.0),
        _ => None,
    };
    match bits {
        Some(bits) => Value::Blob(bits.to_be_bytes().to_vec()),
        None => Value::Text(text.as_bytes().to_vec()),
    }
}

/// Ids are read in any letter case; only their printed form is found by a query.
fn bits<T: FromStr + Display>(text: &str, of: impl Fn(&T) -> u128) -> Option<u128> {
    text.parse().ok().filter(|id: &T| id.to_string() == text).map(|id| of(&id))
}
