//! Charges, metered usage, budgets.

use coffer_ledger::amount::Credits;
use coffer_ledger::budget::{Budget, BudgetLimit, BudgetMove, Window};
use coffer_ledger::command::{Asked, Charge, Debit, HoldAsked, Memo, Metadata, Metered};

use super::request::memo_again;
use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::request as v1;
use crate::engine::codec::v2::charge as shapes;
use crate::engine::codec::v2::request as v2;
use crate::engine::codec::v2::texts::{RequestText, UsageText};

mirror_enum! {
    Window { Lifetime, Hour, Day, Week, Month }
}

mirror_struct! {
    Charge = Charge<'a> { wallet, currency, price_unit, price_type, feature, budget }
    BudgetMove = BudgetMove<'a> { budget, window, ends_at, credits }
    BudgetLimit = BudgetLimit { window, credits, used, ends_at }
    Budget = Budget<'a> { id, parent, currency, price_unit, limits }
}

/// A cap without what was used of it.
impl Mirror<'_, v2::Cap> for (Window, Credits) {
    fn to_shape(&self, owner: Owner) -> v2::Cap {
        v2::Cap { window: self.0.to_shape(owner), credits: self.1.to_shape(owner) }
    }

    fn from_shape(shape: v2::Cap, owner: Owner) -> Result<Self, DecodeError> {
        let v2::Cap { window, credits } = shape;
        Ok((Mirror::from_shape(window, owner)?, Mirror::from_shape(credits, owner)?))
    }
}

/// Usage without its properties.
pub(super) fn metered_to_shape(metered: &Metered, owner: Owner) -> shapes::Metered<'_> {
    let Metered { meter, quantity, properties: _ } = metered;
    shapes::Metered { meter, quantity: quantity.to_shape(owner) }
}

pub(super) fn metered_again(
    shape: shapes::Metered<'_>,
    properties: Metadata,
    owner: Owner,
) -> Result<Metered, DecodeError> {
    let shapes::Metered { meter, quantity } = shape;
    Ok(Metered { meter: meter.into(), quantity: Mirror::from_shape(quantity, owner)?, properties })
}

/// A debit that names no budget and is not priced.
pub(super) fn debit_to_v1(debit: &Debit, owner: Owner) -> v1::Debit<'_> {
    let Debit { asked, charge, partial, memo: _ } = debit;
    let Charge { wallet, currency, price_unit, price_type, feature, budget: _ } = charge;
    v1::Debit {
        quantity: match asked {
            Asked::Credits(credits) => v1::Quantity::Credits(credits.to_shape(owner)),
            Asked::Amount(money) => v1::Quantity::Amount(money.to_shape(owner)),
            Asked::Metered(_) => unreachable!("whoever asks has seen that version 1 holds it"),
        },
        wallet: wallet.to_shape(owner),
        currency: currency.to_shape(owner),
        price_unit: price_unit.to_shape(owner),
        price_type: price_type.to_shape(owner),
        feature: feature.to_shape(owner),
        partial: *partial,
    }
}

pub(super) fn debit_to_shape(debit: &Debit, owner: Owner) -> v2::Debit<'_> {
    let Debit { asked, charge, partial, memo: _ } = debit;
    let asked = match asked {
        Asked::Credits(credits) => v2::Asked::Credits(credits.to_shape(owner)),
        Asked::Amount(money) => v2::Asked::Amount(money.to_shape(owner)),
        Asked::Metered(metered) => v2::Asked::Metered(metered_to_shape(metered, owner)),
    };
    v2::Debit { asked, charge: charge.to_shape(owner), partial: *partial }
}

pub(super) fn debit_from_v1(shape: v1::Debit<'_>, memo: Memo, owner: Owner) -> Result<Debit, DecodeError> {
    let v1::Debit { quantity, wallet, currency, price_unit, price_type, feature, partial } = shape;
    let asked = match quantity {
        v1::Quantity::Credits(credits) => Asked::Credits(Mirror::from_shape(credits, owner)?),
        v1::Quantity::Amount(money) => Asked::Amount(Mirror::from_shape(money, owner)?),
    };
    let charge = Charge {
        wallet: Mirror::from_shape(wallet, owner)?,
        currency: Mirror::from_shape(currency, owner)?,
        price_unit: Mirror::from_shape(price_unit, owner)?,
        price_type: Mirror::from_shape(price_type, owner)?,
        feature: Mirror::from_shape(feature, owner)?,
        budget: None,
    };
    Ok(Debit { asked, charge, partial, memo })
}

pub(super) fn debit_again(
    shape: v2::Debit<'_>,
    text: RequestText<'_>,
    owner: Owner,
) -> Result<Debit, DecodeError> {
    let v2::Debit { asked, charge, partial } = shape;
    let (properties, memo) = usage_words(text)?;
    let asked = match (asked, properties) {
        (v2::Asked::Credits(credits), None) => Asked::Credits(Mirror::from_shape(credits, owner)?),
        (v2::Asked::Amount(money), None) => Asked::Amount(Mirror::from_shape(money, owner)?),
        (v2::Asked::Metered(metered), Some(properties)) => {
            Asked::Metered(Box::new(metered_again(metered, properties, owner)?))
        }
        (v2::Asked::Credits(_) | v2::Asked::Amount(_), Some(_)) | (v2::Asked::Metered(_), None) => {
            return Err(USAGE_DISAGREES);
        }
    };
    Ok(Debit { asked, charge: Mirror::from_shape(charge, owner)?, partial, memo })
}

pub(super) fn hold_asked_to_shape(asked: &HoldAsked, owner: Owner) -> v2::HoldAsked<'_> {
    match asked {
        HoldAsked::Exactly(credits) => v2::HoldAsked::Exactly(credits.to_shape(owner)),
        HoldAsked::Range { min, max } => {
            v2::HoldAsked::Range(v2::Range { min: min.to_shape(owner), max: max.to_shape(owner) })
        }
        HoldAsked::Metered(metered) => v2::HoldAsked::Metered(metered_to_shape(metered, owner)),
    }
}

pub(super) fn hold_asked_again(
    shape: v2::HoldAsked<'_>,
    properties: Option<Metadata>,
    owner: Owner,
) -> Result<HoldAsked, DecodeError> {
    Ok(match (shape, properties) {
        (v2::HoldAsked::Exactly(credits), None) => HoldAsked::Exactly(Mirror::from_shape(credits, owner)?),
        (v2::HoldAsked::Range(v2::Range { min, max }), None) => {
            HoldAsked::Range { min: Mirror::from_shape(min, owner)?, max: Mirror::from_shape(max, owner)? }
        }
        (v2::HoldAsked::Metered(metered), Some(properties)) => {
            HoldAsked::Metered(Box::new(metered_again(metered, properties, owner)?))
        }
        (v2::HoldAsked::Exactly(_) | v2::HoldAsked::Range(_), Some(_))
        | (v2::HoldAsked::Metered(_), None) => {
            return Err(USAGE_DISAGREES);
        }
    })
}

const USAGE_DISAGREES: DecodeError = DecodeError::PartsDisagree { about: "the usage" };

/// The words of a charge by usage.
pub(super) fn usage_text<'a>(metered: &'a Metered, memo: &'a Memo) -> RequestText<'a> {
    let (properties, memo) = (metered.properties.to_shape(Owner::NOBODY), memo.to_shape(Owner::NOBODY));
    RequestText::Usage(UsageText { properties, memo })
}

/// The words of a charge: properties only if it is by usage.
pub(super) fn usage_words(text: RequestText<'_>) -> Result<(Option<Metadata>, Memo), DecodeError> {
    match text {
        RequestText::Usage(UsageText { properties, memo }) => Ok((
            Some(Mirror::from_shape(properties, Owner::NOBODY)?),
            Mirror::from_shape(memo, Owner::NOBODY)?,
        )),
        RequestText::V1(text) => Ok((None, memo_again(text)?)),
        RequestText::Settle(_)
        | RequestText::Invoice(_)
        | RequestText::Transfer(_)
        | RequestText::Event(_) => Err(USAGE_DISAGREES),
    }
}
