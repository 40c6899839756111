//! What must always hold (SEMANTICS §17): of the whole state in tests, of what a step touched in production.
//!
//! A violation is a bug. It stops the customer's actor before anything is logged, never the books. Each check is made twice, from
//! two sides: [`check_touched`] compares facts with the state after them, [`check_all`] the state with itself.

use smallvec::SmallVec;

use crate::amount::Credits;
use crate::burn_order;
use crate::customer::Customer;
use crate::fact::{CreditRow, Debited, Effect, Facts, Giver, Posting};
use crate::ids::{LogPosition, ThingId};
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::wallet::{Wallet, WalletStatus};

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
    match &facts.effect {
        Effect::Ticked | Effect::CustomerSet(_) | Effect::WalletSet(_) => Ok(()),
        Effect::WalletCreated { initial, wallet, .. } => {
            initial.as_deref().map_or(Ok(()), |row| check_credit(customer.wallet(wallet.id), row))
        }
        Effect::ToppedUp { rows, wallet } => {
            rows.iter().try_for_each(|row| check_credit(customer.wallet(wallet.id), row))
        }
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => check_debit(customer, debited),
        Effect::WalletClosed { wallet, .. } => customer.wallet(wallet.id).map_or(Ok(()), check_closed),
        _ => Ok(()), // wip
    }
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

fn check_credit(wallet: Option<&Wallet>, row: &CreditRow) -> Result<(), Violation> {
    let left = row.terms.original - row.repaid;
    ensure(!left.is_negative(), "I2 repaid ≤ original", || format!("{row:?}"))?;
    let minted =
        wallet.and_then(|wallet| wallet.find(row.tranche, &row.terms).map(|at| &wallet.tranches[at]));
    let matches = match minted {
        Some(tranche) => tranche.remaining == left && tranche.scheduled == row.posting.is_none(),
        None => left.is_zero(),
    };
    ensure(matches, "a credit mints its tranche", || format!("{row:?}, {minted:?}"))
}

/// I1, I2 and I3 of what a debit touched.
fn check_debit(customer: &Customer, debited: &Debited) -> Result<(), Violation> {
    for row in &debited.rows {
        let slices = debited.slices.iter().filter(|slice| slice.wallet == row.posting.wallet);
        let taken: Credits = slices.map(|slice| slice.credits).sum();
        let agree = taken == row.credits && row.posting.before - row.posting.after == row.credits;
        ensure(agree && row.credits.is_positive(), "I3 Σ slices = credits", || {
            format!("{row:?}, slices {taken}")
        })?;
        let head = customer.wallet(row.posting.wallet).map(|wallet| &wallet.head);
        let within = head.is_some_and(|head| !(head.own() + head.overdraft_limit).is_negative());
        ensure(within, "I1 no debit leaves own < −overdraft_limit", || format!("{head:?}"))?;
    }
    let total: Credits = debited.rows.iter().map(|row| row.credits).sum();
    let agrees = debited.mixed_units || total == debited.credits;
    ensure(agrees, "I3 Σ rows = credits", || format!("{total} of {}", debited.credits))?;
    debited.slices.iter().try_for_each(|slice| match &slice.giver {
        Giver::Overdraft => Ok(()),
        Giver::Tranche { id, terms } => {
            let wallet = customer.wallet(slice.wallet);
            let giver = wallet.and_then(|wallet| wallet.find(*id, terms).map(|at| &wallet.tranches[at]));
            giver.map_or(Ok(()), check_tranche)
        }
    })
}

/// Checks everything. O(state).
///
/// # Errors
/// The first [`Violation`].
pub fn check_all(customer: &Customer) -> Result<(), Violation> {
    customer.wallets.iter().try_for_each(|wallet| check_wallet(customer, wallet))?;
    let sorted = customer.wallets.windows(2).all(|pair| pair[0].head.id < pair[1].head.id);
    ensure(sorted, "wallets are kept oldest first", || format!("customer {}", customer.number.0))
}

fn check_wallet(customer: &Customer, wallet: &Wallet) -> Result<(), Violation> {
    let head = &wallet.head;
    check_id(customer, head.id.0)?;
    let of_started = |of: fn(&Tranche) -> Credits| -> Credits {
        wallet.tranches.iter().filter(|tranche| !tranche.scheduled).map(of).sum()
    };
    let usable = of_started(|tranche| tranche.remaining);
    ensure(head.posted == usable - head.debt, "I1 posted = Σ usable − debt", || {
        format!("{usable}, {head:?}")
    })?;
    let pinned = of_started(|tranche| tranche.pinned);
    ensure(head.held == pinned, "I1 held = Σ pinned", || format!("{pinned}, {head:?}"))?;
    ensure(!head.debt.is_negative(), "I1 debt ≥ 0", || format!("{head:?}"))?;
    let moved = head.sequence > 0 || head.posted.is_zero();
    ensure(moved, "I4 a balance comes from rows", || format!("{head:?}"))?;
    for tranche in &wallet.tranches {
        check_id(customer, tranche.id.0)?;
        check_tranche(tranche)?;
        let bound =
            customer.last_position == LogPosition(0) || tranche.credit_position <= customer.last_position;
        ensure(bound, "a tranche's row is in the log", || format!("{tranche:?}"))?;
    }
    check_order(wallet)?;
    if wallet.is_open() { Ok(()) } else { check_closed(wallet) }
}

/// Ids are minted with a counter that facts move: it is past every id that lives.
fn check_id(customer: &Customer, id: ThingId) -> Result<(), Violation> {
    let known = id.customer() == customer.number && id.counter() < customer.counter;
    ensure(known, "the counter is past every id", || format!("{id:?}, counter {}", customer.counter))
}

fn check_tranche(tranche: &Tranche) -> Result<(), Violation> {
    let bounded = !tranche.pinned.is_negative()
        && tranche.pinned <= tranche.remaining
        && tranche.remaining <= tranche.terms.original;
    ensure(bounded, "I2 0 ≤ pinned ≤ remaining ≤ original", || format!("{tranche:?}"))?;
    ensure(!tranche.is_empty(), "no empty tranche is live", || format!("{tranche:?}"))?;
    let lives = tranche.terms.expires_at.is_none_or(|end| tranche.terms.effective_at < end);
    ensure(lives, "a tranche ends after it starts", || format!("{tranche:?}"))
}

fn check_order(wallet: &Wallet) -> Result<(), Violation> {
    let key = |tranche: &Tranche| burn_order::key(tranche.id, &tranche.terms);
    let sorted = wallet.tranches.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
    ensure(sorted, "tranches are kept in burn order", || format!("{:?}", wallet.head.id))?;
    let (kept, exact) = (wallet.next_due, wallet.scan_next_due());
    ensure(kept == exact, "next_due is exact", || format!("{kept} kept, {exact} found"))
}

fn check_closed(wallet: &Wallet) -> Result<(), Violation> {
    let head = &wallet.head;
    let empty =
        head.posted.is_zero() && head.held.is_zero() && head.debt.is_zero() && wallet.tranches.is_empty();
    ensure(empty && wallet.next_due == Timestamp::MAX, "a closed wallet holds nothing", || {
        format!("{head:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Book, credits, second};

    /// A customer with two tranches, one of which ends, and an overdraft.
    fn book() -> Book {
        let mut book = Book::empty();
        let wallet = book.wallet(|request| request.overdraft_limit = credits("5"));
        book.credit(wallet, 10, |request| request.expires_at = Some(second(60)));
        book.credit(wallet, 20, |_| {});
        book
    }

    fn found(spoil: impl FnOnce(&mut Wallet)) -> &'static str {
        let mut book = book();
        check_all(&book.customer).unwrap();
        spoil(&mut book.customer.wallets[0]);
        check_all(&book.customer).unwrap_err().invariant
    }

    #[test]
    fn every_spoilt_state_is_found() {
        assert_eq!(found(|wallet| wallet.head.posted += credits("1")), "I1 posted = Σ usable − debt");
        assert_eq!(found(|wallet| wallet.tranches[0].pinned = credits("1")), "I1 held = Σ pinned");
        assert_eq!(found(|wallet| wallet.tranches.swap(0, 1)), "tranches are kept in burn order");
        assert_eq!(found(|wallet| wallet.next_due = second(61)), "next_due is exact");
        assert_eq!(
            found(|wallet| wallet.head.status = WalletStatus::Closed),
            "a closed wallet holds nothing"
        );
        assert_eq!(found(|wallet| wallet.head.sequence = 0), "I4 a balance comes from rows");
        let beyond = |wallet: &mut Wallet| {
            wallet.tranches[0].remaining += credits("1");
            wallet.head.posted += credits("1");
        };
        assert_eq!(found(beyond), "I2 0 ≤ pinned ≤ remaining ≤ original");
        let empty = |wallet: &mut Wallet| {
            wallet.head.posted -= wallet.tranches[0].remaining;
            wallet.tranches[0].remaining = credits("0");
        };
        assert_eq!(found(empty), "no empty tranche is live");
    }

    #[test]
    fn facts_that_do_not_add_up_are_found() {
        let mut book = book();
        book.debit("32").unwrap();
        let record = book.log.last().unwrap().clone();
        let found = |spoil: fn(&mut Debited)| {
            let mut facts = record.facts.clone();
            let Effect::Debited(debited) = &mut facts.effect else { panic!("{facts:?}") };
            spoil(debited);
            check_touched(&book.customer, &facts).unwrap_err().invariant
        };
        assert_eq!(found(|debited| debited.slices[0].credits += credits("1")), "I3 Σ slices = credits");
        assert_eq!(found(|debited| debited.credits += credits("1")), "I3 Σ rows = credits");
        assert_eq!(
            found(|debited| debited.rows[0].posting.sequence += 1),
            "I4 the last row is the wallet's balance"
        );
        let mut beyond = book.customer.clone();
        beyond.wallets[0].head.overdraft_limit = credits("1");
        let violation = check_touched(&beyond, &record.facts).unwrap_err();
        assert_eq!(violation.invariant, "I1 no debit leaves own < −overdraft_limit");
        assert!(violation.to_string().contains("overdraft_limit"));
    }
}
