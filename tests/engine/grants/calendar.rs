//! Calendars computed by hand, from the laws that set the clocks and not from a table of zones: what the engine's dates are held against.

use coffer_ledger::calendar::{Span, SpanUnit};

pub(crate) const HOUR_S: i64 = 3_600;
pub(crate) const DAY_S: i64 = 24 * HOUR_S;

/// Zones whose rules are simple enough to be written down, from 2008 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Utc,
    /// Eight hours ahead, all year.
    Singapore,
    /// The last Sundays of March and October, at 01:00 UTC.
    Berlin,
    /// The second Sunday of March and the first of November, at 02:00 on the clock.
    NewYork,
    /// Half an hour, not a whole one: the first Sundays of October and April, at 02:00 on the clock.
    LordHowe,
}

impl Place {
    pub(crate) const ALL: [Self; 5] =
        [Self::Utc, Self::Singapore, Self::Berlin, Self::NewYork, Self::LordHowe];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::Singapore => "Asia/Singapore",
            Self::Berlin => "Europe/Berlin",
            Self::NewYork => "America/New_York",
            Self::LordHowe => "Australia/Lord_Howe",
        }
    }

    /// How far clocks are ahead of UTC in winter and in summer, in seconds.
    const fn ahead(self) -> (i64, i64) {
        match self {
            Self::Utc => (0, 0),
            Self::Singapore => (8 * HOUR_S, 8 * HOUR_S),
            Self::Berlin => (HOUR_S, 2 * HOUR_S),
            Self::NewYork => (-5 * HOUR_S, -4 * HOUR_S),
            Self::LordHowe => (21 * HOUR_S / 2, 11 * HOUR_S),
        }
    }

    /// The instants of a year at which summer time begins and ends.
    fn changes(self, year: i64) -> Option<(i64, i64)> {
        let (winter, summer) = self.ahead();
        match self {
            Self::Utc | Self::Singapore => None,
            Self::Berlin => {
                Some((last_sunday(year, 3) * DAY_S + HOUR_S, last_sunday(year, 10) * DAY_S + HOUR_S))
            }
            Self::NewYork => Some((
                (first_sunday(year, 3) + 7) * DAY_S + 2 * HOUR_S - winter,
                first_sunday(year, 11) * DAY_S + 2 * HOUR_S - summer,
            )),
            Self::LordHowe => Some((
                first_sunday(year, 10) * DAY_S + 2 * HOUR_S - winter,
                first_sunday(year, 4) * DAY_S + 2 * HOUR_S - summer,
            )),
        }
    }

    fn ahead_at(self, at: i64) -> i64 {
        let (winter, summer) = self.ahead();
        let Some((begins, ends)) = self.changes(civil(at.div_euclid(DAY_S)).0) else { return winter };
        // South of the equator summer holds the new year.
        let is_summer = if begins < ends { begins <= at && at < ends } else { at < ends || begins <= at };
        if is_summer { summer } else { winter }
    }

    /// What its clocks show, in seconds since 1970 on the face of the clock.
    pub(crate) fn local(self, at: i64) -> i64 {
        at + self.ahead_at(at)
    }

    /// The day that its clocks show.
    pub(crate) fn day(self, at: i64) -> i64 {
        self.local(at).div_euclid(DAY_S)
    }

    /// The instant of a local time: the earlier of two, or the first after a gap.
    pub(crate) fn instant(self, local: i64) -> i64 {
        let (winter, summer) = self.ahead();
        let shows_it = |ahead: &i64| self.ahead_at(local - ahead) == *ahead;
        let found = [summer, winter].into_iter().filter(shows_it).map(|ahead| local - ahead).min();
        found.unwrap_or_else(|| self.changes(civil(local.div_euclid(DAY_S)).0).expect("a gap").0)
    }

    /// So many spans after an instant that its clocks showed as `local`.
    pub(crate) fn later(self, (at, local): (i64, i64), span: Span, times: i64) -> i64 {
        let units = i64::from(span.count) * times;
        let months = |months: i64| self.instant(months_later(local, months));
        match span.unit {
            _ if units == 0 => at,
            SpanUnit::Hour => at + units * HOUR_S,
            SpanUnit::Day => self.instant(local + units * DAY_S),
            SpanUnit::Week => self.instant(local + 7 * units * DAY_S),
            SpanUnit::Month => months(units),
            SpanUnit::Quarter => months(3 * units),
            SpanUnit::HalfYear => months(6 * units),
            SpanUnit::Year => months(12 * units),
        }
    }
}

/// The same time of the day so many months later, the day clamped to the month.
fn months_later(local: i64, months: i64) -> i64 {
    let (year, month, day) = civil(local.div_euclid(DAY_S));
    let months = year * 12 + month - 1 + months;
    let (year, month) = (months / 12, months % 12 + 1);
    (first_day(year, month) + day.min(days_of_month(year, month)) - 1) * DAY_S + local.rem_euclid(DAY_S)
}

/// 1970-01-01 was a Thursday.
fn sunday_on_or_after(day: i64) -> i64 {
    day + (3 - day).rem_euclid(7)
}

fn first_sunday(year: i64, month: i64) -> i64 {
    sunday_on_or_after(first_day(year, month))
}

fn last_sunday(year: i64, month: i64) -> i64 {
    sunday_on_or_after(first_day(year, month) + days_of_month(year, month) - 7)
}

fn first_day(year: i64, month: i64) -> i64 {
    let years: i64 = (1970..year).map(days_of_year).sum();
    years + (1..month).map(|month| days_of_month(year, month)).sum::<i64>()
}

fn civil(mut day: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

fn days_of_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[test]
fn the_calendars_of_this_test_know_some_dates_by_heart() {
    // 2027-03-28T01:00:00Z and 2027-10-31T01:00:00Z.
    assert_eq!(Place::Berlin.changes(2027), Some((1_806_195_600, 1_824_944_400)));
    // 2027-03-14T07:00:00Z and 2027-11-07T06:00:00Z.
    assert_eq!(Place::NewYork.changes(2027), Some((1_805_007_600, 1_825_567_200)));
    // 2027-10-02T15:30:00Z and 2027-04-03T15:00:00Z.
    assert_eq!(Place::LordHowe.changes(2027), Some((1_822_491_000, 1_806_764_400)));
    assert_eq!(civil(20_454), (2026, 1, 1));
    // 31 January 2028 and a month later, the 29th.
    let january = first_day(2028, 1) + 30;
    assert_eq!(months_later(january * DAY_S + 5, 1), (january + 29) * DAY_S + 5);
}
