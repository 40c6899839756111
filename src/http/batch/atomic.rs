//! All items of one customer, or none: one record (API §2 `atomic`).
//!
//! The batch is refused as a whole, with the error of the first item that cannot be, and that item's number as `index`.

use axum::http::StatusCode;
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::ids::CustomerNumber;

use super::item::Item;
use super::{Batch, RESULT_BYTES, customer, result};
use crate::engine::Target;
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::reply::Reply;

/// Does all items, or none.
pub(super) async fn all_or_none(batch: Batch<'_>) -> Result<Reply, ApiError> {
    batch.check_length()?;
    let mut of_whom = None;
    let mut commands = Vec::with_capacity(batch.items.len());
    for index in 0..batch.items.len() {
        let command = command(&batch, index, &mut of_whom).map_err(|error| error.with("index", index))?;
        commands.push(command);
    }
    let customer = of_whom.ok_or_else(|| ApiError::internal("an atomic batch has at least one item"))?;
    let origin = Origin { by: Some(batch.call.who.key), idempotency_key: batch.key };
    let target = Target::Number(customer);
    let committed = batch.call.submit(target, Command::Atomic(commands), origin, batch.dry_run).await?;
    let mut json = Vec::with_capacity(batch.items.len() * RESULT_BYTES);
    result::list(&mut json, Done::each(&committed)?, |json, done| result::of_all(json, &done))?;
    Ok(Reply::raw(StatusCode::OK, json).of(&committed))
}

/// What an item asks. All are of the same customer.
fn command(
    batch: &Batch<'_>,
    index: usize,
    of_whom: &mut Option<CustomerNumber>,
) -> Result<Command, ApiError> {
    let Item { customer_id, idempotency_key, command } = (batch.read)(batch.call, batch.items[index])?;
    if idempotency_key.is_some() {
        return Err(ApiError::field("idempotency_key", "an atomic batch has one key, that of the request"));
    }
    let customer = customer(batch.call, customer_id.as_deref())?;
    if *of_whom.get_or_insert(customer) != customer {
        return Err(ApiError::field("customer_id", "an atomic batch is of one customer"));
    }
    Ok(command)
}
