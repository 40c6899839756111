//! FOCUS rows: what was paid for the credits that were used, to the last digit, and the rules of the specification's columns.

use std::collections::HashMap;

use coffer::engine::{Committed, Operation, Target};
use coffer::export::SERVICE_CATEGORIES;
use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::command::{
    Asked, Charge, Command, CreateWallet, CreditReason, Debit, InvoiceLine, Memo, Quantity, Refund, Settle,
    TopUp,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{RowId, WalletId};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType};
use serde_json::Value;

use crate::support::{TENANT, World};

fn submit(world: &World, command: Command) -> Committed {
    world
        .runtime
        .block_on(world.engine.submit(TENANT, Target::NewCustomer("acme"), Operation::new(command)))
        .unwrap()
}

fn wallet(world: &World, overdraft: i64) -> WalletId {
    let made = submit(
        world,
        Command::CreateWallet(CreateWallet {
            conversion_rate: Rate::whole(5),
            topup_conversion_rate: Rate::parse_json("3.333333333333333").unwrap(),
            allowed_price_types: PriceTypes::ALL,
            overdraft_limit: Credits::whole(overdraft),
            ..CreateWallet::new("acme", Currency::parse("usd").unwrap())
        }),
    );
    let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { panic!() };
    wallet.id
}

fn top_up(world: &World, wallet: WalletId, credits: i64) {
    submit(
        world,
        Command::TopUp(TopUp::new(
            wallet,
            Quantity::Credits(Credits::whole(credits)),
            CreditReason::PurchasedCreditDirect,
        )),
    );
}

fn debit(world: &World, credits: i64) -> RowId {
    let charge = Charge { feature: Some("chat".into()), ..Charge::usage() };
    let asked = Asked::Credits(Credits::whole(credits));
    let made = submit(world, Command::Debit(Debit { charge, ..Debit::new(asked) }));
    RowId::new(made.record.facts.at, made.position, made.record.facts.first_row())
}

fn refund(world: &World, row: RowId) {
    submit(world, Command::Refund(Refund { row, credits: None, regrant_days: None, memo: Memo::default() }));
}

fn column<'a>(lines: &'a [Value], name: &str) -> Vec<&'a str> {
    lines.iter().map(|line| line[name].as_str().unwrap_or("null")).collect()
}

fn sum(lines: &[Value], name: &str) -> Money {
    lines.iter().map(|line| Money::parse_json(line[name].as_str().unwrap()).unwrap()).sum()
}

#[test]
fn what_was_paid_for_credits_is_earned_as_they_are_used_and_taken_back_with_them() {
    let world = World::empty();
    let id = wallet(&world, 0);
    // 3 credits for $10.
    top_up(&world, id, 3);
    let debits = [1, 1, 1].map(|credits| debit(&world, credits));
    refund(&world, debits[2]);
    world.look();
    let lines = world.lines("focus");
    assert_eq!(column(&lines, "ChargeCategory"), ["Purchase", "Usage", "Usage", "Usage", "Usage"]);
    assert_eq!(
        column(&lines, "EffectiveCost"),
        ["0", "3.333333333333333", "3.333333333333333", "3.333333333333334", "-3.333333333333334"]
    );
    assert_eq!(column(&lines, "BilledCost"), ["10", "0", "0", "0", "0"]);
    assert_eq!(column(&lines, "ListCost")[1..], ["5", "5", "5", "-5"]);
    assert_eq!(column(&lines, "PricingQuantity"), ["3", "1", "1", "1", "-1"]);
    assert_eq!(column(&lines, "PricingCurrency"), ["USD", "credits", "credits", "credits", "credits"]);
    // What comes back is of the feature that the debit was for.
    assert_eq!(column(&lines, "ResourceId"), ["null", "chat", "chat", "chat", "chat"]);
    assert_eq!(column(&lines, "ChargeClass")[4], "null", "within one billing period it is no correction");
}

/// 2040-01-31T12:00:00Z.
const LAST_OF_JANUARY: Timestamp = Timestamp(2_211_624_000_000_000_000);
/// 2040-02-01T00:00:00Z.
const FEBRUARY: Timestamp = Timestamp(2_211_667_200_000_000_000);

#[test]
fn what_comes_back_in_a_later_month_corrects_also_by_an_invoice_that_is_voided() {
    let world = World::with_a_clock();
    world.move_clock(LAST_OF_JANUARY);
    let id = wallet(&world, 0);
    top_up(&world, id, 30);
    let debits = [1, 1].map(|credits| debit(&world, credits));
    settle(&world, "early");
    refund(&world, debits[0]);
    world.move_clock(FEBRUARY);
    settle(&world, "late");
    refund(&world, debits[1]);
    for invoice in ["early", "late"] {
        submit(&world, Command::VoidInvoice { invoice: invoice.into() });
    }
    world.look();
    let lines = world.lines("focus");
    let told = |line: &Value| {
        ["x_TransactionReason", "ChargeClass"]
            .map(|name| line[name].as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    let back: Vec<_> = lines
        .iter()
        .filter(|line| line["PricingQuantity"].as_str().unwrap().starts_with('-'))
        .map(told)
        .collect();
    assert_eq!(back, ["REFUND -", "REFUND Correction", "REVERSAL Correction", "REVERSAL -"]);
}

fn settle(world: &World, invoice: &str) {
    let line =
        InvoiceLine { id: "a".into(), amount: Money::whole(5), price_type: PriceType::Usage, feature: None };
    let currency = Currency::parse("usd").unwrap();
    submit(world, Command::Settle(Settle { invoice: invoice.into(), currency, lines: vec![line] }));
}

#[test]
fn usage_on_overdraft_costs_what_later_pays_for_it() {
    let world = World::empty();
    let id = wallet(&world, 20);
    debit(&world, 4);
    // 10 credits for $33.33.
    top_up(&world, id, 10);
    debit(&world, 6);
    world.look();
    let lines = world.lines("focus");
    assert_eq!(column(&lines, "ChargeCategory"), ["Usage", "Purchase", "Adjustment", "Usage"]);
    // 4 of the 10 credits pay for what was used before, 6 as they are used.
    assert_eq!(column(&lines, "EffectiveCost"), ["0", "0", "13.332", "19.998"]);
}

#[test]
fn the_rules_of_the_columns_hold_for_whatever_a_ledger_lives_through() {
    let world = World::lived(31, 3_000);
    let lines = world.lines("focus");
    assert!(lines.len() > 1_000, "only {} lines", lines.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for line in &lines {
        obeys(line);
        *seen.entry(line["ChargeCategory"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(seen["Usage"] > 100 && seen["Purchase"] > 10, "{seen:?}");
    // No more is earned than was paid.
    assert!(sum(&lines, "EffectiveCost") <= paid(&world), "more is earned than was paid");
    assert!(sum(&lines, "EffectiveCost").is_positive());
}

/// What was paid for all credit that ever was, whatever the rows say of its worth.
fn paid(world: &World) -> Money {
    let lines = world.lines("moves");
    let made = lines.iter().filter(|line| line["kind"] == "issued" || line["kind"] == "regranted");
    made.map(|line| Money::parse_json(line["paid_share"].as_str().unwrap()).unwrap()).sum()
}

/// FOCUS 1.2, each rule as its column's page says it.
fn obeys(line: &Value) {
    let (category, is_null) = (line["ChargeCategory"].as_str().unwrap(), |name: &str| line[name].is_null());
    let priced = ["Usage", "Purchase"].contains(&category) && is_null("ChargeClass");
    for name in
        ["PricingQuantity", "PricingCategory", "ListUnitPrice", "ContractedUnitPrice", "SkuId", "SkuPriceId"]
    {
        assert!(!priced || !is_null(name), "{name} of {line}");
    }
    assert_eq!(is_null("PricingQuantity"), is_null("PricingUnit"), "{line}");
    assert_eq!(is_null("ConsumedQuantity"), is_null("ConsumedUnit"), "{line}");
    assert!(category == "Usage" || is_null("ConsumedQuantity"), "{line}");
    assert!(category != "Usage" || !is_null("ConsumedQuantity") || !is_null("ChargeClass"), "{line}");
    assert!(category != "Purchase" || line["EffectiveCost"] == "0", "{line}");
    assert!(category != "Purchase" || line["ChargeFrequency"] != "Usage-Based", "{line}");
    assert!(!is_null("ResourceId") || is_null("ResourceType"), "{line}");
    let currency = line["BillingCurrency"].as_str().unwrap();
    assert!(currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()), "{line}");
    let service = line["ServiceCategory"].as_str().unwrap();
    assert!(SERVICE_CATEGORIES.contains(&service), "{line}");
    assert_eq!(line["ServiceSubcategory"], format!("Other ({service})"), "{line}");
    for name in ["BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"] {
        let at = line[name].as_str().unwrap();
        assert!(at.len() == 20 && at.ends_with('Z'), "{name}: YYYY-MM-DDTHH:mm:ssZ: {line}");
    }
    assert!(line["ChargePeriodStart"].as_str() < line["ChargePeriodEnd"].as_str(), "{line}");
    assert!(line["BillingPeriodStart"].as_str() < line["BillingPeriodEnd"].as_str(), "{line}");
}
