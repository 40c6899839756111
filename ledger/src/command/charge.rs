//! Charges: what credit is asked for, and how much of it.

use super::{Memo, Metadata};
use crate::amount::{Credits, Money, Usage};
use crate::ids::WalletId;
use crate::unit::{Currency, PriceType, PriceUnit};

/// What credit is asked for, and who may pay (SEMANTICS §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Only this wallet pays.
    pub wallet: Option<WalletId>,
    /// Only wallets of this currency pay.
    pub currency: Option<Currency>,
    /// Only wallets of this price unit pay.
    pub price_unit: Option<PriceUnit>,
    /// What the charge is for.
    pub price_type: PriceType,
    /// The feature used.
    pub feature: Option<Box<str>>,
    /// The leaf of the budgets that it counts in (SEMANTICS §18).
    pub budget: Option<Box<str>>,
}

impl Charge {
    /// For metered use, whoever can pay.
    #[must_use]
    pub const fn usage() -> Self {
        Self {
            wallet: None,
            currency: None,
            price_unit: None,
            price_type: PriceType::Usage,
            feature: None,
            budget: None,
        }
    }
}

/// Usage of a meter, to be priced by the tenant's rate cards (SEMANTICS §19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Which meter.
    pub meter: Box<str>,
    /// How much was used; > 0.
    pub quantity: Usage,
    /// What the cards' filters look at.
    pub properties: Metadata,
}

/// How much a charge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// So many credits.
    Credits(Credits),
    /// So much money; each wallet converts its part at its own rate.
    Amount(Money),
    /// What the rate card says.
    Metered(Box<Metered>),
}

/// `POST /customers/{id}/debits` (SEMANTICS §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit {
    /// How much; > 0. With `Amount`, the charge's currency says of what.
    pub asked: Asked,
    /// For what, and who pays.
    pub charge: Charge,
    /// Take what there is instead of refusing.
    pub partial: bool,
    /// Words for the rows.
    pub memo: Memo,
}

impl Debit {
    /// So much for metered use, from whoever can pay, all or nothing.
    #[must_use]
    pub fn new(asked: Asked) -> Self {
        Self { asked, charge: Charge::usage(), partial: false, memo: Memo::default() }
    }
}
