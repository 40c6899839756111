//! When a grant's periods begin (SEMANTICS §10, §13).

use super::{Cadence, Grant, Rule, Upcoming};
use crate::calendar::{Anchor, Span, Zone};
use crate::customer::Customer;
use crate::time::Timestamp;

/// Where a grant stands when a customer gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The beginning of period 0.
    pub(crate) anchor: Anchor,
    /// The first period that is minted, and when.
    pub(crate) first: Upcoming,
}

/// The zone in which a grant counts: its subscription's, else the customer's, else the tenant's at enrolment, else UTC.
#[must_use]
pub fn zone_of(customer: &Customer, grant: &Grant) -> Zone {
    let named = grant.zone.as_deref().and_then(Zone::named);
    named.unwrap_or_else(|| Zone::of(customer, grant.fallback_zone.as_deref()))
}

/// Where a grant stands for a customer who is enrolled at `enrolled_at`. `start` is the subscription's own.
///
/// The grant's own start comes first: who is enrolled later enters the period that runs. Without one, boundaries keep the local time of
/// the subscription's start; without that, 00:00 of the day of enrolment, and the first period can be spent from enrolment.
#[must_use]
pub(crate) fn beginning(
    rule: &Rule,
    zone: Zone,
    start: Option<Timestamp>,
    enrolled_at: Timestamp,
) -> Beginning {
    let anchor = match rule.start.or(start) {
        Some(start) => zone.anchor(start),
        None => zone.midnight(enrolled_at),
    };
    Beginning { anchor, first: first(rule, zone, anchor, enrolled_at) }
}

/// The period that runs at enrolment, from then on.
fn first(rule: &Rule, zone: Zone, anchor: Anchor, enrolled_at: Timestamp) -> Upcoming {
    let first = match rule.cadence {
        Cadence::OneTime => Upcoming { period: 0, at: rule.start.unwrap_or(enrolled_at).max(enrolled_at) },
        Cadence::Recurring(span) => {
            let period = running(anchor, zone, span, enrolled_at);
            Upcoming { period, at: zone.boundary(anchor, span, u64::from(period)).max(enrolled_at) }
        }
    };
    ending(rule, first)
}

/// The first period that begins at or after the instant of a change (SEMANTICS §13 "counts from the next period"); of who is enrolled only
/// later, the first of all.
#[must_use]
pub(crate) fn from_change(
    rule: &Rule,
    zone: Zone,
    (anchor, enrolled_at): (Anchor, Timestamp),
    changed_at: Timestamp,
) -> Upcoming {
    if changed_at < enrolled_at {
        return first(rule, zone, anchor, enrolled_at);
    }
    match rule.cadence {
        Cadence::OneTime => {
            ending(rule, Upcoming { period: 0, at: rule.start.unwrap_or(changed_at).max(changed_at) })
        }
        Cadence::Recurring(span) => {
            let mut period = running(anchor, zone, span, changed_at);
            let mut at = zone.boundary(anchor, span, u64::from(period));
            if at < changed_at {
                period = period.saturating_add(1);
                at = zone.boundary(anchor, span, u64::from(period));
            }
            ending(rule, Upcoming { period, at })
        }
    }
}

/// The period after the one that is minted now, as boundaries go in `zone`. A zone that changed meanwhile may put it before the one that is
/// minted: then it is the first one after that.
pub(crate) fn next_period(grant: &Grant, zone: Zone) -> Upcoming {
    let Upcoming { period, at } = grant.next;
    let Cadence::Recurring(span) = grant.rule.cadence else {
        return Upcoming { period: period.saturating_add(1), at: Timestamp::MAX };
    };
    let mut next = Upcoming { period, at };
    while next.at <= at && next.at < Timestamp::MAX {
        next.period = next.period.saturating_add(1);
        next.at = zone.boundary(grant.anchor, span, u64::from(next.period));
    }
    next
}

/// When the next period of a grant ends, as boundaries go now.
#[must_use]
pub fn next_end(customer: &Customer, grant: &Grant) -> Timestamp {
    next_period(grant, zone_of(customer, grant)).at
}

/// Nothing begins at or after the rule's end.
pub(crate) fn ending(rule: &Rule, next: Upcoming) -> Upcoming {
    let over = rule.end.is_some_and(|end| next.at >= end);
    if over { Upcoming { at: Timestamp::MAX, ..next } } else { next }
}

/// The index of the period that runs at an instant; 0 for a grant that is for once.
pub(crate) fn index_at(rule: &Rule, zone: Zone, anchor: Anchor, at: Timestamp) -> u32 {
    match rule.cadence {
        Cadence::OneTime => 0,
        Cadence::Recurring(span) => running(anchor, zone, span, at),
    }
}

/// The index of the period that runs at an instant; 0 before the first.
fn running(anchor: Anchor, zone: Zone, span: Span, at: Timestamp) -> u32 {
    let begins = |period: u32| zone.boundary(anchor, span, u64::from(period));
    // Doubling, then halving: periods may be hours of many years.
    let mut above: u32 = 1;
    while begins(above) <= at && above < u32::MAX / 2 {
        above *= 2;
    }
    let mut below = 0;
    while below + 1 < above {
        let middle = below + (above - below) / 2;
        if begins(middle) <= at { below = middle } else { above = middle }
    }
    below
}
