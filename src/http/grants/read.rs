//! Reads of grants and of what they will mint.

use std::sync::Arc;

use axum::http::StatusCode;
use coffer_ledger::catalog::grant::{PlanGrant, PlanKind};
use coffer_ledger::customer::Customer;
use coffer_ledger::grant::{self, Cadence, Grant};
use coffer_ledger::ids::{CustomerNumber, GrantId};
use coffer_ledger::time::Timestamp;
use utoipa::IntoParams;

use super::reply::{ApplicationReply, Coming, GrantReply};
use crate::engine::{Target, TenantView};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields;
use crate::http::page::{ListReply, Page, PageFields, Pagination};
use crate::http::reply::Reply;
use crate::http::wallets::reply::public_id;

/// A grant: a template, or one of a customer's.
#[utoipa::path(get, path = "/v1/creditgrants/{id}", tag = "Credit grants", responses((status = 200, body = GrantReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let id = grant_id(&call)?;
    if id.is_template() {
        let view = view(&call)?;
        let found = view.plan_grants.iter().find(|grant| grant.id == id && !grant.deleted);
        let grant = found.ok_or_else(unknown)?;
        return Ok(Reply::json(StatusCode::OK, &GrantReply::template(call.tenant(), grant)));
    }
    let target = Target::Number(id.0.customer());
    let seen = call
        .read(target, move |customer, _| {
            let grant = customer.grants.own(id)?.clone();
            let of = grant.key.subscription.and_then(|id| customer.grants.subscriptions.get(&id));
            let of = of.map(|subscription| subscription.name.clone());
            Some((grant, of, public_id(customer)))
        })
        .await
        .map_err(grant_not_found)?;
    let (grant, of, customer) = seen.value.as_ref().ok_or_else(unknown)?;
    let reply = GrantReply::own(call.tenant(), customer, grant, of.as_deref());
    Ok(Reply::json(StatusCode::OK, &reply).seen(&seen))
}

/// The id that the path names.
pub(super) fn grant_id(call: &Call) -> Result<GrantId, ApiError> {
    call.param("id").parse().map_err(|_| unknown())
}

pub(super) fn unknown() -> ApiError {
    ApiError::not_found("credit grant")
}

/// Whoever named a grant is not told of customers.
pub(super) fn grant_not_found(error: ApiError) -> ApiError {
    if error.status() == StatusCode::NOT_FOUND { unknown() } else { error }
}

/// The page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct GrantQuery {
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by creation; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The grants of a plan.
#[utoipa::path(get, path = "/v1/plans/{id}/creditgrants", tag = "Credit grants", responses((status = 200, body = ListReply<GrantReply>, description = "Done")), params(GrantQuery))]
pub(crate) async fn of_plan(call: Call) -> Result<Reply, ApiError> {
    list(&call, PlanKind::Plan)
}

/// The grants of an add-on.
#[utoipa::path(get, path = "/v1/addons/{id}/creditgrants", tag = "Credit grants", responses((status = 200, body = ListReply<GrantReply>, description = "Done")), params(GrantQuery))]
pub(crate) async fn of_addon(call: Call) -> Result<Reply, ApiError> {
    list(&call, PlanKind::Addon)
}

fn list(call: &Call, kind: PlanKind) -> Result<Reply, ApiError> {
    let plan = fields::own_id("id", call.param("id").into())?;
    let page: Page<GrantId> =
        PageFields::of_query(&call.query()?)?.read(&call.app, |text| text.parse().ok())?;
    let view = view(call)?;
    let wanted = |grant: &&PlanGrant| grant.kind == kind && grant.plan == plan && !grant.deleted;
    let cut = page.cut(view.plan_grants.iter().filter(wanted).map(|grant| grant.id).collect());
    let find = |id: &GrantId| view.plan_grants.iter().find(|grant| grant.id == *id);
    let items: Vec<_> =
        cut.keys.iter().filter_map(find).map(|grant| GrantReply::template(call.tenant(), grant)).collect();
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination: cut.pagination(|id| id.to_string()) }))
}

fn view(call: &Call) -> Result<Arc<TenantView>, ApiError> {
    call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))
}

/// The next period of each grant of a subscription, soonest first.
#[utoipa::path(get, path = "/v1/subscriptions/{id}/grants/upcoming", tag = "Credit grants", responses((status = 200, body = ListReply<ApplicationReply>, description = "Done")))]
pub(crate) async fn of_subscription(call: Call) -> Result<Reply, ApiError> {
    let name: Box<str> = fields::own_id("id", call.param("id").into())?;
    let unknown = || ApiError::not_found("subscription");
    let number = call.engine().find_subscription(call.tenant(), &name).ok_or_else(unknown)?;
    let seen = call
        .read(Target::Number(number), move |customer, _| {
            let subscription = customer.grants.subscription(&name)?.id;
            Some(coming(customer, |grant| grant.key.subscription == Some(subscription)))
        })
        .await
        .map_err(|error| if error.status() == StatusCode::NOT_FOUND { unknown() } else { error })?;
    let found = seen.value.as_ref().ok_or_else(unknown)?;
    Ok(applications(&call, number, found).seen(&seen))
}

/// The next period of each grant of a customer, soonest first.
#[utoipa::path(get, path = "/v1/customers/{id}/grants/upcoming", tag = "Credit grants", responses((status = 200, body = ListReply<ApplicationReply>, description = "Done")))]
pub(crate) async fn of_customer(call: Call) -> Result<Reply, ApiError> {
    let target = Target::Customer(call.customer_name()?);
    let seen = call.read(target, |customer, _| (customer.number, coming(customer, |_| true))).await?;
    let (number, found) = &seen.value;
    Ok(applications(&call, *number, found).seen(&seen))
}

fn coming(customer: &Customer, wanted: impl Fn(&Grant) -> bool) -> Vec<Coming> {
    let open = customer.grants.iter().filter(|grant| grant.next.at < Timestamp::MAX && wanted(grant));
    let mut found: Vec<Coming> = open
        .map(|grant| Coming {
            grant: grant.clone(),
            of: of(customer, grant),
            ends_at: matches!(grant.rule.cadence, Cadence::Recurring(_))
                .then(|| grant::next_end(customer, grant)),
        })
        .collect();
    found.sort_by_key(|coming| (coming.grant.next.at, coming.grant.key));
    found
}

/// What stands for the subscription of a grant.
fn of(customer: &Customer, grant: &Grant) -> String {
    let subscription = grant.key.subscription.and_then(|id| customer.grants.subscriptions.get(&id));
    match (subscription, grant.wallet) {
        (Some(subscription), _) => subscription.name.to_string(),
        (None, Some(wallet)) => wallet.to_string(),
        (None, None) => public_id(customer).into(),
    }
}

fn applications(call: &Call, customer: CustomerNumber, found: &[Coming]) -> Reply {
    let items: Vec<_> =
        found.iter().map(|coming| ApplicationReply::of(call.tenant(), customer, coming)).collect();
    let pagination = Pagination::whole(items.len());
    Reply::json(StatusCode::OK, &ListReply { items, pagination })
}
