//! Dates written out by hand, each with its reason. An offset in a text says what local clocks showed; the offsets are those of the law.

use super::{asked, catch_up, days, every, minted_at, rule, tranches};
use crate::calendar::SpanUnit;
use crate::command::Command;
use crate::customer::Profile;
use crate::fact::{Due, Landed};
use crate::grant::{Life, Rule};
use crate::testing::{Book, USD, credits, instant};
use crate::time::Timestamp;

fn instants(texts: &[&str]) -> Vec<Timestamp> {
    texts.iter().map(|text| instant(text)).collect()
}

/// A customer that lives in a zone, given a grant at an instant, seen at a later one: what was minted in between, and the book.
fn lived(zone: &str, (from, until): (&str, &str), change: impl FnOnce(&mut Rule)) -> (Vec<Due>, Book) {
    let (mut book, _) = Book::new();
    book.now = instant(from);
    let profile = Profile { timezone: Some(zone.into()), ..Profile::default() };
    book.ask(Command::UpdateCustomer { profile }).unwrap();
    let effect = book.ask(asked(rule(change), |_| {})).unwrap().effect;
    let crate::fact::Effect::GrantSet(set) = effect else { panic!("{effect:?}") };
    let mut due = set.minted;
    book.now = instant(until);
    due.extend(catch_up(&mut book));
    book.replay();
    (due, book)
}

/// Without a start: boundaries are at 00:00 of the zone.
fn minted(zone: &str, unit: SpanUnit, (from, until): (&str, &str)) -> Vec<Timestamp> {
    minted_at(&lived(zone, (from, until), |rule| rule.cadence = every(unit)).0)
}

#[test]
fn the_31st_of_january_comes_on_the_28th_of_february_and_on_the_31st_of_march_again() {
    let found =
        minted("Europe/Berlin", SpanUnit::Month, ("2027-01-31T00:00:00+01:00", "2027-06-01T00:00:00+02:00"));
    let wanted = [
        "2027-01-31T00:00:00+01:00",
        "2027-02-28T00:00:00+01:00", // 2027 is no leap year
        "2027-03-31T00:00:00+02:00", // from the anchor and not from the 28th; since the 28th it is summer time
        "2027-04-30T00:00:00+02:00",
        "2027-05-31T00:00:00+02:00",
    ];
    assert_eq!(found, instants(&wanted));
}

#[test]
fn in_a_leap_year_the_31st_of_january_comes_on_the_29th_of_february() {
    let found = minted(
        "America/New_York",
        SpanUnit::Month,
        ("2028-01-31T00:00:00-05:00", "2028-04-01T00:00:00-04:00"),
    );
    let wanted = [
        "2028-01-31T00:00:00-05:00",
        "2028-02-29T00:00:00-05:00", // 2028 is divisible by 4
        "2028-03-31T00:00:00-04:00", // summer time began on the 12th
    ];
    assert_eq!(found, instants(&wanted));
}

#[test]
fn the_30th_of_january_comes_on_the_last_of_february_too_and_the_29th_only_in_common_years() {
    let until = "2027-04-01T00:00:00Z";
    let thirtieth = minted("UTC", SpanUnit::Month, ("2027-01-30T00:00:00Z", until));
    assert_eq!(
        thirtieth,
        instants(&["2027-01-30T00:00:00Z", "2027-02-28T00:00:00Z", "2027-03-30T00:00:00Z"])
    );
    let leap = minted("UTC", SpanUnit::Month, ("2028-01-29T00:00:00Z", "2028-04-01T00:00:00Z"));
    assert_eq!(leap, instants(&["2028-01-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-29T00:00:00Z"]));
}

#[test]
fn a_leap_day_comes_every_four_years_and_not_in_2100() {
    let yearly = minted("UTC", SpanUnit::Year, ("2096-02-29T00:00:00Z", "2104-12-31T00:00:00Z"));
    let common = (2097..=2103).map(|year| instant(&format!("{year}-02-28T00:00:00Z")));
    let mut wanted = vec![instant("2096-02-29T00:00:00Z")];
    wanted.extend(common); // 2100 is divisible by 100 and not by 400
    wanted.push(instant("2104-02-29T00:00:00Z"));
    assert_eq!(yearly, wanted);
}

#[test]
fn days_begin_at_local_midnight_on_both_sides_of_both_changes_of_the_clock() {
    for (zone, texts) in [
        // 23 hours: 02:00 became 03:00 on the 14th.
        (
            "America/New_York",
            ["2027-03-13T00:00:00-05:00", "2027-03-14T00:00:00-05:00", "2027-03-15T00:00:00-04:00"],
        ),
        // 25 hours: 02:00 became 01:00 on the 7th.
        (
            "America/New_York",
            ["2027-11-06T00:00:00-04:00", "2027-11-07T00:00:00-04:00", "2027-11-08T00:00:00-05:00"],
        ),
        (
            "Europe/Berlin",
            ["2027-03-27T00:00:00+01:00", "2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"],
        ),
        (
            "Europe/Berlin",
            ["2027-10-30T00:00:00+02:00", "2027-10-31T00:00:00+02:00", "2027-11-01T00:00:00+01:00"],
        ),
        // Half an hour: from +10:30 to +11 on 3 October, and back on 4 April.
        (
            "Australia/Lord_Howe",
            ["2027-10-02T00:00:00+10:30", "2027-10-03T00:00:00+10:30", "2027-10-04T00:00:00+11:00"],
        ),
        (
            "Australia/Lord_Howe",
            ["2027-04-03T00:00:00+11:00", "2027-04-04T00:00:00+11:00", "2027-04-05T00:00:00+10:30"],
        ),
    ] {
        assert_eq!(minted(zone, SpanUnit::Day, (texts[0], texts[2])), instants(&texts), "{zone}");
    }
}

#[test]
fn a_midnight_that_is_left_out_is_one_o_clock_and_one_that_comes_twice_is_the_first() {
    // In Cairo 00:00 of 30 April 2027 became 01:00: the last Friday of April.
    let cairo =
        minted("Africa/Cairo", SpanUnit::Day, ("2027-04-29T00:00:00+02:00", "2027-05-01T00:00:00+03:00"));
    let wanted = ["2027-04-29T00:00:00+02:00", "2027-04-30T01:00:00+03:00", "2027-05-01T00:00:00+03:00"];
    assert_eq!(cairo, instants(&wanted));
    // In Havana 01:00 of 7 November 2027 becomes 00:00 again.
    let havana =
        minted("America/Havana", SpanUnit::Day, ("2027-11-06T00:00:00-04:00", "2027-11-08T00:00:00-05:00"));
    let wanted = ["2027-11-06T00:00:00-04:00", "2027-11-07T00:00:00-04:00", "2027-11-08T00:00:00-05:00"];
    assert_eq!(havana, instants(&wanted));
}

#[test]
fn a_month_over_a_change_of_the_clock_is_an_hour_shorter_or_longer_and_keeps_its_time() {
    let start = |text: &'static str| move |rule: &mut Rule| rule.start = Some(instant(text));
    let zone = "Australia/Lord_Howe";
    let (due, _) = lived(
        zone,
        ("2027-03-10T09:30:00+11:00", "2027-06-10T09:30:00+10:30"),
        start("2027-03-10T09:30:00+11:00"),
    );
    let wanted = [
        "2027-03-10T09:30:00+11:00",
        "2027-04-10T09:30:00+10:30", // summer time ended on 4 April
        "2027-05-10T09:30:00+10:30",
        "2027-06-10T09:30:00+10:30",
    ];
    assert_eq!(minted_at(&due), instants(&wanted));
}

#[test]
fn a_day_that_a_place_left_out_has_no_period_of_its_own() {
    // Samoa went from 29 December 2011, 23:59:59 at -10, to 31 December, 00:00 at +14: the 30th, if it began, began with the 31st. The two
    // are one period: no day is granted twice. Dates before the test's are reached by a start in the past.
    let (first, end) = ("2011-12-28T00:00:00-10:00", "2012-01-02T00:00:00+14:00");
    let now = "2027-01-01T00:00:00Z";
    let (due, _) = lived("Pacific/Apia", (now, now), |rule| {
        (rule.cadence, rule.start, rule.end) =
            (every(SpanUnit::Day), Some(instant(first)), Some(instant(end)));
    });
    let wanted = [
        "2011-12-28T00:00:00-10:00",
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00", // 24 hours after the 29th began: the clock went on, the date jumped
        "2012-01-01T00:00:00+14:00",
    ];
    assert_eq!(minted_at(&due), instants(&wanted));
    assert_eq!(instant(wanted[2]).0 - instant(wanted[1]).0, 86_400_000_000_000);
}

#[test]
fn proration_counts_local_dates_and_not_hours() {
    // The plan's month runs from the 1st, 00:00 in Berlin; March has 31 days there, one of 23 hours. 4 days are left on the 28th, whatever
    // the time of the day: 310 × 4 / 31 = 40.
    for (joined, wanted) in [
        ("2027-03-28T00:00:00+01:00", "40"),
        ("2027-03-28T01:59:59+01:00", "40"),
        ("2027-03-28T03:00:00+02:00", "40"),
        ("2027-03-28T23:59:59.999999999+02:00", "40"),
        ("2027-03-29T00:00:00+02:00", "30"),
        // In UTC it is still the 28th there; in Berlin the last day has begun.
        ("2027-03-31T00:30:00+02:00", "10"),
    ] {
        assert_eq!(
            first_of_plan("Europe/Berlin", "2027-03-01T00:00:00+01:00", "310", joined),
            credits(wanted)
        );
    }
    // February 2028 has 29 days: who comes on the 29th gets one of them, down to the last digit: 100 / 29.
    let leap = first_of_plan("UTC", "2028-02-01T00:00:00Z", "100", "2028-02-29T12:00:00Z");
    assert_eq!(leap, credits("3.448275862068965"));
    let common = first_of_plan("UTC", "2027-02-01T00:00:00Z", "100", "2027-02-28T12:00:00Z");
    assert_eq!(common, credits("3.571428571428571")); // 100 / 28
}

#[test]
fn a_clamped_month_is_prorated_by_its_own_days() {
    // From 31 January to 28 February are 28 days; on 10 February 18 are left: 280 × 18 / 28 = 180.
    let found = first_of_plan("UTC", "2027-01-31T00:00:00Z", "280", "2027-02-10T10:00:00Z");
    assert_eq!(found, credits("180"));
    // From 28 February to 31 March are 31; on 30 March one is left.
    let found = first_of_plan("UTC", "2027-01-31T00:00:00Z", "310", "2027-03-30T10:00:00Z");
    assert_eq!(found, credits("10"));
}

/// The first tranche of who joins a monthly, prorated plan that began at `start`.
fn first_of_plan(zone: &str, start: &str, monthly: &str, joined: &str) -> crate::amount::Credits {
    let mut book = Book::empty();
    book.now = instant(joined);
    let rule = rule(|rule| {
        (rule.start, rule.prorated, rule.credits) = (Some(instant(start)), true, credits(monthly));
        rule.currency = Some(USD);
    });
    super::plans::template(&mut book, rule);
    let subscribed = super::plans::enrol(&mut book, |request| request.zone = Some(zone.into())).unwrap();
    let [Due::Granted(granted)] = subscribed.minted.as_slice() else { panic!("{subscribed:?}") };
    let Landed::Minted { row, .. } = &granted.landed else { panic!("{granted:?}") };
    row.terms.original
}

#[test]
fn thirty_days_of_life_from_a_period_are_days_of_the_calendar_over_a_change_of_the_clock() {
    // From 1 March 00:00 in New York thirty days are 31 March 00:00, an hour less than 720 hours.
    let from = "2027-03-01T00:00:00-05:00";
    let (_, book) = lived("America/New_York", (from, from), |rule| rule.life = days(30));
    let end = tranches(&book)[0].terms.expires_at.unwrap();
    assert_eq!(end, instant("2027-03-31T00:00:00-04:00"));
    assert_eq!(end.0 - instant(from).0, (30 * 24 - 1) * 3_600_000_000_000);
    // A life that is its period ends with the next boundary: 28 February, 00:00.
    let from = "2027-01-31T00:00:00-05:00";
    let (_, book) = lived("America/New_York", (from, from), |rule| rule.life = Life::Period);
    assert_eq!(tranches(&book)[0].terms.expires_at, Some(instant("2027-02-28T00:00:00-05:00")));
}
