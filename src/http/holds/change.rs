//! `POST …/holds/{hold_id}/extend` and `/grow`: more time, more credit.

use axum::http::StatusCode;
use coffer_ledger::command::Command;
use serde::Deserialize;
use utoipa::ToSchema;

use super::reply::HoldReply;
use super::{hold_of_path, submit};
use crate::http::call::Call;
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::fields::Number;
use crate::http::reply::Reply;

/// More time for a hold.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExtendHold)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendBody {
    /// Seconds from now until the deadline, 1 to 604,800. No hold outlives its limit (7 days from placing): what would, ends there.
    expires_in: u32,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// More credit for a hold.
#[derive(Deserialize, ToSchema)]
#[schema(as = GrowHold)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrowBody<'a> {
    /// How much more.
    #[serde(borrow)]
    credits: Number<'a>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// Moves a hold's deadline.
#[utoipa::path(post, path = "/v1/customers/{id}/holds/{hold_id}/extend", tag = "Holds", request_body = ExtendBody, responses((status = 200, body = HoldReply, description = "Done")))]
pub(crate) async fn extend(call: Call) -> Result<Reply, ApiError> {
    let (dry_run, hold) = (call.dry_run()?, hold_of_path(&call)?);
    let body: ExtendBody = call.json()?;
    let command = Command::Extend { hold, expires_in_s: body.expires_in };
    answer(&call, command, body.idempotency_key, dry_run).await
}

/// Reserves more for a hold.
#[utoipa::path(post, path = "/v1/customers/{id}/holds/{hold_id}/grow", tag = "Holds", request_body = GrowBody, responses((status = 200, body = HoldReply, description = "Done")))]
pub(crate) async fn grow(call: Call) -> Result<Reply, ApiError> {
    let (dry_run, hold) = (call.dry_run()?, hold_of_path(&call)?);
    let body: GrowBody<'_> = call.json()?;
    let command = Command::Grow { hold, credits: body.credits.credits("credits")? };
    answer(&call, command, body.idempotency_key, dry_run).await
}

async fn answer(
    call: &Call,
    command: Command,
    idempotency_key: Option<Box<str>>,
    dry_run: bool,
) -> Result<Reply, ApiError> {
    let committed = submit(call, command, idempotency_key, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &HoldReply::of(&Done::alone(&committed))?).of(&committed))
}
