//! The engine's own time: taken from the wall once, then carried by the monotonic clock (SEMANTICS §10).
//!
//! A step of the machine's clock while running changes nothing here but raises an alarm; a clock behind the log at start
//! stands still until it has caught up. Tested at the bottom with a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coffer_ledger::time::Timestamp;
use coffer_wal::Clock;

/// A step of the wall clock beyond this is an alarm.
const STEP_NS_MAX: u64 = 5_000_000_000;
const NS_PER_DAY: u64 = 86_400 * 1_000_000_000;

/// Tells the time of turns. Never goes back, not even over restarts.
pub struct Timekeeper {
    clock: Arc<dyn Clock>,
    wall_at_start: u64,
    monotonic_at_start: u64,
    floor: u64,
    stepped: AtomicBool,
}

impl Timekeeper {
    /// Starts from the machine's clock, never below `floor`, the time of the last record.
    #[must_use]
    pub fn start(clock: Arc<dyn Clock>, floor: Timestamp) -> Self {
        let (wall_at_start, monotonic_at_start) = (clock.now_ns(), clock.monotonic_ns());
        if wall_at_start < floor.0 {
            tracing::warn!(
                behind_ms = (floor.0 - wall_at_start) / 1_000_000,
                "the clock is behind the last record: time stands still until it has caught up"
            );
        }
        Self { clock, wall_at_start, monotonic_at_start, floor: floor.0, stepped: AtomicBool::new(false) }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.carried().max(self.floor))
    }

    /// Compares with the wall; warns once per step. Called by the engine's housekeeping.
    pub fn watch(&self) {
        let apart = self.clock.now_ns().abs_diff(self.carried());
        let stepped = apart > STEP_NS_MAX;
        if stepped && !self.stepped.swap(true, Ordering::Relaxed) {
            tracing::error!(
                apart_ms = apart / 1_000_000,
                "the machine's clock was stepped; the step is ignored until a restart"
            );
        }
    }

    /// Whether the machine's clock was seen to step since the start.
    #[must_use]
    pub fn was_stepped(&self) -> bool {
        self.stepped.load(Ordering::Relaxed)
    }

    fn carried(&self) -> u64 {
        self.wall_at_start + (self.clock.monotonic_ns() - self.monotonic_at_start)
    }
}

/// Whole days that the clock is ahead of the last record; 0 for an empty log.
#[must_use]
pub fn days_ahead(clock: &dyn Clock, last_record: Timestamp) -> u64 {
    if last_record.0 == 0 { 0 } else { clock.now_ns().saturating_sub(last_record.0) / NS_PER_DAY }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[derive(Default)]
    struct Moved {
        wall: AtomicU64,
        monotonic: AtomicU64,
    }

    impl Clock for Moved {
        fn now_ns(&self) -> u64 {
            self.wall.load(Ordering::Relaxed)
        }
        fn monotonic_ns(&self) -> u64 {
            self.monotonic.load(Ordering::Relaxed)
        }
    }

    fn at(wall: u64) -> Arc<Moved> {
        let clock = Moved::default();
        clock.wall.store(wall, Ordering::Relaxed);
        Arc::new(clock)
    }

    #[test]
    fn a_wall_step_while_running_is_ignored_and_noticed() {
        let clock = at(1_000);
        let keeper = Timekeeper::start(clock.clone(), Timestamp(0));
        clock.wall.store(1_000 + NS_PER_DAY, Ordering::Relaxed);
        clock.monotonic.store(5, Ordering::Relaxed);
        assert_eq!(keeper.now(), Timestamp(1_005));
        keeper.watch();
        assert!(keeper.was_stepped());
    }

    #[test]
    fn a_clock_behind_the_log_stands_still_until_it_has_caught_up() {
        let clock = at(1_000);
        let keeper = Timekeeper::start(clock.clone(), Timestamp(1_500));
        clock.monotonic.store(400, Ordering::Relaxed);
        assert_eq!(keeper.now(), Timestamp(1_500));
        clock.monotonic.store(700, Ordering::Relaxed);
        assert_eq!(keeper.now(), Timestamp(1_700));
    }

    #[test]
    fn days_ahead_counts_from_the_last_record_and_not_for_an_empty_log() {
        let clock = at(10 * NS_PER_DAY + 1);
        assert_eq!(days_ahead(clock.as_ref(), Timestamp(3 * NS_PER_DAY)), 7);
        assert_eq!(days_ahead(clock.as_ref(), Timestamp(0)), 0);
    }
}
