//! Cumulative counters of the writer, for the engine to publish.

/// Buckets of a [`Histogram`]: bucket `i` counts values of `i` significant bits, the last one all larger.
pub const HISTOGRAM_BUCKETS: usize = 24;

/// Counts by power of two: a value `v` falls into the bucket of its number of significant bits, so bucket
/// `i > 0` holds `2^(i-1) ..= 2^i - 1`.
pub type Histogram = [u64; HISTOGRAM_BUCKETS];

/// What the writer has done since the log was opened. Counters only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Batches made durable.
    pub batches: u64,
    /// Records made durable.
    pub records: u64,
    /// Bytes written for batches, padding included.
    pub bytes: u64,
    /// Time spent in writes and syncs of batches, in nanoseconds.
    pub sync_ns: u64,
    /// Records per batch.
    pub batch_records: Histogram,
    /// Microseconds per write and sync of a batch.
    pub sync_us: Histogram,
    /// Segments that hold records and are not archived and purged yet.
    pub segments_live: u64,
    /// Zero-filled segments ready for use.
    pub segments_spare: u64,
    /// Bytes appended and not durable yet.
    pub pending_bytes: u64,
}

impl WriterStats {
    pub(crate) fn add_batch(&mut self, records: u32, bytes: usize, sync_ns: u64) {
        self.batches += 1;
        self.records += u64::from(records);
        self.bytes += bytes as u64;
        self.sync_ns += sync_ns;
        self.batch_records[bucket_of(u64::from(records))] += 1;
        self.sync_us[bucket_of(sync_ns / 1_000)] += 1;
    }
}

fn bucket_of(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    usize::try_from(bits).map_or(HISTOGRAM_BUCKETS - 1, |bits| bits.min(HISTOGRAM_BUCKETS - 1))
}

/// Whether the file system has room for what the log needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Spares can be made.
    Enough,
    /// Making spares failed for lack of space, or less than the reserve is free. What spares are left will
    /// be used; the engine should take no more work.
    Low {
        /// Bytes free when it was noticed.
        free_bytes: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_bucket_of_their_bits() {
        assert_eq!([0, 1, 2, 3, 4, 127, 128].map(bucket_of), [0, 1, 2, 2, 3, 7, 8]);
        assert_eq!(bucket_of(u64::MAX), HISTOGRAM_BUCKETS - 1);
    }
}
