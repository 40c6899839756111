//! The worked examples of `SEMANTICS` §20 that need neither holds nor time zones that change their clocks, under their numbers.

use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::command::{
    Bonus, Command, CreateGrant, CreateWallet, CreditReason, GrantFor, Quantity, TopUp,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use coffer_ledger::view;

use crate::asks::{
    credits, day, free, lacking, money, purchase, slices, usage, usage_worth, wallet_of_usd, whole,
    with_one_wallet,
};
use crate::harness::World;

#[test]
fn e01_the_bonus_that_expires_pays_before_the_purchase_that_never_does() {
    let (mut world, wallet) = with_one_wallet();
    let bonus = Some(Bonus { credits: whole(100), expires_at: day(29) });
    let b = world.top_up(TopUp { bonus, ..purchase(wallet, whole(200)) });
    let a = world.books.minted[1].id;

    assert_eq!(slices(&world.debit(usage(whole(50)))), [(Some(a), whole(50))]);
    assert_eq!(slices(&world.debit(usage(whole(100)))), [(Some(a), whole(50)), (Some(b), whole(50))]);
    assert_eq!(world.posted(wallet), whole(150));
}

#[test]
fn e02_plan_credit_pays_before_purchased_credit_whatever_their_dates() {
    let (mut world, wallet) = with_one_wallet();
    let q = world.top_up(TopUp { expires_at: day(1), ..purchase(wallet, whole(10)) });
    let plan = TopUp { reason: CreditReason::SubscriptionCreditGrant, ..purchase(wallet, whole(10)) };
    let p = world.top_up(plan);

    assert_eq!(slices(&world.debit(usage(whole(15)))), [(Some(p), whole(10)), (Some(q), whole(5))]);
}

#[test]
fn e03_one_debit_takes_four_tranches_by_expiry_in_one_record() {
    let (mut world, wallet) = with_one_wallet();
    // Minted in another order than they expire.
    let mut mint = |amount, end| world.top_up(TopUp { expires_at: day(end), ..free(wallet, amount) });
    let (fourth, first, third, second) = (mint(50, 8), mint(30, 5), mint(40, 7), mint(20, 6));

    let debited = world.debit(usage(whole(100)));

    let expected = [(first, 30), (second, 20), (third, 40), (fourth, 10)];
    assert_eq!(slices(&debited), expected.map(|(id, amount)| (Some(id), whole(amount))));
    assert_eq!(debited.rows.len(), 1);
    assert_eq!(world.posted(wallet), whole(40));
}

#[test]
fn e04_of_a_thousand_debits_of_one_on_seven_hundred_exactly_seven_hundred_succeed() {
    let (mut world, wallet) = with_one_wallet();
    world.top_up(purchase(wallet, whole(700)));

    let answers: Vec<_> = (0..1_000).map(|_| world.ask(Command::Debit(usage(whole(1))))).collect();

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 700);
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused, vec![lacking(1, 0); 300]);
    assert_eq!(world.posted(wallet), Credits::ZERO);
}

#[test]
fn e13_credits_for_an_amount_round_up_when_debiting_and_down_when_crediting() {
    let mut world = World::new();
    let rate = Rate::parse_json("3").unwrap();
    let wallet =
        world.open(CreateWallet { conversion_rate: rate, topup_conversion_rate: rate, ..wallet_of_usd() });
    let ten = Quantity::Amount(money("10"));

    world.top_up(TopUp { quantity: ten, ..purchase(wallet, whole(1)) });
    assert_eq!(world.posted(wallet), credits("3.333333333333333"));

    world.top_up(purchase(wallet, whole(1)));
    let debited = world.debit(usage_worth(money("10"), Currency(*b"usd")));
    assert_eq!(debited.credits, credits("3.333333333333334"));
}

#[test]
fn e15_overdraft_comes_after_all_tranches_and_is_repaid_by_the_next_credit() {
    let mut world = World::new();
    let a = world.open(CreateWallet { overdraft_limit: whole(20), ..wallet_of_usd() });
    let b = world.open(wallet_of_usd());
    let in_a = world.top_up(purchase(a, whole(10)));
    let in_b = world.top_up(purchase(b, whole(5)));

    let debited = world.debit(usage(whole(18)));

    let expected = [(Some(in_a), whole(10)), (Some(in_b), whole(5)), (None, whole(3))];
    assert_eq!(slices(&debited), expected);
    assert_eq!(debited.slices[2].wallet, a);
    assert_eq!(debited.rows.iter().map(|row| row.credits).collect::<Vec<_>>(), [whole(13), whole(5)]);
    assert_eq!((world.posted(a), world.posted(b)), (whole(-3), Credits::ZERO));
    let facts = world.ask(Command::TopUp(purchase(a, whole(10)))).unwrap();
    let Effect::ToppedUp { rows, .. } = &facts.effect else { panic!("{facts:#?}") };
    assert_eq!((rows[0].repaid, rows[0].terms.original), (whole(3), whole(10)));
    assert_eq!(world.posted(a), whole(7));

    let (record, position) = &world.log[4];
    let rows = view::rows(record, *position);
    let parents: Vec<_> = rows.iter().map(|row| row.parent).collect();
    assert_eq!(parents, [None, Some(rows[0].id)]);
}

/// A month's grant for the customer, in Singapore.
fn monthly(world: &mut World, rule: Rule) {
    let zone = Some("Asia/Singapore".into());
    let request = CreateGrant { zone, ..CreateGrant::new(GrantFor::Customer, "monthly", rule) };
    world.ask(Command::CreateGrant(Box::new(request))).expect("a grant that the rules allow");
}

fn every_month(amount: i128) -> Rule {
    Rule::new(whole(amount), Cadence::Recurring(Span { unit: SpanUnit::Month, count: 1 }))
}

/// An instant by what UTC's clocks show.
fn at(text: &str) -> Timestamp {
    let at = chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339");
    Timestamp(at.timestamp_nanos_opt().expect("before 2262").cast_unsigned())
}

/// Every row of a record's past: reason, credits, and the instant from which it counts.
fn rows_since(world: &World, records: usize) -> Vec<(String, Credits, Timestamp)> {
    let log = world.log[records..].iter();
    let rows = log.flat_map(|(record, position)| view::rows(record, *position));
    rows.map(|row| (row.reason.as_str().to_owned(), row.credits, row.effective_at)).collect()
}

#[test]
fn e11_periods_that_began_while_nobody_was_there_exist_exactly_once_with_their_own_dates() {
    let (mut world, wallet) = with_one_wallet();
    world.now = at("2027-01-20T10:00:00Z");
    let life = Life::After(Span { unit: SpanUnit::Day, count: 30 });
    monthly(&mut world, Rule { start: Some(at("2027-01-30T16:00:00Z")), life, ..every_month(50_000) });
    world.now = at("2027-02-27T09:00:00Z");
    world.ask(Command::Tick).unwrap();
    assert_eq!(world.posted(wallet), whole(50_000));
    let before = world.log.len();

    world.now = at("2027-04-03T00:00:00Z");
    world.debit(usage(whole(1)));

    let granted = "SUBSCRIPTION_CREDIT_GRANT";
    let expected = [
        (granted, 50_000, "2027-02-27T16:00:00Z"),
        ("CREDIT_EXPIRED", 50_000, "2027-03-01T16:00:00Z"),
        ("CREDIT_EXPIRED", 50_000, "2027-03-29T16:00:00Z"),
        (granted, 50_000, "2027-03-30T16:00:00Z"),
        ("USAGE_DEBIT", 1, "2027-04-03T00:00:00Z"),
    ];
    let expected: Vec<_> = expected.map(|(reason, c, when)| (reason.to_owned(), whole(c), at(when))).into();
    assert_eq!(rows_since(&world, before), expected);
    let live = &world.customer.wallets[0].tranches;
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!(live[0].terms.expires_at, Some(at("2027-04-29T16:00:00Z")));
    assert_eq!(world.posted(wallet), whole(49_999));
    world.check_replay();
}

#[test]
fn e19_half_of_what_is_left_up_to_thirty_goes_on_and_the_rest_expires() {
    let (mut world, wallet) = with_one_wallet();
    world.now = at("2027-03-31T16:00:00Z");
    let share = Rate::parse_json("0.5").unwrap();
    let rollover = Some(Rollover { share, cap: Some(whole(30)), life: Life::Period });
    monthly(&mut world, Rule { life: Life::Period, rollover, ..every_month(100) });
    world.debit(usage(whole(20)));
    let before = world.log.len();

    world.now = at("2027-04-30T16:00:00Z");
    world.ask(Command::Tick).unwrap();

    let rows: Vec<_> =
        rows_since(&world, before).into_iter().map(|(reason, credits, _)| (reason, credits)).collect();
    let expected =
        [("ROLLOVER", 30), ("ROLLOVER", 30), ("CREDIT_EXPIRED", 50), ("SUBSCRIPTION_CREDIT_GRANT", 100)];
    assert_eq!(rows, expected.map(|(reason, amount)| (reason.to_owned(), whole(amount))));
    assert_eq!(world.posted(wallet), whole(130));

    // What went on ends with the period into which it went.
    world.now = at("2027-05-31T16:00:00Z");
    world.ask(Command::Tick).unwrap();
    assert_eq!(world.posted(wallet), whole(130));
}
