//! What holds and refunds give back to budgets: to the windows that were taken from, while they are the current ones (SEMANTICS §18).

use crate::budget::Window;
use crate::command::{Capture, Command, HoldAsked, Memo, OverCapture, PlaceHold, Refund, SetBudget};
use crate::fact::Effect;
use crate::ids::{HoldId, LogPosition, RowId};
use crate::looked_up::{LookedUp, old_debit};
use crate::refusal::Refusal;
use crate::testing::{Book, USD, credits, for_usage, second};
use crate::time::Timestamp;

/// Seconds of the tests' time until the hour ends, and until midnight.
const HOUR_END: u64 = 2_800;
const MIDNIGHT: u64 = 6_400;

/// 1,000 dollars, a team with an hour's and a day's cap, and a member of it with a lifetime's.
fn book() -> Book {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 1_000, |_| {});
    set(&mut book, "team", None, &[(Window::Hour, "100"), (Window::Day, "100")]);
    set(&mut book, "alice", Some("team"), &[(Window::Lifetime, "100")]);
    book
}

fn set(book: &mut Book, id: &str, parent: Option<&str>, limits: &[(Window, &str)]) {
    let request = SetBudget {
        id: Some(id.into()),
        create: true,
        parent: parent.map(Into::into),
        currency: USD,
        price_unit: None,
        limits: limits.iter().map(|(window, text)| (*window, credits(text))).collect(),
    };
    book.ask(Command::SetBudget(request)).unwrap();
}

fn hold(book: &mut Book, amount: &str, over_capture: OverCapture) -> Result<HoldId, Refusal> {
    let mut charge = for_usage();
    charge.budget = Some("alice".into());
    let request = PlaceHold {
        asked: HoldAsked::Exactly(credits(amount)),
        charge,
        expires_in_s: 604_800,
        over_capture,
        memo: Memo::default(),
    };
    let effect = book.ask(Command::PlaceHold(request))?.effect;
    let Effect::Held(step) = effect else { panic!("{effect:?}") };
    Ok(step.hold.id)
}

fn capture(book: &mut Book, hold: HoldId, amount: &str) {
    let request = Capture { hold, credits: credits(amount), last: true, memo: Memo::default() };
    book.ask(Command::Capture(request)).unwrap();
}

fn release(book: &mut Book, hold: HoldId) {
    book.ask(Command::Release { hold, memo: Memo::default() }).unwrap();
}

/// Refunds the debit, or the capture, of a record.
fn refund(book: &mut Book, position: usize, amount: &str) {
    let record = &book.log[position - 1];
    let at = LogPosition(u64::try_from(position).unwrap());
    let row = record.facts.first_row();
    let request = Refund {
        row: RowId::new(record.facts.at, at, row),
        credits: Some(credits(amount)),
        regrant_days: None,
        memo: Memo::default(),
    };
    book.looked_up = Some(LookedUp::Debit(old_debit(record, at, row).unwrap()));
    book.ask(Command::Refund(request)).unwrap();
}

fn debit(book: &mut Book, amount: &str) -> Result<(), Refusal> {
    book.charge(amount, |request| request.charge.budget = Some("alice".into())).map(|_| ())
}

/// What was used: of the member's lifetime, the team's hour, the team's day.
fn used(book: &Book) -> [String; 3] {
    let of = |id: &str, limit: usize| book.customer.budgets[id].limits[limit].used_at(book.now).to_string();
    [of("alice", 0), of("team", 0), of("team", 1)]
}

#[test]
fn a_hold_counts_when_it_is_placed_and_a_capture_moves_nothing() {
    let mut book = book();
    let placed = hold(&mut book, "60", OverCapture::Draw).unwrap();
    assert_eq!(used(&book), ["60", "60", "60"]);
    let refused = hold(&mut book, "41", OverCapture::Draw).unwrap_err();
    assert!(
        matches!(&refused, Refusal::BudgetExceeded { budget, .. } if **budget == *"alice"),
        "{refused:?}"
    );
    capture(&mut book, placed, "60");
    assert_eq!(used(&book), ["60", "60", "60"]);
    book.replay();
}

#[test]
fn what_a_capture_leaves_is_given_back_and_a_draw_counts_beyond_the_cap() {
    let mut book = book();
    let placed = hold(&mut book, "60", OverCapture::Draw).unwrap();
    capture(&mut book, placed, "25");
    assert_eq!(used(&book), ["25", "25", "25"]);
    let placed = hold(&mut book, "70", OverCapture::Draw).unwrap();
    capture(&mut book, placed, "80");
    assert_eq!(used(&book), ["105", "105", "105"], "it happened");
    book.replay();
}

#[test]
fn a_release_gives_back_only_to_the_windows_that_are_still_the_current_ones() {
    let mut book = book();
    let (first, second_hold) = (
        hold(&mut book, "30", OverCapture::Draw).unwrap(),
        hold(&mut book, "20", OverCapture::Draw).unwrap(),
    );
    book.now = second(HOUR_END);
    debit(&mut book, "5").unwrap();
    assert_eq!(used(&book), ["55", "5", "55"], "a new hour");
    release(&mut book, first);
    assert_eq!(used(&book), ["25", "5", "25"], "the hour that the hold counted in has ended");
    book.now = second(MIDNIGHT);
    debit(&mut book, "1").unwrap();
    release(&mut book, second_hold);
    assert_eq!(used(&book), ["6", "1", "1"], "only the lifetime's is still the same");
    book.replay();
}

#[test]
fn a_hold_that_ends_by_itself_gives_back_as_a_release_does() {
    let mut book = book();
    hold(&mut book, "30", OverCapture::Draw).unwrap();
    book.now = second(604_800);
    debit(&mut book, "1").unwrap();
    assert_eq!(used(&book), ["1", "1", "1"]);
    book.replay();
}

#[test]
fn a_refund_gives_back_only_to_the_windows_that_are_still_the_current_ones() {
    let mut book = book();
    debit(&mut book, "50").unwrap();
    let record = book.log.len();
    refund(&mut book, record, "10");
    assert_eq!(used(&book), ["40", "40", "40"]);
    book.now = second(HOUR_END);
    debit(&mut book, "5").unwrap();
    refund(&mut book, record, "10");
    assert_eq!(used(&book), ["35", "5", "35"], "nothing comes back to an hour that was not taken from");
    book.now = second(MIDNIGHT);
    debit(&mut book, "1").unwrap();
    refund(&mut book, record, "30");
    assert_eq!(used(&book), ["6", "1", "1"]);
    book.replay();
}

#[test]
fn a_refund_of_a_capture_gives_back_what_the_hold_counted() {
    let mut book = book();
    let placed = hold(&mut book, "60", OverCapture::Draw).unwrap();
    capture(&mut book, placed, "60");
    let record = book.log.len();
    refund(&mut book, record, "45");
    assert_eq!(used(&book), ["15", "15", "15"]);
    book.replay();
}

#[test]
fn what_was_counted_before_a_reset_gives_nothing_back_to_what_is_counted_after_it() {
    let mut book = book();
    debit(&mut book, "10").unwrap();
    let record = book.log.len();
    let placed = hold(&mut book, "30", OverCapture::Draw).unwrap();
    for budget in ["alice", "team"] {
        book.ask(Command::ResetBudget(budget.into())).unwrap();
    }
    assert_eq!(used(&book), ["0", "0", "0"]);
    debit(&mut book, "70").unwrap();
    let after = book.log.len();
    capture(&mut book, placed, "5");
    refund(&mut book, record, "10");
    assert_eq!(used(&book), ["70", "70", "70"], "the rest of the hold and the refund are of before");
    refund(&mut book, after, "40");
    assert_eq!(used(&book), ["30", "30", "30"], "what was counted after it comes back");
    book.replay();
}

#[test]
fn a_window_that_was_reset_ends_when_it_would_have() {
    let mut book = book();
    debit(&mut book, "60").unwrap();
    for _ in 0..3 {
        book.ask(Command::ResetBudget("team".into())).unwrap();
    }
    let hour = book.customer.budgets["team"].limits[0];
    assert_eq!(hour.resets_at(book.now), Some(second(HOUR_END)));
    book.now = Timestamp(second(HOUR_END).0 - 1);
    debit(&mut book, "20").unwrap();
    assert_eq!(used(&book), ["80", "20", "20"], "the hour's last instant");
    assert_eq!(book.customer.budgets["alice"].limits[0].resets_at(book.now), None);
    book.now = second(HOUR_END);
    assert_eq!(used(&book), ["80", "0", "20"]);
    book.replay();
}

#[test]
fn what_was_counted_in_a_budget_gives_nothing_back_to_one_that_is_made_again() {
    let mut book = book();
    debit(&mut book, "90").unwrap();
    let record = book.log.len();
    for _ in 0..2 {
        book.ask(Command::DeleteBudget("alice".into())).unwrap();
        set(&mut book, "alice", None, &[(Window::Lifetime, "100"), (Window::Day, "100")]);
        let of = |book: &Book, limit: usize| book.customer.budgets["alice"].limits[limit].used.to_string();
        debit(&mut book, "95").unwrap();
        let later = book.log.len();
        refund(&mut book, record, "20");
        assert_eq!([of(&book, 0), of(&book, 1)], ["95", "95"], "the refund is of the one before");
        assert!(matches!(debit(&mut book, "6"), Err(Refusal::BudgetExceeded { .. })));
        refund(&mut book, later, "5");
        assert_eq!([of(&book, 0), of(&book, 1)], ["90", "90"], "this one's comes back");
        book.ask(Command::ResetBudget("alice".into())).unwrap();
        refund(&mut book, later, "5");
        assert_eq!([of(&book, 0), of(&book, 1)], ["0", "0"]);
    }
    book.replay();
}

#[test]
fn what_a_hold_counted_gives_nothing_back_to_a_window_that_was_dropped_and_set_again() {
    let mut book = book();
    let placed = hold(&mut book, "60", OverCapture::Draw).unwrap();
    for limits in [
        vec![(Window::Hour, credits("100"))],
        vec![(Window::Hour, credits("100")), (Window::Day, credits("100"))],
    ] {
        let request = SetBudget {
            id: Some("team".into()),
            create: false,
            parent: None,
            currency: USD,
            price_unit: None,
            limits,
        };
        book.ask(Command::SetBudget(request)).unwrap();
    }
    assert_eq!(used(&book), ["60", "60", "0"], "what stays keeps what was used of it");
    debit(&mut book, "40").unwrap();
    release(&mut book, placed);
    assert_eq!(used(&book), ["40", "40", "40"]);
    book.replay();
}

#[test]
fn a_budget_in_which_an_open_hold_counts_cannot_be_deleted() {
    let mut book = book();
    let placed = hold(&mut book, "10", OverCapture::Draw).unwrap();
    let delete = || Command::DeleteBudget("alice".into());
    let refused = Refusal::InvalidOperation("an open hold counts in the budget");
    assert_eq!(book.ask(delete()), Err(refused));
    release(&mut book, placed);
    book.ask(delete()).unwrap();
}

#[test]
fn what_was_counted_in_a_budget_that_is_gone_is_given_back_to_the_others() {
    let mut book = book();
    debit(&mut book, "50").unwrap();
    let record = book.log.len();
    book.ask(Command::DeleteBudget("alice".into())).unwrap();
    refund(&mut book, record, "20");
    let team: Vec<_> = book.customer.budgets["team"].limits.iter().map(|limit| limit.used).collect();
    assert_eq!(team, [credits("30"), credits("30")]);
    book.replay();
}
