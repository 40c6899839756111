//! Usage that happened and found too little: nobody refused it, and it recharges as a refused request would.

use super::alerts::update;
use super::event::{card, event};
use super::recharge::{begun, held_back, rule, with_rule};
use crate::auto_topup::{AutoTopup, HeldBackBy};
use crate::command::{AutoTopupChange, Capture, Command, OverCapture};
use crate::fact::{Effect, Facts};
use crate::ids::{HoldId, WalletId};
use crate::recharge::{RechargeReason, RechargeStatus};
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, credits, second};

fn invoiced() -> AutoTopup {
    AutoTopup { invoicing: true, ..rule() }
}

/// A wallet with a rule, one credit per token.
fn metered(amount: i64, rule: AutoTopup) -> (Book, WalletId) {
    let (mut book, wallet) = with_rule(amount, rule);
    book.cards = vec![card(0, "1", 0)];
    (book, wallet)
}

fn used(book: &mut Book, quantity: &str) -> Facts {
    let now = book.now;
    book.ask(Command::Event(Box::new(event(quantity, |request| request.timestamp = now)))).unwrap()
}

/// What an event took, and what it did not find.
fn taken(facts: &Facts) -> (String, String) {
    let Effect::EventRecorded { taken, uncollected, .. } = &facts.effect else { panic!("an event") };
    let taken = taken.as_ref().map_or(credits("0"), |taken| taken.credits);
    let uncollected = uncollected.map_or(credits("0"), |uncollected| uncollected.credits);
    (taken.to_string(), uncollected.to_string())
}

fn both(taken: &str, uncollected: &str) -> (String, String) {
    (taken.into(), uncollected.into())
}

#[test]
fn events_recharge_an_empty_wallet_once_its_back_off_ends() {
    let (mut book, wallet) = metered(25, invoiced());
    let id = begun(&used(&mut book, "25"))[0].id;
    book.ask(Command::FailRecharge { id, reason: RechargeReason::PaymentFailed }).unwrap();
    let facts = used(&mut book, "10");
    assert_eq!((taken(&facts), held_back(&facts)), (both("0", "10"), Some(HeldBackBy::BackingOff)));
    assert_eq!(used(&mut book, "10").set_off, None, "said already");
    book.now = second(7_200);
    let facts = used(&mut book, "10");
    assert_eq!(taken(&facts), both("0", "10"));
    assert_eq!(begun(&facts)[0].status, RechargeStatus::Pending);
    assert_eq!(book.customer.recharges.pending(wallet), credits("100"));
    assert_eq!(used(&mut book, "10").set_off, None, "one in flight");
    book.replay();
}

#[test]
fn a_recharge_that_is_there_at_once_pays_the_event_that_needs_it() {
    let (mut book, wallet) = metered(0, rule());
    let facts = used(&mut book, "10");
    assert!(facts.set_off.as_ref().unwrap().before.is_some());
    assert_eq!((taken(&facts), book.posted(wallet)), (both("10", "0"), "90".into()));
    let (mut book, wallet) = metered(25, rule());
    let facts = used(&mut book, "50");
    assert_eq!((begun(&facts).len(), taken(&facts)), (1, both("50", "0")), "as a debit of 50");
    assert_eq!(book.posted(wallet), "75");
    book.replay();
}

#[test]
fn an_event_that_no_recharge_pays_whole_takes_what_there_is_and_recharges_after() {
    for (has, takes) in [(25, "25"), (0, "0")] {
        let (mut book, wallet) = metered(has, rule());
        let facts = used(&mut book, "500");
        let set_off = facts.set_off.as_ref().unwrap();
        assert!(set_off.before.is_none());
        assert_eq!((set_off.after.len(), taken(&facts).0.as_str()), (1, takes));
        assert_eq!(book.posted(wallet), "100");
        book.replay();
    }
}

#[test]
fn an_event_above_the_threshold_recharges_if_one_amount_would_have_paid_it() {
    // What is there is for something else.
    let fixed = Scope { price_types: PriceTypes::FIXED, features: None };
    let empty = |rule| {
        let (mut book, wallet) = metered(0, rule);
        book.credit(wallet, 50, |request| request.scope = Some(fixed.clone()));
        (book, wallet)
    };
    let (mut book, wallet) = empty(rule());
    assert_eq!((taken(&used(&mut book, "60")), book.posted(wallet)), (both("60", "0"), "90".into()));
    book.replay();
    let (mut book, wallet) = empty(invoiced());
    assert_eq!(used(&mut book, "101").set_off, None, "more than one amount");
    assert_eq!(begun(&used(&mut book, "60")).len(), 1);
    assert_eq!(book.customer.recharges.pending(wallet), credits("100"));
    book.replay();
}

/// A wallet of which a hold pins all that is there, with a rule since then.
fn pinned(rule: &AutoTopup) -> (Book, WalletId, HoldId) {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 10, |_| {});
    let hold = book.place("10", |request| request.over_capture = OverCapture::Draw).unwrap().hold.id;
    let change = AutoTopupChange {
        threshold: Some(rule.threshold),
        amount: Some(rule.amount),
        invoicing: Some(rule.invoicing),
        ..AutoTopupChange::default()
    };
    book.ask(update(wallet, |request| request.auto_topup = Some(Box::new(change)))).unwrap();
    (book, wallet, hold)
}

fn capture(hold: HoldId, amount: &str) -> Command {
    Command::Capture(Capture { hold, credits: credits(amount), last: true, memo: Default::default() })
}

#[test]
fn a_draw_that_finds_too_little_is_paid_by_a_recharge_or_begins_one() {
    for in_a_batch in [false, true] {
        let command = |hold, amount| {
            if in_a_batch { Command::Atomic(vec![capture(hold, amount)]) } else { capture(hold, amount) }
        };
        let (mut book, wallet, hold) = pinned(&rule());
        let facts = book.ask(command(hold, "50")).unwrap();
        assert!(facts.set_off.unwrap().before.is_some());
        assert_eq!(book.posted(wallet), "60", "10 that were pinned, and 40 of 100");
        book.replay();

        let (mut book, wallet, hold) = pinned(&invoiced());
        let facts = book.ask(command(hold, "50")).unwrap();
        assert_eq!((begun(&facts).len(), book.posted(wallet)), (1, "0".into()));
        assert_eq!(book.customer.recharges.pending(wallet), credits("100"));
        book.replay();
    }
}

#[test]
fn usage_of_a_wallet_that_gives_nothing_recharges_nothing() {
    let (mut book, wallet) = metered(0, rule());
    book.ask(Command::Freeze(wallet)).unwrap();
    let named = event("5", |request| {
        request.timestamp = second(0);
        request.charge.wallet = Some(wallet);
    });
    assert_eq!(book.ask(Command::Event(Box::new(named))).unwrap().set_off, None);
    assert_eq!(used(&mut book, "5").set_off, None);
    book.replay();
}
