//! A row into the tables.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql};

use super::row::{Part, Row};
use super::store::StoreError;
use super::values::{amount, id, key, number};

const ROW: &str = "INSERT INTO transactions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
                   ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35)";
const SLICE: &str = "INSERT INTO slices VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// A parameter that is bound without a copy where it can be.
enum Bound<'a> {
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

/// Inserts a row and its slices.
pub(super) fn row(into: &Connection, row: &Row) -> Result<(), StoreError> {
    let too_far = || StoreError::Unfit(format!("row {} has no key", row.id));
    let key = key(row.id.position().0, row.id.row()).ok_or_else(too_far)?;
    into.prepare_cached(ROW)?.execute(&bound(key, row).each_ref().map(|bound| bound as &dyn ToSql)[..])?;
    for (number, part) in (0_i64..).zip(&row.parts) {
        let bound = slice(key, number, part);
        into.prepare_cached(SLICE)?.execute(&bound.each_ref().map(|bound| bound as &dyn ToSql)[..])?;
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

fn slice(key: i64, number: i64, part: &Part) -> [Bound<'_>; 9] {
    let of = part.tranche.as_ref();
    [
        Bound::Number(key),
        Bound::Number(number),
        Bound::id(Some(part.wallet.0.0)),
        Bound::amount(Some(part.credits.0)),
        Bound::id(of.map(|tranche| tranche.id.0.0)),
        Bound::text(of.map(|tranche| &*tranche.source)),
        Bound::amount(of.map(|tranche| tranche.original.0)),
        Bound::amount(of.map(|tranche| tranche.paid.0)),
        Bound::number(of.and_then(|tranche| tranche.expires_at).map(|at| at.0)),
    ]
}

/// Pairs as a JSON array of pairs: their order, and a key that stands there twice, are part of them.
fn written(pairs: &[(Box<str>, Box<str>)]) -> String {
    serde_json::to_string(pairs).expect("pairs of strings are JSON")
}
