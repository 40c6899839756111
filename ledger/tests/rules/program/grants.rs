//! Random grants, plans that are entered and left, and customers who move to another time zone.

use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrant, PlanKind};
use coffer_ledger::command::{Command, CreateGrant, GrantChange, GrantFor, Subscribe, UpdateGrant};
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::ids::{GrantId, TenantNumber, ThingId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::PriceUnit;

use super::{AMOUNTS, Dice, ONE, PRIORITIES, USD, profile, scope, wallet};
use crate::harness::{DAWN, World};

const HOUR: u64 = 3_600_000_000_000;
const CADENCES: [Cadence; 8] = [
    every(SpanUnit::Hour, 1),
    every(SpanUnit::Hour, 11),
    every(SpanUnit::Hour, 30),
    every(SpanUnit::Day, 1),
    every(SpanUnit::Day, 1),
    every(SpanUnit::Month, 1),
    every(SpanUnit::Week, 2),
    Cadence::OneTime,
];
const LIVES: [Life; 6] = [
    Life::Period,
    Life::Period,
    Life::Never,
    Life::After(Span { unit: SpanUnit::Hour, count: 2 }),
    Life::After(Span { unit: SpanUnit::Day, count: 1 }),
    Life::After(Span { unit: SpanUnit::Month, count: 1 }),
];
const SHARES: [i128; 5] = [ONE / 2, ONE, 333_333_333_333_333, 0, 2 * ONE];

const fn every(unit: SpanUnit, count: u32) -> Cadence {
    Cadence::Recurring(Span { unit, count })
}

/// What the tenant's two plans give: nobody changes them.
pub(super) fn plans() -> Vec<PlanGrant> {
    let half_daily = Rule {
        cadence: every(SpanUnit::Hour, 12),
        life: Life::Period,
        rollover: Some(Rollover { share: Rate(ONE / 2), cap: Some(Credits(3 * ONE)), life: Life::Period }),
        ..plain(10 * ONE)
    };
    let daily = Rule { cadence: every(SpanUnit::Day, 1), prorated: true, ..plain(7 * ONE) };
    let welcome = Rule { start: Some(Timestamp(DAWN.0 + 2 * HOUR)), ..plain(5 * ONE) };
    let grants = [("basic", half_daily), ("basic", welcome), ("plus", daily)];
    let before = Timestamp(DAWN.0 - HOUR);
    let grant = |(number, (plan, rule)): (u64, (&str, Rule))| PlanGrant {
        id: GrantId::of_tenant(before, TenantNumber(3), number),
        kind: PlanKind::Plan,
        plan: plan.into(),
        name: "grant".into(),
        metadata: Vec::new(),
        rule,
        created_at: before,
        changed_at: before,
        deleted: false,
        version: number + 1,
    };
    (0..).zip(grants).map(grant).collect()
}

fn plain(credits: i128) -> Rule {
    Rule::new(Credits(credits), Cadence::OneTime)
}

pub(super) fn command(world: &World, dice: &mut Dice) -> Command {
    match dice.below(16) {
        0..=4 => Command::CreateGrant(Box::new(create(world, dice))),
        5..=7 => Command::Subscribe(Box::new(subscribe(world, dice))),
        8..=9 => {
            Command::Unsubscribe { subscription: subscription(world, dice), void_remaining: dice.once_in(2) }
        }
        10..=12 => Command::UpdateGrant(Box::new(UpdateGrant {
            id: grant(world, dice),
            change: GrantChange {
                credits: dice.once_in(2).then(|| dice.credits(&AMOUNTS)),
                priority: dice.once_in(3).then(|| dice.of(&PRIORITIES)),
                end: dice.once_in(2).then(|| near(world, dice)),
                ..GrantChange::default()
            },
        })),
        13..=14 => Command::DeleteGrant {
            id: grant(world, dice),
            effective_at: dice.once_in(3).then(|| near(world, dice)),
            void_remaining: dice.once_in(2),
        },
        _ => Command::UpdateCustomer { profile: profile(dice) },
    }
}

/// Some hours before or after now.
fn near(world: &World, dice: &mut Dice) -> Timestamp {
    Timestamp(world.now.0 + u64::from(dice.below(40)) * HOUR - 6 * HOUR)
}

fn zone(dice: &mut Dice) -> Option<Box<str>> {
    dice.of(&[None, None, Some("UTC"), Some("Asia/Singapore")]).map(Into::into)
}

fn create(world: &World, dice: &mut Dice) -> CreateGrant {
    let of = match dice.below(4) {
        0 | 1 => GrantFor::Customer,
        2 => GrantFor::Wallet(wallet(world, dice)),
        _ => GrantFor::Subscription(subscription(world, dice)),
    };
    CreateGrant {
        wallet: dice.once_in(6).then(|| wallet(world, dice)),
        zone: zone(dice),
        ..CreateGrant::new(of, "own", rule(world, dice))
    }
}

fn rule(world: &World, dice: &mut Dice) -> Rule {
    let rolls_over = dice.once_in(3);
    let cadence = dice.of(&CADENCES);
    // Mostly what fits together.
    let is_odd = dice.once_in(16);
    let life = match (cadence, rolls_over) {
        (Cadence::OneTime, _) if !is_odd => Life::Never,
        (_, true) if !is_odd => Life::Period,
        _ => dice.of(&LIVES),
    };
    let rollover = (rolls_over && (cadence != Cadence::OneTime || is_odd)).then(|| Rollover {
        share: Rate(dice.of(&SHARES)),
        cap: dice.once_in(2).then(|| dice.credits(&AMOUNTS)),
        life: dice.of(&LIVES),
    });
    Rule {
        credits: dice.credits(&AMOUNTS),
        currency: dice.once_in(2).then_some(if dice.once_in(4) { super::OTHER_CURRENCIES[0] } else { USD }),
        price_unit: dice.once_in(16).then(|| PriceUnit("tokens".into())),
        cadence,
        start: dice.once_in(3).then(|| near(world, dice)),
        // Hours are many.
        end: (cadence == CADENCES[0] || dice.once_in(4)).then(|| near(world, dice)),
        life,
        rollover,
        prorated: dice.once_in(3),
        priority: dice.once_in(3).then(|| dice.of(&PRIORITIES)),
        scope: dice.once_in(3).then(|| scope(dice)),
        conversion_rate: dice.once_in(4).then(|| dice.rate()),
        topup_conversion_rate: dice.once_in(4).then(|| dice.rate()),
    }
}

fn subscribe(world: &World, dice: &mut Dice) -> Subscribe {
    Subscribe {
        customer: "acme".into(),
        id: dice.once_in(2).then(|| dice.of(&["first", "second", "third"]).into()),
        plan: dice.of(&["basic", "plus", "empty"]).into(),
        start: dice.once_in(3).then(|| near(world, dice)),
        zone: zone(dice),
    }
}

/// The name of one of the customer's subscriptions; now and then one that it does not have.
fn subscription(world: &World, dice: &mut Dice) -> Box<str> {
    let all: Vec<_> = world.customer.grants.subscriptions.values().collect();
    let roll = usize::from(dice.below(32));
    if all.is_empty() || roll == 31 { "nobody's".into() } else { all[roll % all.len()].name.clone() }
}

/// One of the customer's own grants; now and then another.
fn grant(world: &World, dice: &mut Dice) -> GrantId {
    let own: Vec<_> = world.customer.grants.iter().filter(|grant| !grant.key.grant.is_template()).collect();
    let roll = usize::from(dice.below(32));
    let nobodys = || GrantId(ThingId::new(DAWN, world.customer.number, (1 << 38) - 1));
    if own.is_empty() || roll == 31 { nobodys() } else { own[roll % own.len()].key.grant }
}
