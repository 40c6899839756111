//! Why a request was refused: the last refusals of each customer, by request id (`GET /v1/refusals/{request_id}`) and by customer.
//!
//! They are no part of the ledger: kept in memory, in a bounded ring per customer, and forgotten by a restart. A request that
//! succeeds pays nothing for it; a refused one leaves a [`note::Note`] on its response, which is kept when its id is known.
//! Only what was refused to a customer that exists is kept: a business no, a key that was used for something else, a record that is
//! gone, a limit. Tested in [`kept`] and in `tests/http/refusals.rs`.

mod kept;
mod note;
mod reply;

pub(super) use kept::Refusals;
pub(super) use note::{Note, Noted};

use axum::http::StatusCode;

use self::reply::{RefusalReply, RefusalsReply};
use super::call::Call;
use super::error::{ApiError, Code};
use super::page::{ListReply, Pagination};
use super::reply::Reply;
use crate::engine::Target;

/// The refusals of one request.
///
/// Most requests have one; a batch has one for each of its items that was refused. The last refusals of each customer are kept in
/// memory; a restart forgets them.
#[utoipa::path(get, path = "/v1/refusals/{request_id}", tag = "Refusals", responses((status = 200, body = RefusalsReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let text = call.param("request_id");
    let request = call.app.request_ids.read(text).ok_or_else(|| unknown(&call))?;
    let found = call.app.refusals.of_request(request, |note| note.may_be_seen_by(&call.who));
    if found.is_empty() {
        return Err(unknown(&call));
    }
    let refusals = found.iter().map(|(_, note)| RefusalReply::of(text, note)).collect();
    Ok(Reply::json(StatusCode::OK, &RefusalsReply { request_id: text, refusals }))
}

fn unknown(call: &Call) -> ApiError {
    let kept = call.app.options.refusals_kept_per_customer;
    let message = format!(
        "no refusal of this request is kept: the last {kept} of each customer are (refusals_kept_per_customer), until a restart"
    );
    ApiError::new(Code::NotFound, message).with("refusals_kept_per_customer", kept)
}

/// A customer's last refusals, newest first.
#[utoipa::path(get, path = "/v1/customers/{id}/refusals", tag = "Refusals", responses((status = 200, body = ListReply<RefusalReply>, description = "Done")))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    call.query()?.only(&[])?;
    let seen = call.read(Target::Customer(call.customer_name()?), |customer, _| customer.number).await?;
    let found = call.app.refusals.of_customer(seen.value);
    let ids: Vec<_> = found.iter().map(|(request, _)| call.app.request_ids.text(*request)).collect();
    let items: Vec<_> = found.iter().zip(&ids).map(|((_, note), id)| RefusalReply::of(id, note)).collect();
    let pagination = Pagination::whole(items.len());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).seen(&seen))
}
