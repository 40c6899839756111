//! Freezing, unfreezing and closing a wallet (SEMANTICS §15).

use axum::http::StatusCode;
use coffer_ledger::command::{Command, Remainder};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::WalletId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::head;
use super::reply::WalletReply;
use crate::engine::Target;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::http::wire::Dec;

/// A change of a wallet's status; no body is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = StatusChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusBody {
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// The end of a wallet; no body is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = TerminateWallet)]
pub(crate) struct TerminateBody {
    /// What becomes of the credit; default forfeit.
    remainder: Option<RemainderField>,
    /// Release the open holds that pin credit of it; default false: they are in the way.
    force: Option<bool>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// What becomes of a closing wallet's credit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Remainder)]
pub(crate) enum RemainderField {
    /// It is gone.
    #[default]
    Forfeit,
    /// The unspent share of what was paid is marked for paying out.
    Refund,
}

/// A closed wallet.
#[derive(Serialize, ToSchema)]
#[schema(as = TerminatedWallet)]
pub(crate) struct TerminatedReply<'a> {
    message: &'static str,
    /// Money to pay out.
    refund: Dec,
    /// Credit given up.
    forfeited: Dec,
    /// Debt written off.
    written_off: Dec,
    #[serde(flatten)]
    wallet: WalletReply<'a>,
}

/// Nothing leaves any more until unfrozen.
#[utoipa::path(post, path = "/v1/wallets/{id}/freeze", tag = "Wallets", request_body = Option<StatusBody>, responses((status = 200, body = WalletReply, description = "Done")))]
pub(crate) async fn freeze(call: Call) -> Result<Reply, ApiError> {
    set_status(call, Command::Freeze).await
}

/// Active again.
#[utoipa::path(post, path = "/v1/wallets/{id}/unfreeze", tag = "Wallets", request_body = Option<StatusBody>, responses((status = 200, body = WalletReply, description = "Done")))]
pub(crate) async fn unfreeze(call: Call) -> Result<Reply, ApiError> {
    set_status(call, Command::Unfreeze).await
}

async fn set_status(call: Call, command: fn(WalletId) -> Command) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let wallet = call.wallet_id()?;
    let body: StatusBody = call.json_or_empty()?;
    let origin = call.origin(body.idempotency_key)?;
    let committed = call.submit(Target::Wallet(wallet), command(wallet), origin, dry_run).await?;
    let reply = WalletReply::of_committed(call.tenant(), &committed, head(&committed)?);
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}

/// Ends a wallet.
#[utoipa::path(post, path = "/v1/wallets/{id}/terminate", tag = "Wallets", request_body = Option<TerminateBody>, responses((status = 200, body = TerminatedReply, description = "Done")))]
pub(crate) async fn terminate(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let wallet = call.wallet_id()?;
    let body: TerminateBody = call.json_or_empty()?;
    let origin = call.origin(body.idempotency_key)?;
    let remainder = match body.remainder.unwrap_or_default() {
        RemainderField::Forfeit => Remainder::Forfeit,
        RemainderField::Refund => Remainder::Refund,
    };
    let command = Command::Close { wallet, remainder, force: body.force.unwrap_or(false) };
    let committed = call.submit(Target::Wallet(wallet), command, origin, dry_run).await?;
    let Effect::WalletClosed { forfeits, written_off, refund, wallet, .. } = &committed.record.facts.effect
    else {
        return Err(ApiError::internal("the record of a closing holds another effect"));
    };
    let reply = TerminatedReply {
        message: "wallet terminated successfully",
        refund: (*refund).into(),
        forfeited: forfeits
            .iter()
            .map(|forfeit| forfeit.credits)
            .sum::<coffer_ledger::amount::Credits>()
            .into(),
        written_off: (*written_off).into(),
        wallet: WalletReply::of_committed(call.tenant(), &committed, wallet),
    };
    Ok(Reply::json(StatusCode::OK, &reply).of(&committed))
}
