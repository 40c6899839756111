//! The part of a request that debits and holds share: what is used, and who pays (SEMANTICS §3, §19).

use coffer_ledger::command::{Charge, Metered};
use coffer_ledger::unit::PriceType;

use super::error::ApiError;
use super::fields::{self, Number, PairsField, PriceTypeField};

/// The fields that say who pays, and for what.
#[derive(Default)]
pub(super) struct ChargeFields {
    pub(super) wallet_id: Option<Box<str>>,
    pub(super) currency: Option<Box<str>>,
    pub(super) price_unit: Option<Box<str>>,
    pub(super) price_type: Option<PriceTypeField>,
    pub(super) feature: Option<Box<str>>,
    pub(super) budget_id: Option<Box<str>>,
}

impl ChargeFields {
    /// The charge, defaults filled in.
    pub(super) fn read(self) -> Result<Charge, ApiError> {
        Ok(Charge {
            wallet: self.wallet_id.map(|id| fields::wallet_id("wallet_id", &id)).transpose()?,
            currency: self.currency.map(|code| fields::currency(&code)).transpose()?,
            price_unit: fields::price_unit(self.price_unit.as_deref())?,
            price_type: self.price_type.unwrap_or_default().into(),
            feature: fields::feature(self.feature)?,
            budget: self.budget_id.map(|id| fields::own_id("budget_id", id)).transpose()?,
        })
    }
}

/// The fields that say how much of a meter was used.
pub(super) struct MeterFields<'a> {
    pub(super) meter: Option<Box<str>>,
    pub(super) quantity: Option<Number<'a>>,
    pub(super) properties: Option<PairsField>,
}

impl MeterFields<'_> {
    /// The usage; `None` if no meter is named.
    pub(super) fn read(self) -> Result<Option<Metered>, ApiError> {
        let Some(meter) = self.meter.map(|name| fields::meter("meter", name)).transpose()? else {
            let alone = [("quantity", self.quantity.is_some()), ("properties", self.properties.is_some())];
            return match alone.into_iter().find(|(_, given)| *given) {
                Some((field, _)) => Err(ApiError::field(field, "needs a meter")),
                None => Ok(None),
            };
        };
        let quantity = self.quantity.ok_or_else(|| ApiError::field("quantity", "missing beside meter"))?;
        let quantity = quantity.usage("quantity")?;
        Ok(Some(Metered { meter, quantity, properties: fields::pairs("properties", self.properties)? }))
    }
}

/// The API's word for a price type.
pub(super) const fn price_type_name(price_type: PriceType) -> &'static str {
    match price_type {
        PriceType::Usage => "USAGE",
        PriceType::Fixed => "FIXED",
    }
}
