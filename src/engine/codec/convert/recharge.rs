//! Purchases, and what became of their payment.

use coffer_ledger::command::{AutoTopupChange, CreditReason, RechargeDue};
use coffer_ledger::fact::{CreditRow, RechargeEnd, Unpaid};
use coffer_ledger::recharge::{CountedIn, Recharge, RechargeOrigin, RechargeReason, RechargeStatus};

use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v3::recharge as shapes;
use crate::engine::codec::v3::request;

mirror_enum! {
    RechargeOrigin { Auto, TopUp }
    RechargeStatus { Pending, Completed, Failed, Cancelled }
    RechargeReason {
        PaymentFailed, Expired, Cancelled, WalletClosed, CardDeclined, InsufficientFunds, CardExpired, AuthenticationRequired, NoPaymentMethod,
        PaymentRefused
    }
}

mirror_struct! {
    CreditRow = CreditRow<'a> { reason, tranche, terms, amount, charged, repaid, posting }
    CountedIn = CountedIn { day_ends_at, month_ends_at }
    Unpaid = Unpaid<'a> { tranche, terms, taken, owed, posting }
    RechargeEnd = RechargeEnd<'a> { recharge, rows, unpaid }
}

impl Mirror<'_, shapes::CreditReason> for CreditReason {
    fn to_shape(&self, _: Owner) -> shapes::CreditReason {
        match self {
            Self::PurchasedCreditDirect => shapes::CreditReason::PurchasedCreditDirect,
            Self::PurchasedCreditInvoiced => shapes::CreditReason::PurchasedCreditInvoiced,
            Self::PurchasedCreditBonus => shapes::CreditReason::PurchasedCreditBonus,
            Self::FreeCreditGrant
            | Self::SubscriptionCreditGrant
            | Self::CreditNote
            | Self::InvoiceVoidRefund
            | Self::CreditAdjustment => unreachable!("a recharge is a purchase"),
        }
    }

    fn from_shape(shape: shapes::CreditReason, _: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::CreditReason::PurchasedCreditDirect => Self::PurchasedCreditDirect,
            shapes::CreditReason::PurchasedCreditInvoiced => Self::PurchasedCreditInvoiced,
            shapes::CreditReason::PurchasedCreditBonus => Self::PurchasedCreditBonus,
        })
    }
}

impl<'a> Mirror<'a, shapes::Recharge<'a>> for Recharge {
    fn to_shape(&'a self, owner: Owner) -> shapes::Recharge<'a> {
        let Self {
            id,
            wallet,
            currency,
            origin,
            status,
            trusted,
            invoice,
            begun_at,
            counted_in,
            expires_at,
            ended_at,
            reason,
            rows,
            gone,
            row: (position, row),
            came_in: (came_in, came_in_row),
        } = self;
        shapes::Recharge {
            id: id.to_shape(owner),
            wallet: wallet.to_shape(owner),
            currency: currency.to_shape(owner),
            origin: origin.to_shape(owner),
            status: status.to_shape(owner),
            trusted: *trusted,
            invoice: invoice.to_shape(owner),
            begun_at: begun_at.to_shape(owner),
            counted_in: counted_in.to_shape(owner),
            expires_at: expires_at.to_shape(owner),
            ended_at: ended_at.to_shape(owner),
            reason: reason.to_shape(owner),
            rows: rows.to_shape(owner),
            gone: gone.to_shape(owner),
            position: position.to_shape(owner),
            row: *row,
            came_in: came_in.to_shape(owner),
            came_in_row: *came_in_row,
        }
    }

    fn from_shape(shape: shapes::Recharge<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Mirror::from_shape(shape.id, owner)?,
            wallet: Mirror::from_shape(shape.wallet, owner)?,
            currency: Mirror::from_shape(shape.currency, owner)?,
            origin: Mirror::from_shape(shape.origin, owner)?,
            status: Mirror::from_shape(shape.status, owner)?,
            trusted: shape.trusted,
            invoice: Mirror::from_shape(shape.invoice, owner)?,
            begun_at: Mirror::from_shape(shape.begun_at, owner)?,
            counted_in: Mirror::from_shape(shape.counted_in, owner)?,
            expires_at: Mirror::from_shape(shape.expires_at, owner)?,
            ended_at: Mirror::from_shape(shape.ended_at, owner)?,
            reason: Mirror::from_shape(shape.reason, owner)?,
            rows: Mirror::from_shape(shape.rows, owner)?,
            gone: Mirror::from_shape(shape.gone, owner)?,
            row: (Mirror::from_shape(shape.position, owner)?, shape.row),
            came_in: (Mirror::from_shape(shape.came_in, owner)?, shape.came_in_row),
        })
    }
}

impl Mirror<'_, request::AutoTopupChange> for AutoTopupChange {
    fn to_shape(&self, owner: Owner) -> request::AutoTopupChange {
        let Self {
            enabled,
            threshold,
            amount,
            invoicing,
            target_balance,
            cooldown_s,
            count_max,
            amount_max,
            failures_max,
        } = self;
        request::AutoTopupChange {
            enabled: *enabled,
            threshold: threshold.to_shape(owner),
            amount: amount.to_shape(owner),
            invoicing: *invoicing,
            target_balance: target_balance.to_shape(owner),
            cooldown_s: *cooldown_s,
            count_max: *count_max,
            amount_max: amount_max.to_shape(owner),
            failures_max: *failures_max,
        }
    }

    fn from_shape(shape: request::AutoTopupChange, owner: Owner) -> Result<Self, DecodeError> {
        Ok(Self {
            enabled: shape.enabled,
            threshold: Mirror::from_shape(shape.threshold, owner)?,
            amount: Mirror::from_shape(shape.amount, owner)?,
            invoicing: shape.invoicing,
            target_balance: Mirror::from_shape(shape.target_balance, owner)?,
            cooldown_s: shape.cooldown_s,
            count_max: shape.count_max,
            amount_max: Mirror::from_shape(shape.amount_max, owner)?,
            failures_max: shape.failures_max,
        })
    }
}

impl Mirror<'_, request::RechargeDue> for RechargeDue {
    fn to_shape(&self, owner: Owner) -> request::RechargeDue {
        let Self { wallet, would_pass } = self;
        request::RechargeDue { wallet: wallet.to_shape(owner), would_pass: *would_pass }
    }

    fn from_shape(shape: request::RechargeDue, owner: Owner) -> Result<Self, DecodeError> {
        let request::RechargeDue { wallet, would_pass } = shape;
        Ok(Self { wallet: Mirror::from_shape(wallet, owner)?, would_pass })
    }
}
