//! Refunds: what came from where goes back there (SEMANTICS §7).

use super::undoing::{asked, came_back, debit_of, last, refund, refund_with};
use crate::amount::{Credits, Money};
use crate::command::{CreditReason, Refund, Remainder};
use crate::fact::{BackTo, Effect};
use crate::ids::RowId;
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, credits, money, second};
use crate::tranche::Source;
use crate::unit::PriceType;
use crate::view;

/// A debit of 60: 40 promotional credits that end at second 60, then 20 paid ones. Its row.
pub(super) fn promo_and_paid() -> (Book, RowId) {
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
    book.replay();
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
    book.replay();
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
    book.replay();
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
    book.replay();
}

#[test]
fn a_regrant_is_for_what_has_ended_only() {
    let (mut book, row) = promo_and_paid();
    book.now = second(60);
    let refunded = refund_with(&mut book, Refund { regrant_days: Some(1), ..asked(row, None) }).unwrap();
    assert_eq!(came_back(&refunded.back), ["purchased=20", "promotional+40"]);
    assert_eq!(posted(&book), "60");
    book.replay();
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
    book.replay();
}

#[test]
fn e14_a_regrant_takes_along_what_the_refund_takes_back() {
    let (mut book, rows) = three_for_ten(true);
    book.now = second(60);
    refund_with(&mut book, Refund { regrant_days: Some(1), ..asked(rows[2], None) }).unwrap();
    let paid = book.customer.wallets[0].tranches[0].terms.paid;
    assert_eq!(paid, money("3.333333333333334"));
    book.replay();
}

#[test]
fn e14_the_regrants_of_a_debit_in_parts_take_along_what_it_earned_to_the_last_digit() {
    let (mut book, _) = three_for_ten(true);
    let wallet = book.customer.wallets[0].head.id;
    book.credit(wallet, 3, |request| request.expires_at = Some(second(60)));
    book.debit("3").unwrap();
    let row = last(&book, 0);
    book.now = second(60);
    refund(&mut book, row, Some("0.5")).unwrap();
    for _ in 0..5 {
        let request = Refund { regrant_days: Some(1), ..asked(row, Some("0.5")) };
        refund_with(&mut book, request).unwrap();
    }
    let granted = book.customer.wallets[0].tranches.iter().map(|tranche| tranche.terms.paid);
    let first = money("10") - money("8.333333333333333");
    assert_eq!(
        granted.sum::<Money>() + first,
        money("10"),
        "the first half came back and expired with its share"
    );
    book.replay();
}

#[test]
fn what_came_back_to_a_tranche_and_is_pinned_there_takes_no_more_money_along_than_was_paid() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |request| request.expires_at = Some(second(600)));
    book.debit("20").unwrap();
    let row = last(&book, 0);
    refund(&mut book, row, Some("15")).unwrap();
    book.hold("95");
    book.now = second(600);
    refund_with(&mut book, Refund { regrant_days: Some(1), ..asked(row, None) }).unwrap();
    let granted = book.state(wallet).tranches.last().unwrap();
    assert_eq!((granted.remaining, granted.terms.paid), (credits("5"), money("5")));
    book.replay();
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
    assert_eq!((terms.source, terms.paid, terms.expires_at), (Source::Refund, Money::ZERO, None));
    assert_eq!(terms.scope.price_types, PriceTypes::USAGE, "as what was taken and what repaid it");
    assert_eq!((book.state(wallet).head.debt, posted(&book).as_str()), (Credits::ZERO, "13"));
    book.replay();
}

#[test]
fn free_credit_that_repaid_debt_does_not_come_back_as_money() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("100"));
    book.debit("100").unwrap();
    let row = last(&book, 0);
    book.credit(wallet, 100, |request| {
        (request.reason, request.expires_at) = (CreditReason::FreeCreditGrant, Some(second(60)));
    });
    assert_eq!(posted(&book), "0");
    assert_eq!(came_back(&refund(&mut book, row, None).unwrap().back), ["overdraft+100"]);
    let fixed = book.charge("1", |request| request.charge.price_type = PriceType::Fixed);
    assert!(matches!(fixed, Err(Refusal::InsufficientCredits { .. })), "it was for usage: {fixed:?}");
    let closed = book.close(wallet, Remainder::Refund).unwrap();
    let Effect::WalletClosed { refund: paid_out, .. } = closed else { panic!("{closed:?}") };
    assert_eq!(paid_out, Money::ZERO, "free credit is never paid out");
    book.replay();
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
    book.replay();
}

#[test]
fn a_capture_gives_back_what_was_drawn_before_what_was_pinned() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = Some(second(60)));
    let hold = book.hold("5");
    book.capture(hold, "8", true).unwrap();
    let row = last(&book, 0);
    assert_eq!(came_back(&refund(&mut book, row, Some("4")).unwrap().back), ["purchased=3", "purchased=1"]);
    assert_eq!(book.posted(wallet), "6");
    book.now = second(60);
    let refunded = refund(&mut book, row, None).unwrap();
    assert_eq!((refunded.expired, refunded.back.lapsed.len()), (credits("4"), 1));
    assert_eq!(book.posted(wallet), "0");
    book.replay();
}

#[test]
fn a_capture_that_stands_behind_the_row_of_an_expiry_is_found() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 1, |request| request.expires_at = Some(second(60)));
    book.credit(wallet, 10, |_| {});
    let hold = book.place("5", |request| request.expires_in_s = 600).unwrap().hold.id;
    book.now = second(61);
    book.credit(wallet, 1, |_| {});
    book.capture(hold, "5", true).unwrap();
    let row = last(&book, 0);
    let old = debit_of(&book, row).unwrap();
    assert_eq!((old.all_rows, old.slices.len()), (0..1, 2));
    let release = RowId::new(book.now, row.position(), 1);
    assert_eq!(debit_of(&book, release), Err(Refusal::NotFound("transaction")));
    let refunded = refund(&mut book, row, None).unwrap();
    assert_eq!((refunded.credits, refunded.expired), (credits("5"), credits("1")));
    book.replay();
}

#[test]
fn what_comes_back_to_an_ended_tranche_leaves_alone_what_holds_still_pin_of_it() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = Some(second(60)));
    let hold = book.hold("4");
    book.debit("3").unwrap();
    let row = last(&book, 0);
    book.now = second(61);
    let refunded = refund(&mut book, row, Some("2")).unwrap();
    assert_eq!((refunded.expired, book.posted(wallet)), (credits("2"), "4".into()));
    let request = Refund { regrant_days: Some(1), ..asked(row, None) };
    assert_eq!(came_back(&refund_with(&mut book, request).unwrap().back), ["purchased+1"]);
    assert_eq!(book.figures(wallet), ["5", "4", "1"]);
    book.capture(hold, "4", true).unwrap();
    assert_eq!(book.posted(wallet), "1");
    book.replay();
}
