//! `GET /v1/customers/{id}/stream` and `GET /v1/stream`: events as server-sent events (API §2, docs/EVENTS.md).
//!
//! A stream begins with what is now and goes on with what happens, or goes on after `Last-Event-ID`. It ends when its client leaves,
//! when it reads too slowly, when its key is revoked, and when the server stops; but for the first, its last event says why and where to go on.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use coffer_ledger::ids::LogPosition;
use coffer_ledger::view;
use hyper::body::Frame;
use tokio::time::{Instant, Sleep, sleep};
use utoipa::IntoParams;

use super::App;
use super::balance::BalanceReply;
use super::call::Call;
use super::error::{ApiError, Code};
use super::json;
use super::query::Query;
use super::reply::Reply;
use super::wallets::reply::public_id;
use crate::engine::{Authenticated, Target};
use crate::feed::events::{EVENT_TYPES_MAX, EventFilter};
use crate::feed::stream::{Stream, StreamFailure, StreamPlace, Wanted, sse};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that gather a response before they pass it on are asked not to.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const PARAMETERS: [&str; 2] = ["types", "last_event_id"];
/// Milliseconds after which a client that lost its connection comes back.
const RETRY_MS: u32 = 2_000;
/// Bytes of events that are sent in one part, about.
const PART_BYTES: usize = 32 << 10;

/// Which events, and from where on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by name; this is its description")]
pub(crate) struct StreamQuery {
    /// Kinds of events, comma-separated or repeated: `wallet.created`, or `hold.*` for all that begin so; absent: all.
    types: Option<String>,
    /// As the header `Last-Event-ID`, which goes before it, for clients that cannot send one.
    last_event_id: Option<String>,
}

/// The events of one customer, as they happen.
///
/// Begins with an event `balance`, whose data is the customer's balance; what happened after it follows. With `Last-Event-ID` it goes on
/// after that event instead. Comments are sent while nothing happens, with an id where the log has gone on. An event `stream.ended` is the last one: come back with the last
/// id that you saw.
#[utoipa::path(get, path = "/v1/customers/{id}/stream", tag = "Streams", params(StreamQuery), responses(
    (status = 200, body = String, content_type = "text/event-stream", description = "Events, until somebody ends it"),
))]
pub(crate) async fn of_customer(call: Call) -> Result<Reply, ApiError> {
    let (filter, place) = asked(&call)?;
    let target = Target::Customer(call.customer_name()?);
    let durable = call.engine().log_reader().durable_lsn().0;
    let look = |customer: &coffer_ledger::customer::Customer, now| {
        (customer.number, public_id(customer), view::balance(customer, now))
    };
    let seen = call.read(target, look).await?;
    let (number, customer_id, balance) = &seen.value;
    let wanted = Wanted { tenant: call.tenant(), customer: Some(*number), filter };
    let (from, mut first) = match place {
        Some(place) => (place, Vec::new()),
        // Whatever of this customer is later than what was seen is also later than what was durable before.
        None => {
            let from = StreamPlace::after(seen.position.0.max(durable));
            let mut first = format!("id: {from}\nevent: balance\ndata: ").into_bytes();
            json::write(&mut first, &BalanceReply::of(customer_id, balance));
            first.extend_from_slice(b"\n\n");
            (from, first)
        }
    };
    open(&call, wanted, from, &mut first)
}

/// The events of all customers, as they happen: from now on, or after `Last-Event-ID`.
#[utoipa::path(get, path = "/v1/stream", tag = "Streams", params(StreamQuery), responses(
    (status = 200, body = String, content_type = "text/event-stream", description = "Events, until somebody ends it"),
))]
pub(crate) async fn of_tenant(call: Call) -> Result<Reply, ApiError> {
    let (filter, place) = asked(&call)?;
    // A key that is bound to a customer sees only that one, here too.
    let wanted = Wanted { tenant: call.tenant(), customer: call.who.customer, filter };
    let now = || StreamPlace::after(call.engine().log_reader().durable_lsn().0);
    let from = place.unwrap_or_else(now);
    let mut first = format!("id: {from}\n\n").into_bytes();
    open(&call, wanted, from, &mut first)
}

fn asked(call: &Call) -> Result<(EventFilter, Option<StreamPlace>), ApiError> {
    let query = call.query()?;
    query.only(&PARAMETERS)?;
    let header = call.head.headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let last = header.or(query.get("last_event_id")).filter(|text| !text.is_empty());
    let place = last.map(str::parse).transpose();
    Ok((filter(&query)?, place.map_err(|allowed| ApiError::field("Last-Event-ID", allowed))?))
}

fn filter(query: &Query) -> Result<EventFilter, ApiError> {
    let words: Vec<_> = query.words("types").collect();
    if words.len() > EVENT_TYPES_MAX {
        return Err(ApiError::field("types", &format!("at most {EVENT_TYPES_MAX}")));
    }
    let unknown =
        |word| ApiError::field("types", &format!("{word:?} is no kind of event, see docs/EVENTS.md"));
    EventFilter::of(words).map_err(unknown)
}

fn open(call: &Call, wanted: Wanted, from: StreamPlace, first: &mut Vec<u8>) -> Result<Reply, ApiError> {
    let streams = &call.app.streams;
    let stream = streams.open(wanted, from).map_err(refused)?;
    let mut begin = format!("retry: {RETRY_MS}\n").into_bytes();
    begin.append(first);
    if begin.last_chunk() != Some(b"\n\n") {
        begin.push(b'\n');
    }
    let every = Duration::from_secs(streams.options().stream_heartbeat_s);
    let body = Events {
        app: Arc::clone(&call.app),
        who: call.who,
        welcome_at: None,
        first: VecDeque::from([begin.into()]),
        stream,
        last: from,
        every,
        heartbeat: Box::pin(sleep(every)),
        done: false,
    };
    let headers = vec![
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    let reply = Reply::stream("text/event-stream", headers, Body::new(body));
    Ok(reply.at(LogPosition(from.position())))
}

fn refused(failure: StreamFailure) -> ApiError {
    let message = failure.to_string();
    match failure {
        StreamFailure::Full { limit, max } => ApiError::new(Code::Overloaded, message).with(limit, max),
        StreamFailure::Ahead { durable } => {
            ApiError::field("Last-Event-ID", &format!("at most {durable}, where the log ends"))
        }
        StreamFailure::TooFar { records } => ApiError::new(Code::LimitReached, message)
            .with("limit", "stream_resume_records_max")
            .with("records", records),
        StreamFailure::Gone { removed } => {
            ApiError::new(Code::RecordGone, message).with("removed_to", removed)
        }
        StreamFailure::Closed => ApiError::new(Code::Overloaded, message),
    }
}

/// A stream as a body.
struct Events {
    app: Arc<App>,
    who: Authenticated,
    /// What had been published when its key was found good last.
    welcome_at: Option<u64>,
    first: VecDeque<Bytes>,
    stream: Stream,
    /// After the last id that was sent.
    last: StreamPlace,
    every: Duration,
    heartbeat: Pin<Box<Sleep>>,
    done: bool,
}

impl Events {
    /// Events that are there, as one part.
    fn ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut part: Vec<u8> = Vec::new();
        loop {
            match self.stream.poll_next(cx) {
                Poll::Ready(Some(frame)) => {
                    self.last = frame.place;
                    part.extend_from_slice(&sse(&frame));
                    if part.len() < PART_BYTES {
                        continue;
                    }
                }
                // Its end comes again, after what is there.
                Poll::Ready(None) if part.is_empty() => return Poll::Ready(None),
                Poll::Pending if part.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => {}
            }
            return Poll::Ready(Some(part.into()));
        }
    }

    /// A comment; with an id if the log has gone on since the last one, so that who comes back need not have it looked through again.
    fn beat(&mut self, reached: StreamPlace) -> Bytes {
        if reached.whole() <= self.last.whole() {
            return Bytes::from_static(b":\n\n");
        }
        self.last = reached;
        format!("id: {reached}\n:\n\n").into()
    }

    /// The last event.
    fn end(&mut self, reason: &str) -> Bytes {
        self.done = true;
        let data = serde_json::json!({"reason": reason, "last_event_id": self.last.to_string()});
        format!("event: stream.ended\ndata: {data}\n\n").into()
    }

    fn rest(&mut self) {
        let next = Instant::now() + self.every;
        self.heartbeat.as_mut().reset(next);
    }

    /// Whether its key is still good. Keys are looked at when something about tenants was published since.
    fn is_welcome(&mut self) -> bool {
        let published = self.app.engine.published();
        if self.welcome_at == Some(published) {
            return true;
        }
        let view = self.app.engine.tenant_view(self.who.tenant);
        let is_welcome = view.is_some_and(|view| {
            view.keys.iter().any(|key| key.id == self.who.key && key.revoked_at.is_none())
        });
        self.welcome_at = is_welcome.then_some(published);
        is_welcome
    }
}

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        // Before anything is sent: whoever knows that the key is revoked never sees it work again.
        if !this.is_welcome() {
            let why = this.stream.revoke();
            return Poll::Ready(Some(Ok(Frame::data(this.end(why.as_str())))));
        }
        if let Some(part) = this.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        // Before it is seen what waits: all up to there was sent, if nothing does.
        let reached = this.stream.reached();
        let part = match this.ready(cx) {
            Poll::Ready(Some(part)) => {
                this.rest();
                part
            }
            Poll::Ready(None) => {
                let reason = this.stream.ended();
                this.end(reason.as_str())
            }
            Poll::Pending => {
                if this.heartbeat.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.rest();
                this.beat(reached)
            }
        };
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
}
