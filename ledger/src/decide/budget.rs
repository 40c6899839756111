//! Budgets: set up, checked, counted (SEMANTICS §18).

use super::Context;
use crate::budget::BudgetMove;
use crate::customer::Customer;
use crate::fact::{Debited, Effect};
use crate::refusal::Refusal;
use crate::command::{Charge, SetBudget};

pub(super) fn set(_: &Customer, _: &SetBudget, _: &Context<'_>) -> Result<Effect, Refusal> { todo!("wip: budgets") }
pub(super) fn delete(_: &Customer, _: &str) -> Result<Effect, Refusal> { todo!("wip: budgets") }
pub(super) fn reset(_: &Customer, _: &str) -> Result<Effect, Refusal> { todo!("wip: budgets") }

/// Checks a debit against the budgets of its charge, leaf to root, and says what it counts as.
pub(super) fn check(
    customer: &Customer,
    charge: &Charge,
    debited: &Debited,
    context: &Context<'_>,
) -> Result<Vec<BudgetMove>, Refusal> {
    let Some(leaf) = charge.budget.as_deref() else { return Ok(Vec::new()) };
    let _ = (customer, leaf, debited, context);
    todo!("wip: budgets")
}

/// What usage that happened counts as, leaf to root. Never refuses.
pub(super) fn count(
    customer: &Customer,
    charge: &Charge,
    debited: &Debited,
    context: &Context<'_>,
) -> Vec<BudgetMove> {
    let Some(leaf) = charge.budget.as_deref() else { return Vec::new() };
    let _ = (customer, leaf, debited, context);
    todo!("wip: budgets")
}
