//! Credit in: sources, money paid, bonus, schedule, limits.

use crate::amount::{Credits, LIMIT, Money, Rate};
use crate::command::{Bonus, Command, CreditReason, Quantity};
use crate::refusal::Refusal;
use crate::scope::{PriceTypes, Scope};
use crate::testing::{Book, credits, money, second, top_up};
use crate::tranche::Source;
use crate::unit::Currency;

fn bonus(amount: &str) -> Option<Bonus> {
    Some(Bonus { credits: credits(amount), expires_at: Some(second(500)) })
}

fn invalid(field: &'static str, problem: &'static str) -> Refusal {
    Refusal::Invalid { field, problem }
}

#[test]
fn a_purchase_is_charged_in_minor_units_and_that_is_what_was_paid() {
    let (mut book, wallet) = Book::new();
    let rows =
        book.credit(wallet, 1, |request| request.quantity = Quantity::Credits(credits("7954.136132619662")));
    assert_eq!(rows[0].amount, money("7954.136132619662"));
    assert_eq!(rows[0].charged, Some(money("7954.14")));
    assert_eq!(rows[0].terms.paid, money("7954.14"));
    let yen = book.wallet(|request| request.currency = Some(Currency(*b"jpy")));
    let rows = book.credit(yen, 1, |request| request.quantity = Quantity::Credits(credits("0.5")));
    assert_eq!(rows[0].charged, Some(money("1")), "half up, no minor unit");
}

#[test]
fn an_amount_buys_credits_rounded_down_at_the_topup_rate() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.topup_conversion_rate = Rate::whole(3));
    let rows = book.credit(wallet, 1, |request| request.quantity = Quantity::Amount(money("10")));
    assert_eq!(rows[0].terms.original, credits("3.333333333333333"));
    assert_eq!(rows[0].charged, Some(money("10")));
    let tiny = top_up(wallet, 1, |request| request.quantity = Quantity::Amount(money("0.000000000000001")));
    assert_eq!(book.ask(Command::TopUp(tiny)), Err(Refusal::AmountInvalid("the amount buys no credit")));
}

#[test]
fn the_reason_says_source_scope_priority_and_paid() {
    let (mut book, wallet) = Book::new();
    let cases = [
        (CreditReason::FreeCreditGrant, Source::Promotional, "0", 50),
        (CreditReason::SubscriptionCreditGrant, Source::PlanIncluded, "0", 10),
        (CreditReason::CreditNote, Source::Refund, "4", 50),
        (CreditReason::InvoiceVoidRefund, Source::Refund, "4", 50),
        (CreditReason::CreditAdjustment, Source::Adjustment, "0", 50),
        (CreditReason::PurchasedCreditDirect, Source::Purchased, "4", 50),
    ];
    for (reason, source, paid, priority) in cases {
        let rows = book.credit(wallet, 4, |request| request.reason = reason);
        let terms = &rows[0].terms;
        assert_eq!((terms.source, terms.paid, terms.priority), (source, money(paid), priority), "{reason:?}");
        assert_eq!(terms.scope.price_types.fixed, source != Source::Promotional, "{reason:?}");
        assert_eq!(rows[0].charged.is_some(), source == Source::Purchased, "{reason:?}");
    }
    let rows = book.credit(wallet, 4, |request| {
        (request.reason, request.paid) = (CreditReason::CreditAdjustment, Some(money("3")));
        (request.priority, request.scope) =
            (Some(1), Some(Scope { price_types: PriceTypes::FIXED, features: None }));
    });
    assert_eq!((rows[0].terms.paid, rows[0].terms.priority), (money("3"), 1));
    assert!(!rows[0].terms.scope.price_types.usage);
}

#[test]
fn a_bonus_is_a_second_promotional_tranche_in_the_same_record() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    book.debit("15").unwrap();
    let rows = book.credit(wallet, 10, |request| request.bonus = bonus("8"));
    assert_eq!(
        (rows[0].repaid, rows[1].repaid),
        (credits("10"), credits("5")),
        "both repay, the purchase first"
    );
    assert_eq!(
        (rows[1].terms.source, rows[1].terms.paid, rows[1].charged),
        (Source::Promotional, Money::ZERO, None)
    );
    assert_eq!(rows[1].reason, CreditReason::PurchasedCreditBonus);
    assert_eq!(book.state(wallet).tranches.len(), 1, "what repaid debt to the last credit was never live");
    assert_eq!(book.posted(wallet), "3");
    book.replay();
}

#[test]
fn credit_with_a_start_in_the_future_is_in_no_balance() {
    let (mut book, wallet) = Book::new();
    let rows = book.credit(wallet, 10, |request| {
        (request.effective_at, request.bonus) = (Some(second(100)), bonus("2"));
    });
    assert!(rows.iter().all(|row| row.posting.is_none()));
    assert_eq!((book.posted(wallet).as_str(), book.state(wallet).head.sequence), ("0", 0));
    assert_eq!(book.customer.next_due(), second(100));
    assert!(book.debit("1").is_err());
    book.replay();
}

#[test]
fn what_only_the_rules_can_judge_is_refused_by_field() {
    let (mut book, wallet) = Book::new();
    let mut ask =
        |change: fn(&mut crate::command::TopUp)| book.ask(Command::TopUp(top_up(wallet, 1, change)));
    assert_eq!(
        ask(|request| request.expires_at = Some(second(0))),
        Err(invalid("expires_at", "is not in the future"))
    );
    assert_eq!(
        ask(|request| (request.effective_at, request.expires_at) = (Some(second(50)), Some(second(50)))),
        Err(invalid("expires_at", "is not after effective_at"))
    );
    assert_eq!(
        ask(|request| request.reason = CreditReason::PurchasedCreditBonus),
        Err(invalid("transaction_reason", "a bonus comes with its purchase"))
    );
    assert_eq!(
        ask(|request| (request.reason, request.bonus) = (CreditReason::CreditNote, bonus("1"))),
        Err(invalid("bonus", "only a purchase has a bonus"))
    );
    assert_eq!(
        ask(|request| request.paid = Some(Money::ONE)),
        Err(invalid("paid", "follows from the reason and cannot be given"))
    );
    assert_eq!(
        ask(|request| {
            (request.reason, request.paid) = (CreditReason::FreeCreditGrant, Some(Money::whole(-1)));
        }),
        Err(Refusal::AmountInvalid("paid must be 0 or more"))
    );
    assert_eq!(
        ask(|request| request.quantity = Quantity::Credits(Credits::ZERO)),
        Err(Refusal::AmountInvalid("a top-up must be more than 0"))
    );
    assert_eq!(
        ask(|request| request.bonus = bonus("0")),
        Err(Refusal::AmountInvalid("a bonus must be more than 0"))
    );
    assert_eq!(
        ask(|request| {
            (request.effective_at, request.bonus) = (Some(second(500)), bonus("1"));
        }),
        Err(invalid("bonus.expires_at", "is not after effective_at"))
    );
}

#[test]
fn a_wallet_keeps_to_twelve_integer_digits_with_what_is_scheduled() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 600_000_000_000, |request| request.effective_at = Some(second(9)));
    let much = top_up(wallet, 400_000_000_000, |_| {});
    assert_eq!(book.ask(Command::TopUp(much)), Err(Refusal::AmountOverflow("the wallet's credit")));
    book.credit(wallet, 399_999_999_999, |_| {});
    book.now = second(9);
    book.ask(Command::Tick).unwrap();
    assert!(book.state(wallet).head.posted.is_in_range());
    let over = top_up(wallet, 1, |request| request.quantity = Quantity::Credits(Credits(LIMIT)));
    assert_eq!(book.ask(Command::TopUp(over)), Err(Refusal::AmountOverflow("the amount")));
}

#[test]
fn live_tranches_have_a_limit() {
    let (mut book, wallet) = Book::new();
    book.limits.tranches_max = 2;
    book.credit(wallet, 1, |_| {});
    let two = top_up(wallet, 1, |request| request.bonus = bonus("1"));
    let refused = Err(Refusal::LimitReached { limit: "tranches_max", max: 2 });
    assert_eq!(book.ask(Command::TopUp(two)), refused);
    book.credit(wallet, 1, |_| {});
    assert_eq!(book.ask(Command::TopUp(top_up(wallet, 1, |_| {}))), refused);
}

#[test]
fn a_frozen_wallet_takes_credit_and_a_closed_one_does_not() {
    let (mut book, wallet) = Book::new();
    book.ask(Command::Freeze(wallet)).unwrap();
    book.credit(wallet, 1, |_| {});
    book.close(wallet, crate::command::Remainder::Forfeit).unwrap();
    let late = Command::TopUp(top_up(wallet, 1, |_| {}));
    assert_eq!(book.ask(late), Err(Refusal::WalletClosed(wallet)));
}
