use super::alerts::{alerts, below, update};
use crate::alert::AlertState;
use crate::auto_topup::{AutoTopup, HeldBackBy};
use crate::catalog::grant::Plans;
use crate::command::{AutoTopupChange, Command, RechargeDue};
use crate::decide::{Context, recharge_for_refused};
use crate::fact::{Effect, Facts};
use crate::ids::{RechargeId, WalletId};
use crate::recharge::{Recharge, RechargeReason, RechargeStatus};
use crate::refusal::Refusal;
use crate::testing::{Book, credits, debit, money, second};
use crate::watch::WalletRules;

pub(super) fn rule() -> AutoTopup {
    AutoTopup {
        enabled: true,
        threshold: credits("20"),
        amount: credits("100"),
        invoicing: false,
        target_balance: None,
        cooldown_s: 0,
        count_max: 24,
        amount_max: None,
        failures_max: 3,
    }
}

pub(super) fn with_rule(amount: i64, rule: AutoTopup) -> (Book, WalletId) {
    let mut book = Book::empty();
    let rules = WalletRules { alerts: None, auto_topup: Some(rule) };
    let wallet = book.wallet(|request| request.rules = Some(Box::new(rules)));
    if amount > 0 {
        book.credit(wallet, amount, |_| {});
    }
    (book, wallet)
}

fn ask(book: &mut Book, amount: &str) -> Facts {
    book.ask(Command::Debit(debit(amount))).unwrap()
}

/// The recharges that a record begins.
pub(super) fn begun(facts: &Facts) -> Vec<&Recharge> {
    facts.set_off.iter().flat_map(|set_off| set_off.begun()).collect()
}

pub(super) fn held_back(facts: &Facts) -> Option<HeldBackBy> {
    facts.set_off.as_ref()?.held_back.first().map(|(_, held_back)| held_back.by)
}

/// Asks as the engine does: what a refused request sets off is a record of its own.
fn refused(book: &mut Book, command: Command) -> Option<Facts> {
    let refusal = book.ask(command.clone()).unwrap_err();
    assert!(matches!(refusal, Refusal::InsufficientCredits { .. }), "{refusal:?}");
    let (settings, limits) = (book.settings.clone(), book.limits);
    let context = Context {
        now: book.now,
        settings: &settings,
        cards: &[],
        plans: Plans::NONE,
        limits: &limits,
        keyed: true,
        looked_up: None,
    };
    let due = recharge_for_refused(&book.customer, &command, &refusal, &context)?;
    Some(book.ask(Command::Recharge(due)).unwrap())
}

#[test]
fn e8_a_direct_recharge_comes_with_the_debit_that_needs_it() {
    let (mut book, wallet) = with_rule(25, rule());
    let facts = ask(&mut book, "10");
    let Effect::Debited(debited) = &facts.effect else { panic!("a debit") };
    assert_eq!((debited.balance_after, debited.available), (credits("15"), credits("115")));
    let [recharge] = begun(&facts)[..] else { panic!("one recharge") };
    assert_eq!((recharge.status, recharge.charged()), (RechargeStatus::Completed, money("100")));
    assert_eq!(book.posted(wallet), "115");
    book.replay();
}

#[test]
fn e8_an_invoiced_recharge_waits_and_no_second_one_begins() {
    let (mut book, wallet) = with_rule(25, AutoTopup { invoicing: true, ..rule() });
    let facts = ask(&mut book, "10");
    let id = begun(&facts)[0].id;
    assert!(begun(&facts)[0].invoice.is_some());
    assert_eq!((book.posted(wallet), book.customer.recharges.pending(wallet)), ("15".into(), credits("100")));
    assert_eq!(ask(&mut book, "5").set_off, None);
    book.ask(Command::CompleteRecharge(id)).unwrap();
    assert_eq!((book.posted(wallet), book.customer.recharges.pending(wallet)), ("110".into(), credits("0")));
    assert!(matches!(book.ask(Command::CompleteRecharge(id)), Err(Refusal::InvalidOperation(_))));
    book.replay();
}

#[test]
fn e16_one_amount_lets_a_debit_pass_that_would_be_refused_and_no_more_than_one() {
    let (mut book, wallet) = with_rule(45, rule());
    let facts = ask(&mut book, "50");
    assert!(facts.set_off.as_ref().unwrap().before.is_some());
    assert_eq!((facts.first_row(), book.posted(wallet).as_str()), (1, "95"));
    book.replay();

    let (mut book, wallet) = with_rule(45, rule());
    assert_eq!(refused(&mut book, Command::Debit(debit("500"))), None);
    assert_eq!(book.posted(wallet), "45");
}

#[test]
fn a_hold_and_a_batch_are_let_pass_like_a_debit() {
    let (mut book, wallet) = with_rule(45, rule());
    book.place("60", |_| {}).unwrap();
    assert_eq!(book.posted(wallet), "145");
    let (mut book, wallet) = with_rule(45, rule());
    let items = vec![Command::Debit(debit("30")), Command::Debit(debit("40"))];
    let facts = book.ask(Command::Atomic(items)).unwrap();
    assert!(facts.set_off.unwrap().before.is_some());
    assert_eq!(book.posted(wallet), "75");
    book.replay();
}

#[test]
fn a_hold_that_lowers_own_to_the_threshold_begins_a_recharge() {
    let (mut book, wallet) = with_rule(100, rule());
    book.place("80", |_| {}).unwrap();
    assert_eq!((book.posted(wallet).as_str(), book.state(wallet).head.own()), ("200", credits("120")));
    book.replay();
}

#[test]
fn a_refused_request_that_an_invoice_would_let_pass_begins_one_and_stays_refused() {
    let (mut book, wallet) = with_rule(45, AutoTopup { invoicing: true, ..rule() });
    let facts = refused(&mut book, Command::Debit(debit("50"))).unwrap();
    assert_eq!((begun(&facts)[0].status, facts.effect.clone()), (RechargeStatus::Pending, Effect::Ticked));
    assert_eq!(refused(&mut book, Command::Debit(debit("50"))).map(|facts| held_back(&facts)), None);
    assert_eq!(refused(&mut book, Command::Debit(debit("500"))), None);
    book.ask(Command::CompleteRecharge(begun(&facts)[0].id)).unwrap();
    assert_eq!(book.posted(wallet), "145");
    book.ask(Command::Recharge(RechargeDue { wallet, would_pass: true })).unwrap();
    book.replay();
}

#[test]
fn a_larger_gap_is_the_smallest_multiple_as_one_charge_and_at_most_ten() {
    let charge = |overdraft: &str, amount: &str| {
        let (mut book, wallet) = with_rule(0, rule());
        book.ask(update(wallet, |request| request.overdraft_limit = Some(credits(overdraft)))).unwrap();
        begun(&ask(&mut book, amount))[0].charged()
    };
    assert_eq!(charge("1000", "79"), money("100"), "21 is above the threshold");
    assert_eq!(charge("1000", "80"), money("200"), "20 is not");
    assert_eq!(charge("1000", "300"), money("400"));
    assert_eq!(charge("9000", "5000"), money("1000"));
}

#[test]
fn a_target_is_filled_up_to() {
    let (mut book, wallet) = with_rule(30, AutoTopup { target_balance: Some(credits("150")), ..rule() });
    let facts = ask(&mut book, "12.5");
    assert_eq!(begun(&facts)[0].charged(), money("132.5"));
    assert_eq!(book.posted(wallet), "150");
}

#[test]
fn nothing_begins_by_a_change_of_settings_or_by_an_end_of_credit() {
    let (mut book, wallet) = Book::new();
    book.credit(wallet, 5, |_| {});
    let change = AutoTopupChange {
        threshold: Some(credits("20")),
        amount: Some(credits("100")),
        invoicing: Some(false),
        ..Default::default()
    };
    let facts = book.ask(update(wallet, |request| request.auto_topup = Some(Box::new(change)))).unwrap();
    assert!(begun(&facts).is_empty());
    book.credit(wallet, 100, |request| request.expires_at = Some(second(50)));
    book.now = second(60);
    assert!(begun(&book.ask(Command::Tick).unwrap()).is_empty());
    assert_eq!(begun(&ask(&mut book, "1")).len(), 1, "the next use finds it");
    book.replay();
}

#[test]
fn cooldown_and_caps_hold_recharges_back_and_say_why_once() {
    let (mut book, _) = with_rule(25, AutoTopup { cooldown_s: 60, count_max: 2, ..rule() });
    assert_eq!(begun(&ask(&mut book, "10")).len(), 1);
    assert_eq!(held_back(&ask(&mut book, "100")), Some(HeldBackBy::Cooldown));
    assert_eq!(held_back(&ask(&mut book, "1")), None, "said already");
    book.now = second(60);
    assert_eq!(begun(&ask(&mut book, "1")).len(), 1);
    book.now = second(200);
    assert_eq!(held_back(&ask(&mut book, "100")), Some(HeldBackBy::CountMax));
    book.now = second(90_000);
    assert_eq!(begun(&ask(&mut book, "1")).len(), 1, "another day");
    book.replay();
}

#[test]
fn a_months_money_is_never_exceeded() {
    let (mut book, wallet) = with_rule(25, AutoTopup { amount_max: Some(money("250")), ..rule() });
    assert_eq!(begun(&ask(&mut book, "10")).len(), 1);
    assert_eq!(begun(&ask(&mut book, "100")).len(), 1);
    assert_eq!(held_back(&ask(&mut book, "100")), Some(HeldBackBy::AmountMax));
    let month = 40 * 86_400;
    book.now = second(month);
    assert_eq!(begun(&ask(&mut book, "1")).len(), 1);
    assert_eq!(book.posted(wallet), "114");
    book.replay();
}

fn fail(book: &mut Book, id: RechargeId) -> Facts {
    book.ask(Command::FailRecharge { id, reason: RechargeReason::PaymentFailed }).unwrap()
}

#[test]
fn failures_back_off_an_hour_then_two_and_suspend_until_resumed() {
    let (mut book, wallet) = with_rule(25, AutoTopup { invoicing: true, ..rule() });
    let mut at = 0;
    for (failures, waits) in [(1, 3_600), (2, 7_200)] {
        let id = begun(&ask(&mut book, "1"))
            .first()
            .map_or_else(|| begun(&ask(&mut book, "9"))[0].id, |one| one.id);
        fail(&mut book, id);
        assert_eq!(book.state(wallet).watch.as_ref().unwrap().recharging.failures, failures);
        assert_eq!(held_back(&ask(&mut book, "0.5")), Some(HeldBackBy::BackingOff));
        at += waits;
        book.now = second(at);
    }
    let id = begun(&ask(&mut book, "1"))[0].id;
    fail(&mut book, id);
    assert_eq!(held_back(&ask(&mut book, "0.5")), Some(HeldBackBy::Suspended));
    book.now = second(10_000_000);
    assert!(begun(&ask(&mut book, "0.5")).is_empty());
    book.ask(Command::ResumeAutoTopup(wallet)).unwrap();
    assert_eq!(begun(&ask(&mut book, "0.5")).len(), 1);
    assert!(matches!(book.ask(Command::ResumeAutoTopup(wallet)), Err(Refusal::InvalidOperation(_))));
    book.replay();
}

#[test]
fn a_payment_that_succeeds_ends_the_count_of_failures() {
    let (mut book, wallet) = with_rule(25, AutoTopup { invoicing: true, ..rule() });
    let id = begun(&ask(&mut book, "10"))[0].id;
    fail(&mut book, id);
    book.now = second(3_600);
    let id = begun(&ask(&mut book, "1"))[0].id;
    book.ask(Command::CompleteRecharge(id)).unwrap();
    assert_eq!(book.state(wallet).watch.as_ref().unwrap().recharging.failures, 0);
}

#[test]
fn a_direct_recharge_whose_payment_fails_is_taken_back_and_what_was_spent_is_debt() {
    let (mut book, wallet) = with_rule(25, rule());
    let id = begun(&ask(&mut book, "10"))[0].id;
    ask(&mut book, "45");
    assert_eq!(book.posted(wallet), "70");
    let facts = fail(&mut book, id);
    let Effect::RechargeEnded(end) = &facts.effect else { panic!("an end") };
    assert_eq!((end.unpaid[0].taken, end.unpaid[0].owed), (credits("70"), credits("30")));
    let head = &book.state(wallet).head;
    assert_eq!((head.posted, head.debt), (credits("-30"), credits("30")));
    assert!(matches!(
        book.ask(Command::FailRecharge { id, reason: RechargeReason::PaymentFailed }),
        Err(Refusal::InvalidOperation(_))
    ));
    book.replay();
}

#[test]
fn what_a_hold_pins_of_unpaid_credit_is_not_owed_and_goes_with_it() {
    let (mut book, wallet) = with_rule(25, rule());
    let id = begun(&ask(&mut book, "10"))[0].id;
    let hold = book.place("60", |_| {}).unwrap().hold.id;
    fail(&mut book, id);
    let head = &book.state(wallet).head;
    assert_eq!((head.posted, head.held, head.debt), (credits("60"), credits("60"), credits("0")));
    book.ask(Command::Release { hold, memo: Default::default() }).unwrap();
    let head = &book.state(wallet).head;
    assert_eq!((head.posted, head.debt), (credits("15"), credits("0")), "as without the recharge");
    book.replay();
}

#[test]
fn where_results_are_reported_a_direct_recharge_is_in_flight_until_its_is() {
    let (mut book, _) = with_rule(25, rule());
    book.settings.payment_result = true;
    let facts = ask(&mut book, "10");
    assert_eq!(begun(&facts)[0].status, RechargeStatus::Pending);
    assert_eq!(held_back(&ask(&mut book, "100")), Some(HeldBackBy::InFlight));
    book.ask(Command::CompleteRecharge(begun(&facts)[0].id)).unwrap();
    assert_eq!(begun(&ask(&mut book, "1")).len(), 1);
    book.replay();
}

#[test]
fn auto_complete_makes_invoiced_credit_be_there_at_once() {
    let (mut book, wallet) = with_rule(45, AutoTopup { invoicing: true, ..rule() });
    book.settings.auto_complete = true;
    let facts = ask(&mut book, "50");
    let recharge = begun(&facts)[0];
    assert!(recharge.trusted && recharge.invoice.is_some());
    assert_eq!(book.posted(wallet), "95");
    book.replay();
}

#[test]
fn switching_off_stops_new_ones_only_and_freezing_too() {
    let (mut book, wallet) = with_rule(25, AutoTopup { invoicing: true, ..rule() });
    let id = begun(&ask(&mut book, "10"))[0].id;
    let off = AutoTopupChange { enabled: Some(false), ..Default::default() };
    book.ask(update(wallet, |request| request.auto_topup = Some(Box::new(off)))).unwrap();
    book.ask(Command::Freeze(wallet)).unwrap();
    book.ask(Command::CompleteRecharge(id)).unwrap();
    assert_eq!(book.posted(wallet), "115");
    book.ask(Command::Unfreeze(wallet)).unwrap();
    assert!(begun(&ask(&mut book, "110")).is_empty());
    book.replay();
}

#[test]
fn an_alert_that_a_recharge_undoes_in_the_same_record_is_no_event() {
    let mut book = Book::empty();
    let rules = WalletRules { alerts: Some(below("", "20", "")), auto_topup: Some(rule()) };
    let wallet = book.wallet(|request| request.rules = Some(Box::new(rules)));
    book.credit(wallet, 25, |_| {});
    let facts = ask(&mut book, "10");
    assert_eq!((begun(&facts).len(), alerts(&facts)), (1, (vec![], AlertState::Ok)));
    book.replay();
}

#[test]
fn the_first_example_charges_the_digits_that_product_people_know() {
    let rule = AutoTopup {
        amount: credits("7954.136132619662"),
        threshold: credits("181.8940595834384"),
        invoicing: true,
        ..rule()
    };
    let (mut book, wallet) = with_rule(200, rule);
    let facts = ask(&mut book, "18.1059404165616");
    let recharge = begun(&facts)[0];
    assert_eq!((recharge.credits(), recharge.charged()), (credits("7954.136132619662"), money("7954.14")));
    assert_eq!(book.state(wallet).head.own(), credits("181.8940595834384"));
}

#[test]
fn one_amount_lets_a_request_pass_where_the_month_has_no_room_for_what_the_threshold_asks() {
    let small = AutoTopup {
        threshold: credits("50"),
        amount: credits("20"),
        amount_max: Some(money("50")),
        ..rule()
    };
    let filled_up = AutoTopup { target_balance: Some(credits("150")), ..small.clone() };
    for rule in [small.clone(), filled_up] {
        let (mut book, wallet) = with_rule(51, rule.clone());
        assert_eq!(held_back(&ask(&mut book, "50")), Some(HeldBackBy::AmountMax), "all of it or nothing");
        let facts = ask(&mut book, "15");
        assert!(facts.set_off.as_ref().unwrap().before.is_some());
        assert_eq!((begun(&facts)[0].charged(), book.posted(wallet)), (money("20"), "6".into()));
        book.replay();

        let (mut book, _) = with_rule(51, AutoTopup { invoicing: true, ..rule });
        assert_eq!(held_back(&ask(&mut book, "50")), Some(HeldBackBy::AmountMax));
        assert_eq!(refused(&mut book, Command::Debit(debit("22"))), None, "one amount is not enough");
        let facts = refused(&mut book, Command::Debit(debit("15"))).unwrap();
        assert_eq!((begun(&facts)[0].charged(), begun(&facts).len()), (money("20"), 1));
        book.replay();
    }
    let (mut book, _) = with_rule(51, AutoTopup { amount_max: Some(money("19")), ..small });
    ask(&mut book, "50");
    assert_eq!(refused(&mut book, Command::Debit(debit("15"))), None, "not even one");
}

#[test]
fn one_amount_lets_a_request_pass_where_less_would_fill_up() {
    let (mut book, wallet) = with_rule(20, AutoTopup { target_balance: Some(credits("25")), ..rule() });
    assert_eq!(begun(&ask(&mut book, "60"))[0].charged(), money("100"));
    assert_eq!(book.posted(wallet), "60");
    book.replay();
}
