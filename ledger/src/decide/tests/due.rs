//! What happens by itself, and that it is exact to the nanosecond.

use crate::command::{Command, CreditReason};
use crate::expiry;
use crate::fact::{Due, Effect};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, second};
use crate::time::Timestamp;
use crate::view;

#[test]
fn credit_is_usable_until_just_before_its_end() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = Some(second(60)));
    book.now = Timestamp(second(60).0 - 1);
    book.debit("1").unwrap();
    book.now = second(60);
    assert!(matches!(book.debit("1"), Err(Refusal::InsufficientCredits { .. })));
    assert_eq!(book.posted(wallet), "9", "a refusal writes nothing");
    assert!(
        view::head_at(&book.customer, book.state(wallet), book.now).posted.is_zero(),
        "no balance shows expired credit"
    );
    let facts = book.ask(Command::Tick).unwrap();
    let [Due::Expired { credits: gone, terms, posting, .. }] = facts.due.as_slice() else {
        panic!("{facts:?}")
    };
    assert_eq!((*gone, terms.expires_at, posting.sequence), (credits("9"), Some(second(60)), 3));
    assert_eq!(facts.effect, Effect::Ticked);
    assert_eq!(book.ask(Command::Tick), Err(Refusal::InvalidOperation("nothing is due")));
    book.replay();
}

#[test]
fn the_next_operation_writes_what_is_due_before_its_effect() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = Some(second(60)));
    book.credit(wallet, 20, |request| request.effective_at = Some(second(30)));
    book.now = second(90);
    let facts = book.ask(Command::Debit(crate::testing::debit("5"))).unwrap();
    assert!(matches!(facts.due.as_slice(), [Due::Started { .. }, Due::Expired { .. }]), "by instant");
    let Effect::Debited(debited) = facts.effect else { panic!() };
    assert_eq!((debited.balance_before, debited.balance_after), (credits("20"), credits("15")));
    assert_eq!(debited.rows[0].posting.sequence, 4);
    book.replay();
}

#[test]
fn a_start_repays_debt_and_may_leave_nothing_to_expire() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    for amount in [4, 8] {
        book.credit(wallet, amount, |request| {
            (request.effective_at, request.expires_at) = (Some(second(30)), Some(second(60)));
        });
    }
    book.debit("6").unwrap();
    assert_eq!(book.posted(wallet), "-6");
    book.now = second(99);
    assert_eq!(expiry::due_count(&book.customer, book.now), 3);
    let shown = view::figures_at(&book.customer, book.state(wallet), book.now);
    assert!(shown.posted.is_zero() && shown.debt.is_zero() && shown.scheduled.is_zero());
    let facts = book.ask(Command::Tick).unwrap();
    let happened: Vec<_> = facts.due.iter().map(describe).collect();
    assert_eq!(happened, ["started 4 repaid 4: -2", "started 8 repaid 2: 6", "expired 6: 0"]);
    book.replay();
}

fn describe(due: &Due) -> String {
    match due {
        Due::Started { credits, repaid, posting, .. } => {
            format!("started {credits} repaid {repaid}: {}", posting.after)
        }
        Due::Expired { credits, posting, .. } => format!("expired {credits}: {}", posting.after),
        Due::HoldExpired(end) => format!("hold {} expired", end.hold.credits),
        Due::RolledOver(_) | Due::Granted(_) => panic!("nothing is granted"),
        Due::RechargeExpired(end) => format!("recharge {} expired", end.recharge.credits()),
    }
}

#[test]
fn ticks_write_a_limited_number_in_order() {
    let (mut book, wallet) = Book::new();
    book.limits.due_per_record_max = 2;
    for end in [50, 40, 30, 20, 10] {
        book.credit(wallet, i64::try_from(end).unwrap(), |request| {
            (request.reason, request.expires_at) = (CreditReason::FreeCreditGrant, Some(second(end)));
        });
    }
    book.now = second(60);
    let mut ends = Vec::new();
    while book.customer.next_due() <= book.now {
        let facts = book.ask(Command::Tick).unwrap();
        assert!(facts.due.len() <= 2);
        ends.extend(facts.due.iter().map(describe));
    }
    let order = ["expired 10: 140", "expired 20: 120", "expired 30: 90", "expired 40: 50", "expired 50: 0"];
    assert_eq!(ends, order);
    book.replay();
}

#[test]
fn rows_of_due_things_are_dated_at_their_instant_and_belong_to_nobody() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| {
        (request.effective_at, request.expires_at) = (Some(second(30)), Some(second(60)));
    });
    book.now = second(99);
    book.ask(Command::Tick).unwrap();
    let position = crate::ids::LogPosition(3);
    let rows = view::rows(&book.log[2], position);
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].effective_at, rows[1].effective_at), (second(30), second(60)));
    assert!(rows.iter().all(|row| row.recorded_at == second(99) && row.by.is_none()));
    let scheduled = view::rows(&book.log[1], crate::ids::LogPosition(2));
    assert_eq!(scheduled[0].status, view::RowStatus::Scheduled);
    assert_eq!((scheduled[0].effective_at, scheduled[0].balance_before), (second(30), None));
    assert_eq!(rows[0].completes, Some(scheduled[0].id));
    assert_eq!(rows[1].row_type, view::RowType::Debit);
}
