//! Every refusal once, with its facts, and which of several comes first.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::command::{
    Asked, Bonus, Command, CreateWallet, CreditReason, Quantity, TopUp, UpdateWallet,
};
use coffer_ledger::customer::Profile;
use coffer_ledger::limits::Limits;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceUnit};

use crate::asks::{
    Charged, by_hand, day, free, lacking, purchase, slices, update, usage, usage_worth, wallet_of_usd, whole,
    with_one_wallet,
};
use crate::harness::World;

const EUR: Currency = Currency(*b"eur");

#[test]
fn a_debit_of_more_than_there_is_says_required_available_and_shortfall() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(7)));
    assert_eq!(world.refused(Command::Debit(usage(whole(10)))), lacking(10, 7));
    assert_eq!(world.refused(by_hand(wallet, whole(10))), lacking(10, 7));
}

#[test]
fn a_debit_of_more_money_than_there_is_says_it_in_money() {
    let mut world = World::new();
    let rate = coffer_ledger::amount::Rate(2 * whole(1).0);
    let wallet = world.open(CreateWallet { conversion_rate: rate, ..wallet_of_usd() });
    world.top_up(purchase(wallet, whole(7)));
    let ask = usage_worth(Money(whole(15).0), Currency(*b"usd"));
    assert_eq!(world.refused(Command::Debit(ask)), lacking(15, 14));
}

#[test]
fn nobody_knows_a_customer_before_its_first_record() {
    let mut world = World::new();
    let wallet = world.wallet(0);
    let commands = [
        Command::Debit(usage(whole(1))),
        Command::TopUp(purchase(wallet, whole(1))),
        by_hand(wallet, whole(1)),
        Command::UpdateCustomer { profile: Profile::default() },
        Command::DeleteCustomer,
        Command::Freeze(wallet),
    ];
    for command in commands {
        assert_eq!(world.refused(command), Refusal::CustomerNotFound);
    }
}

#[test]
fn a_wallet_that_nobody_has_is_not_found() {
    let (mut world, _) = with_one_wallet();
    let nobodys = world.wallet(1);
    let commands = [
        Command::Debit(usage(whole(1)).from(nobodys)),
        Command::TopUp(purchase(nobodys, whole(1))),
        by_hand(nobodys, whole(1)),
        Command::UpdateWallet(update(nobodys)),
        Command::Freeze(nobodys),
        Command::Unfreeze(nobodys),
    ];
    for command in commands {
        assert_eq!(world.refused(command), Refusal::WalletNotFound(nobodys));
    }
}

#[test]
fn a_customer_exists_once() {
    let (mut world, _) = with_one_wallet();
    let again = Command::CreateCustomer { external_id: "acme".into(), profile: Profile::default() };
    assert!(matches!(world.refused(again), Refusal::AlreadyExists(_)));
}

#[test]
fn a_retry_without_a_key_mints_no_second_initial_credit() {
    let mut world = World::new();
    let ask = || Command::CreateWallet(CreateWallet { initial_credits: whole(5), ..wallet_of_usd() });
    world.ask_as(ask(), false).unwrap();
    assert!(matches!(world.ask_as(ask(), false), Err(Refusal::AlreadyExists(_))));
    world.ask_as(ask(), true).expect("a key makes it another request");
    let in_euros = Command::CreateWallet(CreateWallet {
        currency: Some(EUR),
        initial_credits: whole(5),
        ..wallet_of_usd()
    });
    world.ask_as(in_euros, false).expect("another currency");
    world.ask_as(Command::CreateWallet(wallet_of_usd()), false).expect("no initial credit");
}

#[test]
fn a_wallet_is_frozen_once_and_unfrozen_once() {
    let (mut world, wallet) = with_one_wallet();
    assert!(matches!(world.refused(Command::Unfreeze(wallet)), Refusal::InvalidOperation(_)));
    world.ask(Command::Freeze(wallet)).unwrap();
    assert!(matches!(world.refused(Command::Freeze(wallet)), Refusal::InvalidOperation(_)));
    let named = usage(whole(1)).from(wallet);
    assert_eq!(world.refused(Command::Debit(named)), Refusal::WalletFrozen(wallet));
}

#[test]
fn a_tick_with_nothing_due_is_refused() {
    let (mut world, _) = with_one_wallet();
    assert!(matches!(world.refused(Command::Tick), Refusal::InvalidOperation(_)));
}

#[test]
fn an_amount_that_moves_credit_is_above_zero() {
    let (mut world, wallet) = with_one_wallet();
    for amount in [Credits::ZERO, whole(-1)] {
        let bonus = Some(Bonus { credits: amount, expires_at: None });
        let commands = [
            Command::Debit(usage(amount)),
            Command::Debit(usage_worth(Money(amount.0), Currency(*b"usd"))),
            Command::TopUp(purchase(wallet, amount)),
            Command::TopUp(TopUp { bonus, ..purchase(wallet, whole(1)) }),
            by_hand(wallet, amount),
        ];
        for command in commands {
            assert!(matches!(world.refused(command), Refusal::AmountInvalid(_)));
        }
    }
    let lower = UpdateWallet { overdraft_limit: Some(whole(-1)), ..update(wallet) };
    assert!(matches!(world.refused(Command::UpdateWallet(lower)), Refusal::AmountInvalid(_)));
}

#[test]
fn money_that_buys_not_even_the_smallest_credit_is_no_amount() {
    let mut world = World::new();
    let rate = coffer_ledger::amount::Rate(whole(3).0);
    let wallet = world.open(CreateWallet { topup_conversion_rate: rate, ..wallet_of_usd() });
    let quantity = Quantity::Amount(Money(2));
    let refusal = world.refused(Command::TopUp(TopUp { quantity, ..purchase(wallet, whole(1)) }));
    assert!(matches!(refusal, Refusal::AmountInvalid(_)));
}

#[test]
fn a_wallet_never_holds_more_than_twelve_integer_digits() {
    let (mut world, wallet) = with_one_wallet();
    let largest = whole(1_000_000_000_000) - Credits(1);
    world.top_up(purchase(wallet, largest - whole(1)));
    world.top_up(purchase(wallet, whole(1)));
    let scheduled = TopUp { effective_at: day(1), ..purchase(wallet, Credits(1)) };
    for ask in [purchase(wallet, Credits(1)), free(wallet, 1), scheduled] {
        assert!(matches!(world.refused(Command::TopUp(ask)), Refusal::AmountOverflow(_)));
    }
    assert_eq!(world.posted(wallet), largest);
    assert_eq!(world.debit(usage(largest)).balance_after, Credits::ZERO);
}

#[test]
fn a_debit_in_credits_moves_one_unit_and_says_so_when_it_cannot_tell_which() {
    let mut world = World::new();
    let dollars = world.open(wallet_of_usd());
    let euros = world.open(CreateWallet { currency: Some(EUR), ..wallet_of_usd() });
    let tokens = PriceUnit("tokens".into());
    let of_tokens = CreateWallet { currency: Some(EUR), price_unit: Some(tokens.clone()), ..wallet_of_usd() };
    let in_tokens = world.open(of_tokens);
    for wallet in [dollars, euros, in_tokens] {
        world.top_up(purchase(wallet, whole(9)));
    }

    assert_eq!(world.refused(Command::Debit(usage(whole(1)))), Refusal::UnitRequired);
    let by_euro = usage(whole(1)).in_currency(EUR);
    assert_eq!(world.refused(Command::Debit(by_euro.clone())), Refusal::UnitRequired);
    let by_token = by_euro.in_price_unit(tokens);
    assert_eq!(world.debit(by_token).rows[0].posting.wallet, in_tokens);
    let by_dollar = usage(whole(1)).in_currency(Currency(*b"usd"));
    assert_eq!(world.debit(by_dollar).rows[0].posting.wallet, dollars);
    let by_wallet = usage(whole(1)).from(euros);
    assert_eq!(world.debit(by_wallet).rows[0].posting.wallet, euros);
}

#[test]
fn a_named_wallet_must_count_in_the_named_unit() {
    let (mut world, wallet) = with_one_wallet();
    let named = usage(whole(1)).from(wallet);
    let in_euros = named.clone().in_currency(EUR);
    assert_eq!(world.refused(Command::Debit(in_euros)), Refusal::UnitMismatch);
    let in_tokens = named.in_price_unit(PriceUnit("tokens".into()));
    assert_eq!(world.refused(Command::Debit(in_tokens)), Refusal::UnitMismatch);
}

#[test]
fn each_limit_is_reached_under_its_name() {
    let limits =
        Limits { wallets_max: 1, tranches_max: 3, slices_max: 2, due_per_record_max: 9, ..Limits::default() };
    let reached = |limit, max| Refusal::LimitReached { limit, max };
    let mut world = World::with_limits(limits);
    let wallet = world.open(wallet_of_usd());
    assert_eq!(world.refused(Command::CreateWallet(wallet_of_usd())), reached("wallets_max", 1));
    let tranches: Vec<_> = (0..3).map(|_| world.top_up(purchase(wallet, whole(1)))).collect();
    assert_eq!(world.refused(Command::TopUp(purchase(wallet, whole(1)))), reached("tranches_max", 3));
    assert_eq!(world.refused(Command::Debit(usage(whole(3)))), reached("slices_max", 2));
    let debited = world.debit(usage(whole(2)));
    assert_eq!(slices(&debited), [(Some(tranches[0]), whole(1)), (Some(tranches[1]), whole(1))]);
}

#[test]
fn fields_that_only_the_rules_can_judge_are_named() {
    let (mut world, wallet) = with_one_wallet();
    let now = world.now;
    let plain = || purchase(wallet, whole(1));
    let bonus = |expires_at| Some(Bonus { credits: whole(1), expires_at });
    let later = Timestamp(now.0 + 10);
    let wrong = [
        ("expires_at", TopUp { expires_at: Some(now), ..plain() }),
        ("expires_at", TopUp { expires_at: Some(later), effective_at: Some(later), ..plain() }),
        ("bonus", TopUp { bonus: bonus(Some(now)), ..plain() }),
        ("bonus", TopUp { bonus: bonus(None), reason: CreditReason::FreeCreditGrant, ..plain() }),
        ("paid", TopUp { paid: Some(Money(1)), ..plain() }),
        ("transaction_reason", TopUp { reason: CreditReason::PurchasedCreditBonus, ..plain() }),
    ];
    for (expected, ask) in wrong {
        let refusal = world.refused(Command::TopUp(ask));
        assert!(
            matches!(refusal, Refusal::Invalid { field, .. } if field.starts_with(expected)),
            "{expected}: {refusal:?}"
        );
    }
}

/// The order of checks is part of the API: the request itself, then who, which wallet, its status, its unit, its credit.
#[test]
fn of_several_reasons_the_first_in_the_documented_order_is_told() {
    let mut world = World::new();
    let mut ask = usage(Credits::ZERO).from(world.wallet(0)).in_currency(EUR);
    assert!(matches!(world.refused(Command::Debit(ask.clone())), Refusal::AmountInvalid(_)));
    ask.asked = Asked::Credits(whole(1));
    assert_eq!(world.refused(Command::Debit(ask.clone())), Refusal::CustomerNotFound);
    let wallet = world.open(wallet_of_usd());
    let nobodys = world.wallet(9);
    ask.charge.wallet = Some(nobodys);
    assert_eq!(world.refused(Command::Debit(ask.clone())), Refusal::WalletNotFound(nobodys));
    ask.charge.wallet = Some(wallet);
    world.ask(Command::Freeze(wallet)).unwrap();
    assert_eq!(world.refused(Command::Debit(ask.clone())), Refusal::WalletFrozen(wallet));
    world.ask(Command::Unfreeze(wallet)).unwrap();
    assert_eq!(world.refused(Command::Debit(ask.clone())), Refusal::UnitMismatch);
    ask.charge.currency = None;
    assert_eq!(world.refused(Command::Debit(ask)), lacking(1, 0));
}
