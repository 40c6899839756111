//! Refunds: what may be named, how much, and what each refusal says (SEMANTICS §7).

use super::refund::promo_and_paid;
use super::undoing::{asked, came_back, debit_of, last, refund};
use crate::budget::Window;
use crate::command::{Asked, Command, Debit, Memo, Refund, Remainder, SetBudget};
use crate::fact::{Effect, Refunded};
use crate::ids::{LogPosition, RowId};
use crate::limits::Limits;
use crate::looked_up::LookedUp;
use crate::refusal::Refusal;
use crate::testing::{Book, USD, credits, debit, money, second};
use crate::unit::PriceUnit;
use crate::view;

/// A debit of 15 over two wallets that had 10 each. Its first row.
fn two_wallets() -> (Book, RowId) {
    let (mut book, first) = Book::new();
    let other = book.wallet(|_| {});
    for wallet in [first, other] {
        book.credit(wallet, 10, |_| {});
    }
    book.debit("15").unwrap();
    let row = last(&book, 0);
    (book, row)
}

#[test]
fn the_first_row_stands_for_all_rows_of_a_debit_and_another_for_itself() {
    let (mut book, row) = two_wallets();
    let second_row = RowId::new(book.now, row.position(), 1);
    let over = Refusal::OverRefund { left: credits("5"), asked: credits("6") };
    assert_eq!(refund(&mut book, second_row, Some("6")), Err(over));
    let refunded = refund(&mut book, second_row, Some("2")).unwrap();
    assert_eq!((refunded.left, refunded.back.rows[0].of_row), (credits("3"), 1));
    let refunded = refund(&mut book, row, Some("4")).unwrap();
    let rows: Vec<_> = refunded.back.rows.iter().map(|row| (row.of_row, row.credits)).collect();
    assert_eq!(rows, [(0, credits("1")), (1, credits("3"))], "rows in the debit's order");
    assert_eq!(refunded.left, credits("9"));
    assert_eq!(refund(&mut book, row, None).unwrap().credits, credits("9"));
    book.replay();
}

#[test]
fn only_debits_can_be_refunded_and_only_rows_that_are_there() {
    let (mut book, row) = promo_and_paid();
    let position = row.position();
    let top_up = RowId::new(book.now, LogPosition(2), 0);
    assert!(matches!(debit_of(&book, top_up), Err(Refusal::InvalidOperation(_))));
    let missing = RowId::new(book.now, position, 1);
    assert_eq!(debit_of(&book, missing), Err(Refusal::NotFound("transaction")));
    refund(&mut book, row, None).unwrap();
    assert!(
        matches!(debit_of(&book, last(&book, 0)), Err(Refusal::InvalidOperation(_))),
        "a refund is no debit"
    );
    book.now = second(60);
    book.debit("1").unwrap();
    let expiry = last(&book, 0);
    assert!(matches!(debit_of(&book, expiry), Err(Refusal::InvalidOperation(_))), "nor is what expired");
    assert_eq!(debit_of(&book, last(&book, 1)).unwrap().all_rows, 1..2);
    let row = last(&book, 1);
    refund(&mut book, row, None).unwrap();
    book.replay();
}

#[test]
fn a_manual_debit_can_be_refunded() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    book.by_hand(wallet, "4").unwrap();
    let row = last(&book, 0);
    assert_eq!(came_back(&refund(&mut book, row, None).unwrap().back), ["purchased=4"]);
    book.replay();
}

#[test]
fn refusals_come_in_their_order_and_change_nothing() {
    let (mut book, row) = promo_and_paid();
    let found = book.customer.clone();
    for amount in ["0", "-1"] {
        assert!(matches!(refund(&mut book, row, Some(amount)), Err(Refusal::AmountInvalid(_))));
    }
    assert_eq!(book.ask(Command::Refund(asked(row, None))), Err(Refusal::NotFound("transaction")));
    assert_eq!(book.customer, found);
    let wallet = book.customer.wallets[0].head.id;
    book.ask(Command::Freeze(wallet)).unwrap();
    refund(&mut book, row, Some("1")).unwrap();
    book.close(wallet, Remainder::Forfeit).unwrap();
    assert_eq!(refund(&mut book, row, Some("100")), Err(Refusal::WalletClosed(wallet)));
    book.replay();
}

#[test]
fn limits_hold_for_what_comes_back() {
    let (mut book, row) = two_wallets();
    let reached = |limit, max| Err(Refusal::LimitReached { limit, max });
    book.limits = Limits { refunds_max: 1, ..Limits::default() };
    assert_eq!(refund(&mut book, row, None), reached("refunds_max", 1));
    refund(&mut book, row, Some("5")).unwrap();
    book.limits = Limits { tranches_max: 1, ..Limits::default() };
    assert_eq!(refund(&mut book, row, None), reached("tranches_max", 1));
    book.limits = Limits { slices_max: 0, ..Limits::default() };
    assert_eq!(refund(&mut book, row, None), reached("slices_max", 0));
    book.limits = Limits::default();
    let first = book.customer.wallets[0].head.id;
    book.credit(first, 999_999_999_999, |_| {});
    assert_eq!(refund(&mut book, row, Some("9")), Err(Refusal::AmountOverflow("the wallet's credit")));
    book.replay();
}

#[test]
fn a_refund_gives_back_to_the_budget_that_the_debit_counted_in() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let limits = vec![(Window::Lifetime, credits("50")), (Window::Hour, credits("50"))];
    let (currency, price_unit, parent) = (USD, None, None);
    let request = SetBudget { id: Some("team".into()), create: true, parent, currency, price_unit, limits };
    book.ask(Command::SetBudget(request)).unwrap();
    book.charge("30", |request| request.charge.budget = Some("team".into())).unwrap();
    let row = last(&book, 0);
    let used = |book: &Book| {
        let limits = &book.customer.budgets["team"].limits;
        limits.iter().map(|limit| limit.used_at(book.now).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(used(&book), ["30", "30"]);
    refund(&mut book, row, Some("10")).unwrap();
    assert_eq!(used(&book), ["20", "20"]);
    book.now = second(7_200);
    book.charge("5", |request| request.charge.budget = Some("team".into())).unwrap();
    refund(&mut book, row, None).unwrap();
    assert_eq!(used(&book), ["5", "5"], "of a window that is over nothing comes back");
    book.replay();
}

#[test]
fn of_different_units_nothing_is_added_up() {
    let (mut book, first) = Book::new();
    let other = book.wallet(|request| request.price_unit = Some(PriceUnit::parse("tokens").unwrap()));
    for wallet in [first, other] {
        book.credit(wallet, 10, |_| {});
    }
    let mut request = debit("1");
    request.asked = Asked::Amount(money("15"));
    request.charge.currency = Some(USD);
    book.ask(Command::Debit(request)).unwrap();
    let row = last(&book, 0);
    assert_eq!(refund(&mut book, row, Some("1")), Err(Refusal::UnitRequired));
    let of_second = RowId::new(book.now, row.position(), 1);
    let Refunded { credits: back, left, .. } = refund(&mut book, of_second, Some("1")).unwrap();
    assert_eq!((back, left), (credits("1"), credits("4")));
    let refunded = refund(&mut book, row, None).unwrap();
    assert!(refunded.mixed_units && refunded.credits.is_zero() && refunded.back.rows.len() == 2);
    book.replay();
}

#[test]
fn what_is_left_of_one_unit_alone_is_added_up() {
    let (mut book, first) = Book::new();
    let other = book.wallet(|request| request.price_unit = Some(PriceUnit::parse("tokens").unwrap()));
    for wallet in [first, other] {
        book.credit(wallet, 10, |_| {});
    }
    let mut request = debit("1");
    request.asked = Asked::Amount(money("15"));
    request.charge.currency = Some(USD);
    book.ask(Command::Debit(request)).unwrap();
    let row = last(&book, 0);
    let of_second = RowId::new(book.now, row.position(), 1);
    refund(&mut book, of_second, None).unwrap();
    let refunded = refund(&mut book, row, Some("1")).unwrap();
    assert_eq!((refunded.credits, refunded.left), (credits("1"), credits("9")));
    assert!(!refunded.mixed_units, "the second row adds nothing any more");
    book.replay();
}

#[test]
fn an_atomic_batch_refunds_and_its_debits_can_be_refunded() {
    let (mut book, row) = promo_and_paid();
    let wallet = book.customer.wallets[0].head.id;
    book.credit(wallet, 100, |_| {});
    let words = |text: &str| Memo { description: Some(text.into()), ..Default::default() };
    let items = vec![
        Command::Debit(Debit { memo: words("one"), ..debit("1") }),
        Command::Refund(Refund { memo: words("two"), ..asked(row, Some("25")) }),
        Command::Refund(Refund { memo: words("three"), ..asked(row, Some("35")) }),
        Command::Debit(Debit { memo: words("four"), ..debit("2") }),
    ];
    let found = || Some(LookedUp::Debit(debit_of(&book, row).unwrap()));
    let looked_up = LookedUp::Each(vec![None, found(), found(), None]);
    book.looked_up = Some(looked_up.clone());
    let effect = book.ask(Command::Atomic(items.clone())).unwrap().effect;
    let Effect::Atomic(effects) = effect else { panic!("{effect:?}") };
    let [_, Effect::Refunded(first), Effect::Refunded(second), _] = effects.as_slice() else { panic!() };
    assert_eq!((came_back(&first.back).len(), came_back(&second.back)), (2, vec!["promotional=35".into()]));
    let record = book.log.last().unwrap().clone();
    let rows = view::rows(&record, last(&book, 0).position());
    let said: Vec<_> = rows.iter().map(|row| row.memo.unwrap().description.as_deref().unwrap()).collect();
    assert_eq!(said, ["one", "two", "three", "four"]);
    let fourth = last(&book, 3);
    assert_eq!(came_back(&refund(&mut book, fourth, None).unwrap().back), ["promotional=2"]);
    book.looked_up = Some(looked_up);
    let refused = book.ask(Command::Atomic(items)).unwrap_err();
    assert!(matches!(refused, Refusal::Item { index: 1, .. }), "{refused:?}");
    book.replay();
}
