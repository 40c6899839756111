//! `POST /v1/debits/batch`: many debits in one request, answered in order, each alone.

use axum::http::StatusCode;
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::ids::{CustomerNumber, LogPosition};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::call::Call;
use super::debits::{DebitBody, DebitReply};
use super::error::ApiError;
use super::reply::Reply;
use super::{body, fields, idempotency, json};
use crate::engine::{Committed, Operation, Target};

/// Bytes that an item's result is expected to have.
const RESULT_BYTES: usize = 768;

/// Debits, each alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody<'a> {
    /// 1 to 10,000 debits, each with its `customer_id`.
    #[serde(borrow)]
    #[schema(value_type = Vec<DebitBody>, min_items = 1, max_items = 10_000)]
    debits: Vec<&'a RawValue>,
}

/// The results in the order of the request. Each is the reply or the error body of its debit, with `status` and `replayed`.
#[derive(ToSchema)]
#[schema(as = BatchReply)]
#[expect(dead_code, reason = "the reply is written item by item; this is its description")]
pub(crate) struct BatchReply {
    /// One per debit.
    results: Vec<BatchResult>,
}

/// What became of one debit: beside these, the fields of `Debit` or of `Error`.
#[derive(ToSchema)]
#[schema(as = BatchResult)]
#[expect(dead_code, reason = "the reply is written item by item; this is its description")]
pub(crate) struct BatchResult {
    /// The HTTP status that the debit alone would have had.
    status: u16,
    /// Whether this is the outcome of an earlier request with the same key.
    replayed: bool,
}

/// Debits of any customers.
#[utoipa::path(post, path = "/v1/debits/batch", tag = "Debits", request_body = BatchBody, responses((status = 200, body = BatchReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let (operations, mut results) = read(&call, dry_run)?;
    let slots: Vec<usize> =
        results.iter().enumerate().filter(|(_, result)| result.is_none()).map(|(slot, _)| slot).collect();
    let outcomes = call.engine().submit_many(call.tenant(), operations).await;
    for (slot, outcome) in slots.into_iter().zip(outcomes) {
        results[slot] = Some(outcome.map_err(ApiError::from));
    }
    render(results)
}

type Outcome = Option<Result<Committed, ApiError>>;

type Routed = (CustomerNumber, Operation);

/// The operations that can be tried, and a place for every result: errors are there already.
fn read(call: &Call, dry_run: bool) -> Result<(Vec<Routed>, Vec<Outcome>), ApiError> {
    let items: BatchBody<'_> = call.json()?;
    let items_max = call.app.options.batch_items_max;
    if items.debits.is_empty() || items.debits.len() > items_max {
        return Err(ApiError::field("debits", &format!("1 to {items_max} items")));
    }
    let key = idempotency::of_header(&call.head.headers)?;
    let mut operations = Vec::with_capacity(items.debits.len());
    let mut results = Vec::with_capacity(items.debits.len());
    for (index, item) in items.debits.iter().enumerate() {
        match read_item(call, item, key.as_deref(), index, dry_run) {
            Ok(operation) => {
                operations.push(operation);
                results.push(None);
            }
            Err(error) => results.push(Some(Err(error))),
        }
    }
    Ok((operations, results))
}

fn read_item(
    call: &Call,
    item: &RawValue,
    header_key: Option<&str>,
    index: usize,
    dry_run: bool,
) -> Result<Routed, ApiError> {
    let mut item: DebitBody<'_> = body::parse(item.get().as_bytes())?;
    let name = item.customer_id.take().ok_or_else(|| ApiError::field("customer_id", "missing"))?;
    let target = Target::Customer(fields::known_name("customer_id", &name)?);
    let idempotency_key = idempotency::of_item(header_key, index, item.idempotency_key.take())?;
    let command = Command::Debit(item.read()?);
    call.check_bound(target)?;
    let customer =
        call.engine().resolve(call.tenant(), target).ok_or_else(|| ApiError::not_found("customer"))?;
    let origin = Origin { by: Some(call.who.key), idempotency_key };
    Ok((customer, Operation { command, origin, dry_run }))
}

fn render(results: Vec<Outcome>) -> Result<Reply, ApiError> {
    let mut json = Vec::with_capacity(results.len() * RESULT_BYTES);
    json.extend_from_slice(b"{\"results\":[");
    let mut highest = LogPosition(0);
    for (index, result) in results.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        let result = result.ok_or_else(|| ApiError::internal("the engine left out an item of a batch"))?;
        match result.and_then(|committed| write_debit(&mut json, &committed).map(|()| committed.position)) {
            Ok(position) => highest = highest.max(position),
            Err(error) => write_error(&mut json, &error),
        }
    }
    json.extend_from_slice(b"]}");
    Ok(Reply::raw(StatusCode::OK, json).at(highest))
}

fn write_debit(json: &mut Vec<u8>, committed: &Committed) -> Result<(), ApiError> {
    let reply = DebitReply::of(committed)?;
    let head = if committed.replayed {
        "{\"status\":200,\"replayed\":true"
    } else {
        "{\"status\":200,\"replayed\":false"
    };
    join(json, head, &reply);
    Ok(())
}

/// An error's body has its `status` already.
fn write_error(json: &mut Vec<u8>, error: &ApiError) {
    join(json, "{\"replayed\":false", &error.body());
}

/// Writes `head`, an object without its closing brace, and goes on with the fields of the object that `rest` is.
fn join(out: &mut Vec<u8>, head: &str, rest: &impl Serialize) {
    out.extend_from_slice(head.as_bytes());
    let brace = out.len();
    json::write(out, rest);
    out[brace] = b',';
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_one_object() {
        let mut json = Vec::new();
        let error = ApiError::field("credits", "missing");
        write_error(&mut json, &error);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["status"], 400);
        assert_eq!(value["replayed"], false);
        assert_eq!(value["details"]["field"], "credits");
    }
}
