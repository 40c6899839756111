//! Purchases whose payment is somebody else's business: how they end, and how they stand (SEMANTICS §6, §11). The recharge's id says
//! whose it is.

use axum::http::StatusCode;
use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{RechargeId, WalletId};
use coffer_ledger::recharge::{Recharge, RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::ApiError;
use super::page::{ListReply, PageFields};
use super::reply::Reply;
use super::wire::{Dec, Id, Time};
use crate::engine::Target;

/// The end of a recharge; no body is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = EndRecharge)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndBody {
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// It is paid: pending credit comes in.
#[utoipa::path(post, path = "/v1/recharges/{id}/complete", tag = "Recharges", request_body = Option<EndBody>, responses((status = 200, body = RechargeReply, description = "Done")))]
pub(crate) async fn complete(call: Call) -> Result<Reply, ApiError> {
    end(call, Command::CompleteRecharge).await
}

/// It is not paid: pending credit never comes; credit that was there at once goes, and what was spent of it is debt.
#[utoipa::path(post, path = "/v1/recharges/{id}/fail", tag = "Recharges", request_body = Option<FailBody>, responses((status = 200, body = RechargeReply, description = "Done")))]
pub(crate) async fn fail(call: Call) -> Result<Reply, ApiError> {
    let body: FailBody = call.json_or_empty()?;
    let reason = body.reason.as_deref().map_or(Ok(RechargeReason::PaymentFailed), reason)?;
    end_with(call, body.idempotency_key, |id| Command::FailRecharge { id, reason }).await
}

fn reason(word: &str) -> Result<RechargeReason, ApiError> {
    let known = RechargeReason::OF_PAYMENTS.into_iter().find(|reason| reason.as_str() == word);
    known.ok_or_else(|| {
        let words: Vec<_> = RechargeReason::OF_PAYMENTS.iter().map(|reason| reason.as_str()).collect();
        ApiError::field("reason", &words.join(", "))
    })
}

/// It is called off before it was paid.
#[utoipa::path(post, path = "/v1/recharges/{id}/cancel", tag = "Recharges", request_body = Option<EndBody>, responses((status = 200, body = RechargeReply, description = "Done")))]
pub(crate) async fn cancel(call: Call) -> Result<Reply, ApiError> {
    end(call, Command::CancelRecharge).await
}

async fn end(call: Call, command: fn(RechargeId) -> Command) -> Result<Reply, ApiError> {
    let body: EndBody = call.json_or_empty()?;
    end_with(call, body.idempotency_key, command).await
}

async fn end_with(
    call: Call,
    key: Option<Box<str>>,
    command: impl FnOnce(RechargeId) -> Command,
) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let id: RechargeId = call.param("id").parse().map_err(|_| ApiError::not_found("recharge"))?;
    let origin = call.origin(key)?;
    let target = Target::Number(id.0.customer());
    let committed = call.submit(target, command(id), origin, dry_run).await.map_err(|error| {
        // Whoever shows an id of nobody's learns no more than that.
        if error.message() == "customer not found" { ApiError::not_found("recharge") } else { error }
    })?;
    let Effect::RechargeEnded(end) = &committed.record.facts.effect else {
        return Err(ApiError::internal("the record of a recharge's end holds another effect"));
    };
    Ok(Reply::json(StatusCode::OK, &RechargeReply::of(&end.recharge, None)).of(&committed))
}

/// A payment that failed; no body is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = FailRecharge)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailBody {
    /// Why: payment_failed (the default), card_declined, insufficient_funds, card_expired, authentication_required, no_payment_method or
    /// payment_refused.
    reason: Option<String>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Which recharges: of a wallet, or of all of a customer's.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct RechargeQuery {
    /// Of this wallet. It or `customer_id` is required; with both, the wallet is one of the customer's.
    wallet_id: Option<String>,
    /// Of all wallets of this customer, by either of its names.
    customer_id: Option<String>,
    /// pending, completed, failed or cancelled.
    status: Option<String>,
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Recharges to pass over.
    offset: Option<usize>,
    /// asc or desc by their beginning; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Recharges of a wallet or of a customer: all that are pending, and of a customer's others the 128 that ended last.
#[utoipa::path(get, path = "/v1/recharges", tag = "Recharges", params(RechargeQuery), responses((status = 200, body = ListReply<RechargeReply>, description = "Done")))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&["wallet_id", "customer_id", "status", "limit", "offset", "order", "cursor"])?;
    let wallet = query.get("wallet_id").map(|text| text.parse().map_err(|_| ApiError::not_found("wallet")));
    let wallet: Option<WalletId> = wallet.transpose()?;
    let target = match (query.get("customer_id"), wallet) {
        (Some(name), _) => Target::Customer(name),
        (None, Some(wallet)) => Target::Wallet(wallet),
        (None, None) => return Err(ApiError::field("wallet_id", "this or customer_id is required")),
    };
    let status = query.get("status").map(status).transpose()?;
    let page = PageFields::of_query(&query)?.read(&call.app, |text| text.parse::<RechargeId>().ok())?;
    let seen = call.read(target, move |customer, _| seen(customer, wallet, status)).await?;
    let Some(found) = &seen.value else { return Err(ApiError::not_found("wallet")) };
    let cut = page.cut(found.iter().map(|(recharge, _)| recharge.id).collect());
    let of = |id: &RechargeId| found.iter().find(|(recharge, _)| recharge.id == *id);
    let items: Vec<_> =
        cut.keys.iter().filter_map(of).map(|(one, next)| RechargeReply::of(one, *next)).collect();
    let pagination = cut.pagination(|id| id.to_string());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).seen(&seen))
}

fn status(text: &str) -> Result<RechargeStatus, ApiError> {
    match text {
        "pending" => Ok(RechargeStatus::Pending),
        "completed" => Ok(RechargeStatus::Completed),
        "failed" => Ok(RechargeStatus::Failed),
        "cancelled" => Ok(RechargeStatus::Cancelled),
        _ => Err(ApiError::field("status", "pending, completed, failed or cancelled")),
    }
}

type Seen = Vec<(Recharge, Option<Timestamp>)>;

/// With the last of a wallet's, if it failed, when the rule that began it tries again. `None` = the customer has no such wallet.
fn seen(customer: &Customer, of: Option<WalletId>, status: Option<RechargeStatus>) -> Option<Seen> {
    if let Some(wallet) = of {
        customer.wallet(wallet)?;
    }
    let all = customer.recharges.iter();
    let wanted = all.filter(|recharge| of.is_none_or(|wallet| recharge.wallet == wallet));
    let wanted = wanted.filter(|recharge| status.is_none_or(|status| recharge.status == status));
    Some(wanted.map(|recharge| (recharge.clone(), next_attempt(customer, recharge))).collect())
}

fn next_attempt(customer: &Customer, recharge: &Recharge) -> Option<Timestamp> {
    let is_of_rule = |other: &&Recharge| other.wallet == recharge.wallet && other.counted_in.is_some();
    let last = customer.recharges.iter().filter(is_of_rule).last()?;
    let watch = customer.wallet(recharge.wallet)?.watch.as_ref()?;
    let failed = last.id == recharge.id && recharge.status == RechargeStatus::Failed;
    Some(watch.recharging.backs_off_until).filter(|at| failed && at.0 > 0)
}

/// A purchase and what became of its payment.
#[derive(Serialize, ToSchema)]
#[schema(as = Recharge)]
pub(crate) struct RechargeReply {
    /// The payment provider's idempotency key.
    recharge_id: Id,
    wallet_id: Id,
    /// auto or top_up.
    origin: &'static str,
    /// pending, completed, failed or cancelled.
    status: &'static str,
    /// What it brings, its bonus included.
    credits: Dec,
    /// The same in money, unrounded.
    amount: Dec,
    /// Money to be paid, in whole minor units.
    charged: Dec,
    currency: String,
    /// The invoice that asks for it; null = it is charged directly.
    invoice_id: Option<Id>,
    /// Why it was not paid: payment_failed, card_declined, insufficient_funds, card_expired, authentication_required, no_payment_method,
    /// payment_refused, expired, cancelled or wallet_closed.
    reason: Option<&'static str>,
    /// When automatic top-up tries again, after this one failed.
    next_attempt_at: Option<Time>,
    /// When it began.
    created_at: Time,
    /// When it fails by itself.
    expires_at: Option<Time>,
    /// When it ended.
    ended_at: Option<Time>,
}

impl RechargeReply {
    fn of(recharge: &Recharge, next_attempt_at: Option<Timestamp>) -> Self {
        let bought = recharge.rows.iter().filter(|row| row.charged.is_some());
        Self {
            recharge_id: recharge.id.into(),
            wallet_id: recharge.wallet.into(),
            origin: recharge.origin.as_str(),
            status: recharge.status.as_str(),
            credits: recharge.credits().into(),
            amount: bought.map(|row| row.amount).sum::<coffer_ledger::amount::Money>().into(),
            charged: recharge.charged().into(),
            currency: recharge.currency.as_str().to_owned(),
            invoice_id: recharge.invoice.map(Id::from),
            reason: recharge.reason.map(|reason| reason.as_str()),
            next_attempt_at: next_attempt_at.map(Time),
            created_at: Time(recharge.begun_at),
            expires_at: recharge.expires_at.map(Time),
            ended_at: recharge.ended_at.map(Time),
        }
    }
}

/// Automatic top-up that goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoTopUpResumed)]
pub(crate) struct ResumedReply {
    message: &'static str,
    wallet_id: Id,
}

/// Automatic top-up goes on after failed payments, as if there had been none.
#[utoipa::path(post, path = "/v1/wallets/{id}/auto-topup/resume", tag = "Recharges", request_body = Option<EndBody>, responses((status = 200, body = ResumedReply, description = "Done")))]
pub(crate) async fn resume(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let wallet = call.wallet_id()?;
    let body: EndBody = call.json_or_empty()?;
    let origin = call.origin(body.idempotency_key)?;
    let command = Command::ResumeAutoTopup(wallet);
    let committed = call.submit(Target::Wallet(wallet), command, origin, dry_run).await?;
    let reply = ResumedReply { message: "automatic top-up resumed", wallet_id: wallet.into() };
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}
