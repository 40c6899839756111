//! A batch into the tables.

mod things;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql};

use super::read;
use super::values::{amount, id, key, number};
use crate::feed::history::StoreError;
use crate::feed::history::batch::{Batch, FullRow, SliceLine};
use crate::feed::history::row::Row;

const ROW: &str = "INSERT INTO transactions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
                   ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35)";
const SLICE: &str = "INSERT INTO slices VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const WALLET: &str = "INSERT OR REPLACE INTO wallets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const TRANCHE: &str = "INSERT OR REPLACE INTO tranches VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
                       ?18, ?19, ?20)";
const HOLD: &str =
    "INSERT OR REPLACE INTO holds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const SETTLEMENT: &str =
    "INSERT INTO settlements VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'settled', ?7, ?8, NULL, NULL)";
const SETTLEMENT_VOIDED: &str = "UPDATE settlements SET status = 'voided', voided_record = ?3, voided_at = ?4 WHERE customer = ?1 AND invoice = ?2";
const TRANSFER: &str = "INSERT INTO transfers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL)";
const TRANSFER_ENDED: &str =
    "UPDATE transfers SET status = ?2, ended_record = ?3, ended_at = ?4 WHERE id = ?1";
const EVENT: &str = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const TOTAL: &str =
    "INSERT OR REPLACE INTO totals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// A parameter that is bound without a copy where it can be.
pub(super) enum Bound<'a> {
    Text(&'a str),
    Owned(String),
    Blob([u8; 16]),
    Number(i64),
    Null,
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Owned(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Number(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Null => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl<'a> Bound<'a> {
    fn or_null(value: Option<Self>) -> Self {
        value.unwrap_or(Self::Null)
    }

    fn id(bits: Option<u128>) -> Self {
        Self::or_null(bits.map(|bits| Self::Blob(id(bits))))
    }

    fn amount(units: Option<i128>) -> Self {
        Self::or_null(units.map(|units| Self::Blob(amount(units))))
    }

    fn number(value: Option<u64>) -> Self {
        Self::or_null(value.map(|value| Self::Number(number(value))))
    }

    fn text(text: Option<&'a str>) -> Self {
        Self::or_null(text.map(Self::Text))
    }
}

/// Inserts everything.
pub(super) fn batch(into: &Connection, batch: &Batch) -> Result<(), StoreError> {
    batch.rows.iter().try_for_each(|full| row(into, full))?;
    for (id, wallet) in &batch.wallets {
        put(into, WALLET, &things::wallet(*id, wallet))?;
    }
    for tranche in &batch.tranches {
        put(into, TRANCHE, &things::tranche(tranche))?;
    }
    for held in batch.holds.values() {
        put(into, HOLD, &things::hold(held))?;
    }
    for settled in &batch.settled {
        put(into, SETTLEMENT, &things::settlement(settled))?;
    }
    for voided in &batch.voided {
        put(into, SETTLEMENT_VOIDED, &things::settlement_voided(voided))?;
    }
    for sent in &batch.sent {
        put(into, TRANSFER, &things::transfer(sent))?;
    }
    for (id, status, ended) in &batch.ended {
        put(into, TRANSFER_ENDED, &things::transfer_ended(*id, status, *ended))?;
    }
    for event in &batch.events {
        put(into, EVENT, &things::event(event))?;
    }
    totals(into, batch)
}

fn put<const N: usize>(into: &Connection, text: &str, bound: &[Bound<'_>; N]) -> Result<(), StoreError> {
    into.prepare_cached(text)?.execute(&bound.each_ref().map(|bound| bound as &dyn ToSql)[..])?;
    Ok(())
}

/// Inserts a row and its slices.
fn row(into: &Connection, FullRow { row, slices }: &FullRow) -> Result<(), StoreError> {
    let too_far = || StoreError::Unfit(format!("row {} has no key", row.id));
    let key = key(row.id.position().0, row.id.row()).ok_or_else(too_far)?;
    put(into, ROW, &bound(key, row))?;
    for (number, line) in (0_i64..).zip(slices) {
        put(into, SLICE, &slice(key, number, line))?;
    }
    Ok(())
}

/// Adds sums to those that stand there: amounts are no numbers of SQLite's.
fn totals(into: &Connection, batch: &Batch) -> Result<(), StoreError> {
    for (of, added) in batch.totals.iter() {
        let mut sums = read::sums(into, of)?.unwrap_or_default();
        sums.add(added);
        put(into, TOTAL, &things::total(of, &sums))?;
    }
    Ok(())
}

/// The columns, in the order of the table.
fn bound(key: i64, row: &Row) -> [Bound<'_>; 35] {
    let metadata = row.metadata.as_ref().map(|pairs| Bound::Owned(written(pairs)));
    [
        Bound::Number(key),
        Bound::Number(i64::from(row.tenant.0)),
        Bound::number(Some(row.customer.0)),
        Bound::id(Some(row.wallet.0.0)),
        Bound::number(row.sequence),
        Bound::Text(&row.row_type),
        Bound::Text(&row.reason),
        Bound::Text(&row.status),
        Bound::amount(Some(row.credits.0)),
        Bound::amount(row.amount.map(|amount| amount.0)),
        Bound::text(row.currency.as_ref().map(|currency| currency.as_str())),
        Bound::amount(row.charged.map(|charged| charged.0)),
        Bound::amount(row.balance_before.map(|balance| balance.0)),
        Bound::amount(row.balance_after.map(|balance| balance.0)),
        Bound::amount(Some(row.repaid.0)),
        Bound::id(row.tranche.map(|tranche| tranche.0.0)),
        Bound::number(row.expires_at.map(|at| at.0)),
        Bound::number(row.priority.map(u64::from)),
        Bound::id(row.parent.map(|row| row.0)),
        Bound::id(row.completes.map(|row| row.0)),
        Bound::amount(row.conversion_rate.map(|rate| rate.0)),
        Bound::amount(row.topup_conversion_rate.map(|rate| rate.0)),
        Bound::id(row.card.map(|(card, _)| card.0.0)),
        Bound::number(row.card.map(|(_, version)| version)),
        Bound::text(row.invoice.as_deref()),
        Bound::id(row.hold.map(|hold| hold.0.0)),
        Bound::id(row.transfer.map(|transfer| transfer.0.0)),
        Bound::text(row.reference_type.as_deref()),
        Bound::text(row.reference_id.as_deref()),
        Bound::text(row.description.as_deref()),
        Bound::or_null(metadata),
        Bound::text(row.idempotency_key.as_deref()),
        Bound::id(row.by.map(|key| key.0.0)),
        Bound::number(Some(row.effective_at.0)),
        Bound::number(Some(row.recorded_at.0)),
    ]
}

fn slice(key: i64, number: i64, line: &SliceLine) -> [Bound<'_>; 11] {
    let of = line.tranche.as_ref();
    [
        Bound::Number(key),
        Bound::Number(number),
        Bound::id(Some(line.wallet.0.0)),
        Bound::Text(line.kind.as_str()),
        Bound::amount(Some(line.credits.0)),
        Bound::id(of.map(|tranche| tranche.id.0.0)),
        Bound::text(of.map(|tranche| &*tranche.source)),
        Bound::amount(of.map(|tranche| tranche.original.0)),
        Bound::amount(of.map(|tranche| tranche.paid.0)),
        Bound::number(of.and_then(|tranche| tranche.expires_at).map(|at| at.0)),
        Bound::amount(line.share.map(|share| share.0)),
    ]
}

/// Pairs as a JSON array of pairs: their order, and a key that stands there twice, are part of them.
fn written(pairs: &[(Box<str>, Box<str>)]) -> String {
    serde_json::to_string(pairs).expect("pairs of strings are JSON")
}
