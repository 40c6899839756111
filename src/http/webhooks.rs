//! `/v1/webhook-endpoints`: where a tenant's events are sent, what was sent, and sending it again (docs/EVENTS.md).

use std::sync::Arc;

use axum::http::StatusCode;
use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect};
use coffer_ledger::catalog::webhook::{
    CreateWebhookEndpoint, SECRET_BYTES, UpdateWebhookEndpoint, WebhookEndpoint, WebhookSecret,
};
use coffer_ledger::ids::{EventId, LogPosition, WebhookEndpointId};
use coffer_ledger::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::Call;
use super::error::{ApiError, Code};
use super::fields;
use super::page::{ListReply, Pagination};
use super::reply::Reply;
use super::wire::{Id, Time};
use crate::engine::{TenantCommitted, TenantOperation, TenantView};
use crate::feed::events::{EVENT_TYPES_MAX, EventFilter};
use crate::feed::webhooks::{
    Delivery, DeliveryQuery, DeliveryState, EndpointStatus, WebhookFailure, WebhookOptions, Webhooks,
    check_url, shown_secret,
};

/// Seconds for which the old secret signs too when the request does not say: a day.
const OVERLAP_S: u32 = 24 * 3_600;
/// At most: a week.
const OVERLAP_S_MAX: u32 = 7 * 24 * 3_600;
const NS_PER_MS: u64 = 1_000_000;

/// A new endpoint.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateWebhookEndpoint)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBody {
    /// Where events are posted: https, of a host on the open Internet.
    url: Box<str>,
    /// Text for people.
    description: Option<Box<str>>,
    /// Types of events: `wallet.created`, or `hold.*` for all that begin so; absent or empty: all.
    events: Option<Vec<Box<str>>>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// A changed endpoint: what is there changes.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateWebhookEndpoint)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateBody {
    /// Where events are posted.
    url: Option<Box<str>>,
    /// Text for people.
    description: Option<Box<str>>,
    /// Types of events; empty: all.
    events: Option<Vec<Box<str>>>,
    /// Whether anything is sent. Enabled again, it goes on where it stopped.
    enabled: Option<bool>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// How secrets are exchanged.
#[derive(Deserialize, ToSchema)]
#[schema(as = RotateWebhookSecret)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateBody {
    /// Seconds for which the old secret signs beside the new one, 0 to 604,800; default 86,400.
    overlap_s: Option<u32>,
    /// As the `Idempotency-Key` header.
    idempotency_key: Option<Box<str>>,
}

/// From where everything is sent again.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReplayWebhooks)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayBody {
    /// A log position: every event after it is sent, whether it was sent before or not; `now`: only what comes from now on.
    after: Box<str>,
}

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointReply<'a> {
    /// Null for a dry run that would make one.
    id: Option<Id>,
    url: &'a str,
    description: Option<&'a str>,
    /// Types of events; empty: all.
    events: &'a [Box<str>],
    /// enabled or disabled.
    status: &'static str,
    /// by_request, failing or gone.
    disabled_reason: Option<&'static str>,
    disabled_at: Option<Time>,
    /// Until when the secret before this one signs, too.
    previous_secret_until: Option<Time>,
    created_at: Time,
    updated_at: Time,
    /// The secret: only in the first answer to the request that made it.
    secret: Option<String>,
}

impl<'a> EndpointReply<'a> {
    fn of(endpoint: &'a WebhookEndpoint) -> Self {
        Self {
            id: Some(endpoint.id.into()),
            url: &endpoint.url,
            description: endpoint.description.as_deref(),
            events: &endpoint.events,
            status: if endpoint.disabled.is_some() { "disabled" } else { "enabled" },
            disabled_reason: endpoint.disabled.map(|(_, why)| why.as_str()),
            disabled_at: endpoint.disabled.map(|(at, _)| Time(at)),
            previous_secret_until: endpoint.previous.map(|(_, until)| Time(until)),
            created_at: Time(endpoint.created_at),
            updated_at: Time(endpoint.updated_at),
            secret: None,
        }
    }
}

/// A webhook endpoint, and how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithStatus)]
pub(crate) struct ShownReply<'a> {
    #[serde(flatten)]
    endpoint: EndpointReply<'a>,
    /// Null where this server delivers nothing, or cannot now.
    delivery: Option<StatusReply>,
}

/// How far an endpoint is.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointStatus)]
pub(crate) struct StatusReply {
    /// Events of records up to this one were delivered, or wait as `pending`.
    log_position: String,
    /// Records of the log after it.
    lag_records: u64,
    /// Deliveries that wait for their turn or their next attempt.
    pending: u64,
    /// Attempts in a row to which there was no answer, or one that says that the endpoint is busy; those under way together are one.
    failures: u32,
    /// Since when nothing was taken.
    failing_since: Option<Time>,
    /// Until when no attempt is made.
    paused_until: Option<Time>,
}

impl StatusReply {
    fn of(status: &EndpointStatus) -> Self {
        Self {
            log_position: status.position.to_string(),
            lag_records: status.lag_records,
            pending: status.pending,
            failures: status.failures,
            failing_since: status.failing_since.map(time_of_ms),
            paused_until: status.paused_until.map(time_of_ms),
        }
    }
}

/// A delivery of an event to an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryReply {
    id: String,
    event_id: Id,
    #[serde(rename = "type")]
    kind: String,
    log_position: String,
    /// pending, delivered or failed.
    status: &'static str,
    /// Attempts so far; asking whether an endpoint that is down is back, before the event's own next attempt, is none.
    attempts: u32,
    /// When it is tried next; null when it is over, or waits for its turn.
    next_attempt_at: Option<Time>,
    last_attempt_at: Option<Time>,
    /// What the endpoint answered last.
    response_status: Option<u16>,
    /// Why there was no answer, or it was no good.
    error: Option<String>,
    /// Milliseconds that the last attempt took.
    took_ms: Option<u64>,
    /// Sent again by request, beside the order.
    resent: bool,
}

impl DeliveryReply {
    fn of(delivery: Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Pending && delivery.attempts > 0;
        Self {
            id: delivery.id.to_string(),
            event_id: EventId::new(Timestamp(delivery.at), LogPosition(delivery.position), delivery.event)
                .into(),
            kind: delivery.kind,
            log_position: delivery.position.to_string(),
            status: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: waits.then(|| time_of_ms(delivery.next_at)),
            last_attempt_at: delivery.last_at.map(time_of_ms),
            response_status: delivery.status,
            error: delivery.error,
            took_ms: delivery.took_ms,
            resent: delivery.lane < 0,
        }
    }
}

/// Where a replay begins.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookReplay)]
pub(crate) struct ReplayReply {
    /// Events of later records are sent.
    after: String,
}

/// The delivery that a resend made.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookResend)]
pub(crate) struct ResendReply {
    /// Its number.
    id: String,
}

fn time_of_ms(ms: u64) -> Time {
    Time(Timestamp(ms.saturating_mul(NS_PER_MS)))
}

/// Makes an endpoint. What happens after this is sent to it.
#[utoipa::path(post, path = "/v1/webhook-endpoints", tag = "Webhooks", request_body = CreateBody, responses((status = 201, body = EndpointReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let body: CreateBody = call.json()?;
    let events = body.events.unwrap_or_default();
    check(&call, Some(&body.url), Some(&events))?;
    let description = fields::description(body.description)?;
    let asked = CreateWebhookEndpoint { url: body.url, description, events, secret: new_secret(&call) };
    let command = TenantCommand::CreateWebhookEndpoint(asked);
    let committed = commit(&call, command, body.idempotency_key).await?;
    let mut reply = with_secret(&call, &committed)?;
    if committed.position.0 == 0 {
        reply.id = None;
    }
    Ok(Reply::json(StatusCode::CREATED, &reply).of_tenant(&committed))
}

/// Every endpoint of the tenant, newest first.
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = "Webhooks", responses((status = 200, body = ListReply<EndpointReply>, description = "Done")))]
pub(crate) async fn list(call: Call) -> Result<Reply, ApiError> {
    let view = view(&call)?;
    let items: Vec<_> = view.webhooks.iter().rev().map(EndpointReply::of).collect();
    let pagination = Pagination::whole(items.len());
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }))
}

/// An endpoint, and how far it is.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}", tag = "Webhooks", responses((status = 200, body = ShownReply, description = "Done")))]
pub(crate) async fn get(call: Call) -> Result<Reply, ApiError> {
    let (view, id) = known(&call)?;
    let status = match &call.app.webhooks {
        Some(webhooks) => webhooks.status(id).await.ok(),
        None => None,
    };
    let endpoint = view.webhooks.iter().find(|endpoint| endpoint.id == id).ok_or_else(unknown)?;
    let delivery = status.as_ref().map(StatusReply::of);
    Ok(Reply::json(StatusCode::OK, &ShownReply { endpoint: EndpointReply::of(endpoint), delivery }))
}

/// Changes an endpoint, or switches it off and on. One that is on begins afresh: whatever waited for it is sent at once.
#[utoipa::path(put, path = "/v1/webhook-endpoints/{id}", tag = "Webhooks", request_body = UpdateBody, responses((status = 200, body = EndpointReply, description = "Done")))]
pub(crate) async fn update(call: Call) -> Result<Reply, ApiError> {
    let id = endpoint_id(&call)?;
    let body: UpdateBody = call.json()?;
    check(&call, body.url.as_deref(), body.events.as_deref())?;
    let UpdateBody { url, description, events, enabled, idempotency_key } = body;
    let description = fields::description(description)?;
    let asked = UpdateWebhookEndpoint { id, url, description, events, enabled };
    let committed = commit(&call, TenantCommand::UpdateWebhookEndpoint(asked), idempotency_key).await?;
    let reply = EndpointReply::of(endpoint_of(&committed)?);
    Ok(Reply::json(StatusCode::OK, &reply).of_tenant(&committed))
}

/// Removes an endpoint. What waited for it is not sent any more.
#[utoipa::path(delete, path = "/v1/webhook-endpoints/{id}", tag = "Webhooks", responses((status = 204, description = "Done")))]
pub(crate) async fn delete(call: Call) -> Result<Reply, ApiError> {
    let command = TenantCommand::DeleteWebhookEndpoint(endpoint_id(&call)?);
    let committed = commit(&call, command, call.key_alone()?).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT).of_tenant(&committed))
}

/// Exchanges the secret: the new one signs from now on, the old one beside it for some time. Meanwhile it can be exchanged again only
/// without overlap.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/rotate-secret", tag = "Webhooks", request_body = RotateBody, responses(
    (status = 200, body = EndpointReply, description = "Done"),
    (status = 409, body = super::error::ErrorBody, description = "invalid_operation: the secret of before still signs"),
))]
pub(crate) async fn rotate(call: Call) -> Result<Reply, ApiError> {
    let id = endpoint_id(&call)?;
    let body: RotateBody = call.json_or_empty()?;
    let overlap_s = body.overlap_s.unwrap_or(OVERLAP_S);
    if overlap_s > OVERLAP_S_MAX {
        return Err(ApiError::field("overlap_s", "0 to 604800"));
    }
    let command = TenantCommand::RotateWebhookSecret { id, secret: new_secret(&call), overlap_s };
    let committed = commit(&call, command, body.idempotency_key).await?;
    Ok(Reply::json(StatusCode::OK, &with_secret(&call, &committed)?).of_tenant(&committed))
}

/// Which deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct DeliveriesQuery {
    /// pending, delivered or failed.
    status: Option<String>,
    /// 1 to 1,000; default 50.
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What was sent to an endpoint and what is to be, newest first. What is over is kept for some time only.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{id}/deliveries", tag = "Webhooks", params(DeliveriesQuery), responses(
    (status = 200, body = ListReply<DeliveryReply>, description = "Done; pagination.total counts this page"),
    (status = 503, body = super::error::ErrorBody, description = "webhooks_unavailable"),
))]
pub(crate) async fn deliveries(call: Call) -> Result<Reply, ApiError> {
    let (_, id) = known(&call)?;
    let query = call.query()?;
    query.only(&["status", "limit", "cursor"])?;
    let state = query.get("status").map(|word| {
        DeliveryState::named(word).ok_or_else(|| ApiError::field("status", "pending, delivered or failed"))
    });
    let options = &call.app.options;
    let limit = query.number("limit")?.unwrap_or(options.page_items_default);
    if limit == 0 || limit > options.page_items_max {
        return Err(ApiError::field("limit", &format!("1 to {}", options.page_items_max)));
    }
    let before =
        query.get("cursor").map(|text| text.parse().map_err(|_| ApiError::field("cursor", "unknown")));
    let asked = DeliveryQuery { state: state.transpose()?, before: before.transpose()?, limit: limit + 1 };
    let mut found = webhooks(&call)?.list(id, asked).await.map_err(failed)?;
    let next_cursor = (found.len() > limit).then(|| found[limit - 1].id.to_string());
    found.truncate(limit);
    let items: Vec<_> = found.into_iter().map(DeliveryReply::of).collect();
    let pagination = Pagination::of(items.len(), limit, 0, next_cursor);
    Ok(Reply::json(StatusCode::OK, &ListReply { items, pagination }))
}

/// Sends an event again, at once and beside the order, also to an endpoint that is left alone. The event's id is the same.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/deliveries/{delivery_id}/resend", tag = "Webhooks", responses(
    (status = 202, body = ResendReply, description = "It will be sent"),
    (status = 409, body = super::error::ErrorBody, description = "invalid_operation: the endpoint is disabled"),
    (status = 503, body = super::error::ErrorBody, description = "webhooks_unavailable"),
))]
pub(crate) async fn resend(call: Call) -> Result<Reply, ApiError> {
    let (_, id) = known(&call)?;
    call.query()?.only(&[])?;
    let number = call.param("delivery_id").parse().map_err(|_| ApiError::not_found("delivery"))?;
    let made = webhooks(&call)?.resend(id, number).await.map_err(failed)?;
    Ok(Reply::json(StatusCode::ACCEPTED, &ResendReply { id: made.to_string() }))
}

/// Sends everything after a place in the log again, in order. What was still pending is dropped: it comes again, or is passed over.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{id}/replay", tag = "Webhooks", request_body = ReplayBody, responses(
    (status = 202, body = ReplayReply, description = "It begins"),
    (status = 503, body = super::error::ErrorBody, description = "webhooks_unavailable"),
))]
pub(crate) async fn replay(call: Call) -> Result<Reply, ApiError> {
    let (_, id) = known(&call)?;
    call.query()?.only(&[])?;
    let body: ReplayBody = call.json()?;
    let after = match &*body.after {
        "now" => None,
        text => {
            let position = text.parse().map_err(|_| ApiError::field("after", "a log position, or now"));
            Some(position?)
        }
    };
    let begins = webhooks(&call)?.replay(id, after).await.map_err(failed)?;
    Ok(Reply::json(StatusCode::ACCEPTED, &ReplayReply { after: begins.to_string() }))
}

/// Whether a URL and types may stand in an endpoint.
fn check(call: &Call, url: Option<&str>, events: Option<&[Box<str>]>) -> Result<(), ApiError> {
    let strict = WebhookOptions::new("");
    let options = call.app.webhooks.as_ref().map_or(&strict, Webhooks::options);
    if let Some(url) = url {
        check_url(options, url).map_err(|allowed| ApiError::field("url", &allowed))?;
    }
    let Some(events) = events else { return Ok(()) };
    if events.len() > EVENT_TYPES_MAX {
        return Err(ApiError::field("events", &format!("at most {EVENT_TYPES_MAX}")));
    }
    match EventFilter::of(events.iter().map(|pattern| &**pattern)) {
        Ok(_) => Ok(()),
        Err(word) => {
            Err(ApiError::field("events", &format!("{word:?} is no type of events, see docs/EVENTS.md")))
        }
    }
}

fn new_secret(call: &Call) -> WebhookSecret {
    let mut secret = [0; SECRET_BYTES];
    call.engine().random(&mut secret);
    WebhookSecret(secret)
}

/// The endpoint with its new secret, which only the first answer shows.
fn with_secret<'a>(call: &Call, committed: &'a TenantCommitted) -> Result<EndpointReply<'a>, ApiError> {
    let endpoint = endpoint_of(committed)?;
    let mut reply = EndpointReply::of(endpoint);
    let is_first = !committed.replayed && !call.dry_run()?;
    reply.secret = is_first.then(|| shown_secret(&endpoint.secret));
    Ok(reply)
}

fn endpoint_of(committed: &TenantCommitted) -> Result<&WebhookEndpoint, ApiError> {
    match &committed.record.facts.effect {
        TenantEffect::WebhookEndpointSet(endpoint) => Ok(endpoint),
        _ => Err(ApiError::internal("the record of a webhook endpoint holds another effect")),
    }
}

async fn commit(
    call: &Call,
    command: TenantCommand,
    key: Option<Box<str>>,
) -> Result<TenantCommitted, ApiError> {
    let operation = TenantOperation { command, dry_run: call.dry_run()?, origin: call.origin(key)? };
    Ok(call.engine().submit_tenant(call.tenant(), operation).await?)
}

fn endpoint_id(call: &Call) -> Result<WebhookEndpointId, ApiError> {
    call.param("id").parse().map_err(|_| unknown())
}

/// The tenant's own endpoint of the path.
fn known(call: &Call) -> Result<(Arc<TenantView>, WebhookEndpointId), ApiError> {
    let (view, id) = (view(call)?, endpoint_id(call)?);
    if view.webhooks.iter().any(|endpoint| endpoint.id == id) { Ok((view, id)) } else { Err(unknown()) }
}

fn unknown() -> ApiError {
    ApiError::not_found("webhook endpoint")
}

fn view(call: &Call) -> Result<Arc<TenantView>, ApiError> {
    call.engine().tenant_view(call.tenant()).ok_or_else(|| ApiError::not_found("tenant"))
}

fn webhooks(call: &Call) -> Result<&Webhooks, ApiError> {
    let none = || ApiError::new(Code::WebhooksUnavailable, "this server delivers no webhooks");
    call.app.webhooks.as_ref().ok_or_else(none)
}

fn failed(failure: WebhookFailure) -> ApiError {
    match failure {
        WebhookFailure::NotFound(what) => ApiError::not_found(what),
        WebhookFailure::Place { from, to } => ApiError::field("after", &format!("{from} to {to}, or now")),
        WebhookFailure::Disabled => ApiError::new(Code::InvalidOperation, failure.to_string()),
        WebhookFailure::Unavailable(_) => ApiError::new(Code::WebhooksUnavailable, failure.to_string()),
    }
}
