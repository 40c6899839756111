//! Every knob of the log, with its unit in its name, and the check that they fit each other.

use std::path::{Path, PathBuf};

use crate::batch::{BATCH_BYTES_LIMIT, BATCH_HEADER_BYTES};
use crate::frame::{FRAME_HEADER_BYTES, RECORD_BYTES_LIMIT};
use crate::segment::SEGMENT_HEADER_BYTES;
use crate::storage::{Access, BLOCK_BYTES};

/// When the next write starts while others wait. One write is in flight at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// A write starts as soon as this share of the recent number of writers waits, in percent.
    pub writers_percent: u32,
    /// A write starts at the latest this long after the one before it started, in microseconds, or after the
    /// pause that `pause_percent` grants, whichever is later.
    pub interval_max_us: u64,
    /// After a write, those it served get this share of the time it took to come back, in percent: on a disk
    /// slower than the interval, writes would else start without them and serve half of the writers each.
    pub pause_percent: u32,
    /// With at most this many recent writers, a write starts at once.
    pub few_writers_max: u32,
}

impl Default for Pacing {
    fn default() -> Pacing {
        Pacing { writers_percent: 60, interval_max_us: 1_000, pause_percent: 25, few_writers_max: 2 }
    }
}

/// How one shard's log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The shard's directory; holds `control`, `wal/`, `snapshots/` and `archive/`.
    pub dir: PathBuf,
    /// The shard's number, written into every segment.
    pub shard: u16,
    /// Bytes of a segment file, a multiple of 4 KiB.
    pub segment_bytes: u64,
    /// Zero-filled segments kept ready.
    pub spare_segments: usize,
    /// Most bytes of a batch, header included and padding not.
    pub batch_bytes_max: usize,
    /// Most bytes of a record's frame, header included.
    pub record_bytes_max: usize,
    /// When the next write starts.
    pub pacing: Pacing,
    /// Write and read past the page cache; otherwise write, then `fdatasync`.
    pub direct_io: bool,
    /// The witness is brought up to date this long after the last write, in milliseconds.
    pub witness_idle_ms: u64,
    /// The witness is brought up to date at least this often under load, in milliseconds.
    pub witness_interval_ms: u64,
    /// Bytes that must stay free on the file system beyond the spare segments, the next snapshot (as large as the newest) and,
    /// where there is one, a segment more; with less, [`crate::Space::Low`] is reported.
    pub reserve_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            dir: PathBuf::from("data/shard-00"),
            shard: 0,
            segment_bytes: 64 << 20,
            spare_segments: 2,
            batch_bytes_max: 1 << 20,
            record_bytes_max: RECORD_BYTES_LIMIT,
            pacing: Pacing::default(),
            direct_io: true,
            witness_idle_ms: 50,
            witness_interval_ms: 1_000,
            reserve_bytes: 0,
        }
    }
}

/// Options that cannot work together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} is {value}: {rule}")]
pub struct OptionsError {
    /// The option's name.
    pub option: &'static str,
    /// What it was set to.
    pub value: u64,
    /// What it must be.
    pub rule: &'static str,
}

impl LogOptions {
    /// Whether the limits fit each other and the format.
    ///
    /// # Errors
    /// The first option that does not fit.
    pub fn check(&self) -> Result<(), OptionsError> {
        let (batch, record) = (self.batch_bytes_max, self.record_bytes_max);
        let wrong = |option, value, rule| Err(OptionsError { option, value, rule });
        if !(FRAME_HEADER_BYTES..=RECORD_BYTES_LIMIT).contains(&record) {
            return wrong("record_bytes_max", record as u64, "between 48 bytes and 240 KiB");
        }
        if batch < record + BATCH_HEADER_BYTES || batch > BATCH_BYTES_LIMIT {
            return wrong("batch_bytes_max", batch as u64, "room for the largest record, at most 1 MiB");
        }
        let least = SEGMENT_HEADER_BYTES + batch.next_multiple_of(BLOCK_BYTES) as u64;
        if self.segment_bytes < least || !self.segment_bytes.is_multiple_of(BLOCK_BYTES as u64) {
            return wrong("segment_bytes", self.segment_bytes, "a multiple of 4 KiB with room for a batch");
        }
        if self.pacing.writers_percent > 100 {
            return wrong("writers_percent", u64::from(self.pacing.writers_percent), "at most 100");
        }
        Ok(())
    }

    /// Where the segments are.
    #[must_use]
    pub fn wal_dir(&self) -> PathBuf {
        wal_dir(&self.dir)
    }

    /// How finished bytes are read.
    pub(crate) fn read_access(&self) -> Access {
        if self.direct_io { Access::ReadDirect } else { Access::Read }
    }

    /// How the log is written.
    pub(crate) fn write_access(&self) -> Access {
        if self.direct_io { Access::WriteDirectSync } else { Access::Write }
    }
}

/// The directory of segments within a shard's directory.
#[must_use]
pub fn wal_dir(dir: &Path) -> PathBuf {
    dir.join("wal")
}

/// The control file within a shard's directory.
#[must_use]
pub fn control_path(dir: &Path) -> PathBuf {
    dir.join("control")
}

/// The lock file within a shard's directory.
#[must_use]
pub fn lock_path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

/// The directory of snapshots within a shard's directory.
#[must_use]
pub fn snapshots_dir(dir: &Path) -> PathBuf {
    dir.join("snapshots")
}

/// The directory of archived segments within a shard's directory.
#[must_use]
pub fn archive_dir(dir: &Path) -> PathBuf {
    dir.join("archive")
}

/// The directory of the checkpoints of the audit trees within a shard's directory.
#[must_use]
pub fn checkpoints_dir(dir: &Path) -> PathBuf {
    dir.join("checkpoints")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_options_fit_each_other() {
        assert_eq!(LogOptions::default().check(), Ok(()));
    }

    #[test]
    fn a_segment_that_cannot_hold_the_largest_batch_is_refused() {
        let small = LogOptions {
            segment_bytes: 16 << 10,
            batch_bytes_max: 12 << 10,
            record_bytes_max: 4 << 10,
            ..LogOptions::default()
        };
        assert_eq!(small.check(), Ok(()));
        let smaller = LogOptions { segment_bytes: 12 << 10, ..small };
        assert_eq!(smaller.check().map_err(|error| error.option), Err("segment_bytes"));
    }
}
