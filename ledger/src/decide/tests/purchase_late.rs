//! Purchases that are paid after their credit's own end: it comes in and is gone at that instant. No row counts before the credit that it
//! takes, and nothing that is written later counts in a time that is over.

use std::collections::BTreeMap;

use super::hold::random::Dice;
use super::purchase::{buy, with_bonus};
use crate::amount::Credits;
use crate::command::{Bonus, Command, TopUp};
use crate::expiry;
use crate::fact::{Due, Effect};
use crate::ids::{LogPosition, TrancheId, WalletId};
use crate::recharge::{Recharge, RechargeStatus};
use crate::record::Record;
use crate::testing::{Book, credits, second};
use crate::time::Timestamp;
use crate::view::{self, MoveKind, Moved, RowReason};

/// What a row did to tranches, and the instant at which it counts.
fn moved(record: &Record, position: LogPosition) -> Vec<(TrancheId, MoveKind, Credits, Timestamp)> {
    let (rows, moves) = view::rows_and_moves(record, position);
    let of_tranche = moves.iter().filter_map(|one| {
        let Moved::Tranche { id, .. } = one.of else { return None };
        let row = &rows[usize::try_from(one.row?).unwrap()];
        Some((id, one.kind, one.credits, row.effective_at))
    });
    of_tranche.collect()
}

fn positions(book: &Book) -> impl Iterator<Item = (&Record, LogPosition)> {
    book.log.iter().zip((1..).map(LogPosition))
}

/// Reason, credits, balance after (where it has one), and when it counts, of the rows after so many records.
fn rows_after(book: &Book, records: usize) -> Vec<(RowReason, Credits, Option<Credits>, Timestamp)> {
    let rows = positions(book).skip(records).flat_map(|(record, position)| view::rows(record, position));
    rows.map(|row| (row.reason, row.credits, row.balance_after, row.effective_at)).collect()
}

fn ends_at(number: u64) -> impl FnOnce(&mut TopUp) {
    move |request| request.expires_at = Some(second(number))
}

#[test]
fn credit_that_is_paid_after_its_end_comes_in_and_is_gone_at_that_instant() {
    let (mut book, wallet) = Book::new();
    let bought = buy(&mut book, wallet, 100, ends_at(60));
    book.now = second(90);
    let before = book.log.len();
    book.ask(Command::CompleteRecharge(bought.id)).unwrap();
    assert_eq!(book.customer.next_due(), second(90), "its end is due at once");
    assert!(view::head_at(&book.customer, book.state(wallet), book.now).posted.is_zero());
    assert!(book.debit("1").is_err(), "it never pays for anything");
    book.now = second(500);
    let facts = book.ask(Command::Tick).unwrap();
    assert!(matches!(&facts.due[..], [Due::Expired { .. }]), "{facts:?}");
    let reason = RowReason::Credit(bought.rows[0].reason);
    let expected = [
        (reason, credits("100"), Some(credits("100")), second(90)),
        (RowReason::CreditExpired, credits("100"), Some(credits("0")), second(90)),
    ];
    assert_eq!(rows_after(&book, before), expected, "however late it is written");
    assert_eq!(book.customer.recharges.get(bought.id).unwrap().rows, bought.rows, "as it was bought");
    book.replay();
}

#[test]
fn of_a_purchase_and_its_bonus_only_what_has_ended_is_gone() {
    for (purchase, bonus, gone) in
        [(60, 200, &["100"][..]), (200, 60, &["10"]), (60, 90, &["10", "100"]), (91, 91, &[])]
    {
        let (mut book, wallet) = Book::new();
        let bought = buy(&mut book, wallet, 100, |request| {
            request.expires_at = Some(second(purchase));
            request.bonus = Some(Bonus { credits: credits("10"), expires_at: Some(second(bonus)) });
        });
        book.now = second(90);
        let facts = book.ask(Command::CompleteRecharge(bought.id)).unwrap();
        let Effect::RechargeEnded(end) = &facts.effect else { panic!("{facts:?}") };
        let ends: Vec<_> = end.rows.iter().map(|row| row.terms.expires_at.unwrap()).collect();
        assert_eq!(ends, [purchase, bonus].map(|end| second(end.max(90))));
        let due = expiry::due(&book.customer, book.now, usize::MAX);
        let ended = due.iter().map(|due| {
            let Due::Expired { credits, .. } = due else { panic!("{due:?}") };
            credits.to_string()
        });
        assert_eq!(ended.collect::<Vec<_>>(), gone);
        book.replay();
    }
}

#[test]
fn what_never_ends_and_what_ends_later_keep_their_ends() {
    let (mut book, wallet) = Book::new();
    for end in [None, Some(second(91))] {
        let bought = buy(&mut book, wallet, 100, |request| {
            with_bonus(request);
            request.expires_at = end;
        });
        book.now = second(90);
        let facts = book.ask(Command::CompleteRecharge(bought.id)).unwrap();
        let Effect::RechargeEnded(end_of_it) = &facts.effect else { panic!("{facts:?}") };
        let terms = |rows: &[Box<crate::fact::CreditRow>]| {
            rows.iter().map(|row| row.terms.clone()).collect::<Vec<_>>()
        };
        assert_eq!(terms(&end_of_it.rows), terms(&bought.rows));
    }
    assert_eq!(book.posted(wallet), "220");
}

#[test]
fn debt_is_repaid_by_what_is_paid_late_and_only_the_rest_is_gone() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("50"));
    book.debit("30").unwrap();
    let bought = buy(&mut book, wallet, 100, ends_at(60));
    book.now = second(90);
    book.ask(Command::CompleteRecharge(bought.id)).unwrap();
    let facts = book.ask(Command::Tick).unwrap();
    let [Due::Expired { credits: gone, .. }] = &facts.due[..] else { panic!("{facts:?}") };
    let head = &book.state(wallet).head;
    assert_eq!((*gone, head.posted, head.debt), (credits("70"), credits("0"), credits("0")));
    book.replay();
}

const PROGRAMS: u64 = 200;
const STEPS: u64 = 80;

#[test]
fn no_row_counts_before_the_credit_that_it_takes_nor_in_a_time_that_is_over() {
    let mut late = 0;
    for seed in 1..=PROGRAMS {
        late += run(seed);
    }
    assert!(late > PROGRAMS, "{late} were paid late: the programs would say nothing");
}

/// One program; how many of its purchases were paid after an end.
fn run(seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let mut book = Book::empty();
    let wallets = ["0", "15"].map(|limit| book.wallet(|request| request.overdraft_limit = credits(limit)));
    let (mut now, mut late) = (0, 0);
    for _ in 0..STEPS {
        now += dice.below(8);
        book.now = second(now);
        // All that is over is written: what comes now counts from now on.
        drop(book.ask(Command::Tick));
        let written = book.log.len();
        let command = command(&mut dice, &book, &wallets);
        let Ok(facts) = book.ask(command) else { continue };
        late += u64::from(is_late(&facts.effect));
        for _ in 0..2 {
            for (.., at) in rows_after(&book, written) {
                assert!(at >= book.now, "seed {seed}: {:?}", rows_after(&book, written));
            }
            drop(book.ask(Command::Tick));
        }
    }
    each_adds_up_at_every_instant(&book, seed);
    book.replay();
    late
}

fn command(dice: &mut Dice, book: &Book, wallets: &[WalletId; 2]) -> Command {
    let wallet = wallets[usize::try_from(dice.below(2)).unwrap()];
    let amount = i64::try_from(1 + dice.below(20)).unwrap();
    let mut end =
        || (dice.below(4) < 3).then(|| Timestamp(book.now.0 + (1 + dice.below(40)) * 1_000_000_000));
    let (purchase, bonus) = (end(), end());
    let open = book.customer.recharges.iter().filter(|one| one.status == RechargeStatus::Pending);
    let open: Vec<_> = open.map(|one| one.id).collect();
    let chosen = usize::try_from(dice.below(64)).unwrap();
    match dice.below(10) {
        0..=2 => {
            let direct = dice.below(4) == 0;
            Command::TopUp(crate::testing::top_up(wallet, amount, |request| {
                request.expires_at = purchase;
                if !direct {
                    request.reason = crate::command::CreditReason::PurchasedCreditInvoiced;
                }
                request.bonus =
                    (amount % 2 == 0).then_some(Bonus { credits: credits("3"), expires_at: bonus });
            }))
        }
        3..=5 if !open.is_empty() => Command::CompleteRecharge(open[chosen % open.len()]),
        _ => Command::Debit(crate::testing::debit(&(1 + amount / 3).to_string())),
    }
}

fn is_late(effect: &Effect) -> bool {
    let Effect::RechargeEnded(end) = effect else { return false };
    let ends =
        |recharge: &Recharge| -> Vec<_> { recharge.rows.iter().map(|row| row.terms.expires_at).collect() };
    ends(&end.recharge) != end.rows.iter().map(|row| row.terms.expires_at).collect::<Vec<_>>()
}

/// Of every tranche, by the instants that count, never more went than had come in.
fn each_adds_up_at_every_instant(book: &Book, seed: u64) {
    let mut of_each: BTreeMap<TrancheId, BTreeMap<Timestamp, i128>> = BTreeMap::new();
    for (id, kind, credits, at) in positions(book).flat_map(|(record, position)| moved(record, position)) {
        let sign = if kind == MoveKind::Issued { 1 } else { -1 };
        let known = [MoveKind::Issued, MoveKind::Spent, MoveKind::Repaid, MoveKind::Expired];
        assert!(known.contains(&kind), "no program does {kind:?}");
        *of_each.entry(id).or_default().entry(at).or_default() += sign * credits.0;
    }
    for (id, changes) in of_each {
        let mut left = 0;
        for (at, change) in &changes {
            left += change;
            assert!(left >= 0, "seed {seed}: {id:?} at {at:?} of {changes:?}");
        }
    }
}
