//! `POST /v1/batch`: debits, holds, captures, releases and refunds, each alone, or all of one customer's or none.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::debits::BatchReply;
use super::item::{self, AnyItem};
use super::{Batch, atomic};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::idempotency;
use crate::http::reply::Reply;

/// Operations of the metering half.
#[derive(Deserialize, ToSchema)]
#[schema(as = Batch)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody<'a> {
    /// 1 to 10,000 operations, each with its `op` and `customer_id`, captures and releases with their `hold_id`.
    #[serde(borrow)]
    #[schema(value_type = Vec<AnyItem>, min_items = 1, max_items = 10_000)]
    operations: Vec<&'a RawValue>,
    /// All of them or none, as one record: then all are of one customer, at most 1,000, and the request's key is that of all. Default false.
    atomic: Option<bool>,
    /// As the `Idempotency-Key` header. An item without a key of its own has this one with `/` and its number from 0.
    idempotency_key: Option<Box<str>>,
}

/// Operations of any customers, each alone; or of one customer, all or none.
#[utoipa::path(post, path = "/v1/batch", tag = "Debits", request_body = BatchBody, responses((status = 200, body = BatchReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let body: BatchBody<'_> = call.json()?;
    let key = idempotency::of_request(&call.head.headers, body.idempotency_key)?;
    let items = body.operations;
    let batch = Batch { call: &call, list: "operations", items, read: item::read_any, key, dry_run };
    if body.atomic.unwrap_or(false) { atomic::all_or_none(batch).await } else { batch.each_alone().await }
}
