//! The ledger against a second opinion: random programs of every command are run on the crate and on a naive model written
//! from `SEMANTICS` alone. After each step both must have answered alike, to the last digit, and all invariants must hold
//! (§17 I1–I4; I6 at the end). What is checked is written in `harness/`, the second opinion in `model/`.
//!
//! `COFFER_TEST_SEED=<number>` chooses other programs, `COFFER_TEST_LONG=1` runs many more of them. A failure prints the seed
//! and everything that was asked.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::harness::pair::Pair;
use crate::program::{Step, pair, take_step, take_step_with_grants};
use crate::tally::Tally;

/// What the long programs must have reached, or they would test nothing.
const REACHED: [&str; 112] = [
    "expired",
    "started",
    "started and repaid",
    "due beside an effect",
    "ticked",
    "initial credit",
    "wallet set",
    "debited by hand",
    "forfeited",
    "start cancelled",
    "debt written off",
    "remainder refunded",
    "credited",
    "repaid",
    "repaid with all of it",
    "scheduled",
    "debited",
    "debited from several tranches",
    "debited from several wallets",
    "debited from several units",
    "overdrawn",
    "overdrawn after tranches",
    "partial",
    "insufficient",
    "customer not found",
    "wallet not found",
    "already exists",
    "frozen",
    "closed",
    "invalid operation",
    "amount invalid",
    "amount overflow",
    "unit required",
    "unit mismatch",
    "wallets_max",
    "tranches_max",
    "slices_max",
    "invalid",
    "hold expired",
    "hold expired in part",
    "lapsed at a deadline",
    "closed with open holds",
    "refunded",
    "refunded in part",
    "voided",
    "voided with its bonus",
    "voided what was pinned",
    "voided before its start",
    "settled",
    "settled in part",
    "line paid by several wallets",
    "settlement voided",
    "sent within",
    "sent away",
    "sent from several tranches",
    "received",
    "received and repaid",
    "ended on the way",
    "returned",
    "ended before it returned",
    "transfer done",
    "transfer forgotten",
    "budget set",
    "budget deleted",
    "event unpriced",
    "event paid",
    "event paid in part",
    "event uncollected",
    "event in a budget",
    "batch of several",
    "placed",
    "grown",
    "extended",
    "released",
    "captured in part",
    "captured finally",
    "drawn",
    "drawn short",
    "counted in a budget by a capture",
    "overdraft pinned",
    "hold in a budget",
    "lapsed when let go",
    "lapsed because voided",
    "back to its tranche",
    "back to debt",
    "back to a new tranche",
    "back and gone at once",
    "freed in a budget",
    "hold closed",
    "hold expired already",
    "over capture",
    "over refund",
    "budget exceeded",
    "event time",
    "item",
    "holds_max",
    "refunds_max",
    "invoices_max",
    "invoice_lines_max",
    "budgets_max",
    "budget_levels_max",
    "transfers_open_max",
    "recharges_open_max",
    "purchase paid",
    "purchase not paid",
    "purchase not paid and spent",
    "purchase not paid and pinned",
    "captured and never paid",
    "captured and never paid, and drawn",
    "back to the debt of what was never paid",
    "atomic_items_max",
    "not found",
];

/// What many more programs must have reached beside.
const REACHED_BY_MANY: [&str; 4] =
    ["granted nothing", "grant voided while pinned", "subscriptions_max", "grant_periods_past_max"];
/// What the programs with grants must have reached.
const REACHED_BY_GRANTS: [&str; 18] = [
    "granted",
    "granted on paper",
    "granted for once",
    "granted a part of a period",
    "granted into a new wallet",
    "granted and repaid",
    "granted at once",
    "rolled over",
    "subscribed",
    "subscribed and made",
    "unsubscribed",
    "unsubscribed and voided",
    "grant set",
    "grant removed",
    "grant voided",
    "expired",
    "grants_max",
    "not found",
];

pub(crate) fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Runs so many programs of at most so many steps, and tells what they reached.
fn run(cases: u32, steps_max: usize, shrinks_max: u32, take: fn(&mut Pair, &Step)) -> Tally {
    let seed = number_from("COFFER_TEST_SEED").unwrap_or(20_261_121);
    let more = if number_from("COFFER_TEST_LONG").is_some() { 50 } else { 1 };
    let config = Config {
        cases: cases * more,
        failure_persistence: None,
        max_shrink_iters: shrinks_max,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let programs = (any::<[u8; 2]>(), prop::collection::vec(any::<Step>(), 1..=steps_max));
    let tally = RefCell::new(Tally::default());
    let outcome = TestRunner::new(config).run(&programs, |(start, steps)| {
        let mut pair = pair(start);
        for step in &steps {
            take(&mut pair, step);
        }
        pair.deliver_all();
        pair.check_replay();
        pair.worlds.iter().for_each(|world| tally.borrow_mut().count(world));
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
fn short_programs_do_what_the_model_says() {
    run(2_000, 12, 3_000, take_step);
}

#[test]
fn long_programs_do_what_the_model_says() {
    let tally = run(900, 150, 3_000, take_step);
    assert_eq!(tally.missing(&REACHED, 1), [""; 0], "reached too seldom to be tested: {tally:#?}");
}

#[test]
fn programs_with_grants_do_what_the_model_says() {
    let tally = run(60, 60, 200, take_step_with_grants);
    assert_eq!(tally.missing(&REACHED_BY_GRANTS, 1), [""; 0], "reached too seldom to be tested: {tally:#?}");
    if number_from("COFFER_TEST_LONG").is_some() {
        assert_eq!(tally.missing(&REACHED_BY_MANY, 1), [""; 0], "reached too seldom: {tally:#?}");
    }
}
