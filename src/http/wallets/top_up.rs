//! `POST /v1/wallets/{id}/top-up`: credit in (SEMANTICS §6).

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Bonus, Command, CreditReason, Quantity, TopUp};
use coffer_ledger::fact::{CreditRow, Effect};
use coffer_ledger::ids::WalletId;
use coffer_ledger::tranche::Source;
use coffer_ledger::view::{self, RowType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::reply::WalletReply;
use super::transaction::{RowContext, TransactionReply};
use crate::engine::{Committed, Target};
use crate::feed::history::Row;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields::{self, Later, Number, PairsField, ScopeField};
use crate::http::reply::Reply;
use crate::http::wire::{Absent, Id};

/// Credit in. Give `credits_to_add`, or `amount`; credits win.
#[derive(Deserialize, ToSchema)]
#[schema(as = TopUp)]
pub(crate) struct TopUpBody<'a> {
    /// FREE_CREDIT_GRANT, PURCHASED_CREDIT_DIRECT, PURCHASED_CREDIT_INVOICED, SUBSCRIPTION_CREDIT_GRANT, CREDIT_NOTE, INVOICE_VOID_REFUND or
    /// CREDIT_ADJUSTMENT.
    transaction_reason: Box<str>,
    /// So many credits.
    #[serde(borrow)]
    credits_to_add: Option<Number<'a>>,
    /// So much money, at the wallet's `topup_conversion_rate`.
    amount: Option<Number<'a>>,
    /// When the credit ends; absent = never.
    expiry_date_utc: Option<Box<str>>,
    /// From when it can be spent; absent = now. The past only orders, the future schedules.
    effective_date: Option<Box<str>>,
    /// Lower burns first; absent = the tenant's default for the source.
    priority: Option<u32>,
    /// What it may pay for; absent = USAGE for promotional credit, anything for the rest.
    scope: Option<ScopeField>,
    /// Money paid, for reasons that do not say it themselves.
    paid: Option<Number<'a>>,
    /// Free credit on top; purchases only.
    bonus_credits_to_add: Option<Number<'a>>,
    /// When the bonus ends; absent = never.
    bonus_credits_expiry_date_utc: Option<Box<str>>,
    /// Kind of the thing referred to: at most 128 bytes.
    reference_type: Option<Box<str>>,
    /// Its id in your system: at most 128 bytes.
    reference_id: Option<Box<str>>,
    /// Text for people: at most 512 bytes.
    description: Option<Box<str>>,
    /// Your own pairs.
    metadata: Option<PairsField>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
    checkout: Option<Later<'a>>,
    /// Must be empty or absent in this version.
    #[schema(value_type = Option<Vec<String>>)]
    coupons: Option<Vec<&'a RawValue>>,
}

/// Credits a wallet.
#[utoipa::path(post, path = "/v1/wallets/{id}/top-up", tag = "Wallets", request_body = TopUpBody, responses((status = 200, body = TopUpReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let wallet = call.wallet_id()?;
    let mut body: TopUpBody<'_> = call.json()?;
    let origin = call.origin(body.idempotency_key.take())?;
    let command = Command::TopUp(read(wallet, body)?);
    let committed = call.submit(Target::Wallet(wallet), command, origin, dry_run).await;
    let committed = committed.map_err(|error| {
        error
            .renamed("expires_at", "expiry_date_utc")
            .renamed("bonus.expires_at", "bonus_credits_expiry_date_utc")
    })?;
    render(&call, &committed)
}

fn read(wallet: WalletId, body: TopUpBody<'_>) -> Result<TopUp, ApiError> {
    Later::refuse(body.checkout, "checkout")?;
    if body.coupons.is_some_and(|coupons| !coupons.is_empty()) {
        return Err(ApiError::not_available("coupons"));
    }
    let reason = reason(&body.transaction_reason)?;
    let quantity = match (body.credits_to_add, body.amount) {
        (Some(credits), _) => Quantity::Credits(credits.credits("credits_to_add")?),
        (None, Some(amount)) => Quantity::Amount(amount.money("amount")?),
        (None, None) => {
            return Err(ApiError::field("credits_to_add", "missing: give credits_to_add, or amount"));
        }
    };
    let bonus_end =
        fields::time("bonus_credits_expiry_date_utc", body.bonus_credits_expiry_date_utc.as_deref())?;
    let promotional = reason.source() == Source::Promotional;
    Ok(TopUp {
        wallet,
        quantity,
        reason,
        effective_at: fields::time("effective_date", body.effective_date.as_deref())?,
        expires_at: fields::time("expiry_date_utc", body.expiry_date_utc.as_deref())?,
        priority: body.priority,
        scope: body.scope.map(|scope| scope.read(promotional)).transpose()?,
        paid: body.paid.map(|paid| paid.money("paid")).transpose()?,
        bonus: bonus(body.bonus_credits_to_add, bonus_end)?,
        memo: fields::memo(body.reference_type, body.reference_id, body.description, body.metadata)?,
    })
}

fn bonus(
    credits: Option<Number<'_>>,
    expires_at: Option<coffer_ledger::time::Timestamp>,
) -> Result<Option<Bonus>, ApiError> {
    match (credits, expires_at) {
        (Some(credits), expires_at) => {
            Ok(Some(Bonus { credits: credits.credits("bonus_credits_to_add")?, expires_at }))
        }
        (None, Some(_)) => Err(ApiError::field("bonus_credits_expiry_date_utc", "there is no bonus")),
        (None, None) => Ok(None),
    }
}

fn reason(text: &str) -> Result<CreditReason, ApiError> {
    const FIELD: &str = "transaction_reason";
    match text {
        "FREE_CREDIT_GRANT" => Ok(CreditReason::FreeCreditGrant),
        "PURCHASED_CREDIT_DIRECT" => Ok(CreditReason::PurchasedCreditDirect),
        "SUBSCRIPTION_CREDIT_GRANT" => Ok(CreditReason::SubscriptionCreditGrant),
        "CREDIT_NOTE" => Ok(CreditReason::CreditNote),
        "INVOICE_VOID_REFUND" => Ok(CreditReason::InvoiceVoidRefund),
        "CREDIT_ADJUSTMENT" => Ok(CreditReason::CreditAdjustment),
        "PURCHASED_CREDIT_INVOICED" => Ok(CreditReason::PurchasedCreditInvoiced),
        "PURCHASED_CREDIT_BONUS" => {
            Err(ApiError::field(FIELD, "a bonus comes with its purchase: bonus_credits_to_add"))
        }
        _ => Err(ApiError::field(FIELD, "not a reason for credit")),
    }
}

/// A wallet that was credited.
#[derive(Serialize, ToSchema)]
#[schema(as = TopUpReply)]
pub(crate) struct TopUpReply<'a> {
    /// The ledger row of the credit.
    wallet_transaction: Option<TransactionReply<'a>>,
    /// The ledger row of the bonus.
    bonus_transaction: Option<TransactionReply<'a>>,
    /// The wallet after both.
    wallet: WalletReply<'a>,
    /// The invoice that asks for the money; of PURCHASED_CREDIT_INVOICED only.
    invoice_id: Option<Id>,
    /// What is completed, failed or cancelled when the payment's outcome is known; of PURCHASED_CREDIT_INVOICED only.
    recharge_id: Option<Id>,
    checkout_session: Absent,
}

fn render(call: &Call, committed: &Committed) -> Result<Reply, ApiError> {
    let record = &*committed.record;
    let (credits, wallet, bought) = match &record.facts.effect {
        Effect::ToppedUp { rows, wallet } => (rows, wallet, None),
        Effect::Recharged { recharge, wallet } => (&recharge.rows, wallet, Some(recharge)),
        _ => return Err(ApiError::internal("the record of a top-up holds another effect")),
    };
    let is_pending = bought.is_some_and(|recharge| recharge.is_pending_credit());
    let views = view::rows(record, committed.position);
    let customer_id = &*committed.customer.id;
    let row_of = |credit: &CreditRow| {
        let of_credit =
            |row: &&view::RowView<'_>| row.row_type == RowType::Credit && row.tranche == Some(credit.tranche);
        let row = views.iter().rfind(of_credit)?;
        let available = if is_pending { Credits::ZERO } else { credit.terms.original - credit.repaid };
        let credits_available = Some(available);
        let row = Row::of(call.tenant(), committed.customer.number, record, row);
        Some((row, RowContext { customer_id, credits_available, breakdown: None, progress: None }))
    };
    let mut rows = credits.iter().map(|credit| row_of(credit));
    let (credit, bonus) = (rows.next().flatten(), rows.next().flatten());
    let reply = TopUpReply {
        wallet_transaction: credit.as_ref().map(|(row, context)| TransactionReply::of(row, context)),
        bonus_transaction: bonus.as_ref().map(|(row, context)| TransactionReply::of(row, context)),
        wallet: WalletReply::of_committed(call.tenant(), committed, wallet),
        invoice_id: bought.and_then(|recharge| recharge.invoice).map(Id::from),
        recharge_id: bought.map(|recharge| recharge.id.into()),
        checkout_session: Absent,
    };
    Ok(Reply::json(StatusCode::OK, &reply).of(committed))
}
