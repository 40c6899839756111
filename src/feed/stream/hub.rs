//! The thread that follows the log for all streams while there are any.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_wal::{LogReader, Record};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;

use super::{Ended, Frame, Shared, StreamFailure, Subscriber};
use crate::feed::events::{EventFilter, Names, events_of, scan, whose};
use crate::feed::tail::FeedError;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Records between two looks at who joined.
const RECORDS_PER_TURN: u64 = 1_000;

/// Enters a stream that has everything before the thread's place; gives it back if records between are missing. The thread begins at
/// the end of the log, never at a stream's own place: what is older is read at the pace of who wants it. It runs for those who are
/// still reading that too, so that its place stands while they come up to it.
///
/// # Errors
/// [`StreamFailure::Closed`].
pub(super) fn join(
    shared: &Arc<Shared>,
    subscriber: Subscriber,
    runtime: &Handle,
) -> Result<Result<(), Subscriber>, StreamFailure> {
    let mut state = shared.lock();
    if state.closed {
        shared.end(&subscriber, Ended::Stopping);
        return Err(StreamFailure::Closed);
    }
    if !state.running {
        let durable = shared.engine.log_reader().durable_lsn().0;
        if subscriber.from.whole() < durable && state.resuming == 0 {
            return Ok(Err(subscriber));
        }
        let (hub, runtime) = (Arc::clone(shared), runtime.clone());
        let spawned = shared.engine.spawn_later("streams", move || run(&hub, &runtime));
        spawned.map_err(|_| StreamFailure::Closed)?;
        state.running = true;
        state.cursor = durable;
    }
    if subscriber.from.whole() < state.cursor {
        return Ok(Err(subscriber));
    }
    subscriber.reached.join();
    state.joining.push(subscriber);
    Ok(Ok(()))
}

/// Follows the log until there is no stream, and none that is still on its way here.
fn run(shared: &Shared, runtime: &Handle) {
    let log = shared.engine.log_reader();
    let mut hub = Hub { shared, runtime, names: Names::new(shared.engine.clone()), tenants: HashMap::new() };
    while let Some((from, to, level)) = hub.turn(&log) {
        match hub.hand_out(&log, from, to) {
            Ok(()) => shared.handed_out.store(to, Ordering::Release),
            Err(error) => {
                tracing::error!(%error, "streams cannot go on");
                hub.end_all(Ended::Failed);
            }
        }
        if level {
            let state = shared.lock();
            let rested = shared.wake.wait_timeout_while(state, LOOK_EVERY, |state| !state.closed);
            drop(rested.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// The streams of a tenant.
#[derive(Default)]
struct OfTenant {
    of_all: Vec<Subscriber>,
    of_one: HashMap<CustomerNumber, Vec<Subscriber>>,
}

impl OfTenant {
    fn enter(&mut self, subscriber: Subscriber) {
        match subscriber.wanted.customer {
            None => self.of_all.push(subscriber),
            Some(customer) => self.of_one.entry(customer).or_default().push(subscriber),
        }
    }

    /// Forgets the streams that nobody reads any more; whether any is left.
    fn sweep(&mut self) -> bool {
        self.of_all.retain(|one| !one.frames.is_closed());
        self.of_one.retain(|_, some| {
            some.retain(|one| !one.frames.is_closed());
            !some.is_empty()
        });
        !self.of_all.is_empty() || !self.of_one.is_empty()
    }
}

struct Hub<'a> {
    shared: &'a Shared,
    runtime: &'a Handle,
    names: Names,
    tenants: HashMap<TenantNumber, OfTenant>,
}

impl Hub<'_> {
    /// Who joined, and which records are next; `None` = there is no stream, and no thread any more.
    fn turn(&mut self, log: &LogReader) -> Option<(u64, u64, bool)> {
        self.tenants.retain(|_, streams| streams.sweep());
        let mut state = self.shared.lock();
        for subscriber in state.joining.drain(..) {
            self.tenants.entry(subscriber.wanted.tenant).or_default().enter(subscriber);
        }
        if state.closed || (self.tenants.is_empty() && state.resuming == 0) {
            state.running = false;
            drop(state);
            self.end_all(Ended::Stopping);
            return None;
        }
        let (from, durable) = (state.cursor, log.durable_lsn().0);
        let to = durable.min(from.saturating_add(RECORDS_PER_TURN)).max(from);
        // From now on whoever joins needs everything up to there by itself.
        state.cursor = to;
        Some((from, to, to == durable))
    }

    fn end_all(&mut self, why: Ended) {
        for (_, streams) in self.tenants.drain() {
            let all = streams.of_all.iter().chain(streams.of_one.values().flatten());
            all.for_each(|one| self.shared.end(one, why));
        }
    }

    fn hand_out(&mut self, log: &LogReader, from: u64, to: u64) -> Result<(), FeedError> {
        if self.tenants.is_empty() {
            return Ok(());
        }
        scan(log, (from, to), &mut |record| self.record(record))
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), FeedError> {
        let Some((tenant, customer)) = whose(record) else { return Ok(()) };
        let Some(streams) = self.tenants.get_mut(&tenant) else { return Ok(()) };
        let is_watched = customer.is_some_and(|customer| streams.of_one.contains_key(&customer));
        if streams.of_all.is_empty() && !is_watched {
            return Ok(());
        }
        // Written once, whoever wants them.
        let events = events_of(record, &mut self.names, self.runtime, (EventFilter::ALL, 0))?;
        let frames: Vec<_> = events.into_iter().map(Frame::of).collect();
        let shared = self.shared;
        streams.of_all.retain(|one| push(shared, one, &frames));
        if let Some(some) = customer.and_then(|customer| streams.of_one.get_mut(&customer)) {
            some.retain(|one| push(shared, one, &frames));
        }
        Ok(())
    }
}

/// What of it the stream wants; whether the stream goes on.
fn push(shared: &Shared, to: &Subscriber, events: &[Frame]) -> bool {
    let Some(first) = events.first() else { return true };
    let Some(next) = to.from.next_in(first.event.position.0) else { return true };
    for frame in events {
        if frame.event.index < next || !to.wanted.filter.wants(frame.event.kind) {
            continue;
        }
        match to.frames.try_send(frame.clone()) {
            Ok(()) => shared.events.fetch_add(1, Ordering::Relaxed),
            Err(TrySendError::Full(_)) => {
                shared.end(to, Ended::SlowReader);
                return false;
            }
            Err(TrySendError::Closed(_)) => return false,
        };
    }
    true
}
