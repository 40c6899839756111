//! Idempotency keys point into the log (SEMANTICS §9, DESIGN decision 10).
//!
//! A key costs a 128-bit keyed hash, the position of its record and the record's time. The reply is not kept: it is rendered
//! anew from the record. Filled after an append and on replay; a key older than the window is as good as unknown and goes
//! when its shard would otherwise grow.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use coffer_ledger::ids::{LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::Subject;
use hashbrown::HashMap;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// The kind of subject that a subscription is here, by its name; no record is about one.
const SUBSCRIPTION: u8 = u8::MAX;
/// Parts of the table, each under a lock of its own.
pub(crate) const SHARDS: usize = 1_024;
/// Shards sweep for the first time at this size.
const SWEEP_LEN_MIN: usize = 64;

/// Keyed hash of (subject, key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash(pub(crate) u128);

/// Where a key's record is and how old it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    pub(crate) position: LogPosition,
    /// Whole seconds of log time.
    pub(crate) recorded_s: u32,
}

/// A key with the position and time of its record.
pub(crate) type Arrival = (KeyHash, LogPosition, Timestamp);

#[derive(Default)]
struct Shard {
    entries: HashMap<u128, KeyEntry>,
    sweep_at_len: usize,
}

/// The engine's one key table.
pub(crate) struct Keys {
    shards: Vec<Mutex<Shard>>,
    seed: u64,
    window_s: u64,
    keys_max: usize,
    len: AtomicUsize,
}

impl Keys {
    /// An empty table. `seed` must be the same for the life of the store: hashes stand in snapshots.
    pub(crate) fn new(seed: u64, window_h: u64, keys_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, seed, window_s: window_h * 3_600, keys_max, len: AtomicUsize::new(0) }
    }

    /// The hash of a subject's key.
    pub(crate) fn hash(&self, subject: Subject, key: &str) -> KeyHash {
        let mut bytes = [0_u8; 13 + 255];
        bytes[0] = subject.kind;
        bytes[1..5].copy_from_slice(&subject.tenant.to_le_bytes());
        bytes[5..13].copy_from_slice(&subject.number.to_le_bytes());
        let key = &key.as_bytes()[..key.len().min(255)];
        let end = 13 + key.len();
        bytes[13..end].copy_from_slice(key);
        KeyHash(xxh3_128_with_seed(&bytes[..end], self.seed))
    }

    /// The hash of a key beside the name of a subscription: it leads to who did something to the one that had the name, which is free once
    /// that has ended. Two names may come to the same; whoever is led to the wrong one is told by comparing.
    pub(crate) fn hash_by_subscription(&self, tenant: TenantNumber, name: &str, key: &str) -> KeyHash {
        let number = xxh3_64_with_seed(name.as_bytes(), self.seed);
        self.hash(Subject { kind: SUBSCRIPTION, tenant: tenant.0, number }, key)
    }

    /// The record of a key that is still within its window.
    pub(crate) fn find(&self, key: KeyHash, now: Timestamp) -> Option<LogPosition> {
        let shard = self.shard(key).lock().expect("no key operation panics");
        let entry = shard.entries.get(&key.0)?;
        (!self.is_over(*entry, now)).then_some(entry.position)
    }

    /// Whether no further key may be taken.
    pub(crate) fn is_full(&self) -> bool {
        self.len.load(Ordering::Relaxed) >= self.keys_max
    }

    /// Remembers a key. The newest record wins: an older one was out of its window when the newer was accepted.
    pub(crate) fn insert(&self, key: KeyHash, position: LogPosition, at: Timestamp) {
        let mut shard = self.shard(key).lock().expect("no key operation panics");
        self.insert_into(&mut shard, key, position, at);
    }

    /// Remembers keys of one shard in their order, and leaves the list empty.
    pub(crate) fn insert_all(&self, shard_index: usize, arrivals: &mut Vec<Arrival>) {
        let mut shard = self.shards[shard_index].lock().expect("no key operation panics");
        for (key, position, at) in arrivals.drain(..) {
            self.insert_into(&mut shard, key, position, at);
        }
    }

    fn insert_into(&self, shard: &mut Shard, key: KeyHash, position: LogPosition, at: Timestamp) {
        let recorded_s = u32::try_from(at.seconds()).unwrap_or(u32::MAX);
        if shard.entries.len() >= shard.sweep_at_len.max(SWEEP_LEN_MIN) {
            self.sweep(shard, at);
        }
        if shard.entries.insert(key.0, KeyEntry { position, recorded_s }).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Drops what is out of its window from every shard. For housekeeping, so that a full table empties by itself.
    pub(crate) fn sweep_all(&self, now: Timestamp) {
        for shard in &self.shards {
            self.sweep(&mut shard.lock().expect("no key operation panics"), now);
        }
    }

    /// Number of keys, those out of their window but not swept included.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Bytes that the shards have allocated.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let shards = self.shards.iter().map(|shard| shard.lock().expect("no key operation panics"));
        shards.map(|shard| shard.entries.allocation_size()).sum()
    }

    /// A copy of one shard for a snapshot; `None` beyond the last.
    pub(crate) fn copy_shard(&self, index: usize) -> Option<Vec<(KeyHash, KeyEntry)>> {
        let shard = self.shards.get(index)?.lock().expect("no key operation panics");
        Some(shard.entries.iter().map(|(hash, entry)| (KeyHash(*hash), *entry)).collect())
    }

    fn sweep(&self, shard: &mut Shard, now: Timestamp) {
        let before = shard.entries.len();
        shard.entries.retain(|_, entry| !self.is_over(*entry, now));
        self.len.fetch_sub(before - shard.entries.len(), Ordering::Relaxed);
        shard.sweep_at_len = shard.entries.len() * 2;
    }

    fn is_over(&self, entry: KeyEntry, now: Timestamp) -> bool {
        now.seconds() > u64::from(entry.recorded_s) + self.window_s
    }

    fn shard(&self, key: KeyHash) -> &Mutex<Shard> {
        &self.shards[Self::shard_index(key)]
    }

    /// The shard of a key.
    pub(crate) fn shard_index(key: KeyHash) -> usize {
        usize::try_from(key.0 % SHARDS as u128).expect("less than the number of shards")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject { kind: 2, tenant: 1, number: 7 };
    const S: u64 = 1_000_000_000;

    #[test]
    fn a_key_is_known_to_the_end_of_its_window_and_not_after() {
        let keys = Keys::new(1, 24, 10);
        let hash = keys.hash(SUBJECT, "k");
        keys.insert(hash, LogPosition(3), Timestamp(10 * S));
        assert_eq!(keys.find(hash, Timestamp((10 + 86_400) * S)), Some(LogPosition(3)));
        assert_eq!(keys.find(hash, Timestamp((10 + 86_401) * S)), None);
    }

    #[test]
    fn the_same_key_of_another_subject_is_another_key() {
        let keys = Keys::new(1, 24, 10);
        let other = Subject { number: 8, ..SUBJECT };
        assert_ne!(keys.hash(SUBJECT, "k"), keys.hash(other, "k"));
        assert_ne!(keys.hash(SUBJECT, "k"), Keys::new(2, 24, 10).hash(SUBJECT, "k"));
    }

    #[test]
    fn a_full_table_says_so_and_empties_by_sweeping() {
        let keys = Keys::new(1, 1, 2);
        for (name, at) in [("a", 0), ("b", 4_000)] {
            keys.insert(keys.hash(SUBJECT, name), LogPosition(1), Timestamp(at * S));
        }
        assert!(keys.is_full());
        keys.sweep_all(Timestamp(4_000 * S));
        assert_eq!((keys.len(), keys.is_full()), (1, false));
    }
}
