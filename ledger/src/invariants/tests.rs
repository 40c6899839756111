//! Spoilt states and facts that do not add up are found.

use super::{check_all, check_touched};
use crate::budget::Window;
use crate::command::{Capture, Command, Memo, SetBudget};
use crate::customer::Customer;
use crate::fact::{Debited, Effect, Giver, HoldStep, HoldVerb, Lapsed, Posting};
use crate::hold::{Hold, HoldStatus};
use crate::ids::LogPosition;
use crate::testing::{Book, USD, credits, second};
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

/// As [`book`], with a hold of both tranches and of overdraft, and one that counts in a budget.
fn held() -> Book {
    let mut book = book();
    book.ask(Command::SetBudget(SetBudget {
        id: Some("team".into()),
        create: true,
        parent: None,
        currency: USD,
        price_unit: None,
        limits: vec![(Window::Lifetime, credits("50"))],
    }))
    .unwrap();
    book.place("5", |request| request.charge.budget = Some("team".into())).unwrap();
    book.place("27", |_| {}).unwrap();
    book
}

fn found_in_held(spoil: impl FnOnce(&mut Customer)) -> &'static str {
    let mut book = held();
    check_all(&book.customer).unwrap();
    spoil(&mut book.customer);
    check_all(&book.customer).unwrap_err().invariant
}

/// Changes the hold that was placed last.
fn with_hold(change: impl FnOnce(&mut Hold)) -> impl FnOnce(&mut Customer) {
    |customer| {
        let mut hold = customer.holds.iter().last().unwrap().clone();
        change(&mut hold);
        customer.holds.set(hold);
    }
}

#[test]
fn spoilt_holds_and_budgets_are_found() {
    assert_eq!(found_in_held(|customer| customer.wallets[0].head.held += credits("1")), "I1 held = Σ pinned");
    let more_overdraft = |customer: &mut Customer| {
        customer.wallets[0].head.held += credits("1");
        customer.wallets[0].held_overdraft += credits("1");
    };
    assert_eq!(found_in_held(more_overdraft), "I1 holds pin the held overdraft");
    let swapped = |customer: &mut Customer| {
        customer.wallets[0].tranches[0].pinned -= credits("1");
        customer.wallets[0].held_overdraft += credits("1");
    };
    assert_eq!(found_in_held(swapped), "next_due is exact");
    let negative = |customer: &mut Customer| {
        customer.wallets[0].head.held = credits("30") - credits("1");
        customer.wallets[0].held_overdraft = credits("-1");
    };
    assert_eq!(found_in_held(negative), "I1 0 ≤ held overdraft ≤ held");
    let gone = |customer: &mut Customer| {
        let id = customer.holds.iter().last().unwrap().id;
        customer.holds.remove(id);
    };
    assert_eq!(found_in_held(gone), "I1 holds pin the held overdraft");
    let add_up = "a hold's pins, captures and releases add up";
    assert_eq!(found_in_held(with_hold(|hold| hold.credits += credits("1"))), add_up);
    assert_eq!(found_in_held(with_hold(|hold| hold.pins[0].credits = credits("0"))), add_up);
    assert_eq!(found_in_held(with_hold(|hold| hold.pins.swap(0, 2))), "a hold spends overdraft last");
    let closed = |hold: &mut Hold| hold.status = HoldStatus::Released;
    assert_eq!(found_in_held(with_hold(closed)), "a closed hold pins nothing");
    let timeless = |hold: &mut Hold| hold.expires_at = hold.placed_at;
    assert_eq!(found_in_held(with_hold(timeless)), "a hold ends after it starts");
    let more_of_one = |hold: &mut Hold| {
        hold.pins[0].credits += credits("1");
        hold.pins[1].credits -= credits("1");
    };
    assert_eq!(found_in_held(with_hold(more_of_one)), "I2 holds pin what is pinned");
    assert_eq!(
        found_in_held(|customer| customer.holds.mislay_deadline()),
        "holds are found by their deadlines"
    );
    let budget = |customer: &mut Customer| {
        customer.budgets.get_mut("team").unwrap().limits[0].used = credits("-1");
    };
    assert_eq!(found_in_held(budget), "a budget's use is 0 or more");
    let nothing = |customer: &mut Customer| {
        customer.given_back.insert((LogPosition(1), 0), credits("0"));
    };
    assert_eq!(found_in_held(nothing), "what was given back is something");
    assert_eq!(
        found_in_held(|customer| customer.wallets[0].tranches[1].scheduled = true),
        "I1 posted = Σ usable − debt"
    );
}

#[test]
fn steps_of_holds_that_do_not_add_up_are_found() {
    let mut book = held();
    let hold = book.customer.holds.iter().last().unwrap().id;
    book.capture(hold, "7", false).unwrap();
    let captured = book.log.last().unwrap().facts.clone();
    let found = |spoil: fn(&mut HoldStep)| {
        let mut facts = captured.clone();
        let Effect::Held(step) = &mut facts.effect else { panic!("{facts:?}") };
        spoil(step);
        check_touched(&book.customer, &facts).unwrap_err().invariant
    };
    assert_eq!(found(|step| step.hold.captured += credits("1")), "only open holds are kept");
    assert_eq!(
        found(|step| step.hold.released += credits("-1")),
        "a hold's pins, captures and releases add up"
    );
    assert_eq!(found(|step| step.verb = HoldVerb::Released), "a hold's step moves what its verb says");
    assert_eq!(found(|step| step.consumed[0].credits += credits("1")), "I3 a capture takes its pins first");
    let lapsed = |step: &mut HoldStep| {
        let taken = step.taken.as_ref().unwrap();
        let Giver::Tranche { id, terms } = taken.slices[0].giver.clone() else { panic!() };
        step.lapsed.push(Lapsed {
            tranche: id,
            credits: credits("1"),
            terms,
            voided: false,
            posting: Posting {
                sequence: 4,
                before: credits("23"),
                after: credits("22"),
                ..taken.rows[0].posting
            },
        });
    };
    assert_eq!(found(lapsed), "I4 the last row is the wallet's balance");

    let mut beyond = book.customer.clone();
    beyond.wallets[0].held_overdraft = credits("-1");
    let violation = check_touched(&beyond, &captured).unwrap_err();
    assert_eq!(violation.invariant, "I1 0 ≤ held overdraft ≤ held");
    let mut book = held();
    let placed = book.log.last().unwrap().facts.clone();
    book.customer.wallets[0].head.overdraft_limit = credits("1");
    let violation = check_touched(&book.customer, &placed).unwrap_err();
    assert_eq!(violation.invariant, "I1 no debit leaves own < −overdraft_limit");
}

#[test]
fn of_a_batch_only_the_last_step_of_a_hold_is_the_state() {
    let mut book = held();
    let hold = book.customer.holds.iter().last().unwrap().id;
    let capture =
        || Command::Capture(Capture { hold, credits: credits("3"), last: false, memo: Memo::default() });
    let release = Command::Release { hold, memo: Memo::default() };
    book.ask(Command::Atomic(vec![capture(), capture(), release])).unwrap();
    assert_eq!(book.posted(book.customer.wallets[0].head.id), "24");
    book.replay();
}
