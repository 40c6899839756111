//! Holds in budgets (SEMANTICS §18).

use super::captured;
use crate::amount::Credits;
use crate::budget::{BudgetMove, Window};
use crate::command::{Command, PlaceHold, SetBudget};
use crate::refusal::Refusal;
use crate::testing::{Book, USD, credits, second};

/// A customer with 100 dollars and a budget of 50.
fn book(window: Window) -> Book {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let budget = SetBudget {
        id: Some("team".into()),
        create: true,
        parent: None,
        currency: USD,
        price_unit: None,
        limits: vec![(window, credits("50"))],
    };
    book.ask(Command::SetBudget(budget)).unwrap();
    book
}

fn in_team(request: &mut PlaceHold) {
    request.charge.budget = Some("team".into());
}

fn used(book: &Book) -> String {
    book.customer.budgets["team"].limits[0].used_at(book.now).to_string()
}

fn sum(moves: &[BudgetMove]) -> Credits {
    moves.iter().map(|counted| counted.credits).sum()
}

#[test]
fn a_hold_counts_from_its_placing_and_a_capture_moves_nothing_but_a_draw() {
    let mut book = book(Window::Lifetime);
    let hold = book.place("30", in_team).unwrap().hold.id;
    assert_eq!(used(&book), "30");
    assert!(matches!(book.place("21", in_team), Err(Refusal::BudgetExceeded { .. })));
    assert!(matches!(book.grow(hold, "21"), Err(Refusal::BudgetExceeded { .. })));
    book.grow(hold, "10").unwrap();
    assert_eq!(used(&book), "40");
    let step = book.capture(hold, "5", false).unwrap();
    assert_eq!(used(&book), "40");
    assert_eq!((sum(captured(&step).budget()), sum(&step.hold.budget)), (credits("5"), credits("35")));
    let step = book.capture(hold, "55", false).unwrap();
    assert_eq!(used(&book), "60", "a draw is counted and not refused");
    assert_eq!(sum(captured(&step).budget()), credits("55"), "a refund gives all of it back");
    book.replay();
}

#[test]
fn what_is_released_counts_no_more() {
    let mut book = book(Window::Lifetime);
    let first = book.place("10", in_team).unwrap().hold.id;
    book.place("10", in_team).unwrap();
    let third = book.place("10", in_team).unwrap().hold.id;
    book.release(first).unwrap();
    assert_eq!(used(&book), "20", "released");
    book.capture(third, "4", true).unwrap();
    assert_eq!(used(&book), "14", "the rest of a last capture");
    book.now = second(600);
    book.ask(Command::Tick).unwrap();
    assert_eq!(used(&book), "4", "the deadline");
    book.replay();
}

#[test]
fn what_is_released_goes_back_to_its_own_window_only() {
    let mut book = book(Window::Hour);
    let long = |request: &mut PlaceHold| {
        in_team(request);
        request.expires_in_s = 3 * 3_600;
    };
    let hold = book.place("30", long).unwrap().hold.id;
    book.now = second(3_600);
    assert_eq!(used(&book), "0", "another hour");
    book.grow(hold, "10").unwrap();
    let step = book.capture(hold, "25", false).unwrap();
    assert_eq!(sum(captured(&step).budget()), credits("25"));
    assert_eq!(step.hold.budget.len(), 2, "what was counted first is spent first");
    let step = book.release(hold).unwrap();
    assert_eq!((sum(&step.freed), used(&book).as_str()), (credits("15"), "0"), "5 of them an hour ago");
    book.replay();
}
