//! When the next write starts.
//!
//! One write is in flight. The next starts when enough of the recent writers wait again, at the latest an
//! interval after the one before started, and at once when there are only a few writers. So a batch gathers
//! nearly everyone, and nobody waits much longer than a write takes.
//! Absent on purpose: a clock; every time comes in as an argument. Tested below.

use crate::options::Pacing;

/// When writes start.
pub(crate) struct Pace {
    options: Pacing,
    recent_writers: u32,
    started_ns: u64,
    ended_ns: u64,
}

impl Pace {
    /// Knows of no writers yet.
    pub(crate) fn new(options: Pacing, now_ns: u64) -> Pace {
        Pace { options, recent_writers: 0, started_ns: 0, ended_ns: now_ns }
    }

    /// When the last write ended.
    pub(crate) fn ended_ns(&self) -> u64 {
        self.ended_ns
    }

    /// How many appends must wait for a write to start now.
    pub(crate) fn appends_needed(&self, now: u64) -> u32 {
        if self.recent_writers <= self.options.few_writers_max || now >= self.interval_end_ns() {
            return 1;
        }
        let share = u64::from(self.recent_writers) * u64::from(self.options.writers_percent);
        u32::try_from(share.div_ceil(100)).unwrap_or(u32::MAX).max(1)
    }

    /// When the next write starts at the latest, if anyone waits.
    pub(crate) fn interval_end_ns(&self) -> u64 {
        self.started_ns.saturating_add(self.options.interval_max_us.saturating_mul(1_000))
    }

    /// Learns from a write how many writers there are: those it served and those who waited meanwhile. More
    /// count at once, fewer only by and by, since a batch may miss some by chance.
    pub(crate) fn wrote(&mut self, started_ns: u64, ended_ns: u64, writers: u32) {
        let remembered = u32::try_from((u64::from(self.recent_writers) * 3 + u64::from(writers)) / 4);
        self.recent_writers = writers.max(remembered.unwrap_or(u32::MAX));
        self.started_ns = started_ns;
        self.ended_ns = ended_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace { options: Pacing::default(), recent_writers: 0, started_ns: 1_000_000, ended_ns: 0 }
    }

    #[test]
    fn one_or_two_writers_never_wait_for_company() {
        let mut pace = pace();
        pace.wrote(1_000_000, 1_100_000, 2);
        assert_eq!(pace.appends_needed(1_100_000), 1);
    }

    #[test]
    fn three_quarters_of_many_writers_start_a_write_or_the_interval_does() {
        let mut pace = pace();
        pace.wrote(1_000_000, 1_100_000, 64);
        assert_eq!(pace.appends_needed(1_100_000), 48);
        assert_eq!(pace.appends_needed(1_299_999), 48);
        assert_eq!(pace.appends_needed(1_300_000), 1);
    }

    #[test]
    fn writers_who_left_are_forgotten_within_some_writes() {
        let mut pace = pace();
        pace.wrote(0, 0, 1_000);
        let writes = (1..).find(|_| {
            pace.wrote(0, 0, 1);
            pace.recent_writers <= pace.options.few_writers_max
        });
        assert!(writes.is_some_and(|writes| writes < 30), "{writes:?}");
    }
}
