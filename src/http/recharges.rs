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
use super::page::{ListReply, Pagination};
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

/// Which recharges.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct RechargeQuery {
    /// Whose: required.
    wallet_id: String,
    /// pending, completed, failed or cancelled.
    status: Option<String>,
}

/// A wallet's recharges, the latest first: all that are pending, and of a customer's others the 128 that ended last.
#[utoipa::path(get, path = "/v1/recharges", tag = "Recharges", params(RechargeQuery), responses((status = 200, body = ListReply<RechargeReply>, description = "Done")))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&["wallet_id", "status"])?;
    let wallet = query.get("wallet_id").ok_or_else(|| ApiError::field("wallet_id", "missing"))?;
    let wallet: WalletId = wallet.parse().map_err(|_| ApiError::not_found("wallet"))?;
    let status = query.get("status").map(status).transpose()?;
    let seen = call.read(Target::Wallet(wallet), move |customer, _| seen(customer, wallet, status)).await?;
    let Some(found) = &seen.value else { return Err(ApiError::not_found("wallet")) };
    let items: Vec<_> = found.iter().map(|(recharge, next)| RechargeReply::of(recharge, *next)).collect();
    let pagination = Pagination::whole(items.len());
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

/// With each that failed, when the rule that began it tries again.
fn seen(customer: &Customer, id: WalletId, status: Option<RechargeStatus>) -> Option<Seen> {
    let wallet = customer.wallet(id)?;
    let recharging = wallet.watch.as_ref().map(|watch| watch.recharging);
    let again = recharging.map(|recharging| recharging.backs_off_until).filter(|at| at.0 > 0);
    let of_wallet = customer.recharges.iter().filter(|recharge| recharge.wallet == id);
    let mut found: Seen = of_wallet
        .filter(|recharge| status.is_none_or(|status| recharge.status == status))
        .map(|recharge| {
            let last_failed = recharge.status == RechargeStatus::Failed && recharge.counted_in.is_some();
            (recharge.clone(), again.filter(|_| last_failed))
        })
        .collect();
    found.reverse();
    Some(found)
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
