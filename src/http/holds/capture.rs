//! `POST …/holds/{hold_id}/capture` and `/release`: the two ends of a hold that somebody asks for.

use axum::http::StatusCode;
use coffer_ledger::command::{Capture, Command};
use coffer_ledger::ids::HoldId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::reply::{CaptureReply, HoldReply};
use super::{hold_of_item, hold_of_path, submit};
use crate::http::batch::item::{Item, OpField, only_in_a_batch};
use crate::http::call::Call;
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::fields::{self, Number, PairsField};
use crate::http::reply::Reply;

/// Settling a hold, whole or in part.
#[derive(Deserialize, ToSchema)]
#[schema(as = CaptureHold)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaptureBody<'a> {
    /// What an item of a batch does; only in `/v1/batch`.
    op: Option<OpField>,
    /// Whose hold; only in a batch, elsewhere the path says it.
    customer_id: Option<Box<str>>,
    /// Which hold; only in a batch, elsewhere the path says it.
    hold_id: Option<Box<str>>,
    /// How much was used.
    #[serde(borrow)]
    credits: Number<'a>,
    /// Release the rest and end the hold; default true. A capture of more than the hold ends it whatever this says.
    #[serde(rename = "final")]
    last: Option<bool>,
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

impl CaptureBody<'_> {
    /// As an item of a batch.
    pub(in crate::http) fn item(mut self) -> Result<Item, ApiError> {
        let (customer_id, idempotency_key) = (self.customer_id.take(), self.idempotency_key.take());
        let hold = hold_of_item(self.hold_id.take().as_deref())?;
        Ok(Item { customer_id, idempotency_key, command: self.read(hold)? })
    }

    fn read(self, hold: HoldId) -> Result<Command, ApiError> {
        Ok(Command::Capture(Capture {
            hold,
            credits: self.credits.credits("credits")?,
            last: self.last.unwrap_or(true),
            memo: fields::memo(self.reference_type, self.reference_id, self.description, self.metadata)?,
        }))
    }
}

/// Giving a hold back; no body is needed.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReleaseHold)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseBody {
    /// What an item of a batch does; only in `/v1/batch`.
    op: Option<OpField>,
    /// Whose hold; only in a batch, elsewhere the path says it.
    customer_id: Option<Box<str>>,
    /// Which hold; only in a batch, elsewhere the path says it.
    hold_id: Option<Box<str>>,
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

impl ReleaseBody {
    /// As an item of a batch.
    pub(in crate::http) fn item(mut self) -> Result<Item, ApiError> {
        let (customer_id, idempotency_key) = (self.customer_id.take(), self.idempotency_key.take());
        let hold = hold_of_item(self.hold_id.take().as_deref())?;
        Ok(Item { customer_id, idempotency_key, command: self.read(hold)? })
    }

    fn read(self, hold: HoldId) -> Result<Command, ApiError> {
        let memo = fields::memo(self.reference_type, self.reference_id, self.description, self.metadata)?;
        Ok(Command::Release { hold, memo })
    }
}

/// Settles a hold.
#[utoipa::path(post, path = "/v1/customers/{id}/holds/{hold_id}/capture", tag = "Holds", request_body = CaptureBody, responses((status = 200, body = CaptureReply, description = "Done")))]
pub(crate) async fn capture(call: Call) -> Result<Reply, ApiError> {
    let (dry_run, hold) = (call.dry_run()?, hold_of_path(&call)?);
    let mut body: CaptureBody<'_> = call.json()?;
    only_in_a_batch("op", body.op.is_some())?;
    only_in_a_batch("customer_id", body.customer_id.is_some())?;
    only_in_a_batch("hold_id", body.hold_id.is_some())?;
    let key = body.idempotency_key.take();
    let committed = submit(&call, body.read(hold)?, key, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &CaptureReply::of(&Done::alone(&committed))?).of(&committed))
}

/// Gives a hold back.
#[utoipa::path(post, path = "/v1/customers/{id}/holds/{hold_id}/release", tag = "Holds", request_body = Option<ReleaseBody>, responses((status = 200, body = HoldReply, description = "Done")))]
pub(crate) async fn release(call: Call) -> Result<Reply, ApiError> {
    let (dry_run, hold) = (call.dry_run()?, hold_of_path(&call)?);
    let mut body: ReleaseBody = call.json_or_empty()?;
    only_in_a_batch("op", body.op.is_some())?;
    only_in_a_batch("customer_id", body.customer_id.is_some())?;
    only_in_a_batch("hold_id", body.hold_id.is_some())?;
    let key = body.idempotency_key.take();
    let committed = submit(&call, body.read(hold)?, key, dry_run).await?;
    Ok(Reply::json(StatusCode::OK, &HoldReply::of(&Done::alone(&committed))?).of(&committed))
}
