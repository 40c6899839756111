//! `POST /v1/events` and `/v1/events/bulk`: events as billing SDKs send them (API §3). Fields that are not ours to know are ignored.

use axum::http::StatusCode;
use coffer_ledger::ids::LogPosition;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::given::Given;
use super::properties::Properties;
use super::received::{Received, Unread};
use super::submit;
use crate::engine::Committed;
use crate::http::call::Call;
use crate::http::charge::ChargeFields;
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::http::{body, idempotency};

/// Events of a bulk request, as billing SDKs know it.
const BULK_EVENTS_MAX: usize = 1_000;

/// Usage that happened.
#[derive(Deserialize, ToSchema)]
#[schema(as = IngestEvent)]
pub(crate) struct EventBody {
    /// The meter: 1 to 64 bytes.
    event_name: Option<Box<str>>,
    /// Whose usage, by either name; an unknown customer is made.
    external_customer_id: Option<Box<str>>,
    /// As `external_customer_id`, if that is absent.
    customer_id: Option<Box<str>>,
    /// Its id at its source: at most 128 bytes. Without one, a repeat is another event (unless an `Idempotency-Key` is given).
    event_id: Option<Box<str>>,
    /// When it happened; absent = now. At most 5 minutes ahead and 35 days old.
    timestamp: Option<Box<str>>,
    /// Where it comes from: at most 100 bytes.
    source: Option<Box<str>>,
    /// What it is like. `quantity`, or the property that the rate card names, says how much; else it counts as one.
    properties: Option<Properties>,
}

impl From<EventBody> for Given {
    fn from(body: EventBody) -> Self {
        Self {
            customer: body.external_customer_id.filter(|name| !name.is_empty()).or(body.customer_id),
            source: body.source,
            id: body.event_id,
            timestamp: body.timestamp,
            meter: body.event_name,
            quantity: None,
            properties: body.properties.unwrap_or_default(),
            charge: ChargeFields::default(),
        }
    }
}

/// An event was taken. Every value is a string.
#[derive(Serialize, ToSchema)]
#[schema(as = IngestedEvent)]
pub(crate) struct EventReply<'a> {
    message: &'a str,
    event_id: &'a str,
}

/// Records usage and debits its price at once.
///
/// Answered when it is durable. Usage that happened is never refused for lack of credit: what there is is taken, the rest is noted as
/// UNCOLLECTED. Without a matching rate card it is stored unpriced. An event that is sent again (same customer, source and id) changes
/// nothing.
#[utoipa::path(post, path = "/v1/events", tag = "Events", request_body = EventBody, responses((status = 202, body = EventReply, description = "Done")))]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let body: EventBody = call.json()?;
    let key = idempotency::of_header(&call.head.headers)?;
    let received = Given::from(body).read(&call, key.as_deref())?;
    let event_id = received.event.id.clone();
    let committed = submit::one(&call, received, dry_run).await?;
    let reply = EventReply { message: "Event accepted for processing", event_id: &event_id };
    Ok(Reply::json(StatusCode::ACCEPTED, &reply).of(&committed))
}

/// Events, each alone.
#[derive(Deserialize, ToSchema)]
#[schema(as = IngestEvents)]
pub(crate) struct BulkBody<'a> {
    /// 1 to 1,000 events.
    #[serde(borrow)]
    #[schema(value_type = Vec<EventBody>, min_items = 1, max_items = 1_000)]
    events: Vec<&'a RawValue>,
}

/// Events were taken. Every value is a string.
#[derive(Serialize, ToSchema)]
#[schema(as = IngestedEvents)]
pub(crate) struct BulkReply {
    message: &'static str,
    /// How many were recorded, or had been.
    accepted: String,
    /// How many were refused.
    rejected: String,
    /// Which was the first to be refused, counted from 0, and why; empty if none was.
    first_rejection: String,
}

/// Records usage, each event alone.
///
/// If all are refused, or one could not be tried (the server is busy), that is the answer; give every event an id, so that the request
/// can be sent again. `/v1/events/batch` says what became of each.
#[utoipa::path(post, path = "/v1/events/bulk", tag = "Events", request_body = BulkBody, responses((status = 202, body = BulkReply, description = "Done")))]
pub(crate) async fn bulk(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.billing_dry_run()?;
    let items: BulkBody<'_> = call.json()?;
    if items.events.is_empty() || items.events.len() > BULK_EVENTS_MAX {
        return Err(ApiError::field("events", &format!("1 to {BULK_EVENTS_MAX} items")));
    }
    let key = idempotency::of_header(&call.head.headers)?;
    let events =
        items.events.iter().enumerate().map(|(index, item)| read(&call, item, key.as_deref(), index));
    let outcomes = submit::each(&call, events.collect(), dry_run).await;
    answer(outcomes)
}

fn read(call: &Call, item: &RawValue, key: Option<&str>, index: usize) -> Result<Received, Unread> {
    let body: EventBody = body::parse(item.get().as_bytes())?;
    let key = idempotency::of_item(key, index, None)?;
    Given::from(body).read(call, key.as_deref())
}

fn answer(outcomes: Vec<Result<Committed, ApiError>>) -> Result<Reply, ApiError> {
    let (mut accepted, mut highest) = (0, LogPosition(0));
    let mut refused: Vec<(usize, ApiError)> = Vec::new();
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(committed) => {
                accepted += 1;
                highest = highest.max(committed.position);
            }
            // What was not tried is not refused: it has to be sent again.
            Err(error) if error.status().is_server_error() => return Err(error.with("index", index)),
            Err(error) => refused.push((index, error)),
        }
    }
    let rejected = refused.len();
    let first = refused.into_iter().next();
    if let (0, Some((index, error))) = (accepted, first.clone()) {
        return Err(error.with("index", index));
    }
    let reply = BulkReply {
        message: "Events accepted for processing",
        accepted: accepted.to_string(),
        rejected: rejected.to_string(),
        first_rejection: first
            .map(|(index, error)| format!("events[{index}]: {}", error.message()))
            .unwrap_or_default(),
    };
    Ok(Reply::json(StatusCode::ACCEPTED, &reply).at(highest))
}
