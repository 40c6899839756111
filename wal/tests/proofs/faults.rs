//! Lets each single call to the storage fail once, and checks that the log halts or goes on as it should, and
//! that what it had acknowledged is there afterwards.

use std::path::Path;

use coffer_wal::Space;
use coffer_wal::storage::crash::{Call, CrashPlan, Fault, Survival};

use crate::world::{DIR, Op, Run, World};

const LOST: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::None };
const KEPT: CrashPlan = CrashPlan { sectors: Survival::All, names: Survival::All };
const IO_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;

fn life() -> Vec<Op> {
    vec![
        Op::Append(vec![200]),
        Op::Write,
        Op::Fill,
        Op::Append(vec![3000, 10]),
        Op::Write,
        Op::Append(vec![7000]),
        Op::Write,
        Op::Idle,
        Op::Seal,
        Op::Snapshot,
        Op::Snapshot,
        Op::Purge,
        Op::Append(vec![64]),
        Op::Write,
        Op::Close,
    ]
}

/// Lives on whatever fails beside the log itself: sealing, snapshots and purging may be tried again later.
fn live_with(world: &mut World, ops: &[Op]) -> Result<(), String> {
    let mut run = world.start()?;
    for op in ops {
        let applied = world.apply(&mut run, op);
        if applied.is_err() && run.log.journal().halted().is_some() {
            return applied;
        }
    }
    Ok(())
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost_and_the_log_opens_again() {
    let mut whole = World::new();
    whole.run(&life()).unwrap();
    for call in 0..whole.disk.calls() {
        for fault in [Fault::Errno(IO_ERROR), Fault::Errno(NO_SPACE), Fault::ShortWrite(512)] {
            let mut world = World::new();
            world.disk.fail_call(call, fault);
            let lived = live_with(&mut world, &life());
            let failed = world.disk.trace().get(usize::try_from(call).unwrap()).cloned();
            let context = format!("call {call} = {failed:?}, {fault:?}, {lived:?}");
            for plan in [LOST, KEPT] {
                check_goes_on(world.after_crash(&plan), &context);
            }
            check_goes_on(world.after_kill(), &context);
        }
    }
}

fn check_goes_on(mut world: World, context: &str) {
    drop(world.recover(context));
    world.disk = world.disk.kill();
    let next = [Op::Append(vec![5]), Op::Write, Op::Seal, Op::Snapshot, Op::Purge, Op::Close];
    world.run(&next).unwrap_or_else(|error| panic!("{context}: {error}"));
    drop(world.after_crash(&LOST).recover(context));
}

#[test]
fn a_failed_or_short_write_of_a_batch_halts_the_log_and_nothing_is_acknowledged_any_more() {
    for fault in
        [Fault::Errno(IO_ERROR), Fault::Errno(NO_SPACE), Fault::ShortWrite(512), Fault::ShortWrite(0)]
    {
        let mut world = World::new();
        let mut run = world.start().unwrap();
        world.apply(&mut run, &Op::Append(vec![10])).unwrap();
        world.apply(&mut run, &Op::Write).unwrap();
        world.apply(&mut run, &Op::Append(vec![20])).unwrap();
        world.disk.fail_call(world.disk.calls(), fault);
        let halted = world.apply(&mut run, &Op::Write).unwrap_err();
        assert!(halted.contains("halted"), "{halted}");
        world.apply(&mut run, &Op::Append(vec![30])).unwrap();
        world.apply(&mut run, &Op::Write).unwrap_err();
        assert_eq!(world.model.acknowledged, 1, "{fault:?}");
        assert_eq!(run.log.journal().durable_lsn().0, 1, "{fault:?}");
        let answers = run.told.0.lock().unwrap().clone();
        let told: Vec<(u64, bool)> = answers.iter().map(|(lsn, result)| (lsn.0, result.is_ok())).collect();
        assert_eq!(told, [(1, true), (2, false), (3, false)], "{fault:?}");
    }
}

#[test]
fn a_disk_that_is_full_for_spare_segments_is_reported_and_stops_nothing_while_a_spare_is_there() {
    let mut world = World::new();
    let mut run = world.start().unwrap();
    world.apply(&mut run, &Op::Fill).unwrap();
    assert_eq!(run.log.journal().space(), Space::Enough);
    world.apply(&mut run, &Op::Append(vec![10])).unwrap();
    world.apply(&mut run, &Op::Write).unwrap();
    leave_free(&world, 100);
    // Two large records: the second one rotates into the spare that is there.
    for bytes in [7000, 7000] {
        world.apply(&mut run, &Op::Append(vec![bytes])).unwrap();
        world.apply(&mut run, &Op::Write).unwrap();
        world.apply(&mut run, &Op::Fill).unwrap();
    }
    assert!(matches!(run.log.journal().space(), Space::Low { .. }));
    assert_eq!((world.model.acknowledged, run.log.journal().halted()), (3, None));
    world.disk.set_capacity_bytes(1 << 30);
    world.apply(&mut run, &Op::Fill).unwrap();
    world.apply(&mut run, &Op::Fill).unwrap();
    assert_eq!(run.log.journal().space(), Space::Enough);
}

/// From now on there is this much space.
fn leave_free(world: &World, bytes: u64) {
    let disk = &world.disk;
    let used: u64 = disk.files().iter().map(|path| disk.read_file(path).unwrap().len() as u64).sum();
    disk.set_capacity_bytes(used + bytes);
}

/// A snapshot of one block, as the world takes it.
const SNAPSHOT_BYTES: u64 = 4096;

#[test]
fn a_snapshot_leaves_the_log_the_room_of_its_missing_spares_and_is_taken_when_there_is_more() {
    let mut world = World::new();
    let segment = world.options.segment_bytes;
    let mut run = world.start().unwrap();
    let ops = [
        Op::Fill,
        Op::Append(vec![10]),
        Op::Write,
        Op::Snapshot,
        // Two large records: the second one takes the only spare.
        Op::Append(vec![7000]),
        Op::Write,
        Op::Append(vec![7000]),
        Op::Write,
    ];
    ops.iter().for_each(|op| world.apply(&mut run, op).unwrap());
    assert_eq!(run.log.journal().stats().segments_spare, 0);
    leave_free(&world, SNAPSHOT_BYTES + segment - 1);
    let refused = world.apply(&mut run, &Op::Snapshot).unwrap_err();
    let told =
        format!("needs {} bytes, and {} are free", SNAPSHOT_BYTES + segment, SNAPSHOT_BYTES + segment - 1);
    assert!(refused.contains(&told), "{refused}");
    world.apply(&mut run, &Op::Fill).unwrap();
    assert_eq!((run.log.journal().stats().segments_spare, run.log.journal().space()), (1, Space::Enough));
    world.apply(&mut run, &Op::Snapshot).unwrap_err();
    leave_free(&world, SNAPSHOT_BYTES);
    for op in [Op::Snapshot, Op::Append(vec![10]), Op::Write, Op::Close] {
        world.apply(&mut run, &op).unwrap();
    }
    assert_eq!(run.log.snapshots().list().unwrap().len(), 2);
}

#[test]
fn a_snapshot_that_comes_to_the_log_s_room_on_its_way_is_given_up_and_the_log_goes_on() {
    let mut world = World::new();
    let mut run = world.start().unwrap();
    for op in [Op::Append(vec![10]), Op::Write] {
        world.apply(&mut run, &op).unwrap();
    }
    leave_free(&world, 2 << 20);
    let mut writer = run.log.snapshots().create(run.log.journal().durable_lsn()).unwrap();
    while writer.block(1, &[1; 1 << 20]).is_ok() {}
    assert!(writer.bytes() > 1 << 20);
    // Even while its file is there.
    world.apply(&mut run, &Op::Fill).unwrap();
    assert_eq!((run.log.journal().stats().segments_spare, run.log.journal().space()), (1, Space::Enough));
    drop(writer);
    let taken =
        [Op::Snapshot, Op::Append(vec![7000]), Op::Write, Op::Append(vec![7000]), Op::Write, Op::Close];
    taken.iter().for_each(|op| world.apply(&mut run, op).unwrap());
    drop(run);
    world.after_kill().run(&[Op::Append(vec![20]), Op::Write, Op::Close]).unwrap();
}

#[test]
fn space_is_low_while_the_next_snapshot_would_still_find_its_room() {
    let mut world = World::new();
    let reserve = SNAPSHOT_BYTES + world.options.segment_bytes;
    let mut run = world.start().unwrap();
    for op in [Op::Append(vec![10]), Op::Write, Op::Fill] {
        world.apply(&mut run, &op).unwrap();
    }
    let low = |world: &mut World, run: &mut Run, free: u64| {
        leave_free(world, free);
        world.apply(run, &Op::Fill).unwrap();
        run.log.journal().space() != Space::Enough
    };
    assert!(!low(&mut world, &mut run, 0), "nothing is known of how large it will be");
    world.disk.set_capacity_bytes(1 << 30);
    for op in [Op::Snapshot, Op::Purge] {
        world.apply(&mut run, &op).unwrap();
    }
    assert!(!low(&mut world, &mut run, reserve));
    assert!(low(&mut world, &mut run, reserve - 1));
    let mut writer = run.log.snapshots().create(run.log.journal().durable_lsn()).unwrap();
    assert!(low(&mut world, &mut run, 0), "what it has not taken yet is kept");
    world.disk.set_capacity_bytes(1 << 30);
    writer.block(1, &vec![1; usize::try_from(SNAPSHOT_BYTES).unwrap()]).unwrap();
    assert!(!low(&mut world, &mut run, 0), "it is for this that it was kept");
    drop(writer);
    assert!(low(&mut world, &mut run, reserve - 1));
    world.apply(&mut run, &Op::Snapshot).unwrap();
    assert!(!low(&mut world, &mut run, 0), "until it is purged what it replaces has its room");
    world.apply(&mut run, &Op::Purge).unwrap();
    assert!(low(&mut world, &mut run, reserve - 1));
    drop(run);
    let mut world = world.after_kill();
    let mut run = world.start().unwrap();
    assert!(low(&mut world, &mut run, reserve - 1), "also after a start");
    assert!(!low(&mut world, &mut run, reserve));
}

/// What a process that was killed while it wrote a snapshot has left takes all the space that there was.
#[test]
fn a_start_removes_unfinished_snapshots_before_it_makes_its_segment() {
    let mut world = World::new();
    world.run(&[Op::Append(vec![10]), Op::Write, Op::Snapshot]).unwrap();
    let mut world = world.after_kill();
    let left = Path::new(DIR).join("snapshots/0000000000000002.snap.tmp");
    world.disk.put_file(&left, &vec![0; usize::try_from(world.options.segment_bytes).unwrap()]);
    leave_free(&world, 0);
    drop(world.recover("a snapshot is unfinished"));
    assert!(world.disk.read_file(&left).is_some(), "looking changes nothing");
    world.disk = world.disk.kill();
    world.run(&[Op::Append(vec![20]), Op::Write, Op::Close]).unwrap();
    assert!(world.disk.read_file(&left).is_none());
    drop(world.after_crash(&LOST).recover("after a start that removed it"));
}

#[test]
fn opening_changes_no_file_that_exists() {
    let mut world = World::new();
    world.run(&[Op::Append(vec![10]), Op::Write, Op::Append(vec![20])]).unwrap();
    let world = world.after_crash(&KEPT);
    let before = world.disk.changes();
    let (opened, records) = world.try_read().unwrap();
    assert_eq!(records.len(), 1);
    drop(opened);
    let changed: Vec<_> =
        world.disk.trace().into_iter().filter(|(call, _)| call.changes_the_disk()).collect();
    assert_eq!(world.disk.changes(), before, "{changed:?}");
    assert!(world.disk.trace().iter().any(|(call, _)| *call == Call::Lock));
}

#[test]
fn a_log_that_is_open_cannot_be_opened_again() {
    let mut world = World::new();
    let run = world.start().unwrap();
    let refused = world.try_read().map(drop).unwrap_err();
    assert!(matches!(refused, coffer_wal::OpenError::Locked { .. }), "{refused}");
    drop(run);
    world.try_read().unwrap();
}
