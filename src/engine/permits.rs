//! Admission: room for one record is taken before a message is sent (DESIGN decision 6).
//!
//! ractor's mailboxes are unbounded and an append must not fail, so the bound is here: per engine, tenant and customer. A permit
//! travels in the message and is freed when the log's completion drops it. Internal work (ticks, snapshots) takes none.

use std::sync::Arc;

use super::sync::{AtomicU32, Ordering};

/// How many writes are between admission and durability in one place.
#[derive(Debug, Default)]
pub(crate) struct InFlight(AtomicU32);

impl InFlight {
    /// Takes `writes` if that stays within `max`.
    fn try_take(&self, writes: u32, max: u32) -> bool {
        let before = self.0.fetch_add(writes, Ordering::Relaxed);
        let fits = before.saturating_add(writes) <= max;
        if !fits {
            self.free(writes);
        }
        fits
    }

    fn free(&self, writes: u32) {
        self.0.fetch_sub(writes, Ordering::Release);
    }

    /// The number now.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// The three limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PermitLimits {
    pub(crate) engine: u32,
    pub(crate) tenant: u32,
    pub(crate) customer: u32,
}

/// The door of one customer: its own count, its tenant's, the engine's. Made when the customer wakes, so that a write counts
/// one reference and not three.
#[derive(Debug)]
pub(crate) struct Door {
    customer: InFlight,
    tenant: Arc<InFlight>,
    engine: Arc<InFlight>,
    limits: PermitLimits,
}

impl Door {
    pub(crate) fn new(engine: Arc<InFlight>, tenant: Arc<InFlight>, limits: PermitLimits) -> Arc<Self> {
        Arc::new(Self { customer: InFlight::default(), tenant, engine, limits })
    }

    /// Takes room for `writes` records everywhere or nowhere; `None` = overloaded.
    pub(crate) fn admit(self: &Arc<Self>, writes: u32) -> Option<Permit> {
        let places = self.places();
        for (taken, (place, max)) in places.into_iter().enumerate() {
            if !place.try_take(writes, max) {
                places.into_iter().take(taken).for_each(|(place, _)| place.free(writes));
                return None;
            }
        }
        Some(Permit { door: Arc::clone(self), writes })
    }

    fn places(&self) -> [(&InFlight, u32); 3] {
        let PermitLimits { engine, tenant, customer } = self.limits;
        [(&self.engine, engine), (&self.tenant, tenant), (&self.customer, customer)]
    }
}

/// Room for `writes` records; freed on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    door: Arc<Door>,
    writes: u32,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.door.places().into_iter().for_each(|(place, _)| place.free(self.writes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PermitLimits = PermitLimits { engine: 4, tenant: 3, customer: 2 };

    fn counts(door: &Door) -> [u32; 3] {
        door.places().map(|(place, _)| place.get())
    }

    #[test]
    fn a_refused_permit_leaves_nothing_taken() {
        let door = Door::new(Arc::default(), Arc::default(), LIMITS);
        let held = door.admit(2);
        assert!(held.is_some());
        assert!(door.admit(1).is_none(), "the customer's two are taken");
        assert_eq!(counts(&door), [2, 2, 2]);
        drop(held);
        assert_eq!(counts(&door), [0, 0, 0]);
    }

    #[test]
    fn one_tenant_cannot_take_the_whole_engine() {
        let (engine, greedy): (Arc<InFlight>, Arc<InFlight>) = Default::default();
        let door_of = |tenant: &Arc<InFlight>| Door::new(Arc::clone(&engine), Arc::clone(tenant), LIMITS);
        let _held = door_of(&greedy).admit(2).unwrap();
        let _more = door_of(&greedy).admit(1).unwrap();
        assert!(door_of(&greedy).admit(1).is_none());
        assert!(door_of(&Arc::default()).admit(1).is_some());
    }
}
