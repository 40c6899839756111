//! Rows, and what else is read, out of the tables.

mod rules;

use std::collections::HashMap;
use std::str::FromStr;

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::ids::{CustomerNumber, LogPosition, RowId, TenantNumber, TrancheId, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::{Currency, PriceUnit, Unit};
use coffer_ledger::view::MoveKind;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row as Line};

pub(super) use self::rules::{alert_change, listed, recharge};
use super::cell::Units;
use crate::feed::history::StoreError;
use crate::feed::history::batch::{FullRow, SliceKind, SliceLine, WalletLife};
use crate::feed::history::cell::Cell;
use crate::feed::history::key::place_of;
use crate::feed::history::row::{OfTranche, Part, Row};
use crate::feed::history::totals::{Sums, TotalOf};
use crate::feed::history::tranche::{TrancheLife, TrancheStatus};

const SLICES: &str = "SELECT * FROM slices WHERE key = ANY($1) ORDER BY key, number";
const TRANCHE: &str = "SELECT * FROM tranches WHERE id = $1";
const CREDITS: &str = "SELECT id, credit FROM tranches WHERE id = ANY($1) AND credit IS NOT NULL";
const WALLET: &str = "SELECT * FROM wallets WHERE id = $1";

/// The rows of lines of `transactions`, with their slices.
pub(super) async fn rows(client: &Client, lines: &[Line]) -> Result<Vec<Row>, StoreError> {
    let keys = lines.iter().map(|line| needed(line, "key")).collect::<Result<Vec<i64>, _>>()?;
    let mut slices = slices(client, &keys).await?;
    let lines = keys.iter().zip(lines);
    lines.map(|(key, line)| row(*key, line, slices.remove(key).unwrap_or_default())).collect()
}

/// The same with all of their slices.
pub(super) async fn full_rows(client: &Client, lines: &[Line]) -> Result<Vec<FullRow>, StoreError> {
    let keys = lines.iter().map(|line| needed(line, "key")).collect::<Result<Vec<i64>, _>>()?;
    let mut of = slices(client, &keys).await?;
    let lines = keys.iter().zip(lines);
    lines
        .map(|(key, line)| {
            let slices = of.remove(key).unwrap_or_default();
            Ok(FullRow { row: row(*key, line, slices.clone())?, slices })
        })
        .collect()
}

/// All slices of these rows, in order, by the rows' keys.
pub(super) async fn slices(
    client: &Client,
    keys: &[i64],
) -> Result<HashMap<i64, Vec<SliceLine>>, StoreError> {
    let lines = slice_lines(client, keys).await?.into_iter();
    let read = lines.map(|(key, lines)| Ok((key, lines.iter().map(slice).collect::<Result<_, _>>()?)));
    read.collect()
}

/// The same as they stand there.
pub(super) async fn slice_lines(
    client: &Client,
    keys: &[i64],
) -> Result<HashMap<i64, Vec<Line>>, StoreError> {
    let mut of: HashMap<i64, Vec<Line>> = HashMap::new();
    if keys.is_empty() {
        return Ok(of);
    }
    for line in client.query(SLICES, &[&keys]).await? {
        of.entry(needed(&line, "key")?).or_default().push(line);
    }
    Ok(of)
}

/// The rows that brought in the credit of these tranches, as far as they are known.
pub(super) async fn credit_rows(
    client: &Client,
    tranches: &[TrancheId],
) -> Result<HashMap<TrancheId, RowId>, StoreError> {
    let ids: Vec<Cell<'_>> = tranches.iter().map(|tranche| Cell::from(*tranche)).collect();
    let lines = client.query_typed(CREDITS, &[(&ids, Type::TEXT_ARRAY)]).await?;
    lines.iter().map(|line| Ok((id(line, "id")?, id(line, "credit")?))).collect()
}

fn row(key: i64, line: &Line, slices: Vec<SliceLine>) -> Result<Row, StoreError> {
    let recorded_at = time(line, "recorded_at")?;
    let (position, row) = place_of(key).ok_or_else(|| unreadable("key", "no key"))?;
    let reason: String = needed(line, "reason")?;
    Ok(Row {
        id: RowId::new(recorded_at, LogPosition(position), row),
        tenant: tenant(line)?,
        customer: customer(line)?,
        wallet: id(line, "wallet")?,
        sequence: number(line, "sequence")?,
        row_type: needed::<String>(line, "type")?.into(),
        status: needed::<String>(line, "status")?.into(),
        credits: credits(line, "credits")?,
        amount: amount(line, "amount")?.map(Money),
        currency: parsed(line, "currency", Currency::parse)?,
        charged: amount(line, "charged")?.map(Money),
        balance_before: amount(line, "balance_before")?.map(Credits),
        balance_after: amount(line, "balance_after")?.map(Credits),
        repaid: credits(line, "repaid")?,
        parts: parts(slices, &reason),
        reason: reason.into(),
        tranche: maybe_id(line, "tranche")?,
        expires_at: number(line, "expires_at")?.map(Timestamp),
        priority: small(line, "priority")?,
        parent: maybe_id(line, "parent")?,
        completes: maybe_id(line, "completes")?,
        conversion_rate: amount(line, "conversion_rate")?.map(Rate),
        topup_conversion_rate: amount(line, "topup_conversion_rate")?.map(Rate),
        card: maybe_id(line, "card")?.zip(number(line, "card_version")?),
        invoice: text(line, "invoice")?,
        hold: maybe_id(line, "hold")?,
        transfer: maybe_id(line, "transfer")?,
        grant: maybe_id(line, "grant_id")?,
        reference_type: text(line, "reference_type")?,
        reference_id: text(line, "reference_id")?,
        description: text(line, "description")?,
        metadata: parsed(line, "metadata", serde_json::from_str)?,
        idempotency_key: text(line, "idempotency_key")?,
        by: maybe_id(line, "by_key")?,
        effective_at: time(line, "effective_at")?,
        recorded_at,
    })
}

/// The slices that a reply shows.
fn parts(slices: Vec<SliceLine>, reason: &str) -> Vec<Part> {
    let shown = slices.into_iter().filter(|line| line.kind.is_shown(reason));
    shown.map(|SliceLine { wallet, credits, tranche, .. }| Part { wallet, credits, tranche }).collect()
}

pub(super) fn slice(line: &Line) -> Result<SliceLine, StoreError> {
    Ok(SliceLine {
        wallet: id(line, "wallet")?,
        kind: word(line, "kind", SliceKind::of)?,
        credits: credits(line, "credits")?,
        tranche: maybe_id(line, "tranche")?.map(|id| of_tranche(line, id)).transpose()?,
        share: amount(line, "share")?.map(Money),
    })
}

fn of_tranche(line: &Line, id: TrancheId) -> Result<OfTranche, StoreError> {
    Ok(OfTranche {
        id,
        source: needed::<String>(line, "source")?.into(),
        original: credits(line, "original")?,
        paid: Money(units(line, "paid")?),
        expires_at: number(line, "expires_at")?.map(Timestamp),
    })
}

/// A tranche over its life.
pub(super) async fn tranche(client: &Client, id: TrancheId) -> Result<Option<TrancheLife>, StoreError> {
    client.query_opt(TRANCHE, &[&Cell::from(id)]).await?.as_ref().map(life).transpose()
}

fn life(line: &Line) -> Result<TrancheLife, StoreError> {
    let of_source = |text: &str| Source::ALL.into_iter().find(|known| known.as_str() == text);
    let of_status = |text: &str| TrancheStatus::ALL.into_iter().find(|known| known.as_str() == text);
    Ok(TrancheLife {
        id: id(line, "id")?,
        tenant: tenant(line)?,
        customer: customer(line)?,
        wallet: id(line, "wallet")?,
        source: word(line, "source", of_source)?,
        priority: small(line, "priority")?.ok_or_else(|| unreadable("priority", "nothing"))?,
        original: credits(line, "original")?,
        paid: Money(units(line, "paid")?),
        effective_at: time(line, "effective_at")?,
        expires_at: number(line, "expires_at")?.map(Timestamp),
        status: word(line, "status", of_status)?,
        credit: maybe_id(line, "credit")?,
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
pub(super) async fn wallet(client: &Client, id: WalletId) -> Result<Option<WalletLife>, StoreError> {
    let line = client.query_opt(WALLET, &[&Cell::from(id)]).await?;
    let read = |line: &Line| {
        Ok(WalletLife {
            tenant: tenant(line)?,
            customer: customer(line)?,
            unit: unit(line, parsed(line, "price_unit", PriceUnit::parse)?)?,
            topup_conversion_rate: Rate(units(line, "topup_conversion_rate")?),
            status: needed::<String>(line, "status")?.into(),
            created_at: time(line, "created_at")?,
            debt: credits(line, "debt")?,
        })
    };
    line.as_ref().map(read).transpose()
}

/// Sums, and what they are of. Without a price unit the column is empty: it is a part of the key.
pub(super) fn total(line: &Line) -> Result<(TotalOf, Sums), StoreError> {
    let price_unit =
        needed::<&str>(line, "price_unit").map(|text| Some(text).filter(|text| !text.is_empty()))?;
    let price_unit = price_unit.map(PriceUnit::parse).transpose();
    let of = TotalOf {
        tenant: tenant(line)?,
        slot: time(line, "slot")?,
        unit: unit(line, price_unit.map_err(|error| unreadable("price_unit", error))?)?,
        source: needed::<String>(line, "source")?.into(),
        kind: word(line, "kind", |text| MoveKind::ALL.into_iter().find(|kind| kind.as_str() == text))?,
        reason: needed::<String>(line, "reason")?.into(),
    };
    let sums = Sums {
        moves: needed::<i64>(line, "moves")?.cast_unsigned(),
        credits: credits(line, "credits")?,
        share: Money(units(line, "share")?),
        free_value: Money(units(line, "free_value")?),
    };
    Ok((of, sums))
}

/// The unit of a line that has one.
fn unit(line: &Line, price_unit: Option<PriceUnit>) -> Result<Unit, StoreError> {
    let currency = parsed(line, "currency", Currency::parse)?;
    Ok(Unit {
        currency: currency.ok_or_else(|| unreadable("currency", "nothing"))?,
        price_unit,
        conversion_rate: Rate(units(line, "conversion_rate")?),
    })
}

pub(super) fn needed<'a, T: FromSql<'a>>(line: &'a Line, column: &str) -> Result<T, StoreError> {
    line.try_get(column).map_err(|error| unreadable(column, error))
}

fn tenant(line: &Line) -> Result<TenantNumber, StoreError> {
    small(line, "tenant")?.map(TenantNumber).ok_or_else(|| unreadable("tenant", "nothing"))
}

fn customer(line: &Line) -> Result<CustomerNumber, StoreError> {
    needed::<i64>(line, "customer").map(|number| CustomerNumber(number.cast_unsigned()))
}

fn time(line: &Line, column: &str) -> Result<Timestamp, StoreError> {
    needed::<i64>(line, column).map(|number| Timestamp(number.cast_unsigned()))
}

fn number(line: &Line, column: &str) -> Result<Option<u64>, StoreError> {
    needed::<Option<i64>>(line, column).map(|number| number.map(i64::cast_unsigned))
}

fn small(line: &Line, column: &str) -> Result<Option<u32>, StoreError> {
    let small = |number: u64| u32::try_from(number).map_err(|error| unreadable(column, error));
    number(line, column)?.map(small).transpose()
}

fn text(line: &Line, column: &str) -> Result<Option<Box<str>>, StoreError> {
    needed::<Option<&str>>(line, column).map(|text| text.map(Into::into))
}

fn units(line: &Line, column: &str) -> Result<i128, StoreError> {
    needed::<Units>(line, column).map(|units| units.0)
}

fn amount(line: &Line, column: &str) -> Result<Option<i128>, StoreError> {
    needed::<Option<Units>>(line, column).map(|units| units.map(|units| units.0))
}

pub(super) fn credits(line: &Line, column: &str) -> Result<Credits, StoreError> {
    units(line, column).map(Credits)
}

pub(super) fn id<T: FromStr<Err: std::fmt::Display>>(line: &Line, column: &str) -> Result<T, StoreError> {
    maybe_id(line, column)?.ok_or_else(|| unreadable(column, "nothing"))
}

fn maybe_id<T: FromStr<Err: std::fmt::Display>>(line: &Line, column: &str) -> Result<Option<T>, StoreError> {
    parsed(line, column, str::parse)
}

fn parsed<'a, T, E: std::fmt::Display>(
    line: &'a Line,
    column: &str,
    parse: impl Fn(&'a str) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    let text = needed::<Option<&str>>(line, column)?;
    text.map(parse).transpose().map_err(|error| unreadable(column, error))
}

fn word<T>(line: &Line, column: &str, of: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    of(needed(line, column)?).ok_or_else(|| unreadable(column, "an unknown word"))
}

fn unreadable(column: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unfit(format!("its column {column} cannot be read: {why}"))
}
