//! Counters and gauges of the engine, as plain numbers; the ops endpoint gives them names.

use std::sync::atomic::{AtomicU64, Ordering};

use coffer_ledger::ids::LogPosition;
use coffer_wal::WriterStats;

use super::core::Core;

/// One look at the engine. Counters count since the start.
#[derive(Clone, Debug, Default)]
pub struct EngineStats {
    /// Debits accepted (replays not counted).
    pub debits: u64,
    /// Holds placed.
    pub holds: u64,
    /// Captures accepted.
    pub captures: u64,
    /// Other commands accepted.
    pub other_commands: u64,
    /// Transfers between customers that are on their way.
    pub transfers_in_transit: u64,
    /// Answers from the log for a repeated key.
    pub replays: u64,
    /// Refusals by code.
    pub refusals: Vec<(&'static str, u64)>,
    /// Answers 503 for lack of a permit.
    pub overloaded: u64,
    /// Permits taken: writes between admission and durability.
    pub writes_in_flight: u64,
    /// `writes_in_flight_max`.
    pub writes_in_flight_max: u64,
    /// Customers with a live actor.
    pub actors_active: u64,
    /// Customers at rest.
    pub actors_resting: u64,
    /// Customers that could not be rebuilt.
    pub actors_quarantined: u64,
    /// Actors rebuilt after a panic or a broken invariant.
    pub actors_rebuilt: u64,
    /// Customers known, resting and active.
    pub customers: u64,
    /// Idempotency keys remembered.
    pub keys: u64,
    /// Last record handed to the log.
    pub appended: LogPosition,
    /// Last record on disk.
    pub durable: LogPosition,
    /// Start position of the newest snapshot; 0 without one.
    pub snapshot: LogPosition,
    /// Seconds that the last start took.
    pub recovery_seconds: f64,
    /// Records replayed by the last start.
    pub recovery_records: u64,
    /// Bytes of log that the last start read for them.
    pub recovery_bytes: u64,
    /// Archived segments.
    pub archive_segments: u64,
    /// Bytes of their files, as of the last minute at most.
    pub archive_bytes: u64,
    /// Archived segments that were removed for good since the start.
    pub archive_removed_segments: u64,
    /// Bytes of their files.
    pub archive_removed_bytes: u64,
    /// The log's own counters.
    pub log: LogStats,
}

/// The writer's counters.
#[derive(Clone, Debug, Default)]
pub struct LogStats {
    /// Batches written.
    pub batches: u64,
    /// Records written.
    pub records: u64,
    /// Bytes written, padding included.
    pub bytes: u64,
    /// Seconds spent in writes and syncs.
    pub sync_seconds: f64,
    /// Records per batch: count of batches with at most 2^i records.
    pub batch_records_log2: Vec<u64>,
    /// Write and sync time: count of batches that took at most 2^i microseconds.
    pub sync_us_log2: Vec<u64>,
    /// Bytes that wait for the next write.
    pub pending_bytes: u64,
    /// Segments of the hot log.
    pub segments_live: u64,
    /// Segments made ahead.
    pub segments_spare: u64,
}

/// One look at everything.
pub(crate) fn collect(core: &Core) -> EngineStats {
    let (counters, places) = (&core.counters, core.router.places());
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let log = core.journal.stats();
    EngineStats {
        debits: get(&counters.debits),
        holds: get(&counters.holds),
        captures: get(&counters.captures),
        other_commands: get(&counters.other_commands),
        transfers_in_transit: u64::try_from(core.intents.len()).unwrap_or(u64::MAX),
        replays: get(&counters.replays),
        refusals: counters.refusals(),
        overloaded: get(&counters.overloaded),
        writes_in_flight: u64::from(core.in_flight.get()),
        writes_in_flight_max: u64::from(core.permit_limits.engine),
        actors_active: places.active,
        actors_resting: places.resting,
        actors_quarantined: places.quarantined,
        actors_rebuilt: get(&counters.rebuilt),
        customers: places.active + places.resting,
        keys: u64::try_from(core.keys.len()).unwrap_or(u64::MAX),
        appended: LogPosition(core.journal.appended_lsn().0),
        durable: LogPosition(core.journal.durable_lsn().0),
        snapshot: LogPosition(core.snapshot_start.load(Ordering::Relaxed)),
        recovery_seconds: std::time::Duration::from_millis(get(&counters.recovery_ms)).as_secs_f64(),
        recovery_records: get(&counters.recovery_records),
        recovery_bytes: core.replayed_bytes,
        archive_segments: u64::try_from(core.archive.count()).unwrap_or(u64::MAX),
        archive_bytes: get(&counters.archive_bytes),
        archive_removed_segments: get(&counters.archive_removed_segments),
        archive_removed_bytes: get(&counters.archive_removed_bytes),
        log: log_stats(&log),
    }
}

fn log_stats(log: &WriterStats) -> LogStats {
    LogStats {
        batches: log.batches,
        records: log.records,
        bytes: log.bytes,
        sync_seconds: std::time::Duration::from_nanos(log.sync_ns).as_secs_f64(),
        batch_records_log2: log.batch_records.to_vec(),
        sync_us_log2: log.sync_us.to_vec(),
        pending_bytes: log.pending_bytes,
        segments_live: log.segments_live,
        segments_spare: log.segments_spare,
    }
}
