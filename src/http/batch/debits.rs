//! `POST /v1/debits/batch`: many debits, each alone.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Batch, item};
use crate::http::call::Call;
use crate::http::debits::DebitBody;
use crate::http::error::ApiError;
use crate::http::idempotency;
use crate::http::reply::Reply;

/// Debits, each alone.
#[derive(Deserialize, ToSchema)]
#[schema(as = DebitBatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct DebitBatchBody<'a> {
    /// 1 to 10,000 debits, each with its `customer_id`.
    #[serde(borrow)]
    #[schema(value_type = Vec<DebitBody>, min_items = 1, max_items = 10_000)]
    debits: Vec<&'a RawValue>,
    /// As the `Idempotency-Key` header. An item without a key of its own has this one with `/` and its number from 0.
    idempotency_key: Option<Box<str>>,
}

/// The results in the order of the request. Each is the reply or the error body of its item, with `status` and `replayed`.
#[derive(ToSchema)]
#[schema(as = BatchReply)]
#[expect(dead_code, reason = "the reply is written item by item; this is its description")]
pub(crate) struct BatchReply {
    /// One per item.
    results: Vec<BatchResult>,
}

/// What became of one item: beside these, the fields of its reply or of `Error`. A hold's own status is called `hold_status` here.
#[derive(ToSchema)]
#[schema(as = BatchResult)]
#[expect(dead_code, reason = "the reply is written item by item; this is its description")]
pub(crate) struct BatchResult {
    /// The HTTP status that the item alone would have had.
    status: u16,
    /// Whether this is the outcome of an earlier request with the same key. Not in an atomic batch: there the header says it of all.
    replayed: Option<bool>,
}

/// Debits of any customers.
#[utoipa::path(post, path = "/v1/debits/batch", tag = "Debits", request_body = DebitBatchBody, responses((status = 200, body = BatchReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let body: DebitBatchBody<'_> = call.json()?;
    let key = idempotency::of_request(&call.head.headers, body.idempotency_key)?;
    let batch =
        Batch { call: &call, list: "debits", items: body.debits, read: item::read_debit, key, dry_run };
    batch.each_alone().await
}
