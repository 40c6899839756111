//! A customer at rest, as far as version 1 knows it.

use std::collections::{BTreeMap, VecDeque};

use coffer_ledger::amount::Credits;
use coffer_ledger::burn_order::BurnOrder;
use coffer_ledger::customer::{Customer, Identity};
use coffer_ledger::grant::Grants;
use coffer_ledger::hold::Holds;
use coffer_ledger::recharge::Recharges;
use coffer_ledger::tranche::Tranche;
use coffer_ledger::wallet::Wallet;

use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::state as shapes;

/// What version 1 holds of a tranche.
impl<'a> Mirror<'a, shapes::Tranche<'a>> for Tranche {
    fn to_shape(&'a self, owner: Owner) -> shapes::Tranche<'a> {
        let Self { id, terms, remaining, pinned, credit_position, credit_row, scheduled, voided: _ } = self;
        shapes::Tranche {
            id: id.to_shape(owner),
            terms: terms.to_shape(owner),
            remaining: remaining.to_shape(owner),
            pinned: pinned.to_shape(owner),
            credit_position: credit_position.to_shape(owner),
            credit_row: *credit_row,
            scheduled: *scheduled,
        }
    }

    fn from_shape(shape: shapes::Tranche<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Tranche { id, terms, remaining, pinned, credit_position, credit_row, scheduled } = shape;
        Ok(Self {
            id: Mirror::from_shape(id, owner)?,
            terms: Mirror::from_shape(terms, owner)?,
            remaining: Mirror::from_shape(remaining, owner)?,
            pinned: Mirror::from_shape(pinned, owner)?,
            credit_position: Mirror::from_shape(credit_position, owner)?,
            credit_row,
            scheduled,
            voided: false,
        })
    }
}

impl<'a> Mirror<'a, shapes::WholeIdentity<'a>> for Identity {
    fn to_shape(&'a self, owner: Owner) -> shapes::WholeIdentity<'a> {
        let (identity, text) = self.to_shape(owner);
        shapes::WholeIdentity { identity, text }
    }

    fn from_shape(shape: shapes::WholeIdentity<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Mirror::from_shape((shape.identity, shape.text), owner)
    }
}

/// What version 1 holds of a wallet.
impl<'a> Mirror<'a, shapes::Wallet<'a>> for Wallet {
    fn to_shape(&'a self, owner: Owner) -> shapes::Wallet<'a> {
        let Self { head, tranches, burn_order: _, next_due, held_overdraft: _, watch: _ } = self;
        let (head, text) = head.to_shape(owner);
        shapes::Wallet { head, text, tranches: tranches.to_shape(owner), next_due: next_due.to_shape(owner) }
    }

    fn from_shape(shape: shapes::Wallet<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Wallet { head, text, tranches, next_due } = shape;
        Ok(Self {
            head: Mirror::from_shape((head, text), owner)?,
            tranches: Mirror::from_shape(tranches, owner)?,
            burn_order: BurnOrder::Contract,
            next_due: Mirror::from_shape(next_due, owner)?,
            held_overdraft: Credits::ZERO,
            watch: None,
        })
    }
}

/// Whether version 1 holds all of a customer that does not need version 3.
pub(in crate::engine::codec) fn rests_in_v1(customer: &Customer) -> bool {
    let Customer {
        number: _,
        tenant: _,
        identity: _,
        last_at: _,
        last_position: _,
        counter: _,
        wallets,
        holds,
        budgets,
        given_back,
        invoices,
        transfers_out,
        transfers_in,
        grants: _,
        recharges: _,
        closed,
    } = customer;
    holds.is_empty()
        && budgets.is_empty()
        && given_back.is_empty()
        && invoices.is_empty()
        && transfers_out.is_empty()
        && transfers_in.is_empty()
        && closed.is_empty()
        && wallets.iter().all(wallet_rests_in_v1)
}

fn wallet_rests_in_v1(wallet: &Wallet) -> bool {
    let Wallet { head: _, tranches, burn_order: _, next_due: _, held_overdraft, watch: _ } = wallet;
    held_overdraft.is_zero() && tranches.iter().all(|tranche| !tranche.voided)
}

/// What version 1 holds of a customer. Whose things the state names stands in the state itself: the owner that is passed is not
/// looked at.
impl<'a> Mirror<'a, shapes::Customer<'a>> for Customer {
    fn to_shape(&'a self, _: Owner) -> shapes::Customer<'a> {
        let Self { tenant, number, identity, last_at, last_position, counter, wallets, .. } = self;
        let owner = Owner(*number);
        shapes::Customer {
            tenant: tenant.to_shape(owner),
            number: number.to_shape(owner),
            identity: identity.to_shape(owner),
            last_at: last_at.to_shape(owner),
            last_position: last_position.to_shape(owner),
            counter: *counter,
            wallets: wallets.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Customer<'a>, _: Owner) -> Result<Self, DecodeError> {
        let shapes::Customer { tenant, number, identity, last_at, last_position, counter, wallets } = shape;
        let owner = Owner(Mirror::from_shape(number, Owner::NOBODY)?);
        Ok(Self {
            number: owner.0,
            tenant: Mirror::from_shape(tenant, owner)?,
            identity: Mirror::from_shape(identity, owner)?,
            last_at: Mirror::from_shape(last_at, owner)?,
            last_position: Mirror::from_shape(last_position, owner)?,
            counter,
            wallets: Mirror::from_shape(wallets, owner)?,
            holds: Holds::new(),
            budgets: BTreeMap::new(),
            given_back: BTreeMap::new(),
            invoices: BTreeMap::new(),
            transfers_out: BTreeMap::new(),
            transfers_in: BTreeMap::new(),
            grants: Grants::new(),
            recharges: Recharges::new(),
            closed: VecDeque::new(),
        })
    }
}
