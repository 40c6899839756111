//! Spoilt states and facts that do not add up are found.

use super::{check_all, check_touched};
use crate::fact::{Debited, Effect};
use crate::testing::{Book, credits, second};
use crate::wallet::{Wallet, WalletStatus};

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
    assert_eq!(found(|wallet| wallet.head.status = WalletStatus::Closed), "a closed wallet holds nothing");
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
