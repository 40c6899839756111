//! Results of a batch: each is the reply of its verb, or an error's body, in one object with its HTTP `status`. A hold's own status
//! stands there as `hold_status`.

use axum::http::StatusCode;
use coffer_ledger::fact::{Effect, HoldVerb};
use serde::Serialize;

use crate::engine::Committed;
use crate::http::debits::DebitReply;
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::holds::reply::{CaptureResult, HoldResult};
use crate::http::json;
use crate::http::refunds::RefundReply;

/// Writes `{"results":[…]}`, item by item.
pub(super) fn list<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    json.extend_from_slice(b"{\"results\":[");
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write(json, item)?;
    }
    json.extend_from_slice(b"]}");
    Ok(())
}

/// What one item did by itself.
pub(super) fn alone(json: &mut Vec<u8>, committed: &Committed) -> Result<(), ApiError> {
    done(json, &Done::alone(committed), Some(committed.replayed))
}

/// What one item of an atomic batch did. Whether it is a replay, the whole answer says: its items are the same bytes.
pub(super) fn of_all(json: &mut Vec<u8>, item: &Done<'_>) -> Result<(), ApiError> {
    done(json, item, None)
}

/// An error's body has its `status` already.
pub(super) fn error(json: &mut Vec<u8>, error: &ApiError) {
    join(json, b"{\"replayed\":false", &error.body());
}

fn done(json: &mut Vec<u8>, done: &Done<'_>, replayed: Option<bool>) -> Result<(), ApiError> {
    match done.effect {
        Effect::Debited(_) => write(json, StatusCode::OK, replayed, &DebitReply::of(done)?),
        Effect::Refunded(_) => write(json, StatusCode::OK, replayed, &RefundReply::of(done)?),
        Effect::Held(step) => match step.verb {
            HoldVerb::Placed => write(json, StatusCode::CREATED, replayed, &HoldResult::of(done)?),
            HoldVerb::Captured => write(json, StatusCode::OK, replayed, &CaptureResult::of(done)?),
            HoldVerb::Grown | HoldVerb::Extended | HoldVerb::Released => {
                write(json, StatusCode::OK, replayed, &HoldResult::of(done)?);
            }
        },
        _ => return Err(ApiError::internal("the record of a batch's item holds another effect")),
    }
    Ok(())
}

fn write(json: &mut Vec<u8>, status: StatusCode, replayed: Option<bool>, reply: &impl Serialize) {
    let head: &[u8] = match (status, replayed) {
        (StatusCode::CREATED, None) => b"{\"status\":201",
        (StatusCode::CREATED, Some(false)) => b"{\"status\":201,\"replayed\":false",
        (StatusCode::CREATED, Some(true)) => b"{\"status\":201,\"replayed\":true",
        (_, None) => b"{\"status\":200",
        (_, Some(false)) => b"{\"status\":200,\"replayed\":false",
        (_, Some(true)) => b"{\"status\":200,\"replayed\":true",
    };
    join(json, head, reply);
}

/// Writes `head`, an object without its closing brace, and goes on with the fields of the object that `rest` is.
fn join(out: &mut Vec<u8>, head: &[u8], rest: &impl Serialize) {
    out.extend_from_slice(head);
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
        error(&mut json, &ApiError::field("credits", "missing"));
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["status"], 400);
        assert_eq!(value["replayed"], false);
        assert_eq!(value["details"]["field"], "credits");
    }
}
