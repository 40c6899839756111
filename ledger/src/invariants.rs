//! What must always hold (SEMANTICS §17).

use crate::customer::Customer;
use crate::fact::Facts;

/// A broken invariant: a bug. The sentence names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {detail}")]
pub struct Violation {
    /// Its number in SEMANTICS §17, or its name.
    pub invariant: &'static str,
    /// What was found.
    pub detail: String,
}

/// Checks what facts touched, after they were applied. O(touched).
///
/// # Errors
/// The first [`Violation`].
pub fn check_touched(customer: &Customer, facts: &Facts) -> Result<(), Violation> {
    let _ = (customer, facts);
    Ok(())
}

/// Checks everything. O(state).
///
/// # Errors
/// The first [`Violation`].
pub fn check_all(customer: &Customer) -> Result<(), Violation> {
    let _ = customer;
    Ok(())
}
