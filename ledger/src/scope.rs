//! What a tranche or a wallet may pay for (SEMANTICS §3 "Scope").

use std::sync::Arc;

use crate::unit::PriceType;

/// A set of price types; `ALL` is both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceTypes {
    /// Admits metered use.
    pub usage: bool,
    /// Admits fixed fees.
    pub fixed: bool,
    /// Whether the set was given as `ALL`: it orders wallets behind those that list the price type (SEMANTICS §3, 1).
    pub all: bool,
}

impl PriceTypes {
    /// Metered use only.
    pub const USAGE: Self = Self { usage: true, fixed: false, all: false };
    /// Fixed fees only.
    pub const FIXED: Self = Self { usage: false, fixed: true, all: false };
    /// Anything.
    pub const ALL: Self = Self { usage: true, fixed: true, all: true };

    /// Whether a charge of this type may be paid.
    #[must_use]
    pub const fn admits(self, price_type: PriceType) -> bool {
        match price_type {
            PriceType::Usage => self.usage,
            PriceType::Fixed => self.fixed,
        }
    }
}

/// What a tranche may pay for. No features means every feature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Which price types.
    pub price_types: PriceTypes,
    /// Which features, sorted, at most 16; `None` admits all, and charges without one.
    pub features: Option<Arc<[Box<str>]>>,
}

impl Scope {
    /// Pays for anything.
    pub const ANYTHING: Self = Self { price_types: PriceTypes::ALL, features: None };

    /// Whether a charge of this price type and feature may be paid.
    #[must_use]
    pub fn admits(&self, price_type: PriceType, feature: Option<&str>) -> bool {
        let feature_admitted = match (&self.features, feature) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(names), Some(feature)) => names.iter().any(|name| **name == *feature),
        };
        feature_admitted && self.price_types.admits(price_type)
    }
}
