//! Credit that was pinned and is spent, and what is spent beyond it.
//!
//! Where the payment of what is pinned has failed meanwhile, there is no credit to spend: what is captured of it is debt, and the pins go
//! with the rest of that credit (SEMANTICS §11).

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{held, home, open_hold, payers, step};
use crate::amount::Credits;
use crate::budget::{BudgetMove, take_first};
use crate::command::{Capture, OverCapture, Quantity};
use crate::customer::Customer;
use crate::decide::taking::Taking;
use crate::decide::{Context, budget, check_quantity, debit, existing};
use crate::fact::{DebitExtra, Debited, Effect, Giver, HoldStep, HoldVerb, Lapsed, Slice};
use crate::hold::{Hold, HoldStatus};
use crate::letting_go::{self, Balances};
use crate::refusal::Refusal;

/// Pins of a hold.
type Pins = SmallVec<[Slice; 1]>;

/// Spends what is pinned, in burn order; more than that as the hold's policy says.
pub(in crate::decide) fn capture(
    customer: &Customer,
    request: &Capture,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_quantity(Quantity::Credits(request.credits), "a capture must be more than 0")?;
    existing(customer)?;
    let hold = open_hold(customer, request.hold)?;
    let pinned = hold.held();
    let beyond = (request.credits - pinned).max(Credits::ZERO);
    let (captured, rest) = split(&hold.pins, request.credits - beyond);
    let slices_left = context.limits.slices_max.saturating_sub(captured.len());
    let (unpaid, consumed): (Pins, Pins) = captured.into_iter().partition(|pin| is_unpaid(customer, pin));
    let drawn = draw(&owing(customer, &unpaid), hold, beyond, slices_left, context)?;
    let is_last = request.last || beyond.is_positive();
    let (let_go, pins) = if is_last { (rest, Pins::new()) } else { (Pins::new(), rest) };
    let released: Credits = let_go.iter().map(|pin| pin.credits).sum();

    let mut taking = Taking::new(customer, Quantity::Credits(request.credits));
    taking.take_pins(&consumed);
    taking.take_found(&as_debt(&unpaid));
    taking.take_found(&drawn.slices);
    let returned: Pins = unpaid.into_iter().chain(let_go).collect();
    let lapsed = letting_go::lapses(customer, &returned, context.now, &mut Balances::after(taking.rows()));
    taking.let_go(&staying(&returned, &lapsed));
    let mut taken = taking.finish_short(debit::index_of(customer, home(customer, hold)), context)?;

    let mut budget = hold.budget.clone();
    count(&mut taken, take_first(&mut budget, request.credits - beyond), &drawn.used);
    let freed = if is_last { std::mem::take(&mut budget) } else { Vec::new() };
    let hold = Hold {
        status: if is_last { HoldStatus::Captured } else { HoldStatus::Open },
        captured: super::sum(hold.captured, taken.credits)?,
        released: hold.released + released,
        pins,
        budget,
        ..hold.clone()
    };
    let (step, used) = (step(HoldVerb::Captured, hold), drawn.used);
    Ok(held(HoldStep { consumed, returned, taken: Some(taken), lapsed, used, freed, ..step }))
}

/// Whether nobody ever paid for what is pinned. Only pins are left of such credit, and it is voided.
fn is_unpaid(customer: &Customer, pin: &Slice) -> bool {
    let Giver::Tranche { id, terms } = &pin.giver else { return false };
    if customer.recharges.is_empty() {
        return false;
    }
    let wallet = customer.wallet(pin.wallet).expect("pins name wallets of their customer");
    let voided = wallet.find(*id, terms).is_some_and(|at| wallet.tranches[at].voided);
    voided && customer.recharges.is_unpaid(*id)
}

/// What was captured of credit that was never paid.
fn as_debt(unpaid: &[Slice]) -> Pins {
    unpaid.iter().map(|pin| Slice { giver: Giver::Overdraft, ..pin.clone() }).collect()
}

/// The customer as a draw finds it: what was captured of credit that was never paid is owed before.
fn owing<'a>(customer: &'a Customer, unpaid: &[Slice]) -> Cow<'a, Customer> {
    if unpaid.is_empty() {
        return Cow::Borrowed(customer);
    }
    let mut owing = customer.clone();
    for pin in unpaid {
        let of_pin = owing.wallets.iter_mut().find(|wallet| wallet.head.id == pin.wallet);
        let head = &mut of_pin.expect("pins name wallets of their customer").head;
        head.posted -= pin.credits;
        head.debt += pin.credits;
    }
    Cow::Owned(owing)
}

/// What a capture counts as in budgets: what the hold counted of it, and what was drawn.
fn count(taken: &mut Debited, mut counted: Vec<BudgetMove>, drawn: &[BudgetMove]) {
    counted.extend(drawn.iter().cloned());
    if !counted.is_empty() {
        taken.extra = Some(Box::new(DebitExtra { priced: None, budget: counted }));
    }
}

/// The first pins, up to so many credits, and the others. One may be in both.
fn split(pins: &[Slice], credits: Credits) -> (Pins, Pins) {
    let mut left = credits;
    let (mut first, mut others) = (Pins::new(), Pins::new());
    for pin in pins {
        let part = left.min(pin.credits);
        left -= part;
        for (credits, into) in [(part, &mut first), (pin.credits - part, &mut others)] {
            if credits.is_positive() {
                into.push(Slice { credits, ..pin.clone() });
            }
        }
    }
    (first, others)
}

/// What a capture takes beyond the pins.
#[derive(Default)]
struct Drawn {
    slices: Pins,
    /// What it counts as in budgets: it happened, so none refuses it.
    used: Vec<BudgetMove>,
}

/// Takes what there is, in at most `slices_max` slices, for what is asked beyond the pins; how much is missing is found by whoever adds up.
fn draw(
    customer: &Customer,
    hold: &Hold,
    beyond: Credits,
    slices_max: usize,
    context: &Context<'_>,
) -> Result<Drawn, Refusal> {
    if !beyond.is_positive() {
        return Ok(Drawn::default());
    }
    let mut taking = Taking::new(customer, Quantity::Credits(beyond));
    match hold.over_capture {
        OverCapture::Reject => {
            return Err(Refusal::OverCapture { held: hold.held(), asked: hold.held() + beyond });
        }
        OverCapture::Draw => taking.take_own(&payers(customer, hold), &hold.charge, context.now),
        OverCapture::Overdraft => taking.take_charge(&payers(customer, hold), &hold.charge, context.now),
    }
    let home = home(customer, hold);
    let taking = taking.shortened(Quantity::Credits(beyond), slices_max);
    let drawn = taking.finish_short(debit::index_of(customer, home), context)?;
    let used = budget::count(customer, &hold.charge, drawn.credits, Some(&home.head.unit), context);
    Ok(Drawn { slices: drawn.slices, used })
}

/// What of the pins that came back can be spent again.
fn staying(returned: &[Slice], lapsed: &[Lapsed]) -> Pins {
    let is_gone = |slice: &Slice| match &slice.giver {
        Giver::Tranche { id, .. } => lapsed.iter().any(|lapsed| lapsed.tranche == *id),
        Giver::Overdraft => false,
    };
    returned.iter().filter(|slice| !is_gone(slice)).cloned().collect()
}
