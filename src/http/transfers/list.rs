//! `GET /v1/transfers`: what is on its way, and what the senders' states still remember of what is over.

use std::collections::HashMap;

use axum::http::StatusCode;
use coffer_ledger::customer::{ClosedAs, Customer};
use coffer_ledger::ids::{LogPosition, TransferId};
use utoipa::IntoParams;

use super::{TransferReply, status_name};
use crate::engine::Target;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields;
use crate::http::page::{ListReply, Page, PageFields};
use crate::http::query::Query;
use crate::http::reply::Reply;

/// Which transfers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct TransferQuery {
    /// `in_transit`, completed or returned.
    status: Option<String>,
    /// Only what this customer sent.
    customer_id: Option<String>,
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by creation; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Where a transfer's record stands, and how the transfer ended.
type Stands = (LogPosition, Option<ClosedAs>);

/// Transfers of the tenant.
///
/// All that are on their way; of those that are over the ones that their sender remembers, among its last 1,024 closed holds and
/// transfers. An older one is found by its id.
#[utoipa::path(get, path = "/v1/transfers", tag = "Transfers", responses((status = 200, body = ListReply<TransferReply>, description = "Done")), params(TransferQuery))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    let status = status(&query)?;
    let page: Page<TransferId> = PageFields::of_query(&query)?.read(&call.app, |text| text.parse().ok())?;
    let found: HashMap<TransferId, Stands> = matching(&call, &query, status).await?.into_iter().collect();
    let cut = page.cut(found.keys().copied().collect());
    let mut records = Vec::with_capacity(cut.keys.len());
    for id in &cut.keys {
        let (position, how) = found[id];
        records.push((call.engine().record(call.tenant(), position).await?, how));
    }
    let items = records.iter().map(|(stored, how)| TransferReply::of_stored(stored, *how));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination: cut.pagination(|id| id.to_string()) }))
}

fn status(query: &Query) -> Result<Option<&'static str>, ApiError> {
    match query.get("status") {
        None => Ok(None),
        Some("in_transit") => Ok(Some("in_transit")),
        Some("completed") => Ok(Some("completed")),
        Some("returned") => Ok(Some("returned")),
        Some(_) => Err(ApiError::field("status", "in_transit, completed or returned")),
    }
}

/// Every transfer that matches and that the key may see.
async fn matching(
    call: &Call,
    query: &Query,
    status: Option<&'static str>,
) -> Result<Vec<(TransferId, Stands)>, ApiError> {
    let of = move |customer: &Customer| -> Vec<_> {
        let admits = |how| status.is_none_or(|wanted| wanted == status_name(how));
        sent_by(customer).filter(|(_, (_, how))| admits(*how)).collect()
    };
    if let Some(name) = query.get("customer_id") {
        let target = Target::Customer(fields::known_name("customer_id", name)?);
        return Ok(call.read(target, move |customer, _| of(customer)).await?.value);
    }
    if let Some(only) = call.who.customer {
        return Ok(call.read(Target::Number(only), move |customer, _| of(customer)).await?.value);
    }
    let found = call.engine().scan(call.tenant(), move |customer, _| Some(of(customer))).await?;
    Ok(found.into_iter().flatten().collect())
}

fn sent_by(customer: &Customer) -> impl Iterator<Item = (TransferId, Stands)> {
    let open = customer.transfers_out.values().map(|out| (out.id, (out.position, None)));
    let closed = customer
        .closed
        .iter()
        .filter(|closed| matches!(closed.how, ClosedAs::Completed | ClosedAs::Returned));
    open.chain(closed.map(|closed| (TransferId(closed.id), (closed.position, Some(closed.how)))))
}
