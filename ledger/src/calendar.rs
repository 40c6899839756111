//! The calendar: local days, weeks, months and years as instants (SEMANTICS §10, §13, §18).
//!
//! Hours are exact, days and longer are calendar units of a time zone. A local time that a clock change leaves out means the first
//! instant after the gap; one that comes twice means the earlier. Weeks start on Monday.
//!
//! Deliberately absent: what time it is now (the shell brings it), and any memory: who has asked keeps the answer, so that a later
//! edition of the zone table changes nothing that was decided. Tested below.

use chrono::{DateTime, Datelike, Days, MappedLocalTime, Months, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{GapInfo, Tz};

use crate::budget::Window;
use crate::customer::Customer;
use crate::time::Timestamp;

/// Nanoseconds in a second.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// Seconds in an hour.
const HOUR_S: u64 = 3_600;

/// What clocks of a zone show: nanoseconds from 1970-01-01T00:00 on the face of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(pub u64);

impl LocalTime {
    fn of(local: NaiveDateTime) -> Self {
        Self(timestamp(&Tz::UTC.from_utc_datetime(&local)).0)
    }

    fn shown(self) -> Option<NaiveDateTime> {
        Zone::UTC.universal(Timestamp(self.0))
    }
}

/// Where the periods of a calendar rule begin: the local time that their boundaries keep, and the instant of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// What the clocks showed.
    pub local: LocalTime,
    /// When.
    pub at: Timestamp,
}

/// Units of spans of time. Hours are exact; days to years are units of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpanUnit {
    /// 3,600 seconds.
    Hour,
    /// From one local time to the same of the next day.
    Day,
    /// Seven days.
    Week,
    /// To the same day of the next month, or its last.
    Month,
    /// Three months.
    Quarter,
    /// Six months.
    HalfYear,
    /// Twelve months.
    Year,
}

impl SpanUnit {
    /// All of them, the shortest first.
    pub const ALL: [Self; 7] =
        [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter, Self::HalfYear, Self::Year];
}

/// A span of time; `count` ≥ 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// In what.
    pub unit: SpanUnit,
    /// How many.
    pub count: u32,
}

/// A time zone of the IANA table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// Universal time: what counts where nobody named a zone.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone of this IANA name, such as `Europe/Berlin`; `None` if the table has none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The zone that counts for a customer: its own, else the tenant's, else UTC. A name that the table does not have (any more) is
    /// passed over.
    #[must_use]
    pub fn of(customer: &Customer, tenant_setting: Option<&str>) -> Self {
        let own = customer.identity.as_ref().and_then(|identity| identity.profile.timezone.as_deref());
        own.and_then(Self::named).or_else(|| tenant_setting.and_then(Self::named)).unwrap_or(Self::UTC)
    }

    /// The first instant after the window that holds `at`: later than `at`. [`Timestamp::MAX`] for [`Window::Lifetime`].
    #[must_use]
    pub fn window_end(self, window: Window, at: Timestamp) -> Timestamp {
        let Some(local) = self.local(at) else { return Timestamp::MAX };
        let today = local.date();
        let first_after = match window {
            Window::Lifetime => None,
            Window::Hour => return self.hour_end(at),
            Window::Day => today.succ_opt(),
            Window::Week => {
                today.checked_add_days(Days::new(7 - u64::from(today.weekday().num_days_from_monday())))
            }
            Window::Month => today.with_day(1).and_then(|first| first.checked_add_months(Months::new(1))),
        };
        first_after.map_or(Timestamp::MAX, |date| self.midnight_after(date, at))
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What its clocks show at an instant, to the second: `2026-11-21 23:40:00`.
    #[must_use]
    pub fn shown(self, at: Timestamp) -> String {
        self.local(at).map_or_else(String::new, |local| local.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// The first instant of a month, and the first after it; `None` for what is no month, or one before 1970.
    #[must_use]
    pub fn month(self, year: i32, month: u32) -> Option<(Timestamp, Timestamp)> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let next = first.checked_add_months(Months::new(1))?;
        let (from, to) = (self.instant(first.into()), self.instant(next.into()));
        (from < to && to < Timestamp::MAX && year >= 1970).then_some((from, to))
    }

    /// The same local time so many days later.
    #[must_use]
    pub fn plus_days(self, at: Timestamp, days: u32) -> Timestamp {
        let later = self.local(at).and_then(|local| local.checked_add_days(Days::new(u64::from(days))));
        later.map_or(Timestamp::MAX, |local| self.instant(local))
    }

    /// An instant, and what its clocks show then.
    #[must_use]
    pub fn anchor(self, at: Timestamp) -> Anchor {
        Anchor { local: self.local(at).map_or(LocalTime(u64::MAX), LocalTime::of), at }
    }

    /// The beginning of the day that its clocks show at an instant.
    #[must_use]
    pub fn midnight(self, at: Timestamp) -> Anchor {
        let midnight = self.local(at).map(|local| NaiveDateTime::from(local.date()));
        midnight.map_or(Anchor { local: LocalTime(u64::MAX), at }, |midnight| Anchor {
            local: LocalTime::of(midnight),
            at: self.instant(midnight).min(at),
        })
    }

    /// The instant at which its clocks show the time that is `times` spans after the anchor, the day clamped to the month; for hours, exact
    /// ones after the anchor's instant. [`Timestamp::MAX`] beyond the end of time.
    #[must_use]
    pub fn boundary(self, anchor: Anchor, span: Span, times: u64) -> Timestamp {
        let units = u64::from(span.count).saturating_mul(times);
        let local = match span.unit {
            _ if units == 0 => return anchor.at,
            SpanUnit::Hour => {
                return Timestamp(anchor.at.0.saturating_add(units.saturating_mul(HOUR_S * NS_PER_SECOND)));
            }
            SpanUnit::Day => plus_days(anchor.local, units),
            SpanUnit::Week => plus_days(anchor.local, units.saturating_mul(7)),
            SpanUnit::Month => plus_months(anchor.local, units),
            SpanUnit::Quarter => plus_months(anchor.local, units.saturating_mul(3)),
            SpanUnit::HalfYear => plus_months(anchor.local, units.saturating_mul(6)),
            SpanUnit::Year => plus_months(anchor.local, units.saturating_mul(12)),
        };
        local.map_or(Timestamp::MAX, |local| self.instant(local))
    }

    /// A span after an instant: the same local time, the day clamped to the month; hours are exact.
    #[must_use]
    pub fn plus(self, at: Timestamp, span: Span) -> Timestamp {
        if span.unit == SpanUnit::Hour {
            return Timestamp(at.0.saturating_add(u64::from(span.count) * HOUR_S * NS_PER_SECOND));
        }
        self.boundary(self.anchor(at), span, 1)
    }

    /// The number of the day that its clocks show at an instant, from 1970-01-01.
    #[must_use]
    pub fn day_number(self, at: Timestamp) -> i64 {
        self.local(at).map_or(i64::MAX, |local| local.and_utc().timestamp().div_euclid(86_400))
    }

    /// The next full hour of the local clock, as it goes at `at`.
    fn hour_end(self, at: Timestamp) -> Timestamp {
        let offset_s =
            self.universal(at).map_or(0, |at| self.0.offset_from_utc_datetime(&at).fix().local_minus_utc());
        let offset_s = u64::try_from(i64::from(offset_s).rem_euclid(3_600)).expect("less than an hour");
        let into_hour_s = (at.seconds() + offset_s) % HOUR_S;
        let end_s = at.seconds() + (HOUR_S - into_hour_s);
        end_s.checked_mul(NS_PER_SECOND).map_or(Timestamp::MAX, Timestamp)
    }

    /// The beginning of the day, behind `at`: where the clock is set back over midnight, a day may begin twice.
    fn midnight_after(self, date: NaiveDate, at: Timestamp) -> Timestamp {
        let midnight = NaiveDateTime::from(date);
        match self.0.from_local_datetime(&midnight) {
            MappedLocalTime::Ambiguous(earlier, later) if timestamp(&earlier) <= at => timestamp(&later),
            MappedLocalTime::Ambiguous(..) | MappedLocalTime::Single(_) | MappedLocalTime::None => {
                self.instant(midnight)
            }
        }
    }

    /// What a local time means.
    fn instant(self, local: NaiveDateTime) -> Timestamp {
        match self.0.from_local_datetime(&local) {
            MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => timestamp(&instant),
            MappedLocalTime::None => {
                let after_gap = GapInfo::new(&local, &self.0).and_then(|gap| gap.end);
                after_gap.as_ref().map_or(Timestamp::MAX, timestamp)
            }
        }
    }

    fn local(self, at: Timestamp) -> Option<NaiveDateTime> {
        self.universal(at).map(|universal| self.0.from_utc_datetime(&universal).naive_local())
    }

    fn universal(self, at: Timestamp) -> Option<NaiveDateTime> {
        let seconds = i64::try_from(at.seconds()).ok()?;
        let nanoseconds = u32::try_from(at.0 % NS_PER_SECOND).ok()?;
        DateTime::from_timestamp(seconds, nanoseconds).map(|at| at.naive_utc())
    }
}

fn plus_days(anchor: LocalTime, days: u64) -> Option<NaiveDateTime> {
    anchor.shown()?.checked_add_days(Days::new(days))
}

fn plus_months(anchor: LocalTime, months: u64) -> Option<NaiveDateTime> {
    anchor.shown()?.checked_add_months(Months::new(u32::try_from(months).ok()?))
}

/// Saturates: what is beyond the end of time never comes.
fn timestamp(instant: &DateTime<Tz>) -> Timestamp {
    let Ok(seconds) = u64::try_from(instant.timestamp()) else { return Timestamp(0) };
    let whole = seconds.checked_mul(NS_PER_SECOND);
    let exact = whole.and_then(|whole| whole.checked_add(u64::from(instant.timestamp_subsec_nanos())));
    exact.map_or(Timestamp::MAX, Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An instant, from RFC 3339.
    fn at(text: &str) -> Timestamp {
        timestamp(&DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Tz::UTC))
    }

    fn end(zone: &str, window: Window, instant: &str) -> Timestamp {
        Zone::named(zone).unwrap().window_end(window, at(instant))
    }

    fn plus_days(zone: &str, instant: &str, days: u32) -> Timestamp {
        Zone::named(zone).unwrap().plus_days(at(instant), days)
    }

    #[test]
    fn months_and_clocks_are_those_of_the_zone() {
        let (berlin, from) = (Zone::named("Europe/Berlin").unwrap(), at("2026-10-01T00:00:00+02:00"));
        assert_eq!(berlin.month(2026, 10), Some((from, at("2026-11-01T00:00:00+01:00"))));
        assert_eq!((berlin.month(2026, 13), Zone::UTC.month(1969, 12)), (None, None));
        assert_eq!(Zone::UTC.month(1970, 1), Some((Timestamp(0), at("1970-02-01T00:00:00Z"))));
        assert_eq!((berlin.name(), &*berlin.shown(from)), ("Europe/Berlin", "2026-10-01 00:00:00"));
    }

    #[test]
    fn windows_end_at_local_midnight_on_monday_and_on_the_first() {
        let instant = "2027-01-31T23:30:00-05:00"; // a Sunday
        assert_eq!(end("America/New_York", Window::Day, instant), at("2027-02-01T00:00:00-05:00"));
        assert_eq!(end("America/New_York", Window::Week, instant), at("2027-02-01T00:00:00-05:00"));
        assert_eq!(end("America/New_York", Window::Month, instant), at("2027-02-01T00:00:00-05:00"));
        assert_eq!(end("UTC", Window::Month, instant), at("2027-03-01T00:00:00Z"), "there it is February");
        assert_eq!(end("UTC", Window::Week, instant), at("2027-02-08T00:00:00Z"), "and Monday");
        assert_eq!(end("UTC", Window::Month, "2026-12-31T23:59:59.999999999Z"), at("2027-01-01T00:00:00Z"));
        assert_eq!(end("UTC", Window::Lifetime, instant), Timestamp::MAX);
    }

    #[test]
    fn a_window_ends_after_its_last_nanosecond_and_the_next_begins_there() {
        for window in [Window::Hour, Window::Day, Window::Month] {
            let last = end("UTC", window, "2028-02-29T23:59:59.999999999Z");
            assert_eq!(last, at("2028-03-01T00:00:00Z"), "a leap day, {window:?}");
            assert!(Zone::UTC.window_end(window, last) > last, "{window:?}");
        }
    }

    #[test]
    fn a_day_on_which_the_clock_changes_is_an_hour_shorter_or_longer() {
        for (zone, begins, ends, hours) in [
            ("Europe/Berlin", "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00", 23),
            ("Europe/Berlin", "2027-10-31T00:00:00+02:00", "2027-11-01T00:00:00+01:00", 25),
            ("America/New_York", "2027-03-14T00:00:00-05:00", "2027-03-15T00:00:00-04:00", 23),
            ("America/New_York", "2027-11-07T00:00:00-04:00", "2027-11-08T00:00:00-05:00", 25),
            ("Australia/Sydney", "2027-10-03T00:00:00+10:00", "2027-10-04T00:00:00+11:00", 23),
            ("Australia/Sydney", "2027-04-04T00:00:00+11:00", "2027-04-05T00:00:00+10:00", 25),
        ] {
            let day_end = end(zone, Window::Day, begins);
            assert_eq!(day_end, at(ends), "{zone}");
            assert_eq!(day_end.seconds() - at(begins).seconds(), hours * HOUR_S, "{zone}");
        }
    }

    #[test]
    fn hours_are_exact_on_both_sides_of_a_clock_change() {
        for (zone, instant, ends) in [
            ("Europe/Berlin", "2027-03-28T01:59:59+01:00", "2027-03-28T03:00:00+02:00"),
            ("Europe/Berlin", "2027-10-31T02:30:00+02:00", "2027-10-31T02:00:00+01:00"),
            ("Europe/Berlin", "2027-10-31T02:30:00+01:00", "2027-10-31T03:00:00+01:00"),
            ("Australia/Lord_Howe", "2027-04-04T01:45:00+11:00", "2027-04-04T01:30:00+10:30"),
            ("Australia/Lord_Howe", "2027-04-04T01:45:00+10:30", "2027-04-04T02:00:00+10:30"),
        ] {
            assert_eq!(end(zone, Window::Hour, instant), at(ends), "{zone} {instant}");
        }
    }

    #[test]
    fn hours_follow_the_local_clock_where_it_is_half_an_hour_off() {
        assert_eq!(end("Asia/Kolkata", Window::Hour, "2027-05-05T10:15:00Z"), at("2027-05-05T10:30:00Z"));
        assert_eq!(end("Asia/Kolkata", Window::Hour, "2027-05-05T10:30:00Z"), at("2027-05-05T11:30:00Z"));
        assert_eq!(end("America/St_Johns", Window::Hour, "2027-05-05T10:40:00Z"), at("2027-05-05T11:30:00Z"));
        assert_eq!(end("Asia/Kathmandu", Window::Hour, "2027-05-05T10:10:00Z"), at("2027-05-05T10:15:00Z"));
    }

    #[test]
    fn days_later_it_is_the_same_local_time() {
        for (zone, instant, days, later) in [
            (
                "Europe/Berlin",
                "2027-03-27T12:34:56.000000789+01:00",
                1,
                "2027-03-28T12:34:56.000000789+02:00",
            ),
            ("Europe/Berlin", "2027-10-30T12:00:00+02:00", 2, "2027-11-01T12:00:00+01:00"),
            ("America/New_York", "2027-01-31T09:00:00-05:00", 30, "2027-03-02T09:00:00-05:00"),
            ("UTC", "2028-02-28T00:00:00Z", 1, "2028-02-29T00:00:00Z"),
            ("UTC", "2028-02-29T00:00:00Z", 366, "2029-03-01T00:00:00Z"),
        ] {
            assert_eq!(plus_days(zone, instant, days), at(later), "{zone} {instant}");
        }
    }

    #[test]
    fn a_local_time_that_is_left_out_is_the_first_instant_after_it() {
        for (zone, instant, after) in [
            ("Europe/Berlin", "2027-03-27T02:30:00+01:00", "2027-03-28T03:00:00+02:00"),
            ("America/New_York", "2027-03-13T02:15:00-05:00", "2027-03-14T03:00:00-04:00"),
            ("Australia/Lord_Howe", "2027-10-02T02:10:00+10:30", "2027-10-03T02:30:00+11:00"),
        ] {
            assert_eq!(plus_days(zone, instant, 1), at(after), "{zone}");
        }
        let midnight_gap = end("Africa/Cairo", Window::Day, "2027-04-29T12:00:00+02:00");
        assert_eq!(midnight_gap, at("2027-04-30T01:00:00+03:00"), "that day has no midnight");
    }

    #[test]
    fn a_local_time_that_comes_twice_is_the_earlier() {
        for (zone, instant, earlier) in [
            ("Europe/Berlin", "2027-10-30T02:30:00+02:00", "2027-10-31T02:30:00+02:00"),
            ("America/New_York", "2027-11-06T01:30:00-04:00", "2027-11-07T01:30:00-04:00"),
            ("Australia/Sydney", "2027-04-03T02:30:00+11:00", "2027-04-04T02:30:00+11:00"),
        ] {
            assert_eq!(plus_days(zone, instant, 1), at(earlier), "{zone}");
        }
    }

    #[test]
    fn a_day_that_begins_twice_ends_after_every_instant_in_it() {
        // In Havana the clock goes from 01:00 back to 00:00.
        let first = end("America/Havana", Window::Day, "2027-11-06T12:00:00-04:00");
        assert_eq!(first, at("2027-11-07T00:00:00-04:00"));
        for instant in ["2027-11-07T00:30:00-04:00", "2027-11-07T00:30:00-05:00"] {
            assert_eq!(end("America/Havana", Window::Day, instant), at("2027-11-08T00:00:00-05:00"));
        }
    }

    #[test]
    fn every_window_of_every_zone_ends_after_what_it_holds() {
        let steps = (0..2_000_u64).map(|step| Timestamp((1_790_000_000 + step * 17_389) * NS_PER_SECOND + 1));
        for instant in steps {
            for zone in
                ["America/Havana", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Chatham"]
            {
                for window in Window::ALL {
                    let end = Zone::named(zone).unwrap().window_end(window, instant);
                    assert!(end > instant, "{zone} {window:?} {instant}");
                }
            }
        }
    }

    #[test]
    fn the_end_of_time_is_never_passed() {
        for window in Window::ALL {
            assert_eq!(Zone::UTC.window_end(window, Timestamp::MAX), Timestamp::MAX, "{window:?}");
        }
        assert_eq!(Zone::UTC.plus_days(Timestamp::MAX, 366), Timestamp::MAX);
        assert_eq!(Zone::named("Mars/Olympus_Mons"), None);
    }
}
