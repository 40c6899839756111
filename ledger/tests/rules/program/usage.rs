//! Random budgets, metered debits and events, and the rate cards that price them.

use coffer_ledger::amount::{Credits, Rate, Usage};
use coffer_ledger::budget::Window;
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::command::{Command, Event, Metadata, Metered, SetBudget};
use coffer_ledger::ids::{RateCardId, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::PriceUnit;

use super::{AMOUNTS, Dice, ONE, charge};
use crate::harness::{DAWN, World};

const NAMES: [&str; 5] = ["org", "team", "alice", "bob", "key"];
const SECOND: u64 = 1_000_000_000;

pub(crate) fn command(world: &World, dice: &mut Dice) -> Command {
    match dice.below(16) {
        0..=6 => Command::SetBudget(set_budget(world, dice)),
        7 => Command::DeleteBudget(budget_name(world, dice)),
        8 => Command::ResetBudget(budget_name(world, dice)),
        _ => Command::Event(Box::new(event(world, dice))),
    }
}

fn set_budget(world: &World, dice: &mut Dice) -> SetBudget {
    let name = dice.of(&NAMES);
    let is_there = world.customer.budgets.contains_key(name);
    let windows = dice.below(4);
    SetBudget {
        id: (!dice.once_in(16)).then(|| name.into()),
        create: is_there == dice.once_in(12),
        parent: (dice.once_in(2) && !world.customer.budgets.is_empty()).then(|| budget_name(world, dice)),
        currency: if dice.once_in(12) { dice.currency() } else { super::USD },
        price_unit: dice.once_in(32).then(|| PriceUnit("tokens".into())),
        limits: (0..windows).map(|_| (dice.of(&Window::ALL), limit(dice))).collect(),
    }
}

fn limit(dice: &mut Dice) -> Credits {
    if dice.once_in(12) { Credits(0) } else { Credits(dice.credits(&AMOUNTS).0 * 4) }
}

/// The budget of one charge in two, where there are any.
pub(crate) fn budget(world: &World, dice: &mut Dice) -> Option<Box<str>> {
    let seldom = if world.customer.budgets.is_empty() { 48 } else { 2 };
    dice.once_in(seldom).then(|| budget_name(world, dice))
}

/// Mostly a budget that is there.
pub(crate) fn budget_name(world: &World, dice: &mut Dice) -> Box<str> {
    let there: Vec<&str> = world.customer.budgets.keys().map(|name| &**name).collect();
    let roll = usize::from(dice.below(16));
    if roll == 15 || there.is_empty() { dice.of(&NAMES).into() } else { there[roll % there.len()].into() }
}

pub(crate) fn metered(dice: &mut Dice) -> Metered {
    let properties: Metadata =
        dice.once_in(2).then(|| ("model".into(), dice.of(&["large", "small"]).into())).into_iter().collect();
    Metered {
        meter: dice.of(&["tokens", "tokens", "tokens", "calls", "nothing"]).into(),
        quantity: Usage(dice.credits(&AMOUNTS).0),
        properties,
    }
}

fn event(world: &World, dice: &mut Dice) -> Event {
    let now = world.now.0;
    let timestamp = match dice.below(16) {
        12 => now + 300 * SECOND,
        13 => now + 300 * SECOND + 1,
        14 => now - 35 * 86_400 * SECOND,
        15 => now - 35 * 86_400 * SECOND - 1,
        roll => now - u64::from(roll) * 10,
    };
    Event {
        customer: "acme".into(),
        source: "gateway".into(),
        id: "evt-1".into(),
        timestamp: Timestamp(timestamp),
        metered: metered(dice),
        charge: charge(world, dice, false),
    }
}

/// Tokens in two tiers, at a price of their own for a large model, cheaper from soon after the beginning on; calls for nothing.
pub(crate) fn cards() -> Vec<RateCard> {
    let tier =
        |up_to: Option<i128>, rate: i128| Tier { up_to: up_to.map(Usage), credits_per_unit: Rate(rate) };
    let card = |number: u64, meter: &str, tiers: Vec<Tier>| RateCard {
        id: RateCardId::new(DAWN, TenantNumber(3), number),
        version: 1,
        meter: meter.into(),
        quantity_property: None,
        valid_from: Timestamp(DAWN.0 - SECOND),
        valid_to: None,
        filters: Metadata::new(),
        tiers,
        minimum: Credits(0),
    };
    let tokens = || card(0, "tokens", vec![tier(Some(5 * ONE), ONE / 3), tier(None, ONE / 10)]);
    let large = RateCard {
        filters: vec![("model".into(), "large".into())],
        minimum: Credits(ONE + ONE / 2),
        ..card(1, "tokens", vec![tier(Some(ONE), ONE), tier(Some(2 * ONE), 2 * ONE)])
    };
    let soon = RateCard {
        valid_from: Timestamp(DAWN.0 + 40),
        valid_to: Some(Timestamp(DAWN.0 + 2 * SECOND)),
        ..card(2, "tokens", vec![tier(None, 7)])
    };
    vec![tokens(), large, soon, card(3, "calls", vec![tier(None, 0)])]
}
