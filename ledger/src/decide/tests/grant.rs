//! Grants: when periods begin, where their tranches land, what becomes of them.

mod boundaries;
mod dates;
mod plans;

use crate::amount::{Credits, Rate};
use crate::calendar::{Span, SpanUnit};
use crate::command::{Command, CreateGrant, CreateWallet, GrantChange, GrantFor, UpdateGrant};
use crate::fact::{Due, Effect, Facts, GrantSet, Landed};
use crate::grant::{Cadence, Life, Rollover, Rule};
use crate::ids::GrantId;
use crate::refusal::Refusal;
use crate::scope::PriceTypes;
use crate::testing::{Book, USD, credits, instant, second};
use crate::time::Timestamp;
use crate::tranche::{Source, Tranche};
use crate::unit::{Currency, PriceUnit};
use crate::view::{RowReason, rows};
use crate::wallet::WalletStatus;

pub(super) const fn every(unit: SpanUnit) -> Cadence {
    Cadence::Recurring(Span { unit, count: 1 })
}

pub(super) const fn days(count: u32) -> Life {
    Life::After(Span { unit: SpanUnit::Day, count })
}

/// A rule of 100 a month in dollars, for ever.
pub(super) fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule { currency: Some(USD), ..Rule::new(credits("100"), every(SpanUnit::Month)) };
    change(&mut rule);
    rule
}

pub(super) fn asked(rule: Rule, change: impl FnOnce(&mut CreateGrant)) -> Command {
    let mut request = CreateGrant {
        metadata: vec![("team".into(), "red".into())],
        ..CreateGrant::new(GrantFor::Customer, "Monthly", rule)
    };
    change(&mut request);
    Command::CreateGrant(Box::new(request))
}

pub(super) fn give(book: &mut Book, rule: Rule) -> GrantSet {
    given(book.ask(asked(rule, |_| {})).unwrap())
}

fn given(facts: Facts) -> GrantSet {
    let Effect::GrantSet(set) = facts.effect else { panic!("{facts:?}") };
    *set
}

/// Each tick of a few records until nothing is due.
pub(super) fn catch_up(book: &mut Book) -> Vec<Due> {
    let mut happened = Vec::new();
    while book.customer.next_due() <= book.now {
        happened.extend(book.ask(Command::Tick).unwrap().due);
    }
    happened
}

pub(super) fn minted_at(due: &[Due]) -> Vec<Timestamp> {
    let granted =
        due.iter().filter_map(|due| if let Due::Granted(granted) = due { Some(granted) } else { None });
    granted.map(|granted| granted.at).collect()
}

pub(super) fn tranches(book: &Book) -> Vec<&Tranche> {
    book.customer.wallets.iter().flat_map(|wallet| &wallet.tranches).collect()
}

#[test]
fn a_grant_lands_in_the_oldest_active_wallet_of_its_currency_that_admits_usage() {
    let mut book = Book::empty();
    let price_types =
        |types: PriceTypes| move |request: &mut CreateWallet| request.allowed_price_types = types;
    let euros = book.wallet(|request| request.currency = Some(crate::unit::Currency(*b"eur")));
    let frozen = book.wallet(|_| {});
    book.ask(Command::Freeze(frozen)).unwrap();
    let fees = book.wallet(price_types(PriceTypes::FIXED));
    let right = book.wallet(price_types(PriceTypes::USAGE));
    let younger = book.wallet(|_| {});
    let set = give(&mut book, rule(|_| {}));
    let [Due::Granted(granted)] = set.minted.as_slice() else { panic!("{set:?}") };
    let Landed::Minted { wallet, made: None, row, .. } = &granted.landed else { panic!("{granted:?}") };
    assert_eq!((*wallet, row.terms.source, row.terms.priority), (right, Source::PlanIncluded, 10));
    for wallet in [euros, frozen, fees, younger] {
        assert!(book.state(wallet).tranches.is_empty());
    }
    assert_eq!(book.state(right).head.posted, credits("100"));
    book.replay();
}

#[test]
fn what_is_known_when_a_grant_begins_keeps_to_the_limits() {
    let reached = |limit, max| Err(Refusal::LimitReached { limit, max });
    let (mut book, wallet) = Book::new();
    book.limits.wallets_max = 1;
    let in_tokens = rule(|rule| rule.price_unit = tokens());
    assert_eq!(book.ask(asked(in_tokens.clone(), |_| {})), reached("wallets_max", 1));
    let later = Rule { start: Some(second(100_000)), ..in_tokens };
    assert_eq!(book.ask(asked(later, |_| {})), reached("wallets_max", 1), "it would need one more");
    book.limits.tranches_max = 2;
    let hourly = |start: u64| {
        rule(move |rule| (rule.cadence, rule.start) = (every(SpanUnit::Hour), Some(second(start))))
    };
    book.now = second(2 * 3_600);
    assert_eq!(book.ask(asked(hourly(0), |_| {})), reached("tranches_max", 2), "three at once");
    give(&mut book, hourly(3_600));
    assert_eq!(tranches(&book).len(), 2);
    book.now = second(4 * 3_600);
    assert_eq!(catch_up(&mut book).len(), 2, "each period has its tranche");
    assert_eq!((tranches(&book).len(), book.customer.wallets.len()), (4, 1));
    assert_eq!(book.state(wallet).head.posted, credits("400"));
    book.replay();
}

#[test]
fn a_named_wallet_gets_it_even_frozen_and_no_more_when_it_is_closed() {
    let (mut book, other) = Book::new();
    let wallet = book.wallet(|_| {});
    book.ask(Command::Freeze(wallet)).unwrap();
    let set = given(book.ask(asked(rule(|_| {}), |request| request.of = GrantFor::Wallet(wallet))).unwrap());
    assert_eq!(set.grant.wallet, Some(wallet));
    assert_eq!(book.state(wallet).head.posted, credits("100"));
    book.ask(Command::Close { wallet, remainder: crate::command::Remainder::Forfeit, force: false }).unwrap();
    assert_eq!(book.customer.next_due(), Timestamp::MAX);
    let refused = book.ask(asked(rule(|_| {}), |request| request.wallet = Some(wallet)));
    assert_eq!(refused, Err(Refusal::WalletClosed(wallet)));
    assert!(book.state(other).tranches.is_empty());
    book.replay();
}

fn tokens() -> Option<PriceUnit> {
    Some(PriceUnit::parse("tokens").unwrap())
}

#[test]
fn a_named_wallet_of_another_unit_is_refused_and_an_absent_unit_is_the_wallets() {
    let mut book = Book::empty();
    let plain = book.wallet(|_| {});
    let of_tokens = book.wallet(|request| request.price_unit = tokens());
    let yen = Some(Currency(*b"jpy"));
    let cases = [
        (plain, yen, None, false),
        (plain, Some(USD), tokens(), false),
        (plain, None, tokens(), false),
        (of_tokens, yen, tokens(), false),
        (plain, Some(USD), None, true),
        (plain, None, None, true),
        (of_tokens, Some(USD), tokens(), true),
        (of_tokens, Some(USD), None, true),
        (of_tokens, None, tokens(), true),
    ];
    for (wallet, currency, price_unit, is_taken) in cases {
        let asked_rule = || rule(|rule| (rule.currency, rule.price_unit) = (currency, price_unit.clone()));
        let before = book.state(wallet).tranches.len();
        for of_wallet in [true, false] {
            let asked = asked(asked_rule(), |request| match of_wallet {
                true => request.of = GrantFor::Wallet(wallet),
                false => request.wallet = Some(wallet),
            });
            match book.ask(asked) {
                Ok(_) => assert!(is_taken, "{currency:?} {price_unit:?}"),
                Err(refusal) => {
                    assert_eq!(
                        (is_taken, refusal),
                        (false, Refusal::UnitMismatch),
                        "{currency:?} {price_unit:?}"
                    );
                }
            }
        }
        let landed = book.state(wallet).tranches.len() - before;
        assert_eq!(landed, if is_taken { 2 } else { 0 }, "{currency:?} {price_unit:?}");
    }
    book.replay();
}

#[test]
fn a_price_unit_that_is_named_without_a_currency_is_that_of_the_wallet_too() {
    let mut book = Book::empty();
    let plain = book.wallet(|_| {});
    let of_tokens = book.wallet(|request| request.price_unit = tokens());
    give(&mut book, rule(|rule| (rule.currency, rule.price_unit) = (None, tokens())));
    assert!(book.state(plain).tranches.is_empty());
    assert_eq!(book.state(of_tokens).head.posted, credits("100"));
    book.replay();
}

#[test]
fn a_period_never_lands_in_a_wallet_of_another_unit_even_if_an_older_build_took_the_grant() {
    let (mut book, wallet) = Book::new();
    let set = given(book.ask(asked(rule(|_| {}), |request| request.wallet = Some(wallet))).unwrap());
    assert_eq!(book.state(wallet).tranches.len(), 1);
    book.customer.grants.change(set.grant.key, |grant| grant.rule.currency = Some(Currency(*b"jpy")));
    for period in 2..4 {
        book.now = set.grant.next.at.max(book.customer.next_due());
        catch_up(&mut book);
        let [dollars, yen] = book.customer.wallets.as_slice() else { panic!("{:?}", book.customer.wallets) };
        assert_eq!((dollars.head.id, dollars.tranches.len()), (wallet, 1));
        assert_eq!((yen.head.unit.currency, yen.tranches.len()), (Currency(*b"jpy"), period - 1));
    }
}

#[test]
fn without_a_wallet_a_grant_makes_one_and_later_periods_go_there() {
    let mut book = Book::empty();
    book.ask(Command::CreateCustomer { external_id: "ada".into(), profile: Default::default() }).unwrap();
    let eighth = Rate::parse_json("0.125").unwrap();
    give(
        &mut book,
        rule(|rule| (rule.conversion_rate, rule.cadence) = (Some(eighth), every(SpanUnit::Hour))),
    );
    book.now = second(2 * 3_600);
    catch_up(&mut book);
    let [wallet] = book.customer.wallets.as_slice() else { panic!("{:?}", book.customer.wallets) };
    assert_eq!(wallet.tranches.len(), 3);
    assert_eq!((wallet.head.unit.conversion_rate, wallet.head.topup_conversion_rate), (eighth, eighth));
    assert_eq!((&*wallet.head.name, wallet.head.status), ("Prepaid Wallet - USD", WalletStatus::Active));
    assert!(wallet.tranches.iter().all(|tranche| tranche.credit_row_id().is_some()), "rows are known");
    book.replay();
}

#[test]
fn a_period_repays_debt_first() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("50"));
    book.debit("30").unwrap();
    give(&mut book, rule(|_| {}));
    let head = &book.state(wallet).head;
    assert_eq!((head.debt, head.posted), (Credits::ZERO, credits("70")));
    assert_eq!(tranches(&book)[0].remaining, credits("70"));
    book.replay();
}

#[test]
fn what_a_wallet_cannot_hold_is_skipped_and_said_and_the_next_period_comes() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 999_999_999_999, |_| {});
    let set = give(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Hour)));
    let [Due::Granted(granted)] = set.minted.as_slice() else { panic!("{set:?}") };
    assert!(matches!(granted.landed, Landed::Skipped(crate::fact::Skipped::Overflow)));
    book.debit("500").unwrap();
    book.now = second(3_600);
    assert_eq!(minted_at(&catch_up(&mut book)).len(), 1);
    assert_eq!(tranches(&book).len(), 2);
    book.replay();
}

#[test]
fn half_of_what_is_left_rolls_over_up_to_a_cap_and_the_rest_expires() {
    let (mut book, wallet) = Book::new();
    book.now = instant("2027-03-01T00:00:00Z");
    let rollover =
        Rollover { share: Rate::parse_json("0.5").unwrap(), cap: Some(credits("30")), life: Life::Period };
    give(&mut book, rule(|rule| (rule.life, rule.rollover) = (Life::Period, Some(rollover))));
    book.credit(wallet, 7, |_| {});
    book.debit("20").unwrap();
    book.now = instant("2027-04-01T00:00:00Z");
    let due = catch_up(&mut book);
    let [Due::RolledOver(rolled), Due::Expired { credits: expired, .. }, Due::Granted(_)] = due.as_slice()
    else {
        panic!("{due:?}")
    };
    assert_eq!((rolled.terms.original, *expired), (credits("30"), credits("50")));
    let terms = &rolled.terms;
    assert_eq!((terms.source, terms.expires_at), (Source::Rollover, Some(instant("2027-05-01T00:00:00Z"))));
    assert_eq!(book.state(wallet).head.posted, credits("137"));
    let record = book.log.last().unwrap();
    let shown: Vec<_> =
        rows(record, book.customer.last_position).iter().map(|row| (row.reason, row.credits)).collect();
    let grant = RowReason::Credit(crate::command::CreditReason::SubscriptionCreditGrant);
    let wanted = [
        (RowReason::Rollover, credits("30")),
        (RowReason::Rollover, credits("30")),
        (RowReason::CreditExpired, credits("50")),
        (grant, credits("100")),
    ];
    assert_eq!(shown, wanted);
    // What rolled over does not roll again; of the next period's 100 no more than 30 does.
    book.now = instant("2027-05-01T00:00:00Z");
    let due = catch_up(&mut book);
    let carried = due.iter().filter(|due| matches!(due, Due::RolledOver(_))).count();
    assert_eq!((carried, due.len()), (1, 4), "{due:?}");
    book.replay();
}

#[test]
fn what_rolls_over_does_so_once_also_if_its_rest_expires_in_a_record_of_its_own() {
    let (mut book, _) = Book::new();
    book.limits.due_per_record_max = 1;
    book.now = instant("2027-03-01T00:00:00Z");
    let rollover = Rollover { share: Rate::parse_json("0.5").unwrap(), cap: None, life: Life::Period };
    give(&mut book, rule(|rule| (rule.life, rule.rollover) = (Life::Period, Some(rollover))));
    book.now = instant("2027-04-01T00:00:00Z");
    let due = catch_up(&mut book);
    let carried = due.iter().filter(|due| matches!(due, Due::RolledOver(_))).count();
    assert_eq!((carried, due.len()), (1, 3), "{due:?}");
    book.replay();
}

#[test]
fn a_hold_keeps_what_it_pins_out_of_the_rollover_and_what_comes_back_is_gone() {
    let (mut book, wallet) = Book::new();
    let rollover = Rollover { share: Rate::ONE, cap: None, life: Life::Never };
    let hourly = rule(|rule| {
        (rule.cadence, rule.life, rule.rollover) = (every(SpanUnit::Hour), Life::Period, Some(rollover));
    });
    give(&mut book, hourly);
    let end = book.customer.next_due();
    book.now = Timestamp(end.0 - 1_000_000_000);
    book.place("40", |request| request.expires_in_s = 600).unwrap();
    book.now = end;
    let due = catch_up(&mut book);
    let [Due::RolledOver(rolled), Due::Granted(_)] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!(rolled.terms.original, credits("60"));
    assert_eq!(book.state(wallet).head.posted, credits("200"), "what is pinned still counts");
    book.now = Timestamp(end.0 + 600_000_000_000);
    catch_up(&mut book);
    assert_eq!(book.state(wallet).head.posted, credits("160"));
    book.replay();
}

#[test]
fn what_a_hold_gives_back_at_the_end_of_a_period_rolls_over() {
    let (mut book, wallet) = Book::new();
    let rollover = Rollover { share: Rate::ONE, cap: None, life: Life::Never };
    let hourly = rule(|rule| {
        (rule.cadence, rule.life, rule.rollover) = (every(SpanUnit::Hour), Life::Period, Some(rollover));
    });
    give(&mut book, hourly);
    let end = book.customer.next_due();
    book.now = Timestamp(end.0 - 600_000_000_000);
    book.place("100", |request| request.expires_in_s = 600).unwrap();
    book.now = end;
    let due = catch_up(&mut book);
    assert!(matches!(due.as_slice(), [Due::HoldExpired(_), Due::RolledOver(_), Due::Granted(_)]), "{due:?}");
    assert_eq!(book.state(wallet).head.posted, credits("200"));
    book.replay();
}

#[test]
fn an_ended_grant_rolls_nothing_over() {
    let (mut book, wallet) = Book::new();
    let rollover = Rollover { share: Rate::ONE, cap: None, life: Life::Never };
    let end = second(2_000);
    let once = rule(|rule| {
        (rule.cadence, rule.life, rule.rollover) = (every(SpanUnit::Hour), Life::Period, Some(rollover));
        rule.end = Some(end);
    });
    give(&mut book, once);
    book.now = second(9_000);
    let due = catch_up(&mut book);
    assert!(matches!(due.as_slice(), [Due::Expired { .. }]), "{due:?}");
    assert!(book.state(wallet).head.posted.is_zero());
    book.replay();
}

#[test]
fn a_change_counts_from_the_next_period_and_a_later_end_begins_again_without_a_second_tranche() {
    let (mut book, _) = Book::new();
    let id = give(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Hour))).grant.key.grant;
    let change = |book: &mut Book, change: GrantChange| {
        book.ask(Command::UpdateGrant(Box::new(UpdateGrant { id, change }))).map(given)
    };
    let less =
        GrantChange { credits: Some(credits("7")), name: Some("Less".into()), ..GrantChange::default() };
    let set = change(&mut book, less).unwrap();
    assert_eq!((&*set.grant.name, set.grant.metadata.len()), ("Less", 1));
    book.now = second(3_600);
    catch_up(&mut book);
    let remaining: Vec<_> = tranches(&book).iter().map(|tranche| tranche.remaining).collect();
    assert_eq!(remaining, [credits("100"), credits("7")]);
    let ends = GrantChange { end: Some(second(3_601)), ..GrantChange::default() };
    assert_eq!(change(&mut book, ends).unwrap().grant.next.at, Timestamp::MAX);
    book.now = second(9_000);
    assert_eq!(book.customer.next_due(), Timestamp::MAX);
    let goes_on = GrantChange { end: Some(second(999_999)), ..GrantChange::default() };
    let next = change(&mut book, goes_on).unwrap().grant.next;
    assert!(next.at > book.now && next.at <= second(9_000 + 3_600), "{next:?}");
    book.now = next.at;
    assert_eq!(minted_at(&catch_up(&mut book)), [next.at]);
    book.replay();
}

#[test]
fn a_deleted_grant_mints_no_more_and_leaves_or_voids_what_is_left() {
    for void_remaining in [false, true] {
        let (mut book, wallet) = Book::new();
        let id = give(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Hour))).grant.key.grant;
        book.credit(wallet, 5, |_| {});
        book.debit("40").unwrap();
        let hold = book.hold("10");
        let effect =
            book.ask(Command::DeleteGrant { id, effective_at: None, void_remaining }).unwrap().effect;
        let Effect::GrantRemoved(removed) = effect else { panic!("{effect:?}") };
        assert_eq!(removed.voided.len(), usize::from(void_remaining));
        assert_eq!(book.state(wallet).head.posted, credits(if void_remaining { "15" } else { "65" }));
        book.release(hold).unwrap();
        assert_eq!(book.state(wallet).head.posted, credits(if void_remaining { "5" } else { "65" }));
        book.now = second(99_999);
        assert_eq!(minted_at(&catch_up(&mut book)), []);
        let again = book.ask(Command::DeleteGrant { id, effective_at: None, void_remaining });
        assert_eq!(again, Err(Refusal::NotFound("credit grant")));
        book.replay();
    }
}

#[test]
fn a_grant_may_be_deleted_at_an_instant_to_come() {
    let (mut book, _) = Book::new();
    let id = give(&mut book, rule(|rule| rule.cadence = every(SpanUnit::Hour))).grant.key.grant;
    let at = Some(second(7_000));
    book.ask(Command::DeleteGrant { id, effective_at: at, void_remaining: false }).unwrap();
    book.now = second(99_999);
    // The test's time begins 13 minutes and 20 seconds after a full hour.
    assert_eq!(minted_at(&catch_up(&mut book)), [second(2_800), second(6_400)]);
    book.replay();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (mut book, _) = Book::new();
    let mut refused = |change: &dyn Fn(&mut Rule)| {
        book.ask(asked(rule(|rule| change(rule)), |_| {})).expect_err("it makes no sense")
    };
    assert!(matches!(refused(&|rule| rule.credits = Credits::ZERO), Refusal::AmountInvalid(_)));
    assert!(matches!(refused(&|rule| rule.conversion_rate = Some(Rate::ZERO)), Refusal::AmountInvalid(_)));
    let field =
        |refusal: Refusal| if let Refusal::Invalid { field, .. } = refusal { field } else { "another" };
    let once = refused(&|rule| (rule.cadence, rule.life) = (Cadence::OneTime, Life::Period));
    assert_eq!(field(once), "expiration_type");
    let backwards = refused(&|rule| (rule.start, rule.end) = (Some(second(9)), Some(second(9))));
    assert_eq!(field(backwards), "end_date");
    let rollover = Rollover { share: Rate::whole(2), cap: None, life: Life::Never };
    let unending = refused(&|rule| rule.rollover = Some(Rollover { share: Rate::ONE, ..rollover }));
    assert_eq!(field(unending), "rollover");
    let twice = refused(&|rule| (rule.life, rule.rollover) = (Life::Period, Some(rollover)));
    assert_eq!(field(twice), "rollover.share");
    let long_ago = refused(&|rule| {
        (rule.cadence, rule.start) = (every(SpanUnit::Hour), Some(instant("2020-01-01T00:00:00Z")));
    });
    assert_eq!(long_ago, Refusal::LimitReached { limit: "grant_periods_past_max", max: 1_000 });
    let zone = asked(rule(|_| {}), |request| request.zone = Some("Mars/Olympus_Mons".into()));
    assert_eq!(book.ask(zone).map_err(field), Err("time_zone"));
    let unknown = Command::DeleteGrant {
        id: GrantId(crate::ids::ThingId(5)),
        effective_at: None,
        void_remaining: false,
    };
    assert_eq!(book.ask(unknown), Err(Refusal::NotFound("credit grant")));
    book.limits.grants_max = 0;
    let full = book.ask(asked(rule(|_| {}), |_| {}));
    assert_eq!(full, Err(Refusal::LimitReached { limit: "grants_max", max: 0 }));
}

#[test]
fn a_due_period_comes_before_the_debit_and_a_refused_debit_writes_none() {
    let (mut book, wallet) = Book::new();
    give(&mut book, rule(|rule| rule.start = Some(second(60))));
    assert!(book.debit("1").is_err());
    book.now = second(60);
    assert!(book.debit("101").is_err());
    assert!(book.state(wallet).head.posted.is_zero(), "nothing is written for a refusal");
    let debited = book.debit("1").unwrap();
    assert_eq!((debited.balance_before, debited.balance_after), (credits("100"), credits("99")));
    assert_eq!(book.log.last().unwrap().facts.due.len(), 1);
    book.replay();
}
