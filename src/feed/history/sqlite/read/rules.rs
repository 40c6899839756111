//! What wallets' rules did, out of the tables.

use coffer_ledger::alert::{AlertChange, AlertKind, AlertState};
use coffer_ledger::amount::Money;
use coffer_ledger::ids::{
    AlertId, CustomerNumber, InvoiceId, LogPosition, RechargeId, TenantNumber, TrancheId, WalletId,
};
use coffer_ledger::recharge::{RechargeOrigin, RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row as Line, params_from_iter};

use super::{amount, credits, currency, needed, number, thing};
use crate::feed::history::batch::AlertLine;
use crate::feed::history::query::Listed;
use crate::feed::history::recharge::RechargeLife;
use crate::feed::history::sql::Listing;
use crate::feed::history::sqlite::reader::bound;
use crate::feed::history::sqlite::values::number_of;

/// A page, and how many there are.
pub(in crate::feed::history::sqlite) fn listed<T>(
    from: &Connection,
    listing: &Listing,
    read: fn(&Line<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Listed<T>> {
    let Listing { count, page, limit } = listing;
    let total: i64 =
        from.prepare_cached(&count.text)?.query_row(params_from_iter(bound(count)), |line| line.get(0))?;
    let mut statement = from.prepare_cached(&page.text)?;
    let lines = statement.query_map(params_from_iter(bound(page)), read)?;
    let mut items = lines.collect::<rusqlite::Result<Vec<_>>>()?;
    let more = items.len() > *limit;
    items.truncate(*limit);
    Ok(Listed { items, total: usize::try_from(total).unwrap_or(0), more })
}

/// The change of a line of `alert_changes`.
pub(in crate::feed::history::sqlite) fn alert_change(line: &Line<'_>) -> rusqlite::Result<AlertLine> {
    Ok(AlertLine {
        tenant: TenantNumber(line.get("tenant")?),
        customer: CustomerNumber(number_of(line.get("customer")?)),
        position: LogPosition(number_of(line.get("record")?)),
        change: AlertChange {
            id: needed(thing(line, "id")?, "id").map(AlertId)?,
            wallet: needed(thing(line, "wallet")?, "wallet").map(WalletId)?,
            kind: word(line, "type", AlertKind::ALL, AlertKind::as_str)?,
            from: word(line, "previous_status", AlertState::ALL, AlertState::as_str)?,
            to: word(line, "status", AlertState::ALL, AlertState::as_str)?,
            posted: credits(line, "posted")?,
            runway_s: number(line, "runway_seconds")?,
            at: Timestamp(number_of(line.get("changed_at")?)),
        },
    })
}

/// The recharge of a line of `recharges`.
pub(in crate::feed::history::sqlite) fn recharge(line: &Line<'_>) -> rusqlite::Result<RechargeLife> {
    let money = |column| needed(amount(line, column)?, column).map(Money);
    Ok(RechargeLife {
        id: needed(thing(line, "id")?, "id").map(RechargeId)?,
        tenant: TenantNumber(line.get("tenant")?),
        customer: CustomerNumber(number_of(line.get("customer")?)),
        wallet: needed(thing(line, "wallet")?, "wallet").map(WalletId)?,
        origin: word(line, "origin", RechargeOrigin::ALL, RechargeOrigin::as_str)?,
        status: word(line, "status", RechargeStatus::ALL, RechargeStatus::as_str)?,
        trusted: line.get("trusted")?,
        credits: credits(line, "credits")?,
        amount: money("amount")?,
        charged: money("charged")?,
        currency: needed(currency(line)?, "currency")?,
        invoice: thing(line, "invoice_id")?.map(InvoiceId),
        tranche: thing(line, "tranche")?.map(TrancheId),
        bonus: thing(line, "bonus_tranche")?.map(TrancheId),
        reason: match line.get_ref("reason")? {
            ValueRef::Null => None,
            _ => Some(word(line, "reason", RechargeReason::ALL, RechargeReason::as_str)?),
        },
        begun_in: LogPosition(number_of(line.get("begun_record")?)),
        begun_at: Timestamp(number_of(line.get("begun_at")?)),
        expires_at: number(line, "expires_at")?.map(Timestamp),
        ended_in: number(line, "ended_record")?.map(LogPosition),
        ended_at: number(line, "ended_at")?.map(Timestamp),
    })
}

/// What a column's word stands for.
fn word<T: Copy, const N: usize>(
    line: &Line<'_>,
    column: &'static str,
    all: [T; N],
    as_str: fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    let text = line.get_ref(column)?.as_str()?;
    needed(all.into_iter().find(|known| as_str(*known) == text), column)
}
