//! From the log to deliveries: what each endpoint is to get, and the events themselves while they are warm.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use coffer_ledger::ids::{EventId, TenantNumber, WebhookEndpointId};
use coffer_wal::{LogReader, Lsn, ReadError};

use super::store::New;
use super::work::Endpoint;
use crate::feed::events::{Decoded, EventFilter, Names, scan, whose};
use crate::feed::tail::FeedError;

/// Records that are looked at in one go.
const RECORDS_PER_TURN: u64 = 1_000;
/// Bytes of events that are kept from their entering to their sending.
const WARM_BYTES_MAX: usize = 16 << 20;

/// An event as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Warm {
    pub(super) id: EventId,
    pub(super) json: Bytes,
}

/// Events that were entered and may be sent soon. What does not fit is derived again from the log; so is everything after an erasure.
#[derive(Default)]
pub(super) struct WarmEvents {
    /// [`Engine::erasures`](crate::engine::Engine::erasures) when they were derived.
    as_of: u64,
    by_place: HashMap<(u64, u32), Warm>,
    order: VecDeque<(u64, u32)>,
    bytes: usize,
}

impl WarmEvents {
    /// Forgets all of them if something was erased since. To be asked before events are derived, and before they are used.
    pub(super) fn forget_erased(&mut self, erasures: u64) {
        if self.as_of != erasures {
            *self = Self { as_of: erasures, ..Self::default() };
        }
    }

    fn keep(&mut self, place: (u64, u32), event: Warm) {
        self.bytes += event.json.len();
        self.order.push_back(place);
        if let Some(old) = self.by_place.insert(place, event) {
            self.bytes -= old.json.len();
        }
        while self.bytes > WARM_BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.by_place.remove(&oldest).map_or(0, |old| old.json.len());
        }
    }

    fn get(&self, place: (u64, u32)) -> Option<Warm> {
        self.by_place.get(&place).cloned()
    }
}

/// Which records are next, for the endpoints that stand there: those that are furthest behind and have room.
pub(super) fn next(
    endpoints: &HashMap<WebhookEndpointId, Endpoint>,
    durable: u64,
    pending_max: u64,
) -> Option<(u64, u64)> {
    let cursors = endpoints.values().filter(|one| one.has_room(pending_max)).map(|one| one.health.cursor);
    let from = cursors.clone().min()?;
    // Up to where others stand: from there on they go together.
    let others = cursors.filter(|cursor| *cursor > from).min().unwrap_or(u64::MAX);
    let to = durable.min(from + RECORDS_PER_TURN).min(others);
    (to > from).then_some((from, to))
}

/// What endpoints at `from` are to get of the records up to `to`.
///
/// # Errors
/// [`FeedError`]: the log cannot be read, or the engine has halted.
pub(super) async fn read(
    log: &LogReader,
    names: &mut Names,
    warm: &mut WarmEvents,
    endpoints: &HashMap<WebhookEndpointId, Endpoint>,
    (from, to): (u64, u64),
    pending_max: u64,
) -> Result<HashMap<WebhookEndpointId, Vec<New>>, FeedError> {
    let here: Vec<_> =
        endpoints.iter().filter(|(_, one)| one.has_room(pending_max) && one.health.cursor == from).collect();
    let mut wanted: HashMap<TenantNumber, EventFilter> = HashMap::new();
    for (_, one) in &here {
        let entry = wanted.entry(one.tenant).or_insert(one.filter);
        *entry = entry.or(one.filter);
    }
    let mut decoded = Vec::new();
    scan(log, (from, to), &mut |record| {
        if whose(record).is_some_and(|(tenant, _)| wanted.contains_key(&tenant)) {
            decoded.extend(Decoded::of(record)?);
        }
        Ok(())
    })?;
    let mut all: HashMap<WebhookEndpointId, Vec<New>> =
        here.iter().map(|(id, _)| (**id, Vec::new())).collect();
    for record in &decoded {
        let lane = record.customer().map_or(0, |customer| i64::try_from(customer.0).unwrap_or(0));
        for event in record.events(names, wanted[&record.tenant], 0).await? {
            let mut is_wanted = false;
            for (id, one) in here.iter().filter(|(_, one)| one.wants(record.tenant, &event)) {
                let (position, at) = (record.position, record.at());
                let new = New { lane, position, event: event.index, kind: event.kind.as_str(), at };
                all.entry(**id).or_default().push(new);
                is_wanted |= one.is_prompt();
            }
            if is_wanted {
                warm.keep((record.position, event.index), Warm { id: event.id, json: event.json });
            }
        }
    }
    Ok(all)
}

/// An event by its place; `None` = its record is not there any more.
///
/// # Errors
/// [`FeedError`]: the log cannot be read, or the engine has halted.
pub(super) async fn event(
    log: &LogReader,
    names: &mut Names,
    warm: &WarmEvents,
    (position, index): (u64, u32),
) -> Result<Option<Warm>, FeedError> {
    if let Some(event) = warm.get((position, index)) {
        return Ok(Some(event));
    }
    let mut found = None;
    let read = scan(log, (position - 1, position), &mut |record| {
        found = Decoded::of(record)?;
        Ok(())
    });
    match read {
        Err(FeedError::Log(ReadError::Gone { .. })) => return Ok(None),
        read => read?,
    }
    let Some(decoded) = found else { return Ok(None) };
    let events = decoded.events(names, EventFilter::ALL, index).await?;
    let event = events.into_iter().find(|event| event.index == index);
    Ok(event.map(|event| Warm { id: event.id, json: event.json }))
}

/// The record after which a log that lost its beginning still goes on.
pub(super) fn oldest(log: &LogReader) -> u64 {
    let Lsn(first) = log.first_lsn();
    first.saturating_sub(1)
}
