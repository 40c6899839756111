//! Rate cards: what usage of a meter costs in credits (SEMANTICS §19).
//!
//! A card is found and a price computed at every debit by meter, hold by meter and event; cards change rarely, by commands of the tenant.
//! A price is the exact sum of its tiers' products, rounded up once. Tested in `catalog/tests/rate_card.rs`, the arithmetic against
//! big rationals in `tests/amounts.rs`.

use crate::amount::wide::ExactCredits;
use crate::amount::{Credits, Rate, Usage};
use crate::catalog::tenant::{RateCardAsked, Tenant, TenantContext, limit_reached};
use crate::command::{Metadata, Metered};
use crate::fact::Priced;
use crate::ids::RateCardId;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A price for some of the usage, counted within one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Up to so much; `None` = everything beyond the tier before.
    pub up_to: Option<Usage>,
    /// Credits per unit; ≥ 0.
    pub credits_per_unit: Rate,
}

/// What usage of a meter costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateCard {
    /// Its id.
    pub id: RateCardId,
    /// How often it was set, from 1.
    pub version: u64,
    /// Which meter.
    pub meter: Box<str>,
    /// The property of an event that says how much was used; `None` = `quantity`, else 1 per event.
    pub quantity_property: Option<Box<str>>,
    /// First instant at which it counts.
    pub valid_from: Timestamp,
    /// First instant at which it does not any more; `None` = for ever.
    pub valid_to: Option<Timestamp>,
    /// Properties that the usage must have, sorted by name.
    pub filters: Metadata,
    /// In rising order of `up_to`; the last has none, or usage beyond it costs as the last one does.
    pub tiers: Vec<Tier>,
    /// At least so much for any usage; ≥ 0.
    pub minimum: Credits,
}

/// What usage costs at an instant, by the [`best`] card; `None` = no card fits.
///
/// # Errors
/// [`Refusal::AmountInvalid`] if the quantity is not more than 0; [`Refusal::AmountOverflow`] if the price leaves 12 integer digits.
pub fn price(cards: &[RateCard], metered: &Metered, at: Timestamp) -> Result<Option<Priced>, Refusal> {
    if !metered.quantity.is_positive() {
        return Err(Refusal::AmountInvalid("a quantity must be more than 0"));
    }
    if !metered.quantity.is_in_range() {
        return Err(Refusal::AmountOverflow("the quantity"));
    }
    let priced = best(cards, &metered.meter, &metered.properties, at).map(|card| {
        let credits = card.price_of(metered.quantity).ok_or(Refusal::AmountOverflow("the price"))?;
        Ok(Priced { card: card.id, version: card.version, credits })
    });
    priced.transpose()
}

/// The card that prices usage of a meter with these properties at an instant: the most filters, then the latest `valid_from`, then the
/// latest made.
#[must_use]
pub fn best<'a>(
    cards: &'a [RateCard],
    meter: &str,
    properties: &[(Box<str>, Box<str>)],
    at: Timestamp,
) -> Option<&'a RateCard> {
    // Cards are kept in the order in which they were made: of equals the last one wins.
    let fitting = cards.iter().filter(|card| card.fits(meter, properties, at));
    fitting.max_by_key(|card| (card.filters.len(), card.valid_from))
}

impl RateCard {
    fn fits(&self, meter: &str, properties: &[(Box<str>, Box<str>)], at: Timestamp) -> bool {
        *self.meter == *meter
            && self.valid_from <= at
            && self.valid_to.is_none_or(|end| at < end)
            && self.filters.iter().all(|filter| properties.contains(filter))
    }

    /// Each tier prices its part; the sum is rounded up once. `None` if it has more than 12 integer digits.
    fn price_of(&self, quantity: Usage) -> Option<Credits> {
        let (mut price, mut below) = (ExactCredits::ZERO, Usage::ZERO);
        for (index, tier) in self.tiers.iter().enumerate() {
            let is_last = index + 1 == self.tiers.len();
            let up_to = tier.up_to.filter(|_| !is_last).map_or(quantity, |up_to| up_to.min(quantity));
            price = price.plus(ExactCredits::of_usage(up_to - below, tier.credits_per_unit));
            below = up_to;
        }
        price.credits_up().map(|credits| credits.max(self.minimum))
    }
}

/// Decides what a rate card says from now on: a new one, or the next version of one that is there.
pub(super) fn set(
    tenant: &Tenant,
    id: Option<RateCardId>,
    asked: &RateCardAsked,
    context: &TenantContext<'_>,
) -> Result<RateCard, Refusal> {
    // Usage is timed by the tenant's clock: so is "from now on".
    let valid_from = asked.valid_from.or(tenant.test_clock).unwrap_or(context.now);
    check_asked(asked, valid_from, context)?;
    let (id, version) = match id {
        Some(id) => (id, known(tenant, id)?.version + 1),
        None => (next_id(tenant, context)?, 1),
    };
    Ok(RateCard {
        id,
        version,
        meter: asked.meter.clone(),
        quantity_property: asked.quantity_property.clone(),
        valid_from,
        valid_to: asked.valid_to,
        filters: asked.filters.clone(),
        tiers: asked.tiers.clone(),
        minimum: asked.minimum,
    })
}

/// The rate card of this id.
pub(super) fn known(tenant: &Tenant, id: RateCardId) -> Result<&RateCard, Refusal> {
    tenant.rate_cards.iter().find(|card| card.id == id).ok_or(Refusal::NotFound("rate card"))
}

fn next_id(tenant: &Tenant, context: &TenantContext<'_>) -> Result<RateCardId, Refusal> {
    let max = context.limits.rate_cards_max;
    if tenant.rate_cards.len() >= max {
        return Err(limit_reached("rate_cards_max", max));
    }
    Ok(RateCardId::new(context.now, tenant.number, tenant.rate_cards_made))
}

/// What can be judged without state.
fn check_asked(
    asked: &RateCardAsked,
    valid_from: Timestamp,
    context: &TenantContext<'_>,
) -> Result<(), Refusal> {
    if asked.valid_to.is_some_and(|end| end <= valid_from) {
        return Err(Refusal::Invalid { field: "valid_to", problem: "is not after valid_from" });
    }
    if asked.minimum.is_negative() {
        return Err(Refusal::AmountInvalid("a minimum must be 0 or more"));
    }
    if !asked.minimum.is_in_range() {
        return Err(Refusal::AmountOverflow("minimum"));
    }
    check_tiers(&asked.tiers, context.limits.tiers_max)
}

/// At least one, each beginning where the one before it ends; only the last may be open.
fn check_tiers(tiers: &[Tier], max: usize) -> Result<(), Refusal> {
    let invalid = |problem| Err(Refusal::Invalid { field: "tiers", problem });
    if tiers.is_empty() {
        return invalid("must have at least one");
    }
    if tiers.len() > max {
        return Err(limit_reached("tiers_max", max));
    }
    let mut below = Some(Usage::ZERO);
    for tier in tiers {
        let Some(from) = below else { return invalid("only the last can go without up_to") };
        if tier.up_to.is_some_and(|up_to| up_to <= from) {
            return invalid("up_to must rise, from more than 0");
        }
        if tier.credits_per_unit.is_negative() {
            return Err(Refusal::AmountInvalid("credits_per_unit must be 0 or more"));
        }
        if !tier.credits_per_unit.is_in_range() || tier.up_to.is_some_and(|up_to| !up_to.is_in_range()) {
            return Err(Refusal::AmountOverflow("tiers"));
        }
        below = tier.up_to;
    }
    Ok(())
}
