//! Retention while the engine serves: the oldest segment, one at a time, as long as it is not wanted and nothing needs it.
//!
//! Whoever reads a segment that goes has it open and finishes, or finds it gone, which is an answer that every reader has. Whoever follows
//! the log is held still for the moment of a removal, so that none can fall back behind it (`followers`). Absent on
//! purpose: a dry run; that is the command's.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use coffer_ledger::ids::LogPosition;

use super::{Archived, Fate, HOUR_NS, Keep, Needs, RetentionError, needed};
use crate::engine::core::Core;

/// A segment goes at most so often: a file system frees some tens of megabytes, and the disk is the log's again.
const EVERY: Duration = Duration::from_secs(1);
/// Segments grow old by themselves.
const LOOK_EVERY_S: u64 = 60;
/// A key at the end of its window may just have been found: its record is kept this part of the window longer.
const KEYS_KEPT_LONGER_PART: u64 = 60;

/// What went since the last line about it.
#[derive(Default)]
struct Gone {
    segments: u64,
    bytes: u64,
    last: LogPosition,
}

/// Runs until the engine is gone or closing.
pub(crate) async fn run(core: Weak<Core>, keep: Keep) {
    let mut seconds = tokio::time::interval(EVERY);
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut gone, mut seen, mut look_at) = (Gone::default(), None, 1);
    for second in 1_u64.. {
        seconds.tick().await;
        let Some(core) = core.upgrade() else { return };
        if core.closing.load(Ordering::Acquire) {
            return;
        }
        // What is needed changes with any of these.
        let followed_to = core.followers.hold_still().least();
        let sees = (core.archive.count(), core.snapshot_start.load(Ordering::Acquire), followed_to);
        if second < look_at && seen == Some(sees) {
            continue;
        }
        seen = Some(sees);
        match step(&core, keep).await {
            Ok(Some(segment)) => gone.add(&core, &segment),
            Ok(None) => {
                look_at = second + LOOK_EVERY_S;
                gone.tell();
            }
            Err(error) => {
                look_at = second + LOOK_EVERY_S;
                gone.tell();
                tracing::error!(%error, "the archive could not be made smaller; it is tried again");
            }
        }
    }
}

impl Gone {
    fn add(&mut self, core: &Core, segment: &Archived) {
        self.segments += 1;
        self.bytes += segment.bytes;
        self.last = segment.last;
        core.counters.archive_removed_segments.fetch_add(1, Ordering::Relaxed);
        core.counters.archive_removed_bytes.fetch_add(segment.bytes, Ordering::Relaxed);
    }

    /// One line for everything that went in a row.
    fn tell(&mut self) {
        let Self { segments, bytes, last } = std::mem::take(self);
        if segments > 0 {
            tracing::info!(segments, bytes, removed_to = last.0, "removed archived segments for good");
        }
    }
}

/// Removes the oldest segment, if it may go. Tells which one.
async fn step(core: &Arc<Core>, keep: Keep) -> Result<Option<Archived>, RetentionError> {
    let _alone = core.archive_changing.lock().await;
    let removing = Arc::clone(core);
    let removed = core.runtime.spawn_blocking(move || remove_oldest(&removing, keep)).await;
    removed.unwrap_or(Err(RetentionError::Panicked))
}

fn remove_oldest(core: &Core, keep: Keep) -> Result<Option<Archived>, RetentionError> {
    let archive = &core.archive;
    let [oldest, _, ..] = archive.numbers()[..] else { return Ok(None) };
    let signed = core.checkpoints.segments().map_err(RetentionError::Checkpoints)?;
    let segment = Archived::look(archive, oldest, &signed)?;
    let bytes = if keep.bytes.is_some() { archive.bytes()? } else { 0 };
    if keep.wants(&segment, bytes, core.time.now().0) {
        return Ok(None);
    }
    let followers = core.followers.hold_still();
    let Some(needs) = needs(core, followers.least())? else { return Ok(None) };
    if needed(&segment, &needs) != Fate::Goes {
        return Ok(None);
    }
    archive.remove_through(oldest)?;
    core.checkpoints.remove_before(oldest).map_err(RetentionError::Checkpoints)?;
    Ok(Some(segment))
}

/// What keeps segments from going; none once the log is closed.
fn needs(core: &Core, followed_to: Option<u64>) -> Result<Option<Needs>, RetentionError> {
    let oldest_hot = {
        let log = core.log.lock().expect("nothing panics while it is held");
        log.as_ref().and_then(|log| log.hot_log().oldest())
    };
    let Some(oldest_hot) = oldest_hot else { return Ok(None) };
    let window_ns = core.options.idempotency_window_h.saturating_mul(HOUR_NS);
    let window_ns = window_ns.saturating_add(window_ns / KEYS_KEPT_LONGER_PART);
    Ok(Some(Needs {
        oldest_hot,
        snapshot_start: LogPosition(core.snapshots.purge_floor()?.0),
        keys_since_ns: core.time.now().0.saturating_sub(window_ns),
        followed_to,
    }))
}
