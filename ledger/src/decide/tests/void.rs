//! Voids of credits: what is neither spent nor pinned goes (SEMANTICS §6).

use super::undoing::{asked, last, refund, refund_with, void};
use crate::amount::Credits;
use crate::command::{Bonus, Command, Memo, Refund, Remainder, VoidCredit};
use crate::fact::Voided;
use crate::ids::{HoldId, LogPosition, RowId};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, money, second};
use crate::view::{self, RowType};

/// What a void says: taken back, pinned, gone before.
fn said(void: &Voided) -> [String; 3] {
    [void.credits, void.held, void.spent].map(|credits| credits.to_string())
}

/// A purchase of 10 with a bonus of 2, which burns first. The purchase's row.
fn purchase_with_bonus() -> (Book, RowId) {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| {
        request.bonus = Some(Bonus { credits: credits("2"), expires_at: None });
    });
    let row = last(&book, 0);
    (book, row)
}

#[test]
fn a_void_takes_what_is_unspent_of_a_purchase_and_of_its_bonus() {
    let (mut book, row) = purchase_with_bonus();
    let wallet = book.customer.wallets[0].head.id;
    book.debit("3").unwrap();
    let debit = last(&book, 0);
    let voids = void(&mut book, row).unwrap();
    assert_eq!(voids.iter().map(said).collect::<Vec<_>>(), [["9", "0", "1"], ["0", "0", "2"]]);
    assert_eq!((book.posted(wallet).as_str(), book.state(wallet).tranches.len()), ("0", 0));
    let record = book.log.last().unwrap().clone();
    let rows = view::rows(&record, last(&book, 0).position());
    assert_eq!((rows[0].row_type, rows[1].row_type), (RowType::Debit, RowType::Memo));
    assert_eq!((rows[0].reason.as_str(), rows[0].parent), ("CREDIT_VOIDED", Some(row)));
    assert!(matches!(void(&mut book, row), Err(Refusal::InvalidOperation(_))), "nothing is left");
    refund(&mut book, debit, None).unwrap();
    assert_eq!(book.posted(wallet), "3", "what was spent before was not voided");
    book.replay();
}

#[test]
fn a_bonus_is_voided_alone_when_it_is_named_itself() {
    let (mut book, row) = purchase_with_bonus();
    let wallet = book.customer.wallets[0].head.id;
    let bonus = RowId::new(book.now, row.position(), 1);
    assert_eq!(void(&mut book, bonus).unwrap().iter().map(said).collect::<Vec<_>>(), [["2", "0", "0"]]);
    assert_eq!(book.posted(wallet), "10");
    assert_eq!(void(&mut book, row).unwrap().len(), 2);
    assert_eq!(book.posted(wallet), "0");
    book.replay();
}

#[test]
fn the_rows_of_both_follow_each_other() {
    let (mut book, row) = purchase_with_bonus();
    let voids = void(&mut book, row).unwrap();
    let after: Vec<_> = voids.iter().map(|void| void.posting.unwrap().after).collect();
    assert_eq!(after, [credits("2"), Credits::ZERO]);
    book.replay();
}

#[test]
fn what_never_started_is_cancelled_whole() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.effective_at = Some(second(60)));
    let row = last(&book, 0);
    let voids = void(&mut book, row).unwrap();
    assert_eq!((said(&voids[0]), voids[0].posting), (["10", "0", "0"].map(String::from), None));
    assert!(book.state(wallet).tranches.is_empty());
    book.now = second(61);
    assert_eq!(crate::expiry::due_count(&book.customer, book.now), 0);
    book.replay();
}

#[test]
fn initial_credit_can_be_voided_and_what_repaid_debt_is_spent() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| {
        (request.initial_credits, request.overdraft_limit) = (credits("5"), credits("9"));
    });
    let initial = last(&book, 0);
    assert_eq!(void(&mut book, initial).unwrap().iter().map(said).collect::<Vec<_>>(), [["5", "0", "0"]]);
    book.debit("4").unwrap();
    book.credit(wallet, 10, |_| {});
    let row = last(&book, 0);
    assert_eq!(void(&mut book, row).unwrap().iter().map(said).collect::<Vec<_>>(), [["6", "0", "4"]]);
    assert_eq!(book.posted(wallet), "0");
    book.replay();
}

#[test]
fn only_credit_that_came_in_can_be_voided() {
    let (mut book, row) = purchase_with_bonus();
    let wallet = book.customer.wallets[0].head.id;
    book.debit("1").unwrap();
    let debit = last(&book, 0);
    assert!(matches!(void(&mut book, debit), Err(Refusal::InvalidOperation(_))));
    refund(&mut book, debit, None).unwrap();
    let back = last(&book, 0);
    assert!(matches!(void(&mut book, back), Err(Refusal::InvalidOperation(_))));
    let missing = RowId::new(book.now, LogPosition(2), 2);
    assert_eq!(void(&mut book, missing), Err(Refusal::NotFound("transaction")));
    let unasked = Command::VoidCredit(VoidCredit { row, memo: Memo::default() });
    assert_eq!(book.ask(unasked), Err(Refusal::NotFound("transaction")));
    book.ask(Command::Freeze(wallet)).unwrap();
    let copy = book.customer.clone();
    void(&mut book, row).unwrap();
    book.customer = copy;
    book.log.pop();
    book.close(wallet, Remainder::Forfeit).unwrap();
    assert_eq!(void(&mut book, row), Err(Refusal::WalletClosed(wallet)));
    book.replay();
}

#[test]
fn what_is_pinned_goes_when_its_hold_lets_it_go() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let row = last(&book, 0);
    let hold = book.hold("4");
    let voids = void(&mut book, row).unwrap();
    assert_eq!(
        (said(&voids[0]), book.figures(wallet)),
        (["6", "4", "0"].map(String::from), ["4", "4", "0"].map(String::from))
    );
    assert!(matches!(void(&mut book, row), Err(Refusal::InvalidOperation(_))), "it is voided already");
    assert!(matches!(book.debit("1"), Err(Refusal::InsufficientCredits { .. })));
    let step = book.capture(hold, "1", true).unwrap();
    assert!(step.lapsed[0].voided && step.lapsed[0].credits == credits("3"));
    assert_eq!(book.posted(wallet), "0");
    let rows = view::rows(book.log.last().unwrap(), last(&book, 0).position());
    let reasons: Vec<_> = rows.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["HOLD_CAPTURE", "HOLD_RELEASE", "CREDIT_VOIDED"]);
    book.replay();
}

/// 10 for 10 dollars, of which 3 are spent and 4 pinned, voided. The rows of credit and debit, and the hold.
fn voided_with_pins(ends_at: Option<u64>) -> (Book, RowId, RowId, HoldId) {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = ends_at.map(second));
    let credit = last(&book, 0);
    book.debit("3").unwrap();
    let debit = last(&book, 0);
    let hold = book.hold("4");
    let voids = void(&mut book, credit).unwrap();
    assert_eq!(voids.iter().map(said).collect::<Vec<_>>(), [["3", "4", "3"]]);
    (book, credit, debit, hold)
}

#[test]
fn what_was_spent_of_a_voided_credit_comes_back_live_whether_or_not_a_hold_still_pins_of_it() {
    for pinned in [true, false] {
        let (mut book, credit, debit, hold) = voided_with_pins(None);
        let wallet = book.customer.wallets[0].head.id;
        if !pinned {
            book.capture(hold, "4", true).unwrap();
        }
        let refunded = refund(&mut book, debit, Some("2")).unwrap();
        assert_eq!((refunded.expired, refunded.back.lapsed.len()), (Credits::ZERO, 0));
        let own = book.figures(wallet)[2].clone();
        assert_eq!(own, "2", "a void takes no more than it said");
        let paid: Vec<_> = book.state(wallet).tranches.iter().map(|tranche| tranche.terms.paid).collect();
        assert_eq!(paid, if pinned { vec![money("10"), money("2")] } else { vec![money("10")] });
        assert_eq!(void(&mut book, credit).is_ok(), !pinned, "what came back apart is a credit of its own");
        book.replay();
    }
}

#[test]
fn what_comes_back_of_a_voided_credit_that_has_ended_expires_unless_it_is_granted_anew() {
    let (mut book, _, debit, _) = voided_with_pins(Some(60));
    let wallet = book.customer.wallets[0].head.id;
    book.now = second(60);
    let refunded = refund(&mut book, debit, Some("1")).unwrap();
    assert!(!refunded.back.lapsed[0].voided && refunded.expired == credits("1"));
    let request = Refund { regrant_days: Some(1), ..asked(debit, None) };
    assert_eq!(refund_with(&mut book, request).unwrap().expired, Credits::ZERO);
    assert_eq!(book.figures(wallet), ["6", "4", "2"].map(String::from));
    book.replay();
}
