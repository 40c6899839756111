//! Admission: room for one record is taken before a message is sent (DESIGN decision 6).
//!
//! ractor's mailboxes are unbounded and an append must not fail, so the bound is here: per engine, tenant and customer. A permit
//! travels in the message and is freed when the log's completion drops it. Internal work (ticks, snapshots) takes none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// Room for `writes` records; freed on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    places: [Arc<InFlight>; 3],
    writes: u32,
}

impl Permit {
    /// Takes room everywhere or nowhere; `None` = overloaded.
    pub(crate) fn take(places: [Arc<InFlight>; 3], limits: PermitLimits, writes: u32) -> Option<Self> {
        let maxima = [limits.engine, limits.tenant, limits.customer];
        for (taken, (place, max)) in places.iter().zip(maxima).enumerate() {
            if !place.try_take(writes, max) {
                places.iter().take(taken).for_each(|place| place.free(writes));
                return None;
            }
        }
        Some(Self { places, writes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.places.iter().for_each(|place| place.free(self.writes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PermitLimits = PermitLimits { engine: 4, tenant: 3, customer: 2 };

    fn places() -> [Arc<InFlight>; 3] {
        [Arc::default(), Arc::default(), Arc::default()]
    }

    #[test]
    fn a_refused_permit_leaves_nothing_taken() {
        let places = places();
        let held = Permit::take(places.clone(), LIMITS, 2);
        assert!(held.is_some());
        assert!(Permit::take(places.clone(), LIMITS, 1).is_none(), "the customer's two are taken");
        assert_eq!(places.each_ref().map(|place| place.get()), [2, 2, 2]);
        drop(held);
        assert_eq!(places.each_ref().map(|place| place.get()), [0, 0, 0]);
    }

    #[test]
    fn one_tenant_cannot_take_the_whole_engine() {
        let [engine, greedy, _] = places();
        let _held = Permit::take([engine.clone(), greedy.clone(), Arc::default()], LIMITS, 2).unwrap();
        let _more = Permit::take([engine.clone(), greedy.clone(), Arc::default()], LIMITS, 1).unwrap();
        assert!(Permit::take([engine.clone(), greedy, Arc::default()], LIMITS, 1).is_none());
        assert!(Permit::take([engine, Arc::default(), Arc::default()], LIMITS, 1).is_some());
    }
}
