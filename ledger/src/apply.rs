//! The fold: facts into state.

use crate::customer::Customer;
use crate::fact::Facts;
use crate::ids::LogPosition;

/// Folds facts into the state; the same function live and on replay. Cannot fail: a panic is a bug.
pub fn apply(customer: &mut Customer, facts: &Facts) {
    let _ = (customer, facts);
}

/// The other half of the fold, when the record has its position in the log.
pub fn bind(customer: &mut Customer, facts: &Facts, position: LogPosition) {
    let _ = (customer, facts, position);
}
