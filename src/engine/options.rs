//! Settings of the engine: every limit by name, with its unit and default (config/default.toml documents each).

use std::path::PathBuf;

use coffer_ledger::limits::{Limits, TenantLimits};

/// How an engine runs. [`EngineOptions::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The data directory; made if it is not there.
    pub data_dir: PathBuf,
    /// Limits of the rules.
    pub limits: Limits,
    /// Limits of a tenant's own things.
    pub tenant_limits: TenantLimits,
    /// Bytes that the record of a hold's end may take where all that it pins comes back and is gone at once; what would take more is not
    /// pinned. The rest of a record is left for what else a capture has to say.
    pub hold_bytes_max: usize,
    /// Writes between admission and durability, over all tenants.
    pub writes_in_flight_max: u32,
    /// The same for one tenant.
    pub writes_in_flight_tenant_max: u32,
    /// The same for one customer.
    pub writes_in_flight_customer_max: u32,
    /// The engine's own writes (transfers on their way) between admission and durability.
    pub internal_in_flight_max: u32,
    /// Customers with a live actor beyond which a second without a message is enough to rest. A soft limit.
    pub actors_max: usize,
    /// Seconds without a message after which an actor rests.
    pub actor_idle_s: u64,
    /// Records that the timer makes due per second.
    pub ticks_per_s_max: u32,
    /// Hours that an idempotency key is remembered, in log time.
    pub idempotency_window_h: u64,
    /// Idempotency keys remembered; above it 503.
    pub keys_max: usize,
    /// Records of a customer that an answer about the past may take.
    pub as_of_records_max: usize,
    /// Answers about the past that are made at once.
    pub as_of_in_flight_max: usize,
    /// Bytes of log after which a snapshot is taken, also at start and at the end when the hot log's files take twice as many; 0 = only
    /// when asked and at shutdown.
    pub snapshot_log_bytes: u64,
    /// Whether a clean shutdown takes a snapshot.
    pub snapshot_at_shutdown: bool,
    /// Bytes of one log segment.
    pub segment_bytes: u64,
    /// Days that the clock may be ahead of the last record at start.
    pub clock_gap_days_max: u64,
    /// Start although the clock is further ahead than `clock_gap_days_max`.
    pub accept_clock: bool,
    /// Write past the page cache where the file system can.
    pub direct_io: bool,
    /// The file with the key that signs checkpoints; none = `audit.key` in the data directory, made at the first start.
    pub audit_key: Option<PathBuf>,
}

impl EngineOptions {
    /// The defaults, on this directory.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            limits: Limits::default(),
            tenant_limits: TenantLimits::default(),
            hold_bytes_max: 224 << 10,
            writes_in_flight_max: 16_384,
            writes_in_flight_tenant_max: 8_192,
            writes_in_flight_customer_max: 4_096,
            internal_in_flight_max: 1_024,
            actors_max: 50_000,
            actor_idle_s: 60,
            ticks_per_s_max: 20_000,
            idempotency_window_h: 24,
            keys_max: 100_000_000,
            as_of_records_max: 1_000_000,
            as_of_in_flight_max: 2,
            snapshot_log_bytes: 1 << 30,
            snapshot_at_shutdown: true,
            segment_bytes: 64 << 20,
            clock_gap_days_max: 90,
            accept_clock: false,
            direct_io: true,
            audit_key: None,
        }
    }
}
