//! A stream that goes on from an older place: what came since is read from the log, beside the others, until it can join them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use coffer_wal::Record;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::hub::join;
use super::{Ended, Frame, Resuming, Shared, StreamFailure, StreamPlace, Subscriber};
use crate::feed::events::{Names, events_of, scan_while, whose};
use crate::feed::tail::FeedError;

/// Records that are read in one turn at most.
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

/// Begins to read. It goes in turns, each on a thread: while its reader has enough to read a stream has none, so that it keeps no other
/// from its own.
pub(super) fn begin(shared: &Arc<Shared>, subscriber: Subscriber, runtime: &Handle) {
    let (shared, resuming, turns_on) = (Arc::clone(shared), Resuming::begin(shared), runtime.clone());
    runtime.spawn(async move {
        let _resuming = resuming;
        let mut reading = Some(subscriber);
        while let Some(behind) = reading {
            reading = one_turn(&shared, behind, &turns_on).await;
        }
    });
}

/// Waits for room in the channel, then for a permit, and reads on; `None` = it has joined, or has ended.
async fn one_turn(shared: &Arc<Shared>, subscriber: Subscriber, runtime: &Handle) -> Option<Subscriber> {
    // Half of it, so that a turn is worth its thread.
    let room = subscriber.frames.max_capacity().div_ceil(2);
    drop(subscriber.frames.reserve_many(room).await.ok()?);
    let Ok(permit) = Arc::clone(&shared.resumes).acquire_owned().await else {
        shared.end(&subscriber, Ended::Stopping);
        return None;
    };
    let (done, ended) = oneshot::channel();
    let (reads, reading, runtime) = (Arc::clone(shared), subscriber.clone(), runtime.clone());
    let body = move || {
        let read = read(&reads, reading, &runtime);
        drop(permit);
        drop(done.send(read));
    };
    if let Err(error) = shared.engine.spawn_later("stream", body) {
        tracing::error!(%error, "a stream cannot go on from where it was");
        shared.end(&subscriber, Ended::Failed);
        return None;
    }
    ended.await.ok()?
}

/// Reads until the channel is full, or for one turn.
fn read(shared: &Arc<Shared>, mut subscriber: Subscriber, runtime: &Handle) -> Option<Subscriber> {
    let (log, mut names) = (shared.engine.log_reader(), Names::new(shared.engine.clone()));
    let from = subscriber.from.whole();
    let to = log.durable_lsn().0.min(from.saturating_add(RECORDS_PER_TURN)).max(from);
    let mut has_room = true;
    let sent = scan_while(&log, (from, to), &mut |record| {
        has_room = send(shared, &mut subscriber, record, &mut names, runtime)?;
        Ok(has_room)
    });
    if let Err(error) = sent {
        tracing::error!(%error, "a stream cannot go on from where it was");
        shared.end(&subscriber, Ended::Failed);
        return None;
    }
    if shared.is_closed() {
        shared.end(&subscriber, Ended::Stopping);
        return None;
    }
    if !has_room {
        subscriber.reached.set(subscriber.from.whole());
        return Some(subscriber);
    }
    subscriber.from = StreamPlace::after(to);
    subscriber.reached.set(to);
    match join(shared, subscriber, runtime) {
        Ok(Err(behind)) => Some(behind),
        Ok(Ok(())) | Err(_) => None,
    }
}

/// What the stream wants of a record; whether it takes more.
fn send(
    shared: &Shared,
    to: &mut Subscriber,
    record: &Record<'_>,
    names: &mut Names,
    runtime: &Handle,
) -> Result<bool, FeedError> {
    let (wanted, next) = (to.wanted, to.from.next_in(record.lsn.0));
    let Some((tenant, customer)) = whose(record) else { return Ok(true) };
    let is_ours = tenant == wanted.tenant && wanted.customer.is_none_or(|one| customer == Some(one));
    let Some(next) = next.filter(|_| is_ours) else { return Ok(true) };
    for event in events_of(record, names, runtime, (wanted.filter, next))? {
        let frame = Frame::of(event);
        let place = frame.place;
        // Full: it goes on here in its next turn. Closed: that is noticed when it waits for room.
        if to.frames.try_send(frame).is_err() {
            return Ok(false);
        }
        to.from = place;
        shared.events.fetch_add(1, Ordering::Relaxed);
    }
    Ok(true)
}
