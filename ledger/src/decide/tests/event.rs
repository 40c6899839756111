//! Usage events: priced when they happened, paid now with what there is (SEMANTICS §19).

use crate::amount::{Credits, Rate, Usage};
use crate::budget::Window;
use crate::catalog::rate_card::{RateCard, Tier};
use crate::command::{Command, Event, Metered, Remainder, SetBudget};
use crate::customer::CustomerId;
use crate::fact::{Debited, Effect, Priced, Uncollected};
use crate::ids::{RateCardId, TenantNumber, WalletId};
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, USD, credits, for_usage, second, slices};
use crate::time::Timestamp;
use crate::unit::Currency;

/// An hour into the tests' time, so that events can be in the past.
const NOW: u64 = 3_600;

/// So many credits per token from an instant on.
pub(super) fn card(number: u64, per_unit: &str, valid_from: u64) -> RateCard {
    RateCard {
        id: RateCardId::new(second(0), TenantNumber(1), number),
        version: 1,
        meter: "tokens".into(),
        quantity_property: None,
        valid_from: second(valid_from),
        valid_to: None,
        filters: Vec::new(),
        tiers: vec![Tier { up_to: None, credits_per_unit: Rate::parse_json(per_unit).unwrap() }],
        minimum: Credits::ZERO,
    }
}

/// So many tokens, now.
pub(super) fn event(quantity: &str, change: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event {
        customer: "acme".into(),
        source: "gateway".into(),
        id: "1".into(),
        timestamp: second(NOW),
        metered: Metered {
            meter: "tokens".into(),
            quantity: Usage::parse_json(quantity).unwrap(),
            properties: Vec::new(),
        },
        charge: for_usage(),
    };
    change(&mut event);
    event
}

/// What an event did.
struct Recorded {
    made: bool,
    priced: Option<Priced>,
    taken: Option<Debited>,
    uncollected: Option<Uncollected>,
}

fn record(book: &mut Book, quantity: &str, change: impl FnOnce(&mut Event)) -> Result<Recorded, Refusal> {
    let effect = book.ask(Command::Event(Box::new(event(quantity, change))))?.effect;
    let Effect::EventRecorded { customer, priced, taken, uncollected, .. } = effect else {
        panic!("{effect:?}")
    };
    Ok(Recorded { made: customer.is_some(), priced, taken: taken.map(|taken| *taken), uncollected })
}

/// A wallet with 10 dollars, one credit per token.
fn book() -> (Book, WalletId) {
    let (mut book, wallet) = Book::new();
    book.now = second(NOW);
    book.cards = vec![card(0, "1", 0)];
    book.credit(wallet, 10, |_| {});
    (book, wallet)
}

fn memo(wallet: WalletId, amount: &str) -> Option<Uncollected> {
    Some(Uncollected { wallet: Some(wallet), credits: credits(amount) })
}

#[test]
fn an_event_takes_its_price_and_says_which_card_made_it() {
    let (mut book, wallet) = book();
    let recorded = record(&mut book, "4", |_| {}).unwrap();
    let priced = Priced { card: book.cards[0].id, version: 1, credits: credits("4") };
    assert_eq!((recorded.priced, recorded.uncollected, recorded.made), (Some(priced), None, false));
    assert_eq!(slices(&book, &recorded.taken.unwrap()), ["0:4"]);
    assert_eq!(book.posted(wallet), "6");
    book.replay();
}

#[test]
fn what_is_not_there_is_a_memo_and_moves_no_balance() {
    let (mut book, wallet) = book();
    let recorded = record(&mut book, "14", |_| {}).unwrap();
    assert_eq!((recorded.uncollected, book.posted(wallet)), (memo(wallet, "4"), "0".into()));
    let taken = recorded.taken.unwrap();
    assert_eq!((taken.credits, taken.shortfall), (credits("10"), credits("4")));
    let nothing = record(&mut book, "3", |_| {}).unwrap();
    assert!(nothing.taken.is_none());
    assert_eq!((nothing.uncollected, book.posted(wallet)), (memo(wallet, "3"), "0".into()));
    assert_eq!(book.log.last().unwrap().facts.effect.rows(), 1, "only the memo");
    book.replay();
}

#[test]
fn an_event_takes_overdraft_before_it_leaves_anything_uncollected() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("5"));
    book.now = second(NOW);
    book.cards = vec![card(0, "1", 0)];
    book.credit(wallet, 10, |_| {});
    let recorded = record(&mut book, "17", |_| {}).unwrap();
    assert_eq!(slices(&book, &recorded.taken.unwrap()), ["0:10", "0:o5"]);
    assert_eq!((recorded.uncollected, book.posted(wallet)), (memo(wallet, "2"), "-5".into()));
}

#[test]
fn an_event_of_too_many_tranches_takes_those_that_one_record_holds() {
    let (mut book, wallet) = book();
    book.limits.slices_max = 2;
    book.credit(wallet, 1, |_| {});
    book.credit(wallet, 1, |_| {});
    let recorded = record(&mut book, "12", |_| {}).unwrap();
    assert_eq!(slices(&book, &recorded.taken.unwrap()), ["0:10", "0:1"]);
    assert_eq!((recorded.uncollected, book.posted(wallet)), (memo(wallet, "1"), "1".into()));
    book.replay();
}

#[test]
fn the_events_own_time_picks_the_card() {
    let (mut book, wallet) = book();
    book.cards.push(card(1, "3", NOW - 60));
    record(&mut book, "1", |request| request.timestamp = second(NOW - 61)).unwrap();
    assert_eq!(book.posted(wallet), "9", "the old price");
    record(&mut book, "1", |_| {}).unwrap();
    assert_eq!(book.posted(wallet), "6", "the new one");
}

#[test]
fn an_event_without_a_card_is_stored_unpriced_and_a_free_one_takes_nothing() {
    let (mut book, wallet) = book();
    let unpriced = record(&mut book, "4", |request| request.metered.meter = "images".into()).unwrap();
    assert!(unpriced.priced.is_none() && unpriced.taken.is_none() && unpriced.uncollected.is_none());
    book.cards = vec![card(0, "0", 0)];
    let free = record(&mut book, "4", |_| {}).unwrap();
    assert_eq!(free.priced.map(|priced| priced.credits), Some(Credits::ZERO));
    assert!(free.taken.is_none() && free.uncollected.is_none());
    assert_eq!(book.posted(wallet), "10");
}

#[test]
fn an_event_makes_the_customer_that_it_names() {
    let mut book = Book::empty();
    book.now = second(NOW);
    book.cards = vec![card(0, "1", 0)];
    let recorded = record(&mut book, "4", |request| request.customer = "newcomer".into()).unwrap();
    let identity = book.customer.identity.clone().unwrap();
    assert_eq!((recorded.made, &*identity.external_id), (true, "newcomer"));
    assert_eq!(identity.id, CustomerId::Named);
    let nobody = Uncollected { wallet: None, credits: credits("4") };
    assert_eq!(recorded.uncollected, Some(nobody), "there is no wallet to note it at, and no row");
    assert_eq!(book.log.last().unwrap().facts.effect.rows(), 0);
    assert!(!record(&mut book, "1", |_| {}).unwrap().made);
    book.replay();

    book.ask(Command::DeleteCustomer).unwrap();
    assert_eq!(record(&mut book, "1", |_| {}).err(), Some(Refusal::CustomerNotFound));
}

#[test]
fn an_events_time_has_limits_on_both_sides() {
    let (mut book, _) = book();
    book.now = second(40 * 24 * 3_600);
    let at = |book: &mut Book, timestamp| {
        record(book, "1", |request| request.timestamp = timestamp).map(|_| ()).err()
    };
    let now = book.now.0;
    let (ahead, age) = (300_000_000_000, 35 * 24 * 3_600 * 1_000_000_000);
    assert_eq!(at(&mut book, Timestamp(now + ahead)), None);
    assert_eq!(at(&mut book, Timestamp(now + ahead + 1)), Some(Refusal::EventTime("is too far ahead")));
    assert_eq!(at(&mut book, Timestamp(now - age)), None);
    assert_eq!(at(&mut book, Timestamp(now - age - 1)), Some(Refusal::EventTime("is too long ago")));
    assert_eq!(at(&mut book, Timestamp(0)), Some(Refusal::EventTime("is too long ago")));
}

#[test]
fn a_named_wallet_that_is_frozen_or_closed_gives_nothing() {
    let (mut book, wallet) = book();
    let other = book.wallet(|_| {});
    book.credit(other, 10, |_| {});
    book.ask(Command::Freeze(wallet)).unwrap();
    let named = |request: &mut Event| request.charge.wallet = Some(wallet);
    let frozen = record(&mut book, "4", named).unwrap();
    assert!(frozen.taken.is_none());
    assert_eq!(frozen.uncollected, memo(wallet, "4"));
    book.close(wallet, Remainder::Forfeit).unwrap();
    assert_eq!(record(&mut book, "4", named).unwrap().uncollected, memo(wallet, "4"));
    let unnamed = record(&mut book, "4", |_| {}).unwrap();
    assert_eq!(slices(&book, &unnamed.taken.unwrap()), ["1:4"], "what is active pays");
    book.replay();
}

#[test]
fn where_no_wallet_is_active_the_memo_stands_at_the_oldest_that_is_not_closed() {
    let (mut book, wallet) = book();
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    let late = book.wallet(|_| {});
    let in_dollars = |request: &mut Event| request.charge.currency = Some(USD);
    for frozen in [wallet, late, euros] {
        book.ask(Command::Freeze(frozen)).unwrap();
    }
    let recorded = record(&mut book, "3", in_dollars).unwrap();
    assert_eq!((recorded.taken.is_none(), recorded.uncollected), (true, memo(wallet, "3")));
    assert_eq!(book.log.last().unwrap().facts.effect.rows(), 1, "never silent free usage");
    book.close(wallet, Remainder::Forfeit).unwrap();
    assert_eq!(record(&mut book, "3", in_dollars).unwrap().uncollected, memo(late, "3"));
    book.close(late, Remainder::Forfeit).unwrap();
    assert_eq!(record(&mut book, "3", in_dollars).unwrap().uncollected, memo(wallet, "3"));
    let pounds = |request: &mut Event| request.charge.currency = Some(Currency(*b"gbp"));
    let nowhere = Uncollected { wallet: None, credits: credits("3") };
    assert_eq!(record(&mut book, "3", pounds).unwrap().uncollected, Some(nowhere));
    book.replay();
}

#[test]
fn scopes_count_and_the_memo_stands_at_the_first_payer_or_the_oldest_wallet() {
    let (mut book, any) = book();
    let usage = book.wallet(|request| request.allowed_price_types = PriceTypes::USAGE);
    let recorded = record(&mut book, "14", |_| {}).unwrap();
    assert_eq!(recorded.uncollected, memo(usage, "4"), "the wallet that lists usage is asked first");
    let fixed = |request: &mut Event| request.charge.price_type = crate::unit::PriceType::Fixed;
    book.credit(any, 5, |request| {
        request.scope = Some(Scope { price_types: PriceTypes::USAGE, features: None });
    });
    let recorded = record(&mut book, "1", fixed).unwrap();
    assert!(recorded.taken.is_none(), "the credit is for usage only");
    assert_eq!(recorded.uncollected, memo(any, "1"));

    let mut book = Book::empty();
    let usage = book.wallet(|request| request.allowed_price_types = PriceTypes::USAGE);
    book.now = second(NOW);
    book.cards = vec![card(0, "1", 0)];
    assert_eq!(record(&mut book, "1", fixed).unwrap().uncollected, memo(usage, "1"), "nobody admits it");
}

#[test]
fn what_can_be_mended_and_sent_again_is_refused() {
    let (mut book, wallet) = book();
    assert_eq!(
        record(&mut book, "0", |_| {}).err(),
        Some(Refusal::AmountInvalid("a quantity must be more than 0"))
    );
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    assert_eq!(record(&mut book, "1", |_| {}).err(), Some(Refusal::UnitRequired), "it cannot be guessed");
    record(&mut book, "1", |request| request.charge.currency = Some(USD)).unwrap();
    let mismatched = record(&mut book, "1", |request| {
        request.charge.currency = Some(USD);
        request.charge.wallet = Some(euros);
    });
    assert_eq!(mismatched.err(), Some(Refusal::UnitMismatch));
    let unknown = WalletId(crate::ids::ThingId(0));
    let refused = record(&mut book, "1", |request| request.charge.wallet = Some(unknown));
    assert_eq!(refused.err(), Some(Refusal::WalletNotFound(unknown)));
    assert_eq!(book.posted(wallet), "9");
}

#[test]
fn budgets_count_the_whole_price_and_refuse_none_of_it() {
    let (mut book, _) = book();
    let request = SetBudget {
        id: Some("team".into()),
        create: true,
        parent: None,
        currency: USD,
        price_unit: None,
        limits: vec![(Window::Lifetime, credits("12"))],
    };
    book.ask(Command::SetBudget(request)).unwrap();
    let in_budget = |name: &'static str| move |request: &mut Event| request.charge.budget = Some(name.into());
    record(&mut book, "14", in_budget("team")).unwrap();
    let used = |book: &Book| book.customer.budgets["team"].limits[0].used.to_string();
    assert_eq!(used(&book), "14", "4 of them were not there");
    record(&mut book, "1", in_budget("team")).unwrap();
    assert_eq!(used(&book), "15", "beyond the cap");
    record(&mut book, "1", in_budget("nobody")).unwrap();
    let refused = book.charge("1", |request| request.charge.budget = Some("team".into()));
    assert!(matches!(refused, Err(Refusal::InsufficientCredits { .. })), "{refused:?}");
    book.replay();
}
