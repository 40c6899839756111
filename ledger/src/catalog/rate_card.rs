//! Rate cards: what usage of a meter costs in credits (SEMANTICS §19).

use crate::amount::{Credits, Rate, Usage};
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

/// What usage costs at an instant, by the card that fits best: the most filters, then the latest `valid_from`, then the latest made.
/// `None` = no card fits.
///
/// # Errors
/// [`Refusal::AmountInvalid`] if the quantity is not more than 0; [`Refusal::AmountOverflow`] if the price leaves 12 integer digits.
pub fn price(cards: &[RateCard], metered: &Metered, at: Timestamp) -> Result<Option<Priced>, Refusal> {
    let _ = (cards, metered, at);
    todo!("wip: rate cards")
}
