//! Ending in good order (DESIGN decision 19). A missed step is safe: whatever was acknowledged is in the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;
use super::housekeeping::{hot_log_is_long, take_snapshot};
use super::operation::Failure;

/// How long the engine waits for writes in flight and for actors to rest, each.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Stops admitting, drains, rests, snapshots, closes the log.
pub(crate) async fn run(core: &Arc<Core>) -> Result<(), Failure> {
    core.closing.store(true, Ordering::Release);
    let drained = until(|| core.in_flight.get() == 0).await;
    // Again and again: what has not started yet cannot be asked, and a write that was admitted just before the door closed may wake its
    // customer after the first time.
    let rested = until(|| core.router.rest_all() || core.journal.halted().is_some()).await;
    if !(drained && rested) {
        tracing::warn!("not everything came to rest in time; the next start replays the rest");
    }
    if core.journal.halted().is_some() {
        // Whoever embeds the engine may open another one: nothing of this one stays in memory.
        stop_tenants(core);
        return Err(Failure::Halted);
    }
    let due = (core.options.snapshot_at_shutdown && has_something_new(core)) || hot_log_is_long(core);
    if due && let Err(error) = take_snapshot(core).await {
        tracing::error!(%error, "the last snapshot failed; the next start replays more, and that is all");
    }
    // Whoever changes the archive has seen that it closes, and is done with the segment at hand before the directory's lock is let go of.
    let _archive = core.archive_changing.lock().await;
    stop_tenants(core);
    let Some(log) = core.log.lock().expect("nothing panics while it is held").take() else { return Ok(()) };
    let closing = core.runtime.spawn_blocking(move || log.close());
    closing.await.map_err(|_| Failure::Internal)?.map_err(|_| Failure::Halted)
}

fn stop_tenants(core: &Core) {
    for (_, seat) in core.tenant_seats() {
        seat.mailbox.stop(None);
    }
}

fn has_something_new(core: &Core) -> bool {
    core.journal.appended_lsn().0 > core.snapshot_start.load(Ordering::Acquire)
}

async fn until(mut reached: impl FnMut() -> bool) -> bool {
    let mut waited = Duration::ZERO;
    while !reached() {
        if waited >= PATIENCE {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
    true
}
