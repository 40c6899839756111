//! Purchases whose payment is somebody else's business: how they end, and how they stand (`list`; SEMANTICS §6, §11). The recharge's id
//! says whose it is.

pub(crate) mod list;

use axum::http::StatusCode;
use coffer_ledger::command::Command;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::RechargeId;
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::ApiError;
use super::reply::Reply;
use super::wire::{Dec, Id, Time};
use crate::engine::Target;
use crate::feed::history::RechargeLife;

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

/// It is not paid: pending credit never comes; credit that was there at once goes, and what was spent of it is debt. What open holds keep of
/// it goes when they let it go, and is debt when they are captured; what a refund gives back of it is less debt.
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
    let ended = RechargeLife::of((call.tenant(), id.0.customer()), &end.recharge, committed.position);
    Ok(Reply::json(StatusCode::OK, &RechargeReply::of(&ended, None)).of(&committed))
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
    fn of(recharge: &RechargeLife, next_attempt_at: Option<Timestamp>) -> Self {
        Self {
            recharge_id: recharge.id.into(),
            wallet_id: recharge.wallet.into(),
            origin: recharge.origin.as_str(),
            status: recharge.status.as_str(),
            credits: recharge.credits.into(),
            amount: recharge.amount.into(),
            charged: recharge.charged.into(),
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
