//! Times as the API and exports write and read them: RFC 3339, written in UTC.
//!
//! Written by hand: every reply holds several, and none may cost an allocation.

use coffer_ledger::time::Timestamp;

const SECONDS_PER_DAY: u64 = 86_400;

/// `2026-11-21T23:40:00.123456789Z` in place: fraction absent, or of 3, 6 or 9 digits.
pub(crate) struct Text {
    bytes: [u8; Self::BYTES_MAX],
    end: usize,
}

impl Text {
    const BYTES_MAX: usize = 30;

    /// Prints the instant.
    pub(crate) fn new(at: Timestamp) -> Self {
        let (seconds, ns) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
        let (year, month, day) = date(seconds / SECONDS_PER_DAY);
        let clock = seconds % SECONDS_PER_DAY;
        let mut text = Self { bytes: *b"0000-00-00T00:00:00.000000000Z", end: 0 };
        text.put(0, 4, year);
        text.put(5, 2, month);
        text.put(8, 2, day);
        text.put(11, 2, clock / 3_600);
        text.put(14, 2, clock / 60 % 60);
        text.put(17, 2, clock % 60);
        text.put(20, 9, ns);
        text.end = match ns {
            0 => 19,
            _ if ns % 1_000_000 == 0 => 23,
            _ if ns % 1_000 == 0 => 26,
            _ => 29,
        };
        text.bytes[text.end] = b'Z';
        text.end += 1;
        text
    }

    fn put(&mut self, at: usize, digits: usize, mut value: u64) {
        for place in self.bytes[at..at + digits].iter_mut().rev() {
            *place = b'0' + u8::try_from(value % 10).expect("a digit");
            value /= 10;
        }
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.end]).expect("digits and separators are ASCII")
    }
}

/// Year, month and day of a day number since 1970-01-01, in the proleptic Gregorian calendar. Counts in years that begin in March,
/// so that the leap day is the last of its year, and in eras of 400 years, which all have the same number of days.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    const DAYS_BEFORE_1970: u64 = 719_468;
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, next_year) =
        if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    (era * 400 + year_of_era + next_year, month, day_of_month)
}

/// Reads a time with any offset. `None`: not RFC 3339, before 1970, or after 2262.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(at.timestamp_nanos_opt()?).ok().map(Timestamp)
}

/// Reads a day as `YYYYMMDD`: its first instant in UTC.
pub(crate) fn parse_day(day: u32) -> Option<Timestamp> {
    let year = i32::try_from(day / 10_000).ok()?;
    let date = chrono::NaiveDate::from_ymd_opt(year, day / 100 % 100, day % 100)?;
    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc();
    u64::try_from(midnight.timestamp_nanos_opt()?).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back_and_agrees_with_chrono() {
        for ns in [
            0,
            1,
            1_000,
            999_000_000,
            951_782_399_999_999_999,
            951_782_400_000_000_000,
            1_709_164_800_500_000_000,
            1_795_304_400_123_456_789,
            4_107_542_400_000_000_000,
            9_223_372_036_854_775_807,
        ] {
            let text = Text::new(Timestamp(ns));
            assert_eq!(parse(text.as_str()), Some(Timestamp(ns)), "{}", text.as_str());
        }
    }

    #[test]
    fn a_fraction_has_as_many_digits_as_it_needs_in_threes() {
        assert_eq!(Text::new(Timestamp(0)).as_str(), "1970-01-01T00:00:00Z");
        assert_eq!(Text::new(Timestamp(500_000_000)).as_str(), "1970-01-01T00:00:00.500Z");
        assert_eq!(Text::new(Timestamp(1_500)).as_str(), "1970-01-01T00:00:00.000001500Z");
        assert_eq!(Text::new(Timestamp::MAX).as_str(), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn days_are_read_as_their_first_instant() {
        assert_eq!(parse_day(20_270_101), parse("2027-01-01T00:00:00Z"));
        assert_eq!(parse_day(20_270_230), None);
        assert_eq!(parse_day(0), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T23:40:00",
            "1969-12-31T23:59:59Z",
            "tomorrow",
            "2300-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("2026-11-22T07:40:00+08:00"), parse("2026-11-21T23:40:00Z"));
    }
}
