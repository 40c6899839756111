//! What is pinned and for how long, and what is refused.

use super::{captured, insufficient, shown, sums, taken};
use crate::command::{Command, HoldAsked, OverCapture};
use crate::ids::{CustomerNumber, HoldId, ThingId};
use crate::refusal::Refusal;
use crate::testing::{Book, USD, create_customer, credits, second};
use crate::unit::{Currency, PriceType};

#[test]
fn parallel_reserves_beyond_the_balance_are_refused_and_the_first_ones_stay() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let placed: Vec<_> = (0..12).map(|_| book.place("10", |_| {})).collect();
    assert!(placed[..10].iter().all(Result::is_ok));
    assert_eq!(placed[10..], [Err(insufficient("10", "0", "10")), Err(insufficient("10", "0", "10"))]);
    assert_eq!(book.figures(wallet), ["100", "100", "0"]);
    assert_eq!(book.customer.holds.len(), 10);
    assert_eq!(
        book.debit("0.000000000000001").unwrap_err(),
        insufficient("0.000000000000001", "0", "0.000000000000001")
    );
    book.replay();
}

#[test]
fn a_hold_pins_what_a_debit_would_take_overdraft_last() {
    let mut book = Book::empty();
    let first = book.wallet(|request| request.overdraft_limit = credits("20"));
    let second_wallet = book.wallet(|_| {});
    book.credit(first, 10, |_| {});
    book.credit(first, 5, |request| request.expires_at = Some(second(900)));
    book.credit(second_wallet, 5, |_| {});
    let step = book.place("23", |_| {}).unwrap();
    assert_eq!(shown(&book, &step.pinned), ["0:5", "0:10", "1:5", "0:o3"]);
    assert_eq!(step.hold.pins, step.pinned);
    assert_eq!(step.hold.wallet, first);
    assert_eq!(book.figures(first), ["15", "18", "17"]);
    assert_eq!(book.figures(second_wallet), ["5", "5", "0"]);
    assert_eq!(book.state(first).overdraft_room(), credits("17"));
    let fixed = book.place("1", |request| request.charge.price_type = PriceType::Fixed);
    assert_eq!(fixed, Err(insufficient("1", "0", "1")), "overdraft serves usage only");
    book.replay();
}

#[test]
fn a_range_takes_what_there_is_within_it() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 30, |_| {});
    let range = |min: &str, max: &str| HoldAsked::Range { min: credits(min), max: credits(max) };
    let step = book.place("1", |request| request.asked = range("5", "20")).unwrap();
    assert_eq!(step.hold.credits, credits("20"), "all that is wanted");
    let step = book.place("1", |request| request.asked = range("10", "20")).unwrap();
    assert_eq!(step.hold.credits, credits("10"), "what there is");
    let short = book.place("1", |request| request.asked = range("0.5", "20"));
    assert_eq!(short, Err(insufficient("0.5", "0", "0.5")));
    let reversed = book.place("1", |request| request.asked = range("2", "1"));
    let problem = Refusal::Invalid { field: "min_credits", problem: "is more than max_credits" };
    assert_eq!(reversed, Err(problem));
    book.replay();
}

#[test]
fn what_cannot_be_held_is_refused_in_order() {
    let mut book = Book::empty();
    let problem = Refusal::AmountInvalid("a hold must be more than 0");
    assert_eq!(book.place("0", |_| {}), Err(problem));
    let seconds = Refusal::Invalid { field: "expires_in", problem: "is not from 1 to 604800 seconds" };
    assert_eq!(book.place("1", |request| request.expires_in_s = 0), Err(seconds.clone()));
    assert_eq!(book.place("1", |request| request.expires_in_s = 604_801), Err(seconds));
    assert_eq!(book.place("1", |_| {}), Err(Refusal::CustomerNotFound));
    book.ask(create_customer("acme")).unwrap();
    assert_eq!(book.place("1", |_| {}), Err(insufficient("1", "0", "1")));
    let dollars = book.wallet(|_| {});
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    book.credit(dollars, 10, |_| {});
    book.credit(euros, 10, |_| {});
    assert_eq!(book.place("1", |_| {}), Err(Refusal::UnitRequired), "as a debit in credits");
    let wrong = book.place("1", |request| {
        (request.charge.wallet, request.charge.currency) = (Some(euros), Some(USD));
    });
    assert_eq!(wrong, Err(Refusal::UnitMismatch));
    book.place("1", |request| request.charge.currency = Some(USD)).unwrap();
    book.limits.holds_max = 1;
    let limit = Err(Refusal::LimitReached { limit: "holds_max", max: 1 });
    assert_eq!(book.place("1", |request| request.charge.wallet = Some(dollars)), limit);
}

#[test]
fn nothing_new_is_pinned_in_a_frozen_wallet_but_what_is_pinned_can_be_captured() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 100, |_| {});
    let named = book.place("10", |request| request.charge.wallet = Some(wallet)).unwrap().hold.id;
    let other = book.hold("20");
    let third = book.hold("5");
    book.ask(Command::Freeze(wallet)).unwrap();
    let placed = book.place("1", |request| request.charge.wallet = Some(wallet));
    assert_eq!(placed, Err(Refusal::WalletFrozen(wallet)));
    assert_eq!(book.place("1", |_| {}), Err(insufficient("1", "0", "1")));
    assert_eq!(book.grow(named, "1"), Err(Refusal::WalletFrozen(wallet)));
    assert_eq!(book.grow(other, "1"), Err(insufficient("1", "0", "1")));
    let step = book.capture(named, "12", true).unwrap();
    let took = captured(&step);
    assert_eq!((took.credits, took.shortfall), (credits("10"), credits("2")), "nothing is drawn");
    let step = book.capture(other, "5", true).unwrap();
    assert_eq!(shown(&book, &step.returned), ["0:15"]);
    book.extend(third, 60).unwrap();
    book.release(third).unwrap();
    assert_eq!(book.state(wallet).head.posted, credits("85"));
    book.replay();
}

#[test]
fn a_hold_lives_no_longer_than_its_lifetime_however_it_is_extended() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let step = book.place("10", |request| request.expires_in_s = 3).unwrap();
    assert_eq!((step.hold.placed_at, step.hold.expires_at), (second(0), second(3)));
    let hold = step.hold.id;
    book.now = second(2);
    assert_eq!(
        book.extend(hold, 604_800).unwrap().hold.expires_at,
        second(604_800),
        "seven days from placing"
    );
    book.now = second(1_000);
    assert_eq!(book.extend(hold, 1).unwrap().hold.expires_at, second(1_001), "it may become shorter");
    assert_eq!(book.customer.next_due(), second(1_001));
    book.now = second(1_001);
    assert_eq!(book.extend(hold, 60), Err(Refusal::HoldExpired(hold)));
    book.limits.hold_lifetime_max_s = 30;
    assert_eq!(book.place("1", |_| {}).unwrap().hold.expires_at, second(1_031));
    book.replay();
}

#[test]
fn growing_pins_live_credit_in_the_order_in_which_it_will_be_spent() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("50"));
    book.credit(wallet, 10, |request| request.expires_at = Some(second(100)));
    let hold = book.place("15", |_| {}).unwrap();
    assert_eq!(shown(&book, &hold.hold.pins), ["0:10", "0:o5"]);
    let hold = hold.hold.id;
    book.credit(wallet, 10, |request| request.expires_at = Some(second(50)));
    book.credit(wallet, 10, |_| {});
    let step = book.grow(hold, "15").unwrap();
    assert_eq!(shown(&book, &step.pinned), ["0:10", "0:5"]);
    assert_eq!(shown(&book, &step.hold.pins), ["0:10", "0:10", "0:5", "0:o5"]);
    assert_eq!(step.hold.pins[0].giver, step.pinned[0].giver, "the soonest to end goes first");
    let step = book.grow(hold, "5").unwrap();
    assert_eq!(shown(&book, &step.hold.pins), ["0:10", "0:10", "0:10", "0:o5"], "one tranche, one pin");
    let step = book.grow(hold, "5").unwrap();
    assert_eq!(shown(&book, &step.hold.pins), ["0:10", "0:10", "0:10", "0:o10"]);
    assert_eq!(sums(&step.hold), ["40", "0", "0", "40"]);
    book.now = second(100);
    assert_eq!(book.grow(hold, "41").unwrap_err(), insufficient("41", "40", "1"), "no ended credit");
    book.limits.slices_max = 4;
    book.credit(wallet, 1, |_| {});
    let limit = Err(Refusal::LimitReached { limit: "slices_max", max: 4 });
    assert_eq!(book.grow(hold, "1"), limit);
    book.replay();
}

#[test]
fn a_range_is_as_much_as_one_record_holds() {
    let (mut book, wallet) = Book::new();
    book.limits.slices_max = 2;
    for _ in 0..4 {
        book.credit(wallet, 1, |_| {});
    }
    let mut ranged = |min: &str| {
        let asked = HoldAsked::Range { min: credits(min), max: credits("4") };
        book.place("1", |request| request.asked = asked).map(|step| step.hold.credits)
    };
    assert_eq!(ranged("3"), Err(Refusal::LimitReached { limit: "slices_max", max: 2 }));
    assert_eq!(ranged("1"), Ok(credits("2")));
    let refused = book.place("2.5", |_| {});
    assert!(matches!(refused, Err(Refusal::InsufficientCredits { .. })), "{refused:?}");
    assert_eq!(book.figures(wallet), ["4", "2", "2"]);
    book.replay();
}

#[test]
fn a_hold_keeps_its_unit_when_others_appear() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.hold("4");
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    book.credit(euros, 100, |_| {});
    assert_eq!(shown(&book, &book.customer.holds.get(hold).unwrap().pins.clone()), ["0:4"]);
    book.grow(hold, "2").unwrap();
    let step = book.capture(hold, "15", true).unwrap();
    assert_eq!(taken(&book, &step), ["0:6", "0:4"]);
    assert_eq!(captured(&step).shortfall, credits("5"));
    assert_eq!(book.figures(euros), ["100", "0", "100"]);
    book.replay();
}

#[test]
fn unknown_and_closed_holds_are_told_apart() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let unknown = HoldId(ThingId::new(second(0), book.customer.number, 999));
    assert_eq!(book.release(unknown), Err(Refusal::NotFound("hold")));
    let strange = HoldId(ThingId::new(second(0), CustomerNumber(8), 0));
    assert_eq!(book.capture(strange, "1", true), Err(Refusal::NotFound("hold")));
    let hold = book.hold("1");
    book.release(hold).unwrap();
    assert_eq!(book.release(hold), Err(Refusal::HoldClosed(hold)));
    assert_eq!(book.capture(hold, "1", true), Err(Refusal::HoldClosed(hold)));
    assert_eq!(book.grow(hold, "1"), Err(Refusal::HoldClosed(hold)));
    assert_eq!(book.extend(hold, 1), Err(Refusal::HoldClosed(hold)));
    let closed = book.customer.closed(hold.0).unwrap();
    assert_eq!(closed.position.0, 4, "the record that released it");
    for _ in 0..crate::customer::CLOSED_KEPT_MAX {
        book.customer
            .remember(crate::customer::Closed { id: unknown.0, ..*book.customer.closed(hold.0).unwrap() });
    }
    assert_eq!(
        book.release(hold),
        Err(Refusal::HoldClosed(hold)),
        "no longer remembered, but it was made once"
    );
}

#[test]
fn over_capture_policies_have_their_words() {
    let words = [OverCapture::Reject, OverCapture::Draw, OverCapture::Overdraft].map(OverCapture::as_str);
    assert_eq!(words, ["reject", "draw", "overdraft"]);
}
