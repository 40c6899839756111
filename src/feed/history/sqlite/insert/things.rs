//! The columns of everything but rows and slices, each in the order of its table.

use coffer_ledger::ids::{TransferId, WalletId};

use super::super::values::number;
use super::Bound;
use crate::feed::history::batch::{
    EventLine, HoldLife, RecordAt, Settlement, SettlementVoided, TransferLife, WalletLife,
};
use crate::feed::history::totals::{Sums, TotalOf};
use crate::feed::history::tranche::TrancheLife;

fn tenant(tenant: coffer_ledger::ids::TenantNumber) -> Bound<'static> {
    Bound::Number(i64::from(tenant.0))
}

const fn count(value: u64) -> Bound<'static> {
    Bound::Number(number(value))
}

pub(super) fn wallet(id: WalletId, life: &WalletLife) -> [Bound<'_>; 10] {
    [
        Bound::id(Some(id.0.0)),
        tenant(life.tenant),
        count(life.customer.0),
        Bound::Text(life.unit.currency.as_str()),
        Bound::text(life.unit.price_unit.as_ref().map(|unit| unit.as_str())),
        Bound::amount(Some(life.unit.conversion_rate.0)),
        Bound::amount(Some(life.topup_conversion_rate.0)),
        Bound::Text(&life.status),
        count(life.created_at.0),
        Bound::amount(Some(life.debt.0)),
    ]
}

pub(super) fn tranche(life: &TrancheLife) -> [Bound<'_>; 20] {
    [
        Bound::id(Some(life.id.0.0)),
        tenant(life.tenant),
        count(life.customer.0),
        Bound::id(Some(life.wallet.0.0)),
        Bound::Text(life.source.as_str()),
        Bound::Number(i64::from(life.priority)),
        Bound::amount(Some(life.original.0)),
        Bound::amount(Some(life.paid.0)),
        count(life.effective_at.0),
        Bound::number(life.expires_at.map(|at| at.0)),
        Bound::Text(life.status.as_str()),
        Bound::id(life.credit.map(|row| row.0)),
        Bound::amount(Some(life.remaining.0)),
        Bound::amount(Some(life.spent.0)),
        Bound::amount(Some(life.repaid.0)),
        Bound::amount(Some(life.expired.0)),
        Bound::amount(Some(life.voided.0)),
        Bound::amount(Some(life.forfeited.0)),
        Bound::amount(Some(life.paid_out.0)),
        Bound::amount(Some(life.sent.0)),
    ]
}

pub(super) fn hold(life: &HoldLife) -> [Bound<'_>; 14] {
    let hold = &life.hold;
    [
        Bound::id(Some(hold.id.0.0)),
        tenant(life.tenant),
        count(life.customer.0),
        Bound::id(Some(hold.wallet.0.0)),
        Bound::Text(hold.status.as_str()),
        Bound::Text(hold.over_capture.as_str()),
        Bound::amount(Some(hold.credits.0)),
        Bound::amount(Some(hold.captured.0)),
        Bound::amount(Some(hold.released.0)),
        Bound::amount(Some(hold.held().0)),
        count(hold.placed_at.0),
        count(hold.expires_at.0),
        Bound::number(life.ended_at.map(|at| at.0)),
        count(life.last.0),
    ]
}

pub(super) fn settlement(settled: &Settlement) -> [Bound<'_>; 8] {
    [
        count(settled.customer.0),
        Bound::Text(&settled.invoice),
        tenant(settled.tenant),
        Bound::Text(settled.currency.as_str()),
        Bound::amount(Some(settled.paid.0)),
        Bound::amount(Some(settled.shortfall.0)),
        count(settled.settled.position.0),
        count(settled.settled.at.0),
    ]
}

pub(super) fn settlement_voided(voided: &SettlementVoided) -> [Bound<'_>; 4] {
    [
        count(voided.customer.0),
        Bound::Text(&voided.invoice),
        count(voided.voided.position.0),
        count(voided.voided.at.0),
    ]
}

pub(super) fn transfer(life: &TransferLife) -> [Bound<'_>; 8] {
    [
        Bound::id(Some(life.id.0.0)),
        tenant(life.tenant),
        count(life.from.0),
        count(life.to.0),
        Bound::amount(Some(life.credits.0)),
        Bound::Text(life.status),
        count(life.sent.position.0),
        count(life.sent.at.0),
    ]
}

pub(super) fn transfer_ended(id: TransferId, status: &'static str, ended: RecordAt) -> [Bound<'static>; 4] {
    [Bound::id(Some(id.0.0)), Bound::Text(status), count(ended.position.0), count(ended.at.0)]
}

pub(super) fn event(line: &EventLine) -> [Bound<'_>; 14] {
    [
        count(line.recorded.position.0),
        tenant(line.tenant),
        count(line.customer.0),
        Bound::Text(&line.source),
        Bound::Text(&line.event),
        count(line.happened_at.0),
        Bound::Text(&line.meter),
        Bound::amount(Some(line.quantity.0)),
        Bound::amount(line.priced.map(|(_, _, price)| price.0)),
        Bound::id(line.priced.map(|(card, _, _)| card.0.0)),
        Bound::number(line.priced.map(|(_, version, _)| version)),
        Bound::amount(Some(line.uncollected.0)),
        Bound::id(line.row.map(|row| row.0)),
        count(line.recorded.at.0),
    ]
}

/// Without a price unit the column is empty: it is a part of the key.
pub(super) fn total<'a>(of: &'a TotalOf, sums: &Sums) -> [Bound<'a>; 12] {
    [
        tenant(of.tenant),
        count(of.slot.0),
        Bound::Text(of.unit.currency.as_str()),
        Bound::Text(of.unit.price_unit.as_ref().map_or("", |unit| unit.as_str())),
        Bound::amount(Some(of.unit.conversion_rate.0)),
        Bound::Text(&of.source),
        Bound::Text(of.kind.as_str()),
        Bound::Text(&of.reason),
        count(sums.moves),
        Bound::amount(Some(sums.credits.0)),
        Bound::amount(Some(sums.share.0)),
        Bound::amount(Some(sums.free_value.0)),
    ]
}
