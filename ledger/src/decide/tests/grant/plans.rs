//! Plans: entered, followed and left.

use super::{catch_up, every, minted_at, rule, tranches};
use crate::calendar::SpanUnit;
use crate::catalog::grant::{PlanGrant, PlanKind};
use crate::command::{Command, Subscribe};
use crate::fact::{Due, Effect, Landed, Subscribed};
use crate::grant::{Cadence, Life, Rule};
use crate::ids::{GrantId, TenantNumber};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, instant, second};
use crate::time::Timestamp;

pub(super) fn template(book: &mut Book, rule: Rule) -> GrantId {
    let (version, templates) = &mut book.plans;
    *version += 1;
    let counter = u64::try_from(templates.len()).unwrap();
    let id = GrantId::of_tenant(book.now, TenantNumber(1), counter);
    templates.push(PlanGrant {
        id,
        kind: PlanKind::Plan,
        plan: "starter".into(),
        name: "Starter".into(),
        metadata: Vec::new(),
        rule,
        created_at: book.now,
        changed_at: book.now,
        deleted: false,
        version: *version,
    });
    id
}

/// Changes the template, as of an instant.
fn change(book: &mut Book, id: GrantId, at: Timestamp, change: impl FnOnce(&mut PlanGrant)) {
    let (version, templates) = &mut book.plans;
    *version += 1;
    let template = templates.iter_mut().find(|template| template.id == id).unwrap();
    (template.version, template.changed_at) = (*version, at);
    change(template);
}

pub(super) fn enrol(book: &mut Book, change: impl FnOnce(&mut Subscribe)) -> Result<Subscribed, Refusal> {
    let mut request =
        Subscribe { customer: "ada".into(), id: None, plan: "starter".into(), start: None, zone: None };
    change(&mut request);
    let effect = book.ask(Command::Subscribe(Box::new(request)))?.effect;
    let Effect::Subscribed(subscribed) = effect else { panic!("{effect:?}") };
    Ok(*subscribed)
}

fn follow(book: &mut Book) -> Result<Vec<Due>, Refusal> {
    book.ask(Command::FollowPlans).map(|facts| facts.due)
}

#[test]
fn who_enrols_gets_what_is_due_in_the_same_record_and_the_customer_is_made() {
    let mut book = Book::empty();
    template(&mut book, rule(|_| {}));
    template(&mut book, rule(|rule| (rule.cadence, rule.credits) = (Cadence::OneTime, credits("5"))));
    let subscribed = enrol(&mut book, |_| {}).unwrap();
    assert!(subscribed.customer.is_some());
    assert_eq!((subscribed.minted.len(), subscribed.plans_seen), (2, 2));
    let posted: Vec<_> = book.customer.wallets.iter().map(|wallet| wallet.head.posted).collect();
    assert_eq!(posted, [credits("105")], "the first made the wallet for both");
    assert_eq!(*subscribed.subscription.name, *subscribed.subscription.id.to_string());
    assert_eq!(follow(&mut book), Err(Refusal::InvalidOperation("there is nothing to follow")));
    book.replay();
}

#[test]
fn a_plan_with_a_start_lets_late_comers_into_the_period_that_runs_prorated_if_it_says_so() {
    for (prorated, wanted) in [(false, "100"), (true, "38.709677419354838")] {
        let mut book = Book::empty();
        book.now = instant("2027-01-20T15:00:00Z");
        let start = Some(instant("2026-06-01T00:00:00Z"));
        template(&mut book, rule(|rule| (rule.start, rule.prorated) = (start, prorated)));
        let subscribed = enrol(&mut book, |_| {}).unwrap();
        let [Due::Granted(granted)] = subscribed.minted.as_slice() else { panic!("{subscribed:?}") };
        let Landed::Minted { row, .. } = &granted.landed else { panic!("{granted:?}") };
        assert_eq!(row.terms.original, credits(wanted), "12 of 31 days, today counted");
        assert_eq!((granted.period, granted.at, row.terms.effective_at), (7, book.now, book.now));
        assert_eq!(granted.ends_at, Some(instant("2027-02-01T00:00:00Z")));
        book.replay();
    }
}

#[test]
fn a_subscription_with_a_start_keeps_its_local_time_and_catches_up() {
    let mut book = Book::empty();
    book.now = instant("2027-03-15T12:00:00Z");
    template(&mut book, rule(|rule| rule.life = Life::Period));
    let start = instant("2027-01-31T08:00:00+01:00");
    let subscribed = enrol(&mut book, |request| {
        (request.start, request.zone) = (Some(start), Some("Europe/Berlin".into()));
    });
    let due = subscribed.unwrap().minted;
    assert_eq!(minted_at(&due), [start, instant("2027-02-28T08:00:00+01:00")]);
    assert_eq!((due.len(), tranches(&book).len()), (3, 1), "January's is gone");
    assert_eq!(book.customer.next_due(), instant("2027-03-31T08:00:00+02:00"));
    let mut future = Book::empty();
    template(&mut future, rule(|_| {}));
    let later = Some(second(1_000));
    assert!(enrol(&mut future, |request| request.start = later).unwrap().minted.is_empty());
    assert_eq!(future.customer.next_due(), second(1_000));
    book.replay();
}

#[test]
fn a_plans_change_counts_from_its_instant_however_late_it_is_followed() {
    let mut book = Book::empty();
    book.now = instant("2027-01-01T00:00:00Z");
    let id = template(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Day)));
    enrol(&mut book, |_| {}).unwrap();
    change(&mut book, id, instant("2027-01-03T12:00:00Z"), |template| template.rule.credits = credits("7"));
    book.now = instant("2027-01-05T12:00:00Z");
    assert_eq!(follow(&mut book).unwrap().len(), 2, "the 2nd and the 3rd, by the old rule");
    catch_up(&mut book);
    let originals: Vec<_> = tranches(&book).iter().map(|tranche| tranche.terms.original).collect();
    let wanted = ["100", "100", "100", "7", "7"].map(credits);
    assert_eq!(originals, wanted);
    book.replay();
}

#[test]
fn a_subscription_that_has_not_begun_gets_nothing_before_whatever_changes_of_its_plan() {
    let start = instant("2027-01-10T15:00:00Z");
    let monthly = rule(|rule| (rule.start, rule.prorated) = (Some(instant("2026-06-01T00:00:00Z")), true));
    let once = rule(|rule| rule.cadence = Cadence::OneTime);
    for (rule, wanted) in [(once, "100"), (monthly, "70.96774193548387")] {
        for comes_later in [false, true] {
            let mut book = Book::empty();
            book.now = instant("2027-01-01T00:00:00Z");
            // Over before the subscription begins, until it gets a later end; or not there yet.
            let short = Rule { end: Some(instant("2027-01-05T00:00:00Z")), ..rule.clone() };
            let known = (!comes_later).then(|| template(&mut book, short));
            enrol(&mut book, |request| request.start = Some(start)).unwrap();
            assert_eq!(book.customer.next_due(), Timestamp::MAX);
            book.now = instant("2027-01-02T00:00:00Z");
            let (later, at) = (Some(instant("2027-01-20T00:00:00Z")), book.now);
            match known {
                Some(id) => change(&mut book, id, at, |template| template.rule.end = later),
                None => _ = template(&mut book, rule.clone()),
            }
            follow(&mut book).unwrap();
            assert_eq!(book.customer.next_due(), start);
            book.now = start;
            catch_up(&mut book);
            let minted: Vec<_> =
                tranches(&book).iter().map(|one| (one.terms.original, one.terms.effective_at)).collect();
            assert_eq!(minted, [(credits(wanted), start)]);
            book.replay();
        }
    }
}

#[test]
fn a_deleted_template_mints_no_period_after_its_deletion_and_what_is_there_stays() {
    let mut book = Book::empty();
    book.now = instant("2027-01-01T00:00:00Z");
    let id = template(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Day)));
    enrol(&mut book, |_| {}).unwrap();
    change(&mut book, id, instant("2027-01-03T00:00:00Z"), |template| template.deleted = true);
    book.now = instant("2027-01-09T00:00:00Z");
    book.limits.due_per_record_max = 1;
    assert_eq!(follow(&mut book).unwrap().len(), 1, "the 2nd; the 3rd begins with the deletion");
    assert_eq!(book.customer.next_due(), Timestamp::MAX);
    assert_eq!(tranches(&book).len(), 2);
    book.replay();
}

#[test]
fn what_was_due_before_a_change_may_take_more_records_than_one() {
    let mut book = Book::empty();
    book.now = instant("2027-01-01T00:00:00Z");
    let id = template(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Day)));
    enrol(&mut book, |_| {}).unwrap();
    change(&mut book, id, instant("2027-01-06T00:00:00Z"), |template| template.deleted = true);
    book.now = instant("2027-01-09T00:00:00Z");
    book.limits.due_per_record_max = 3;
    let records: Vec<usize> = std::iter::from_fn(|| follow(&mut book).ok().map(|due| due.len())).collect();
    assert_eq!(records, [3, 1], "the 2nd to the 5th");
    book.replay();
}

#[test]
fn a_grant_that_comes_to_a_plan_begins_with_the_next_period_or_at_once_if_it_is_for_once() {
    let mut book = Book::empty();
    book.now = instant("2027-01-01T09:00:00Z");
    enrol(&mut book, |_| {}).unwrap();
    assert!(book.customer.wallets.is_empty(), "a plan may have no grant yet");
    book.now = instant("2027-01-10T09:00:00Z");
    template(&mut book, rule(|_| {}));
    let added_at = book.now;
    template(&mut book, rule(|rule| rule.cadence = Cadence::OneTime));
    book.now = instant("2027-02-02T00:00:00Z");
    follow(&mut book).unwrap();
    follow(&mut book).unwrap();
    assert_eq!(minted_at(&catch_up(&mut book)), [added_at, instant("2027-02-01T00:00:00Z")]);
    book.replay();
}

#[test]
fn two_subscriptions_to_one_plan_get_it_twice_and_leaving_one_leaves_the_other() {
    let mut book = Book::empty();
    template(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Hour)));
    enrol(&mut book, |request| request.id = Some("one".into())).unwrap();
    enrol(&mut book, |request| request.id = Some("two".into())).unwrap();
    let again = enrol(&mut book, |request| request.id = Some("two".into()));
    assert_eq!(again, Err(Refusal::AlreadyExists("subscription")));
    let wallet = book.customer.wallets[0].head.id;
    assert_eq!(book.state(wallet).head.posted, credits("200"));
    let leave = Command::Unsubscribe { subscription: "one".into(), void_remaining: true };
    let effect = book.ask(leave.clone()).unwrap().effect;
    let Effect::Unsubscribed(left) = effect else { panic!("{effect:?}") };
    assert_eq!((left.voided.len(), book.state(wallet).head.posted), (1, credits("100")));
    assert_eq!(book.ask(leave), Err(Refusal::NotFound("subscription")));
    book.now = second(3_600);
    assert_eq!(minted_at(&catch_up(&mut book)).len(), 1);
    book.replay();
}

#[test]
fn a_customer_that_is_enrolled_in_nothing_has_nothing_to_follow() {
    let (mut book, _) = Book::new();
    template(&mut book, rule(|_| {}));
    assert_eq!(follow(&mut book), Err(Refusal::InvalidOperation("there is nothing to follow")));
}

#[test]
fn a_deleted_customer_gets_no_more() {
    let mut book = Book::empty();
    template(&mut book, rule(|rule| rule.start = Some(second(100))));
    enrol(&mut book, |_| {}).unwrap();
    book.ask(Command::DeleteCustomer).unwrap();
    assert!(book.customer.grants.is_empty());
    assert_eq!(book.customer.next_due(), Timestamp::MAX);
    assert_eq!(enrol(&mut book, |_| {}), Err(Refusal::CustomerNotFound));
}
