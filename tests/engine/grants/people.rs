//! Plans, and customers who come to grants by every way there is: a plan, a subscription, a wallet, or for themselves.

use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::command::{CreateGrant, GrantFor, Metadata, Subscribe};
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;

use super::calendar::Place;
use super::expected::Given;
use crate::program::Random;
use crate::support::{S, START};

const DAY: u64 = 86_400 * S;
const ONE: i128 = coffer_ledger::amount::ONE;

/// A customer of the test.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) way: Way,
    /// What it was granted, with the ledger's key of it: known once it has come.
    pub(crate) given: Vec<(coffer_ledger::grant::GrantKey, Given)>,
    /// Whether it spends what it has. Then nothing of that ever ends, so that it does not matter what of it was spent.
    pub(crate) spends: bool,
    pub(crate) spent: i128,
}

/// How it comes to its grants.
pub(crate) enum Way {
    /// All of a plan's.
    Plan(usize),
    /// One of its own, for a subscription to a plan that has none.
    Subscription(Rule),
    /// One of its own, for a wallet.
    Wallet(Rule),
    /// One of its own.
    Customer(Rule),
}

pub(crate) fn every(unit: SpanUnit, count: u32) -> Cadence {
    Cadence::Recurring(Span { unit, count })
}

fn days(count: u64) -> Life {
    Life::After(Span { unit: SpanUnit::Day, count: u32::try_from(count).unwrap() })
}

pub(crate) fn rule(credits: i128, cadence: Cadence, life: Life) -> Rule {
    Rule { currency: Some(Currency(*b"usd")), life, ..Rule::new(Credits(credits), cadence) }
}

fn half_of_it(cap: i128, life: Life) -> Option<Rollover> {
    Some(Rollover { share: Rate::parse_json("0.5").unwrap(), cap: Some(Credits(cap)), life })
}

/// The plans, by number, and the grants of each.
pub(crate) fn plans() -> Vec<Vec<Rule>> {
    let monthly = every(SpanUnit::Month, 1);
    let long_ago = Some(Timestamp(START.0 - 200 * DAY - 12_345 * S));
    vec![
        vec![rule(50_000 * ONE, monthly, days(30))],
        vec![Rule {
            rollover: half_of_it(30 * ONE, Life::Period),
            ..rule(333 * ONE + 1, every(SpanUnit::Week, 1), Life::Period)
        }],
        vec![Rule { start: long_ago, prorated: true, ..rule(100 * ONE, monthly, Life::Never) }],
        vec![rule(24 * ONE, every(SpanUnit::Day, 1), Life::Period), rule(7 * ONE, Cadence::OneTime, days(9))],
        vec![
            rule(1_000 * ONE, every(SpanUnit::Quarter, 1), Life::Never),
            rule(2_000 * ONE, every(SpanUnit::HalfYear, 1), Life::Never),
            rule(4_000 * ONE, every(SpanUnit::Year, 1), Life::Never),
        ],
        vec![Rule {
            rollover: half_of_it(ONE, days(2)),
            ..rule(5 * ONE / 7, every(SpanUnit::Hour, 36), Life::Period)
        }],
    ]
}

/// Plans of which nothing ever ends.
const LASTING: [usize; 2] = [2, 4];

pub(crate) fn plan_name(plan: usize) -> Box<str> {
    format!("plan-{plan}").into()
}

pub(crate) fn template(plan: usize, rule: &Rule) -> PlanGrantAsked {
    PlanGrantAsked {
        kind: PlanKind::Plan,
        plan: plan_name(plan),
        name: "of a plan".into(),
        metadata: Metadata::new(),
        rule: rule.clone(),
    }
}

/// Customers with so many grants between them.
pub(crate) fn people(grants: usize, random: &mut Random) -> Vec<Person> {
    let sizes: Vec<usize> = plans().iter().map(Vec::len).collect();
    let (mut people, mut made) = (Vec::new(), 0);
    while made < grants {
        let number = people.len();
        let way = match number % 5 {
            0 | 1 => Way::Plan(usize::try_from(random.below(6)).unwrap()),
            // Once the shortest period there is, however few grants there are.
            2 => Way::Customer(own_rule(if number == 2 { 0 } else { random.below(1_000) }, random)),
            3 => Way::Wallet(own_rule(random.below(1_000), random)),
            _ => Way::Subscription(own_rule(random.below(1_000), random)),
        };
        made += if let Way::Plan(plan) = way { sizes[plan] } else { 1 };
        let lasts = match &way {
            Way::Plan(plan) => LASTING.contains(plan),
            Way::Subscription(rule) | Way::Wallet(rule) | Way::Customer(rule) => rule.life == Life::Never,
        };
        people.push(Person { name: format!("c{number}"), way, given: Vec::new(), spends: lasts, spent: 0 });
    }
    people
}

/// Below the default of `grant_periods_past_max`.
const PERIODS_LATE_MAX: u64 = 900;

/// Hours are rare, months common.
fn own_rule(lot: u64, random: &mut Random) -> Rule {
    let (unit, count) = match lot {
        0..2 => (SpanUnit::Hour, 1),
        2..12 => (SpanUnit::Hour, 7),
        12..40 => (SpanUnit::Day, 1),
        40..200 => (SpanUnit::Week, 1),
        200..700 => (SpanUnit::Month, 1),
        700..780 => (SpanUnit::Month, 2),
        780..860 => (SpanUnit::Quarter, 1),
        860..930 => (SpanUnit::HalfYear, 1),
        _ => (SpanUnit::Year, 1),
    };
    let is_short = matches!(unit, SpanUnit::Hour | SpanUnit::Day);
    let life = match random.below(4) {
        0 if !is_short => Life::Never,
        1 => days(1 + random.below(if is_short { 2 } else { 60 })),
        _ => Life::Period,
    };
    let credits = i128::from(1 + random.below(5_000_000)) * (ONE / 1_000) + i128::from(random.below(3));
    let mut made = rule(credits, every(unit, count), life);
    if life == Life::Period && random.below(2) == 0 {
        let after = [Life::Period, Life::Never, days(40)][usize::try_from(random.below(3)).unwrap()];
        let after = if is_short { Life::Period } else { after };
        made.rollover = half_of_it(i128::from(1 + random.below(3_000)) * ONE, after);
    }
    if random.below(2) == 0 {
        let earliest = START.0 - if is_short { 3 * DAY } else { 40 * DAY };
        made.start = Some(Timestamp(earliest + random.below(300 * 86_400) * S));
    }
    // Every hour of some weeks is enough.
    let is_hourly = made.cadence == every(SpanUnit::Hour, 1);
    if is_hourly {
        made.end = Some(Timestamp(made.start.map_or(START.0, |start| start.0) + 90 * DAY));
    } else if random.below(8) == 0 {
        let from = made.start.map_or(START.0 + 300 * DAY, |start| start.0);
        made.end = Some(Timestamp(from + DAY + random.below(300 * 86_400) * S));
    }
    made
}

/// The rule as it may be asked for at this instant: not so many hours late that it is refused (`grant_periods_past_max`).
pub(crate) fn in_time(mut rule: Rule, now: Timestamp) -> Rule {
    let Cadence::Recurring(Span { unit: SpanUnit::Hour, count }) = rule.cadence else { return rule };
    let earliest = Timestamp(now.0 - PERIODS_LATE_MAX * u64::from(count) * 3_600 * S);
    if let Some(start) = rule.start.filter(|start| *start < earliest) {
        let later = Timestamp(earliest.0.div_ceil(S) * S);
        rule.end = rule.end.map(|end| Timestamp(end.0 + (later.0 - start.0)));
        rule.start = Some(later);
    }
    rule
}

/// A zone of its own, or none: then the tenant's counts.
pub(crate) fn zone(random: &mut Random) -> (Option<Box<str>>, Place) {
    match usize::try_from(random.below(6)).unwrap() {
        5 => (None, super::TENANTS_PLACE),
        at => (Some(Place::ALL[at].name().into()), Place::ALL[at]),
    }
}

pub(crate) fn subscribe(
    name: &str,
    plan: Box<str>,
    start: Option<Timestamp>,
    zone: Option<Box<str>>,
) -> Subscribe {
    Subscribe { customer: name.into(), id: Some(format!("sub-{name}").into()), plan, start, zone }
}

pub(crate) fn grant(of: GrantFor, rule: Rule, zone: Option<Box<str>>) -> CreateGrant {
    CreateGrant { zone, ..CreateGrant::new(of, "own", rule) }
}
