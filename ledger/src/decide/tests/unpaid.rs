//! Credit whose payment failed after it was there (SEMANTICS §11): what was spent of it in the end is owed, nothing of it is paid out, and
//! nothing is owed for what comes back.

use super::purchase::{buy, with_bonus};
use super::undoing::{asked, came_back, last, refund, refund_with, void};
use crate::apply::{apply, bind};
use crate::command::{Command, OverCapture, Refund, Remainder, TopUp};
use crate::fact::{Effect, Facts, Unpaid};
use crate::hold::HoldStatus;
use crate::ids::{HoldId, LogPosition, WalletId};
use crate::invariants;
use crate::recharge::{ENDED_KEPT_MAX, Recharge, RechargeReason, RechargeStatus, UNPAID_KEPT_MAX};
use crate::testing::{Book, credits, money, second};
use crate::tranche::Source;
use crate::view;

/// A wallet with 100 credits that are trusted to be paid.
fn bought(change: impl FnOnce(&mut TopUp)) -> (Book, WalletId, Recharge) {
    let (mut book, wallet) = Book::new();
    (book.settings.auto_complete, book.settings.payment_result) = (true, true);
    let recharge = buy(&mut book, wallet, 100, change);
    (book, wallet, recharge)
}

fn fail(book: &mut Book, recharge: &Recharge) -> Vec<Unpaid> {
    let command = Command::FailRecharge { id: recharge.id, reason: RechargeReason::CardDeclined };
    let effect = book.ask(command).unwrap().effect;
    let Effect::RechargeEnded(end) = effect else { panic!("{effect:?}") };
    end.unpaid
}

/// posted, held, debt.
fn sums(book: &Book, wallet: WalletId) -> [String; 3] {
    let head = &book.state(wallet).head;
    [head.posted, head.held, head.debt].map(|credits| credits.to_string())
}

/// What closing pays out, and what it writes off.
fn close(book: &mut Book, wallet: WalletId) -> [String; 2] {
    let effect = book.close(wallet, Remainder::Refund).unwrap();
    let Effect::WalletClosed { refund, written_off, .. } = effect else { panic!("{effect:?}") };
    book.replay();
    [refund.to_string(), written_off.to_string()]
}

fn hold(book: &mut Book, amount: &str) -> HoldId {
    book.place(amount, |_| {}).unwrap().hold.id
}

#[test]
fn what_a_hold_gives_back_of_it_is_gone_and_neither_owed_nor_paid_out() {
    let (mut book, wallet, recharge) = bought(|_| {});
    let placed = hold(&mut book, "60");
    let unpaid = fail(&mut book, &recharge);
    assert_eq!((unpaid[0].taken, unpaid[0].owed), (credits("40"), credits("0")));
    assert_eq!(sums(&book, wallet), ["60", "60", "0"], "what is pinned is not spent");
    let step = book.release(placed).unwrap();
    assert!(step.lapsed[0].voided && step.lapsed[0].credits == credits("60"));
    assert_eq!(sums(&book, wallet), ["0", "0", "0"]);
    assert_eq!(close(&mut book, wallet), ["0", "0"]);
}

#[test]
fn what_a_refund_gives_back_of_it_is_less_debt_and_not_paid_out() {
    let (mut book, wallet, recharge) = bought(|_| {});
    book.debit("40").unwrap();
    let debit = last(&book, 0);
    fail(&mut book, &recharge);
    assert_eq!(sums(&book, wallet), ["-40", "0", "40"]);
    let refunded = refund(&mut book, debit, Some("15")).unwrap();
    assert_eq!(came_back(&refunded.back), ["purchased-15"]);
    assert_eq!(sums(&book, wallet), ["-25", "0", "25"]);
    let record = book.log.last().unwrap().clone();
    let rows = view::rows(&record, last(&book, 0).position());
    assert_eq!((rows.len(), rows[0].credits, rows[0].repaid), (1, credits("15"), credits("15")));
    drop(rows);
    refund(&mut book, debit, None).unwrap();
    assert_eq!(sums(&book, wallet), ["0", "0", "0"]);
    assert!(book.state(wallet).tranches.is_empty());
    assert_eq!(close(&mut book, wallet), ["0", "0"]);
}

#[test]
fn what_is_captured_of_it_after_a_void_and_the_failure_is_owed() {
    let (mut book, wallet, recharge) = bought(|_| {});
    let credit = last(&book, 0);
    let placed = hold(&mut book, "60");
    void(&mut book, credit).unwrap();
    fail(&mut book, &recharge);
    assert_eq!(sums(&book, wallet), ["60", "60", "0"]);
    let step = book.capture(placed, "60", true).unwrap();
    let taken = step.taken.as_ref().unwrap();
    assert_eq!((taken.credits, taken.shortfall, step.unpaid()), (credits("60"), credits("0"), 1));
    assert_eq!((step.hold.status, step.hold.captured), (HoldStatus::Captured, credits("60")));
    assert_eq!(sums(&book, wallet), ["-60", "0", "60"]);
    assert_eq!(close(&mut book, wallet), ["0", "60"]);
}

#[test]
fn credit_that_ends_after_its_hold_let_it_go_owes_nothing() {
    let (mut book, wallet, recharge) = bought(|request| {
        with_bonus(request);
        request.expires_at = Some(second(100));
    });
    // The bonus burns first.
    let placed = hold(&mut book, "70");
    fail(&mut book, &recharge);
    assert_eq!(sums(&book, wallet), ["70", "70", "0"]);
    book.now = second(50);
    book.release(placed).unwrap();
    assert_eq!(sums(&book, wallet), ["0", "0", "0"]);
    book.now = second(200);
    book.credit(wallet, 5, |_| {});
    assert_eq!(sums(&book, wallet), ["5", "0", "0"]);
    assert_eq!(close(&mut book, wallet), ["5", "0"]);
}

#[test]
fn what_a_deadline_lets_go_of_it_owes_nothing() {
    for end in [None, Some(second(300)), Some(second(900))] {
        let (mut book, wallet, recharge) = bought(|request| request.expires_at = end);
        hold(&mut book, "60");
        fail(&mut book, &recharge);
        book.now = second(1_000);
        book.ask(Command::Tick).unwrap();
        assert_eq!(sums(&book, wallet), ["0", "0", "0"], "{end:?}");
        assert_eq!(close(&mut book, wallet), ["0", "0"]);
    }
}

#[test]
fn a_hold_that_closing_releases_pays_nothing_out_and_owes_nothing() {
    let (mut book, wallet, recharge) = bought(|_| {});
    hold(&mut book, "60");
    fail(&mut book, &recharge);
    let command = Command::Close { wallet, remainder: Remainder::Refund, force: true };
    let effect = book.ask(command).unwrap().effect;
    let Effect::WalletClosed { refund, written_off, released, .. } = effect else { panic!("{effect:?}") };
    assert_eq!((refund, written_off, released.len()), (money("0"), credits("0"), 1));
    book.replay();
}

#[test]
fn captures_in_parts_owe_what_they_take_and_the_rest_goes() {
    let (mut book, wallet, recharge) = bought(|_| {});
    let placed = hold(&mut book, "60");
    book.capture(placed, "10", false).unwrap();
    let unpaid = fail(&mut book, &recharge);
    assert_eq!((unpaid[0].taken, unpaid[0].owed), (credits("40"), credits("10")));
    assert_eq!(sums(&book, wallet), ["40", "50", "10"]);
    book.capture(placed, "20", false).unwrap();
    let capture = last(&book, 0);
    assert_eq!(sums(&book, wallet), ["0", "30", "30"]);
    let step = book.capture(placed, "5", true).unwrap();
    assert_eq!((step.returned.len(), step.unpaid(), step.lapsed.len()), (2, 1, 2));
    assert_eq!((step.hold.captured, step.hold.released), (credits("35"), credits("25")));
    assert_eq!(sums(&book, wallet), ["-35", "0", "35"]);
    let refunded = refund(&mut book, capture, Some("12")).unwrap();
    assert_eq!(came_back(&refunded.back), ["overdraft-12"]);
    assert_eq!(sums(&book, wallet), ["-23", "0", "23"]);
    assert_eq!(close(&mut book, wallet), ["0", "23"]);
}

#[test]
fn debt_that_was_repaid_comes_back_as_new_credit() {
    let (mut book, wallet, recharge) = bought(|_| {});
    book.debit("40").unwrap();
    let debit = last(&book, 0);
    fail(&mut book, &recharge);
    book.credit(wallet, 30, |_| {});
    assert_eq!(sums(&book, wallet), ["-10", "0", "10"]);
    let refunded = refund(&mut book, debit, None).unwrap();
    assert_eq!(came_back(&refunded.back), ["purchased-10", "purchased+30"]);
    assert_eq!(sums(&book, wallet), ["30", "0", "0"]);
    let tranche = &book.state(wallet).tranches[0];
    assert_eq!((tranche.terms.source, tranche.terms.paid), (Source::Refund, money("0")));
    assert_eq!(close(&mut book, wallet), ["0", "0"], "what repaid it is earned, and may have been free");
}

#[test]
fn nothing_of_it_is_granted_anew() {
    let (mut book, wallet, recharge) = bought(|request| request.expires_at = Some(second(60)));
    book.debit("40").unwrap();
    let debit = last(&book, 0);
    fail(&mut book, &recharge);
    book.now = second(90);
    let refunded = refund_with(&mut book, Refund { regrant_days: Some(5), ..asked(debit, None) }).unwrap();
    assert_eq!((came_back(&refunded.back), refunded.expired), (vec!["purchased-40".into()], credits("0")));
    assert_eq!(sums(&book, wallet), ["0", "0", "0"]);
    book.replay();
}

#[test]
fn a_bonus_shares_the_fate_of_its_purchase() {
    let (mut book, wallet, recharge) = bought(with_bonus);
    book.debit("4").unwrap();
    let debit = last(&book, 0);
    let placed = hold(&mut book, "8");
    fail(&mut book, &recharge);
    assert_eq!(sums(&book, wallet), ["4", "8", "4"]);
    book.capture(placed, "7", true).unwrap();
    assert_eq!(sums(&book, wallet), ["-11", "0", "11"]);
    refund(&mut book, debit, None).unwrap();
    assert_eq!(sums(&book, wallet), ["-7", "0", "7"]);
    book.replay();
}

#[test]
fn a_capture_owes_first_and_draws_from_what_is_left() {
    for (over, drawn, shortfall) in [(OverCapture::Draw, "20", "10"), (OverCapture::Overdraft, "25", "5")] {
        let mut book = Book::empty();
        let wallet = book.wallet(|request| request.overdraft_limit = credits("65"));
        book.settings.auto_complete = true;
        let recharge = buy(&mut book, wallet, 100, |_| {});
        let placed = book.place("60", |request| request.over_capture = over).unwrap().hold.id;
        fail(&mut book, &recharge);
        book.credit(wallet, 20, |_| {});
        let step = book.capture(placed, "90", true).unwrap();
        let taken = step.taken.as_ref().unwrap();
        assert_eq!((step.unpaid(), taken.shortfall), (1, credits(shortfall)), "{over:?}");
        assert_eq!(taken.credits, credits("60") + credits(drawn), "{over:?}");
        let head = &book.state(wallet).head;
        assert_eq!(head.own() + head.overdraft_limit, taken.available, "{over:?}");
        assert!(!(head.own() + head.overdraft_limit).is_negative());
        book.replay();
    }
}

#[test]
fn what_was_paid_for_is_captured_as_ever_beside_it() {
    let (mut book, wallet, recharge) = bought(|_| {});
    book.credit(wallet, 30, |_| {});
    let placed = hold(&mut book, "120");
    fail(&mut book, &recharge);
    assert_eq!(sums(&book, wallet), ["130", "120", "0"]);
    let step = book.capture(placed, "110", true).unwrap();
    assert_eq!((step.consumed.len(), step.unpaid()), (1, 1));
    assert_eq!(sums(&book, wallet), ["-80", "0", "100"], "20 that were paid for are left");
    assert_eq!(close(&mut book, wallet), ["20", "100"]);
}

#[test]
fn of_those_of_which_something_may_come_back_more_are_kept() {
    let (mut book, wallet, first) = bought(|_| {});
    book.debit("1").unwrap();
    let debit = last(&book, 0);
    fail(&mut book, &first);
    for _ in 0..=ENDED_KEPT_MAX {
        let other = buy(&mut book, wallet, 2, |_| {});
        fail(&mut book, &other);
    }
    let kept = |book: &Book| book.customer.recharges.len();
    // The first repaid the debt, and so was spent too.
    assert_eq!(kept(&book), ENDED_KEPT_MAX + 2);
    assert!(book.customer.recharges.is_unpaid(first.rows[0].tranche));
    refund(&mut book, debit, None).unwrap();
    book.replay();
    const { assert!(UNPAID_KEPT_MAX > ENDED_KEPT_MAX) };
}

/// The record of a failure as it was written before pins were told from what is spent.
fn fail_as_before(book: &mut Book, recharge: &Recharge, taken: &str, owed: &str) {
    let command = Command::FailRecharge { id: recharge.id, reason: RechargeReason::CardDeclined };
    let mut ahead = Book::empty();
    (ahead.customer, ahead.now, ahead.settings) = (book.customer.clone(), book.now, book.settings.clone());
    ahead.log.clone_from(&book.log);
    let mut facts: Facts = ahead.ask(command.clone()).unwrap();
    let Effect::RechargeEnded(end) = &mut facts.effect else { panic!("{facts:?}") };
    end.recharge.trusted = false;
    (end.unpaid[0].taken, end.unpaid[0].owed) = (credits(taken), credits(owed));
    let posting = end.unpaid[0].posting.as_mut().unwrap();
    posting.after = posting.before - credits(taken) - credits(owed);
    let position = LogPosition(u64::try_from(book.log.len()).unwrap() + 1);
    apply(&mut book.customer, &facts);
    bind(&mut book.customer, &facts, position);
    invariants::check_all(&book.customer).unwrap();
    book.log.push(crate::record::Record { origin: Default::default(), command, facts });
}

#[test]
fn old_records_mean_what_they_meant_but_nothing_is_paid_out_of_them() {
    let (mut book, wallet, recharge) = bought(|_| {});
    let placed = hold(&mut book, "60");
    fail_as_before(&mut book, &recharge, "40", "60");
    let kept = book.customer.recharges.get(recharge.id).unwrap();
    assert_eq!((kept.status, kept.is_unpaid()), (RechargeStatus::Failed, false));
    assert_eq!(sums(&book, wallet), ["0", "60", "60"]);
    assert!(!book.state(wallet).tranches[0].voided);
    let step = book.capture(placed, "20", true).unwrap();
    assert_eq!((step.consumed.len(), step.unpaid(), step.lapsed.len()), (1, 0, 0));
    assert_eq!(sums(&book, wallet), ["-20", "0", "60"]);
    assert_eq!(close(&mut book, wallet), ["0", "60"]);
}

#[test]
fn a_purchase_that_is_paid_is_paid_out() {
    let (mut book, wallet, recharge) = bought(|_| {});
    let placed = hold(&mut book, "60");
    book.ask(Command::CompleteRecharge(recharge.id)).unwrap();
    book.release(placed).unwrap();
    assert_eq!(close(&mut book, wallet), ["100", "0"]);
}
