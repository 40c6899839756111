//! Two times: the machine's clock, with which receivers compare theirs, and one for waits, which goes on whatever is done to that clock.

use std::sync::Arc;

use coffer_ledger::time::Timestamp;
use coffer_wal::Clock;

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// Tells both times.
pub(super) struct Time {
    clock: Arc<dyn Clock>,
    began_ns: u64,
    monotonic_at_start: u64,
}

impl Time {
    /// Waits are counted from the engine's time on, as those that the file remembers. Unlike that it does not stand still where the
    /// machine's clock is behind the log.
    pub(super) fn start(clock: Arc<dyn Clock>, engine_now: Timestamp) -> Self {
        let monotonic_at_start = clock.monotonic_ns();
        Self { clock, began_ns: engine_now.0, monotonic_at_start }
    }

    /// For waits, in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        (self.began_ns + (self.clock.monotonic_ns() - self.monotonic_at_start)) / NS_PER_MS
    }

    /// What the machine's clock says, in seconds.
    pub(super) fn wall_s(&self) -> u64 {
        self.clock.now_ns() / NS_PER_S
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

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

    #[test]
    fn a_step_of_the_clock_is_seen_by_receivers_and_not_by_waits() {
        let clock = Arc::new(Moved::default());
        clock.monotonic.store(7, Ordering::Relaxed);
        let time = Time::start(clock.clone(), Timestamp(9 * NS_PER_S));
        clock.wall.store(3_600 * NS_PER_S, Ordering::Relaxed);
        clock.monotonic.store(7 + 5 * NS_PER_MS, Ordering::Relaxed);
        assert_eq!((time.now_ms(), time.wall_s()), (9_005, 3_600));
        clock.wall.store(NS_PER_S, Ordering::Relaxed);
        clock.monotonic.store(7 + 6 * NS_PER_MS, Ordering::Relaxed);
        assert_eq!((time.now_ms(), time.wall_s()), (9_006, 1));
    }
}
