//! A stream that goes on from an older place: what came since is read from the log, on a thread of its own, and then it joins the others.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coffer_wal::Record;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::hub::join;
use super::{Ended, Frame, Resuming, Shared, StreamFailure, StreamPlace, Subscriber};
use crate::feed::events::{Names, events_of, scan, whose};
use crate::feed::tail::FeedError;

/// Records that are read between two looks at whether anybody still wants them.
const RECORDS_PER_TURN: u64 = 10_000;

/// Whether a stream can go on from there.
///
/// # Errors
/// [`StreamFailure`]: why not.
pub(super) fn check(shared: &Shared, from: StreamPlace) -> Result<(), StreamFailure> {
    let log = shared.engine.log_reader();
    let (durable, removed) = (log.durable_lsn().0, log.removed_to().0);
    if from.position() > durable {
        return Err(StreamFailure::Ahead { durable });
    }
    if from.whole() < removed {
        return Err(StreamFailure::Gone { removed });
    }
    let records = durable - from.whole();
    if records > shared.options.stream_resume_records_max {
        return Err(StreamFailure::TooFar { records });
    }
    Ok(())
}

/// Begins to read; the permit is given back when the stream has joined, or has ended.
///
/// # Errors
/// [`StreamFailure::Closed`]: the machine has no thread to give.
pub(super) fn begin(
    shared: &Arc<Shared>,
    subscriber: Subscriber,
    runtime: Handle,
    permit: OwnedSemaphorePermit,
) -> Result<(), StreamFailure> {
    let reading = Arc::clone(shared);
    let resuming = Resuming::begin(shared);
    let body = move || {
        let _kept = (permit, resuming);
        read(&reading, subscriber, &runtime);
    };
    shared.engine.spawn_later("stream", body).map_err(|_| StreamFailure::Closed)
}

fn read(shared: &Arc<Shared>, mut subscriber: Subscriber, runtime: &Handle) {
    let (log, mut names) = (shared.engine.log_reader(), Names::new(shared.engine.clone()));
    loop {
        let from = subscriber.from.whole();
        let to = log.durable_lsn().0.min(from.saturating_add(RECORDS_PER_TURN)).max(from);
        let sent =
            scan(&log, (from, to), &mut |record| send(shared, &subscriber, record, &mut names, runtime));
        if let Err(error) = sent {
            tracing::error!(%error, "a stream cannot go on from where it was");
            return shared.end(&subscriber, Ended::Failed);
        }
        if shared.is_closed() {
            return shared.end(&subscriber, Ended::Stopping);
        }
        if subscriber.frames.is_closed() {
            return;
        }
        subscriber.from = StreamPlace::after(to);
        match join(shared, subscriber, runtime) {
            Ok(Err(behind)) => subscriber = behind,
            Ok(Ok(())) | Err(_) => return,
        }
    }
}

/// What the stream wants of a record. Its reader may take its time here: the log is where it waits.
fn send(
    shared: &Shared,
    to: &Subscriber,
    record: &Record<'_>,
    names: &mut Names,
    runtime: &Handle,
) -> Result<(), FeedError> {
    let (wanted, next) = (&to.wanted, to.from.next_in(record.lsn.0));
    let Some((tenant, customer)) = whose(record) else { return Ok(()) };
    let is_ours = tenant == wanted.tenant && wanted.customer.is_none_or(|one| customer == Some(one));
    let Some(next) = next.filter(|_| is_ours && !to.frames.is_closed()) else { return Ok(()) };
    for event in events_of(record, names, runtime, (wanted.filter, next))? {
        // Whoever is not there any more, or is stopped, is noticed at the end of the turn.
        if shared.is_closed() || to.frames.blocking_send(Frame::of(event)).is_err() {
            return Ok(());
        }
        shared.events.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
