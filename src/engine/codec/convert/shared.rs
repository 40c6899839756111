//! Terms, units, scopes, wallet heads, identities.

use coffer_ledger::command::{CreditReason, Remainder};
use coffer_ledger::customer::{CustomerId, Identity};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::tranche::{Source, Terms};
use coffer_ledger::unit::{PriceType, Unit};
use coffer_ledger::wallet::{WalletHead, WalletStatus, WalletType};

use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::shared as shapes;
use crate::engine::codec::v1::texts::{HeadText, IdentityText};

mirror_enum! {
    Source { Purchased, Promotional, PlanIncluded, Refund, Adjustment, Rollover }
    WalletStatus { Active, Frozen, Closed }
    WalletType { PrePaid, PostPaid }
    PriceType { Usage, Fixed }
    Remainder { Forfeit, Refund }
}

mirror_struct! {
    Scope = Scope<'a> { price_types, features }
    Terms = Terms<'a> { source, priority, scope, original, paid, effective_at, expires_at }
    Unit = Unit<'a> { currency, price_unit, conversion_rate }
}

impl Mirror<'_, shapes::CreditReason> for CreditReason {
    fn to_shape(&self, _: Owner) -> shapes::CreditReason {
        match self {
            Self::FreeCreditGrant => shapes::CreditReason::FreeCreditGrant,
            Self::PurchasedCreditDirect => shapes::CreditReason::PurchasedCreditDirect,
            Self::PurchasedCreditBonus => shapes::CreditReason::PurchasedCreditBonus,
            Self::SubscriptionCreditGrant => shapes::CreditReason::SubscriptionCreditGrant,
            Self::CreditNote => shapes::CreditReason::CreditNote,
            Self::InvoiceVoidRefund => shapes::CreditReason::InvoiceVoidRefund,
            Self::CreditAdjustment => shapes::CreditReason::CreditAdjustment,
            Self::PurchasedCreditInvoiced => {
                unreachable!("whoever asks has seen that version 1 holds it")
            }
        }
    }

    fn from_shape(shape: shapes::CreditReason, _: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::CreditReason::FreeCreditGrant => Self::FreeCreditGrant,
            shapes::CreditReason::PurchasedCreditDirect => Self::PurchasedCreditDirect,
            shapes::CreditReason::PurchasedCreditBonus => Self::PurchasedCreditBonus,
            shapes::CreditReason::SubscriptionCreditGrant => Self::SubscriptionCreditGrant,
            shapes::CreditReason::CreditNote => Self::CreditNote,
            shapes::CreditReason::InvoiceVoidRefund => Self::InvoiceVoidRefund,
            shapes::CreditReason::CreditAdjustment => Self::CreditAdjustment,
        })
    }
}

const USAGE: u8 = 1;
const FIXED: u8 = 2;
const ALL: u8 = 4;

impl Mirror<'_, shapes::PriceTypes> for PriceTypes {
    fn to_shape(&self, _: Owner) -> shapes::PriceTypes {
        let Self { usage, fixed, all } = *self;
        shapes::PriceTypes { bits: u8::from(usage) * USAGE + u8::from(fixed) * FIXED + u8::from(all) * ALL }
    }

    fn from_shape(shape: shapes::PriceTypes, _: Owner) -> Result<Self, DecodeError> {
        let bits = shape.bits;
        if bits > USAGE | FIXED | ALL {
            return Err(DecodeError::OutOfRange { field: "a set of price types", found: u128::from(bits) });
        }
        Ok(Self { usage: bits & USAGE != 0, fixed: bits & FIXED != 0, all: bits & ALL != 0 })
    }
}

impl Mirror<'_, shapes::CustomerId> for CustomerId {
    fn to_shape(&self, owner: Owner) -> shapes::CustomerId {
        match self {
            Self::Named => shapes::CustomerId::Named(()),
            Self::Minted(id) => shapes::CustomerId::Minted(id.to_shape(owner)),
        }
    }

    fn from_shape(shape: shapes::CustomerId, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::CustomerId::Named(()) => Self::Named,
            shapes::CustomerId::Minted(id) => Self::Minted(Mirror::from_shape(id, owner)?),
        })
    }
}

/// An identity is two shapes: numbers, and words that stand in a record's personal part.
impl<'a> Mirror<'a, (shapes::Identity, IdentityText<'a>)> for Identity {
    fn to_shape(&'a self, owner: Owner) -> (shapes::Identity, IdentityText<'a>) {
        let Self { id, external_id, profile, created_at, updated_at, deleted } = self;
        let numbers = shapes::Identity {
            id: id.to_shape(owner),
            created_at: created_at.to_shape(owner),
            updated_at: updated_at.to_shape(owner),
            deleted: *deleted,
        };
        (numbers, IdentityText { external_id, profile: profile.to_shape(owner) })
    }

    fn from_shape(shape: (shapes::Identity, IdentityText<'a>), owner: Owner) -> Result<Self, DecodeError> {
        let (shapes::Identity { id, created_at, updated_at, deleted }, IdentityText { external_id, profile }) =
            shape;
        Ok(Self {
            id: Mirror::from_shape(id, owner)?,
            external_id: external_id.into(),
            profile: Mirror::from_shape(profile, owner)?,
            created_at: Mirror::from_shape(created_at, owner)?,
            updated_at: Mirror::from_shape(updated_at, owner)?,
            deleted,
        })
    }
}

/// A wallet head is two shapes, like an identity. Its rules stand elsewhere: no version before 3 knows them.
impl<'a> Mirror<'a, (shapes::WalletHead<'a>, HeadText<'a>)> for WalletHead {
    fn to_shape(&'a self, owner: Owner) -> (shapes::WalletHead<'a>, HeadText<'a>) {
        let Self {
            id,
            unit,
            topup_conversion_rate,
            wallet_type,
            name,
            description,
            metadata,
            status,
            priority,
            allowed_price_types,
            overdraft_limit,
            created_at,
            updated_at,
            sequence,
            posted,
            held,
            debt,
            rules: _,
        } = self;
        let numbers = shapes::WalletHead {
            id: id.to_shape(owner),
            unit: unit.to_shape(owner),
            topup_conversion_rate: topup_conversion_rate.to_shape(owner),
            wallet_type: wallet_type.to_shape(owner),
            status: status.to_shape(owner),
            priority: *priority,
            allowed_price_types: allowed_price_types.to_shape(owner),
            overdraft_limit: overdraft_limit.to_shape(owner),
            created_at: created_at.to_shape(owner),
            updated_at: updated_at.to_shape(owner),
            sequence: *sequence,
            posted: posted.to_shape(owner),
            held: held.to_shape(owner),
            debt: debt.to_shape(owner),
        };
        let words =
            HeadText { name, description: description.to_shape(owner), metadata: metadata.to_shape(owner) };
        (numbers, words)
    }

    fn from_shape(shape: (shapes::WalletHead<'a>, HeadText<'a>), owner: Owner) -> Result<Self, DecodeError> {
        let (numbers, HeadText { name, description, metadata }) = shape;
        let shapes::WalletHead {
            id,
            unit,
            topup_conversion_rate,
            wallet_type,
            status,
            priority,
            allowed_price_types,
            overdraft_limit,
            created_at,
            updated_at,
            sequence,
            posted,
            held,
            debt,
        } = numbers;
        Ok(Self {
            id: Mirror::from_shape(id, owner)?,
            unit: Mirror::from_shape(unit, owner)?,
            topup_conversion_rate: Mirror::from_shape(topup_conversion_rate, owner)?,
            wallet_type: Mirror::from_shape(wallet_type, owner)?,
            name: name.into(),
            description: Mirror::from_shape(description, owner)?,
            metadata: Mirror::from_shape(metadata, owner)?,
            status: Mirror::from_shape(status, owner)?,
            priority,
            allowed_price_types: Mirror::from_shape(allowed_price_types, owner)?,
            overdraft_limit: Mirror::from_shape(overdraft_limit, owner)?,
            created_at: Mirror::from_shape(created_at, owner)?,
            updated_at: Mirror::from_shape(updated_at, owner)?,
            sequence,
            posted: Mirror::from_shape(posted, owner)?,
            held: Mirror::from_shape(held, owner)?,
            debt: Mirror::from_shape(debt, owner)?,
            rules: None,
        })
    }
}
