//! A store and a file that was made from the log just now, line by line: what the history holds, and what it must.
//!
//! Every table is read in the order of its key from both at once, so neither has to fit into memory. Differences are told in words that
//! lead to the line: the record and the row, the id, the column, both values. Tested in `tests/history/verified.rs`.

use std::cmp::Ordering;
use std::path::Path;

use coffer_ledger::amount::Credits;
use coffer_ledger::ids;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Rows};

use super::slices;
use super::values::{amount, amount_of};
use super::verify::immutable;
use crate::feed::history::StoreError;
use crate::feed::history::cell::Cell;
use crate::feed::history::key::place_of;

/// The tables; how many of the first columns are the key.
const TABLES: [(&str, usize); 10] = [
    ("transactions", 1),
    ("wallets", 1),
    ("tranches", 1),
    ("holds", 1),
    ("settlements", 2),
    ("transfers", 1),
    ("events", 1),
    ("alert_changes", 1),
    ("recharges", 1),
    ("totals", 8),
];

/// Columns that hold ids; other blobs are amounts.
const IDS: [&str; 14] = [
    "id",
    "wallet",
    "tranche",
    "parent",
    "completes",
    "hold",
    "transfer",
    "card",
    "by_key",
    "credit",
    "debit",
    "grant_id",
    "invoice_id",
    "bonus_tranche",
];

/// Differences that are told; the rest is counted.
const TOLD_MAX: usize = 1_000;

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// How many lines.
    pub count: u64,
    /// The first of them, a line each.
    pub told: Vec<String>,
}

impl Differences {
    /// One more.
    pub(in crate::feed::history) fn tell(&mut self, line: impl FnOnce() -> String) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(line());
        }
    }
}

/// A value as it stands there. Texts are bytes: a damaged one may be none.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::feed::history) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Value {
    /// As a file holds an amount.
    pub(in crate::feed::history) fn of_amount(units: i128) -> Self {
        Self::Blob(amount(units).to_vec())
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Real(number) => Self::Real(number),
            ValueRef::Text(text) => Self::Text(text.to_vec()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl From<&Cell<'_>> for Value {
    fn from(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text.as_bytes().to_vec()),
            Cell::Owned(text) => Self::Text(text.as_bytes().to_vec()),
            Cell::Id(_, bits) => Self::Blob(bits.to_be_bytes().to_vec()),
            Cell::Amount(units) => Self::of_amount(*units),
            Cell::Number(number) => Self::Integer(*number),
            Cell::Null => Self::Null,
        }
    }
}

/// The lines of a table as a file holds them, in the order of the key.
pub(in crate::feed::history) trait Held {
    /// The next line.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    fn next(&mut self) -> Result<Option<Vec<Value>>, StoreError>;
}

/// Lines of a file.
struct OfFile<'a> {
    rows: Rows<'a>,
    columns: usize,
    /// What a text is before it is compared.
    text: fn(Vec<u8>) -> Vec<u8>,
}

impl Held for OfFile<'_> {
    fn next(&mut self) -> Result<Option<Vec<Value>>, StoreError> {
        let Some(row) = self.rows.next()? else { return Ok(None) };
        let value = |column| {
            Ok(match Value::from(row.get_ref(column)?) {
                Value::Text(text) => Value::Text((self.text)(text)),
                other => other,
            })
        };
        (0..self.columns).map(value).collect::<Result<_, StoreError>>().map(Some)
    }
}

/// A file that was made from the log just now: what there must be.
pub(in crate::feed::history) struct Right {
    connection: Connection,
    text: fn(Vec<u8>) -> Vec<u8>,
}

impl Right {
    /// Opens it; `text`: what a store of the other kind makes of a text.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    pub(in crate::feed::history) fn open(
        path: &Path,
        text: fn(Vec<u8>) -> Vec<u8>,
    ) -> Result<Self, StoreError> {
        Ok(Self { connection: immutable(path)?, text })
    }

    /// Its tables, and how many of the first columns are the key.
    pub(in crate::feed::history) fn tables(&self) -> impl Iterator<Item = (&'static str, usize)> + use<> {
        TABLES.into_iter()
    }

    /// The columns of a table.
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be read.
    pub(in crate::feed::history) fn columns(&self, table: &str) -> Result<Vec<String>, StoreError> {
        let statement = self.connection.prepare(&format!("SELECT * FROM {table}"))?;
        Ok(statement.column_names().into_iter().map(str::to_owned).collect())
    }

    /// Compares one table.
    ///
    /// # Errors
    /// [`StoreError`]: one of both cannot be read.
    pub(in crate::feed::history) fn compare(
        &self,
        (name, key): (&'static str, usize),
        held: &mut dyn Held,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let columns = self.columns(name)?;
        let mut statement = self.connection.prepare(&ordered(name, key))?;
        let mut right = OfFile { rows: statement.query([])?, columns: columns.len(), text: self.text };
        Table { name, key, columns }.compare(held, &mut right, differences)
    }
}

/// Compares every table of `held` with that of `right`.
pub(super) fn compare(held: &Connection, right: &Path) -> Result<Differences, StoreError> {
    let (right, mut differences) = (Right::open(right, |text| text)?, Differences::default());
    for (name, key) in right.tables() {
        let mut statement = held.prepare(&ordered(name, key))?;
        let columns = statement.column_count();
        let mut lines = OfFile { rows: statement.query([])?, columns, text: |text| text };
        right.compare((name, key), &mut lines, &mut differences)?;
    }
    Ok(differences)
}

fn ordered(table: &str, key: usize) -> String {
    format!("SELECT * FROM {table} ORDER BY {}", order(key))
}

/// The first columns, by their numbers.
fn order(columns: usize) -> String {
    (1..=columns).map(|column| column.to_string()).collect::<Vec<_>>().join(", ")
}

struct Table {
    name: &'static str,
    key: usize,
    columns: Vec<String>,
}

impl Table {
    fn compare(
        &self,
        held: &mut dyn Held,
        right: &mut dyn Held,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let (mut has, mut must) = (held.next()?, right.next()?);
        loop {
            let order = match (&has, &must) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(has), Some(must)) => self.order(has, must),
            };
            if let (Some(has), Ordering::Less) = (&has, order) {
                differences.tell(|| format!("{} is there and must not be", self.name_of(has)));
            }
            if let (Some(must), Ordering::Greater) = (&must, order) {
                differences.tell(|| format!("{} is missing", self.name_of(must)));
            }
            if let (Some(has), Some(must), Ordering::Equal) = (&has, &must, order)
                && has != must
            {
                differences.tell(|| self.tell(has, must));
            }
            if order != Ordering::Greater {
                has = held.next()?;
            }
            if order != Ordering::Less {
                must = right.next()?;
            }
        }
    }

    /// As SQLite orders keys; both sides have the same types unless one is broken, and then it is no order but a difference.
    fn order(&self, has: &[Value], must: &[Value]) -> Ordering {
        let pairs = has.iter().zip(must).take(self.key);
        let orders = pairs.map(|(has, must)| match (has, must) {
            (Value::Integer(has), Value::Integer(must)) => has.cmp(must),
            (Value::Text(has), Value::Text(must)) => has.cmp(must),
            (Value::Blob(has), Value::Blob(must)) => has.cmp(must),
            _ => Ordering::Less,
        });
        orders.fold(Ordering::Equal, Ordering::then)
    }

    fn tell(&self, has: &[Value], must: &[Value]) -> String {
        let columns = self.columns.iter().zip(has.iter().zip(must)).filter(|(_, (has, must))| has != must);
        let told: Vec<String> = columns
            .map(|(name, (has, must))| {
                format!("{name} is {} and must be {}", shown(name, has), shown(name, must))
            })
            .collect();
        format!("{}: {}", self.name_of(has), told.join("; "))
    }

    /// Which line it is.
    fn name_of(&self, line: &[Value]) -> String {
        let rest = |from: usize| {
            let columns = self.columns.iter().zip(line).take(self.key).skip(from);
            columns.map(|(name, value)| format!(" {name} {}", shown(name, value))).collect::<String>()
        };
        match (self.name, line.first()) {
            ("transactions", Some(Value::Integer(key))) => match place_of(*key) {
                Some((record, row)) => format!("{}: record {record} row {row}{}", self.name, rest(1)),
                None => format!("{}: key {key}", self.name),
            },
            (
                "wallets" | "tranches" | "holds" | "transfers" | "alert_changes" | "recharges",
                Some(Value::Blob(id)),
            ) => {
                format!("{} {}", self.name, printed(self.name, id))
            }
            _ => format!("{}:{}", self.name, rest(0)),
        }
    }
}

/// An id as replies print it.
fn printed(table: &str, id: &[u8]) -> String {
    let prefix = match table {
        "wallets" => "wallet_",
        "tranches" => "tranche_",
        "holds" => "hold_",
        "alert_changes" => "alert_",
        "recharges" => "rchg_",
        _ => "xfer_",
    };
    match <[u8; 16]>::try_from(id) {
        Ok(bits) => {
            let text = ids::encode(u128::from_be_bytes(bits));
            format!("{prefix}{}", String::from_utf8_lossy(&text))
        }
        Err(_) => format!("{id:02x?}"),
    }
}

/// A value in words.
pub(in crate::feed::history) fn shown(column: &str, value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        Value::Blob(bytes) => told(column, bytes).unwrap_or_else(|| format!("{bytes:02x?}")),
    }
}

/// A blob in words. `None`: it is not what the column must hold.
fn told(column: &str, bytes: &[u8]) -> Option<String> {
    if column == "slices" {
        return slices::told(bytes);
    }
    if IDS.contains(&column) {
        let text = ids::encode(u128::from_be_bytes(bytes.try_into().ok()?));
        return Some(format!("…_{}", String::from_utf8_lossy(&text)));
    }
    amount_of(bytes).map(|units| Credits(units).to_string())
}
