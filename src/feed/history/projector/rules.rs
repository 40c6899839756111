//! What a wallet's rules did in a record: alerts that changed, recharges that began and ended. Most records have none of it.

use coffer_ledger::alert::AlertChange;
use coffer_ledger::fact::SetOff;
use coffer_ledger::recharge::Recharge;

use super::Of;
use crate::feed::history::batch::{AlertLine, Batch};
use crate::feed::history::recharge::RechargeLife;

/// What an operation set off.
pub(super) fn set_off(of: Of, set_off: &SetOff, batch: &mut Batch) {
    let ended = set_off.ended.iter().map(|end| &end.recharge);
    set_off.begun().chain(ended).for_each(|one| recharge(of, one, batch));
    let Of { tenant, customer, position } = of;
    let line = |change: &AlertChange| AlertLine { tenant, customer, position, change: change.clone() };
    batch.alerts.extend(set_off.alerts.iter().map(line));
}

/// A recharge as it is now.
pub(super) fn recharge(of: Of, recharge: &Recharge, batch: &mut Batch) {
    let life = RechargeLife::of((of.tenant, of.customer), recharge, of.position);
    batch.recharges.insert(life.id, life);
}
