//! A ledger row as billing SDKs know it, with ours beside (SEMANTICS §16).

use coffer_ledger::amount::Credits;
use coffer_ledger::command::Memo;
use coffer_ledger::fact::{CreditRow, Due, Effect, Slice};
use coffer_ledger::ids::{TenantNumber, TrancheId};
use coffer_ledger::record::Record;
use coffer_ledger::tranche::Terms;
use coffer_ledger::view::{RowStatus, RowType, RowView};
use coffer_ledger::wallet::WalletHead;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::reply::TenantId;
use crate::http::debits::SliceReply;
use crate::http::wire::{Absent, Dec, Id, Pairs, Time};

/// One ledger row.
#[derive(Serialize, ToSchema)]
#[schema(as = Transaction)]
pub(crate) struct TransactionReply<'a> {
    /// Null for a dry run.
    id: Option<Id>,
    wallet_id: Id,
    customer_id: &'a str,
    /// credit, debit or memo.
    #[serde(rename = "type")]
    row_type: &'static str,
    transaction_reason: &'static str,
    /// scheduled or completed.
    transaction_status: &'static str,
    /// Credits moved.
    credit_amount: Dec,
    /// The same in money.
    amount: Option<Dec>,
    currency: Option<&'a str>,
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
    /// What a debit took, in the order taken.
    #[schema(value_type = Vec<SliceReply>)]
    slices: RowSlices<'a>,
    /// The tranche that a credit made, or that an expiry emptied.
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
    /// The first row of the same operation.
    parent_transaction_id: Option<Id>,
    /// The scheduled row that this one completes.
    completes_transaction_id: Option<Id>,
    conversion_rate: Option<Dec>,
    topup_conversion_rate: Option<Dec>,
    consumption_breakdown: Absent,
    source_type: Absent,
    source_id: Absent,
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
        let terms = row.tranche.and_then(|tranche| terms(context.record, tranche));
        let head = wallet(&context.record.facts.effect).filter(|head| head.id == row.wallet);
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
            currency: currency(context.record, head),
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
            source_type: Absent,
            source_id: Absent,
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

/// The credit rows of a record's effect.
fn credit_rows(effect: &Effect) -> Vec<&CreditRow> {
    match effect {
        Effect::ToppedUp { rows, .. } => rows.iter().map(|row| &**row).collect(),
        Effect::WalletCreated { initial, .. } => initial.iter().map(|row| &**row).collect(),
        _ => Vec::new(), // wip
    }
}

/// The terms of a tranche that the record made or ended.
fn terms(record: &Record, tranche: TrancheId) -> Option<&Terms> {
    let ended = record.facts.due.iter().find_map(|due| match due {
        Due::Expired { tranche: ended, terms, .. } => (*ended == tranche).then_some(terms),
        Due::Started { .. } | Due::HoldExpired(_) => None,
    });
    let made = || credit_rows(&record.facts.effect).into_iter().find(|row| row.tranche == tranche);
    ended.or_else(|| made().map(|row| &row.terms))
}

/// The wallet that the record left, if it says.
fn wallet(effect: &Effect) -> Option<&WalletHead> {
    match effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => Some(wallet),
        _ => None, // wip
    }
}

fn currency<'a>(record: &'a Record, head: Option<&'a WalletHead>) -> Option<&'a str> {
    match &record.facts.effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => Some(debited.currency.as_str()),
        _ => head.map(|head| head.unit.currency.as_str()), // wip
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
