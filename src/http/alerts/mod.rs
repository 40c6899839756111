//! `POST /v1/alerts/search`: what alerts changed, as billing SDKs read it (SEMANTICS §12).
//!
//! With a history they are all there (`stored`), and the search waits for it as other lists of the history do. Without one each wallet
//! remembers its last changes ([`coffer_ledger::alert::ALERT_CHANGES_KEPT_MAX`]; `remembered`).

mod remembered;
mod stored;

use axum::http::StatusCode;
use coffer_ledger::alert::{AlertChange, AlertKind};
use coffer_ledger::ids::{LogPosition, TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::watch::WalletRules;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::error::ApiError;
use super::fields;
use super::page::{ListReply, PageFields, Pagination};
use super::reply::Reply;
use super::wallets::reply::TenantId;
use super::wallets::rules::AlertSettingsReply;
use super::wire::{Absent, Dec, Id, Time};

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

/// A page of changes, and up to where in the log it saw.
struct Found {
    changes: Vec<Seen>,
    pagination: Pagination,
    position: LogPosition,
}

/// The filter, read. `None` = any.
struct Wanted {
    /// The customer's name.
    customer: Option<Box<str>>,
    wallet: Option<WalletId>,
    kind: Option<AlertKind>,
    status: Option<Box<str>>,
    /// Not before.
    from: Option<Timestamp>,
    /// Before.
    until: Option<Timestamp>,
    /// What is asked for is of no wallet.
    is_nothing: bool,
}

/// What alerts changed.
///
/// The latest first unless `order` says otherwise. With the history (`history.enabled`) all changes are found: send `X-Min-Log-Position`
/// with the `X-Log-Position` of a write to see what it changed. Without it the last 32 changes of each wallet are.
#[utoipa::path(post, path = "/v1/alerts/search", tag = "Wallets", request_body = Option<AlertFilter>, responses(
    (status = 200, body = ListReply<AlertReply>, description = "Done"),
    (status = 503, body = super::error::ErrorBody, description = "history_behind, history_unavailable, quarantined, outcome_unknown"),
))]
pub(crate) async fn search(call: Call) -> Result<Reply, ApiError> {
    let filter: AlertFilter = call.json_or_empty()?;
    let wanted = filter.wanted()?;
    let page = filter.page.read(&call.app, |text| text.parse().ok())?;
    let found = match call.app.history {
        Some(_) => stored::find(&call, wanted, page).await?,
        None => remembered::find(&call, wanted, page).await?,
    };
    let items: Vec<_> = found.changes.iter().map(|seen| AlertReply::of(call.tenant(), seen)).collect();
    let pagination = found.pagination;
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }).at(found.position))
}

impl AlertFilter {
    fn wanted(&self) -> Result<Wanted, ApiError> {
        let given = |text: &Option<Box<str>>| text.clone().filter(|text| !text.is_empty());
        let word = given(&self.alert_type);
        let kind = AlertKind::ALL.into_iter().find(|kind| word.as_deref() == Some(kind.as_str()));
        let entity = given(&self.entity_id);
        let wallet: Option<WalletId> = entity.as_deref().and_then(|id| id.parse().ok());
        let other = given(&self.entity_type).is_some_and(|entity| *entity != *WALLET);
        let at = |name, text: &Option<Box<str>>| fields::time(name, text.as_deref());
        Ok(Wanted {
            is_nothing: kind.is_some() != word.is_some() || wallet.is_some() != entity.is_some() || other,
            customer: given(&self.customer_id),
            wallet,
            kind,
            status: given(&self.alert_status),
            from: at("start_time", &self.start_time)?,
            until: at("end_time", &self.end_time)?,
        })
    }
}

impl Wanted {
    fn admits(&self, change: &AlertChange) -> bool {
        !self.is_nothing
            && self.kind.is_none_or(|kind| kind == change.kind)
            && self.status.as_deref().is_none_or(|status| status == change.to.as_str())
            && self.from.is_none_or(|from| change.at >= from)
            && self.until.is_none_or(|until| change.at < until)
    }
}

/// A search for somebody who is not there finds nothing.
fn or_nobody<T>(found: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match found {
        Err(error) if error.code() == super::error::Code::NotFound => Ok(None),
        found => found.map(Some),
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
            alert_type: change.kind.as_str(),
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
