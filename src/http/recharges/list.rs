//! `GET /v1/recharges`: purchases of a wallet or of a customer. What is pending the customer's state has; what has ended the history, or,
//! without one, the state as far as it remembers ([`coffer_ledger::recharge::ENDED_KEPT_MAX`]).

use std::collections::HashMap;

use axum::http::StatusCode;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, RechargeId, TenantNumber, WalletId};
use coffer_ledger::recharge::{Recharge, RechargeStatus};
use coffer_ledger::time::Timestamp;
use utoipa::IntoParams;

use super::RechargeReply;
use crate::engine::Target;
use crate::feed::history::{Listed, RechargeLife, RechargesAsked};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::history::reading;
use crate::http::page::{ListReply, Page, PageFields, Pagination};
use crate::http::reply::Reply;

/// Which recharges: of a wallet, of all of a customer's, or all that are pending.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct RechargeQuery {
    /// Of this wallet. It or `customer_id` is required unless `status` is pending; with both, the wallet is one of the customer's.
    wallet_id: Option<String>,
    /// Of all wallets of this customer, by either of its names.
    customer_id: Option<String>,
    /// pending, completed, failed or cancelled.
    status: Option<String>,
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Recharges to pass over.
    offset: Option<usize>,
    /// asc or desc by their beginning; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Recharges of a wallet or of a customer; those that are pending also of all customers.
///
/// With the history (`history.enabled`) all that there ever were: send `X-Min-Log-Position` with the `X-Log-Position` of a write to see
/// what it did. Without it all that are pending, of a customer's others the 128 that began last, and those that failed after some of their
/// credit was spent or pinned (at most 1,024). With `status=pending` the history is not asked.
#[utoipa::path(get, path = "/v1/recharges", tag = "Recharges", params(RechargeQuery), responses(
    (status = 200, body = ListReply<RechargeReply>, description = "Done"),
    (status = 503, body = crate::http::error::ErrorBody, description = "history_behind, history_unavailable, quarantined, outcome_unknown"),
))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    query.only(&["wallet_id", "customer_id", "status", "limit", "offset", "order", "cursor"])?;
    let wallet = query.get("wallet_id").map(|text| text.parse().map_err(|_| ApiError::not_found("wallet")));
    let wallet: Option<WalletId> = wallet.transpose()?;
    let status = query.get("status").map(status).transpose()?;
    let page = PageFields::of_query(&query)?.read(&call.app, |text| text.parse::<RechargeId>().ok())?;
    let target = match (query.get("customer_id"), wallet, call.who.customer) {
        (Some(name), _, _) => Target::Customer(name),
        (None, Some(wallet), _) => Target::Wallet(wallet),
        (None, None, Some(only)) => Target::Number(only),
        (None, None, None) => return all_pending(&call, status, page).await,
    };
    let tenant = call.tenant();
    let seen = call.read(target, move |customer, _| Remembered::of(tenant, customer, wallet)).await?;
    let Some(remembered) = seen.value else { return Err(ApiError::not_found("wallet")) };
    let found = if call.app.history.is_none() || status == Some(RechargeStatus::Pending) {
        remembered.page(status, page, seen.position)
    } else {
        let customer = remembered.customer;
        let asked = RechargesAsked { tenant, customer, wallet, status, tranches: None, page: page.into() };
        stored(&call, asked, seen.position).await?
    };
    let next_attempt = |one: &RechargeLife| remembered.next_attempts.get(&one.id).copied();
    let items: Vec<_> = found.recharges.iter().map(|one| RechargeReply::of(one, next_attempt(one))).collect();
    let reply = ListReply { items, pagination: found.pagination };
    Ok(Reply::json(StatusCode::OK, &reply).at(found.position))
}

/// What is to be paid, whosever it is: for whoever pays, and may have lost a message.
async fn all_pending(
    call: &Call,
    status: Option<RechargeStatus>,
    page: Page<RechargeId>,
) -> Result<Reply, ApiError> {
    if status != Some(RechargeStatus::Pending) {
        let problem = "this or customer_id is required, unless status=pending";
        return Err(ApiError::field("wallet_id", problem));
    }
    let tenant = call.tenant();
    let of = move |customer: &Customer, _| {
        let pending = customer.recharges.iter().filter(|one| one.status == RechargeStatus::Pending);
        let lives = pending.map(|one| RechargeLife::of((tenant, customer.number), one, LogPosition(0)));
        Some(lives.collect::<Vec<_>>()).filter(|lives| !lives.is_empty())
    };
    let found = call.engine().scan(tenant, of).await?;
    let by_id: HashMap<_, _> = found.into_iter().flatten().map(|one| (one.id, one)).collect();
    let cut = page.cut(by_id.keys().copied().collect());
    let items = cut.keys.iter().map(|id| RechargeReply::of(&by_id[id], None)).collect();
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination: cut.pagination(|id| id.to_string()) }))
}

fn status(text: &str) -> Result<RechargeStatus, ApiError> {
    let known = RechargeStatus::ALL.into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| ApiError::field("status", "pending, completed, failed or cancelled"))
}

/// A page of recharges, and up to where in the log it saw.
struct Found {
    recharges: Vec<RechargeLife>,
    pagination: Pagination,
    position: LogPosition,
}

/// What the history has of them.
async fn stored(call: &Call, asked: RechargesAsked, last: LogPosition) -> Result<Found, ApiError> {
    let (limit, offset) = (asked.page.limit, asked.page.offset);
    let history = reading::fresh(call, last.0).await?;
    let look = history.look(move |look| Ok((look.recharges(&asked)?, look.position()?))).await;
    let (Listed { items, total, more }, position) = look.map_err(reading::unavailable)?;
    reading::check(call, position)?;
    let next = items.last().filter(|_| more).map(|one| one.id.to_string());
    let pagination = Pagination::of(total, limit, offset, next);
    Ok(Found { recharges: items, pagination, position: LogPosition(position) })
}

/// What the customer's state has of them.
struct Remembered {
    customer: CustomerNumber,
    recharges: Vec<RechargeLife>,
    /// When the rule that began one tries again, after it failed.
    next_attempts: HashMap<RechargeId, Timestamp>,
}

impl Remembered {
    /// `None` = the customer has no such wallet.
    fn of(tenant: TenantNumber, customer: &Customer, of: Option<WalletId>) -> Option<Self> {
        if let Some(wallet) = of {
            customer.wallet(wallet)?;
        }
        let all = customer.recharges.iter();
        let wanted: Vec<_> = all.filter(|one| of.is_none_or(|wallet| one.wallet == wallet)).collect();
        let life = |one: &&Recharge| RechargeLife::of((tenant, customer.number), one, LogPosition(0));
        let next = |one: &&Recharge| next_attempt(customer, one).map(|at| (one.id, at));
        Some(Self {
            customer: customer.number,
            recharges: wanted.iter().map(life).collect(),
            next_attempts: wanted.iter().filter_map(next).collect(),
        })
    }

    fn page(&self, status: Option<RechargeStatus>, page: Page<RechargeId>, position: LogPosition) -> Found {
        let wanted = self.recharges.iter().filter(|one| status.is_none_or(|status| one.status == status));
        let by_id: HashMap<_, _> = wanted.map(|one| (one.id, one)).collect();
        let cut = page.cut(by_id.keys().copied().collect());
        let recharges = cut.keys.iter().map(|id| by_id[id].clone()).collect();
        Found { recharges, pagination: cut.pagination(|id| id.to_string()), position }
    }
}

/// Of the last one of a wallet's rule, if it failed.
fn next_attempt(customer: &Customer, recharge: &Recharge) -> Option<Timestamp> {
    let is_of_rule = |other: &&Recharge| other.wallet == recharge.wallet && other.counted_in.is_some();
    let last = customer.recharges.iter().filter(is_of_rule).last()?;
    let watch = customer.wallet(recharge.wallet)?.watch.as_ref()?;
    let failed = last.id == recharge.id && recharge.status == RechargeStatus::Failed;
    Some(watch.recharging.backs_off_until).filter(|at| failed && at.0 > 0)
}
