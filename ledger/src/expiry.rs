//! What happens by itself: tranches that start and end (SEMANTICS §6, §8).

use crate::customer::Customer;
use crate::fact::Due;
use crate::time::Timestamp;

/// What is due at `now` and not written yet, by instant, then wallet, then burn order; at most `max`.
#[must_use]
pub fn due(customer: &Customer, now: Timestamp, max: usize) -> Vec<Due> {
    let _ = (customer, now, max);
    Vec::new()
}

/// How many things are due at `now`.
#[must_use]
pub fn due_count(customer: &Customer, now: Timestamp) -> usize {
    due(customer, now, usize::MAX).len()
}
