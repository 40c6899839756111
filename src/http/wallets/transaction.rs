//! A ledger row as billing SDKs know it, with ours beside (SEMANTICS §16).

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::RowId;
use coffer_ledger::unit::Currency;
use coffer_ledger::view::Progress;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::reply::TenantId;
use crate::feed::history::{Part, Row};
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
    row_type: &'a str,
    transaction_reason: &'a str,
    /// pending, scheduled or completed: how far the row was when it was written, which never changes. Where one transaction is read by its
    /// id, it is as `current_status`: how far it is now.
    transaction_status: &'a str,
    /// Of a row that was pending or scheduled when it was written: pending, scheduled, completed, failed or cancelled, as of the read. Null
    /// of all other rows, in the reply of the request that made it, and where nobody knows any more: of what is not among the last 128
    /// purchases of its customer that ended, and whose credit is gone, only the history knows it.
    current_status: Option<&'static str>,
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
    /// The pending or scheduled row that this one completes: they are the same credit.
    completes_transaction_id: Option<Id>,
    /// Of a row with a `current_status`: the row that brought its credit into the balance; null before that, and where nobody knows. They
    /// are the same credit. To add credits up, count rows that have a `sequence`: each credit has one such row.
    completed_by_transaction_id: Option<Id>,
    conversion_rate: Option<Dec>,
    topup_conversion_rate: Option<Dec>,
    /// Of a debit: the credits that paid for it, in the order taken; null where the history was not asked.
    consumption_breakdown: Option<Vec<Consumption>>,
    /// INVOICE where it belongs to one.
    source_type: Option<&'static str>,
    /// The invoice's id in your system.
    source_id: Option<&'a str>,
    /// The hold that it belongs to.
    hold_id: Option<Id>,
    /// The transfer that it belongs to.
    transfer_id: Option<Id>,
    /// The credit grant that it belongs to.
    grant_id: Option<Id>,
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
    /// As `recorded_at`; of a row with a `completed_by_transaction_id` that is read by its id, that row's.
    updated_at: Time,
}

/// What a reply says of a row that the row does not know itself.
pub(crate) struct RowContext<'a> {
    /// The customer's id.
    pub(crate) customer_id: &'a str,
    /// What is left of the credit that the row brought.
    pub(crate) credits_available: Option<Credits>,
    /// The credits that paid for it, where they were looked up.
    pub(crate) breakdown: Option<Vec<Consumption>>,
    /// How far it is now, where it was not completed when it was written and somebody looked.
    pub(crate) progress: Option<Progress>,
}

/// A credit, and how much of it a debit took.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Consumption {
    /// The row that brought the credit in.
    credit_transaction_id: Id,
    credits: Dec,
}

impl Consumption {
    /// So much of that.
    pub(crate) fn new(credit: RowId, taken: Credits) -> Self {
        Self { credit_transaction_id: credit.into(), credits: taken.into() }
    }
}

impl<'a> TransactionReply<'a> {
    /// Row and context as one object. `id` is null for a dry run.
    pub(crate) fn of(row: &'a Row, context: &RowContext<'a>) -> Self {
        Self {
            id: (row.id.position().0 > 0).then(|| row.id.into()),
            wallet_id: row.wallet.into(),
            customer_id: context.customer_id,
            row_type: &row.row_type,
            transaction_reason: &row.reason,
            transaction_status: &row.status,
            current_status: context.progress.map(|progress| progress.status.as_str()),
            credit_amount: row.credits.into(),
            amount: row.amount.map(Dec::from),
            currency: row.currency.map(CurrencyText),
            charged: row.charged.map(Dec::from),
            credit_balance_before: row.balance_before.map(Dec::from),
            credit_balance_after: row.balance_after.map(Dec::from),
            credits_available: context.credits_available.map(Dec::from),
            repaid: row.repaid.into(),
            slices: RowSlices(&row.parts),
            tranche_id: row.tranche.map(Id::from),
            expiry_date: row.expires_at.map(Time),
            priority: row.priority,
            sequence: row.sequence,
            reference_type: row.reference_type.as_deref(),
            reference_id: row.reference_id.as_deref(),
            description: row.description.as_deref(),
            metadata: row.metadata.as_deref().map(Pairs),
            idempotency_key: row.idempotency_key.as_deref(),
            parent_transaction_id: row.parent.map(Id::from),
            completes_transaction_id: row.completes.map(Id::from),
            completed_by_transaction_id: context
                .progress
                .and_then(|progress| progress.completed_by)
                .map(Id::from),
            conversion_rate: row.conversion_rate.map(Dec::from),
            topup_conversion_rate: row.topup_conversion_rate.map(Dec::from),
            consumption_breakdown: context.breakdown.clone(),
            source_type: row.invoice.as_ref().map(|_| "INVOICE"),
            source_id: row.invoice.as_deref(),
            hold_id: row.hold.map(Id::from),
            transfer_id: row.transfer.map(Id::from),
            grant_id: row.grant.map(Id::from),
            rate_card: row.card.map(|(card, version)| RateCardReply::new(card, version)),
            customer: Absent,
            wallet: Absent,
            created_by_user: Absent,
            status: "published",
            tenant_id: TenantId(row.tenant),
            environment_id: Absent,
            created_by: row.by.map(Id::from),
            updated_by: Absent,
            effective_at: Time(row.effective_at),
            recorded_at: Time(row.recorded_at),
            created_at: Time(row.recorded_at),
            updated_at: Time(row.recorded_at),
        }
    }

    /// The row as it is now: its status, and the balances around the row that brought its credit in.
    pub(crate) fn shown_now(mut self, completing: Option<&Row>) -> Self {
        self.transaction_status = self.current_status.unwrap_or(self.transaction_status);
        if let Some(row) = completing {
            self.credit_balance_before = row.balance_before.map(Dec::from);
            self.credit_balance_after = row.balance_after.map(Dec::from);
            self.repaid = row.repaid.into();
            self.updated_at = Time(row.recorded_at);
        }
        self
    }
}

/// The slices of one row.
struct RowSlices<'a>(&'a [Part]);

impl Serialize for RowSlices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(SliceReply::of_part))
    }
}

/// A currency as its three letters.
struct CurrencyText(Currency);

impl Serialize for CurrencyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}
