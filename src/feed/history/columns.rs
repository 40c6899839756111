//! The columns of every table, in the order that all backends have them in: what a line is, without how it is written.
//!
//! A backend's own columns come after these. Tested in `tests/history/` and, for the names, in the backend of PostgreSQL.

mod rules;
mod things;

pub(super) use self::rules::{alert_change, recharge};
pub(super) use self::things::{
    event, hold, settlement, settlement_voided, total, tranche, transfer, transfer_ended, wallet,
};
use super::batch::SliceLine;
use super::cell::Cell;
use super::row::Row;

/// A line of `transactions`.
pub(super) fn transaction(key: i64, row: &Row) -> [Cell<'_>; 36] {
    [
        Cell::Number(key),
        row.tenant.into(),
        row.customer.into(),
        row.wallet.into(),
        Cell::maybe(row.sequence),
        Cell::Text(&row.row_type),
        Cell::Text(&row.reason),
        Cell::Text(&row.status),
        row.credits.into(),
        Cell::maybe(row.amount),
        Cell::maybe(row.currency.as_ref().map(|currency| currency.as_str())),
        Cell::maybe(row.charged),
        Cell::maybe(row.balance_before),
        Cell::maybe(row.balance_after),
        row.repaid.into(),
        Cell::maybe(row.tranche),
        Cell::maybe(row.expires_at),
        Cell::maybe(row.priority.map(u64::from)),
        Cell::maybe(row.parent),
        Cell::maybe(row.completes),
        Cell::maybe(row.conversion_rate),
        Cell::maybe(row.topup_conversion_rate),
        Cell::maybe(row.card.map(|(card, _)| card)),
        Cell::maybe(row.card.map(|(_, version)| version)),
        Cell::maybe(row.invoice.as_deref()),
        Cell::maybe(row.hold),
        Cell::maybe(row.transfer),
        Cell::maybe(row.grant),
        Cell::maybe(row.reference_type.as_deref()),
        Cell::maybe(row.reference_id.as_deref()),
        Cell::maybe(row.description.as_deref()),
        row.metadata.as_ref().map_or(Cell::Null, |pairs| Cell::Owned(written(pairs))),
        Cell::maybe(row.idempotency_key.as_deref()),
        Cell::maybe(row.by),
        row.effective_at.into(),
        row.recorded_at.into(),
    ]
}

/// A line of `slices`.
pub(super) fn slice(key: i64, number: i64, line: &SliceLine) -> [Cell<'_>; 11] {
    let of = line.tranche.as_ref();
    [
        Cell::Number(key),
        Cell::Number(number),
        line.wallet.into(),
        Cell::Text(line.kind.as_str()),
        line.credits.into(),
        Cell::maybe(of.map(|tranche| tranche.id)),
        Cell::maybe(of.map(|tranche| &*tranche.source)),
        Cell::maybe(of.map(|tranche| tranche.original)),
        Cell::maybe(of.map(|tranche| tranche.paid)),
        Cell::maybe(of.and_then(|tranche| tranche.expires_at)),
        Cell::maybe(line.share),
    ]
}

/// Pairs as a JSON array of pairs: their order, and a key that stands there twice, are part of them.
fn written(pairs: &[(Box<str>, Box<str>)]) -> String {
    serde_json::to_string(pairs).expect("pairs of strings are JSON")
}
