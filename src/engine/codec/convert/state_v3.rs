//! A customer at rest, with what versions 1 and 2 do not know.

use std::collections::VecDeque;

use coffer_ledger::alert::AlertChange;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{RechargeId, WalletId};
use coffer_ledger::recharge::{Recharge, Recharges};
use coffer_ledger::wallet::Wallet;
use coffer_ledger::watch::{Calm, Recharging, Spent, Watch};

use super::state_v2::{walk, walked};
use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v2::wire::Walk;
use crate::engine::codec::v3::recharge::Recharge as RechargeShape;
use crate::engine::codec::v3::state as shapes;

mirror_struct! {
    Spent = Spent { since, hour, this, last }
    Recharging = Recharging {
        last_at, day_ends_at, day_count, month_ends_at, month_charged, failures, last_failed, backs_off_until, held_back,
    }
}

/// Whether a customer has what only version 3 holds.
pub(in crate::engine::codec) fn rests_in_v3(customer: &Customer) -> bool {
    !customer.recharges.is_empty()
        || !customer.grants.is_empty()
        || customer.wallets.iter().any(|wallet| wallet.head.rules.is_some())
}

fn watched_to_shape(wallet: &Wallet, owner: Owner) -> Option<shapes::Watched<'_>> {
    let (rules, watch) = (wallet.head.rules.as_deref()?, wallet.watch.as_deref()?);
    let Watch { base, state, runway_low, changes, spent, recharging, calm: _ } = watch;
    Some(shapes::Watched {
        wallet: wallet.head.id.to_shape(owner),
        rules: rules.to_shape(owner),
        base: base.to_shape(owner),
        state: state.to_shape(owner),
        runway_low: *runway_low,
        changes: walk(changes.len(), move || changes.iter().map(move |change| change.to_shape(owner))),
        spent: spent.to_shape(owner),
        recharging: recharging.to_shape(owner),
    })
}

/// Enters what was written of a wallet. Wallets stand in their order, each once.
fn watch_again<'a>(
    shape: shapes::Watched<'_>,
    wallets: &mut impl Iterator<Item = &'a mut Wallet>,
    owner: Owner,
) -> Result<(), DecodeError> {
    let id: WalletId = Mirror::from_shape(shape.wallet, owner)?;
    let wallet = wallets.find(|wallet| wallet.head.id == id);
    let wallet = wallet.ok_or(DecodeError::OutOfOrder { what: "wallets with rules" })?;
    let changes = walked(shape.changes).into_iter().map(|change| Mirror::from_shape(change, owner));
    wallet.head.rules = Some(Mirror::from_shape(shape.rules, owner)?);
    wallet.watch = Some(Box::new(Watch {
        base: Mirror::from_shape(shape.base, owner)?,
        state: Mirror::from_shape(shape.state, owner)?,
        runway_low: shape.runway_low,
        changes: changes.collect::<Result<VecDeque<AlertChange>, _>>()?,
        spent: Mirror::from_shape(shape.spent, owner)?,
        recharging: Mirror::from_shape(shape.recharging, owner)?,
        calm: Calm::ALWAYS,
    }));
    Ok(())
}

fn recharges_again(shapes: Walk<'_, RechargeShape<'_>>, owner: Owner) -> Result<Recharges, DecodeError> {
    let mut all = Vec::new();
    let mut last: Option<RechargeId> = None;
    for shape in walked(shapes) {
        let recharge: Recharge = Mirror::from_shape(shape, owner)?;
        if last.is_some_and(|last| last >= recharge.id) {
            return Err(DecodeError::OutOfOrder { what: "recharges" });
        }
        last = Some(recharge.id);
        all.push(recharge);
    }
    Ok(all.into_iter().collect())
}

/// Whose things the state names stands in the state itself: the owner that is passed is not looked at.
impl<'a> Mirror<'a, shapes::Customer<'a>> for Customer {
    fn to_shape(&'a self, owner: Owner) -> shapes::Customer<'a> {
        let (wallets, recharges, own) = (&self.wallets, &self.recharges, Owner(self.number));
        let watched = move || wallets.iter().filter_map(move |wallet| watched_to_shape(wallet, own));
        shapes::Customer {
            plain: self.to_shape(owner),
            watched: walk(watched().count(), watched),
            recharges: walk(recharges.len(), move || {
                recharges.iter().map(move |recharge| recharge.to_shape(own))
            }),
            grants: self.grants.to_shape(own),
        }
    }

    fn from_shape(shape: shapes::Customer<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Customer { plain, watched, recharges, grants } = shape;
        let mut customer: Self = Mirror::from_shape(plain, owner)?;
        let owner = Owner(customer.number);
        let mut wallets = customer.wallets.iter_mut();
        for shape in walked(watched) {
            watch_again(shape, &mut wallets, owner)?;
        }
        customer.recharges = recharges_again(recharges, owner)?;
        customer.grants = Mirror::from_shape(grants, owner)?;
        customer.calm_down();
        Ok(customer)
    }
}
