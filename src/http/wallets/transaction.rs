//! A ledger row as billing SDKs know it, with ours beside (SEMANTICS §16).

use coffer_ledger::amount::Credits;
use coffer_ledger::command::Memo;
use coffer_ledger::fact::{Effect, Slice};
use coffer_ledger::ids::TenantNumber;
use coffer_ledger::record::Record;
use coffer_ledger::unit::Currency;
use coffer_ledger::view::{Reference, RowStatus, RowType, RowView};
use coffer_ledger::wallet::WalletHead;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::reply::TenantId;
use super::terms;
use crate::http::debits::{RateCardReply, SliceReply};
use crate::http::wire::{Absent, Dec, Id, Pairs, Time};

/// One ledger row.
#[derive(Serialize, ToSchema)]
#[schema(as = Transaction)]
pub(crate) struct TransactionReply<'a> {
    /// Null for a dry run.
    id: Option<Id>,
    wallet_id: Id,
    customer_id: &'a str,
    /// credit, debit, hold, release or memo. Only credits and debits move posted.
    #[serde(rename = "type")]
    row_type: &'static str,
    transaction_reason: &'static str,
    /// scheduled or completed.
    transaction_status: &'static str,
    /// Credits moved.
    credit_amount: Dec,
    /// The same in money.
    amount: Option<Dec>,
    #[schema(value_type = Option<String>)]
    currency: Option<CurrencyText>,
    /// Money charged.
    charged: Option<Dec>,
    /// Posted before; null outside the balance chain.
    credit_balance_before: Option<Dec>,
    /// Posted after; null outside the balance chain.
    credit_balance_after: Option<Dec>,
    /// What is left of the credit.
    credits_available: Option<Dec>,
    /// How much of a credit repaid debt.
    repaid: Dec,
    /// What a debit took or a hold reserved, in the order taken; what came back, in the order of coming back.
    #[schema(value_type = Vec<SliceReply>)]
    slices: RowSlices<'a>,
    /// The tranche that a credit made, or that an expiry or a void emptied.
    tranche_id: Option<Id>,
    /// When the credit ends.
    expiry_date: Option<Time>,
    /// The tranche's burn priority.
    priority: Option<u32>,
    /// Number in the wallet, gap-free; null outside the balance chain.
    sequence: Option<u64>,
    reference_type: Option<&'a str>,
    reference_id: Option<&'a str>,
    description: Option<&'a str>,
    #[schema(value_type = Option<Pairs>)]
    metadata: Option<Pairs<'a>>,
    idempotency_key: Option<&'a str>,
    /// The first row of the same operation; the debit's row that a refund gives back; the credit's row that a void takes back.
    parent_transaction_id: Option<Id>,
    /// The scheduled row that this one completes.
    completes_transaction_id: Option<Id>,
    conversion_rate: Option<Dec>,
    topup_conversion_rate: Option<Dec>,
    consumption_breakdown: Absent,
    /// INVOICE where it belongs to one.
    source_type: Option<&'static str>,
    /// The invoice's id in your system.
    source_id: Option<&'a str>,
    /// The hold that it belongs to.
    hold_id: Option<Id>,
    /// The transfer that it belongs to.
    transfer_id: Option<Id>,
    /// The rate card that priced it; null: none did.
    rate_card: Option<RateCardReply>,
    customer: Absent,
    wallet: Absent,
    created_by_user: Absent,
    /// Always "published".
    status: &'static str,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    environment_id: Absent,
    /// The key that was shown; null = the system.
    created_by: Option<Id>,
    updated_by: Absent,
    /// The instant that counts.
    effective_at: Time,
    /// The instant of the record.
    recorded_at: Time,
    /// As `recorded_at`.
    created_at: Time,
    /// As `recorded_at`.
    updated_at: Time,
}

/// What a row's rendering knows beside the row.
pub(crate) struct RowContext<'a> {
    /// Whose row it is.
    pub(crate) tenant: TenantNumber,
    /// The customer's id.
    pub(crate) customer_id: &'a str,
    /// The row's record.
    pub(crate) record: &'a Record,
    /// What is left of the credit that the row brought.
    pub(crate) credits_available: Option<Credits>,
}

impl<'a> TransactionReply<'a> {
    /// Row and context as one object.
    pub(crate) fn of(row: &RowView<'a>, context: &RowContext<'a>) -> Self {
        let memo = row.memo;
        let terms = row.tranche.and_then(|tranche| terms::of(&context.record.facts, tranche));
        let head = wallet(&context.record.facts.effect).filter(|head| head.id == row.wallet);
        let (invoice, hold_id, transfer_id) = match row.reference {
            Some(Reference::Invoice(id)) => (Some(id), None, None),
            Some(Reference::Hold(id)) => (None, Some(id.into()), None),
            Some(Reference::Transfer(id)) => (None, None, Some(id.into())),
            None => (None, None, None),
        };
        let text = |pick: fn(&Memo) -> &Option<Box<str>>| memo.and_then(|memo| pick(memo).as_deref());
        Self {
            id: (row.position.0 > 0).then(|| row.id.into()),
            wallet_id: row.wallet.into(),
            customer_id: context.customer_id,
            row_type: type_name(row.row_type),
            transaction_reason: row.reason.as_str(),
            transaction_status: status_name(row.status),
            credit_amount: row.credits.into(),
            amount: row.amount.map(Dec::from),
            currency: row.currency.or(head.map(|head| head.unit.currency)).map(CurrencyText),
            charged: row.charged.map(Dec::from),
            credit_balance_before: row.balance_before.map(Dec::from),
            credit_balance_after: row.balance_after.map(Dec::from),
            credits_available: context.credits_available.map(Dec::from),
            repaid: row.repaid.into(),
            slices: RowSlices(row.slices.to_vec()),
            tranche_id: row.tranche.map(Id::from),
            expiry_date: terms.and_then(|terms| terms.expires_at).map(Time),
            priority: terms.map(|terms| terms.priority),
            sequence: row.sequence,
            reference_type: text(|memo| &memo.reference_type),
            reference_id: text(|memo| &memo.reference_id),
            description: text(|memo| &memo.description),
            metadata: memo.map(|memo| Pairs(&memo.metadata)),
            idempotency_key: row.idempotency_key,
            parent_transaction_id: row.parent.map(Id::from),
            completes_transaction_id: row.completes.map(Id::from),
            conversion_rate: head.map(|head| head.unit.conversion_rate.into()),
            topup_conversion_rate: head.map(|head| head.topup_conversion_rate.into()),
            consumption_breakdown: Absent,
            source_type: invoice.map(|_| "INVOICE"),
            source_id: invoice,
            hold_id,
            transfer_id,
            rate_card: row.priced.map(RateCardReply::of),
            customer: Absent,
            wallet: Absent,
            created_by_user: Absent,
            status: "published",
            tenant_id: TenantId(context.tenant),
            environment_id: Absent,
            created_by: row.by.map(Id::from),
            updated_by: Absent,
            effective_at: Time(row.effective_at),
            recorded_at: Time(row.recorded_at),
            created_at: Time(row.recorded_at),
            updated_at: Time(row.recorded_at),
        }
    }
}

/// The slices of one row.
struct RowSlices<'a>(Vec<&'a Slice>);

impl Serialize for RowSlices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|slice| SliceReply::of(slice)))
    }
}

/// The wallet that an effect left, if it says.
fn wallet(effect: &Effect) -> Option<&WalletHead> {
    match effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => Some(wallet),
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
        | Effect::Atomic(_) => None,
    }
}

/// A currency as its three letters.
struct CurrencyText(Currency);

impl Serialize for CurrencyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
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
        RowStatus::Scheduled => "scheduled",
        RowStatus::Completed => "completed",
    }
}
