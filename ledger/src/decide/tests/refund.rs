//! Refunds: what came from where goes back there (SEMANTICS §7).

use super::undoing::{asked, came_back, debit_of, last, prove, refund, refund_with};
use crate::amount::Credits;
use crate::budget::Window;
use crate::command::{Command, CreditReason, Refund, SetBudget};
use crate::fact::{BackTo, Effect, Refunded};
use crate::ids::{LogPosition, RowId};
use crate::limits::Limits;
use crate::looked_up::LookedUp;
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, USD, credits, debit, money, second};
use crate::tranche::Source;
use crate::unit::{PriceType, PriceUnit};
use crate::view;

/// A debit of 60: 40 promotional credits that end at second 60, then 20 paid ones. Its row.
fn promo_and_paid() -> (Book, RowId) {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 40, |request| {
        (request.reason, request.expires_at) = (CreditReason::FreeCreditGrant, Some(second(60)));
    });
    book.credit(wallet, 20, |_| {});
    book.debit("60").unwrap();
    let row = last(&book, 0);
    (book, row)
}

fn posted(book: &Book) -> String {
    book.customer.wallets[0].head.posted.to_string()
}

#[test]
fn e7_a_refund_of_promo_and_paid_comes_back_as_promo_and_paid() {
    let (mut book, row) = promo_and_paid();
    let refunded = refund(&mut book, row, Some("30")).unwrap();
    assert_eq!(came_back(&refunded.back), ["purchased=20", "promotional=10"]);
    assert_eq!((refunded.credits, refunded.left), (credits("30"), credits("30")));
    let tranches = &book.customer.wallets[0].tranches;
    let left: Vec<_> =
        tranches.iter().map(|tranche| (tranche.terms.source, tranche.remaining.to_string())).collect();
    assert_eq!(left, [(Source::Promotional, "10".into()), (Source::Purchased, "20".into())]);
    assert_eq!(tranches[0].terms.expires_at, Some(second(60)));
    assert!(tranches[1].terms.paid == money("20") && tranches[1].credit_row_id().is_none());
    prove(&book);
}

#[test]
fn e7_what_has_ended_meanwhile_is_restored_and_expired_in_one_record() {
    let (mut book, row) = promo_and_paid();
    book.now = second(60);
    let records = book.log.len();
    let refunded = refund(&mut book, row, Some("30")).unwrap();
    assert_eq!((book.log.len(), posted(&book).as_str()), (records + 1, "20"));
    assert_eq!((refunded.credits, refunded.expired), (credits("30"), credits("10")));
    let rows = view::rows(&book.log[records], last(&book, 0).position());
    let shown: Vec<_> =
        rows.iter().map(|row| (row.reason.as_str(), row.credits.to_string(), row.parent)).collect();
    assert_eq!(shown, [("REFUND", "30".into(), Some(row)), ("CREDIT_EXPIRED", "10".into(), None)]);
    assert_eq!((rows[1].effective_at, rows[0].slices.len()), (second(60), 2));
    prove(&book);
}

#[test]
fn refunds_go_on_where_the_last_one_stopped_until_nothing_is_left() {
    let (mut book, row) = promo_and_paid();
    let came = |book: &mut Book, amount| came_back(&refund(book, row, amount).unwrap().back);
    assert_eq!(came(&mut book, Some("5")), ["purchased=5"]);
    assert_eq!(came(&mut book, Some("20")), ["purchased=15", "promotional=5"]);
    let over = Refusal::OverRefund { left: credits("35"), asked: credits("36") };
    assert_eq!(refund(&mut book, row, Some("36")), Err(over));
    assert_eq!(came(&mut book, None), ["promotional=35"]);
    assert_eq!(posted(&book), "60");
    let over = Refusal::OverRefund { left: credits("0"), asked: credits("0.000000000000001") };
    assert_eq!(refund(&mut book, row, Some("0.000000000000001")), Err(over));
    let nothing = Refusal::OverRefund { left: Credits::ZERO, asked: Credits::ZERO };
    assert_eq!(refund(&mut book, row, None), Err(nothing));
    prove(&book);
}

#[test]
fn a_regrant_is_a_new_tranche_of_the_same_kind_and_money() {
    let (mut book, wallet) = Book::new();
    let feature = Scope { price_types: PriceTypes::USAGE, features: Some(["gpt".into()].into()) };
    book.credit(wallet, 3, |request| {
        (request.scope, request.priority) = (Some(feature.clone()), Some(7));
        request.expires_at = Some(second(60));
    });
    book.charge("2", |request| request.charge.feature = Some("gpt".into())).unwrap();
    let row = last(&book, 0);
    book.now = second(100);
    let request = Refund { regrant_days: Some(30), ..asked(row, Some("1")) };
    let refunded = refund_with(&mut book, request.clone()).unwrap();
    assert_eq!((came_back(&refunded.back), refunded.expired), (vec!["purchased+1".into()], Credits::ZERO));
    let tranche = &book.state(wallet).tranches[0];
    assert_eq!((tranche.terms.source, tranche.terms.priority), (Source::Purchased, 7));
    assert_eq!((&tranche.terms.scope, tranche.terms.paid), (&feature, money("1")));
    let end = second(100 + 30 * 24 * 3_600);
    assert_eq!((tranche.terms.effective_at, tranche.terms.expires_at), (second(100), Some(end)));
    assert_eq!(tranche.credit_row_id(), Some(last(&book, 1)), "after the row of what expired");
    for days in [0, 367] {
        let request = Refund { regrant_days: Some(days), ..request.clone() };
        let refused = refund_with(&mut book, request).unwrap_err();
        assert!(matches!(refused, Refusal::Invalid { field: "regrant_days", .. }), "{refused:?}");
    }
    let early = Refund { regrant_days: Some(366), ..asked(row, None) };
    assert_eq!(refund_with(&mut book, early).unwrap().left, Credits::ZERO);
    prove(&book);
}

#[test]
fn a_regrant_is_for_what_has_ended_only() {
    let (mut book, row) = promo_and_paid();
    book.now = second(60);
    let refunded = refund_with(&mut book, Refund { regrant_days: Some(1), ..asked(row, None) }).unwrap();
    assert_eq!(came_back(&refunded.back), ["purchased=20", "promotional+40"]);
    assert_eq!(posted(&book), "60");
    prove(&book);
}

/// 3 credits for 10 dollars, spent one by one. The rows.
fn three_for_ten(ends: bool) -> (Book, Vec<RowId>) {
    let mut book = Book::empty();
    let rate = crate::amount::Rate::parse_json("3.333333333333333").unwrap();
    let wallet = book.wallet(|request| request.topup_conversion_rate = rate);
    book.credit(wallet, 3, |request| request.expires_at = ends.then(|| second(60)));
    let mut rows = Vec::new();
    for _ in 0..3 {
        book.debit("1").unwrap();
        rows.push(last(&book, 0));
    }
    (book, rows)
}

#[test]
fn e14_the_last_credit_takes_the_remainder_of_the_money_and_gives_it_back() {
    let (mut book, rows) = three_for_ten(false);
    let crate::fact::Giver::Tranche { terms, .. } =
        &debit_of(&book, rows[0]).unwrap().slices[0].1.giver.clone()
    else {
        panic!("a tranche gave it")
    };
    assert_eq!(terms.paid, money("10"));
    let unspent = |number: &str| terms.unspent_share(credits(number));
    let earned: Vec<_> = [("3", "2"), ("2", "1"), ("1", "0")]
        .map(|(before, after)| (unspent(before) - unspent(after)).to_string())
        .into();
    assert_eq!(earned, ["3.333333333333333", "3.333333333333333", "3.333333333333334"]);
    refund(&mut book, rows[2], None).unwrap();
    let tranche = &book.customer.wallets[0].tranches[0];
    let back = tranche.terms.unspent_share(tranche.remaining);
    assert_eq!(back, money("3.333333333333334"), "what refunding the last takes back");
    prove(&book);
}

#[test]
fn e14_a_regrant_takes_along_what_the_refund_takes_back() {
    let (mut book, rows) = three_for_ten(true);
    book.now = second(60);
    refund_with(&mut book, Refund { regrant_days: Some(1), ..asked(rows[2], None) }).unwrap();
    let paid = book.customer.wallets[0].tranches[0].terms.paid;
    assert_eq!(paid, money("3.333333333333334"));
    prove(&book);
}

#[test]
fn overdraft_comes_back_as_less_debt_and_as_credit_where_the_debt_was_repaid() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| {
        request.overdraft_limit = credits("20");
        request.topup_conversion_rate = crate::amount::Rate::parse_json("2").unwrap();
    });
    book.credit(wallet, 10, |_| {});
    book.debit("18").unwrap();
    let row = last(&book, 0);
    let refunded = refund(&mut book, row, Some("3")).unwrap();
    assert_eq!(came_back(&refunded.back), ["overdraft-3"]);
    assert_eq!((book.state(wallet).head.debt, posted(&book).as_str()), (credits("5"), "-5"));
    let record = book.log.last().unwrap().clone();
    let rows = view::rows(&record, last(&book, 0).position());
    assert_eq!((rows[0].repaid, rows[0].credits), (credits("3"), credits("3")));
    book.credit(wallet, 3, |_| {});
    let refunded = refund(&mut book, row, None).unwrap();
    assert_eq!(came_back(&refunded.back), ["overdraft-2", "overdraft+3", "purchased=10"]);
    let BackTo::New { terms, .. } = &refunded.back.slices[1].to else { panic!("{refunded:?}") };
    assert_eq!((terms.source, terms.paid, terms.expires_at), (Source::Refund, money("6"), None));
    assert_eq!((book.state(wallet).head.debt, posted(&book).as_str()), (Credits::ZERO, "13"));
    prove(&book);
}

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
    prove(&book);
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
    prove(&book);
}

#[test]
fn a_manual_debit_can_be_refunded() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    book.by_hand(wallet, "4").unwrap();
    let row = last(&book, 0);
    assert_eq!(came_back(&refund(&mut book, row, None).unwrap().back), ["purchased=4"]);
    prove(&book);
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
    book.close(wallet, crate::command::Remainder::Forfeit).unwrap();
    assert_eq!(refund(&mut book, row, Some("100")), Err(Refusal::WalletClosed(wallet)));
    prove(&book);
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
    prove(&book);
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
    prove(&book);
}

#[test]
fn of_different_units_nothing_is_added_up() {
    let (mut book, first) = Book::new();
    let other = book.wallet(|request| request.price_unit = Some(PriceUnit::parse("tokens").unwrap()));
    for wallet in [first, other] {
        book.credit(wallet, 10, |_| {});
    }
    let mut request = debit("1");
    request.asked = crate::command::Asked::Amount(money("15"));
    request.charge.currency = Some(USD);
    book.ask(Command::Debit(request)).unwrap();
    let row = last(&book, 0);
    assert_eq!(refund(&mut book, row, Some("1")), Err(Refusal::UnitRequired));
    let of_second = RowId::new(book.now, row.position(), 1);
    let Refunded { credits: back, left, .. } = refund(&mut book, of_second, Some("1")).unwrap();
    assert_eq!((back, left), (credits("1"), credits("4")));
    let refunded = refund(&mut book, row, None).unwrap();
    assert!(refunded.mixed_units && refunded.credits.is_zero() && refunded.back.rows.len() == 2);
    prove(&book);
}

#[test]
fn an_atomic_batch_refunds_and_its_debits_can_be_refunded() {
    let (mut book, row) = promo_and_paid();
    let wallet = book.customer.wallets[0].head.id;
    book.credit(wallet, 100, |_| {});
    let words = |text: &str| crate::command::Memo { description: Some(text.into()), ..Default::default() };
    let items = vec![
        Command::Debit(crate::command::Debit { memo: words("one"), ..debit("1") }),
        Command::Refund(Refund { memo: words("two"), ..asked(row, Some("25")) }),
        Command::Refund(Refund { memo: words("three"), ..asked(row, Some("35")) }),
        Command::Debit(crate::command::Debit { memo: words("four"), ..debit("2") }),
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
    prove(&book);
}

#[test]
fn what_is_emptied_by_a_fixed_fee_goes_back_whatever_the_scope() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| {
        request.scope = Some(Scope { price_types: PriceTypes::FIXED, features: None });
    });
    book.charge("10", |request| request.charge.price_type = PriceType::Fixed).unwrap();
    let row = last(&book, 0);
    book.credit(wallet, 5, |_| {});
    refund(&mut book, row, None).unwrap();
    assert_eq!((posted(&book).as_str(), book.state(wallet).tranches.len()), ("15", 2));
    prove(&book);
}
