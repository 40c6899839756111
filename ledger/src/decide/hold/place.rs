//! Credit that becomes pinned: a hold is placed, or grows.

use std::cmp::Ordering;

use super::{check_expires_in, deadline, held, open_hold, payers, step, sum};
use crate::amount::Credits;
use crate::burn_order;
use crate::command::{HoldAsked, PlaceHold, Quantity};
use crate::customer::Customer;
use crate::decide::taking::Taking;
use crate::decide::{Context, Ids, active_wallet, budget, check_quantity, debit, existing, limit_reached};
use crate::fact::{Effect, Giver, HoldStep, HoldVerb, Priced, Slice};
use crate::hold::{Hold, HoldStatus};
use crate::ids::HoldId;
use crate::refusal::Refusal;

/// Pins as much as was asked for; of a range, as much as there is.
pub(in crate::decide) fn place(
    customer: &Customer,
    request: &PlaceHold,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let (least, most, priced) = range(&request.asked, context)?;
    check_expires_in(request.expires_in_s)?;
    existing(customer)?;
    let payers = debit::payers(customer, &request.charge, Quantity::Credits(most))?;
    let mut taking = Taking::new(customer, Quantity::Credits(most));
    taking.take_charge(&payers, &request.charge, context.now);
    let found = taking.finish_range(least, most, context)?;
    let used = budget::check(customer, &request.charge, &found, context)?;
    let max = context.limits.holds_max;
    if customer.holds.len() >= max {
        return Err(limit_reached("holds_max", max));
    }
    let hold = Hold {
        id: HoldId(Ids::of(customer, context.now).next()),
        status: HoldStatus::Open,
        charge: request.charge.clone(),
        wallet: found.slices[0].wallet,
        priced,
        over_capture: request.over_capture,
        placed_at: context.now,
        expires_at: deadline(context.now, request.expires_in_s, context),
        credits: found.credits,
        captured: Credits::ZERO,
        released: Credits::ZERO,
        pins: found.slices.clone(),
        budget: used.clone(),
    };
    Ok(held(HoldStep { pinned: found.slices, used, ..step(HoldVerb::Placed, hold) }))
}

/// The fewest and the most credits that will do, and the card that says so.
fn range(asked: &HoldAsked, context: &Context<'_>) -> Result<(Credits, Credits, Option<Priced>), Refusal> {
    let (least, most, priced) = match asked {
        HoldAsked::Exactly(credits) => (*credits, *credits, None),
        HoldAsked::Range { min, max } => (*min, *max, None),
        HoldAsked::Metered(metered) => {
            let priced = debit::price_or_refuse(metered, context)?;
            (priced.credits, priced.credits, Some(priced))
        }
    };
    check_quantity(Quantity::Credits(least), "a hold must be more than 0")?;
    check_quantity(Quantity::Credits(most), "a hold must be more than 0")?;
    if least > most {
        return Err(Refusal::Invalid { field: "min_credits", problem: "is more than max_credits" });
    }
    Ok((least, most, priced))
}

/// Pins more, as a new hold of the same charge would. What has ended pins no more, even if the hold pins some of it.
pub(in crate::decide) fn grow(
    customer: &Customer,
    id: HoldId,
    credits: Credits,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_quantity(Quantity::Credits(credits), "a hold must grow by more than 0")?;
    let hold = open_hold(customer, id)?;
    if let Some(named) = hold.charge.wallet {
        active_wallet(customer, named)?;
    }
    let mut taking = Taking::new(customer, Quantity::Credits(credits));
    taking.take_charge(&payers(customer, hold), &hold.charge, context.now);
    let found = taking.finish(Quantity::Credits(credits), false, context)?;
    let used = budget::check(customer, &hold.charge, &found, context)?;

    let mut grown = Hold { credits: sum(hold.credits, credits)?, ..hold.clone() };
    add_pins(customer, &mut grown, &found.slices);
    grown.budget.extend(used.iter().cloned());
    let max = context.limits.slices_max;
    if grown.pins.len() > max {
        return Err(limit_reached("slices_max", max));
    }
    Ok(held(HoldStep { pinned: found.slices, used, ..step(HoldVerb::Grown, grown) }))
}

/// Pins of one tranche are one; all are in the order in which they will be consumed.
fn add_pins(customer: &Customer, hold: &mut Hold, more: &[Slice]) {
    for slice in more {
        let same = hold.pins.iter_mut().find(|pin| pin.wallet == slice.wallet && pin.giver == slice.giver);
        match same {
            Some(pin) => pin.credits += slice.credits,
            None => hold.pins.push(slice.clone()),
        }
    }
    let wallet = |pin: &Slice| customer.wallet(pin.wallet).expect("pins name wallets of their customer");
    let rank =
        |pin: &Slice| (pin.giver == Giver::Overdraft, burn_order::wallet_rank(wallet(pin)), pin.wallet);
    hold.pins.sort_by(|one, other| {
        let in_wallet = || match (&one.giver, &other.giver) {
            (Giver::Tranche { id, terms }, Giver::Tranche { id: other_id, terms: other_terms }) => {
                wallet(one).burn_order.compare((*id, terms), (*other_id, other_terms))
            }
            (Giver::Overdraft, _) | (_, Giver::Overdraft) => Ordering::Equal,
        };
        rank(one).cmp(&rank(other)).then_with(in_wallet)
    });
}
