//! The columns of wallets, tranches, holds, invoices, transfers, events and totals, each in the order of its table.

use coffer_ledger::ids::{TransferId, WalletId};

use super::Cell;
use crate::feed::history::batch::{
    EventLine, HoldLife, RecordAt, Settlement, SettlementVoided, TransferLife, WalletLife,
};
use crate::feed::history::totals::{Sums, TotalOf};
use crate::feed::history::tranche::TrancheLife;

pub(in crate::feed::history) fn wallet(id: WalletId, life: &WalletLife) -> [Cell<'_>; 10] {
    [
        id.into(),
        life.tenant.into(),
        life.customer.into(),
        Cell::Text(life.unit.currency.as_str()),
        Cell::maybe(life.unit.price_unit.as_ref().map(|unit| unit.as_str())),
        life.unit.conversion_rate.into(),
        life.topup_conversion_rate.into(),
        Cell::Text(&life.status),
        life.created_at.into(),
        life.debt.into(),
    ]
}

pub(in crate::feed::history) fn tranche(life: &TrancheLife) -> [Cell<'_>; 21] {
    [
        life.id.into(),
        life.tenant.into(),
        life.customer.into(),
        life.wallet.into(),
        Cell::Text(life.source.as_str()),
        u64::from(life.priority).into(),
        life.original.into(),
        life.paid.into(),
        life.effective_at.into(),
        Cell::maybe(life.expires_at),
        Cell::Text(life.status.as_str()),
        Cell::maybe(life.credit),
        life.remaining.into(),
        life.spent.into(),
        life.repaid.into(),
        life.expired.into(),
        life.voided.into(),
        life.forfeited.into(),
        life.paid_out.into(),
        life.sent.into(),
        life.rolled_over.into(),
    ]
}

pub(in crate::feed::history) fn hold(life: &HoldLife) -> [Cell<'_>; 14] {
    let hold = &life.hold;
    [
        hold.id.into(),
        life.tenant.into(),
        life.customer.into(),
        hold.wallet.into(),
        Cell::Text(hold.status.as_str()),
        Cell::Text(hold.over_capture.as_str()),
        hold.credits.into(),
        hold.captured.into(),
        hold.released.into(),
        hold.held().into(),
        hold.placed_at.into(),
        hold.expires_at.into(),
        Cell::maybe(life.ended_at),
        life.last.into(),
    ]
}

pub(in crate::feed::history) fn settlement(settled: &Settlement) -> [Cell<'_>; 9] {
    [
        settled.customer.into(),
        Cell::Text(&settled.invoice),
        settled.tenant.into(),
        Cell::Text(settled.currency.as_str()),
        settled.paid.into(),
        settled.shortfall.into(),
        Cell::Text("settled"),
        settled.settled.position.into(),
        settled.settled.at.into(),
    ]
}

pub(in crate::feed::history) fn settlement_voided(voided: &SettlementVoided) -> [Cell<'_>; 4] {
    [
        voided.customer.into(),
        Cell::Text(&voided.invoice),
        voided.voided.position.into(),
        voided.voided.at.into(),
    ]
}

pub(in crate::feed::history) fn transfer(life: &TransferLife) -> [Cell<'_>; 8] {
    [
        life.id.into(),
        life.tenant.into(),
        life.from.into(),
        life.to.into(),
        life.credits.into(),
        Cell::Text(life.status),
        life.sent.position.into(),
        life.sent.at.into(),
    ]
}

pub(in crate::feed::history) fn transfer_ended(
    id: TransferId,
    status: &'static str,
    ended: RecordAt,
) -> [Cell<'static>; 4] {
    [id.into(), Cell::Text(status), ended.position.into(), ended.at.into()]
}

pub(in crate::feed::history) fn event(line: &EventLine) -> [Cell<'_>; 14] {
    [
        line.recorded.position.into(),
        line.tenant.into(),
        line.customer.into(),
        Cell::Text(&line.source),
        Cell::Text(&line.event),
        line.happened_at.into(),
        Cell::Text(&line.meter),
        line.quantity.into(),
        Cell::maybe(line.priced.map(|(_, _, price)| price)),
        Cell::maybe(line.priced.map(|(card, _, _)| card)),
        Cell::maybe(line.priced.map(|(_, version, _)| version)),
        line.uncollected.into(),
        Cell::maybe(line.row),
        line.recorded.at.into(),
    ]
}

/// Without a price unit the column is empty: it is a part of the key.
pub(in crate::feed::history) fn total<'a>(of: &'a TotalOf, sums: &Sums) -> [Cell<'a>; 12] {
    [
        of.tenant.into(),
        of.slot.into(),
        Cell::Text(of.unit.currency.as_str()),
        Cell::Text(of.unit.price_unit.as_ref().map_or("", |unit| unit.as_str())),
        of.unit.conversion_rate.into(),
        Cell::Text(&of.source),
        Cell::Text(of.kind.as_str()),
        Cell::Text(&of.reason),
        sums.moves.into(),
        sums.credits.into(),
        sums.share.into(),
        sums.free_value.into(),
    ]
}
