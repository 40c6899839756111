//! Under the same rules the log decided again gives what it says, fact by fact: whatever was asked, from wherever one begins.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use coffer::engine::{Operation, Target, TenantOperation};
use coffer::whatif::{At, Question, Rules};
use coffer_ledger::amount::Credits;
use coffer_ledger::catalog::tenant::{Settings, TenantCommand};
use coffer_ledger::command::{Charge, Command, HoldAsked, Memo, Origin, OverCapture, PlaceHold};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::Due;
use coffer_ledger::hold::HoldStatus;
use coffer_ledger::ids::LogPosition;

use crate::program::{KINDS, Program, Random};
use crate::support::TENANT;
use crate::world::*;

const STEPS: u64 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_a_random_log_is_decided_again_as_it_was() {
    let (mut seen, mut records) = (BTreeSet::new(), 0);
    for seed in 1..=20 {
        println!("seed {seed}");
        let (world, mut random) = (World::new().await, Random::new(seed));
        world.engine.create_test_tenant("test", Origin::default()).await.unwrap();
        let test = world.engine.tenants().iter().find(|view| view.test_mode).unwrap().number;
        let mut programs = [
            Program::start(&world, TENANT, &mut random).await,
            Program::start(&world, test, &mut random).await,
        ];
        let mut middle = 0;
        for step in 0..STEPS {
            let which = usize::from(random.below(3) == 0);
            programs[which].step(&world, &mut random).await;
            if step == STEPS / 2 {
                world.engine.take_snapshot().await.unwrap();
                middle = world.engine.stats().durable.0;
            }
        }
        programs.iter().for_each(|program| seen.extend(program.seen.iter().copied()));
        let end = world.engine.stats().durable.0;
        let stopped = world.stopped().await;
        records += stopped.check(None, &format!("seed {seed}"));
        for from in [middle / 2, middle, middle + 1, (middle + end) / 2, end] {
            stopped.check(at(from), &format!("seed {seed}"));
        }
        stopped.check(Some(At::Time(day(3))), &format!("seed {seed}"));
        // Other rules lead to no state that breaks an invariant, whatever is asked.
        for text in OTHERS {
            println!("{text}");
            let rules = Rules::parse(text).unwrap();
            let answer = stopped.what_if(&Question { rules, ..Question::default() });
            assert!(answer.differing > 0, "seed {seed}: {text}");
        }
    }
    let missing: Vec<_> = KINDS.iter().filter(|kind| !seen.contains(*kind)).collect();
    assert!(missing.is_empty(), "never accepted: {missing:?}");
    assert!(records > 2_000, "{records}");
}

const OTHERS: [&str; 6] = [
    "burn_order = [\"paid_first\", \"newest_first\"]",
    "burn_order = [\"expires_at\"]\n[overdraft]\nall = 3",
    "[expiry]\npurchased = 1\npromotional = \"never\"",
    "[default_priorities]\npromotional = 1\npurchased = 90",
    "[[rate_card]]\nmeter = \"tokens\"\ntiers = [{ credits_per_unit = 3 }]\n[expiry]\npurchased = 2",
    "[overdraft]\nall = 100",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_ended_in_parts_is_decided_again_as_it_was() {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    for _ in 0..3 {
        world.credit("acme", promotional(wallet, 10, None)).await;
    }
    let (asked, memo) = (HoldAsked::Exactly(Credits::whole(25)), Memo::default());
    let (charge, over_capture) = (Charge::usage(), OverCapture::Draw);
    let place = PlaceHold { asked, charge, expires_in_s: 30, over_capture, memo };
    world.ask("acme", Command::PlaceHold(place)).await.unwrap();
    world.pass(31_000_000_000);
    let open = |customer: &Customer, _| customer.holds.len();
    while world.engine.read(TENANT, Target::Customer("acme"), open).await.unwrap().value > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut parts = Vec::new();
    for position in 1..=world.engine.stats().durable.0 {
        let Ok(stored) = world.engine.record(TENANT, LogPosition(position)).await else { continue };
        let ends = stored.record.facts.due.iter();
        parts.extend(
            ends.map(|due| matches!(due, Due::HoldExpired(end) if end.hold.status == HoldStatus::Open)),
        );
    }
    assert_eq!(parts, [true, true, false]);
    world.stopped().await.check(None, "parts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_decided_just_before_a_change_was_published_is_decided_again_as_it_was() {
    let world = World::new().await;
    let wallet = world.wallet("acme").await;
    let engine = Arc::new(world.engine.clone());
    let writing = {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            for _ in 0..40 {
                let batch = (0..50).map(|_| {
                    let command = Command::TopUp(promotional(wallet, 1, None));
                    let engine = Arc::clone(&engine);
                    tokio::spawn(async move {
                        engine.submit(TENANT, Target::Wallet(wallet), Operation::new(command)).await.unwrap()
                    })
                });
                for made in batch.collect::<Vec<_>>() {
                    made.await.unwrap();
                }
            }
        })
    };
    for priority in 1..=60 {
        let mut settings = Settings::default();
        settings.default_priorities.promotional = priority;
        let command = TenantCommand::SetSettings(settings);
        engine.submit_tenant(TENANT, TenantOperation::new(command, Origin::default())).await.unwrap();
    }
    writing.await.unwrap();
    drop(engine);
    assert_eq!(world.stopped().await.check(None, "settings under load"), 2_001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_log_has_no_differences_and_no_customers() {
    let stopped = World::new().await.stopped().await;
    let answer = stopped.what_if(&Question::default());
    assert_eq!((answer.records, answer.customers.len(), answer.units.len()), (0, 0, 0));
    let answer = stopped.what_if(&Question { from: at(1_000), ..Question::default() });
    assert_eq!(answer.records, 0);
}
