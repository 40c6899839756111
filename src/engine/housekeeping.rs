//! What the engine does for itself, once a second: watch the clock, rest idle actors, drop old keys, snapshot when due,
//! sign what was archived.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::core::Core;
use super::{proving, snapshot};

const EVERY: Duration = Duration::from_secs(1);
/// Actors that were idle for long leave over this part of it.
const REST_WITHIN: Duration = Duration::from_millis(500);
const KEY_SWEEP_EVERY_S: u64 = 60;
/// A checkpoint that could not be written is tried again after so long.
const SIGN_AGAIN_EVERY_S: u64 = 60;
/// A snapshot that failed is tried again after so long: while writes are refused nothing is logged that would make one due.
const SNAPSHOT_AGAIN_AFTER_S: u64 = 60;

/// Runs until the engine is gone or closing.
pub(crate) async fn run(core: Weak<Core>) {
    let mut seconds = tokio::time::interval(EVERY);
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last_snapshot = LastSnapshot::default();
    let mut archived_when_signed = 0;
    for second in 1_u64.. {
        seconds.tick().await;
        let Some(core) = core.upgrade() else { return };
        if core.closing.load(Ordering::Acquire) {
            return;
        }
        core.time.watch();
        rest_idle(&core).await;
        if second.is_multiple_of(KEY_SWEEP_EVERY_S) {
            core.keys.sweep_all(core.time.now());
        }
        snapshot_if_due(&core, &mut last_snapshot, second);
        let archived = core.archive.count();
        if archived != archived_when_signed || second.is_multiple_of(SIGN_AGAIN_EVERY_S) {
            archived_when_signed = archived;
            sign(&core);
            weigh(&core);
        }
    }
}

/// Actors that were idle for long rest; above `actors_max` the idle time that is tolerated shrinks.
async fn rest_idle(core: &Arc<Core>) {
    let now_s = core.time.now().seconds();
    let active = core.router.places().active;
    let tolerated = if active > u64::try_from(core.options.actors_max).unwrap_or(u64::MAX) {
        1
    } else {
        core.options.actor_idle_s
    };
    let shards = core.router.shard_count();
    for shard in 0..shards {
        if core.router.sweep(shard, now_s.saturating_sub(tolerated)) > 0 {
            // Thousands that rest at once stand before whoever asks for a debit.
            tokio::time::sleep(REST_WITHIN / u32::try_from(shards).unwrap_or(u32::MAX)).await;
        }
    }
}

/// Whether the hot log's files take twice the room after which a snapshot is due. Each start begins a segment, however little comes into
/// it, and only a snapshot lets the old ones go.
pub(crate) fn hot_log_is_long(core: &Core) -> bool {
    let every = core.options.snapshot_log_bytes;
    let taken = core.journal.stats().segments_live.saturating_mul(core.options.segment_bytes);
    every > 0 && taken >= every.saturating_mul(2)
}

/// The last snapshot that was begun.
#[derive(Default)]
struct LastSnapshot {
    /// Bytes of log then.
    logged: u64,
    /// The second of this process.
    second: u64,
    failed: Arc<AtomicBool>,
}

/// Starts a snapshot when enough was logged since the last, what recovery replayed included, or the engine starts with a hot log that is
/// long without having much in it, or the last one failed a minute ago. The rest of the house goes on.
fn snapshot_if_due(core: &Arc<Core>, last: &mut LastSnapshot, second: u64) {
    let logged = core.replayed_bytes + core.journal.stats().bytes;
    let every = core.options.snapshot_log_bytes;
    let busy = core.snapshotting.try_lock().is_err();
    let again = last.failed.load(Ordering::Relaxed) && second - last.second >= SNAPSHOT_AGAIN_AFTER_S;
    let due = logged - last.logged >= every || (second == 1 && hot_log_is_long(core));
    if every == 0 || busy || !(due || again) {
        return;
    }
    let failed = Arc::new(AtomicBool::new(false));
    *last = LastSnapshot { logged, second, failed: Arc::clone(&failed) };
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        if let Err(error) = take_snapshot(&core).await {
            failed.store(true, Ordering::Relaxed);
            tracing::error!(%error, "a snapshot failed; the log keeps what it would have replaced");
        }
    });
}

/// Signs what was archived. The rest of the house goes on.
fn sign(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        match proving::sign(&core).await {
            Ok(signed) => signed.iter().for_each(|checkpoint| {
                tracing::debug!(segment = checkpoint.segment, record = %checkpoint.last, "signed a checkpoint");
            }),
            Err(error) => tracing::error!(%error, "a checkpoint could not be signed; it is tried again"),
        }
    });
}

/// Adds up the archive's files, for the metrics.
fn weigh(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn_blocking(move || match core.archive.bytes() {
        Ok(bytes) => core.counters.archive_bytes.store(bytes, Ordering::Relaxed),
        Err(error) => tracing::error!(%error, "the archive's directory cannot be read"),
    });
}

/// Takes a snapshot on a thread of its own; one at a time.
pub(crate) async fn take_snapshot(
    core: &Arc<Core>,
) -> Result<snapshot::SnapshotReport, snapshot::SnapshotFailure> {
    let _one_at_a_time = core.snapshotting.lock().await;
    let taking = Arc::clone(core);
    let taken = core.runtime.spawn_blocking(move || snapshot::take(&taking)).await;
    let report =
        taken.map_err(|_| snapshot::SnapshotFailure::Content("the snapshot's thread panicked".into()))??;
    tracing::info!(
        snapshot = report.id,
        customers = report.customers,
        keys = report.keys,
        bytes = report.bytes,
        seconds = report.seconds,
        "took a snapshot"
    );
    Ok(report)
}
