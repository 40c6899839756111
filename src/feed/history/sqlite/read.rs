//! Rows, and what else is read, out of the tables.

mod rules;

use std::collections::{BTreeMap, HashMap};

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::ids::{
    CustomerNumber, GrantId, HoldId, KeyId, LogPosition, RateCardId, RowId, TenantNumber, ThingId, TrancheId,
    TransferId, WalletId,
};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::{Currency, PriceUnit, Unit};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row as Line, params};

pub(super) use self::rules::{alert_change, listed, recharge};
use super::slices;
use super::values::{self, amount_of, number_of};
use crate::feed::history::batch::{FullRow, SliceLine, WalletLife};
use crate::feed::history::key::place_of;
use crate::feed::history::row::{Part, Row};
use crate::feed::history::totals::{Sums, TotalOf};
use crate::feed::history::tranche::{TrancheLife, TrancheStatus};

const TRANCHE: &str = "SELECT * FROM tranches WHERE id = ?1";
const CREDIT: &str = "SELECT credit FROM tranches WHERE id = ?1";
const WALLET: &str = "SELECT * FROM wallets WHERE id = ?1";
const SUMS: &str = "SELECT moves, credits, share, free_value FROM totals WHERE tenant = ?1 AND slot = ?2 AND currency = ?3 \
                    AND price_unit = ?4 AND conversion_rate = ?5 AND source = ?6 AND kind = ?7 AND reason = ?8";

/// The row of a line of `transactions`, with its slices.
pub(super) fn row(line: &Line<'_>) -> rusqlite::Result<Row> {
    full_row(line).map(|full| full.row)
}

/// The same with all of its slices.
pub(super) fn full_row(line: &Line<'_>) -> rusqlite::Result<FullRow> {
    let key: i64 = line.get("key")?;
    let recorded_at = Timestamp(number_of(line.get("recorded_at")?));
    let (position, row) = needed(place_of(key), "key")?;
    let card = thing(line, "card")?.map(RateCardId);
    let wallet = needed(thing(line, "wallet")?, "wallet").map(WalletId)?;
    let slices = needed(slices::read(wallet, line.get_ref("slices")?.as_blob()?), "slices")?;
    let reason: String = line.get("reason")?;
    let row = Row {
        id: RowId::new(recorded_at, LogPosition(position), row),
        tenant: TenantNumber(line.get("tenant")?),
        customer: CustomerNumber(number_of(line.get("customer")?)),
        wallet,
        sequence: number(line, "sequence")?,
        row_type: line.get::<_, String>("type")?.into(),
        status: line.get::<_, String>("status")?.into(),
        credits: credits(line, "credits")?,
        amount: amount(line, "amount")?.map(Money),
        currency: currency(line)?,
        charged: amount(line, "charged")?.map(Money),
        balance_before: amount(line, "balance_before")?.map(Credits),
        balance_after: amount(line, "balance_after")?.map(Credits),
        repaid: credits(line, "repaid")?,
        parts: parts(&slices, &reason),
        reason: reason.into(),
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
        grant: thing(line, "grant_id")?.map(GrantId),
        reference_type: line.get("reference_type")?,
        reference_id: line.get("reference_id")?,
        description: line.get("description")?,
        metadata: metadata(line)?,
        idempotency_key: line.get("idempotency_key")?,
        by: thing(line, "by_key")?.map(KeyId),
        effective_at: Timestamp(number_of(line.get("effective_at")?)),
        recorded_at,
    };
    Ok(FullRow { row, slices })
}

/// The slices that a reply shows.
fn parts(slices: &[SliceLine], reason: &str) -> Vec<Part> {
    let shown = slices.iter().filter(|line| line.kind.is_shown(reason));
    shown
        .map(|line| Part { wallet: line.wallet, credits: line.credits, tranche: line.tranche.clone() })
        .collect()
}

/// The rows that brought in the credit of these tranches, as far as they are known.
pub(super) fn credit_rows(
    from: &Connection,
    tranches: &[TrancheId],
) -> rusqlite::Result<HashMap<TrancheId, RowId>> {
    let mut statement = from.prepare_cached(CREDIT)?;
    let mut known = HashMap::new();
    for id in tranches {
        let credit = statement.query_row([values::id(id.0.0)], |line| bits(line, "credit")).optional()?;
        known.extend(credit.flatten().map(|bits| (*id, RowId(bits))));
    }
    Ok(known)
}

/// A tranche over its life.
pub(super) fn tranche(from: &Connection, id: TrancheId) -> rusqlite::Result<Option<TrancheLife>> {
    from.prepare_cached(TRANCHE)?.query_row([values::id(id.0.0)], life).optional()
}

/// The tranche of a line of `tranches`.
pub(super) fn life(line: &Line<'_>) -> rusqlite::Result<TrancheLife> {
    let (source, status) = (line.get_ref("source")?.as_str()?, line.get_ref("status")?.as_str()?);
    Ok(TrancheLife {
        id: needed(thing(line, "id")?, "id").map(TrancheId)?,
        tenant: TenantNumber(line.get("tenant")?),
        customer: CustomerNumber(number_of(line.get("customer")?)),
        wallet: needed(thing(line, "wallet")?, "wallet").map(WalletId)?,
        source: needed(Source::ALL.into_iter().find(|known| known.as_str() == source), "source")?,
        priority: line.get("priority")?,
        original: credits(line, "original")?,
        paid: needed(amount(line, "paid")?, "paid").map(Money)?,
        effective_at: Timestamp(number_of(line.get("effective_at")?)),
        expires_at: number(line, "expires_at")?.map(Timestamp),
        status: needed(TrancheStatus::ALL.into_iter().find(|known| known.as_str() == status), "status")?,
        credit: bits(line, "credit")?.map(RowId),
        remaining: credits(line, "remaining")?,
        spent: credits(line, "spent")?,
        repaid: credits(line, "repaid")?,
        expired: credits(line, "expired")?,
        voided: credits(line, "voided")?,
        forfeited: credits(line, "forfeited")?,
        paid_out: credits(line, "paid_out")?,
        sent: credits(line, "sent")?,
        rolled_over: credits(line, "rolled_over")?,
    })
}

/// A wallet over its life.
pub(super) fn wallet(from: &Connection, id: WalletId) -> rusqlite::Result<Option<WalletLife>> {
    let read = |line: &Line<'_>| {
        Ok(WalletLife {
            tenant: TenantNumber(line.get("tenant")?),
            customer: CustomerNumber(number_of(line.get("customer")?)),
            unit: unit(line, line.get("price_unit")?)?,
            topup_conversion_rate: needed(amount(line, "topup_conversion_rate")?, "topup_conversion_rate")
                .map(Rate)?,
            status: line.get::<_, String>("status")?.into(),
            created_at: Timestamp(number_of(line.get("created_at")?)),
            debt: credits(line, "debt")?,
        })
    };
    from.prepare_cached(WALLET)?.query_row([values::id(id.0.0)], read).optional()
}

/// The unit of a line that has one.
pub(super) fn unit(line: &Line<'_>, price_unit: Option<String>) -> rusqlite::Result<Unit> {
    let price_unit = price_unit.map(|text| PriceUnit::parse(&text)).transpose();
    Ok(Unit {
        currency: needed(currency(line)?, "currency")?,
        price_unit: price_unit.map_err(|error| wrong("price_unit", error))?,
        conversion_rate: needed(amount(line, "conversion_rate")?, "conversion_rate").map(Rate)?,
    })
}

/// Posted and debt of every wallet: posted = Σ remaining of its tranches − debt.
pub(super) fn balances(from: &Connection) -> rusqlite::Result<BTreeMap<WalletId, (Credits, Credits)>> {
    let mut balances = BTreeMap::new();
    let mut wallets = from.prepare("SELECT id, debt FROM wallets")?;
    let mut lines = wallets.query([])?;
    while let Some(line) = lines.next()? {
        let (id, debt) = (needed(thing(line, "id")?, "id").map(WalletId)?, credits(line, "debt")?);
        balances.insert(id, (-debt, debt));
    }
    let mut tranches = from.prepare("SELECT wallet, remaining FROM tranches")?;
    let mut lines = tranches.query([])?;
    while let Some(line) = lines.next()? {
        let wallet = needed(thing(line, "wallet")?, "wallet").map(WalletId)?;
        balances.entry(wallet).or_default().0 += credits(line, "remaining")?;
    }
    Ok(balances)
}

/// Sums that stand there.
pub(super) fn sums(from: &Connection, of: &TotalOf) -> rusqlite::Result<Option<Sums>> {
    let price_unit = of.unit.price_unit.as_ref().map_or("", |unit| unit.as_str());
    let rate = values::amount(of.unit.conversion_rate.0);
    let rate = &rate[..];
    let parameters = params![
        of.tenant.0,
        values::number(of.slot.0),
        of.unit.currency.as_str(),
        price_unit,
        rate,
        of.source,
        of.kind.as_str(),
        of.reason
    ];
    from.prepare_cached(SUMS)?.query_row(parameters, sums_of).optional()
}

/// The sums of a line of `totals`.
pub(super) fn sums_of(line: &Line<'_>) -> rusqlite::Result<Sums> {
    Ok(Sums {
        moves: number_of(line.get("moves")?),
        credits: credits(line, "credits")?,
        share: needed(amount(line, "share")?, "share").map(Money)?,
        free_value: needed(amount(line, "free_value")?, "free_value").map(Money)?,
    })
}

fn bits(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<u128>> {
    Ok(line.get::<_, Option<[u8; 16]>>(column)?.map(u128::from_be_bytes))
}

fn thing(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<ThingId>> {
    Ok(bits(line, column)?.map(ThingId))
}

fn amount(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<i128>> {
    let bytes = line.get_ref(column)?.as_blob_or_null()?;
    bytes.map(|bytes| needed(amount_of(bytes), column)).transpose()
}

fn number(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Option<u64>> {
    Ok(line.get::<_, Option<i64>>(column)?.map(number_of))
}

fn currency(line: &Line<'_>) -> rusqlite::Result<Option<Currency>> {
    let text: Option<Box<str>> = line.get("currency")?;
    let parsed = text.map(|text| Currency::parse(&text)).transpose();
    parsed.map_err(|error| wrong("currency", error))
}

fn metadata(line: &Line<'_>) -> rusqlite::Result<Option<coffer_ledger::command::Metadata>> {
    let text: Option<Box<str>> = line.get("metadata")?;
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| wrong("metadata", error))
}

fn credits(line: &Line<'_>, column: &'static str) -> rusqlite::Result<Credits> {
    needed(amount(line, column)?, column).map(Credits)
}

pub(super) fn needed<T>(value: Option<T>, column: &'static str) -> rusqlite::Result<T> {
    value.ok_or_else(|| missing(column))
}

fn missing(column: &'static str) -> rusqlite::Error {
    unreadable(column, FromSqlError::InvalidType)
}

fn wrong(column: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    unreadable(column, FromSqlError::Other(Box::new(error)))
}

/// The column cannot be read: the caller tells its name from the message.
fn unreadable(column: &'static str, error: FromSqlError) -> rusqlite::Error {
    tracing::error!(column, %error, "a column of the history cannot be read");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
}
