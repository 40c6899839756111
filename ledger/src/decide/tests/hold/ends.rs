//! What holds give back: in time, too late, at their deadline.

use super::{insufficient, shown, sums};
use crate::command::{Command, Memo, VoidCredit};
use crate::expiry;
use crate::fact::{CreditRow, Due};
use crate::hold::HoldStatus;
use crate::ids::{RowId, WalletId};
use crate::looked_up::{LookedUp, OldCredit};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, second};
use crate::time::Timestamp;
use crate::view::{self, RowReason, RowType};

#[test]
fn the_deadline_gives_credit_back_and_the_ledger_shows_it() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let hold = book.hold("60");
    book.now = Timestamp(second(600).0 - 1);
    assert_eq!(book.debit("41"), Err(insufficient("41", "40", "1")), "to the nanosecond");
    assert_eq!(book.customer.next_due(), second(600));
    book.now = second(700);
    assert_eq!(book.figures(wallet), ["100", "0", "100"], "swept or not");
    let facts = book.ask(Command::Debit(crate::testing::debit("100"))).unwrap();
    let [Due::HoldExpired(end)] = facts.due.as_slice() else { panic!("{facts:?}") };
    assert_eq!((end.at, end.hold.id, end.hold.status), (second(600), hold, HoldStatus::Expired));
    assert_eq!(
        (shown(&book, &end.returned), sums(&end.hold)),
        (vec!["0:60".into()], ["60", "0", "60", "0"].map(Into::into))
    );
    assert_eq!((facts.due[0].rows(), facts.first_row()), (1, 1), "the row of what came back");
    assert_eq!(book.customer.closed(hold.0).unwrap().position, book.customer.last_position);
    let rows = view::rows(book.log.last().unwrap(), book.customer.last_position);
    let row = &rows[0];
    assert_eq!((row.row_type, row.credits, row.sequence), (RowType::Release, credits("60"), None));
    assert_eq!((row.effective_at, row.recorded_at, row.by), (second(600), second(700), None));
    assert_eq!(book.figures(wallet), ["0", "0", "0"]);
    book.replay();
}

#[test]
fn release_after_the_tranche_ended_is_breakage_and_does_not_reach_a_live_tranche() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 50, |request| request.expires_at = Some(second(100)));
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("40");
    book.now = second(200);
    let step = book.release(hold).unwrap();
    let [lapsed] = step.lapsed.as_slice() else { panic!("{step:?}") };
    assert_eq!((lapsed.credits, lapsed.terms.expires_at), (credits("40"), Some(second(100))));
    let rows = view::rows(book.log.last().unwrap(), book.customer.last_position);
    let shown: Vec<_> =
        rows.iter().map(|row| (row.row_type, row.reason, row.credits, row.effective_at)).collect();
    let wanted = [
        (RowType::Debit, RowReason::CreditExpired, credits("10"), second(100)),
        (RowType::Release, RowReason::HoldRelease, credits("40"), second(200)),
        (RowType::Debit, RowReason::CreditExpired, credits("40"), second(200)),
    ];
    assert_eq!(shown, wanted, "what was pinned is dated when it came back");
    let due = &book.log.last().unwrap().facts.due;
    assert!(
        matches!(due.as_slice(), [Due::Expired { credits: gone, .. }] if *gone == credits("10")),
        "{due:?}"
    );
    assert_eq!(book.state(wallet).tranches.len(), 1);
    assert_eq!(book.figures(wallet), ["10", "0", "10"]);
    book.replay();
}

#[test]
fn expired_but_unswept_credit_cannot_be_spent_or_pinned() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 50, |request| request.expires_at = Some(second(100)));
    let hold = book.hold("20");
    book.now = second(100);
    assert_eq!(book.customer.next_due(), second(100), "nobody wrote it yet");
    assert_eq!(book.debit("1"), Err(insufficient("1", "0", "1")));
    assert_eq!(book.place("1", |_| {}), Err(insufficient("1", "0", "1")));
    assert_eq!(book.grow(hold, "1"), Err(insufficient("1", "0", "1")));
    assert_eq!(book.figures(wallet), ["20", "20", "0"]);
    let balance = view::balance(&book.customer, book.now);
    let figures = balance.wallets[0].figures;
    assert_eq!((figures.by_source.purchased, figures.by_price_type.usage), (credits("20"), credits("0")));
    book.replay();
}

#[test]
fn pinned_credit_and_pinned_overdraft_are_offered_to_nobody() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("10"));
    book.credit(wallet, 50, |_| {});
    book.hold("54");
    let figures = view::figures_at(&book.customer, book.state(wallet), book.now);
    assert_eq!((figures.by_price_type.usage, figures.by_price_type.fixed), (credits("6"), credits("0")));
    assert_eq!((figures.own, figures.available), (credits("-4"), credits("6")));
    assert_eq!(book.debit("7"), Err(insufficient("7", "6", "1")));
}

#[test]
fn at_one_instant_tranches_start_then_holds_end_then_tranches_end() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |request| request.expires_at = Some(second(100)));
    book.credit(wallet, 5, |request| {
        (request.effective_at, request.expires_at) = (Some(second(100)), Some(second(200)));
    });
    book.place("10", |request| request.expires_in_s = 100).unwrap();
    book.now = second(150);
    let facts = book.ask(Command::Tick).unwrap();
    let [Due::Started { .. }, Due::HoldExpired(end), Due::Expired { credits: gone, posting, .. }] =
        facts.due.as_slice()
    else {
        panic!("{facts:?}")
    };
    assert!(end.lapsed.is_empty(), "it came back in time, and ended with its tranche");
    assert_eq!((*gone, posting.before, posting.after), (credits("10"), credits("15"), credits("5")));
    book.replay();
}

#[test]
fn a_tranche_ends_with_what_came_back_before_and_without_what_comes_later() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 30, |request| request.expires_at = Some(second(100)));
    for (amount, seconds) in [("10", 50), ("10", 99), ("4", 101), ("6", 500)] {
        book.place(amount, |request| request.expires_in_s = seconds).unwrap();
    }
    assert_eq!(book.state(wallet).next_due, Timestamp::MAX, "all of it is pinned");
    book.now = second(400);
    assert_eq!(expiry::due_count(&book.customer, book.now), 4);
    assert!(expiry::is_more_due_than(&book.customer, book.now, 3));
    assert!(!expiry::is_more_due_than(&book.customer, book.now, 4));
    let facts = book.ask(Command::Tick).unwrap();
    let [
        Due::HoldExpired(_),
        Due::HoldExpired(_),
        Due::Expired { credits: gone, .. },
        Due::HoldExpired(late),
    ] = facts.due.as_slice()
    else {
        panic!("{facts:?}")
    };
    assert_eq!((*gone, late.lapsed[0].credits), (credits("20"), credits("4")));
    assert_eq!(book.figures(wallet), ["6", "6", "0"]);
    assert_eq!(book.customer.next_due(), second(500));
    book.replay();
}

#[test]
fn ticks_write_deadlines_a_limited_number_at_a_time() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |request| request.expires_at = Some(second(300)));
    for seconds in 1..=9 {
        book.place("10", |request| request.expires_in_s = 100 * (10 - seconds)).unwrap();
    }
    book.limits.due_per_record_max = 2;
    book.now = second(1_000);
    let mut gone = Vec::new();
    while book.customer.next_due() <= book.now {
        let facts = book.ask(Command::Tick).unwrap();
        assert!(!facts.due.is_empty() && facts.due.len() <= 2);
        gone.extend(facts.due.into_iter().map(|due| match due {
            Due::Expired { credits, .. } => format!("ends {credits}"),
            Due::HoldExpired(end) => format!("lapses {}", end.lapsed.len()),
            Due::Started { .. } | Due::RolledOver(_) | Due::Granted(_) | Due::RechargeExpired(_) => {
                panic!("nothing starts")
            }
        }));
    }
    let mut wanted = vec!["lapses 0", "lapses 0", "lapses 0", "ends 40"];
    wanted.extend(["lapses 1"; 6]);
    assert_eq!(gone, wanted);
    assert_eq!(book.figures(wallet), ["0", "0", "0"]);
    assert!(book.state(wallet).tranches.is_empty());
    book.replay();
}

#[test]
fn a_hold_too_large_for_one_record_ends_in_parts_and_nothing_later_happens_between_them() {
    let (mut book, wallet) = Book::new();
    for end in [100, 200, 900, 950] {
        book.credit(wallet, 10, |request| request.expires_at = Some(second(end)));
    }
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("45");
    book.limits.hold_pins_per_record_max = 2;
    book.now = second(1_000);
    let mut told = Vec::new();
    while book.customer.next_due() <= book.now {
        let facts = book.ask(Command::Tick).unwrap();
        told.extend(facts.due.iter().map(|due| match due {
            Due::HoldExpired(end) => {
                let (back, gone) = (end.returned.len(), end.lapsed.len());
                assert_eq!((end.at, end.freed.len()), (second(600), 0));
                assert_eq!(facts.needs_position(), !end.is_part(), "only the end is found by its place");
                format!("{} back {back} gone {gone} left {}", end.hold.status.as_str(), end.hold.held())
            }
            Due::Expired { credits, .. } => format!("ends {credits}"),
            Due::Started { .. } | Due::RolledOver(_) | Due::Granted(_) | Due::RechargeExpired(_) => {
                panic!("{due:?}")
            }
        }));
        told.push("|".into());
    }
    let wanted = [
        "open back 2 gone 2 left 25",
        "|",
        "open back 2 gone 0 left 5",
        "|",
        "expired back 1 gone 0 left 0",
        "ends 10",
        "ends 10",
        "|",
    ];
    assert_eq!(told, wanted);
    assert_eq!(book.figures(wallet), ["10", "0", "10"]);
    assert_eq!(book.ask(Command::Release { hold, memo: Memo::default() }), Err(Refusal::HoldExpired(hold)));
    let ended: Vec<_> = book.log.iter().filter(|record| record.facts.needs_position()).collect();
    let Due::HoldExpired(end) = &ended.last().unwrap().facts.due[0] else { panic!("{ended:?}") };
    assert_eq!(sums(&end.hold), ["45", "0", "45", "0"].map(String::from), "the last part tells all of it");
    book.replay();
}

#[test]
fn a_command_ends_what_is_due_whole() {
    let (mut book, wallet) = Book::new();
    (0..3).for_each(|_| drop(book.credit(wallet, 10, |_| {})));
    book.hold("30");
    book.limits.hold_pins_per_record_max = 1;
    book.now = second(600);
    book.ask(Command::Tick).unwrap();
    assert_eq!(book.state(wallet).head.held, credits("20"));
    assert_eq!(book.figures(wallet), ["30", "0", "30"], "a read shows none of it, as at the end");
    let facts = book.ask(Command::Debit(crate::testing::debit("30"))).unwrap();
    let [Due::HoldExpired(end)] = facts.due.as_slice() else { panic!("{facts:?}") };
    assert_eq!((end.hold.status, end.returned.len()), (HoldStatus::Expired, 2));
    assert_eq!(book.figures(wallet), ["0", "0", "0"]);
    book.replay();
}

#[test]
fn what_comes_back_to_a_voided_credit_is_gone_at_once() {
    let (mut book, wallet) = Book::new();
    let row = book.credit(wallet, 50, |request| request.expires_at = Some(second(900))).remove(0);
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("30");
    book.looked_up = Some(LookedUp::Credits(vec![old(&row, wallet)]));
    book.ask(Command::VoidCredit(VoidCredit { row: old(&row, wallet).row, memo: Memo::default() })).unwrap();
    assert_eq!(book.figures(wallet), ["40", "30", "10"]);
    book.capture(hold, "5", false).unwrap();
    let step = book.release(hold).unwrap();
    let [lapsed] = step.lapsed.as_slice() else { panic!("{step:?}") };
    assert_eq!((lapsed.credits, lapsed.voided), (credits("25"), true));
    assert_eq!(book.figures(wallet), ["10", "0", "10"]);
    book.replay();
}

fn old(row: &CreditRow, wallet: WalletId) -> OldCredit {
    OldCredit {
        row: RowId::new(second(0), crate::ids::LogPosition(2), 0),
        wallet,
        reason: row.reason,
        tranche: row.tranche,
        terms: row.terms.clone(),
    }
}

#[test]
fn a_customer_with_much_to_copy_has_what_is_due_written_apart() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    assert!(!expiry::write_apart(&book.customer));
    let hold = book.place("1", |_| {}).unwrap().hold;
    for counter in 0..1_001 {
        let id = crate::ids::HoldId(crate::ids::ThingId::new(second(0), book.customer.number, 100 + counter));
        book.customer.holds.set(crate::hold::Hold { id, ..hold.clone() });
    }
    assert!(expiry::write_apart(&book.customer));
}
