//! Dates, counted day by day and year by year.

use coffer_ledger::calendar::{Span, SpanUnit};

use super::{DAY, HOUR};

/// The instant so many spans after the anchor: hours are exact, all else is by the clock.
pub(super) fn boundary((at, local): (u64, u64), span: Span, periods: u32, ahead: u64) -> u64 {
    let units = u64::from(span.count) * u64::from(periods);
    if units == 0 {
        return at;
    }
    match span.unit {
        SpanUnit::Hour => at + units * HOUR,
        SpanUnit::Day => local + units * DAY - ahead,
        SpanUnit::Week => local + 7 * units * DAY - ahead,
        SpanUnit::Month => months_later(local, units) - ahead,
        SpanUnit::Quarter => months_later(local, 3 * units) - ahead,
        SpanUnit::HalfYear => months_later(local, 6 * units) - ahead,
        SpanUnit::Year => months_later(local, 12 * units) - ahead,
    }
}

pub(super) fn plus(at: u64, span: Span, ahead: u64) -> u64 {
    boundary((at, at + ahead), span, 1, ahead)
}

/// The same time of the day, the day clamped to the month.
fn months_later(local: u64, months: u64) -> u64 {
    let (mut year, mut month, day) = civil(local / DAY);
    for _ in 0..months {
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    let first: u64 = (1970..year).map(days_of_year).sum::<u64>()
        + (1..month).map(|month| days_of_month(year, month)).sum::<u64>();
    (first + day.min(days_of_month(year, month)) - 1) * DAY + local % DAY
}

/// Year, month and day of a number of days since 1970.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let (mut year, mut month) = (1970, 1);
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of_year(year: u64) -> u64 {
    (1..=12).map(|month| days_of_month(year, month)).sum()
}

fn days_of_month(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
