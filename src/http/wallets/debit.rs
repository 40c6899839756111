//! `POST /v1/wallets/{id}/debit`: by hand. It ignores scopes and never overdraws.

use axum::http::StatusCode;
use coffer_ledger::command::{Command, ManualDebit};
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::head;
use super::reply::WalletReply;
use crate::engine::Target;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields::{self, Number, PairsField};
use crate::http::reply::Reply;

/// The only reason of a manual debit.
const REASON: &str = "MANUAL_BALANCE_DEBIT";

/// A debit by hand.
#[derive(Deserialize, ToSchema)]
#[schema(as = ManualDebit)]
pub(crate) struct ManualDebitBody<'a> {
    /// How much.
    #[serde(borrow)]
    credits: Number<'a>,
    /// MANUAL_BALANCE_DEBIT, or absent.
    transaction_reason: Option<Box<str>>,
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
}

/// Debits a wallet by hand.
#[utoipa::path(post, path = "/v1/wallets/{id}/debit", tag = "Wallets", request_body = ManualDebitBody, responses((status = 200, body = WalletReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let wallet = call.wallet_id()?;
    let body: ManualDebitBody<'_> = call.json()?;
    if body.transaction_reason.as_deref().is_some_and(|reason| reason != REASON) {
        return Err(ApiError::field("transaction_reason", "must be MANUAL_BALANCE_DEBIT"));
    }
    let origin = call.origin(body.idempotency_key)?;
    let memo = fields::memo(body.reference_type, body.reference_id, body.description, body.metadata)?;
    let credits = body.credits.credits("credits")?;
    let command = Command::ManualDebit(ManualDebit { wallet, credits, memo });
    let committed = call.submit(Target::Wallet(wallet), command, origin, dry_run).await?;
    let reply = WalletReply::of_committed(call.tenant(), &committed, head(&committed)?);
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}
