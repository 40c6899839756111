//! What must always hold (SEMANTICS §17): of the whole state in tests, of what a step touched in production.
//!
//! A violation is a bug. It stops the customer's actor before anything is logged, never the books. Each check is made twice, from
//! two sides: [`check_touched`] compares facts with the state after them, [`check_all`] the state with itself.

mod moved;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::customer::Customer;
use crate::fact::{Effect, Facts, Posting};
use crate::ids::HoldId;
use crate::wallet::WalletStatus;

pub use state::check_all;

/// A broken invariant: a bug. The sentence names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {detail}")]
pub struct Violation {
    /// Its number in SEMANTICS §17, or its name.
    pub invariant: &'static str,
    /// What was found.
    pub detail: String,
}

/// `detail` is only made when it is needed: the checks run in every step.
fn ensure(holds: bool, invariant: &'static str, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, detail: detail() }) }
}

/// Checks what facts touched, after they were applied. O(touched): proportional to rows and slices, never to the state.
///
/// # Errors
/// The first [`Violation`].
pub fn check_touched(customer: &Customer, facts: &Facts) -> Result<(), Violation> {
    check_chain(customer, facts)?;
    facts.due.iter().try_for_each(|due| moved::check_due(customer, due))?;
    facts.set_off.as_ref().map_or(Ok(()), |set_off| moved::check_set_off(customer, set_off))?;
    let one = std::slice::from_ref(&facts.effect);
    check_batch(customer, if let Effect::Atomic(effects) = &facts.effect { effects } else { one })
}

/// Of a hold only the last step is the state.
fn check_batch(customer: &Customer, effects: &[Effect]) -> Result<(), Violation> {
    let mut seen: BTreeSet<HoldId> = BTreeSet::new();
    effects.iter().rev().try_for_each(|effect| {
        moved::check_effect(customer, effect)?;
        if let Effect::Held(step) = effect
            && seen.insert(step.hold.id)
        {
            moved::check_kept(customer, &step.hold)?;
        }
        Ok(())
    })
}

/// I4: rows of a wallet follow each other without a gap, and end where the wallet stands now.
fn check_chain(customer: &Customer, facts: &Facts) -> Result<(), Violation> {
    let mut ends: SmallVec<[Posting; 2]> = SmallVec::new();
    let mut broken = None;
    facts.each_posting(|posting| match ends.iter_mut().find(|end| end.wallet == posting.wallet) {
        Some(end) => {
            if (end.sequence + 1, end.after) != (posting.sequence, posting.before) {
                broken = Some(*posting);
            }
            *end = *posting;
        }
        None => ends.push(*posting),
    });
    ensure(broken.is_none(), "I4 rows form a chain", || format!("{broken:?}"))?;
    for end in &ends {
        let head = customer.wallet(end.wallet).map(|wallet| &wallet.head);
        let stands = head.is_some_and(|head| {
            let posted = if head.status == WalletStatus::Closed { end.after } else { head.posted };
            (head.sequence, posted) == (end.sequence, end.after)
        });
        ensure(stands, "I4 the last row is the wallet's balance", || format!("{end:?}, {head:?}"))?;
    }
    Ok(())
}
