//! Counters and gauges of the engine, as plain numbers; the ops endpoint gives them names.

use coffer_ledger::ids::LogPosition;

/// One look at the engine. Counters count since the start.
#[derive(Clone, Debug, Default)]
pub struct EngineStats {
    /// Debits accepted (replays not counted).
    pub debits: u64,
    /// Other commands accepted.
    pub other_commands: u64,
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
