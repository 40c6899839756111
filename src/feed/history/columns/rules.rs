//! The columns of what wallets' rules did, each in the order of its table.

use super::Cell;
use crate::feed::history::batch::AlertLine;
use crate::feed::history::recharge::RechargeLife;

pub(in crate::feed::history) fn alert_change(line: &AlertLine) -> [Cell<'_>; 11] {
    let change = &line.change;
    [
        change.id.into(),
        line.tenant.into(),
        line.customer.into(),
        change.wallet.into(),
        Cell::Text(change.kind.as_str()),
        Cell::Text(change.from.as_str()),
        Cell::Text(change.to.as_str()),
        change.posted.into(),
        Cell::maybe(change.runway_s),
        line.position.into(),
        change.at.into(),
    ]
}

pub(in crate::feed::history) fn recharge(life: &RechargeLife) -> [Cell<'_>; 20] {
    [
        life.id.into(),
        life.tenant.into(),
        life.customer.into(),
        life.wallet.into(),
        Cell::Text(life.origin.as_str()),
        Cell::Text(life.status.as_str()),
        u64::from(life.trusted).into(),
        life.credits.into(),
        life.amount.into(),
        life.charged.into(),
        Cell::Text(life.currency.as_str()),
        Cell::maybe(life.invoice),
        Cell::maybe(life.tranche),
        Cell::maybe(life.bonus),
        Cell::maybe(life.reason.map(|reason| reason.as_str())),
        life.begun_in.into(),
        life.begun_at.into(),
        Cell::maybe(life.expires_at),
        Cell::maybe(life.ended_in),
        Cell::maybe(life.ended_at),
    ]
}
