//! `POST /v1/events/batch`: CloudEvents 1.0 in each of their modes, or our own JSON, with a result per event.

use axum::http::StatusCode;
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::LogPosition;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::cloud::{self, Mode};
use super::given::{Given, told};
use super::ours::{BatchBody, OurEvent};
use super::received::{Received, Unread};
use super::submit;
use crate::engine::Committed;
use crate::http::call::Call;
use crate::http::debits::RateCardReply;
use crate::http::done::Done;
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::http::wire::{Dec, Id};
use crate::http::{body, idempotency};

/// Records usage, with a result per event.
///
/// Takes CloudEvents 1.0: `application/cloudevents+json` (one), `application/cloudevents-batch+json` (an array), or one in `ce-*`
/// headers with its data as the body; else our own `{"events": [...]}`. Of a CloudEvent, `type` (or `data.meter`) is the meter, `subject`
/// (or `data.customer_id`) the customer, `data.quantity` how much, `data.properties` (or the rest of the data) what it is like. A single
/// CloudEvent that is refused is answered by its error.
#[utoipa::path(
    post,
    path = "/v1/events/batch",
    tag = "Events",
    request_body(content(
        (BatchBody = "application/json"),
        (cloud::CloudEvent = "application/cloudevents+json"),
        (Vec<cloud::CloudEvent> = "application/cloudevents-batch+json"),
    )),
    responses((status = 202, body = BatchReply, description = "Done"))
)]
pub(crate) async fn create(call: Call) -> Result<Reply, ApiError> {
    let dry_run = call.dry_run()?;
    let mode = Mode::of(&call.head.headers);
    let events = read(&call, mode)?;
    let id = |event: &Result<Received, Unread>| match event {
        Ok(received) => Some(received.event.id.clone()),
        Err(unread) => unread.id.clone(),
    };
    let ids: Vec<_> = events.iter().map(id).collect();
    let outcomes = submit::each(&call, events, dry_run).await;
    if let (Mode::Structured | Mode::Binary, [Err(error)]) = (mode, &*outcomes) {
        return Err(error.clone());
    }
    let positions = outcomes.iter().flatten().map(|committed| committed.position);
    let highest = positions.max().unwrap_or(LogPosition(0));
    let results = ids.iter().zip(&outcomes);
    let results = results.map(|(id, outcome)| ResultReply::of(id.as_deref(), outcome));
    let results = results.collect::<Result<_, _>>()?;
    Ok(Reply::json(StatusCode::ACCEPTED, &BatchReply { results }).at(highest))
}

/// The commands, each or why it is none.
fn read(call: &Call, mode: Mode) -> Result<Vec<Result<Received, Unread>>, ApiError> {
    let key = idempotency::of_header(&call.head.headers)?;
    match mode {
        Mode::Structured => Ok(vec![cloud::structured(&call.body).and_then(|given| given.read(call, None))]),
        Mode::Binary => {
            let given = cloud::binary(&call.head.headers, &call.body);
            Ok(vec![given.and_then(|given| given.read(call, None))])
        }
        Mode::Batched => {
            let items: Vec<&RawValue> = body::parse_any(&call.body)?;
            checked(call, &items)?;
            let event = |item: &&RawValue| cloud::structured(item.get().as_bytes())?.read(call, None);
            Ok(items.iter().map(event).collect())
        }
        Mode::Ours => {
            let BatchBody { events } = call.json()?;
            checked(call, &events)?;
            let event = |(index, item)| read_ours(call, item, key.as_deref(), index);
            Ok(events.iter().copied().enumerate().map(event).collect())
        }
    }
}

fn checked(call: &Call, items: &[&RawValue]) -> Result<(), ApiError> {
    let max = call.app.options.batch_items_max;
    if items.is_empty() || items.len() > max {
        return Err(ApiError::field("events", &format!("1 to {max} items")));
    }
    Ok(())
}

fn read_ours(call: &Call, item: &RawValue, key: Option<&str>, index: usize) -> Result<Received, Unread> {
    let event: OurEvent<'_> = body::parse(item.get().as_bytes())?;
    let given = Given::from(event);
    let key = idempotency::of_item(key, index, None);
    let key = key.map_err(|error| Unread { id: told(given.id.as_deref()), error })?;
    given.read(call, key.as_deref())
}

/// The results in the order of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = EventBatchReply)]
pub(crate) struct BatchReply<'a> {
    /// One per event.
    results: Vec<ResultReply<'a>>,
}

/// What became of an event.
#[derive(Serialize, ToSchema)]
#[schema(as = EventResult)]
pub(crate) struct ResultReply<'a> {
    /// Its id, given or made; null if it could not be read.
    event_id: Option<&'a str>,
    /// 202, or the HTTP status that the event alone would have had.
    status: u16,
    /// Why it was refused.
    code: Option<&'static str>,
    /// The same for people.
    message: Option<&'a str>,
    /// The customer's id.
    customer_id: Option<&'a str>,
    /// Its first ledger row; null if nothing was to be paid, and for a dry run.
    transaction_id: Option<Id>,
    /// Credits taken.
    credits: Option<Dec>,
    /// Credits that were not there.
    uncollected: Option<Dec>,
    /// The rate card that priced it; null: none did.
    rate_card: Option<RateCardReply>,
    /// Whether it had been recorded before: this is what became of it then.
    duplicate: bool,
}

impl<'a> ResultReply<'a> {
    fn of(event_id: Option<&'a str>, outcome: &'a Result<Committed, ApiError>) -> Result<Self, ApiError> {
        match outcome {
            Ok(committed) => Self::accepted(event_id, committed),
            Err(error) => Ok(Self {
                code: Some(error.code().as_str()),
                message: Some(error.message()),
                ..Self::empty(event_id, error.status().as_u16())
            }),
        }
    }

    fn accepted(event_id: Option<&'a str>, committed: &'a Committed) -> Result<Self, ApiError> {
        let done = Done::alone(committed);
        let Effect::EventRecorded { priced, taken, uncollected, .. } = done.effect else {
            return Err(ApiError::internal("the record of an event holds another effect"));
        };
        Ok(Self {
            customer_id: Some(done.customer_id()),
            transaction_id: done.row(0).filter(|_| done.effect.rows() > 0),
            credits: Some(taken.as_ref().map_or(Dec::ZERO, |taken| taken.credits.into())),
            uncollected: Some(uncollected.map_or(Dec::ZERO, |uncollected| uncollected.credits.into())),
            rate_card: priced.as_ref().map(RateCardReply::of),
            duplicate: committed.replayed,
            ..Self::empty(event_id, StatusCode::ACCEPTED.as_u16())
        })
    }

    const fn empty(event_id: Option<&'a str>, status: u16) -> Self {
        Self {
            event_id,
            status,
            code: None,
            message: None,
            customer_id: None,
            transaction_id: None,
            credits: None,
            uncollected: None,
            rate_card: None,
            duplicate: false,
        }
    }
}
