//! Rate cards: each is two shapes, numbers, and filters that stand in a record's personal part.

use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::tenant::RateCardAsked;
use coffer_ledger::ids::RateCardId;

use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::texts::Metadata;
use crate::engine::codec::v2::tenant as shapes;

const OWNER: Owner = Owner::NOBODY;

mirror_struct! {
    Tier = Tier { up_to, credits_per_unit }
}

/// A rate card without filters.
pub(super) fn rate_card_numbers(card: &RateCard) -> shapes::RateCard<'_> {
    let (numbers, _): (_, Metadata<'_>) = card.to_shape(OWNER);
    numbers
}

impl<'a> Mirror<'a, (shapes::RateCard<'a>, Metadata<'a>)> for RateCard {
    fn to_shape(&'a self, owner: Owner) -> (shapes::RateCard<'a>, Metadata<'a>) {
        let Self { id, version, meter, quantity_property, valid_from, valid_to, filters, tiers, minimum } =
            self;
        let numbers = shapes::RateCard {
            id: id.to_shape(owner),
            version: *version,
            meter,
            quantity_property: quantity_property.to_shape(owner),
            valid_from: valid_from.to_shape(owner),
            valid_to: valid_to.to_shape(owner),
            tiers: tiers.to_shape(owner),
            minimum: minimum.to_shape(owner),
        };
        (numbers, filters.to_shape(owner))
    }

    fn from_shape(shape: (shapes::RateCard<'a>, Metadata<'a>), owner: Owner) -> Result<Self, DecodeError> {
        let (numbers, filters) = shape;
        let shapes::RateCard { id, version, meter, quantity_property, valid_from, valid_to, tiers, minimum } =
            numbers;
        Ok(Self {
            id: Mirror::from_shape(id, owner)?,
            version,
            meter: meter.into(),
            quantity_property: Mirror::from_shape(quantity_property, owner)?,
            valid_from: Mirror::from_shape(valid_from, owner)?,
            valid_to: Mirror::from_shape(valid_to, owner)?,
            filters: Mirror::from_shape(filters, owner)?,
            tiers: Mirror::from_shape(tiers, owner)?,
            minimum: Mirror::from_shape(minimum, owner)?,
        })
    }
}

impl<'a> Mirror<'a, shapes::WholeRateCard<'a>> for RateCard {
    fn to_shape(&'a self, owner: Owner) -> shapes::WholeRateCard<'a> {
        let (card, filters) = self.to_shape(owner);
        shapes::WholeRateCard { card, filters }
    }

    fn from_shape(shape: shapes::WholeRateCard<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Mirror::from_shape((shape.card, shape.filters), owner)
    }
}

/// A rate card as it was asked for, without filters.
pub(super) fn asked_numbers(id: Option<RateCardId>, asked: &RateCardAsked) -> shapes::SetRateCard<'_> {
    let RateCardAsked { meter, quantity_property, valid_from, valid_to, filters: _, tiers, minimum } = asked;
    shapes::SetRateCard {
        id: id.to_shape(OWNER),
        meter,
        quantity_property: quantity_property.to_shape(OWNER),
        valid_from: valid_from.to_shape(OWNER),
        valid_to: valid_to.to_shape(OWNER),
        tiers: tiers.to_shape(OWNER),
        minimum: minimum.to_shape(OWNER),
    }
}

pub(super) fn asked_again(
    shape: shapes::SetRateCard<'_>,
    filters: Metadata<'_>,
) -> Result<(Option<RateCardId>, RateCardAsked), DecodeError> {
    let shapes::SetRateCard { id, meter, quantity_property, valid_from, valid_to, tiers, minimum } = shape;
    let asked = RateCardAsked {
        meter: meter.into(),
        quantity_property: Mirror::from_shape(quantity_property, OWNER)?,
        valid_from: Mirror::from_shape(valid_from, OWNER)?,
        valid_to: Mirror::from_shape(valid_to, OWNER)?,
        filters: Mirror::from_shape(filters, OWNER)?,
        tiers: Mirror::from_shape(tiers, OWNER)?,
        minimum: Mirror::from_shape(minimum, OWNER)?,
    };
    Ok((Mirror::from_shape(id, OWNER)?, asked))
}
