//! When the next write starts.
//!
//! One write is in flight. The next starts when enough of the recent writers wait again, and at once when
//! there are only a few writers. Nobody waits for long: a write starts at the latest an interval after the one
//! before started or, on a disk slower than that, after a pause in proportion to the write. Without the pause
//! such a disk would serve half of the writers with each write (docs/decisions/0008).
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
        Pace { options, recent_writers: 0, started_ns: now_ns, ended_ns: now_ns }
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
        let interval_ns = self.options.interval_max_us.saturating_mul(1_000);
        let write_ns = self.ended_ns.saturating_sub(self.started_ns);
        let pause_ns = write_ns.saturating_mul(u64::from(self.options.pause_percent)) / 100;
        self.started_ns.saturating_add(interval_ns).max(self.ended_ns.saturating_add(pause_ns))
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
        Pace { options: Pacing::default(), recent_writers: 0, started_ns: 1_000_000, ended_ns: 1_000_000 }
    }

    #[test]
    fn one_or_two_writers_never_wait_for_company() {
        let mut pace = pace();
        pace.wrote(1_000_000, 1_100_000, 2);
        assert_eq!(pace.appends_needed(1_100_000), 1);
    }

    #[test]
    fn three_fifths_of_many_writers_start_a_write_or_the_interval_does() {
        let mut pace = pace();
        pace.wrote(1_000_000, 1_100_000, 64);
        assert_eq!(pace.appends_needed(1_100_000), 39);
        assert_eq!(pace.appends_needed(1_999_999), 39);
        assert_eq!(pace.appends_needed(2_000_000), 1);
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

    /// Writers who append again a little after each acknowledgement, and a disk, on a clock of the test's own.
    /// Returns records and batches within a tenth of a second.
    fn closed_loop(writers: usize, think_ns_max: u64, write_ns: u64, seed: u64) -> (usize, usize) {
        let mut random = seed;
        let mut think = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1 + (random >> 33) % think_ns_max
        };
        let mut pace = Pace::new(Pacing::default(), 0);
        let mut ready_at: Vec<u64> = (0..writers).map(|_| think()).collect();
        let (mut now, mut records, mut batches) = (0, 0, 0);
        while now < 100_000_000 {
            let waiting = ready_at.iter().filter(|at| **at <= now).count();
            if waiting < usize::try_from(pace.appends_needed(now)).unwrap() {
                now += 1_000;
                continue;
            }
            let end = now + write_ns;
            let late = ready_at.iter().filter(|at| **at > now && **at <= end).count();
            for at in ready_at.iter_mut().filter(|at| **at <= now) {
                *at = end + think();
            }
            pace.wrote(now, end, u32::try_from(waiting + late).unwrap());
            (now, records, batches) = (end, records + waiting, batches + 1);
        }
        (records, batches)
    }

    #[test]
    fn a_batch_gathers_three_fifths_of_many_writers_and_a_few_writers_get_the_whole_disk() {
        for seed in 1..=5 {
            for writers in [8, 64, 512] {
                let (records, batches) = closed_loop(writers, 60_000, 110_000, seed);
                assert!(records * 5 >= batches * writers * 3, "seed {seed}: {records} in {batches}");
                assert!(batches > 500, "seed {seed}: {writers} writers got {batches} writes in 100 ms");
            }
            let (records, batches) = closed_loop(1, 5_000, 110_000, seed);
            assert!(records > 850 && records == batches, "seed {seed}: {records} in {batches}");
        }
    }

    #[test]
    fn slow_writers_do_not_hold_up_a_write_for_longer_than_the_interval() {
        let (_, batches) = closed_loop(64, 5_000_000, 110_000, 7);
        assert!(batches > 250, "{batches} writes in 100 ms");
    }

    #[test]
    fn a_slow_disk_still_serves_three_fifths_of_the_writers_with_each_write() {
        for write_ns in [400_000, 1_000_000, 4_000_000] {
            let (records, batches) = closed_loop(64, 60_000, write_ns, 3);
            assert!(records * 5 >= batches * 64 * 3, "{write_ns} ns: {records} in {batches}");
        }
    }
}
