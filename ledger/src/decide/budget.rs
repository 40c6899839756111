//! Budgets: checked, counted, set up (SEMANTICS §18).
//!
//! What is about to happen (a debit, a hold) is refused at the first cap that it would pass, from leaf to root; usage that happened (a
//! draw, an event) is counted whatever the caps say. What was counted goes into the record as moves, so that the fold asks no
//! calendar, and a refund gives back the same moves.
//!
//! Deliberately absent: the giving back (whoever gives back takes it from the moves of what it undoes). Tested in
//! `decide/tests/budget.rs`.

use super::{Context, Ids, existing, limit_reached};
use crate::amount::Credits;
use crate::budget::{self, Budget, BudgetLimit, BudgetMove, Window, window_end};
use crate::calendar::Zone;
use crate::command::{Charge, SetBudget};
use crate::customer::Customer;
use crate::fact::{Debited, Effect};
use crate::ids::MintedBudgetId;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::Unit;

/// Longest name of a budget, in bytes.
const NAME_BYTES_MAX: usize = 128;

const NS_PER_S: u64 = 1_000_000_000;

/// Checks a debit, or what is to be pinned, against the budgets of its charge, leaf to root, and says what it counts as.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::UnitMismatch`] if the budget counts another unit; [`Refusal::BudgetExceeded`].
pub(super) fn check(
    customer: &Customer,
    charge: &Charge,
    debited: &Debited,
    context: &Context<'_>,
) -> Result<Vec<BudgetMove>, Refusal> {
    let Some(leaf) = charge.budget.as_deref() else { return Ok(Vec::new()) };
    let leaf = customer.budgets.get(leaf).ok_or(Refusal::NotFound("budget"))?;
    if debited.mixed_units || !unit_of(customer, debited).is_some_and(|unit| counts_unit(leaf, unit)) {
        return Err(Refusal::UnitMismatch);
    }
    let mut moves = Vec::new();
    for budget in path(customer, leaf) {
        for limit in &budget.limits {
            let counted = counted(customer, budget, limit, debited.credits, context);
            refuse_exceeded(limit, &counted, context.now)?;
            moves.push(counted);
        }
    }
    Ok(moves)
}

/// What usage that happened counts as; no cap refuses it. A budget that is not there, or counts another unit, counts nothing. `unit` is
/// the wallets'; `None` = no wallet says, and the charge's word is taken.
pub(super) fn count(
    customer: &Customer,
    charge: &Charge,
    credits: Credits,
    unit: Option<&Unit>,
    context: &Context<'_>,
) -> Vec<BudgetMove> {
    let leaf = charge.budget.as_deref().and_then(|leaf| customer.budgets.get(leaf));
    let Some(leaf) = leaf.filter(|_| credits.is_positive()) else { return Vec::new() };
    let is_counted = match unit {
        Some(unit) => counts_unit(leaf, unit),
        None => {
            charge.currency.is_none_or(|currency| currency == leaf.currency)
                && (charge.price_unit.is_none() || charge.price_unit == leaf.price_unit)
        }
    };
    if !is_counted {
        return Vec::new();
    }
    let limits =
        path(customer, leaf).flat_map(|budget| budget.limits.iter().map(move |limit| (budget, limit)));
    limits.map(|(budget, limit)| counted(customer, budget, limit, credits, context)).collect()
}

/// The budget and all above it. Trees have no loops and few levels: `set` sees to it.
fn path<'a>(customer: &'a Customer, leaf: &'a Budget) -> impl Iterator<Item = &'a Budget> {
    std::iter::successors(Some(leaf), |budget| customer.budgets.get(budget.parent.as_deref()?))
}

/// One unit for all that was taken: a debit that is not of mixed units has wallets of the same.
fn unit_of<'a>(customer: &'a Customer, debited: &Debited) -> Option<&'a Unit> {
    let wallet = debited.slices.first()?.wallet;
    customer.wallet(wallet).map(|wallet| &wallet.head.unit)
}

fn counts_unit(budget: &Budget, unit: &Unit) -> bool {
    budget.currency == unit.currency && budget.price_unit == unit.price_unit
}

/// The calendar is asked only when the window that was counted last has ended.
fn counted(
    customer: &Customer,
    budget: &Budget,
    limit: &BudgetLimit,
    credits: Credits,
    context: &Context<'_>,
) -> BudgetMove {
    let ends_at = if context.now < window_end(limit.ends_at) {
        limit.ends_at
    } else {
        calendar_end(customer, limit.window, context)
    };
    BudgetMove { budget: budget.id.clone(), window: limit.window, ends_at, credits }
}

/// The end of the window that holds now.
fn calendar_end(customer: &Customer, window: Window, context: &Context<'_>) -> Timestamp {
    Zone::of(customer, context.settings.time_zone.as_deref()).window_end(window, context.now)
}

/// When the window ends, if it does.
fn resets_at(counted: &BudgetMove) -> Option<Timestamp> {
    Some(window_end(counted.ends_at)).filter(|end| *end < Timestamp::MAX)
}

fn refuse_exceeded(limit: &BudgetLimit, counted: &BudgetMove, now: Timestamp) -> Result<(), Refusal> {
    let used = limit.used_at(now);
    if used + counted.credits <= limit.credits {
        return Ok(());
    }
    Err(Refusal::BudgetExceeded {
        budget: counted.budget.clone(),
        window: limit.window,
        limit: limit.credits,
        used,
        resets_at: resets_at(counted),
        retry_after_s: resets_at(counted).map(|end| (end.0 - now.0).div_ceil(NS_PER_S)),
    })
}

/// Makes a budget or replaces one. Windows that stay keep what was used of them; what counted in a cap that was taken away gives nothing
/// back to one that is set for the same window later.
pub(super) fn set(
    customer: &Customer,
    request: &SetBudget,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_limits(&request.limits)?;
    existing(customer)?;
    let id = name(customer, request, context.now)?;
    let old = customer.budgets.get(&id);
    match (old, request.create) {
        (Some(_), true) => return Err(Refusal::AlreadyExists("budget")),
        (None, false) => return Err(Refusal::NotFound("budget")),
        (Some(old), false) if (old.currency, &old.price_unit) != (request.currency, &request.price_unit) => {
            return Err(Refusal::UnitMismatch);
        }
        (Some(_), false) => {}
        (None, true) if customer.budgets.len() >= context.limits.budgets_max => {
            return Err(limit_reached("budgets_max", context.limits.budgets_max));
        }
        (None, true) => {}
    }
    check_place(customer, &id, request, context)?;
    let budget = Budget {
        limits: limits(customer, &request.limits, old, context),
        id,
        parent: request.parent.clone(),
        currency: request.currency,
        price_unit: request.price_unit.clone(),
    };
    Ok(Effect::BudgetSet(Box::new(budget)))
}

/// What can be judged without state.
fn check_limits(limits: &[(Window, Credits)]) -> Result<(), Refusal> {
    for (index, (window, credits)) in limits.iter().enumerate() {
        if credits.is_negative() {
            return Err(Refusal::AmountInvalid("a budget's limit must be 0 or more"));
        }
        if !credits.is_in_range() {
            return Err(Refusal::AmountOverflow("a budget's limit"));
        }
        if limits[..index].iter().any(|(other, _)| other == window) {
            return Err(Refusal::Invalid { field: "limits", problem: "names a window twice" });
        }
    }
    Ok(())
}

/// The name that was given, or a new one. A given name that reads as an id of this customer's that was not minted yet is refused: the
/// customer's counter moves past every id that facts hold, and such a name would choose how far.
fn name(customer: &Customer, request: &SetBudget, now: Timestamp) -> Result<Box<str>, Refusal> {
    let Some(name) = &request.id else {
        return Ok(MintedBudgetId(Ids::of(customer, now).next()).to_string().into());
    };
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Refusal::Invalid { field: "budget_id", problem: "must have 1 to 128 bytes" });
    }
    let minted = name.parse::<MintedBudgetId>().ok().map(|minted| minted.0);
    if minted.is_some_and(|id| id.customer() == customer.number && id.counter() >= customer.counter) {
        return Err(Refusal::Invalid {
            field: "budget_id",
            problem: "is the form of ids that are made here",
        });
    }
    Ok(name.clone())
}

/// Whether the budget may stand where the request puts it: a parent of the same unit, no loop, not too deep.
fn check_place(
    customer: &Customer,
    id: &str,
    request: &SetBudget,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let Some(parent) = request.parent.as_deref() else { return Ok(()) };
    if parent == id {
        return Err(LOOP);
    }
    let parent = customer.budgets.get(parent).ok_or(Refusal::NotFound("parent budget"))?;
    if (parent.currency, &parent.price_unit) != (request.currency, &request.price_unit) {
        return Err(Refusal::UnitMismatch);
    }
    if path(customer, parent).any(|above| *above.id == *id) {
        return Err(LOOP);
    }
    let levels = path(customer, parent).count() + height(customer, id);
    let max = context.limits.budget_levels_max;
    if levels > max { Err(limit_reached("budget_levels_max", max)) } else { Ok(()) }
}

const LOOP: Refusal = Refusal::InvalidOperation("a budget cannot stand below itself");

/// Levels of the tree from this budget down; 1 for one without children, and for one that is to be made.
fn height(customer: &Customer, id: &str) -> usize {
    let below = |budget| path(customer, budget).position(|above| *above.id == *id);
    1 + customer.budgets.values().filter_map(below).max().unwrap_or(0)
}

/// The caps in the order in which they are checked.
fn limits(
    customer: &Customer,
    asked: &[(Window, Credits)],
    old: Option<&Budget>,
    context: &Context<'_>,
) -> Vec<BudgetLimit> {
    let kept = |window| old.and_then(|old| old.limits.iter().find(|limit| limit.window == window));
    let asked_for = |window| asked.iter().find(|(of, _)| *of == window);
    let limit = |(window, credits): &(Window, Credits)| match kept(*window) {
        Some(limit) => BudgetLimit { credits: *credits, ..*limit },
        None => {
            let end = calendar_end(customer, *window, context);
            let ends_at = budget::begun(end, customer.last_position);
            BudgetLimit { window: *window, credits: *credits, used: Credits::ZERO, ends_at }
        }
    };
    Window::ALL.into_iter().filter_map(asked_for).map(limit).collect()
}

/// Removes a budget on which nothing leans.
pub(super) fn delete(customer: &Customer, id: &str) -> Result<Effect, Refusal> {
    let budget = named(customer, id)?;
    if customer.budgets.values().any(|other| other.parent.as_deref() == Some(id)) {
        return Err(Refusal::InvalidOperation("the budget has others below it"));
    }
    let counts_in = |hold: &crate::hold::Hold| {
        hold.charge.budget.as_deref() == Some(id) || hold.budget.iter().any(|used| *used.budget == *id)
    };
    if customer.holds.iter().any(counts_in) {
        return Err(Refusal::InvalidOperation("an open hold counts in the budget"));
    }
    Ok(Effect::BudgetDeleted(budget.id.clone()))
}

/// Nothing is used of any of its windows any more; they end when they would have. What was counted before gives nothing back to them.
pub(super) fn reset(customer: &Customer, id: &str) -> Result<Effect, Refusal> {
    let mut budget = named(customer, id)?.clone();
    budget.limits.iter_mut().for_each(BudgetLimit::reset);
    Ok(Effect::BudgetSet(Box::new(budget)))
}

fn named<'a>(customer: &'a Customer, id: &str) -> Result<&'a Budget, Refusal> {
    existing(customer)?;
    customer.budgets.get(id).ok_or(Refusal::NotFound("budget"))
}
