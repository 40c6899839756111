//! A recharge over its whole life, also after it has left the engine's state.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::ids::{
    CustomerNumber, InvoiceId, LogPosition, RechargeId, TenantNumber, TrancheId, WalletId,
};
use coffer_ledger::recharge::{Recharge, RechargeOrigin, RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;

/// A purchase that is paid somewhere else, as it is after its newest record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RechargeLife {
    /// Which one.
    pub id: RechargeId,
    /// Whose it is.
    pub tenant: TenantNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// The wallet.
    pub wallet: WalletId,
    /// Who wanted it.
    pub origin: RechargeOrigin,
    /// How far its payment is.
    pub status: RechargeStatus,
    /// Whether its credit is there without proof of its payment.
    pub trusted: bool,
    /// What it brings, its bonus included.
    pub credits: Credits,
    /// Worth of what is bought in money, unrounded.
    pub amount: Money,
    /// Money to be paid, in whole minor units.
    pub charged: Money,
    /// The money's currency.
    pub currency: Currency,
    /// The invoice that asks for it; `None` = it is charged directly.
    pub invoice: Option<InvoiceId>,
    /// The tranche that its credit is, or would be.
    pub tranche: Option<TrancheId>,
    /// The same of its bonus.
    pub bonus: Option<TrancheId>,
    /// Why it ended unpaid.
    pub reason: Option<RechargeReason>,
    /// The record in which it began.
    pub begun_in: LogPosition,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it fails by itself.
    pub expires_at: Option<Timestamp>,
    /// The record in which it ended.
    pub ended_in: Option<LogPosition>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl RechargeLife {
    /// As a customer's record leaves it.
    #[must_use]
    pub fn of(
        (tenant, customer): (TenantNumber, CustomerNumber),
        recharge: &Recharge,
        position: LogPosition,
    ) -> Self {
        let LogPosition(begun_before) = recharge.row.0;
        let mut tranches = recharge.rows.iter().map(|row| row.tranche);
        Self {
            id: recharge.id,
            tenant,
            customer,
            wallet: recharge.wallet,
            origin: recharge.origin,
            status: recharge.status,
            trusted: recharge.is_trusted(),
            credits: recharge.credits(),
            amount: recharge.amount(),
            charged: recharge.charged(),
            currency: recharge.currency,
            invoice: recharge.invoice,
            tranche: tranches.next(),
            bonus: tranches.next(),
            reason: recharge.reason,
            // The record in which it begins does not know where it stands.
            begun_in: if begun_before > 0 { recharge.row.0 } else { position },
            begun_at: recharge.begun_at,
            expires_at: recharge.expires_at,
            ended_in: recharge.ended_at.map(|_| position),
            ended_at: recharge.ended_at,
        }
    }
}
