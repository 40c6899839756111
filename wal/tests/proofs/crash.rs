//! Stops the machine inside every single change of a small log's life, tears what was being written in every
//! way, and checks that the log found afterwards holds a prefix with all that was acknowledged; and that it
//! can be gone on with, and crashed again.

use crate::world::{Op, World, long, problems, small_options, survivals};
use coffer_wal::LogOptions;
use coffer_wal::storage::crash::{Call, CrashPlan, CrashStorage, Survival};

const LOST: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::None };
const KEPT: CrashPlan = CrashPlan { sectors: Survival::All, names: Survival::All };

/// Every kind of change the log makes: creation, spares, going live, batches of one and of several blocks,
/// masks, rotation, witness, archive, snapshots, purge, closing.
fn first_life() -> Vec<Op> {
    vec![
        Op::Append(vec![200]),
        Op::Write,
        Op::Append(vec![3000, 10]),
        Op::Write,
        Op::Fill,
        Op::Append(vec![2500]),
        Op::Append(vec![2500, 0]),
        Op::Write,
        Op::Snapshot,
        Op::Append(vec![40]),
        Op::Write,
        Op::Idle,
        Op::Seal,
        Op::Snapshot,
        Op::Purge,
        Op::Append(vec![7000]),
        Op::Write,
        Op::Close,
    ]
}

fn second_life() -> Vec<Op> {
    vec![Op::Append(vec![1, 2, 3]), Op::Write, Op::Fill, Op::Append(vec![600]), Op::Write, Op::Seal]
}

/// A run after a crash: short, but with a batch before and after a rotation.
fn next_life() -> Vec<Op> {
    vec![Op::Append(vec![300]), Op::Write, Op::Append(vec![7000, 2000]), Op::Write]
}

/// A run that removes what it believes to be elsewhere.
fn tidying_life() -> Vec<Op> {
    let mut ops = next_life();
    ops.extend([Op::Seal, Op::Snapshot, Op::Snapshot, Op::Purge, Op::Append(vec![9]), Op::Write]);
    ops
}

/// A run that removes it without having archived anything itself.
fn hasty_life() -> Vec<Op> {
    vec![Op::Snapshot, Op::Snapshot, Op::Purge, Op::Append(vec![300]), Op::Write]
}

/// Lives both lives on a disk that stops inside the given change, or not at all.
fn live_until(stop: Option<u64>) -> World {
    live_on(World::new(), stop)
}

fn live_on(mut world: World, stop: Option<u64>) -> World {
    if let Some(change) = stop {
        world.disk.stop_at_change(change);
    }
    let lived = world.run(&first_life()).and_then(|()| {
        world.disk = continued(&world.disk, stop);
        world.run(&second_life())
    });
    assert_eq!(lived.is_err(), stop.is_some(), "{lived:?}");
    world
}

/// The process ends and the next one starts on the same machine: its locks are gone, its stop is not.
fn continued(disk: &CrashStorage, stop: Option<u64>) -> CrashStorage {
    let next = disk.kill();
    if let Some(change) = stop {
        next.stop_at_change(change - disk.changes());
    }
    next
}

/// How many changes both lives make.
fn changes_of_a_life() -> u64 {
    changes_on(World::new())
}

fn changes_on(mut world: World) -> u64 {
    world.run(&first_life()).unwrap();
    let first = world.disk.changes();
    world.disk = world.disk.kill();
    world.run(&second_life()).unwrap();
    first + world.disk.changes()
}

/// The ways in which a stopped machine can lose what was not durable.
fn plans(world: &World) -> Vec<CrashPlan> {
    let unsynced = world.disk.unsynced();
    // Sectors of a file of zeros are all alike; only a few ways to lose them differ.
    let in_temporary = world.disk.trace().last().is_some_and(|(call, path)| {
        *call != Call::SyncDir && path.extension().is_some_and(|extension| extension == "tmp")
    });
    let all_up_to = if long() { 16 } else { 8 };
    let sectors = if in_temporary {
        vec![Survival::None, Survival::All, Survival::Seeded(1)]
    } else {
        survivals(unsynced.sectors, all_up_to)
    };
    let names = survivals(unsynced.names, 4);
    let pairs = sectors.iter().flat_map(|sectors| names.iter().map(|names| (*sectors, *names)));
    pairs.map(|(sectors, names)| CrashPlan { sectors, names }).collect()
}

#[test]
fn wherever_the_machine_stops_and_however_the_write_tears_all_that_was_acknowledged_is_there() {
    let mut tried = 0;
    for stop in 0..changes_of_a_life() {
        let world = live_until(Some(stop));
        for plan in plans(&world) {
            let context = format!("stop {stop} at {:?}, {plan:?}", world.disk.trace().last());
            let mut found = world.after_crash(&plan);
            drop(found.recover(&context));
            tried += 1;
        }
    }
    assert!(tried > 1_000, "only {tried} crashes were tried");
}

#[test]
fn the_same_holds_through_the_page_cache() {
    let buffered = || World::with(LogOptions { direct_io: false, ..small_options() });
    for stop in 0..changes_on(buffered()) {
        let world = live_on(buffered(), Some(stop));
        let coins =
            (0..if long() { 256 } else { 8 }).map(|seed| (Survival::Seeded(seed), Survival::Seeded(!seed)));
        for (sectors, names) in
            coins.chain([(Survival::None, Survival::None), (Survival::All, Survival::All)])
        {
            let plan = CrashPlan { sectors, names };
            let context = format!("stop {stop} at {:?}, {plan:?}", world.disk.trace().last());
            drop(world.after_crash(&plan).recover(&context));
        }
        crash_and_go_on(&world.after_kill(), &format!("killed at {stop}"));
    }
}

/// Goes on and loses what is not durable after that.
fn crash_and_go_on(world: &World, context: &str) {
    let mut next = world.clone();
    next.run(&next_life()).unwrap_or_else(|error| panic!("{context}: {error}"));
    drop(next.after_crash(&LOST).recover(context));
}

#[test]
fn a_log_that_survived_a_crash_goes_on_and_survives_the_next_one() {
    for stop in 0..changes_of_a_life() {
        let world = live_until(Some(stop));
        let few = |seed| CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
        for plan in [LOST, KEPT, few(1), few(2), few(3)] {
            let context = format!("stop {stop} at {:?}, {plan:?}", world.disk.trace().last());
            let mut found = world.after_crash(&plan);
            found.run(&next_life()).unwrap_or_else(|error| panic!("{context}: {error}"));
            let acknowledged = found.model.acknowledged;
            assert_eq!(acknowledged, found.model.records.len() as u64, "{context}");
            let mut again = found.after_crash(&LOST);
            drop(again.recover(&context));
            assert_eq!(problems(&again.disk), Vec::<String>::new(), "{context}");
        }
    }
}

#[test]
fn a_crash_during_the_recovery_from_a_crash_loses_nothing_either() {
    let step = if long() { 1 } else { 3 };
    for stop in (0..changes_of_a_life()).step_by(step) {
        let world = live_until(Some(stop));
        for plan in [LOST, KEPT, CrashPlan { sectors: Survival::Seeded(stop), names: Survival::None }] {
            crash_again(&world.after_crash(&plan), &next_life(), &format!("stop {stop}, {plan:?}"));
        }
    }
}

#[test]
fn a_killed_process_and_then_a_power_cut_lose_nothing_that_the_next_process_built_on() {
    for stop in 0..changes_of_a_life() {
        let world = live_until(Some(stop));
        let context = format!("killed at {stop}, {:?}", world.disk.trace().last());
        if long() || stop % 2 == 0 {
            crash_again(&world.after_kill(), &tidying_life(), &context);
        }
        if world.disk.trace().last().is_some_and(|(_, path)| path.to_string_lossy().contains("archive")) {
            crash_again(&world.after_kill(), &hasty_life(), &context);
        }
    }
}

/// Goes on from `world` and stops inside every change of that.
fn crash_again(world: &World, life: &[Op], context: &str) {
    let mut whole = world.clone();
    whole.disk = world.disk.kill();
    whole.run(life).unwrap_or_else(|error| panic!("{context}: {error}"));
    for second_stop in 0..whole.disk.changes() {
        let mut again = world.clone();
        again.disk = world.disk.kill();
        again.disk.stop_at_change(second_stop);
        again.run(life).unwrap_err();
        for plan in [LOST, KEPT, CrashPlan { sectors: Survival::Seeded(second_stop), names: Survival::None }]
        {
            let context =
                format!("{context}, then stop {second_stop} at {:?}, {plan:?}", again.disk.trace().last());
            drop(again.after_crash(&plan).recover(&context));
        }
    }
}
