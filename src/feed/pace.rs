//! When the feed's thread works and when it leaves the cores to the debits.
//!
//! Rows cost less in large batches, and a core that makes rows makes no debits. So while records keep coming in and nobody waits for the
//! history, the thread rests, and then takes what came meanwhile at once; that much it lags. There is a limit to it, beyond which it
//! gives way no longer. Absent on purpose: waiting itself, which whoever waits for the history ends ([`super::progress::Shared::rest`]).

use std::time::Duration;

/// How often the log is looked at while little comes in and nobody waits: what came meanwhile shares a transaction.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);
/// While records keep coming in, the thread rests so many times as long as it worked.
const REST_PER_WORK: u32 = 4;
/// Records keep coming in when this part of a batch came while it was written …
const BUSY_PART: u64 = 4;
/// … and it was no handful.
const BUSY_RECORDS_MIN: u64 = 200;
/// Longest rest while records keep coming in.
pub(super) const REST_MAX: Duration = Duration::from_secs(1);

/// How the thread shares the cores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Records of the log that share a transaction at most.
    pub(super) batch_records: u64,
    /// Records that the store may lack while it gives way to debits.
    pub(super) lag_records_max: u64,
    /// How often the log is looked at while little comes in and nobody waits.
    pub(super) look_every: Duration,
    /// Longest rest while records keep coming in.
    pub(super) rest_max: Duration,
}

/// A batch, and what happened meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Records in it.
    pub(super) taken: u64,
    /// Records that became durable while it was written.
    pub(super) came: u64,
    /// Records that the store lacks now.
    pub(super) lag: u64,
    /// Whether it has all that was durable when the batch began.
    pub(super) is_level: bool,
    /// Whether somebody waits for the history.
    pub(super) is_awaited: bool,
    /// How long it took.
    pub(super) worked: Duration,
}

impl Seen {
    /// After a batch of so many records that brought the store to this one; what was durable when it began, and what is now.
    pub(super) const fn of(
        (taken, position): (u64, u64),
        (before, now): (u64, u64),
        is_awaited: bool,
        worked: Duration,
    ) -> Self {
        Self {
            taken,
            came: now.saturating_sub(before),
            lag: now.saturating_sub(position),
            is_level: position >= before,
            is_awaited,
            worked,
        }
    }
}

impl Pace {
    /// Whether the store lacks so much that it gives way no longer.
    pub(super) const fn is_beyond(&self, lag: u64) -> bool {
        lag >= self.lag_records_max
    }

    /// How long to rest now. Whoever begins to wait ends it.
    pub(super) fn rest(&self, seen: &Seen) -> Duration {
        let is_busy = seen.taken >= BUSY_RECORDS_MIN && seen.came >= seen.taken / BUSY_PART;
        let gives_way = is_busy && !seen.is_awaited && !self.is_beyond(seen.lag);
        let paced = if gives_way { self.until_a_batch_is_there(seen) } else { Duration::ZERO };
        if seen.is_level { paced.max(self.look_every) } else { paced }
    }

    /// At least in proportion to the work; longer, while a whole batch has not come together.
    fn until_a_batch_is_there(&self, seen: &Seen) -> Duration {
        let missing = self.batch_records.saturating_sub(seen.lag);
        let worked_ns = seen.worked.as_nanos();
        let fills_ns = worked_ns * u128::from(missing) / u128::from(seen.came.max(1));
        let fills = Duration::from_nanos(u64::try_from(fills_ns).unwrap_or(u64::MAX));
        (seen.worked * REST_PER_WORK).max(fills).min(self.rest_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { batch_records: 20_000, lag_records_max: 100_000, look_every: LOOK_EVERY, rest_max: REST_MAX };
    const BUSY: Seen = Seen {
        taken: 20_000,
        came: 8_000,
        lag: 30_000,
        is_level: false,
        is_awaited: false,
        worked: Duration::from_millis(150),
    };

    #[test]
    fn a_batch_counts_what_came_while_it_was_written_and_what_the_store_lacks_then() {
        let seen = Seen::of((20_000, 120_000), (142_000, 150_000), false, BUSY.worked);
        assert_eq!((seen.taken, seen.came, seen.lag, seen.is_level), (20_000, 8_000, 30_000, false));
        assert_eq!(PACE.rest(&seen), PACE.rest(&BUSY));
        let level = Seen::of((2_000, 142_000), (142_000, 150_000), true, BUSY.worked);
        assert_eq!((level.came, level.lag, level.is_level, level.is_awaited), (8_000, 8_000, true, true));
    }

    #[test]
    fn while_records_keep_coming_it_rests_in_proportion_to_its_work_and_never_long() {
        assert_eq!(PACE.rest(&BUSY), Duration::from_millis(600));
        assert_eq!(PACE.rest(&Seen { worked: Duration::from_secs(3), ..BUSY }), REST_MAX);
    }

    #[test]
    fn a_small_batch_of_a_fast_log_is_followed_by_a_full_one() {
        // 40,000 a second: 18,000 more are there after 450 ms.
        let small = Seen {
            taken: 1_000,
            came: 400,
            lag: 2_000,
            worked: Duration::from_millis(10),
            is_level: true,
            ..BUSY
        };
        assert_eq!(PACE.rest(&small), Duration::from_millis(450));
    }

    #[test]
    fn a_burst_that_is_over_is_caught_up_with_at_once() {
        assert_eq!(PACE.rest(&Seen { came: 4_000, ..BUSY }), Duration::ZERO);
        assert_eq!(PACE.rest(&Seen { came: 0, is_level: true, lag: 0, ..BUSY }), LOOK_EVERY);
    }

    #[test]
    fn whoever_waits_and_a_lag_beyond_the_limit_leave_no_rest() {
        assert_eq!(PACE.rest(&Seen { is_awaited: true, ..BUSY }), Duration::ZERO);
        assert_eq!(PACE.rest(&Seen { lag: 100_000, ..BUSY }), Duration::ZERO);
        assert_eq!(PACE.rest(&Seen { lag: 99_999, ..BUSY }), Duration::from_millis(600));
    }

    #[test]
    fn a_handful_of_records_is_no_load() {
        let few = Seen { taken: 60, came: 60, lag: 60, is_level: true, worked: REST_MAX, ..BUSY };
        assert_eq!(PACE.rest(&few), LOOK_EVERY);
    }
}
