use crate::alert::{ALERT_CHANGES_KEPT_MAX, AlertKind, AlertSettings, AlertState, Condition};
use crate::command::{AutoTopupChange, Command, Remainder, UpdateWallet};
use crate::fact::Facts;
use crate::ids::WalletId;
use crate::refusal::Refusal;
use crate::testing::{Book, credits, second};
use crate::watch::WalletRules;

/// Below these: info, warning, critical.
pub(super) fn below(info: &str, warning: &str, critical: &str) -> AlertSettings {
    let level = |text: &str| (!text.is_empty()).then(|| credits(text));
    AlertSettings {
        enabled: true,
        condition: Condition::Below,
        percent: false,
        info: level(info),
        warning: level(warning),
        critical: level(critical),
        runway_below_s: None,
    }
}

fn with_alerts(alerts: AlertSettings) -> (Book, WalletId) {
    let mut book = Book::empty();
    let rules = WalletRules { alerts: Some(alerts), auto_topup: None };
    let wallet = book.wallet(|request| request.rules = Some(Box::new(rules)));
    (book, wallet)
}

/// What changed, as text, and the state that a reply shows.
pub(super) fn alerts(facts: &Facts) -> (Vec<String>, AlertState) {
    let Some(set_off) = &facts.set_off else { return (Vec::new(), AlertState::Ok) };
    let shown = set_off.alerts.iter().map(|change| {
        let (from, to) = (change.from.as_str(), change.to.as_str());
        format!("{from}→{to} at {}", change.posted)
    });
    (shown.collect(), set_off.state)
}

pub(super) fn update(wallet: WalletId, change: impl FnOnce(&mut UpdateWallet)) -> Command {
    let mut request = UpdateWallet {
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: None,
        allowed_price_types: None,
        overdraft_limit: None,
        alerts: None,
        auto_topup: None,
    };
    change(&mut request);
    Command::UpdateWallet(request)
}

fn debit(book: &mut Book, amount: &str) -> (Vec<String>, AlertState) {
    alerts(&book.ask(Command::Debit(crate::testing::debit(amount))).unwrap())
}

#[test]
fn e9_skipped_levels_are_not_announced_and_each_way_is_one_event() {
    let (mut book, wallet) = with_alerts(below("50", "20", "5"));
    book.credit(wallet, 100, |_| {});
    assert_eq!(debit(&mut book, "85"), (vec!["ok→warning at 15".to_owned()], AlertState::Warning));
    let facts = book.ask(Command::TopUp(crate::testing::top_up(wallet, 100, |_| {}))).unwrap();
    assert_eq!(alerts(&facts), (vec!["warning→ok at 115".to_owned()], AlertState::Ok));
    book.replay();
}

#[test]
fn e20_percent_is_of_what_the_last_top_up_left_and_holds_change_no_alert() {
    let (mut book, wallet) = with_alerts(AlertSettings { percent: true, ..below("", "", "10") });
    book.credit(wallet, 200, |_| {});
    let placed = book.place("20", |_| {}).unwrap();
    assert_eq!(book.state(wallet).watch.as_ref().unwrap().state, AlertState::Ok);
    assert_eq!(debit(&mut book, "180"), (vec!["ok→in_alarm at 20".to_owned()], AlertState::InAlarm));
    book.ask(Command::Release { hold: placed.hold.id, memo: Default::default() }).unwrap();
    assert_eq!(book.state(wallet).watch.as_ref().unwrap().changes.len(), 3, "made, topped up, debited");
    book.replay();
}

#[test]
fn a_debit_that_changes_no_alert_says_nothing_unless_the_alert_is_on() {
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 100, |_| {});
    let quiet = book.ask(Command::Debit(crate::testing::debit("10"))).unwrap();
    assert_eq!(quiet.set_off, None);
    debit(&mut book, "75");
    assert_eq!(debit(&mut book, "1"), (vec![], AlertState::Warning));
    book.replay();
}

#[test]
fn equality_reaches_a_level_on_both_sides() {
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 100, |_| {});
    assert_eq!(debit(&mut book, "80").1, AlertState::Warning);
    let above = AlertSettings { condition: Condition::Above, ..below("30", "40", "") };
    let facts = book.ask(update(wallet, |request| request.alerts = Some(Box::new(above)))).unwrap();
    assert_eq!(alerts(&facts), (vec!["warning→ok at 20".to_owned()], AlertState::Ok));
    let facts = book.ask(Command::TopUp(crate::testing::top_up(wallet, 20, |_| {}))).unwrap();
    assert_eq!(alerts(&facts), (vec!["ok→warning at 40".to_owned()], AlertState::Warning));
    book.replay();
}

#[test]
fn a_new_wallet_is_judged_after_its_initial_credit_and_a_change_of_settings_at_once() {
    let mut book = Book::empty();
    let rules = WalletRules { alerts: Some(below("", "20", "5")), auto_topup: None };
    let wallet = book.wallet(|request| {
        request.initial_credits = credits("10");
        request.rules = Some(Box::new(rules));
    });
    assert_eq!(book.state(wallet).watch.as_ref().unwrap().state, AlertState::Warning);
    let facts =
        book.ask(update(wallet, |request| request.alerts = Some(Box::new(below("", "", "10"))))).unwrap();
    assert_eq!(alerts(&facts), (vec!["warning→in_alarm at 10".to_owned()], AlertState::InAlarm));
    book.replay();
}

#[test]
fn alerts_that_are_switched_off_are_ok_and_silent() {
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 10, |_| {});
    let off = AlertSettings { enabled: false, ..below("", "20", "") };
    let facts = book.ask(update(wallet, |request| request.alerts = Some(Box::new(off)))).unwrap();
    assert_eq!(alerts(&facts), (vec![], AlertState::Ok));
    assert_eq!(debit(&mut book, "5"), (vec![], AlertState::Ok));
    let facts =
        book.ask(update(wallet, |request| request.alerts = Some(Box::new(below("", "20", ""))))).unwrap();
    assert_eq!(alerts(&facts), (vec!["ok→warning at 5".to_owned()], AlertState::Warning));
    book.replay();
}

#[test]
fn what_is_due_is_judged_before_what_is_asked() {
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 100, |request| request.expires_at = Some(second(100)));
    book.credit(wallet, 10, |_| {});
    book.now = second(200);
    let facts = book.ask(Command::TopUp(crate::testing::top_up(wallet, 50, |_| {}))).unwrap();
    let changes = vec!["ok→warning at 10".to_owned(), "warning→ok at 60".to_owned()];
    assert_eq!(alerts(&facts), (changes, AlertState::Ok));
    book.replay();
}

#[test]
fn what_is_due_at_several_instants_is_judged_at_each_of_them_however_late_it_is_written() {
    let day = |number: u64| second(number * 86_400);
    let begin = || {
        let (mut book, wallet) = with_alerts(below("", "50", "10"));
        let first = |book: &mut Book, amount, change: &dyn Fn(&mut crate::command::TopUp)| {
            book.credit(wallet, amount, |request| change(request));
        };
        first(&mut book, 100, &|request| request.expires_at = Some(day(2)));
        first(&mut book, 20, &|request| request.expires_at = Some(day(3)));
        first(&mut book, 100, &|request| request.effective_at = Some(day(4)));
        book
    };
    let changes = ["ok→warning at 20", "warning→in_alarm at 0", "in_alarm→ok at 100"];
    let mut lived = begin();
    for (number, change) in (2..).zip(changes) {
        lived.now = day(number);
        assert_eq!(alerts(&lived.ask(Command::Tick).unwrap()).0, [change]);
    }
    let mut late = begin();
    late.now = day(30);
    assert_eq!(
        alerts(&late.ask(Command::Tick).unwrap()),
        (changes.map(str::to_owned).into(), AlertState::Ok)
    );
    late.replay();
    let mut beside = begin();
    beside.now = day(30);
    let facts = beside.ask(Command::Debit(crate::testing::debit("95"))).unwrap();
    let expected = [&changes[..], &["ok→in_alarm at 5"]].concat();
    assert_eq!(alerts(&facts), (expected.into_iter().map(str::to_owned).collect(), AlertState::InAlarm));
    beside.replay();
}

#[test]
fn what_ends_and_what_begins_at_one_instant_is_judged_once() {
    let (mut book, wallet) = with_alerts(below("", "50", ""));
    book.credit(wallet, 100, |request| request.expires_at = Some(second(100)));
    book.credit(wallet, 100, |request| request.effective_at = Some(second(100)));
    book.credit(wallet, 1, |request| request.expires_at = Some(second(200)));
    book.now = second(300);
    assert_eq!(book.ask(Command::Tick).unwrap().set_off, None);
    book.replay();
}

#[test]
fn a_tick_that_ends_credit_changes_the_alert_in_its_own_record() {
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 100, |request| request.expires_at = Some(second(100)));
    book.now = second(100);
    let facts = book.ask(Command::Tick).unwrap();
    assert_eq!(alerts(&facts), (vec!["ok→warning at 0".to_owned()], AlertState::Warning));
    book.replay();
}

#[test]
fn a_wallet_that_closes_warns_of_nothing_and_what_it_warned_of_is_over() {
    let close = |wallet| Command::Close { wallet, remainder: Remainder::Forfeit, force: false };
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 100, |_| {});
    assert_eq!(alerts(&book.ask(close(wallet)).unwrap()), (vec![], AlertState::Ok));
    book.replay();

    let (mut book, wallet) = with_alerts(below("", "20", ""));
    book.credit(wallet, 100, |_| {});
    debit(&mut book, "90");
    let facts = book.ask(close(wallet)).unwrap();
    assert_eq!(alerts(&facts), (vec!["warning→ok at 0".to_owned()], AlertState::Ok));
    book.wallet(|_| {});
    assert_eq!(book.state(wallet).watch.as_ref().unwrap().state, AlertState::Ok, "and stays so");
    book.replay();
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let mut book = Book::empty();
    let mut refused = |alerts: AlertSettings| {
        let mut request = crate::testing::new_wallet();
        request.rules = Some(Box::new(WalletRules { alerts: Some(alerts), auto_topup: None }));
        matches!(book.ask(Command::CreateWallet(request)), Err(Refusal::Invalid { .. }))
    };
    assert!(refused(below("", "", "")), "on without a threshold");
    assert!(refused(below("20", "50", "5")), "warning before info");
    assert!(
        refused(AlertSettings { condition: Condition::Above, ..below("50", "20", "5") }),
        "above, the wrong way"
    );
    assert!(refused(AlertSettings { percent: true, ..below("", "-1", "") }), "less than nothing percent");
    assert!(refused(AlertSettings { runway_below_s: Some(0), ..below("", "", "") }), "no time at all");
    assert!(!refused(AlertSettings { enabled: false, ..below("", "", "") }), "off needs no threshold");
    assert!(!refused(AlertSettings { condition: Condition::Above, ..below("5", "5", "50") }));
}

#[test]
fn a_wallet_remembers_its_last_changes() {
    let (mut book, wallet) = with_alerts(below("", "20", ""));
    for _ in 0..20 {
        book.credit(wallet, 100, |_| {});
        debit(&mut book, "95");
        let rest = book.posted(wallet);
        debit(&mut book, &rest);
    }
    let changes = &book.state(wallet).watch.as_ref().unwrap().changes;
    assert_eq!(changes.len(), ALERT_CHANGES_KEPT_MAX);
    assert!(
        changes.iter().zip(changes.iter().skip(1)).all(|(one, next)| one.id < next.id && one.to == next.from)
    );
    book.replay();
}

#[test]
fn a_runway_is_what_is_left_at_the_rate_of_the_last_hour() {
    let (mut book, wallet) = with_alerts(AlertSettings { runway_below_s: Some(3_600), ..below("", "", "") });
    let begin = book.now.seconds() / 3_600 * 3_600 + 3_600 - second(0).seconds();
    let runway = |book: &Book| {
        let state = book.state(wallet);
        state.watch.as_ref().unwrap().spent.runway_s(state.head.own(), book.now)
    };
    book.credit(wallet, 1_000, |_| {});
    assert_eq!(runway(&book), None, "nothing was spent");
    book.now = second(begin);
    debit(&mut book, "100");
    // 100 in an hour that began `begin` seconds ago, or an hour: 900 are left.
    assert_eq!(runway(&book), Some(9 * begin.min(3_600)));
    book.now = second(begin + 1_800);
    // Half of the hour is over; none of it was before `since`.
    let known = (begin + 1_800).min(3_600);
    assert_eq!(runway(&book), Some(9 * known));
    book.now = second(begin + 3_600 + 1_800);
    // Half of last hour's 100 still counts.
    assert_eq!(runway(&book), Some(900 * 3_600 / 50));
    book.now = second(begin + 7_200);
    assert_eq!(runway(&book), None);
}

#[test]
fn a_runway_that_gets_short_is_an_alert_of_its_own_and_ends_when_nothing_is_spent_any_more() {
    let alerts = AlertSettings { runway_below_s: Some(3_600), ..below("", "", "") };
    let (mut book, wallet) = with_alerts(alerts);
    book.credit(wallet, 100, |_| {});
    book.now = second(600);
    debit(&mut book, "60");
    assert!(!book.state(wallet).watch.as_ref().unwrap().runway_low, "a debit does not look");
    let facts = book.ask(Command::Tick).unwrap();
    let change = &facts.set_off.as_ref().unwrap().alerts[0];
    assert_eq!(
        (change.kind, change.to, change.runway_s),
        (AlertKind::Runway, AlertState::InAlarm, Some(400))
    );
    assert!(book.ask(Command::Tick).is_err(), "nothing changed");
    book.now = second(20_000);
    let facts = book.ask(Command::Tick).unwrap();
    let change = &facts.set_off.as_ref().unwrap().alerts[0];
    assert_eq!((change.from, change.to, change.runway_s), (AlertState::InAlarm, AlertState::Ok, None));
    book.replay();
}

#[test]
fn of_auto_topup_a_change_names_some_and_keeps_the_rest() {
    let (mut book, wallet) = Book::new();
    let change =
        |change: AutoTopupChange| update(wallet, |request| request.auto_topup = Some(Box::new(change)));
    let only_amount = AutoTopupChange { amount: Some(credits("5")), ..Default::default() };
    assert!(
        matches!(book.ask(change(only_amount.clone())), Err(Refusal::Invalid { .. })),
        "a rule needs more"
    );
    let whole = AutoTopupChange {
        threshold: Some(credits("20")),
        amount: Some(credits("100")),
        invoicing: Some(false),
        target_balance: Some(Some(credits("500"))),
        ..Default::default()
    };
    book.ask(change(whole)).unwrap();
    book.ask(change(only_amount)).unwrap();
    book.ask(change(AutoTopupChange { target_balance: Some(None), ..Default::default() })).unwrap();
    let rules = book.state(wallet).head.rules.clone().unwrap();
    let rule = rules.auto_topup.unwrap();
    assert_eq!((rule.threshold, rule.amount, rule.target_balance), (credits("20"), credits("5"), None));
    assert_eq!((rule.enabled, rule.count_max, rule.failures_max), (true, 24, 3));
}
