//! A batch into the tables. What comes in numbers goes so many lines a statement, which SQLite does faster than one by one.

use std::fmt::Write;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Statement, ToSql};

use super::values::{Packed, amount, id};
use super::{read, slices};
use crate::feed::history::batch::{Batch, FullRow};
use crate::feed::history::cell::Cell;
use crate::feed::history::key::key;
use crate::feed::history::{StoreError, columns};

/// Lines that one statement takes; what a batch has beyond a multiple of it goes one by one.
const LINES: usize = 16;

const ROW: &str = "INSERT INTO transactions";
const WALLET: &str = "INSERT OR REPLACE INTO wallets";
const TRANCHE: &str = "INSERT OR REPLACE INTO tranches";
const HOLD: &str = "INSERT OR REPLACE INTO holds";
const EVENT: &str = "INSERT INTO events";
const ALERT_CHANGE: &str = "INSERT INTO alert_changes";
const RECHARGE: &str = "INSERT OR REPLACE INTO recharges";
const TOTAL: &str = "INSERT OR REPLACE INTO totals";
const SETTLEMENT: &str = "INSERT INTO settlements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, NULL)";
const SETTLEMENT_VOIDED: &str = "UPDATE settlements SET status = 'voided', voided_record = ?3, voided_at = ?4 WHERE customer = ?1 AND invoice = ?2";
const TRANSFER: &str = "INSERT INTO transfers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL)";
const TRANSFER_ENDED: &str =
    "UPDATE transfers SET status = ?2, ended_record = ?3, ended_at = ?4 WHERE id = ?1";

/// A cell as SQLite takes it, without a copy on the heap.
pub(super) enum Bound<'a> {
    Text(&'a str),
    Id([u8; 16]),
    Amount(Packed),
    Bytes(&'a [u8]),
    Number(i64),
    Null,
}

impl<'a> Bound<'a> {
    pub(super) fn of(cell: &'a Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text),
            Cell::Owned(text) => Self::Text(text),
            Cell::Id(_, bits) => Self::Id(id(*bits)),
            Cell::Amount(units) => Self::Amount(amount(*units)),
            Cell::Number(value) => Self::Number(*value),
            Cell::Null => Self::Null,
        }
    }
}

impl ToSql for Bound<'_> {
    // It is asked for every value of every line, by statements of several shapes.
    #[inline]
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Id(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Amount(packed) => ToSqlOutput::Borrowed(ValueRef::Blob(packed)),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Number(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Null => ToSqlOutput::Owned(Value::Null),
        })
    }
}

/// What one line of a table is bound from.
trait Line {
    /// Columns of the table.
    const COLUMNS: usize;

    /// Binds the line from this parameter on.
    fn bind(&self, to: &mut Statement<'_>, first: usize) -> rusqlite::Result<()>;
}

impl<const N: usize> Line for [Cell<'_>; N] {
    const COLUMNS: usize = N;

    fn bind(&self, to: &mut Statement<'_>, first: usize) -> rusqlite::Result<()> {
        (first..).zip(self).try_for_each(|(place, cell)| to.raw_bind_parameter(place, Bound::of(cell)))
    }
}

/// A row, and its slices in one value.
struct RowLine<'a>([Cell<'a>; 36], Vec<u8>);

impl Line for RowLine<'_> {
    const COLUMNS: usize = 37;

    fn bind(&self, to: &mut Statement<'_>, first: usize) -> rusqlite::Result<()> {
        self.0.bind(to, first)?;
        to.raw_bind_parameter(first + self.0.len(), Bound::Bytes(&self.1))
    }
}

impl<'a> RowLine<'a> {
    fn of(FullRow { row, slices }: &'a FullRow) -> Result<Self, StoreError> {
        let id = row.id;
        let no_key = || StoreError::Unfit(format!("row {id} has no key"));
        let key = key(id.position().0, id.row()).ok_or_else(no_key)?;
        let no_number = || StoreError::Unusable(format!("row {id} has a slice of a kind without a number"));
        let slices = slices::written(row.wallet, slices).ok_or_else(no_number)?;
        Ok(Self(columns::transaction(key, row), slices))
    }
}

/// Inserts everything but totals.
pub(super) fn part(into: &Connection, batch: &Batch) -> Result<(), StoreError> {
    put_all(into, ROW, batch.rows.iter().map(RowLine::of))?;
    put_all(into, WALLET, batch.wallets.iter().map(|(id, wallet)| columns::wallet(*id, wallet)).map(Ok))?;
    put_all(into, TRANCHE, batch.tranches.iter().map(columns::tranche).map(Ok))?;
    put_all(into, HOLD, batch.holds.values().map(columns::hold).map(Ok))?;
    put_all(into, EVENT, batch.events.iter().map(columns::event).map(Ok))?;
    put_all(into, ALERT_CHANGE, batch.alerts.iter().map(columns::alert_change).map(Ok))?;
    put_all(into, RECHARGE, batch.recharges.values().map(columns::recharge).map(Ok))?;
    for settled in &batch.settled {
        put(into, SETTLEMENT, &columns::settlement(settled))?;
    }
    for voided in &batch.voided {
        put(into, SETTLEMENT_VOIDED, &columns::settlement_voided(voided))?;
    }
    for sent in &batch.sent {
        put(into, TRANSFER, &columns::transfer(sent))?;
    }
    for (id, status, ended) in &batch.ended {
        put(into, TRANSFER_ENDED, &columns::transfer_ended(*id, status, *ended))?;
    }
    Ok(())
}

/// Lines of all columns of a table.
fn put_all<L: Line>(
    into: &Connection,
    insert: &str,
    lines: impl Iterator<Item = Result<L, StoreError>>,
) -> Result<(), StoreError> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let mut many = into.prepare_cached(&statement(insert, L::COLUMNS, LINES))?;
    let mut waiting = Vec::with_capacity(LINES);
    for line in lines {
        waiting.push(line?);
        if waiting.len() == LINES {
            for (number, line) in waiting.drain(..).enumerate() {
                line.bind(&mut many, number * L::COLUMNS + 1)?;
            }
            many.raw_execute()?;
        }
    }
    let mut one = into.prepare_cached(&statement(insert, L::COLUMNS, 1))?;
    for line in waiting {
        line.bind(&mut one, 1)?;
        one.raw_execute()?;
    }
    Ok(())
}

/// The statement that takes so many lines of so many columns.
fn statement(insert: &str, columns: usize, lines: usize) -> String {
    let mut text = format!("{insert} VALUES ");
    for line in 0..lines {
        text.push_str(if line == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            write!(text, "{comma}?{}", line * columns + column).expect("a string takes everything");
        }
        text.push(')');
    }
    text
}

fn put<const N: usize>(into: &Connection, text: &str, line: &[Cell<'_>; N]) -> Result<(), StoreError> {
    let bound = line.each_ref().map(Bound::of);
    into.prepare_cached(text)?.execute(&bound.each_ref().map(|bound| bound as &dyn ToSql)[..])?;
    Ok(())
}

/// Adds sums to those that stand there: amounts are no numbers of SQLite's.
pub(super) fn totals(into: &Connection, batch: &Batch) -> Result<(), StoreError> {
    let one = statement(TOTAL, 12, 1);
    for (of, added) in batch.totals.iter() {
        let mut sums = read::sums(into, of)?.unwrap_or_default();
        sums.add(added);
        put(into, &one, &columns::total(of, &sums))?;
    }
    Ok(())
}
