//! What wallets' rules did, out of the tables.

use coffer_ledger::alert::{AlertChange, AlertKind, AlertState};
use coffer_ledger::amount::Money;
use coffer_ledger::ids::LogPosition;
use coffer_ledger::recharge::{RechargeOrigin, RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use tokio_postgres::{Client, Row as Line};

use super::{
    credits, customer, id, maybe_id, needed, number, parsed, tenant, text, time, units, unreadable, word,
};
use crate::feed::history::StoreError;
use crate::feed::history::batch::AlertLine;
use crate::feed::history::postgres::reader::ask;
use crate::feed::history::query::Listed;
use crate::feed::history::recharge::RechargeLife;
use crate::feed::history::sql::Listing;

/// A page, and how many there are.
pub(in crate::feed::history::postgres) async fn listed<T>(
    client: &Client,
    listing: &Listing,
    read: fn(&Line) -> Result<T, StoreError>,
) -> Result<Listed<T>, StoreError> {
    let Listing { count, page, limit } = listing;
    let counted = ask(client, count).await?;
    let total = counted.first().map_or(0, |line| line.get::<_, i64>(0));
    let mut lines = ask(client, page).await?;
    let more = lines.len() > *limit;
    lines.truncate(*limit);
    let items = lines.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Listed { items, total: usize::try_from(total).unwrap_or(0), more })
}

/// The change of a line of `alert_changes`.
pub(in crate::feed::history::postgres) fn alert_change(line: &Line) -> Result<AlertLine, StoreError> {
    let state = |text: &str| AlertState::ALL.into_iter().find(|known| known.as_str() == text);
    let kind = |text: &str| AlertKind::ALL.into_iter().find(|known| known.as_str() == text);
    Ok(AlertLine {
        tenant: tenant(line)?,
        customer: customer(line)?,
        position: position(line, "record")?,
        change: AlertChange {
            id: id(line, "id")?,
            wallet: id(line, "wallet")?,
            kind: word(line, "type", kind)?,
            from: word(line, "previous_status", state)?,
            to: word(line, "status", state)?,
            posted: credits(line, "posted")?,
            runway_s: number(line, "runway_seconds")?,
            at: time(line, "changed_at")?,
        },
    })
}

/// The recharge of a line of `recharges`.
pub(in crate::feed::history::postgres) fn recharge(line: &Line) -> Result<RechargeLife, StoreError> {
    let origin = |text: &str| RechargeOrigin::ALL.into_iter().find(|known| known.as_str() == text);
    let status = |text: &str| RechargeStatus::ALL.into_iter().find(|known| known.as_str() == text);
    let reason = |text: &str| RechargeReason::ALL.into_iter().find(|known| known.as_str() == text);
    let currency = parsed(line, "currency", Currency::parse)?;
    Ok(RechargeLife {
        id: id(line, "id")?,
        tenant: tenant(line)?,
        customer: customer(line)?,
        wallet: id(line, "wallet")?,
        origin: word(line, "origin", origin)?,
        status: word(line, "status", status)?,
        trusted: needed::<i64>(line, "trusted")? != 0,
        credits: credits(line, "credits")?,
        amount: Money(units(line, "amount")?),
        charged: Money(units(line, "charged")?),
        currency: currency.ok_or_else(|| unreadable("currency", "nothing"))?,
        invoice: maybe_id(line, "invoice_id")?,
        tranche: maybe_id(line, "tranche")?,
        bonus: maybe_id(line, "bonus_tranche")?,
        reason: text(line, "reason")?.map(|_| word(line, "reason", reason)).transpose()?,
        begun_in: position(line, "begun_record")?,
        begun_at: time(line, "begun_at")?,
        expires_at: number(line, "expires_at")?.map(Timestamp),
        ended_in: number(line, "ended_record")?.map(LogPosition),
        ended_at: number(line, "ended_at")?.map(Timestamp),
    })
}

fn position(line: &Line, column: &str) -> Result<LogPosition, StoreError> {
    needed::<i64>(line, column).map(|number| LogPosition(number.cast_unsigned()))
}
