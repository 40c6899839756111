//! When periods begin: months' ends, leap years, clocks that change, time that stood still.

use super::{asked, catch_up, days, every, give, minted_at, rule, tranches};
use crate::calendar::{Span, SpanUnit};
use crate::command::Command;
use crate::customer::Profile;
use crate::fact::Due;
use crate::grant::{Cadence, Life};
use crate::testing::{Book, credits, instant};
use crate::time::Timestamp;

/// The instants at which a grant of the customer's own mints, in a zone, from a start until an end.
fn minted(zone: &str, cadence: Cadence, start: &str, until: &str) -> Vec<Timestamp> {
    let (mut book, _) = Book::new();
    book.now = instant(start);
    let start = Some(instant(start));
    let command = asked(rule(|rule| (rule.cadence, rule.start) = (cadence, start)), |request| {
        request.zone = Some(zone.into());
    });
    let effect = book.ask(command).unwrap().effect;
    let crate::fact::Effect::GrantSet(set) = effect else { panic!("{effect:?}") };
    let mut at = minted_at(&set.minted);
    // A due record comes at a time.
    book.limits.due_per_record_max = 3;
    book.now = instant(until);
    at.extend(minted_at(&catch_up(&mut book)));
    book.replay();
    at
}

fn instants(texts: &[&str]) -> Vec<Timestamp> {
    texts.iter().map(|text| instant(text)).collect()
}

#[test]
fn months_keep_their_day_and_are_clamped_to_short_ones() {
    let found =
        minted("UTC", every(SpanUnit::Month), "2027-10-31T12:30:00.000000001Z", "2028-05-01T00:00:00Z");
    let wanted = [
        "2027-10-31T12:30:00.000000001Z",
        "2027-11-30T12:30:00.000000001Z",
        "2027-12-31T12:30:00.000000001Z",
        "2028-01-31T12:30:00.000000001Z",
        "2028-02-29T12:30:00.000000001Z",
        "2028-03-31T12:30:00.000000001Z",
        "2028-04-30T12:30:00.000000001Z",
    ];
    assert_eq!(found, instants(&wanted));
}

#[test]
fn years_from_a_leap_day_come_on_the_last_of_february() {
    let found = minted("UTC", every(SpanUnit::Year), "2028-02-29T00:00:00Z", "2032-12-31T00:00:00Z");
    let wanted = [
        "2028-02-29T00:00:00Z",
        "2029-02-28T00:00:00Z",
        "2030-02-28T00:00:00Z",
        "2031-02-28T00:00:00Z",
        "2032-02-29T00:00:00Z",
    ];
    assert_eq!(found, instants(&wanted));
}

#[test]
fn quarters_half_years_weeks_and_several_of_them_are_counted_from_the_start() {
    let quarters = minted("UTC", every(SpanUnit::Quarter), "2027-11-30T00:00:00Z", "2028-06-01T00:00:00Z");
    let wanted = ["2027-11-30T00:00:00Z", "2028-02-29T00:00:00Z", "2028-05-30T00:00:00Z"];
    assert_eq!(quarters, instants(&wanted));
    let halves = minted("UTC", every(SpanUnit::HalfYear), "2027-08-31T00:00:00Z", "2028-09-01T00:00:00Z");
    let wanted = ["2027-08-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-08-31T00:00:00Z"];
    assert_eq!(halves, instants(&wanted));
    let fortnights = Cadence::Recurring(Span { unit: SpanUnit::Week, count: 2 });
    let found = minted("UTC", fortnights, "2028-02-20T00:00:00Z", "2028-03-20T00:00:00Z");
    let wanted = ["2028-02-20T00:00:00Z", "2028-03-05T00:00:00Z", "2028-03-19T00:00:00Z"];
    assert_eq!(found, instants(&wanted));
}

#[test]
fn a_local_time_that_is_left_out_is_the_first_instant_after_it_and_the_next_is_back_in_place() {
    for (zone, start, gap, back) in [
        (
            "Europe/Berlin",
            "2027-03-27T02:30:00+01:00",
            "2027-03-28T03:00:00+02:00",
            "2027-03-29T02:30:00+02:00",
        ),
        (
            "America/New_York",
            "2027-03-13T02:30:00-05:00",
            "2027-03-14T03:00:00-04:00",
            "2027-03-15T02:30:00-04:00",
        ),
        (
            "Australia/Lord_Howe",
            "2027-10-02T02:10:00+10:30",
            "2027-10-03T02:30:00+11:00",
            "2027-10-04T02:10:00+11:00",
        ),
    ] {
        let found = minted(zone, every(SpanUnit::Day), start, back);
        assert_eq!(found, instants(&[start, gap, back]), "{zone}");
    }
}

#[test]
fn a_local_time_that_comes_twice_is_the_earlier_and_is_minted_once() {
    for (zone, start, twice, back) in [
        (
            "Europe/Berlin",
            "2027-10-30T02:30:00+02:00",
            "2027-10-31T02:30:00+02:00",
            "2027-11-01T02:30:00+01:00",
        ),
        (
            "America/New_York",
            "2027-11-06T01:30:00-04:00",
            "2027-11-07T01:30:00-04:00",
            "2027-11-08T01:30:00-05:00",
        ),
        (
            "Australia/Lord_Howe",
            "2027-04-03T01:45:00+11:00",
            "2027-04-04T01:45:00+11:00",
            "2027-04-05T01:45:00+10:30",
        ),
    ] {
        let found = minted(zone, every(SpanUnit::Day), start, back);
        assert_eq!(found, instants(&[start, twice, back]), "{zone}");
    }
}

#[test]
fn hours_are_exact_over_both_changes_of_the_clock_and_from_the_later_of_two_equal_times() {
    let three = Cadence::Recurring(Span { unit: SpanUnit::Hour, count: 1 });
    let spring = minted("Europe/Berlin", three, "2027-03-28T00:30:00Z", "2027-03-28T02:30:00Z");
    assert_eq!(spring, instants(&["2027-03-28T00:30:00Z", "2027-03-28T01:30:00Z", "2027-03-28T02:30:00Z"]));
    let later = minted("Europe/Berlin", three, "2027-10-31T02:30:00+01:00", "2027-10-31T03:30:00+01:00");
    assert_eq!(later, instants(&["2027-10-31T02:30:00+01:00", "2027-10-31T03:30:00+01:00"]));
}

#[test]
fn a_day_of_23_or_25_hours_is_a_day_of_a_grants_life() {
    let (mut book, _) = Book::new();
    book.now = instant("2027-03-27T12:00:00+01:00");
    let profile = Profile { timezone: Some("Europe/Berlin".into()), ..Profile::default() };
    book.ask(Command::UpdateCustomer { profile }).unwrap();
    give(&mut book, rule(|rule| (rule.cadence, rule.life) = (Cadence::OneTime, days(1))));
    // Without a start the period begins at 00:00.
    assert_eq!(tranches(&book)[0].terms.expires_at, Some(instant("2027-03-28T00:00:00+01:00")));
    give(
        &mut book,
        rule(|rule| {
            (rule.cadence, rule.life, rule.start) = (Cadence::OneTime, days(1), Some(book_now()));
        }),
    );
    let ends: Vec<_> = tranches(&book).iter().map(|tranche| tranche.terms.expires_at.unwrap()).collect();
    assert!(ends.contains(&instant("2027-03-28T12:00:00+02:00")), "{ends:?}");

    fn book_now() -> Timestamp {
        instant("2027-03-27T12:00:00+01:00")
    }
}

#[test]
fn without_a_start_periods_begin_at_local_midnight_and_the_first_from_now() {
    let (mut book, _) = Book::new();
    let profile = Profile { timezone: Some("Asia/Singapore".into()), ..Profile::default() };
    book.now = instant("2027-01-30T15:00:00Z");
    book.ask(Command::UpdateCustomer { profile }).unwrap();
    book.now = instant("2027-01-30T16:00:01Z"); // in Singapore it is the 31st
    let set = give(&mut book, rule(|rule| rule.life = Life::Period));
    assert_eq!(minted_at(&set.minted), [book.now]);
    assert_eq!(book.customer.next_due(), instant("2027-02-28T00:00:00+08:00"));
    assert_eq!(tranches(&book)[0].terms.effective_at, book.now);
    book.now = instant("2027-04-01T00:00:00+08:00");
    let at = minted_at(&catch_up(&mut book));
    assert_eq!(at, instants(&["2027-02-28T00:00:00+08:00", "2027-03-31T00:00:00+08:00"]));
    book.replay();
}

#[test]
fn another_zone_counts_from_the_next_period_and_never_mints_one_twice() {
    let (mut book, _) = Book::new();
    let lives_in = |zone: &str| Command::UpdateCustomer {
        profile: Profile { timezone: Some(zone.into()), ..Profile::default() },
    };
    book.now = instant("2027-05-01T10:00:00Z");
    book.ask(lives_in("Pacific/Pago_Pago")).unwrap(); // UTC-11
    give(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Day)));
    let next = book.customer.next_due();
    assert_eq!(next, instant("2027-05-01T00:00:00-11:00"), "there it was still the last of April");
    book.ask(lives_in("Pacific/Kiritimati")).unwrap(); // UTC+14: 25 hours ahead
    assert_eq!(book.customer.next_due(), next, "the next period was known");
    book.now = instant("2027-05-05T00:00:00+14:00");
    let at = minted_at(&catch_up(&mut book));
    let wanted = [
        "2027-05-01T00:00:00-11:00",
        "2027-05-03T00:00:00+14:00",
        "2027-05-04T00:00:00+14:00",
        "2027-05-05T00:00:00+14:00",
    ];
    assert_eq!(at, instants(&wanted), "the 2nd there began before the 1st of May here");
    book.replay();
}

#[test]
fn periods_that_are_over_mint_and_expire_on_paper_with_their_own_dates() {
    let (mut book, wallet) = Book::new();
    book.now = instant("2027-01-01T00:00:00Z");
    give(&mut book, rule(|rule| (rule.cadence, rule.life) = (every(SpanUnit::Day), Life::Period)));
    book.limits.due_per_record_max = 2;
    book.now = instant("2027-01-04T12:00:00Z");
    let due = catch_up(&mut book);
    let kinds: Vec<_> = due
        .iter()
        .map(|due| match due {
            Due::Granted(granted) => (granted.at, "minted"),
            Due::Expired { terms, .. } => (terms.expires_at.unwrap(), "expired"),
            Due::Started { .. } | Due::HoldExpired(_) | Due::RolledOver(_) | Due::RechargeExpired(_) => {
                panic!("{due:?}")
            }
        })
        .collect();
    let wanted: Vec<_> = ["2027-01-02T00:00:00Z", "2027-01-03T00:00:00Z", "2027-01-04T00:00:00Z"]
        .into_iter()
        .flat_map(|day| [(instant(day), "expired"), (instant(day), "minted")])
        .collect();
    assert_eq!(kinds, wanted);
    assert_eq!(book.state(wallet).head.posted, credits("100"));
    book.replay();
}

#[test]
fn a_read_shows_what_is_due_and_writes_nothing() {
    let (mut book, wallet) = Book::new();
    book.now = instant("2027-01-01T00:00:00Z");
    give(&mut book, rule(|rule| (rule.cadence, rule.life) = (every(SpanUnit::Day), Life::Period)));
    book.debit("30").unwrap();
    book.now = instant("2027-01-09T00:00:00Z");
    let before = book.customer.clone();
    let shown = crate::view::figures_at(&book.customer, book.state(wallet), book.now);
    assert_eq!(shown.posted, credits("100"));
    assert_eq!(book.customer, before);
}
