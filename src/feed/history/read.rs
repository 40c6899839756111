//! A row out of the tables.

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::ids::{
    CustomerNumber, HoldId, KeyId, LogPosition, RateCardId, RowId, TenantNumber, ThingId, TrancheId,
    TransferId, WalletId,
};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, Row as Line};

use super::row::{OfTranche, Part, Row};
use super::values::{amount_of, number_of, place_of};

const SLICES: &str = "SELECT wallet, credits, tranche, source, original, paid, expires_at FROM slices WHERE key = ?1 ORDER BY number";

/// The row of a line of `transactions`, with its slices.
pub(super) fn row(from: &Connection, line: &Line<'_>) -> rusqlite::Result<Row> {
    let key: i64 = line.get("key")?;
    let recorded_at = Timestamp(number_of(line.get("recorded_at")?));
    let (position, row) = place_of(key).map_err(|error| unreadable("key", error))?;
    let card = thing(line, "card")?.map(RateCardId);
    Ok(Row {
        id: RowId::new(recorded_at, LogPosition(position), row),
        tenant: TenantNumber(line.get("tenant")?),
        customer: CustomerNumber(number_of(line.get("customer")?)),
        wallet: thing(line, "wallet")?.map(WalletId).ok_or_else(|| missing("wallet"))?,
        sequence: number(line, "sequence")?,
        row_type: line.get::<_, String>("type")?.into(),
        reason: line.get::<_, String>("reason")?.into(),
        status: line.get::<_, String>("status")?.into(),
        credits: amount(line, "credits")?.map(Credits).ok_or_else(|| missing("credits"))?,
        amount: amount(line, "amount")?.map(Money),
        currency: currency(line)?,
        charged: amount(line, "charged")?.map(Money),
        balance_before: amount(line, "balance_before")?.map(Credits),
        balance_after: amount(line, "balance_after")?.map(Credits),
        repaid: amount(line, "repaid")?.map(Credits).ok_or_else(|| missing("repaid"))?,
        parts: parts(from, key)?,
        tranche: thing(line, "tranche")?.map(TrancheId),
        expires_at: number(line, "expires_at")?.map(Timestamp),
        priority: line.get("priority")?,
        parent: bits(line, "parent")?.map(RowId),
        completes: bits(line, "completes")?.map(RowId),
        conversion_rate: amount(line, "conversion_rate")?.map(Rate),
        topup_conversion_rate: amount(line, "topup_conversion_rate")?.map(Rate),
        card: card.zip(number(line, "card_version")?),
        invoice: line.get("invoice")?,
        hold: thing(line, "hold")?.map(HoldId),
        transfer: thing(line, "transfer")?.map(TransferId),
        reference_type: line.get("reference_type")?,
        reference_id: line.get("reference_id")?,
        description: line.get("description")?,
        metadata: metadata(line)?,
        idempotency_key: line.get("idempotency_key")?,
        by: thing(line, "by_key")?.map(KeyId),
        effective_at: Timestamp(number_of(line.get("effective_at")?)),
        recorded_at,
    })
}

fn parts(from: &Connection, key: i64) -> rusqlite::Result<Vec<Part>> {
    let mut statement = from.prepare_cached(SLICES)?;
    let parts = statement.query_map([key], |line| {
        let tranche = thing(line, "tranche")?.map(TrancheId).map(|id| of_tranche(line, id)).transpose()?;
        let wallet = thing(line, "wallet")?.map(WalletId).ok_or_else(|| missing("wallet"))?;
        let credits = amount(line, "credits")?.map(Credits).ok_or_else(|| missing("credits"))?;
        Ok(Part { wallet, credits, tranche })
    })?;
    parts.collect()
}

fn of_tranche(line: &Line<'_>, id: TrancheId) -> rusqlite::Result<OfTranche> {
    Ok(OfTranche {
        id,
        source: line.get::<_, String>("source")?.into(),
        original: amount(line, "original")?.map(Credits).ok_or_else(|| missing("original"))?,
        paid: amount(line, "paid")?.map(Money).ok_or_else(|| missing("paid"))?,
        expires_at: number(line, "expires_at")?.map(Timestamp),
    })
}

fn bits(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<u128>> {
    Ok(line.get::<_, Option<[u8; 16]>>(column)?.map(u128::from_be_bytes))
}

fn thing(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<ThingId>> {
    Ok(bits(line, column)?.map(ThingId))
}

fn amount(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<i128>> {
    Ok(line.get::<_, Option<[u8; 16]>>(column)?.map(amount_of))
}

fn number(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<u64>> {
    Ok(line.get::<_, Option<i64>>(column)?.map(number_of))
}

fn currency(line: &Line<'_>) -> rusqlite::Result<Option<Currency>> {
    let text: Option<Box<str>> = line.get("currency")?;
    let parsed = text.map(|text| Currency::parse(&text)).transpose();
    parsed.map_err(|error| unreadable("currency", FromSqlError::Other(Box::new(error))))
}

fn metadata(line: &Line<'_>) -> rusqlite::Result<Option<coffer_ledger::command::Metadata>> {
    let text: Option<Box<str>> = line.get("metadata")?;
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| unreadable("metadata", FromSqlError::Other(Box::new(error))))
}

fn missing(column: &'static str) -> rusqlite::Error {
    unreadable(column, FromSqlError::InvalidType)
}

/// The column cannot be read: the caller tells its name from the message.
fn unreadable(column: &'static str, error: FromSqlError) -> rusqlite::Error {
    tracing::error!(column, %error, "a column of the history cannot be read");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
}
