//! What the engine's tables take in memory, counted exactly: what was asked of the allocator, not what it rounded it up to.
//!
//! For sizing and for `coffer bench --only scale`. Absent on purpose: active actors, whose size is their allocator's affair; they
//! come to rest.

use super::core::Core;
use super::slot::{Place, Slot};

/// Bytes of the tables, by what they are for. Costs a walk over all slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Customers at rest.
    pub resting: u64,
    /// The slots of all customers, those that are not at rest included, and the room for more that their tables have.
    pub slots_bytes: u64,
    /// Canonical forms of the customers at rest.
    pub resting_bytes: u64,
    /// The directory: every customer's names.
    pub names_bytes: u64,
    /// Entries of the timer.
    pub timer_bytes: u64,
    /// Idempotency keys remembered.
    pub keys: u64,
    /// The table of idempotency keys, with the room for more that it has.
    pub keys_bytes: u64,
}

/// Counts it.
pub(crate) fn measure(core: &Core) -> Footprint {
    let mut found = Footprint {
        names_bytes: bytes(core.directory.allocated_bytes()),
        timer_bytes: bytes(core.timers.allocated_bytes()),
        keys: bytes(core.keys.len()),
        keys_bytes: bytes(core.keys.allocated_bytes()),
        ..Footprint::default()
    };
    for shard in 0..core.router.shard_count() {
        found.slots_bytes += bytes(core.router.slots_allocated(shard) * size_of::<Slot>());
        core.router.for_each_in_shard(shard, |_, slot| {
            if let Place::Resting(resting) = &slot.place {
                found.resting += 1;
                found.resting_bytes += bytes(resting.bytes.len());
            }
        });
    }
    found
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).expect("64 bits hold every usize")
}
