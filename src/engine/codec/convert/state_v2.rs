//! A customer at rest, with what version 1 does not know.

use std::collections::BTreeMap;

use coffer_ledger::budget::Budget;
use coffer_ledger::burn_order::BurnOrder;
use coffer_ledger::customer::{Closed, ClosedAs, Customer, Invoice};
use coffer_ledger::grant::Grants;
use coffer_ledger::hold::{Hold, Holds};
use coffer_ledger::ids::{HoldId, LogPosition};
use coffer_ledger::recharge::Recharges;
use coffer_ledger::tranche::Tranche;
use coffer_ledger::transfer::{TransferOut, TransferReceived};
use coffer_ledger::wallet::Wallet;

use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v2::hold::Hold as HoldShape;
use crate::engine::codec::v2::state as shapes;
use crate::engine::codec::v2::wire::Walk;

mirror_enum! {
    ClosedAs { Captured, Released, Expired, Completed, Returned }
}

mirror_struct! {
    Closed = Closed { id, how, position }
}

impl<'a> Mirror<'a, shapes::Tranche<'a>> for Tranche {
    fn to_shape(&'a self, owner: Owner) -> shapes::Tranche<'a> {
        shapes::Tranche { plain: self.to_shape(owner), voided: self.voided }
    }

    fn from_shape(shape: shapes::Tranche<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Tranche { plain, voided } = shape;
        Ok(Self { voided, ..Mirror::from_shape(plain, owner)? })
    }
}

impl<'a> Mirror<'a, shapes::Wallet<'a>> for Wallet {
    fn to_shape(&'a self, owner: Owner) -> shapes::Wallet<'a> {
        let Self { head, tranches, burn_order: _, next_due, held_overdraft, watch: _ } = self;
        let (head, text) = head.to_shape(owner);
        shapes::Wallet {
            head,
            text,
            tranches: tranches.to_shape(owner),
            next_due: next_due.to_shape(owner),
            held_overdraft: held_overdraft.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Wallet<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Wallet { head, text, tranches, next_due, held_overdraft } = shape;
        Ok(Self {
            head: Mirror::from_shape((head, text), owner)?,
            tranches: Mirror::from_shape(tranches, owner)?,
            burn_order: BurnOrder::Contract,
            next_due: Mirror::from_shape(next_due, owner)?,
            held_overdraft: Mirror::from_shape(held_overdraft, owner)?,
            watch: None,
        })
    }
}

/// Whose things the state names stands in the state itself: the owner that is passed is not looked at.
impl<'a> Mirror<'a, shapes::Customer<'a>> for Customer {
    fn to_shape(&'a self, _: Owner) -> shapes::Customer<'a> {
        let Self {
            number,
            tenant,
            identity,
            last_at,
            last_position,
            counter,
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
        } = self;
        let owner = Owner(*number);
        shapes::Customer {
            tenant: tenant.to_shape(owner),
            number: number.to_shape(owner),
            identity: identity.to_shape(owner),
            last_at: last_at.to_shape(owner),
            last_position: last_position.to_shape(owner),
            counter: *counter,
            wallets: wallets.to_shape(owner),
            holds: walk(holds.len(), move || holds.iter().map(move |hold| hold.to_shape(owner))),
            budgets: walk(budgets.len(), move || budgets.values().map(move |budget| budget.to_shape(owner))),
            given_back: walk(given_back.len(), move || {
                given_back.iter().map(move |((position, row), credits)| shapes::GivenBackRow {
                    position: position.to_shape(owner),
                    row: *row,
                    credits: credits.to_shape(owner),
                })
            }),
            invoices: walk(invoices.len(), move || {
                invoices.iter().map(move |(id, Invoice { settled, voided })| shapes::Invoice {
                    id,
                    settled: settled.to_shape(owner),
                    voided: voided.to_shape(owner),
                })
            }),
            transfers_out: walk(transfers_out.len(), move || {
                transfers_out.values().map(move |out| out.to_shape(owner))
            }),
            transfers_in: walk(transfers_in.len(), move || {
                transfers_in.iter().map(move |(id, TransferReceived { from, at })| shapes::TransferReceived {
                    id: id.to_shape(owner),
                    from: from.to_shape(owner),
                    at: at.to_shape(owner),
                })
            }),
            closed: walk(closed.len(), move || closed.iter().map(move |closed| closed.to_shape(owner))),
        }
    }

    fn from_shape(shape: shapes::Customer<'a>, _: Owner) -> Result<Self, DecodeError> {
        let owner = Owner(Mirror::from_shape(shape.number, Owner::NOBODY)?);
        let given_back = |shape: shapes::GivenBackRow| {
            let position: LogPosition = Mirror::from_shape(shape.position, owner)?;
            Ok(((position, shape.row), Mirror::from_shape(shape.credits, owner)?))
        };
        let invoice = |shape: shapes::Invoice<'a>| {
            let settled = Mirror::from_shape(shape.settled, owner)?;
            Ok((Box::from(shape.id), Invoice { settled, voided: Mirror::from_shape(shape.voided, owner)? }))
        };
        let received = |shape: shapes::TransferReceived| {
            let from = Mirror::from_shape(shape.from, owner)?;
            let received = TransferReceived { from, at: Mirror::from_shape(shape.at, owner)? };
            Ok((Mirror::from_shape(shape.id, owner)?, received))
        };
        let closed = walked(shape.closed).into_iter().map(|shape| Mirror::from_shape(shape, owner));
        Ok(Self {
            number: owner.0,
            tenant: Mirror::from_shape(shape.tenant, owner)?,
            identity: Mirror::from_shape(shape.identity, owner)?,
            last_at: Mirror::from_shape(shape.last_at, owner)?,
            last_position: Mirror::from_shape(shape.last_position, owner)?,
            counter: shape.counter,
            wallets: Mirror::from_shape(shape.wallets, owner)?,
            holds: holds_again(shape.holds, owner)?,
            budgets: by_key("budgets", shape.budgets, |shape| {
                let budget: Budget = Mirror::from_shape(shape, owner)?;
                Ok((budget.id.clone(), budget))
            })?,
            given_back: by_key("what was given back", shape.given_back, given_back)?,
            invoices: by_key("invoices", shape.invoices, invoice)?,
            transfers_out: by_key("transfers on their way", shape.transfers_out, |shape| {
                let out: TransferOut = Mirror::from_shape(shape, owner)?;
                Ok((out.id, out))
            })?,
            transfers_in: by_key("transfers that arrived", shape.transfers_in, received)?,
            grants: Grants::new(),
            recharges: Recharges::new(),
            closed: closed.collect::<Result<_, _>>()?,
        })
    }
}

/// What is written by walking over it.
pub(super) fn walk<'a, T, I>(count: usize, start: impl Fn() -> I + 'a) -> Walk<'a, T>
where
    I: Iterator<Item = T> + 'a,
{
    Walk::Written { count, start: Box::new(move || Box::new(start())) }
}

/// The shapes of what was read, or is about to be written.
pub(super) fn walked<T>(walk: Walk<'_, T>) -> Vec<T> {
    match walk {
        Walk::Read(shapes) => shapes,
        Walk::Written { count: _, start } => start().collect(),
    }
}

/// A map again. Its keys must rise, as a writer walks over them: so that no two sequences of bytes are one state.
fn by_key<K: Ord, V, T>(
    what: &'static str,
    shapes: Walk<'_, T>,
    entry: impl Fn(T) -> Result<(K, V), DecodeError>,
) -> Result<BTreeMap<K, V>, DecodeError> {
    let mut map = BTreeMap::new();
    for shape in walked(shapes) {
        let (key, value) = entry(shape)?;
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(DecodeError::OutOfOrder { what });
        }
        map.insert(key, value);
    }
    Ok(map)
}

/// Open holds again; the order of their deadlines is not written but follows.
fn holds_again(shapes: Walk<'_, HoldShape<'_>>, owner: Owner) -> Result<Holds, DecodeError> {
    let mut holds = Holds::new();
    let mut last: Option<HoldId> = None;
    for shape in walked(shapes) {
        let hold: Hold = Mirror::from_shape(shape, owner)?;
        if last.is_some_and(|last| last >= hold.id) {
            return Err(DecodeError::OutOfOrder { what: "holds" });
        }
        last = Some(hold.id);
        holds.set(hold);
    }
    Ok(holds)
}
