//! A batch into the tables.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql};

use super::read;
use super::values::{amount, id};
use crate::feed::history::batch::{Batch, FullRow};
use crate::feed::history::cell::Cell;
use crate::feed::history::key::key;
use crate::feed::history::{StoreError, columns};

const ROW: &str = "INSERT INTO transactions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
                   ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36)";
const SLICE: &str = "INSERT INTO slices VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const WALLET: &str = "INSERT OR REPLACE INTO wallets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const TRANCHE: &str = "INSERT OR REPLACE INTO tranches VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
                       ?18, ?19, ?20, ?21)";
const HOLD: &str =
    "INSERT OR REPLACE INTO holds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const SETTLEMENT: &str = "INSERT INTO settlements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, NULL)";
const SETTLEMENT_VOIDED: &str = "UPDATE settlements SET status = 'voided', voided_record = ?3, voided_at = ?4 WHERE customer = ?1 AND invoice = ?2";
const TRANSFER: &str = "INSERT INTO transfers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL)";
const TRANSFER_ENDED: &str =
    "UPDATE transfers SET status = ?2, ended_record = ?3, ended_at = ?4 WHERE id = ?1";
const EVENT: &str = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const TOTAL: &str =
    "INSERT OR REPLACE INTO totals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// A cell as SQLite takes it, without a copy on the heap.
pub(super) enum Bound<'a> {
    Text(&'a str),
    Blob([u8; 16]),
    Number(i64),
    Null,
}

impl<'a> Bound<'a> {
    pub(super) fn of(cell: &'a Cell<'_>) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text),
            Cell::Owned(text) => Self::Text(text),
            Cell::Id(_, bits) => Self::Blob(id(*bits)),
            Cell::Amount(units) => Self::Blob(amount(*units)),
            Cell::Number(value) => Self::Number(*value),
            Cell::Null => Self::Null,
        }
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Number(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Null => ToSqlOutput::Owned(Value::Null),
        })
    }
}

/// Inserts everything.
pub(super) fn batch(into: &Connection, batch: &Batch) -> Result<(), StoreError> {
    batch.rows.iter().try_for_each(|full| row(into, full))?;
    for (id, wallet) in &batch.wallets {
        put(into, WALLET, &columns::wallet(*id, wallet))?;
    }
    for tranche in &batch.tranches {
        put(into, TRANCHE, &columns::tranche(tranche))?;
    }
    for held in batch.holds.values() {
        put(into, HOLD, &columns::hold(held))?;
    }
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
    for event in &batch.events {
        put(into, EVENT, &columns::event(event))?;
    }
    totals(into, batch)
}

fn put<const N: usize>(into: &Connection, text: &str, line: &[Cell<'_>; N]) -> Result<(), StoreError> {
    let bound = line.each_ref().map(Bound::of);
    into.prepare_cached(text)?.execute(&bound.each_ref().map(|bound| bound as &dyn ToSql)[..])?;
    Ok(())
}

/// Inserts a row and its slices.
fn row(into: &Connection, FullRow { row, slices }: &FullRow) -> Result<(), StoreError> {
    let too_far = || StoreError::Unfit(format!("row {} has no key", row.id));
    let key = key(row.id.position().0, row.id.row()).ok_or_else(too_far)?;
    put(into, ROW, &columns::transaction(key, row))?;
    for (number, line) in (0_i64..).zip(slices) {
        put(into, SLICE, &columns::slice(key, number, line))?;
    }
    Ok(())
}

/// Adds sums to those that stand there: amounts are no numbers of SQLite's.
fn totals(into: &Connection, batch: &Batch) -> Result<(), StoreError> {
    for (of, added) in batch.totals.iter() {
        let mut sums = read::sums(into, of)?.unwrap_or_default();
        sums.add(added);
        put(into, TOTAL, &columns::total(of, &sums))?;
    }
    Ok(())
}
