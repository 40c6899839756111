//! `GET /v1/wallets/{id}/transactions`, `POST /v1/wallets/transactions/search`, `GET /v1/customers/{id}/ledger`.

use std::collections::HashMap;

use axum::http::StatusCode;
use coffer_ledger::amount::Credits;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, RowId, TrancheId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::view::{self, Begun, Progress};

use super::filter::{PARAMETERS, TransactionFilter, TransactionQuery, Wanted};
use super::{progress, reading};
use crate::engine::{Target, names_of};
use crate::feed::history::{Found, Look, Of, Query, Row};
use crate::http::call::{Call, failed};
use crate::http::error::ApiError;
use crate::http::fields;
use crate::http::page::{ListReply, Pagination};
use crate::http::reply::Reply;
use crate::http::wallets::transaction::{Consumption, RowContext, TransactionReply};

/// A wallet's transactions.
///
/// The rows that move posted. Send `X-Min-Log-Position` with the `X-Log-Position` of a write to see that write.
#[utoipa::path(get, path = "/v1/wallets/{id}/transactions", tag = "Transactions", responses((status = 200, body = ListReply<TransactionReply>, description = "Done")), params(TransactionQuery))]
pub(crate) async fn of_wallet(call: Call) -> Result<Reply, ApiError> {
    let wanted = Wanted::of_query(&call.query()?)?;
    let id = call.wallet_id()?;
    let target = Target::Wallet(id);
    let seen =
        call.read(target, move |customer, _| customer.wallets.iter().any(|wallet| wallet.head.id == id));
    let seen = seen.await?;
    if !seen.value {
        return Err(ApiError::not_found("wallet"));
    }
    let number = id.0.customer();
    answer(
        &call,
        wanted,
        Asked { of: Of::Wallet(id), customer: Some(number), moving: true, last: seen.position },
    )
    .await
}

/// Transactions of all wallets.
///
/// The rows that move posted. Send `X-Min-Log-Position` with the `X-Log-Position` of a write to see that write.
#[utoipa::path(post, path = "/v1/wallets/transactions/search", tag = "Transactions", request_body = Option<TransactionFilter>, responses((status = 200, body = ListReply<TransactionReply>, description = "Done")))]
pub(crate) async fn search(call: Call) -> Result<Reply, ApiError> {
    let mut wanted = Wanted::of_body(call.json_or_empty()?)?;
    let name = wanted.customer.take();
    let target = match &name {
        Some(name) => Target::Customer(fields::known_name("customer_id", name)?),
        None => match call.who.customer {
            Some(only) => Target::Number(only),
            None => {
                let last = call.engine().stats().durable;
                return answer(&call, wanted, Asked { of: Of::Tenant, customer: None, moving: true, last })
                    .await;
            }
        },
    };
    let seen = call.read(target, |customer, _| customer.number).await?;
    let (of, customer) = (Of::Customer(seen.value), Some(seen.value));
    answer(&call, wanted, Asked { of, customer, moving: true, last: seen.position }).await
}

/// A customer's whole ledger.
///
/// Every row of every wallet, holds, releases and memos too. Send `X-Min-Log-Position` with the `X-Log-Position` of a write to see that
/// write.
#[utoipa::path(get, path = "/v1/customers/{id}/ledger", tag = "Transactions", responses((status = 200, body = ListReply<TransactionReply>, description = "Done")), params(TransactionQuery))]
pub(crate) async fn ledger(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&PARAMETERS)?;
    let wanted = Wanted::of_query(&query)?;
    let seen = call.read(Target::Customer(call.customer_name()?), |customer, _| customer.number).await?;
    let (of, customer) = (Of::Customer(seen.value), Some(seen.value));
    answer(&call, wanted, Asked { of, customer, moving: false, last: seen.position }).await
}

/// Whose rows, and how fresh.
struct Asked {
    of: Of,
    customer: Option<CustomerNumber>,
    moving: bool,
    last: LogPosition,
}

/// What the engine knows of a customer as of now.
pub(super) struct Known {
    id: Box<str>,
    left: HashMap<TrancheId, Credits>,
    /// How far rows are now that were not completed when they were written.
    progress: HashMap<RowId, Progress>,
}

async fn answer(call: &Call, wanted: Wanted, asked: Asked) -> Result<Reply, ApiError> {
    let credits_of = match wanted.available_above {
        Some(above) => Some(with_more_left(call, asked.customer, above).await?),
        None => None,
    };
    let sorted = !wanted.sort.is_empty();
    let page = wanted.page.read(&call.app, |text| text.parse::<RowId>().ok())?;
    let query = Query {
        tenant: call.tenant(),
        of: asked.of,
        only: call.who.customer,
        moving: asked.moving,
        tests: wanted.tests,
        credits_of,
        paid_by: None,
        sort: wanted.sort,
        newest_first: page.is_newest_first(),
        after: page.after(),
        limit: page.limit(),
        offset: page.offset(),
    };
    let found = reading::read(call, query, asked.last.0).await?;
    let known = known(call, &found).await?;
    let contexts: Vec<_> = found.rows.iter().map(|row| context(row, &known, &found.credits)).collect();
    let items: Vec<_> =
        found.rows.iter().zip(&contexts).map(|(row, context)| TransactionReply::of(row, context)).collect();
    let next = found.rows.last().filter(|_| found.more && !sorted).map(|row| row.id.to_string());
    let pagination = Pagination::of(found.total, page.limit(), page.offset(), next);
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).at(LogPosition(found.position)))
}

/// What a reply says of a row besides.
pub(super) fn context<'a>(
    row: &Row,
    known: &'a HashMap<CustomerNumber, Known>,
    credits: &HashMap<TrancheId, RowId>,
) -> RowContext<'a> {
    let of = known.get(&row.customer);
    let brought = row.tranche.filter(|_| row.row_type == "credit");
    let left = |tranche| of.and_then(|of| of.left.get(&tranche)).copied().unwrap_or(Credits::ZERO);
    let breakdown = (row.row_type == "debit").then(|| consumption(row, credits));
    RowContext {
        customer_id: of.map_or("", |of| &of.id),
        credits_available: brought.map(left),
        breakdown,
        progress: of.and_then(|of| of.progress.get(&row.id)).copied(),
    }
}

/// The credits that paid for a row that was read from the log. Nothing is said of them while the history cannot be read.
pub(in crate::http) async fn breakdown(call: &Call, row: &Row) -> Option<Vec<Consumption>> {
    if row.row_type != "debit" {
        return None;
    }
    let history = reading::fresh(call, row.id.position().0).await.ok()?;
    let givers: Vec<_> = row.parts.iter().filter_map(|part| part.tranche.as_ref()).map(|of| of.id).collect();
    let look = move |look: &dyn Look| {
        let credit = |id| Ok(look.tranche(id)?.and_then(|life| life.credit).map(|credit| (id, credit)));
        givers.into_iter().filter_map(|id| credit(id).transpose()).collect::<Result<HashMap<_, _>, _>>()
    };
    let credits = history.look(look).await.ok()?;
    Some(consumption(row, &credits))
}

/// The credits that paid for the row, in the order taken, and how much of each.
fn consumption(row: &Row, credits: &HashMap<TrancheId, RowId>) -> Vec<Consumption> {
    let of_tranches = row.parts.iter().filter_map(|part| Some((part.tranche.as_ref()?.id, part.credits)));
    of_tranches.filter_map(|(id, taken)| Some(Consumption::new(*credits.get(&id)?, taken))).collect()
}

/// Name and live tranches of every customer on the page.
pub(super) async fn known(call: &Call, found: &Found) -> Result<HashMap<CustomerNumber, Known>, ApiError> {
    let mut known = HashMap::new();
    for row in &found.rows {
        if known.contains_key(&row.customer) {
            continue;
        }
        let of_customer = found.rows.iter().filter(|other| other.customer == row.customer);
        let begun: Vec<Begun> = of_customer.filter_map(progress::begun).collect();
        known.insert(row.customer, known_of(call, row.customer, begun).await?);
    }
    Ok(known)
}

async fn known_of(call: &Call, number: CustomerNumber, begun: Vec<Begun>) -> Result<Known, ApiError> {
    let (target, asked) = (Target::Number(number), begun.clone());
    let look = move |customer: &Customer, now| Known {
        id: names_of(customer).id.clone(),
        left: live(customer, now).collect(),
        progress: asked
            .iter()
            .filter_map(|begun| Some((begun.id, view::progress(customer, now, begun)?)))
            .collect(),
    };
    let seen = call.engine().read(call.tenant(), target, look).await;
    let mut known = seen.map_err(|failure| failed(target, failure))?.value;
    let forgotten = begun.into_iter().filter(|begun| !known.progress.contains_key(&begun.id));
    let forgotten: Vec<_> = forgotten.collect();
    if let (Some(history), false) = (&call.app.history, forgotten.is_empty()) {
        let found = progress::forgotten(call, history, number, forgotten).await;
        let found = found.map_err(reading::unavailable)?.into_iter();
        known.progress.extend(found.map(|(row, status)| (row, Progress::only(status))));
    }
    Ok(known)
}

/// Every tranche of which more than this is left now: of one customer, or of all that the key may see.
async fn with_more_left(
    call: &Call,
    customer: Option<CustomerNumber>,
    above: Credits,
) -> Result<Vec<TrancheId>, ApiError> {
    let more = move |customer: &Customer, now| {
        live(customer, now).filter(|(_, left)| *left > above).map(|(tranche, _)| tranche).collect::<Vec<_>>()
    };
    if let Some(number) = customer {
        return Ok(call.read(Target::Number(number), more).await?.value);
    }
    let found = call.engine().scan(call.tenant(), move |customer, now| Some(more(customer, now))).await?;
    Ok(found.into_iter().flatten().collect())
}

fn live(customer: &Customer, now: Timestamp) -> impl Iterator<Item = (TrancheId, Credits)> {
    let wallets = view::balance(customer, now).wallets.into_iter();
    wallets.flat_map(|wallet| wallet.tranches).map(|tranche| (tranche.id, tranche.remaining))
}
