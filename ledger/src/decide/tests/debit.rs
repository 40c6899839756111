//! Debits: burn order, units, amounts, overdraft, by hand.

use crate::amount::{Credits, Money, Rate};
use crate::command::{Asked, Command, CreditReason, UpdateWallet};
use crate::ids::WalletId;
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, USD, create_customer, credits, money, second, slices};
use crate::unit::{Currency, PriceType, PriceUnit};

fn insufficient(required: &str, available: &str, shortfall: &str) -> Refusal {
    let [required, available, shortfall] = [required, available, shortfall].map(credits);
    Refusal::InsufficientCredits { required, available, shortfall }
}

fn in_dollars(quantity: &str) -> impl FnOnce(&mut crate::command::Debit) {
    let money = money(quantity);
    move |request| {
        request.asked = Asked::Amount(money);
        request.charge.currency = Some(USD);
    }
}

fn set_overdraft(book: &mut Book, wallet: WalletId, limit: i64) {
    let request = UpdateWallet {
        alerts: None,
        auto_topup: None,
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: None,
        allowed_price_types: None,
        overdraft_limit: Some(Credits::whole(limit)),
    };
    book.ask(Command::UpdateWallet(request)).unwrap();
}

#[test]
fn the_soonest_to_expire_pays_first_and_the_reply_adds_up() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 200, |_| {});
    book.credit(wallet, 100, |request| request.expires_at = Some(second(1_000)));
    book.debit("50").unwrap();
    let debited = book.debit("100").unwrap();
    assert_eq!(slices(&book, &debited), ["0:50", "0:50"]);
    assert_eq!((debited.credits, debited.amount), (credits("100"), money("100")));
    assert_eq!((debited.balance_before, debited.balance_after), (credits("250"), credits("150")));
    assert_eq!((debited.available, debited.shortfall), (credits("150"), Credits::ZERO));
    assert_eq!(book.state(wallet).tranches.len(), 1, "an emptied tranche leaves the live state");
    book.replay();
}

#[test]
fn burn_order_goes_priority_end_features_price_start_age() {
    let (mut book, wallet) = Book::new();
    let free = CreditReason::FreeCreditGrant;
    let feature = Scope { price_types: PriceTypes::ALL, features: Some(["gpt".into()].into()) };
    book.credit(wallet, 7, |_| {});
    book.credit(wallet, 6, |request| request.effective_at = Some(second(0)));
    book.credit(wallet, 5, |request| request.effective_at = Some(second(0)));
    book.credit(wallet, 4, |request| request.reason = free);
    book.credit(wallet, 3, |request| request.scope = Some(feature));
    book.credit(wallet, 2, |request| request.expires_at = Some(second(99)));
    book.credit(wallet, 1, |request| request.priority = Some(9));
    book.now = second(1);
    book.credit(wallet, 8, |request| request.effective_at = Some(second(0)));
    let debited = book.charge("36", |request| request.charge.feature = Some("gpt".into())).unwrap();
    let order = ["0:1", "0:2", "0:3", "0:4", "0:7", "0:6", "0:5", "0:8"];
    assert_eq!(slices(&book, &debited), order, "equal starts: the oldest first");
}

#[test]
fn scopes_choose_the_tranches() {
    let (mut book, wallet) = Book::new();
    let only =
        |name: &str| Some(Scope { price_types: PriceTypes::ALL, features: Some([name.into()].into()) });
    book.credit(wallet, 10, |request| request.reason = CreditReason::FreeCreditGrant);
    book.credit(wallet, 20, |request| request.scope = only("images"));
    book.credit(wallet, 40, |_| {});
    let fixed = |request: &mut crate::command::Debit| request.charge.price_type = PriceType::Fixed;
    assert_eq!(book.charge("41", fixed), Err(insufficient("41", "40", "1")));
    assert_eq!(book.debit("51"), Err(insufficient("51", "50", "1")));
    let images = |request: &mut crate::command::Debit| request.charge.feature = Some("images".into());
    let debited = book.charge("70", images).unwrap();
    assert_eq!(slices(&book, &debited), ["0:20", "0:10", "0:40"]);
}

#[test]
fn wallets_that_list_the_price_type_pay_before_all_then_priority_then_age() {
    let mut book = Book::empty();
    let all = book.wallet(|_| {});
    let late =
        book.wallet(|request| (request.allowed_price_types, request.priority) = (PriceTypes::USAGE, 60));
    let early =
        book.wallet(|request| (request.allowed_price_types, request.priority) = (PriceTypes::USAGE, 40));
    let twin =
        book.wallet(|request| (request.allowed_price_types, request.priority) = (PriceTypes::USAGE, 40));
    let fixed = book.wallet(|request| request.allowed_price_types = PriceTypes::FIXED);
    for wallet in [all, late, early, twin, fixed] {
        book.credit(wallet, 10, |_| {});
    }
    let debited = book.debit("35").unwrap();
    assert_eq!(slices(&book, &debited), ["2:10", "3:10", "1:10", "0:5"]);
    assert_eq!(debited.rows.len(), 4);
    assert_eq!((debited.balance_before, debited.balance_after), (credits("40"), credits("5")));
    assert_eq!(debited.available, credits("15"), "all active wallets of the unit");
    book.replay();
}

#[test]
fn a_debit_is_whole_or_not_at_all_unless_partial() {
    let (mut book, wallet) = Book::new();
    let partial = |request: &mut crate::command::Debit| request.partial = true;
    assert_eq!(book.charge("5", partial), Err(insufficient("5", "0", "5")), "nothing at all there");
    book.credit(wallet, 3, |_| {});
    assert_eq!(book.debit("5"), Err(insufficient("5", "3", "2")));
    assert_eq!(book.posted(wallet), "3");
    let debited = book.charge("5", partial).unwrap();
    assert_eq!((debited.credits, debited.shortfall), (credits("3"), credits("2")));
    assert_eq!(book.posted(wallet), "0");
}

#[test]
fn overdraft_comes_last_in_wallet_order_and_for_usage_only() {
    let mut book = Book::empty();
    let first = book.wallet(|request| request.overdraft_limit = credits("20"));
    let second = book.wallet(|_| {});
    book.credit(first, 10, |_| {});
    book.credit(second, 5, |_| {});
    let fixed = |request: &mut crate::command::Debit| request.charge.price_type = PriceType::Fixed;
    assert_eq!(book.charge("18", fixed), Err(insufficient("18", "15", "3")));
    assert_eq!(book.debit("36"), Err(insufficient("36", "35", "1")));
    let debited = book.debit("18").unwrap();
    assert_eq!(slices(&book, &debited), ["0:10", "1:5", "0:o3"]);
    assert_eq!(debited.rows[0].credits, credits("13"));
    assert_eq!((book.posted(first), book.posted(second)), ("-3".into(), "0".into()));
    assert_eq!(debited.available, credits("17"));
    let rows = book.credit(first, 10, |_| {});
    assert_eq!(rows[0].repaid, credits("3"));
    assert_eq!(book.posted(first), "7");
    assert_eq!(book.state(first).tranches[0].remaining, credits("7"));
    book.replay();
}

#[test]
fn credit_that_may_not_pay_the_charge_is_no_security_for_overdraft() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    let fixed = Scope { price_types: PriceTypes::FIXED, features: None };
    book.credit(wallet, 10, |request| request.scope = Some(fixed));
    assert_eq!(book.debit("21"), Err(insufficient("21", "20", "1")));
    book.debit("20").unwrap();
    assert_eq!(book.posted(wallet), "-10");
}

#[test]
fn a_lowered_limit_touches_no_debt_but_lets_nothing_deepen_it() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    book.debit("15").unwrap();
    set_overdraft(&mut book, wallet, 5);
    assert_eq!(book.posted(wallet), "-15");
    assert_eq!(book.debit("1"), Err(insufficient("1", "0", "1")));
    let fixed = Scope { price_types: PriceTypes::FIXED, features: None };
    book.credit(wallet, 12, |request| request.scope = Some(fixed));
    let charge = |request: &mut crate::command::Debit| request.charge.price_type = PriceType::Fixed;
    assert_eq!(book.charge("3", charge), Err(insufficient("3", "2", "1")), "own would fall below −5");
    book.charge("2", charge).unwrap();
}

#[test]
fn a_debit_by_amount_converts_at_each_wallets_rate() {
    let mut book = Book::empty();
    let three = book.wallet(|request| request.conversion_rate = Rate::whole(3));
    book.credit(three, 100, |_| {});
    let debited = book.charge("1", in_dollars("10")).unwrap();
    assert_eq!(debited.credits, credits("3.333333333333334"), "up when debiting");
    assert_eq!(debited.amount, money("10.000000000000002"), "what the credits are worth");
    let seven = book.wallet(|request| (request.conversion_rate, request.priority) = (Rate::whole(7), 10));
    book.credit(seven, 1, |_| {});
    let debited = book.charge("1", in_dollars("10")).unwrap();
    assert_eq!(slices(&book, &debited), ["1:1", "0:1"]);
    assert_eq!((debited.amount, debited.currency, debited.mixed_units), (money("10"), USD, true));
    assert!(debited.credits.is_zero(), "different units are not added");
    book.replay();
}

#[test]
fn the_shortfall_of_an_amount_is_money() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.conversion_rate = Rate::parse_json("0.000001").unwrap());
    book.credit(wallet, 1_000_000, |_| {});
    let refused = book.charge("1", in_dollars("1.5"));
    assert_eq!(refused, Err(insufficient("1.5", "1", "0.5")));
    let debited = book.charge("1", |request| {
        in_dollars("1.5")(request);
        request.partial = true;
    });
    assert_eq!(debited.unwrap().shortfall, credits("0.5"));
}

#[test]
fn credits_move_one_unit_that_must_be_clear() {
    let mut book = Book::empty();
    let dollars = book.wallet(|_| {});
    let tokens = book.wallet(|request| request.price_unit = Some(PriceUnit::parse("tokens").unwrap()));
    let euros = book.wallet(|request| request.currency = Some(Currency(*b"eur")));
    for wallet in [dollars, tokens, euros] {
        book.credit(wallet, 10, |_| {});
    }
    assert_eq!(book.debit("1"), Err(Refusal::UnitRequired));
    assert_eq!(book.charge("1", |request| request.charge.currency = Some(USD)), Err(Refusal::UnitRequired));
    let unit = Some(PriceUnit::parse("tokens").unwrap());
    let debited = book.charge("1", |request| request.charge.price_unit = unit.clone()).unwrap();
    assert_eq!(slices(&book, &debited), ["1:1"]);
    let debited = book.charge("1", |request| request.charge.currency = Some(Currency(*b"eur"))).unwrap();
    assert_eq!(slices(&book, &debited), ["2:1"]);
    let debited = book.charge("1", |request| request.charge.wallet = Some(dollars)).unwrap();
    assert_eq!(slices(&book, &debited), ["0:1"]);
    let mismatch = book.charge("1", |request| {
        (request.charge.wallet, request.charge.price_unit) = (Some(dollars), unit.clone())
    });
    assert_eq!(mismatch, Err(Refusal::UnitMismatch));
    let money = book.charge("1", |request| request.asked = Asked::Amount(Money::ONE));
    assert_eq!(money, Err(Refusal::UnitRequired), "money of which currency?");
}

#[test]
fn frozen_and_closed_wallets_are_refused_by_name_and_passed_over_otherwise() {
    let (mut book, first) = Book::new();
    let other = book.wallet(|_| {});
    book.credit(first, 10, |_| {});
    book.credit(other, 1, |_| {});
    book.ask(Command::Freeze(first)).unwrap();
    let named = |request: &mut crate::command::Debit| request.charge.wallet = Some(first);
    assert_eq!(book.charge("1", named), Err(Refusal::WalletFrozen(first)));
    assert_eq!(book.by_hand(first, "1"), Err(Refusal::WalletFrozen(first)));
    assert_eq!(book.debit("2"), Err(insufficient("2", "1", "1")));
    book.close(first, crate::command::Remainder::Forfeit).unwrap();
    assert_eq!(book.charge("1", named), Err(Refusal::WalletClosed(first)));
    let (foreign, _) = Book::new();
    let unknown = WalletId(crate::ids::ThingId::new(foreign.now, foreign.customer.number, 99));
    let named = |request: &mut crate::command::Debit| request.charge.wallet = Some(unknown);
    assert_eq!(book.charge("1", named), Err(Refusal::WalletNotFound(unknown)));
}

#[test]
fn a_debit_by_hand_ignores_scopes_and_never_overdraws() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| {
        request.overdraft_limit = credits("20");
        request.allowed_price_types = PriceTypes::USAGE;
    });
    let fixed = Scope { price_types: PriceTypes::FIXED, features: Some(["seat".into()].into()) };
    book.credit(wallet, 10, |request| request.scope = Some(fixed));
    assert_eq!(book.by_hand(wallet, "11"), Err(insufficient("11", "10", "1")));
    book.debit("4").unwrap();
    assert_eq!(book.by_hand(wallet, "7"), Err(insufficient("7", "6", "1")), "debt counts");
    book.by_hand(wallet, "6").unwrap();
    assert_eq!(book.posted(wallet), "0");
    assert_eq!(book.by_hand(wallet, "1"), Err(insufficient("1", "0", "1")));
    book.replay();
}

#[test]
fn unknown_customers_amounts_and_limits_are_refused_in_their_order() {
    let mut book = Book::empty();
    assert_eq!(book.debit("0"), Err(Refusal::AmountInvalid("a debit must be more than 0")));
    assert_eq!(book.debit("1"), Err(Refusal::CustomerNotFound));
    book.ask(create_customer("acme")).unwrap();
    assert_eq!(book.debit("1"), Err(insufficient("1", "0", "1")), "no wallet is no credit");
    let wallet = book.wallet(|_| {});
    book.limits.slices_max = 2;
    for _ in 0..3 {
        book.credit(wallet, 1, |_| {});
    }
    assert_eq!(book.debit("3"), Err(Refusal::LimitReached { limit: "slices_max", max: 2 }));
    assert_eq!(book.debit("4"), Err(insufficient("4", "3", "1")));
    book.debit("2").unwrap();
    let huge = book.charge("1", |request| request.asked = Asked::Amount(Money(i128::MAX)));
    assert_eq!(huge, Err(Refusal::AmountOverflow("the amount")));
}

#[test]
fn a_partial_debit_of_too_many_tranches_takes_those_that_one_record_holds() {
    let mut book = Book::empty();
    let half = |request: &mut crate::command::CreateWallet| {
        request.conversion_rate = Rate::parse_json("0.5").unwrap();
        request.overdraft_limit = credits("5");
    };
    let [one, _] = [book.wallet(half), book.wallet(half)];
    book.limits.slices_max = 2;
    for _ in 0..4 {
        book.credit(one, 1, |_| {});
    }
    let debited = book.charge("3", |request| request.partial = true).unwrap();
    assert_eq!(slices(&book, &debited), ["0:1", "0:1"]);
    assert_eq!((debited.credits, debited.shortfall), (credits("2"), credits("1")));
    assert_eq!((debited.balance_after, debited.available), (credits("2"), credits("12")));
    book.credit(one, 1, |_| {});
    let of_money = |request: &mut crate::command::Debit| {
        in_dollars("1.5")(request);
        request.partial = true;
    };
    let debited = book.charge("1", of_money).unwrap();
    assert_eq!((debited.amount, debited.shortfall), (money("1"), credits("0.5")), "in money");
    assert_eq!(book.posted(one), "1");
    book.replay();
}

#[test]
fn what_a_debit_is_worth_keeps_to_the_digits() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.conversion_rate = Rate::MAX);
    book.credit(wallet, 100, |_| {});
    assert_eq!(book.debit("2"), Err(Refusal::AmountOverflow("amount")));
}
