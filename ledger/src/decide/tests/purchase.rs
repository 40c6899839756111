use crate::command::{Bonus, Command, CreditReason, Quantity, Remainder, TopUp};
use crate::fact::{Due, Effect};
use crate::ids::{LogPosition, RowId, WalletId};
use crate::recharge::{ENDED_KEPT_MAX, Recharge, RechargeReason, RechargeStatus};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, money, second, top_up};
use crate::view::{self, Begun, Progress, ProgressStatus};

pub(super) fn buy(
    book: &mut Book,
    wallet: WalletId,
    amount: i64,
    change: impl FnOnce(&mut TopUp),
) -> Recharge {
    let mut request =
        top_up(wallet, amount, |request| request.reason = CreditReason::PurchasedCreditInvoiced);
    change(&mut request);
    let effect = book.ask(Command::TopUp(request)).unwrap().effect;
    let Effect::Recharged { recharge, .. } = effect else { panic!("{effect:?}") };
    book.customer.recharges.get(recharge.id).unwrap().clone()
}

pub(super) fn with_bonus(request: &mut TopUp) {
    request.bonus = Some(Bonus { credits: credits("10"), expires_at: None });
}

#[test]
fn an_invoiced_purchase_and_its_bonus_are_in_no_balance_until_they_are_paid() {
    let (mut book, wallet) = Book::new();
    let bought = buy(&mut book, wallet, 100, with_bonus);
    assert_eq!(
        (bought.status, bought.rows.len(), bought.charged()),
        (RechargeStatus::Pending, 2, money("100"))
    );
    assert_eq!((book.posted(wallet), book.customer.recharges.pending(wallet)), ("0".into(), credits("110")));
    assert!(book.debit("1").is_err());
    let facts = book.ask(Command::CompleteRecharge(bought.id)).unwrap();
    let Effect::RechargeEnded(end) = &facts.effect else { panic!("an end") };
    assert_eq!(end.rows.len(), 2);
    assert_eq!((book.posted(wallet), book.customer.recharges.pending(wallet)), ("110".into(), credits("0")));
    let is_purchase = |tranche: &&crate::tranche::Tranche| tranche.id == bought.rows[0].tranche;
    let tranche = book.state(wallet).tranches.iter().find(is_purchase).unwrap();
    assert_eq!((tranche.credit_position, tranche.credit_row), bought.row);
    book.replay();
}

#[test]
fn it_ends_once() {
    let (mut book, wallet) = Book::new();
    let ends: [fn(crate::ids::RechargeId) -> Command; 3] = [
        Command::CompleteRecharge,
        |id| Command::FailRecharge { id, reason: RechargeReason::PaymentFailed },
        Command::CancelRecharge,
    ];
    for first in ends {
        let bought = buy(&mut book, wallet, 10, |_| {});
        book.ask(first(bought.id)).unwrap();
        for second in ends {
            assert!(matches!(book.ask(second(bought.id)), Err(Refusal::InvalidOperation(_))));
        }
    }
    assert_eq!(book.posted(wallet), "10");
    book.replay();
}

#[test]
fn what_nobody_pays_fails_after_a_week_by_itself() {
    let (mut book, wallet) = Book::new();
    let bought = buy(&mut book, wallet, 100, |_| {});
    book.now = second(7 * 86_400);
    assert_eq!(book.customer.next_due(), book.now);
    let facts = book.ask(Command::Tick).unwrap();
    let [Due::RechargeExpired(end)] = &facts.due[..] else { panic!("{facts:?}") };
    assert_eq!(end.recharge.reason, Some(RechargeReason::Expired));
    assert!(matches!(book.ask(Command::CompleteRecharge(bought.id)), Err(Refusal::InvalidOperation(_))));
    book.replay();
}

#[test]
fn a_completed_purchase_repays_debt_and_one_for_later_is_scheduled() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("50"));
    book.debit("30").unwrap();
    let bought = buy(&mut book, wallet, 100, |_| {});
    let later = buy(&mut book, wallet, 5, |request| request.effective_at = Some(second(1_000)));
    book.ask(Command::CompleteRecharge(bought.id)).unwrap();
    book.ask(Command::CompleteRecharge(later.id)).unwrap();
    let head = &book.state(wallet).head;
    assert_eq!((head.posted, head.debt), (credits("70"), credits("0")));
    book.now = second(1_000);
    book.ask(Command::Tick).unwrap();
    assert_eq!(book.posted(wallet), "75");
    book.replay();
}

#[test]
fn closing_the_wallet_calls_pending_purchases_off() {
    let (mut book, wallet) = Book::new();
    let bought = buy(&mut book, wallet, 100, |_| {});
    book.close(wallet, Remainder::Forfeit).unwrap();
    let kept = book.customer.recharges.get(bought.id).unwrap();
    assert_eq!((kept.status, kept.reason), (RechargeStatus::Cancelled, Some(RechargeReason::WalletClosed)));
    assert!(matches!(book.ask(Command::CompleteRecharge(bought.id)), Err(Refusal::InvalidOperation(_))));
    book.replay();
}

#[test]
fn trusted_credit_that_fails_owes_what_was_spent_and_not_what_ended() {
    let (mut book, wallet) = Book::new();
    book.settings.auto_complete = true;
    let bought = buy(&mut book, wallet, 100, |request| request.expires_at = Some(second(100)));
    book.debit("30").unwrap();
    book.now = second(200);
    book.ask(Command::Tick).unwrap();
    assert_eq!(book.posted(wallet), "0");
    book.ask(Command::FailRecharge { id: bought.id, reason: RechargeReason::PaymentFailed }).unwrap();
    assert_eq!(book.posted(wallet), "-30");
    book.replay();
}

#[test]
fn pending_purchases_are_limited_and_count_in_the_digits_of_a_wallet() {
    let (mut book, wallet) = Book::new();
    book.limits.recharges_open_max = 1;
    let huge = |request: &mut TopUp| request.quantity = Quantity::Credits(credits("999999999999"));
    buy(&mut book, wallet, 1, huge);
    let more = top_up(wallet, 1, |request| request.reason = CreditReason::PurchasedCreditInvoiced);
    assert_eq!(book.ask(Command::TopUp(more)).unwrap_err(), Refusal::AmountOverflow("the wallet's credit"));
    let other = book.wallet(|_| {});
    let more = top_up(other, 1, |request| request.reason = CreditReason::PurchasedCreditInvoiced);
    assert_eq!(
        book.ask(Command::TopUp(more)).unwrap_err(),
        Refusal::LimitReached { limit: "recharges_open_max", max: 1 }
    );
}

#[test]
fn of_those_that_ended_the_latest_are_kept() {
    let (mut book, wallet) = Book::new();
    let first = buy(&mut book, wallet, 1, |_| {}).id;
    book.ask(Command::CancelRecharge(first)).unwrap();
    for _ in 0..ENDED_KEPT_MAX {
        let bought = buy(&mut book, wallet, 1, |_| {}).id;
        book.ask(Command::CancelRecharge(bought)).unwrap();
    }
    assert_eq!(book.customer.recharges.len(), ENDED_KEPT_MAX);
    assert_eq!(
        book.ask(Command::FailRecharge { id: first, reason: RechargeReason::PaymentFailed }).unwrap_err(),
        Refusal::NotFound("recharge")
    );
    book.replay();
}

#[test]
fn a_row_that_waited_says_how_far_it_is_and_by_which_row_it_came_in() {
    let (mut book, wallet) = Book::new();
    let how = |book: &Book, row: RowId| {
        let position = row.position();
        let record = &book.log[usize::try_from(position.0).unwrap() - 1];
        let rows = view::rows(record, position);
        let begun = Begun::of(rows.iter().find(|one| one.id == row).unwrap()).unwrap();
        view::progress(&book.customer, book.now, &begun)
    };
    let first_row =
        |bought: &Recharge, number: u32| RowId::new(bought.begun_at, bought.row.0, bought.row.1 + number);
    let paid = buy(&mut book, wallet, 100, with_bonus);
    let late = buy(&mut book, wallet, 10, |_| {});
    book.now = second(60);
    assert_eq!(how(&book, first_row(&paid, 1)), Some(Progress::only(ProgressStatus::Pending)));
    // Something is due in the record that brings it in, so that its rows are not the first there.
    book.credit(wallet, 5, |request| request.expires_at = Some(second(70)));
    book.now = second(80);
    book.ask(Command::CompleteRecharge(paid.id)).unwrap();
    let (record, position) = (book.log.last().unwrap(), LogPosition(u64::try_from(book.log.len()).unwrap()));
    let rows = view::rows(record, position);
    assert_eq!(rows.len(), 3, "{rows:#?}");
    for number in 0..2 {
        let begun = first_row(&paid, number);
        let by = rows.iter().find(|row| row.completes == Some(begun)).unwrap();
        let expected = Progress { status: ProgressStatus::Completed, completed_by: Some(by.id) };
        assert_eq!(how(&book, begun), Some(expected));
    }
    // Nobody has written down yet that it was not paid in time.
    book.now = late.expires_at.unwrap();
    assert_eq!(how(&book, first_row(&late, 0)), Some(Progress::only(ProgressStatus::Failed)));
    book.replay();
}
