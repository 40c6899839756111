//! What is spent of a hold, and beyond it.

use super::{captured, insufficient, shown, sums, taken};
use crate::command::OverCapture;
use crate::hold::HoldStatus;
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, credits, second};
use crate::view::{self, RowReason, RowType};

#[test]
fn e5_what_is_held_cannot_be_spent_and_a_last_capture_lets_the_rest_go() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let hold = book.hold("60");
    assert_eq!(book.debit("50"), Err(insufficient("50", "40", "10")));
    let step = book.capture(hold, "45", true).unwrap();
    assert_eq!(book.figures(wallet), ["55", "0", "55"]);
    assert_eq!(step.hold.status, HoldStatus::Captured);
    assert_eq!(sums(&step.hold), ["60", "45", "15", "0"]);
    let taken = captured(&step);
    assert_eq!((taken.balance_before, taken.balance_after), (credits("100"), credits("55")));
    assert_eq!(taken.available, credits("55"), "with what was let go");
    assert_eq!(taken.amount, crate::testing::money("45"));
    book.replay();
}

#[test]
fn e6_credit_that_ends_while_pinned_is_the_holds_alone() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 50, |request| request.expires_at = Some(second(100)));
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("60");
    book.now = second(100);
    assert_eq!(book.figures(wallet), ["60", "60", "0"]);
    assert_eq!(book.debit("1"), Err(insufficient("1", "0", "1")));
    let step = book.capture(hold, "20", true).unwrap();
    assert_eq!(taken(&book, &step), ["0:20"]);
    assert_eq!(shown(&book, &step.returned), ["0:30", "0:10"]);
    let [lapsed] = step.lapsed.as_slice() else { panic!("{step:?}") };
    assert_eq!((lapsed.credits, lapsed.voided), (credits("30"), false));
    assert_eq!((lapsed.posting.before, lapsed.posting.after), (credits("40"), credits("10")));
    assert_eq!(book.figures(wallet), ["10", "0", "10"]);
    assert_eq!(captured(&step).available, credits("10"), "without what lapsed");
    book.replay();
}

#[test]
fn e18_settling_above_the_hold_while_others_are_open_leaves_theirs_whole() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let other = book.hold("60");
    let hold = book.hold("30");
    let step = book.capture(hold, "50", false).unwrap();
    assert_eq!(taken(&book, &step), ["0:30", "0:10"], "the pins, then what was drawn");
    assert_eq!(captured(&step).shortfall, credits("10"));
    assert_eq!(step.hold.status, HoldStatus::Captured, "an over-capture is final");
    assert_eq!(sums(&step.hold), ["30", "40", "0", "0"]);
    assert_eq!(book.figures(wallet), ["60", "60", "0"]);
    let step = book.capture(other, "60", true).unwrap();
    assert_eq!((captured(&step).credits, captured(&step).shortfall), (credits("60"), credits("0")));
    assert_eq!(book.figures(wallet), ["0", "0", "0"]);
    let rows = view::rows(&book.log[4], crate::ids::LogPosition(5));
    let shown: Vec<_> = rows.iter().map(|row| (row.row_type, row.reason, row.credits)).collect();
    let memo = (RowType::Memo, RowReason::Uncollected, credits("10"));
    assert_eq!(shown, [(RowType::Debit, RowReason::HoldCapture, credits("40")), memo]);
    book.replay();
}

#[test]
fn a_draw_of_too_many_tranches_takes_those_that_one_record_holds() {
    let (mut book, wallet) = Book::new();
    for _ in 0..5 {
        book.credit(wallet, 1, |_| {});
    }
    let hold = book.hold("1.5");
    book.limits.slices_max = 3;
    let step = book.capture(hold, "4", true).unwrap();
    assert_eq!(taken(&book, &step), ["0:1", "0:0.5", "0:0.5"], "what is pinned counts too");
    assert_eq!((captured(&step).credits, captured(&step).shortfall), (credits("2"), credits("2")));
    assert_eq!(book.figures(wallet), ["3", "0", "3"]);
    book.replay();
}

#[test]
fn a_capture_after_the_deadline_is_refused_by_its_name_before_anything_was_written() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let hold = book.hold("60");
    book.now = second(600);
    let records = book.log.len();
    assert_eq!(book.capture(hold, "10", true), Err(Refusal::HoldExpired(hold)));
    assert_eq!((book.log.len(), book.customer.holds.len()), (records, 1), "a refusal writes nothing");
    assert_eq!(book.figures(wallet), ["100", "0", "100"], "but nobody sees the hold any more");
    book.debit("100").unwrap();
    assert_eq!(book.capture(hold, "10", true), Err(Refusal::HoldExpired(hold)), "also when it is written");
    book.replay();
}

#[test]
fn parts_are_captured_one_after_the_other() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = Some(second(100)));
    book.credit(wallet, 90, |_| {});
    let hold = book.hold("30");
    let step = book.capture(hold, "4", false).unwrap();
    assert_eq!(taken(&book, &step), ["0:4"]);
    assert_eq!(
        (shown(&book, &step.hold.pins), step.hold.status),
        (vec!["0:6".into(), "0:20".into()], HoldStatus::Open)
    );
    let step = book.capture(hold, "10", false).unwrap();
    assert_eq!(taken(&book, &step), ["0:6", "0:4"]);
    assert_eq!(book.figures(wallet), ["86", "16", "70"]);
    let step = book.capture(hold, "16", false).unwrap();
    assert_eq!(
        (step.hold.status, sums(&step.hold)),
        (HoldStatus::Open, ["30", "30", "0", "0"].map(Into::into))
    );
    book.grow(hold, "5").unwrap();
    let step = book.capture(hold, "5", true).unwrap();
    assert_eq!(sums(&step.hold), ["35", "35", "0", "0"]);
    let zero = Refusal::AmountInvalid("a capture must be more than 0");
    assert_eq!(book.capture(hold, "0", true), Err(zero));
    book.replay();
}

#[test]
fn reject_leaves_the_hold_untouched() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let hold = book.place("30", |request| request.over_capture = OverCapture::Reject).unwrap().hold.id;
    let before = book.customer.clone();
    let refused = Refusal::OverCapture { held: credits("30"), asked: credits("31") };
    assert_eq!(book.capture(hold, "31", true), Err(refused));
    assert_eq!(book.customer, before);
    book.capture(hold, "30", true).unwrap();
}

#[test]
fn draw_takes_no_overdraft_and_overdraft_does() {
    for (policy, slices, shortfall, posted) in [
        (OverCapture::Draw, vec!["0:10", "0:5"], "15", "0"),
        (OverCapture::Overdraft, vec!["0:10", "0:5", "0:o8"], "7", "-8"),
    ] {
        let mut book = Book::empty();
        let wallet = book.wallet(|request| request.overdraft_limit = credits("8"));
        book.credit(wallet, 15, |_| {});
        let hold = book.place("10", |request| request.over_capture = policy).unwrap().hold.id;
        let step = book.capture(hold, "30", true).unwrap();
        assert_eq!(taken(&book, &step), slices, "{policy:?}");
        assert_eq!((captured(&step).shortfall, book.posted(wallet).as_str()), (credits(shortfall), posted));
        book.replay();
    }
}

#[test]
fn a_hold_that_pins_overdraft_turns_it_into_debt() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("18");
    assert_eq!(book.figures(wallet), ["10", "18", "12"]);
    let step = book.capture(hold, "14", true).unwrap();
    assert_eq!(taken(&book, &step), ["0:10", "0:o4"]);
    assert_eq!(shown(&book, &step.returned), ["0:o4"]);
    assert_eq!(book.figures(wallet), ["-4", "0", "16"]);
    assert_eq!(captured(&step).available, credits("16"));
    book.replay();
}

#[test]
fn what_is_drawn_obeys_the_scopes_of_the_charge() {
    let (mut book, wallet) = Book::new();
    let fixed = Scope { price_types: PriceTypes::FIXED, features: None };
    book.credit(wallet, 10, |_| {});
    book.credit(wallet, 50, |request| request.scope = Some(fixed));
    let hold = book.hold("6");
    let step = book.capture(hold, "20", true).unwrap();
    assert_eq!(taken(&book, &step), ["0:6", "0:4"]);
    assert_eq!(captured(&step).shortfall, credits("10"));
    book.replay();
}

#[test]
fn nothing_pinned_and_nothing_to_draw_is_all_shortfall() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("10");
    book.capture(hold, "10", false).unwrap();
    let step = book.capture(hold, "3", true).unwrap();
    let taken = captured(&step);
    assert!(taken.rows.is_empty() && taken.credits.is_zero());
    assert_eq!((taken.shortfall, taken.currency), (credits("3"), crate::testing::USD));
    assert_eq!(step.rows(), 1, "the memo");
    assert_eq!(book.figures(wallet), ["0", "0", "0"]);
    book.replay();
}

#[test]
fn a_capture_of_several_wallets_has_a_row_of_each() {
    let (mut book, first) = Book::new();
    let other = book.wallet(|_| {});
    book.credit(first, 10, |_| {});
    book.credit(other, 40, |_| {});
    let hold = book.hold("25");
    let step = book.capture(hold, "45", true).unwrap();
    assert_eq!(taken(&book, &step), ["0:10", "1:15", "1:20"]);
    let taken = captured(&step);
    assert_eq!(taken.rows.iter().map(|row| row.credits).collect::<Vec<_>>(), ["10", "35"].map(credits));
    assert_eq!(
        (taken.balance_before, taken.balance_after, taken.available),
        (credits("50"), credits("5"), credits("5"))
    );
    book.replay();
}

#[test]
fn a_lowered_overdraft_limit_does_not_stop_what_was_pinned() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    let hold = book.hold("15");
    let request = crate::command::UpdateWallet {
        alerts: None,
        auto_topup: None,
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: None,
        allowed_price_types: None,
        overdraft_limit: Some(credits("0")),
    };
    book.ask(crate::command::Command::UpdateWallet(request)).unwrap();
    book.capture(hold, "15", true).unwrap();
    assert_eq!(book.figures(wallet), ["-15", "0", "0"]);
    book.replay();
}
