//! A ledger row on its own: what the store keeps of it, and what replies are rendered from.
//!
//! [`Row::of`] is the only way from a record, for the feed and for a reply that reads the log; so a row reads the same by its id and
//! in a list. Absent on purpose: what is left of a credit, which is no part of the row, and the customer's name. Tested in
//! `tests/http/history.rs`: every row of every kind, read both ways.

use std::borrow::Cow;

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::command::{Memo, Metadata};
use coffer_ledger::fact::{Effect, Giver, Slice};
use coffer_ledger::ids::{
    CustomerNumber, GrantId, HoldId, KeyId, LogPosition, RateCardId, RowId, TenantNumber, TrancheId,
    TransferId, WalletId,
};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Terms;
use coffer_ledger::unit::Currency;
use coffer_ledger::view::{self, Reference, RowStatus, RowType, RowView};
use coffer_ledger::wallet::WalletHead;

use super::terms;

/// One ledger row with everything that its record says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id; it says where the record stands, and which row of it this is.
    pub id: RowId,
    /// Whose it is.
    pub tenant: TenantNumber,
    /// Whose it is.
    pub customer: CustomerNumber,
    /// The wallet.
    pub wallet: WalletId,
    /// Number in the wallet; `None` outside the balance chain.
    pub sequence: Option<u64>,
    /// Kind of change, as the API's word.
    pub row_type: Cow<'static, str>,
    /// Why, as the API's word.
    pub reason: Cow<'static, str>,
    /// How far, as the API's word.
    pub status: Cow<'static, str>,
    /// Credits moved, without a sign.
    pub credits: Credits,
    /// The same in money, where the record knows it.
    pub amount: Option<Money>,
    /// The money's currency, where the record knows it.
    pub currency: Option<Currency>,
    /// Money charged.
    pub charged: Option<Money>,
    /// Posted before; `None` outside the balance chain.
    pub balance_before: Option<Credits>,
    /// Posted after; `None` outside the balance chain.
    pub balance_after: Option<Credits>,
    /// How much of a credit repaid debt.
    pub repaid: Credits,
    /// What it took, reserved or gave back, in order.
    pub parts: Vec<Part>,
    /// The tranche that a credit made, or that an expiry or a void emptied.
    pub tranche: Option<TrancheId>,
    /// When that tranche ends.
    pub expires_at: Option<Timestamp>,
    /// That tranche's burn priority.
    pub priority: Option<u32>,
    /// The row that this one belongs to.
    pub parent: Option<RowId>,
    /// The scheduled row that this one completes.
    pub completes: Option<RowId>,
    /// Money per credit, where the record knows it.
    pub conversion_rate: Option<Rate>,
    /// Money per credit when buying, where the record knows it.
    pub topup_conversion_rate: Option<Rate>,
    /// The rate card that priced it, and the card's version.
    pub card: Option<(RateCardId, u64)>,
    /// The invoice that it belongs to.
    pub invoice: Option<Box<str>>,
    /// The hold that it belongs to.
    pub hold: Option<HoldId>,
    /// The transfer that it belongs to.
    pub transfer: Option<TransferId>,
    /// The grant that it belongs to.
    pub grant: Option<GrantId>,
    /// Words of the request.
    pub reference_type: Option<Box<str>>,
    /// Words of the request.
    pub reference_id: Option<Box<str>>,
    /// Words of the request.
    pub description: Option<Box<str>>,
    /// The caller's own pairs; `None` where nobody asked.
    pub metadata: Option<Metadata>,
    /// The request's idempotency key.
    pub idempotency_key: Option<Box<str>>,
    /// The key that was shown; `None` = the system.
    pub by: Option<KeyId>,
    /// The instant that counts.
    pub effective_at: Timestamp,
    /// The instant of the record.
    pub recorded_at: Timestamp,
}

/// A slice of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The wallet.
    pub wallet: WalletId,
    /// How much.
    pub credits: Credits,
    /// The tranche; `None` = overdraft.
    pub tranche: Option<OfTranche>,
}

/// What a slice says of its tranche.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfTranche {
    /// Which one.
    pub id: TrancheId,
    /// Where its credit came from, as the API's word.
    pub source: Cow<'static, str>,
    /// Credits when minted.
    pub original: Credits,
    /// Money that was paid for these.
    pub paid: Money,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Row {
    /// Every row of a customer's record, in order.
    #[must_use]
    pub fn all_of(
        tenant: TenantNumber,
        customer: CustomerNumber,
        record: &Record,
        at: LogPosition,
    ) -> Vec<Self> {
        view::rows(record, at).iter().map(|row| Self::of(tenant, customer, record, row)).collect()
    }

    /// One row of a customer's record.
    #[must_use]
    pub fn of(tenant: TenantNumber, customer: CustomerNumber, record: &Record, row: &RowView<'_>) -> Self {
        let terms = row.tranche.and_then(|tranche| terms::of(&record.facts, tranche));
        let head = wallet(&record.facts.effect).filter(|head| head.id == row.wallet);
        let (invoice, hold, transfer, grant) = match row.reference {
            Some(Reference::Invoice(id)) => (Some(id.into()), None, None, None),
            Some(Reference::Hold(id)) => (None, Some(id), None, None),
            Some(Reference::Transfer(id)) => (None, None, Some(id), None),
            Some(Reference::Grant(id)) => (None, None, None, Some(id)),
            Some(Reference::Subscription(_) | Reference::Recharge(_)) | None => (None, None, None, None),
        };
        let text = |pick: fn(&Memo) -> &Option<Box<str>>| row.memo.and_then(|memo| pick(memo).clone());
        Self {
            id: row.id,
            tenant,
            customer,
            wallet: row.wallet,
            sequence: row.sequence,
            row_type: type_name(row.row_type).into(),
            reason: row.reason.as_str().into(),
            status: status_name(row.status).into(),
            credits: row.credits,
            amount: row.amount,
            currency: row.currency.or(head.map(|head| head.unit.currency)),
            charged: row.charged,
            balance_before: row.balance_before,
            balance_after: row.balance_after,
            repaid: row.repaid,
            parts: row.slices.iter().map(|slice| Part::of(slice)).collect(),
            tranche: row.tranche,
            expires_at: terms.and_then(|terms| terms.expires_at),
            priority: terms.map(|terms| terms.priority),
            parent: row.parent,
            completes: row.completes,
            conversion_rate: head.map(|head| head.unit.conversion_rate),
            topup_conversion_rate: head.map(|head| head.topup_conversion_rate),
            card: row.priced.map(|priced| (priced.card, priced.version)),
            invoice,
            hold,
            transfer,
            grant,
            reference_type: text(|memo| &memo.reference_type),
            reference_id: text(|memo| &memo.reference_id),
            description: text(|memo| &memo.description),
            metadata: row.memo.map(|memo| memo.metadata.clone()),
            idempotency_key: row.idempotency_key.map(Into::into),
            by: row.by,
            effective_at: row.effective_at,
            recorded_at: row.recorded_at,
        }
    }
}

impl OfTranche {
    /// What slices say of a tranche with these terms.
    #[must_use]
    pub fn of(id: TrancheId, terms: &Terms) -> Self {
        Self {
            id,
            source: terms.source.as_str().into(),
            original: terms.original,
            paid: terms.paid,
            expires_at: terms.expires_at,
        }
    }
}

impl Part {
    fn of(slice: &Slice) -> Self {
        let tranche = match &slice.giver {
            Giver::Tranche { id, terms } => Some(OfTranche::of(*id, terms)),
            Giver::Overdraft => None,
        };
        Self { wallet: slice.wallet, credits: slice.credits, tranche }
    }
}

/// The wallet that an effect left, if it says.
fn wallet(effect: &Effect) -> Option<&WalletHead> {
    match effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. }
        | Effect::Recharged { wallet, .. } => Some(wallet),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::Debited(_)
        | Effect::Held(_)
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceSettled(_)
        | Effect::InvoiceVoided { .. }
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::EventRecorded { .. }
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => None,
    }
}

const fn type_name(row_type: RowType) -> &'static str {
    match row_type {
        RowType::Credit => "credit",
        RowType::Debit => "debit",
        RowType::Hold => "hold",
        RowType::Release => "release",
        RowType::Memo => "memo",
    }
}

const fn status_name(status: RowStatus) -> &'static str {
    match status {
        RowStatus::Pending => "pending",
        RowStatus::Scheduled => "scheduled",
        RowStatus::Completed => "completed",
    }
}
