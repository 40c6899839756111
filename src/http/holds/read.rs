//! Reading holds: `GET …/holds/{hold_id}` and `GET /v1/customers/{id}/holds`.

use axum::http::StatusCode;
use coffer_ledger::customer::{ClosedAs, Customer};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::ids::HoldId;
use coffer_ledger::time::Timestamp;
use utoipa::IntoParams;

use super::hold_of_path;
use super::reply::HoldReply;
use crate::engine::{AsOf, At, Seen, Target};
use crate::http::call::{Call, failed};
use crate::http::error::ApiError;
use crate::http::page::{ListReply, Page, PageFields};
use crate::http::past;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::wallets::reply::public_id;

/// Which holds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct HoldQuery {
    /// open, captured, released or expired; without it all of them.
    status: Option<String>,
    /// The open holds as they were: an RFC 3339 time, or an X-Log-Position. Only with `status=open`.
    as_of: Option<String>,
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by placing; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A hold, open or closed.
#[utoipa::path(get, path = "/v1/customers/{id}/holds/{hold_id}", tag = "Holds", responses((status = 200, body = HoldReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let id = hold_of_path(&call)?;
    let target = Target::Customer(call.customer_name()?);
    let customer_id = call.read(target, |customer, _| public_id(customer)).await?.value;
    let seen = one(&call, target, id).await?;
    Ok(Reply::json(StatusCode::OK, &HoldReply::seen(&customer_id, &seen.value)).seen(&seen))
}

/// A customer's holds: every open one, and of the closed ones those that it remembers, which are its latest 1,024 closed holds and
/// transfers. Older ones can still be asked for one by one.
#[utoipa::path(get, path = "/v1/customers/{id}/holds", tag = "Holds", params(HoldQuery), responses(
    (status = 200, body = ListReply<HoldReply>, description = "Done"),
    (status = 422, body = crate::http::error::ErrorBody, description = "limit_reached"),
    (status = 503, body = crate::http::error::ErrorBody, description = "overloaded, quarantined, outcome_unknown"),
))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    let wanted = status(&query)?;
    let page: Page<HoldId> = PageFields::of_query(&query)?.read(&call.app, |text| text.parse().ok())?;
    if let Some(at) = past::parameter(&query, "as_of")? {
        return open_then(&call, wanted, page, at).await;
    }
    let target = Target::Customer(call.customer_name()?);
    let look = move |customer: &Customer, now| (public_id(customer), matching(customer, wanted, now));
    let Seen { value: (customer_id, ids), position } = call.read(target, look).await?;
    let cut = page.cut(ids);
    let mut holds = Vec::with_capacity(cut.keys.len());
    for id in &cut.keys {
        holds.push(one(&call, target, *id).await?.value);
    }
    let items = holds.iter().map(|hold| HoldReply::seen(&customer_id, hold)).collect();
    let pagination = cut.pagination(|id| id.to_string());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).at(position))
}

/// The holds that were open then, as they stood. What had ended by then is asked for one by one.
async fn open_then(
    call: &Call,
    wanted: Option<HoldStatus>,
    page: Page<HoldId>,
    at: At,
) -> Result<Reply, ApiError> {
    if wanted != Some(HoldStatus::Open) {
        return Err(ApiError::field("status", "with as_of only open"));
    }
    let [state] = past::look(call, [("as_of", at)]).await?;
    let AsOf { customer, now } = past::existing(state)?;
    let cut = page.cut(matching(&customer, wanted, now));
    let customer_id = public_id(&customer);
    let holds = cut.keys.iter().filter_map(|id| customer.holds.get(*id));
    let items = holds.map(|hold| HoldReply::seen(&customer_id, hold)).collect();
    let pagination = cut.pagination(|id| id.to_string());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).at(customer.last_position))
}

fn status(query: &Query) -> Result<Option<HoldStatus>, ApiError> {
    match query.get("status") {
        None => Ok(None),
        Some("open") => Ok(Some(HoldStatus::Open)),
        Some("captured") => Ok(Some(HoldStatus::Captured)),
        Some("released") => Ok(Some(HoldStatus::Released)),
        Some("expired") => Ok(Some(HoldStatus::Expired)),
        Some(_) => Err(ApiError::field("status", "open, captured, released or expired")),
    }
}

/// Ids of the holds that have this status at `now`.
pub(in crate::http) fn matching(
    customer: &Customer,
    wanted: Option<HoldStatus>,
    now: Timestamp,
) -> Vec<HoldId> {
    let is_wanted = |status| wanted.is_none_or(|wanted| wanted == status);
    let status_now =
        |hold: &Hold| if hold.expires_at <= now { HoldStatus::Expired } else { HoldStatus::Open };
    let open = customer.holds.iter().filter(|hold| is_wanted(status_now(hold))).map(|hold| hold.id);
    let closed = customer.closed.iter().filter_map(|closed| {
        let status = match closed.how {
            ClosedAs::Captured => HoldStatus::Captured,
            ClosedAs::Released => HoldStatus::Released,
            ClosedAs::Expired => HoldStatus::Expired,
            ClosedAs::Completed | ClosedAs::Returned => return None,
        };
        is_wanted(status).then_some(HoldId(closed.id))
    });
    open.chain(closed).collect()
}

async fn one(call: &Call, target: Target<'_>, id: HoldId) -> Result<Seen<Box<Hold>>, ApiError> {
    call.engine().hold(call.tenant(), target, id).await.map_err(|failure| failed(target, failure))
}
