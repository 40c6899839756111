//! Refunds: credits of a debit back to the tranches that gave them (SEMANTICS §7).
//!
//! The debit is a function of its old record, which the shell brings along; the state only knows what was given back before. Where
//! slices go is said in [`super::giving_back`]. Tested in `decide/tests/refund.rs`.

use super::giving_back::{self, Asked};
use super::{Context, Ids, check_quantity, existing};
use crate::amount::Credits;
use crate::command::{Quantity, Refund, RefundReason};
use crate::customer::Customer;
use crate::fact::{DebitRow, Effect, GivenBack, Refunded};
use crate::looked_up::{LookedUp, OldDebit};
use crate::refusal::Refusal;
use crate::unit::Unit;

/// Days that credit can be granted anew for.
const REGRANT_DAYS_MAX: u16 = 366;

/// Puts back what was asked, or all that is left.
pub(super) fn refund(
    customer: &Customer,
    request: &Refund,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_request(request)?;
    existing(customer)?;
    let old = old_debit(context).ok_or(Refusal::NotFound("transaction"))?;
    let left = giving_back::left(customer, old.position, &old.rows);
    if request.credits.is_some() {
        check_one_unit(customer, old)?;
    }
    let asked = asked_of(old, RefundReason::Refund, request.credits, request.regrant_days);
    let mut back = giving_back::give_back(customer, &asked, &mut Ids::of(customer, context.now), context)?;
    if back.slices.is_empty() {
        return Err(Refusal::OverRefund { left: Credits::ZERO, asked: Credits::ZERO });
    }
    let credits: Credits = back.rows.iter().map(|row| row.credits).sum();
    back.freed = giving_back::freed(customer, old, credits);
    Ok(Effect::Refunded(Box::new(add_up(customer, request, old, back, left - credits))))
}

fn check_request(request: &Refund) -> Result<(), Refusal> {
    if let Some(credits) = request.credits {
        check_quantity(Quantity::Credits(credits), "a refund must be more than 0")?;
    }
    match request.regrant_days {
        Some(days) if !(1..=REGRANT_DAYS_MAX).contains(&days) => {
            Err(Refusal::Invalid { field: "regrant_days", problem: "is not from 1 to 366" })
        }
        Some(_) | None => Ok(()),
    }
}

/// The debit that the shell found.
pub(super) fn old_debit<'a>(context: &Context<'a>) -> Option<&'a OldDebit> {
    match context.looked_up {
        Some(LookedUp::Debit(old)) => Some(old),
        Some(LookedUp::Credits(_) | LookedUp::Receiver(_) | LookedUp::Each(_)) | None => None,
    }
}

/// What is to come back of an old debit.
pub(super) fn asked_of(
    old: &OldDebit,
    reason: RefundReason,
    credits: Option<Credits>,
    regrant_days: Option<u16>,
) -> Asked<'_> {
    Asked { reason, debit: old.position, rows: &old.rows, slices: &old.slices, credits, regrant_days }
}

/// An amount of credits is of one unit: of several, it does not say which.
fn check_one_unit(customer: &Customer, old: &OldDebit) -> Result<(), Refusal> {
    if mixed_units(customer, old) { Err(Refusal::UnitRequired) } else { Ok(()) }
}

/// Whether what can still come back is of different units. Rows of which nothing is left add nothing any more.
fn mixed_units(customer: &Customer, old: &OldDebit) -> bool {
    let has_rest = |row: &(u32, DebitRow)| {
        giving_back::left(customer, old.position, std::slice::from_ref(row)).is_positive()
    };
    let unit_of = |row: &DebitRow| customer.wallet(row.posting.wallet).map(|wallet| &wallet.head.unit);
    let with_rest = old.rows.iter().filter(|row| has_rest(row));
    let mut units = with_rest.filter_map(|(_, row)| unit_of(row));
    let first: Option<&Unit> = units.next();
    units.any(|unit| Some(unit) != first)
}

/// Of different units nothing is added up (SEMANTICS §3).
fn add_up(customer: &Customer, request: &Refund, old: &OldDebit, back: GivenBack, left: Credits) -> Refunded {
    let mixed_units = mixed_units(customer, old);
    let shown = |credits: Credits| if mixed_units { Credits::ZERO } else { credits };
    Refunded {
        of: request.row,
        credits: shown(back.rows.iter().map(|row| row.credits).sum()),
        expired: shown(back.lapsed.iter().map(|lapsed| lapsed.credits).sum()),
        left: shown(left),
        mixed_units,
        back,
    }
}
