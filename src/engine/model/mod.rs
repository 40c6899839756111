//! The slot protocol and admission under schedules of shuttle's choice (issue: send × rest × panic × snapshot).
//!
//! Real in here: the router, slots, permits and doors, an actor's life (begin, handle, rebuild, quarantine, leave), messages, the
//! gate, the directory, the log's hand-off, the bytes of a resting customer. Modelled: ractor's mailbox ([`mailbox`]), the
//! rules, the disk and the rebuilding from it ([`world`]). Interleavings inside the hand-off are loom's
//! (`wal/tests/loom_handoff.rs`); here it is one step.
//!
//! Run with `just shuttle`. A failure prints its schedule; `COFFER_SHUTTLE_REPLAY=<schedule>` and the test's name run it again.

mod admission;
mod ending;
mod mailbox;
mod places;
mod snapshots;
mod world;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Schedules per scheduler and scenario: seconds in CI, minutes with `COFFER_TEST_LONG=1`.
const SCHEDULES: usize = 2_000;
const SCHEDULES_LONG: usize = 200_000;
/// A scenario has some hundred steps; one that is stuck has no end.
const STEPS_MAX: usize = 50_000;
/// Preemptions that PCT places: most races need two or three.
const PCT_DEPTHS: [usize; 2] = [2, 4];

fn config() -> Config {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config
}

/// Runs a scenario under random and under PCT schedules.
fn explore(scenario: fn()) {
    if let Some(schedule) = std::env::var_os("COFFER_SHUTTLE_REPLAY") {
        let schedule = schedule.into_string().expect("a schedule is text");
        Runner::new(ReplayScheduler::new_from_encoded(&schedule), config()).run(scenario);
        return;
    }
    let long = std::env::var_os("COFFER_TEST_LONG").is_some();
    let schedules = if long { SCHEDULES_LONG } else { SCHEDULES };
    Runner::new(RandomScheduler::new(schedules), config()).run(scenario);
    for depth in PCT_DEPTHS {
        Runner::new(PctScheduler::new(depth, schedules), config()).run(scenario);
    }
}
