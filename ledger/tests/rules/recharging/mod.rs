//! Recharges and alerts against a second opinion of their own ([`model`], written from SEMANTICS §11 and §12 alone), in random programs
//! ([`program`]) of debits, holds, purchases, settings, reports of payments and time. After each step both must have said the same and keep
//! the same. And at the end the log alone is looked through for a storm ([`storm`]).
//!
//! `COFFER_TEST_SEED` and `COFFER_TEST_LONG` mean what they mean in [`crate::properties`].

mod alerts;
mod blocks;
mod guards;
mod model;
mod program;
mod step;
mod storm;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use coffer_ledger::auto_topup::HeldBackBy;
use coffer_ledger::command::Command;
use coffer_ledger::fact::Effect;
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::time::Timestamp;

use crate::program::{Dice, Step};
use crate::properties::number_from;
use model::{Told, World};
use storm::Storm;
use world::Side;

/// What the programs must have reached, or they would test nothing.
const REACHED: [&str; 32] = [
    "begun after",
    "begun before",
    "begun for two wallets at once",
    "begun by a refusal",
    "an event paid by a recharge",
    "an event that took nothing recharged",
    "a draw paid by a recharge",
    "a draw that fell short recharged",
    "begun as a multiple",
    "trusted and pending",
    "asked for",
    "completed",
    "failed",
    "failed after its credit was spent",
    "failed while its credit was pinned",
    "captured and never paid",
    "expired",
    "cancelled",
    "ended with its wallet",
    "wallet_frozen",
    "in_flight",
    "cooldown",
    "max_count",
    "max_amount",
    "backing_off",
    "suspended",
    "alert",
    "alert twice in a record",
    "alert by time alone",
    "alert above",
    "three in a day",
    "resumed",
];

type Tally = BTreeMap<&'static str, u32>;

fn count(tally: &mut Tally, side: &Side, storm: &Storm) {
    let mut add = |name: &'static str, happened: bool| *tally.entry(name).or_default() += u32::from(happened);
    // The first record makes the customer.
    for ((record, _), told) in side.log.iter().skip(1).zip(&side.told) {
        let Told { asked, before, after, ended, held_back, alerts, alert: _ } = told;
        let command = &record.command;
        add("begun after", !after.is_empty());
        add("begun before", before.is_some());
        add("begun for two wallets at once", after.len() > 1);
        add("begun by a refusal", matches!(command, Command::Recharge(_)) && !after.is_empty());
        let event = matches!(command, Command::Event(_));
        add("an event paid by a recharge", event && before.is_some());
        let nothing = matches!(record.facts.effect, Effect::EventRecorded { taken: None, .. });
        add("an event that took nothing recharged", nothing && !after.is_empty());
        let draw = matches!(&record.facts.effect, Effect::Held(step) if step.taken.is_some());
        add("a draw paid by a recharge", draw && before.is_some());
        let short = matches!(&record.facts.effect, Effect::Held(step)
            if step.taken.as_ref().is_some_and(|taken| taken.shortfall.0 > 0));
        add("a draw that fell short recharged", short && !after.is_empty());
        let amounts = [30, 10, 100].map(|amount| amount * crate::program::ONE);
        add("begun as a multiple", after.iter().any(|buy| !amounts.contains(&buy.credits)));
        let begun = || before.iter().chain(after).chain(asked);
        add("trusted and pending", begun().any(|buy| buy.trusted && buy.status == RechargeStatus::Pending));
        add("asked for", asked.is_some());
        for end in ended {
            add("completed", end.status == RechargeStatus::Completed);
            add("failed", end.status == RechargeStatus::Failed);
            add("expired", end.reason == Some(RechargeReason::Expired));
            add("cancelled", end.reason == Some(RechargeReason::Cancelled));
            add("ended with its wallet", end.reason == Some(RechargeReason::WalletClosed));
        }
        for (_, by, _) in held_back {
            add(HeldBackBy::as_str(*by), true);
        }
        add("alert", !alerts.is_empty());
        let twice = alerts.iter().enumerate().any(|(at, one)| alerts[..at].iter().any(|two| one.0 == two.0));
        add("alert twice in a record", twice);
        add("alert by time alone", *command == Command::Tick && !alerts.is_empty());
        let failed = matches!(&record.facts.effect, Effect::RechargeEnded(end) if end.recharge.is_unpaid()
            && end.unpaid.iter().any(|one| (one.taken + one.owed) < one.terms.original));
        add("failed while its credit was pinned", failed);
        let captured = matches!(&record.facts.effect, Effect::Held(step) if step.unpaid() > 0);
        add("captured and never paid", captured);
        add("resumed", matches!(command, Command::ResumeAutoTopup(_)));
    }
    add("failed after its credit was spent", side.customer.wallets.iter().any(|one| one.head.debt.0 > 0));
    let above = side.customer.wallets.iter().filter_map(|one| one.head.rules.as_ref()?.alerts.as_ref());
    let above = above.filter(|alerts| alerts.condition == coffer_ledger::alert::Condition::Above);
    add("alert above", above.count() > 0);
    add("three in a day", storm.most_in_a_day >= 3);
}

/// A customer with two wallets: the zones, whom is trusted and who reports are the program's.
fn start(bytes: [u8; 64]) -> Side {
    let mut dice = Dice::of_bytes(&bytes);
    let zones = [(None, 0), (Some("Asia/Singapore"), 8), (Some("Etc/GMT+5"), -5)];
    let ((tenants, ahead_of_tenant), (own, ahead)) = (dice.of(&zones), dice.of(&zones));
    let world = World {
        hours_ahead: if own.is_some() { ahead } else { ahead_of_tenant },
        auto_complete: dice.once_in(4),
        payment_result: dice.once_in(2),
        pending_expires_in_s: dice.of(&[604_800, 7_200]),
    };
    let mut side = Side::new(world, own, tenants);
    for _ in 0..2 {
        side.ask(Command::CreateWallet(program::wallet_with_rules(&mut dice)));
    }
    side
}

fn run(cases: u32, steps_max: usize) -> Tally {
    let seed = number_from("COFFER_TEST_SEED").unwrap_or(20_261_129);
    let more = if number_from("COFFER_TEST_LONG").is_some() { 50 } else { 1 };
    let config = Config {
        cases: cases * more,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let programs = (any::<[[u8; 32]; 2]>(), prop::collection::vec(any::<Step>(), 1..=steps_max));
    let tally = RefCell::new(Tally::new());
    let outcome = TestRunner::new(config).run(&programs, |(begins, steps)| {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&begins[0]);
        bytes[32..].copy_from_slice(&begins[1]);
        let mut side = start(bytes);
        for step in &steps {
            let mut dice = Dice::of_bytes(step);
            side.now = program::pass_time(&side, &mut dice);
            let command = program::command(&side, &mut dice);
            side.ask(command);
        }
        side.check_replay();
        let storm = Storm::look(side.model.world.hours_ahead, &side.log);
        let storm = storm.unwrap_or_else(|problem| panic!("{problem}{}", side.story()));
        count(&mut tally.borrow_mut(), &side, &storm);
        Ok(())
    });
    match outcome {
        Ok(()) => tally.into_inner(),
        Err(TestError::Abort(reason)) => panic!("COFFER_TEST_SEED={seed}: {reason}"),
        Err(TestError::Fail(reason, smallest)) => {
            panic!("COFFER_TEST_SEED={seed}, smallest program {smallest:?}: {reason}")
        }
    }
}

#[test]
fn programs_with_rules_do_what_the_model_says_and_no_storm_comes() {
    let tally = run(4_000, 60);
    let seldom = |name: &&&str| tally.get(**name).copied().unwrap_or(0) == 0;
    let missing: Vec<&str> = REACHED.iter().filter(seldom).copied().collect();
    assert_eq!(missing, [""; 0], "reached too seldom to be tested: {tally:#?}");
}

#[test]
fn the_model_knows_its_calendar() {
    // 2026-01-31T15:59:59Z and a second later: midnight in Singapore.
    let (before, after) = (Timestamp(1_769_875_199_000_000_000), Timestamp(1_769_875_200_000_000_000));
    let month = |at, ahead| guards::month_of(guards::day_of(at, ahead));
    assert_eq!([month(before, 0), month(after, 0)], [56 * 12, 56 * 12]);
    assert_eq!([month(before, 8), month(after, 8)], [56 * 12, 56 * 12 + 1]);
    // 2024-02-29 and 2024-03-01.
    let (leap, day) = (Timestamp(1_709_164_800_000_000_000), 86_400_000_000_000);
    assert_eq!([month(leap, 0), month(Timestamp(leap.0 + day), 0)], [54 * 12 + 1, 54 * 12 + 2]);
    assert_eq!(guards::day_of(world::DUSK, 8) - guards::day_of(world::DUSK, 0), 1);
}
