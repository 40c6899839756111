//! Lists of wallets: of the tenant, and of one customer.

use axum::http::StatusCode;
use coffer_ledger::ids::WalletId;
use coffer_ledger::wallet::{WalletHead, WalletStatus};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::get::{BREAKDOWN, Expand, wants_breakdown};
use super::reply::{RealTimeReply, Shown, WalletReply, WalletSeen};
use crate::engine::{Seen, Target};
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::fields;
use crate::http::page::{ListReply, Page, PageFields};
use crate::http::query::Query;
use crate::http::reply::Reply;

/// Which wallets.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = WalletFilter)]
pub(crate) struct WalletFilter {
    #[serde(flatten)]
    page: PageFields,
    /// Only these.
    wallet_ids: Option<Vec<Box<str>>>,
    /// active, frozen or closed.
    status: Option<Box<str>>,
    /// Only wallets whose alerts are on, or only those whose are not.
    alert_enabled: Option<bool>,
    /// `credits_available_breakdown`
    expand: Option<Box<str>>,
}

impl WalletFilter {
    fn of_query(query: &Query) -> Result<Self, ApiError> {
        let ids: Vec<Box<str>> = query.words("wallet_ids").map(Into::into).collect();
        Ok(Self {
            page: PageFields::of_query(query)?,
            wallet_ids: (!ids.is_empty()).then_some(ids),
            status: query.get("status").map(Into::into),
            alert_enabled: query.get("alert_enabled").map(|_| query.flag("alert_enabled")).transpose()?,
            expand: query.get("expand").map(Into::into),
        })
    }

    fn matches(&self) -> Result<Matches, ApiError> {
        let status = self.status.as_deref().filter(|status| !status.is_empty());
        // Words of SDKs for things that every list shares: a wallet is always published.
        let unpublished = matches!(status, Some("archived" | "deleted"));
        let status = match status {
            None | Some("published" | "archived" | "deleted") => None,
            Some("active") => Some(WalletStatus::Active),
            Some("frozen") => Some(WalletStatus::Frozen),
            Some("closed") => Some(WalletStatus::Closed),
            Some(_) => return Err(ApiError::field("status", "active, frozen or closed")),
        };
        let ids = self.wallet_ids.as_ref().filter(|ids| !ids.is_empty());
        // What is no wallet's id matches nothing.
        let ids = ids.map(|ids| ids.iter().filter_map(|id| id.parse().ok()).collect());
        Ok(Matches { status, ids, alerts: self.alert_enabled, none: unpublished })
    }
}

/// The same as a query string.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct WalletQuery {
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// Items to pass over.
    offset: Option<usize>,
    /// asc or desc by creation; default desc.
    order: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only these, comma-separated.
    wallet_ids: Option<String>,
    /// active, frozen or closed.
    status: Option<String>,
    /// Only wallets whose alerts are on, or only those whose are not.
    alert_enabled: Option<bool>,
    /// `credits_available_breakdown`
    expand: Option<String>,
}

/// Whose wallets.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct Lookup {
    /// The customer's id; or give `lookup_key`.
    id: Option<String>,
    /// The customer's external id; or give `id`.
    lookup_key: Option<String>,
    /// Show what can be spent now; default false.
    include_real_time_balance: Option<bool>,
    /// `credits_available_breakdown`
    expand: Option<String>,
}

/// The filter as the scan asks it.
#[derive(Clone, Debug)]
struct Matches {
    status: Option<WalletStatus>,
    ids: Option<Vec<WalletId>>,
    alerts: Option<bool>,
    none: bool,
}

impl Matches {
    fn admits(&self, head: &WalletHead) -> bool {
        let alerts = head.rules.as_ref().and_then(|rules| rules.alerts.as_ref());
        let warns = alerts.is_some_and(|alerts| alerts.enabled);
        !self.none
            && self.status.is_none_or(|wanted| wanted == head.status)
            && self.alerts.is_none_or(|wanted| wanted == warns)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&head.id))
    }
}

/// Wallets of the tenant, by query.
#[utoipa::path(get, path = "/v1/wallets", tag = "Wallets", responses((status = 200, body = ListReply<WalletReply>, description = "Done")), params(WalletQuery))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let filter = WalletFilter::of_query(&call.query()?)?;
    answer(call, filter).await
}

/// Wallets of the tenant, by body.
#[utoipa::path(post, path = "/v1/wallets/search", tag = "Wallets", request_body = Option<WalletFilter>, responses((status = 200, body = ListReply<WalletReply>, description = "Done")))]
pub(crate) async fn search(call: Call) -> Result<Reply, ApiError> {
    let filter = call.json_or_empty()?;
    answer(call, filter).await
}

async fn answer(call: Call, filter: WalletFilter) -> Result<Reply, ApiError> {
    let matches = filter.matches()?;
    let breakdown = filter.expand.is_some_and(|words| words.split(',').any(|word| word.trim() == BREAKDOWN));
    let page: Page<WalletId> = filter.page.read(&call.app, |text| text.parse().ok())?;
    let cut = page.cut(matching(&call, matches).await?);
    let mut wallets = Vec::with_capacity(cut.keys.len());
    for id in &cut.keys {
        wallets.extend(one(&call, *id).await?);
    }
    let shown = Shown { real_time: false, breakdown };
    let items: Vec<WalletReply<'_>> =
        wallets.iter().map(|wallet| wallet.reply(call.tenant(), shown)).collect();
    let pagination = cut.pagination(|id| id.to_string());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }))
}

/// Ids of every wallet that matches and that the key may see.
async fn matching(call: &Call, matches: Matches) -> Result<Vec<WalletId>, ApiError> {
    let only = call.who.customer;
    let found = call.engine().scan(call.tenant(), move |customer, _| {
        if only.is_some_and(|only| only != customer.number) {
            return None;
        }
        let heads = customer.wallets.iter().map(|wallet| &wallet.head);
        Some(heads.filter(|head| matches.admits(head)).map(|head| head.id).collect::<Vec<_>>())
    });
    Ok(found.await?.into_iter().flatten().collect())
}

async fn one(call: &Call, id: WalletId) -> Result<Option<WalletSeen>, ApiError> {
    let seen = call.read(Target::Wallet(id), move |customer, now| WalletSeen::one(customer, id, now)).await?;
    Ok(seen.value)
}

/// A customer's open wallets.
#[utoipa::path(get, path = "/v1/customers/{id}/wallets", tag = "Wallets", responses((status = 200, body = Vec<WalletReply>, description = "Done")), params(Expand))]
pub(crate) async fn of_customer(call: Call) -> Result<Reply, ApiError> {
    let shown = Shown { real_time: false, breakdown: wants_breakdown(&call.query()?) };
    let seen = open_wallets(&call, call.customer_name()?).await?;
    let items: Vec<_> = seen.value.iter().map(|wallet| wallet.reply(call.tenant(), shown)).collect();
    Ok(Reply::json(StatusCode::OK, &items).seen(&seen))
}

/// A customer's open wallets, the customer named by the query.
#[utoipa::path(get, path = "/v1/customers/wallets", tag = "Wallets", responses((status = 200, body = Vec<RealTimeReply>, description = "Done")), params(Lookup))]
pub(crate) async fn by_lookup(call: Call) -> Result<Reply, ApiError> {
    let query = call.query()?;
    let name = match (query.get("id"), query.get("lookup_key")) {
        (Some(name), None) | (None, Some(name)) => fields::known_name("id", name)?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(ApiError::field("id", "give one of id and lookup_key"));
        }
    };
    let real_time = query.flag("include_real_time_balance")?;
    let shown = Shown { real_time, breakdown: wants_breakdown(&query) };
    let seen = open_wallets(&call, name).await?;
    let items: Vec<_> = seen.value.iter().map(|wallet| wallet.real_time(call.tenant(), shown)).collect();
    Ok(Reply::json(StatusCode::OK, &items).seen(&seen))
}

async fn open_wallets(call: &Call, name: &str) -> Result<Seen<Vec<WalletSeen>>, ApiError> {
    call.read(Target::Customer(name), WalletSeen::open_ones).await
}
