//! Rate cards: which one counts, what its tiers add up to, what cannot be set.

use super::ask;
use crate::amount::{Credits, Rate, Usage};
use crate::catalog::rate_card::{Tier, price};
use crate::catalog::tenant::{RateCardAsked, Tenant, TenantCommand, TenantContext, TenantEffect, decide};
use crate::command::{Metadata, Metered};
use crate::ids::{RateCardId, TenantNumber};
use crate::limits::TenantLimits;
use crate::refusal::Refusal;
use crate::testing::{credits, second};

fn tier(up_to: Option<&str>, per_unit: &str) -> Tier {
    Tier {
        up_to: up_to.map(|text| Usage::parse_json(text).unwrap()),
        credits_per_unit: Rate::parse_json(per_unit).unwrap(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

/// One price for every token, from the beginning of the tests' time.
fn flat(per_unit: &str) -> RateCardAsked {
    RateCardAsked {
        meter: "tokens".into(),
        quantity_property: None,
        valid_from: Some(second(0)),
        valid_to: None,
        filters: Vec::new(),
        tiers: vec![tier(None, per_unit)],
        minimum: Credits::ZERO,
    }
}

fn tokens(quantity: &str, properties: &[(&str, &str)]) -> Metered {
    Metered {
        meter: "tokens".into(),
        quantity: Usage::parse_json(quantity).unwrap(),
        properties: pairs(properties),
    }
}

fn tenant() -> Tenant {
    let mut tenant = Tenant::new(TenantNumber(3));
    ask(&mut tenant, &TenantCommand::Create { name: "acme".into(), test_mode: false }).unwrap();
    tenant
}

fn set(tenant: &mut Tenant, id: Option<RateCardId>, card: RateCardAsked) -> Result<RateCardId, Refusal> {
    let effect = ask(tenant, &TenantCommand::SetRateCard { id, card })?;
    let TenantEffect::RateCardSet(card) = effect else { panic!("{effect:?}") };
    Ok(card.id)
}

/// What so many tokens cost under this card alone.
fn cost(card: RateCardAsked, quantity: &str) -> String {
    let mut tenant = tenant();
    set(&mut tenant, None, card).unwrap();
    price(&tenant.rate_cards, &tokens(quantity, &[]), second(1)).unwrap().unwrap().credits.to_string()
}

#[test]
fn each_tier_prices_its_own_part_of_one_event() {
    let tiers = vec![tier(Some("10"), "2"), tier(Some("100"), "1"), tier(None, "0.5")];
    let card = || RateCardAsked { tiers: tiers.clone(), ..flat("1") };
    assert_eq!(cost(card(), "4"), "8");
    assert_eq!(cost(card(), "10"), "20");
    assert_eq!(cost(card(), "10.5"), "20.5");
    assert_eq!(cost(card(), "100"), "110");
    assert_eq!(cost(card(), "300"), "210");
    let closed = RateCardAsked { tiers: tiers[..2].to_vec(), ..flat("1") };
    assert_eq!(cost(closed, "300"), "310", "usage beyond the last tier costs as the last one does");
}

#[test]
fn the_sum_of_the_tiers_is_rounded_up_once() {
    let third = "0.333333333333333";
    let card = RateCardAsked { tiers: vec![tier(Some("0.5"), third), tier(None, third)], ..flat("1") };
    assert_eq!(cost(card, "1"), third, "each half rounded for itself would be one unit more");
    assert_eq!(
        cost(flat("0.000000000000001"), "0.000000000000001"),
        "0.000000000000001",
        "never for nothing"
    );
    assert_eq!(cost(flat("0"), "7"), "0");
}

#[test]
fn a_minimum_counts_for_any_usage() {
    let card = || RateCardAsked { minimum: credits("3"), ..flat("1") };
    assert_eq!(cost(card(), "0.001"), "3");
    assert_eq!(cost(card(), "3.5"), "3.5");
}

#[test]
fn the_most_filters_win_then_the_latest_start_then_the_latest_made() {
    let mut tenant = tenant();
    let small = |per_unit: &str, filters: &[(&str, &str)]| RateCardAsked {
        filters: pairs(filters),
        ..flat(per_unit)
    };
    let later = RateCardAsked { valid_from: Some(second(100)), ..flat("2") };
    for card in [
        small("4", &[("model", "large"), ("region", "eu")]),
        small("3", &[("model", "large")]),
        later,
        flat("1"),
        flat("1.5"),
        RateCardAsked { meter: "images".into(), ..flat("9") },
    ] {
        set(&mut tenant, None, card).unwrap();
    }
    let cost = |properties: &[(&str, &str)], at| {
        let priced = price(&tenant.rate_cards, &tokens("1", properties), second(at)).unwrap();
        priced.map(|priced| priced.credits.to_string())
    };
    let both = [("model", "large"), ("other", "x"), ("region", "eu")];
    assert_eq!(cost(&both, 200).as_deref(), Some("4"), "whatever starts later");
    assert_eq!(cost(&[("model", "large"), ("region", "us")], 200).as_deref(), Some("3"));
    assert_eq!(cost(&[("model", "small")], 200).as_deref(), Some("2"));
    assert_eq!(cost(&[], 99).as_deref(), Some("1.5"), "the later one counts from its own start");
    assert_eq!(price(&tenant.rate_cards, &tokens("1", &[]), crate::time::Timestamp(0)), Ok(None));
}

#[test]
fn a_card_counts_from_its_start_until_its_end() {
    let mut tenant = tenant();
    let card = RateCardAsked { valid_from: Some(second(10)), valid_to: Some(second(20)), ..flat("1") };
    set(&mut tenant, None, card).unwrap();
    for (at, fits) in [(9, false), (10, true), (19, true), (20, false)] {
        let priced = price(&tenant.rate_cards, &tokens("1", &[]), second(at)).unwrap();
        assert_eq!(priced.is_some(), fits, "{at}");
    }
}

#[test]
fn a_price_has_limits_and_a_quantity_is_more_than_nothing() {
    let mut tenant = tenant();
    set(&mut tenant, None, flat("1000000")).unwrap();
    let price = |quantity| price(&tenant.rate_cards, &tokens(quantity, &[]), second(1));
    assert_eq!(price("0"), Err(Refusal::AmountInvalid("a quantity must be more than 0")));
    assert_eq!(price("-1"), Err(Refusal::AmountInvalid("a quantity must be more than 0")));
    assert_eq!(price("1000000"), Err(Refusal::AmountOverflow("the price")));
    assert!(price("999999").unwrap().is_some());
}

#[test]
fn from_now_on_is_by_the_clock_of_a_tenant_that_has_one() {
    let mut sandbox = Tenant::new(TenantNumber(4));
    ask(&mut sandbox, &TenantCommand::Create { name: "sandbox".into(), test_mode: true }).unwrap();
    ask(&mut sandbox, &TenantCommand::MoveClock(second(900))).unwrap();
    set(&mut sandbox, None, RateCardAsked { valid_from: None, ..flat("1") }).unwrap();
    assert_eq!(sandbox.rate_cards[0].valid_from, second(900));
    let over = RateCardAsked { valid_from: None, valid_to: Some(second(900)), ..flat("1") };
    assert!(set(&mut sandbox, None, over).is_err(), "it would end before it begins");
}

#[test]
fn a_card_is_made_replaced_and_removed() {
    let mut tenant = tenant();
    let first = set(&mut tenant, None, RateCardAsked { valid_from: None, ..flat("1") }).unwrap();
    let second_card = set(&mut tenant, None, flat("2")).unwrap();
    assert!(first < second_card);
    assert_eq!((tenant.rate_cards[0].valid_from, tenant.rate_cards[0].version), (second(1), 1), "from now");
    assert_eq!(set(&mut tenant, Some(first), flat("3")), Ok(first));
    assert_eq!((tenant.rate_cards[0].version, tenant.rate_cards.len()), (2, 2));
    ask(&mut tenant, &TenantCommand::DeleteRateCard(first)).unwrap();
    let unknown = Refusal::NotFound("rate card");
    assert_eq!(ask(&mut tenant, &TenantCommand::DeleteRateCard(first)), Err(unknown.clone()));
    assert_eq!(set(&mut tenant, Some(first), flat("3")), Err(unknown));
    let third = set(&mut tenant, None, flat("4")).unwrap();
    assert!(third > second_card, "an id is never given twice");
}

#[test]
fn what_makes_no_sense_cannot_be_set() {
    let mut tenant = tenant();
    let mut refused = |change: fn(&mut RateCardAsked)| {
        let mut card = flat("1");
        change(&mut card);
        set(&mut tenant, None, card).unwrap_err()
    };
    let invalid = |field, problem| Refusal::Invalid { field, problem };
    let rise = invalid("tiers", "up_to must rise, from more than 0");
    assert_eq!(refused(|card| card.tiers.clear()), invalid("tiers", "must have at least one"));
    assert_eq!(refused(|card| card.tiers = vec![tier(Some("0"), "1")]), rise);
    assert_eq!(refused(|card| card.tiers = vec![tier(Some("5"), "1"), tier(Some("5"), "1")]), rise);
    assert_eq!(
        refused(|card| card.tiers = vec![tier(None, "1"), tier(None, "1")]),
        invalid("tiers", "only the last can go without up_to")
    );
    assert_eq!(
        refused(|card| card.tiers = vec![tier(None, "-1")]),
        Refusal::AmountInvalid("credits_per_unit must be 0 or more")
    );
    assert_eq!(
        refused(|card| card.minimum = credits("-1")),
        Refusal::AmountInvalid("a minimum must be 0 or more")
    );
    assert_eq!(
        refused(|card| card.valid_to = card.valid_from),
        invalid("valid_to", "is not after valid_from")
    );
}

#[test]
fn cards_and_tiers_have_limits() {
    let limits = TenantLimits { rate_cards_max: 1, tiers_max: 2, ..TenantLimits::default() };
    let context = TenantContext { now: second(1), limits: &limits };
    let mut tenant = tenant();
    let set_card = |card| TenantCommand::SetRateCard { id: None, card };
    let tiers = vec![tier(Some("1"), "1"), tier(Some("2"), "1"), tier(None, "1")];
    let too_many = decide(&tenant, &set_card(RateCardAsked { tiers, ..flat("1") }), &context);
    assert_eq!(too_many, Err(Refusal::LimitReached { limit: "tiers_max", max: 2 }));
    let id = set(&mut tenant, None, flat("1")).unwrap();
    let full = decide(&tenant, &set_card(flat("1")), &context);
    assert_eq!(full, Err(Refusal::LimitReached { limit: "rate_cards_max", max: 1 }));
    let replaced = TenantCommand::SetRateCard { id: Some(id), card: flat("2") };
    decide(&tenant, &replaced, &context).unwrap();
}
