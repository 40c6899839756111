//! Credit in, and what it costs: edges of `SEMANTICS` §2 and §6.

use coffer_ledger::amount::{Money, Rate};
use coffer_ledger::command::{Command, CreateWallet, CreditReason, TopUp};
use coffer_ledger::fact::Effect;
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::Currency;

use crate::asks::{credits, money, purchase, wallet_of_usd, whole, with_one_wallet};
use crate::harness::World;

#[test]
fn a_purchase_charges_the_exact_product_half_up_to_the_minor_unit() {
    for (currency, charged) in [(b"usd", "7954.14"), (b"jpy", "7954"), (b"kwd", "7954.136")] {
        let mut world = World::new();
        let wallet = world.open(CreateWallet { currency: Some(Currency(*currency)), ..wallet_of_usd() });
        let facts = world.ask(Command::TopUp(purchase(wallet, credits("7954.136132619662")))).unwrap();
        let Effect::ToppedUp { rows, .. } = &facts.effect else { panic!("{facts:#?}") };
        assert_eq!(rows[0].charged, Some(money(charged)));
        assert_eq!(rows[0].terms.paid, money(charged));
        assert_eq!(rows[0].amount, money("7954.136132619662"));
    }
}

#[test]
fn each_reason_has_its_source_its_priority_and_its_paid_money() {
    let (mut world, wallet) = with_one_wallet();
    let expected = [
        (CreditReason::FreeCreditGrant, Source::Promotional, 50, "0"),
        (CreditReason::PurchasedCreditDirect, Source::Purchased, 50, "4"),
        (CreditReason::SubscriptionCreditGrant, Source::PlanIncluded, 10, "0"),
        (CreditReason::CreditNote, Source::Refund, 50, "4"),
        (CreditReason::InvoiceVoidRefund, Source::Refund, 50, "4"),
        (CreditReason::CreditAdjustment, Source::Adjustment, 50, "0"),
    ];
    for (reason, source, priority, paid) in expected {
        let facts = world.ask(Command::TopUp(TopUp { reason, ..purchase(wallet, whole(4)) })).unwrap();
        let Effect::ToppedUp { rows, .. } = &facts.effect else { panic!("{facts:#?}") };
        let terms = &rows[0].terms;
        assert_eq!((terms.source, terms.priority, terms.paid), (source, priority, money(paid)), "{reason:?}");
        let scope_is_usage = terms.scope.price_types == PriceTypes::USAGE;
        assert_eq!(scope_is_usage, source == Source::Promotional, "{reason:?}");
    }
}

#[test]
fn money_charged_is_rounded_once_from_the_exact_product() {
    // 0.00499999999999999999… is no half cent, though it looks like one at 15 digits.
    let mut world = World::new();
    let topup_conversion_rate = Rate::parse_json("1.0000000000002").expect("a rate");
    let wallet = world.open(CreateWallet { topup_conversion_rate, ..wallet_of_usd() });
    let facts = world.ask(Command::TopUp(purchase(wallet, credits("0.004999999999999")))).unwrap();
    let Effect::ToppedUp { rows, .. } = &facts.effect else { panic!("{facts:#?}") };
    assert_eq!((rows[0].amount, rows[0].charged), (money("0.005"), Some(Money::ZERO)));
}
