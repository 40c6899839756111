//! `POST /v1/alerts/search`: what alerts changed, as billing SDKs read it (SEMANTICS §12).
//!
//! Each wallet remembers its last changes ([`coffer_ledger::alert::ALERT_CHANGES_KEPT_MAX`]); older ones are in the log, and went out as
//! events.

use axum::http::StatusCode;
use coffer_ledger::alert::{AlertChange, AlertKind};
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{AlertId, TenantNumber, WalletId};
use coffer_ledger::watch::WalletRules;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::ApiError;
use super::fields;
use super::page::{ListReply, Page, PageFields};
use super::reply::Reply;
use super::wallets::reply::{TenantId, public_id};
use super::wallets::rules::AlertSettingsReply;
use super::wire::{Absent, Dec, Id, Time};
use crate::engine::Target;

/// The alert on a balance.
const BALANCE: &str = "low_credit_balance";
/// The alert on a runway.
const RUNWAY: &str = "low_runway";
/// What alerts are about.
const WALLET: &str = "wallet";

/// Which changes. Absent = any.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = AlertFilter)]
pub(crate) struct AlertFilter {
    #[serde(flatten)]
    page: PageFields,
    /// wallet.
    entity_type: Option<Box<str>>,
    /// A wallet's id.
    entity_id: Option<Box<str>>,
    /// low_credit_balance or low_runway; others of billing SDKs match nothing.
    alert_type: Option<Box<str>>,
    /// ok, info, warning or in_alarm.
    alert_status: Option<Box<str>>,
    /// A customer, by id or external id.
    customer_id: Option<Box<str>>,
    /// Not before.
    start_time: Option<Box<str>>,
    /// Before.
    end_time: Option<Box<str>>,
}

/// A change of an alert.
#[derive(Serialize, ToSchema)]
#[schema(as = AlertLog)]
pub(crate) struct AlertReply {
    id: Id,
    /// wallet.
    entity_type: &'static str,
    /// The wallet.
    entity_id: Id,
    parent_entity_type: Absent,
    parent_entity_id: Absent,
    customer_id: String,
    /// low_credit_balance or low_runway.
    alert_type: &'static str,
    /// What it is since: ok, info, warning or in_alarm.
    alert_status: &'static str,
    /// What it was before.
    previous_status: &'static str,
    alert_info: AlertInfo,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    environment_id: Absent,
    /// Always "published".
    status: &'static str,
    created_at: Time,
    updated_at: Time,
    created_by: Absent,
    updated_by: Absent,
    customer: Absent,
    wallet: Absent,
    feature: Absent,
}

/// What led to it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertInfo {
    /// As they are now.
    alert_settings: Option<AlertSettingsReply>,
    /// Posted at that moment.
    value_at_time: Dec,
    /// Seconds until empty, of a runway's.
    runway_seconds: Option<u64>,
    timestamp: Time,
}

/// A change as a read saw it.
struct Seen {
    customer_id: Box<str>,
    rules: Option<Box<WalletRules>>,
    change: AlertChange,
}

/// The filter as the read asks it.
struct Matches {
    wallet: Option<WalletId>,
    kind: Option<AlertKind>,
    status: Option<Box<str>>,
    from: u64,
    until: u64,
    none: bool,
}

/// What alerts changed, the latest first unless `order` says otherwise. Each wallet remembers its last 32 changes.
#[utoipa::path(post, path = "/v1/alerts/search", tag = "Wallets", request_body = Option<AlertFilter>, responses((status = 200, body = ListReply<AlertReply>, description = "Done")))]
pub(crate) async fn search(call: Call) -> Result<Reply, ApiError> {
    let filter: AlertFilter = call.json_or_empty()?;
    let matches = filter.matches()?;
    let mut found = found(&call, filter.customer_id.as_deref(), matches).await?;
    let page: Page<AlertId> = filter.page.read(&call.app, |text| text.parse().ok())?;
    found.sort_by_key(|seen| seen.change.id);
    let cut = page.cut(found.iter().map(|seen| seen.change.id).collect());
    let of = |id: &AlertId| found.binary_search_by_key(id, |seen| seen.change.id).ok().map(|at| &found[at]);
    let tenant = call.tenant();
    let items: Vec<_> = cut.keys.iter().filter_map(of).map(|seen| AlertReply::of(tenant, seen)).collect();
    let pagination = cut.pagination(|id| id.to_string());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }))
}

impl AlertFilter {
    fn matches(&self) -> Result<Matches, ApiError> {
        let given = |text: &Option<Box<str>>| text.clone().filter(|text| !text.is_empty());
        let kind = given(&self.alert_type);
        let known = match kind.as_deref() {
            None => Some(None),
            Some(BALANCE) => Some(Some(AlertKind::Balance)),
            Some(RUNWAY) => Some(Some(AlertKind::Runway)),
            Some(_) => None,
        };
        let entity = given(&self.entity_id);
        let wallet: Option<WalletId> = entity.as_deref().and_then(|id| id.parse().ok());
        let other = given(&self.entity_type).is_some_and(|entity| *entity != *WALLET);
        let at = |name, text: &Option<Box<str>>| fields::time(name, text.as_deref());
        Ok(Matches {
            none: known.is_none() || other || (entity.is_some() && wallet.is_none()),
            wallet,
            kind: known.flatten(),
            status: given(&self.alert_status),
            from: at("start_time", &self.start_time)?.map_or(0, |at| at.0),
            until: at("end_time", &self.end_time)?.map_or(u64::MAX, |at| at.0),
        })
    }
}

impl Matches {
    fn of(&self, customer: &Customer) -> Vec<Seen> {
        let wallets =
            customer.wallets.iter().filter(|wallet| self.wallet.is_none_or(|id| id == wallet.head.id));
        let changes = wallets.flat_map(|wallet| {
            let watch = wallet.watch.iter();
            watch.flat_map(|watch| &watch.changes).map(|change| (&wallet.head, change))
        });
        let admitted = changes.filter(|(_, change)| self.admits(change));
        admitted
            .map(|(head, change)| Seen {
                customer_id: public_id(customer),
                rules: head.rules.clone(),
                change: change.clone(),
            })
            .collect()
    }

    fn admits(&self, change: &AlertChange) -> bool {
        !self.none
            && self.kind.is_none_or(|kind| kind == change.kind)
            && self.status.as_deref().is_none_or(|status| status == change.to.as_str())
            && (self.from..self.until).contains(&change.at.0)
    }
}

async fn found(call: &Call, name: Option<&str>, matches: Matches) -> Result<Vec<Seen>, ApiError> {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        let seen = call.read(Target::Customer(name), move |customer, _| matches.of(customer)).await;
        return no_one(seen.map(|seen| seen.value));
    }
    if let Some(wallet) = matches.wallet {
        let seen = call.read(Target::Wallet(wallet), move |customer, _| matches.of(customer)).await;
        return no_one(seen.map(|seen| seen.value));
    }
    let only = call.who.customer;
    let all = call.engine().scan(call.tenant(), move |customer, _| {
        only.is_none_or(|only| only == customer.number).then(|| matches.of(customer))
    });
    Ok(all.await?.into_iter().flatten().collect())
}

/// A search for somebody who is not there finds nothing.
fn no_one(found: Result<Vec<Seen>, ApiError>) -> Result<Vec<Seen>, ApiError> {
    match found {
        Err(error) if error.code() == super::error::Code::NotFound => Ok(Vec::new()),
        found => found,
    }
}

impl AlertReply {
    fn of(tenant: TenantNumber, seen: &Seen) -> Self {
        let change = &seen.change;
        Self {
            id: change.id.into(),
            entity_type: WALLET,
            entity_id: change.wallet.into(),
            parent_entity_type: Absent,
            parent_entity_id: Absent,
            customer_id: seen.customer_id.clone().into(),
            alert_type: match change.kind {
                AlertKind::Balance => BALANCE,
                AlertKind::Runway => RUNWAY,
            },
            alert_status: change.to.as_str(),
            previous_status: change.from.as_str(),
            alert_info: AlertInfo {
                alert_settings: AlertSettingsReply::of(seen.rules.as_deref()),
                value_at_time: change.posted.into(),
                runway_seconds: change.runway_s,
                timestamp: Time(change.at),
            },
            tenant_id: TenantId(tenant),
            environment_id: Absent,
            status: "published",
            created_at: Time(change.at),
            updated_at: Time(change.at),
            created_by: Absent,
            updated_by: Absent,
            customer: Absent,
            wallet: Absent,
            feature: Absent,
        }
    }
}
