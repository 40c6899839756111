//! What charges use of budgets, and give back.

use crate::amount::Credits;
use crate::budget::{BudgetLimit, BudgetMove};
use crate::customer::Customer;

/// Counts charges. A later window than the one that stands there begins from nothing.
pub(super) fn count(customer: &mut Customer, moves: &[BudgetMove]) {
    for used in moves {
        if let Some(limit) = limit_mut(customer, used) {
            if limit.ends_at != used.ends_at {
                *limit = BudgetLimit { used: Credits::ZERO, ends_at: used.ends_at, ..*limit };
            }
            limit.used += used.credits;
        }
    }
}

/// Gives back to windows that are still the ones that were taken from (SEMANTICS §18): a reset, or a cap set anew, has begun
/// another.
pub(super) fn give_back(customer: &mut Customer, moves: &[BudgetMove]) {
    for freed in moves {
        if let Some(limit) = limit_mut(customer, freed).filter(|limit| limit.ends_at == freed.ends_at) {
            // In old records, a cap that was taken away and set again counts under the name that it had.
            limit.used = (limit.used - freed.credits).max(Credits::ZERO);
        }
    }
}

/// The cap; `None` if it, or its budget, was taken away meanwhile.
fn limit_mut<'a>(customer: &'a mut Customer, of: &BudgetMove) -> Option<&'a mut BudgetLimit> {
    let budget = customer.budgets.get_mut(&of.budget)?;
    budget.limits.iter_mut().find(|limit| limit.window == of.window)
}
