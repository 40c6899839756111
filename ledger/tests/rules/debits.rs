//! Who pays, and how much: edges of `SEMANTICS` §3 and §4 that its examples do not show.

use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::command::{Command, CreateWallet, CreditReason, TopUp};
use coffer_ledger::ids::WalletId;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;

use crate::asks::{
    Charged, DAY, by_hand, credits, day, fee, free, lacking, money, partly, purchase, slices, update, usage,
    usage_worth, wallet_of_usd, whole, with_one_wallet,
};
use crate::harness::World;

#[test]
fn equal_tranches_pay_by_features_then_free_before_paid_then_start_then_age() {
    let (mut world, wallet) = with_one_wallet();
    let chat = Scope { price_types: PriceTypes::ALL, features: Some([Box::from("chat")].into()) };
    let end = day(9);
    let paid = world.top_up(TopUp { expires_at: end, ..purchase(wallet, whole(1)) });
    let young = world.top_up(TopUp { expires_at: end, ..free(wallet, 1) });
    let younger = world.top_up(TopUp { expires_at: end, ..free(wallet, 1) });
    let since = Some(Timestamp(world.now.0 - DAY));
    let since_yesterday = world.top_up(TopUp { expires_at: end, effective_at: since, ..free(wallet, 1) });
    let for_chat = world.top_up(TopUp { expires_at: end, scope: Some(chat), ..purchase(wallet, whole(1)) });

    let debited = world.debit(usage(whole(5)).for_feature("chat"));

    let order = [for_chat, since_yesterday, young, younger, paid];
    assert_eq!(slices(&debited), order.map(|id| (Some(id), whole(1))));
}

#[test]
fn promotional_credit_never_pays_a_fixed_fee_unless_its_scope_says_so() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(free(wallet, 10));
    assert_eq!(world.refused(Command::Debit(fee(whole(1)))), lacking(1, 0));
    assert_eq!(world.debit(usage(whole(4))).credits, whole(4));
}

#[test]
fn credit_for_features_pays_only_charges_that_name_one_of_them() {
    let (mut world, wallet) = with_one_wallet();
    let scope =
        Scope { price_types: PriceTypes::USAGE, features: Some([Box::from("chat"), "image".into()].into()) };
    world.top_up(TopUp { scope: Some(scope), ..purchase(wallet, whole(10)) });

    assert_eq!(world.refused(Command::Debit(usage(whole(1)))), lacking(1, 0));
    let video = usage(whole(1)).for_feature("video");
    assert_eq!(world.refused(Command::Debit(video)), lacking(1, 0));
    let image = usage(whole(10)).for_feature("image");
    assert_eq!(world.debit(image).credits, whole(10));
}

#[test]
fn wallets_that_list_the_price_type_pay_before_those_for_all_then_by_priority_then_by_age() {
    let mut world = World::new();
    let all_first = CreateWallet { priority: 1, ..wallet_of_usd() };
    let for_usage = CreateWallet { allowed_price_types: PriceTypes::USAGE, ..wallet_of_usd() };
    let all = world.open(all_first);
    let late = world.open(CreateWallet { priority: 60, ..for_usage.clone() });
    let old = world.open(for_usage.clone());
    let young = world.open(for_usage);
    let for_fees = world.open(CreateWallet { allowed_price_types: PriceTypes::FIXED, ..wallet_of_usd() });
    for wallet in [all, late, old, young, for_fees] {
        world.top_up(purchase(wallet, whole(1)));
    }

    let debited = world.debit(usage(whole(4)));

    let order: Vec<WalletId> = debited.rows.iter().map(|row| row.posting.wallet).collect();
    assert_eq!(order, [old, young, late, all]);
    assert_eq!(world.posted(for_fees), whole(1));
}

#[test]
fn an_amount_is_converted_by_each_wallet_at_its_own_rate() {
    let mut world = World::new();
    let dear = world.open(CreateWallet { conversion_rate: Rate(3 * whole(1).0), ..wallet_of_usd() });
    let cheap = world.open(CreateWallet { conversion_rate: Rate(whole(1).0 / 2), ..wallet_of_usd() });
    world.top_up(purchase(dear, whole(2)));
    world.top_up(purchase(cheap, whole(100)));

    let debited = world.debit(usage_worth(money("10"), Currency(*b"usd")));

    // 2 credits are worth 6; the 4 that lack are 8 credits of 0.50.
    assert_eq!(debited.slices.iter().map(|slice| slice.credits).collect::<Vec<_>>(), [whole(2), whole(8)]);
    assert_eq!(debited.amount, money("10"));
    assert!(debited.mixed_units);
}

#[test]
fn a_partial_debit_takes_what_there_is_and_says_what_lacked() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(3)));
    let debited = world.debit(partly(usage(whole(10))));
    assert_eq!((debited.credits, debited.shortfall), (whole(3), whole(7)));
    let nothing_there = Command::Debit(partly(usage(whole(10))));
    assert_eq!(world.refused(nothing_there), lacking(10, 0));
}

#[test]
fn overdraft_serves_usage_only_and_not_debits_by_hand() {
    let mut world = World::new();
    let wallet = world.open(CreateWallet { overdraft_limit: whole(20), ..wallet_of_usd() });
    assert_eq!(world.refused(Command::Debit(fee(whole(1)))), lacking(1, 0));
    assert_eq!(world.refused(by_hand(wallet, whole(1))), lacking(1, 0));
    assert_eq!(world.refused(Command::Debit(usage(whole(21)))), lacking(21, 20));
    assert_eq!(world.debit(usage(whole(20))).balance_after, whole(-20));
}

#[test]
fn lowering_the_overdraft_limit_touches_no_debt_but_lets_nothing_more_out() {
    let mut world = World::new();
    let wallet = world.open(CreateWallet { overdraft_limit: whole(20), ..wallet_of_usd() });
    world.debit(usage(whole(15)));
    let lower = coffer_ledger::command::UpdateWallet { overdraft_limit: Some(whole(5)), ..update(wallet) };
    world.ask(Command::UpdateWallet(lower)).unwrap();
    assert_eq!(world.posted(wallet), whole(-15));
    let for_fees = Scope { price_types: PriceTypes::FIXED, features: None };
    world.top_up(TopUp { scope: Some(for_fees), ..purchase(wallet, whole(12)) });

    // own is −3 and may be −5: the fee's tranche can give 2 of its 12.
    assert_eq!(world.refused(Command::Debit(fee(whole(3)))), lacking(3, 2));
    assert_eq!(world.debit(fee(whole(2))).balance_after, whole(-5));
}

#[test]
fn a_debit_by_hand_ignores_scopes() {
    let (mut world, wallet) = with_one_wallet();
    let scope = Scope { price_types: PriceTypes::FIXED, features: Some([Box::from("seat")].into()) };
    world.top_up(TopUp { scope: Some(scope), ..purchase(wallet, whole(3)) });
    world.ask(by_hand(wallet, whole(3))).unwrap();
    assert_eq!(world.posted(wallet), Credits::ZERO);
}

#[test]
fn the_largest_amounts_at_the_smallest_and_largest_rates_are_refused_or_exact() {
    for (rate, required) in [(Rate(1), "999999999999"), (Rate(1), "0.000000000000001"), (Rate(1), "0.001")] {
        let mut world = World::new();
        let wallet =
            world.open(CreateWallet { conversion_rate: rate, overdraft_limit: whole(5), ..wallet_of_usd() });
        let most = purchase(wallet, credits("999999999999.999999999999999"));
        world.top_up(TopUp { reason: CreditReason::CreditAdjustment, ..most });
        let ask = usage_worth(money(required), Currency(*b"usd"));
        let answer = world.ask(Command::Debit(ask));
        // All that is there is worth a little more than 0.001.
        assert_eq!(answer.is_ok(), required.starts_with("0.00"), "{required}: {answer:?}");
    }
    let mut world = World::new();
    let conversion_rate = Rate::parse_json("999999999999").expect("a rate");
    let wallet = world.open(CreateWallet { conversion_rate, ..wallet_of_usd() });
    world.top_up(purchase(wallet, whole(3)));
    let refusal = world.refused(Command::Debit(usage(whole(2))));
    assert!(matches!(refusal, Refusal::AmountOverflow(_)), "{refusal:?}");
    assert_eq!(world.debit(usage(credits("0.000000000000001"))).amount, money("0.000999999999999"));
}
