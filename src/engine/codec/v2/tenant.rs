//! A tenant's records and state. Same order of parts as a customer's. Ids of keys and cards stand whole.

use bincode::{BorrowDecode, Encode};

use super::wire::tagged;
use crate::engine::codec::v1::tenant as v1;
use crate::engine::codec::v1::texts::Metadata;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};

/// A price for some of the usage.
#[derive(Encode, BorrowDecode)]
pub struct Tier {
    /// Up to so much.
    pub up_to: Option<Amount>,
    /// Credits per unit.
    pub credits_per_unit: Amount,
}

/// What usage of a meter costs, without filters.
#[derive(Encode, BorrowDecode)]
pub struct RateCard<'a> {
    /// Its id.
    pub id: Thing,
    /// How often it was set.
    pub version: u64,
    /// Which meter.
    pub meter: &'a str,
    /// The property that says how much.
    pub quantity_property: Option<&'a str>,
    /// First instant at which it counts.
    pub valid_from: Stamp,
    /// First instant at which it does not any more.
    pub valid_to: Option<Stamp>,
    /// In rising order.
    pub tiers: List<'a, Tier>,
    /// At least so much.
    pub minimum: Amount,
}

/// A rate card's making or replacing, without filters.
#[derive(Encode, BorrowDecode)]
pub struct SetRateCard<'a> {
    /// Which one; absent = a new one.
    pub id: Option<Thing>,
    /// Which meter.
    pub meter: &'a str,
    /// The property that says how much.
    pub quantity_property: Option<&'a str>,
    /// First instant at which it counts.
    pub valid_from: Option<Stamp>,
    /// First instant at which it does not any more.
    pub valid_to: Option<Stamp>,
    /// In rising order.
    pub tiers: List<'a, Tier>,
    /// At least so much.
    pub minimum: Amount,
}

tagged! {
    /// What changed about a tenant.
    pub enum Effect<'a> {
        0 = V1(v1::Effect<'a>),
        1 = CreatedForTests(()),
        2 = RateCardSet(RateCard<'a>),
        3 = RateCardDeleted(Thing),
        4 = ClockMoved(Stamp),
    }
    /// What was asked of a tenant.
    pub enum Command<'a> {
        0 = V1(v1::Command<'a>),
        1 = CreateForTests(()),
        2 = SetRateCard(SetRateCard<'a>),
        3 = DeleteRateCard(Thing),
        4 = MoveClock(Stamp),
    }
    /// The words of either.
    pub enum Text<'a> { 0 = V1(v1::Text<'a>), 1 = Filters(Metadata<'a>) }
}

/// First in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The instant of the turn.
    pub at: Stamp,
    /// What changed.
    pub effect: Effect<'a>,
}

/// Last in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown.
    pub by: Option<Thing>,
    /// What was asked.
    pub command: Command<'a>,
}

/// First in the personal part; the words of the request follow it.
#[derive(Encode, BorrowDecode)]
pub struct FactTexts<'a> {
    /// The idempotency key.
    pub idempotency_key: Option<&'a str>,
    /// Words of the facts.
    pub effect: Text<'a>,
}

/// A rate card with its filters.
#[derive(Encode, BorrowDecode)]
pub struct WholeRateCard<'a> {
    /// Without filters.
    pub card: RateCard<'a>,
    /// The filters.
    pub filters: Metadata<'a>,
}

/// A tenant at rest.
#[derive(Encode, BorrowDecode)]
pub struct Tenant<'a> {
    /// What version 1 has of it.
    pub plain: v1::Tenant<'a>,
    /// Rate cards, oldest first.
    pub rate_cards: List<'a, WholeRateCard<'a>>,
    /// How many were ever made.
    pub rate_cards_made: u64,
    /// Whether it was made for tests.
    pub test_mode: bool,
    /// Its own clock.
    pub test_clock: Option<Stamp>,
}
