//! Each kind of rule, on a few records that a hand can compute.

use coffer::engine::{Operation, Target, TenantOperation};
use coffer::whatif::{At, Question, Rules, Why};
use coffer_ledger::amount::{Credits, Usage};
use coffer_ledger::catalog::rate_card::Tier;
use coffer_ledger::catalog::tenant::{RateCardAsked, TenantCommand};
use coffer_ledger::command::{
    Asked, Capture, Charge, Command, Debit, HoldAsked, Memo, Metered, Origin, OverCapture, PlaceHold,
    Transfer, VoidCredit,
};
use coffer_ledger::tranche::Source;

use crate::support::{S, TENANT, debit, whole};
use crate::world::*;

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap()
}

fn charge() -> Charge {
    Charge::usage()
}

fn hold(credits: i64) -> Command {
    Command::PlaceHold(PlaceHold {
        asked: HoldAsked::Exactly(whole(credits)),
        charge: charge(),
        expires_in_s: 600,
        over_capture: OverCapture::Draw,
        memo: Memo::default(),
    })
}

fn transfer(to: &str, credits: i64) -> Command {
    Command::Transfer(Transfer {
        to_customer: to.into(),
        from_wallet: None,
        to_wallet: None,
        credits: whole(credits),
        memo: Memo::default(),
    })
}

/// 60 bought that end on day 1, 40 free that never do; 30 are debited on day 0 and given back on day 2.
async fn free_and_bought() -> World {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    world.credit("acme", crate::support::top_up(wallet, 60, Some(day(1)))).await;
    world.credit("acme", promotional(wallet, 40, None)).await;
    let debited = world.ask("acme", debit(30)).await.unwrap();
    world.pass(2 * DAY);
    world.ask("acme", refund(row_of(&debited))).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_burn_order_takes_from_other_tranches_and_a_refund_gives_back_what_it_took() {
    let answer = free_and_bought().await.what_if(rules("burn_order = [\"promotional_first\"]")).await;
    let [unit] = answer.units.as_slice() else { panic!("{answer:?}") };
    let (log, shadow) = (&unit.log.tally, &unit.shadow.tally);
    let spent =
        |tally: &coffer::whatif::Tally| [Source::Purchased, Source::Promotional].map(|of| tally.spent.of(of));
    assert_eq!((spent(log), spent(shadow)), ([whole(30), whole(0)], [whole(0), whole(30)]));
    // What came back to the bought credit had ended meanwhile.
    assert_eq!(log.expired.of(Source::Purchased), whole(60));
    assert_eq!(shadow.expired.of(Source::Purchased), whole(60));
    assert_eq!(log.given_back.of(Source::Purchased), whole(30));
    assert_eq!(shadow.given_back.of(Source::Promotional), whole(30));
    assert_eq!((unit.log.posted, unit.shadow.posted), (whole(40), whole(40)));
    assert_eq!((answer.refused, answer.following), (0, 0));
    assert!(of(&answer, "acme").differs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_default_priorities_count_where_the_request_names_none() {
    let answer = free_and_bought().await.what_if(rules("[default_priorities]\npromotional = 5")).await;
    let spent = &answer.units[0].shadow.tally.spent;
    assert_eq!((spent.of(Source::Promotional), spent.of(Source::Purchased)), (whole(30), whole(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credit_that_ends_sooner_gives_new_refusals_and_what_names_them_follows() {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    world.credit("acme", promotional(wallet, 40, None)).await;
    world.credit("acme", bought(wallet, 20)).await;
    world.pass(2 * DAY);
    let debited = world.ask("acme", debit(50)).await.unwrap();
    world.ask("acme", refund(row_of(&debited))).await.unwrap();
    let held = world.ask("acme", hold(45)).await.unwrap();
    let capture = Capture { hold: hold_of(&held), credits: whole(5), last: true, memo: Memo::default() };
    world.ask("acme", Command::Capture(capture)).await.unwrap();
    let answer = world.what_if(rules("[expiry]\npromotional = 1")).await;
    let customer = of(&answer, "acme");
    assert_eq!((answer.refused, answer.following), (2, 2));
    assert_eq!(
        customer.refusals.credits.iter().map(|(_, credits)| *credits).collect::<Vec<_>>(),
        [whole(95)]
    );
    let first = &customer.refusals.first[0];
    assert_eq!((first.request, first.credits[0].1), ("debit", whole(50)));
    assert_eq!(first.why.to_string(), "insufficient credits");
    assert!(matches!(customer.refusals.first[1].why, Why::Follows(_)), "{customer:?}");
    assert_eq!(customer.refusals.first[3].request, "capture");
    let unit = &answer.units[0];
    assert_eq!(unit.shadow.tally.expired.of(Source::Promotional), whole(40));
    assert_eq!(unit.log.tally.expired.total(), whole(0));
    assert_eq!((unit.log.posted, unit.shadow.posted), (whole(55), whole(20)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credit_that_never_ends_is_there_to_be_spent_in_the_end() {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    world.credit("acme", promotional(wallet, 40, Some(day(1)))).await;
    world.pass(2 * DAY);
    world.credit("acme", bought(wallet, 1)).await;
    let answer = world.what_if(rules("[expiry]\npromotional = \"never\"")).await;
    let unit = &answer.units[0];
    assert_eq!((unit.log.tally.expired.total(), unit.shadow.tally.expired.total()), (whole(40), whole(0)));
    assert_eq!((unit.log.posted, unit.shadow.posted), (whole(1), whole(41)));
}

fn metered(quantity: i64) -> Command {
    let metered =
        Metered { meter: "tokens".into(), quantity: Usage::whole(quantity), properties: Vec::new() };
    Command::Debit(Debit { charge: charge(), ..Debit::new(Asked::Metered(Box::new(metered))) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_rate_card_prices_usage_by_meter_and_leaves_what_names_credits() {
    let world = World::new().await;
    let card = RateCardAsked {
        meter: "tokens".into(),
        quantity_property: None,
        valid_from: None,
        valid_to: None,
        filters: Vec::new(),
        tiers: vec![Tier { up_to: None, credits_per_unit: rate("1") }],
        minimum: Credits::ZERO,
    };
    let set = TenantCommand::SetRateCard { id: None, card };
    world.engine.submit_tenant(TENANT, TenantOperation::new(set, Origin::default())).await.unwrap();
    let wallet = world.wallet("acme").await;
    world.credit("acme", bought(wallet, 100)).await;
    world.ask("acme", metered(10)).await.unwrap();
    world.ask("acme", debit(7)).await.unwrap();
    let cards = "[[rate_card]]\nmeter = \"tokens\"\ntiers = [{ up_to = 4, credits_per_unit = \"0.5\" }, { credits_per_unit = 2 }]";
    let answer = world.what_if(rules(cards)).await;
    let unit = &answer.units[0];
    assert_eq!((unit.log.tally.spent.total(), unit.shadow.tally.spent.total()), (whole(17), whole(21)));
    assert_eq!(answer.differing, 2, "the debit after it finds another balance");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_overdraft_limit_holds_for_all_wallets_or_for_one() {
    let text = |of: &str| format!("[overdraft{of}");
    for (one, expected) in [(false, (0, 1, 20)), (true, (30, 0, -30))] {
        let world = World::new().await;
        let wallet = world.wallet_with("acme", 100).await;
        world.credit("acme", bought(wallet, 20)).await;
        world.ask("acme", debit(50)).await.unwrap();
        let changed = if one {
            format!("{}]\nall = 0\n[overdraft.wallets]\n{wallet} = 30", text(""))
        } else {
            format!("{}]\nall = 0", text(""))
        };
        let answer = world.what_if(rules(&changed)).await;
        let unit = &answer.units[0];
        assert_eq!((unit.log.tally.overdraft, unit.log.posted), (whole(30), whole(-30)));
        let (overdraft, refused, posted) = expected;
        let shadow = (unit.shadow.tally.overdraft, answer.refused, unit.shadow.posted);
        assert_eq!(shadow, (whole(overdraft), refused, whole(posted)), "{changed}");
    }
}

/// `acme` sends 50 of 40 free and 20 bought to `other`, who spends them.
async fn sent() -> World {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    world.wallet("other").await;
    world.credit("acme", bought(wallet, 20)).await;
    world.credit("acme", promotional(wallet, 40, None)).await;
    world.pass(2 * DAY);
    world.ask("acme", transfer("other", 50)).await.unwrap();
    world.ask("other", debit(45)).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_brings_what_the_shadow_sent() {
    // Free credit goes first by the contract (it is not paid); here the bought one does.
    let answer = sent().await.what_if(rules("burn_order = [\"purchased_first\"]")).await;
    let spent = |customer: &str| {
        let unit = &of(&answer, customer).units[0];
        let by = |tally: &coffer::whatif::Tally| {
            [Source::Promotional, Source::Purchased].map(|source| tally.spent.of(source))
        };
        (by(&unit.log.tally), by(&unit.shadow.tally))
    };
    assert_eq!(spent("other"), ([whole(40), whole(5)], [whole(25), whole(20)]));
    assert_eq!(spent("acme"), ([whole(0); 2], [whole(0); 2]), "what is sent is not spent");
    assert_eq!(of(&answer, "acme").units[0].shadow.posted, whole(10));
    assert_eq!(answer.refused, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_the_shadow_refuses_never_arrives() {
    let answer = sent().await.what_if(rules("[expiry]\npromotional = 1")).await;
    assert_eq!(of(&answer, "acme").refusals.count, 1);
    let other = &of(&answer, "other").refusals;
    assert_eq!(other.first.last().map(|last| last.request), Some("debit"), "{other:?}");
    assert_eq!((other.count, other.following), (1, 1), "the debit is refused, the arrival follows");
    assert_eq!(of(&answer, "acme").units[0].shadow.posted, whole(20));
    assert_eq!(of(&answer, "other").units[0].shadow.posted, whole(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_differ_in_the_shadow_are_found_by_what_names_them() {
    let world = World::new().await;
    let (first, second) = (world.wallet("acme").await, world.wallet("acme").await);
    for days in [3, 4, 5] {
        world.credit("acme", promotional(first, 10, Some(day(days)))).await;
    }
    world.credit("acme", bought(first, 30)).await;
    // In the shadow it takes one tranche instead of three: two ids fewer are made.
    let sent = Transfer {
        to_customer: "acme".into(),
        from_wallet: Some(first),
        to_wallet: Some(second),
        credits: whole(30),
        memo: Memo::default(),
    };
    world.ask("acme", Command::Transfer(sent.clone())).await.unwrap();
    let held = world.ask("acme", hold(20)).await.unwrap();
    let capture = Capture { hold: hold_of(&held), credits: whole(20), last: true, memo: Memo::default() };
    let captured = world.ask("acme", Command::Capture(capture)).await.unwrap();
    world.ask("acme", refund(row_of(&captured))).await.unwrap();
    let voided = world.credit("acme", bought(first, 5)).await;
    let void = VoidCredit { row: row_of(&voided), memo: Memo::default() };
    world.ask("acme", Command::VoidCredit(void)).await.unwrap();
    let answer = world.what_if(rules("burn_order = [\"purchased_first\"]")).await;
    assert_eq!((answer.refused, answer.following), (0, 0), "{:?}", of(&answer, "acme").refusals);
    let unit = &answer.units[0];
    assert_eq!((unit.log.posted, unit.shadow.posted), (whole(60), whole(60)));
    assert_eq!(unit.shadow.tally.spent.total(), whole(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_hold_from_a_place_in_the_log_on_and_refunds_reach_back_before_it() {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    world.credit("acme", bought(wallet, 60)).await;
    world.credit("acme", promotional(wallet, 40, None)).await;
    let before = world.ask("acme", debit(10)).await.unwrap();
    world.engine.take_snapshot().await.unwrap();
    world.pass(10 * S);
    let from = world.engine.now();
    world.ask("acme", debit(50)).await.unwrap();
    world.ask("acme", refund(row_of(&before))).await.unwrap();
    let stopped = world.stopped().await;
    for from in [At::Position(coffer_ledger::ids::LogPosition(before.position.0 + 1)), At::Time(from)] {
        let rules = rules("burn_order = [\"purchased_first\"]");
        let answer = stopped.what_if(&Question { from: Some(from), rules, ..Question::default() });
        let unit = &answer.units[0];
        let by = |source| (unit.log.tally.spent.of(source), unit.shadow.tally.spent.of(source));
        assert_eq!(answer.records, 2, "{from:?}");
        assert_eq!(by(Source::Promotional), (whole(30), whole(0)));
        assert_eq!(by(Source::Purchased), (whole(20), whole(50)));
        assert_eq!(unit.shadow.tally.given_back.of(Source::Promotional), whole(10));
        assert_eq!((unit.log.posted, unit.shadow.posted), (whole(50), whole(50)));
    }
    let to = Some(At::Position(before.position));
    let answer = stopped.what_if(&Question { to, ..Question::default() });
    assert_eq!((answer.to, answer.units[0].log.posted), (before.position, whole(90)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_tenant_that_was_named_is_shown() {
    let world = World::new().await;
    let made = world.engine.create_tenant("second", Origin::default()).await.unwrap();
    assert!(made.position.0 > 0);
    let second = world.engine.tenants().iter().find(|view| &*view.name == "second").unwrap().number;
    world.wallet("acme").await;
    let command = crate::support::create_wallet("elsewhere", 0);
    let target = Target::NewCustomer("elsewhere");
    world.engine.submit(second, target, Operation::new(command)).await.unwrap();
    let stopped = world.stopped().await;
    let ask =
        |tenant: &str| stopped.try_what_if(&Question { tenant: Some(tenant.into()), ..Question::default() });
    let answer = ask("second").unwrap();
    let names: Vec<_> = answer.customers.iter().map(|customer| &*customer.external_id).collect();
    assert_eq!((names, answer.records), (vec!["elsewhere"], 1));
    assert_eq!(ask("third").unwrap_err().to_string(), "no tenant \"third\" in the log");
}
