//! Keys on their way into the table during recovery, gathered by shard.
//!
//! A key at a time, every insertion waits for memory: the table of ten million keys is half a gigabyte, and replay spent a
//! quarter of its time there. A thousand at a time, a shard is locked once and the waits overlap. Order within a shard stays that
//! of the log, and a key has one shard, so the newest record of a key still wins. Tested below and by every recovery.

use coffer_ledger::ids::LogPosition;
use coffer_ledger::time::Timestamp;

use super::keys::{Arrival, KeyHash, Keys, SHARDS};

/// Keys of a shard that are gathered before they go in; 32 MiB over all shards.
const GATHERED_MAX: usize = 1_024;

/// Keys of each shard that are not in the table yet.
pub(crate) struct ArrivingKeys {
    shards: Vec<Vec<Arrival>>,
}

impl ArrivingKeys {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Vec::new()).collect() }
    }

    /// Takes a key; it is in the table after [`ArrivingKeys::finish`] at the latest.
    pub(crate) fn push(&mut self, keys: &Keys, key: KeyHash, position: LogPosition, at: Timestamp) {
        let index = Keys::shard_index(key);
        let shard = &mut self.shards[index];
        shard.push((key, position, at));
        if shard.len() >= GATHERED_MAX {
            keys.insert_all(index, shard);
        }
    }

    /// Puts in what is left.
    pub(crate) fn finish(&mut self, keys: &Keys) {
        for (index, shard) in self.shards.iter_mut().enumerate() {
            keys.insert_all(index, shard);
            shard.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use coffer_wal::Subject;

    use super::*;

    #[test]
    fn keys_that_arrive_together_are_found_as_if_they_had_come_alone() {
        let (together, alone) = (Keys::new(1, 24, usize::MAX), Keys::new(1, 24, usize::MAX));
        let mut arriving = ArrivingKeys::new();
        let now = Timestamp(3_600 * 1_000_000_000);
        let hash = |name: u64| {
            alone.hash(Subject { kind: 2, tenant: 1, number: name % 7 }, &(name / 7 % 3_000).to_string())
        };
        // Enough for full shards and for rests, and every key more than once.
        for position in 1..=50_000 {
            arriving.push(&together, hash(position), LogPosition(position), now);
            alone.insert(hash(position), LogPosition(position), now);
        }
        arriving.finish(&together);
        assert_eq!(together.len(), alone.len());
        for name in 1..=50_000 {
            assert_eq!(together.find(hash(name), now), alone.find(hash(name), now), "{name}");
            assert!(together.find(hash(name), now).is_some());
        }
    }
}
