//! Sealing, snapshots and purging together: what leaves the hot log is in the archive, and nothing that a kept
//! snapshot needs leaves it.

use std::path::{Path, PathBuf};

use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};
use coffer_wal::{Archive, Lsn, OpenError, SealError, SealStep};

use crate::world::{DIR, Op, World, env_on, segments};

const LOST: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::None };

fn archived(disk: &CrashStorage) -> Vec<PathBuf> {
    let dir = Path::new(DIR).join("archive");
    disk.files().into_iter().filter(|path| path.starts_with(&dir)).collect()
}

fn hot(disk: &CrashStorage) -> Vec<PathBuf> {
    let written = |content: &[u8]| content.iter().any(|byte| *byte != 0);
    segments(disk).into_iter().filter(|(_, content)| written(content)).map(|(path, _)| path).collect()
}

/// Fills several segments; the last one is live.
fn rotating() -> Vec<Op> {
    (0..5).flat_map(|_| [Op::Append(vec![7000, 300]), Op::Write]).collect()
}

fn with_ops(ops: &[Op]) -> Vec<Op> {
    rotating().into_iter().chain(ops.iter().cloned()).collect()
}

#[test]
fn a_segment_is_archived_once_its_successor_is_live_and_leaves_with_the_older_snapshot_only() {
    let mut world = World::new();
    let mut run = world.start().unwrap();
    for op in rotating() {
        world.apply(&mut run, &op).unwrap();
    }
    let written = hot(&world.disk).len();
    world.apply(&mut run, &Op::Seal).unwrap();
    assert_eq!(archived(&world.disk).len(), written - 1, "all but the live one");
    let mut left = Vec::new();
    for op in [Op::Purge, Op::Snapshot, Op::Purge, Op::Snapshot, Op::Purge] {
        world.apply(&mut run, &op).unwrap();
        left.push(hot(&world.disk).len());
    }
    assert_eq!(left, [written, written, written, written, 1]);
    assert_eq!(run.log.reader().first_lsn(), Lsn::FIRST);
    assert_eq!(run.machines.sealer.step().unwrap(), SealStep::Idle);
}

#[test]
fn what_is_not_archived_stays_hot_whatever_snapshots_say() {
    let mut world = World::new();
    world.run(&with_ops(&[Op::Snapshot, Op::Snapshot, Op::Purge])).unwrap();
    assert_eq!(archived(&world.disk), Vec::<PathBuf>::new());
    let before = hot(&world.disk).len();
    assert!(before > 3);
    drop(world.after_crash(&LOST).recover("nothing was archived"));
}

#[test]
fn a_log_without_its_old_segments_replays_from_the_archive() {
    let mut world = World::new();
    world
        .run(&with_ops(&[Op::Seal, Op::Snapshot, Op::Snapshot, Op::Purge, Op::Append(vec![1]), Op::Write]))
        .unwrap();
    assert_eq!(hot(&world.disk).len(), 1);
    let mut found = world.after_crash(&LOST);
    drop(found.recover("hot and archive together"));
    assert_eq!(found.model.records.len(), 11);
}

#[test]
fn a_missing_archived_segment_is_noticed_at_opening_or_when_its_records_are_asked_for() {
    let mut world = World::new();
    world.run(&with_ops(&[Op::Seal, Op::Snapshot, Op::Snapshot, Op::Purge])).unwrap();
    let world = world.after_crash(&LOST);
    let files = archived(&world.disk);
    for path in &files {
        let disk = world.disk.kill();
        disk.remove_file(path);
        let error = World { disk, ..world.clone() }.try_read().map(drop).unwrap_err();
        let refused = matches!(error, OpenError::Corrupt(_) | OpenError::Gone { .. });
        assert!(refused, "{}: {error}", path.display());
    }
}

#[test]
fn a_damaged_archived_segment_is_refused_by_a_replay_that_needs_it_and_by_no_other() {
    let mut world = World::new();
    world.run(&with_ops(&[Op::Seal, Op::Snapshot, Op::Snapshot, Op::Purge])).unwrap();
    let world = world.after_crash(&LOST);
    let path = archived(&world.disk).swap_remove(0);
    let mut content = world.disk.read_file(&path).unwrap();
    content[4096 + 40] ^= 1;
    world.disk.put_file(&path, &content);
    assert!(matches!(world.try_read(), Err(OpenError::Corrupt(_))));
    let (env, _) = env_on(&world.disk, 1);
    let mut opened = coffer_wal::Log::open(world.options.clone(), env).unwrap();
    let start = opened.snapshots().list().unwrap()[0].start_lsn;
    opened.replay(start.next(), &mut |_| {}, &mut |_| Ok(())).unwrap();
}

#[test]
fn a_hot_segment_that_was_damaged_is_not_archived_and_not_purged() {
    let mut world = World::new();
    let mut run = world.start().unwrap();
    for op in rotating() {
        world.apply(&mut run, &op).unwrap();
    }
    let path = hot(&world.disk).swap_remove(1);
    let mut content = world.disk.read_file(&path).unwrap();
    content[4096 + 500] ^= 1;
    world.disk.put_file(&path, &content);
    assert!(matches!(run.machines.sealer.step(), Ok(SealStep::Archived { number: 1 })));
    let refused = run.machines.sealer.step().unwrap_err();
    assert!(matches!(refused, SealError::Damaged { offset: 4096, .. }), "{refused}");
    for op in [Op::Snapshot, Op::Snapshot, Op::Purge] {
        world.apply(&mut run, &op).unwrap();
    }
    assert!(hot(&world.disk).contains(&path));
    assert_eq!(run.log.journal().halted(), None);
}

#[test]
fn the_archive_alone_gives_the_chain_of_hashes_again() {
    let mut world = World::new();
    world.run(&with_ops(&[Op::Seal])).unwrap();
    let (env, _) = env_on(&world.disk, 1);
    let store = world.after_kill().try_read().unwrap().0.store_id();
    let archive = Archive::open(&env, Path::new(DIR).join("archive"), store, 0).unwrap();
    let mut chain = coffer_wal::batch::ChainEnd::genesis(&store, 0);
    for number in archive.numbers() {
        archive.verify(number).unwrap();
        let segment = archive.segment(number).unwrap();
        assert_eq!(segment.chain_before(), chain, "segment {number} continues the one before");
        chain = segment.chain_after();
    }
    assert_eq!(chain.lsn, Lsn(8));
}
