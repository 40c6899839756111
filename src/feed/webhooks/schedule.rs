//! When a delivery that failed is tried again.

use std::time::Duration;

const MS_PER_S: u64 = 1_000;
/// Seconds before each further attempt, as the Standard Webhooks specification proposes: ten attempts in about three days.
pub(super) const RETRY_SCHEDULE_S: [u64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];
/// The schedule's waits are longer by up to this part, at random: those that failed together do not come back together.
const JITTER_PART: u64 = 5;
/// An endpoint's word about when to come back is heeded up to so long.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The longest pause of an endpoint that does not answer, unless it says more itself.
const PAUSE_MAX_S: u64 = 300;

/// Milliseconds until the next attempt after so many; `None` = there is no next. `scale` is a part in thousands of the schedule, for
/// tests; `random` is any number.
pub(super) fn wait_ms(attempts: u32, scale: u64, random: u64) -> Option<u64> {
    let after = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let wait = RETRY_SCHEDULE_S.get(after)? * MS_PER_S * scale / MS_PER_S;
    Some(wait + random % (wait / JITTER_PART + 1))
}

/// Milliseconds for which an endpoint is left alone that did not answer, or was busy, so many times in a row.
pub(super) fn pause_ms(failures: u32, scale: u64) -> u64 {
    let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    doubled.min(PAUSE_MAX_S) * MS_PER_S * scale / MS_PER_S
}

/// What `Retry-After` says: seconds, or a date.
pub(super) fn retry_after(text: &str, now_s: u64) -> Option<Duration> {
    let seconds = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?.timestamp();
            u64::try_from(at).ok()?.saturating_sub(now_s)
        }
    };
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_the_specifications_with_a_little_more_at_random_and_has_an_end() {
        for (attempts, wait) in (1_u32..).zip(RETRY_SCHEDULE_S) {
            assert_eq!(wait_ms(attempts, 1_000, 0), Some(wait * 1_000));
            let jittered = wait_ms(attempts, 1_000, u64::MAX).unwrap();
            assert!((wait * 1_000..=wait * 1_200).contains(&jittered), "{jittered}");
        }
        assert_eq!((wait_ms(0, 1_000, 0), wait_ms(10, 1_000, 0)), (None, None));
        assert_eq!(RETRY_SCHEDULE_S.iter().sum::<u64>() / 3_600, 75, "hours");
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let pauses: Vec<_> = [1, 2, 3, 9, 10, 100].map(|failures| pause_ms(failures, 1_000)).into();
        assert_eq!(pauses, [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn an_endpoint_may_say_when_to_come_back() {
        let date = "Sun, 29 Nov 2026 00:00:30 GMT";
        assert_eq!(retry_after("120", 0), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(date, 1_795_910_400), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(date, 1_895_910_400), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999", 0), Some(RETRY_AFTER_MAX));
        assert_eq!((retry_after("soon", 0), retry_after("-1", 0)), (None, None));
    }
}
