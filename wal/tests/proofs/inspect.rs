//! The offline tools agree with the log about what is sound, name what is not, and change nothing.

use std::path::{Path, PathBuf};

use coffer_wal::inspect::{
    DropError, SegmentKind, VerifyProgress, VerifyReport, drop_last_batch, dump, stat, verify,
};
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};
use coffer_wal::{Log, Lsn, OpenError};

use crate::world::{DIR, Op, World, env_on, segments, small_options};

const BLOCK: usize = 4096;
const LOST: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::None };

fn used() -> World {
    let mut world = World::new();
    let mut ops: Vec<Op> = (0..4).flat_map(|_| [Op::Append(vec![7000, 300]), Op::Write]).collect();
    ops.extend([Op::Seal, Op::Snapshot, Op::Snapshot, Op::Purge, Op::Fill, Op::Append(vec![20, 30])]);
    ops.extend([
        Op::Write,
        Op::Append(vec![700]),
        Op::Write,
        Op::Append(vec![40]),
        Op::Write,
        Op::Fill,
        Op::Idle,
    ]);
    world.run(&ops).unwrap();
    world.after_crash(&LOST)
}

fn verified(disk: &CrashStorage) -> VerifyReport {
    let (env, _) = env_on(disk, 9);
    let mut last = VerifyProgress::default();
    let report = verify(&env, Path::new(DIR), &mut |progress| last = *progress).unwrap();
    assert_eq!(last.bytes_done, last.bytes_total, "progress reaches its end");
    report
}

fn dumped(disk: &CrashStorage, from: u64, to: u64) -> (Vec<(u64, bool)>, Result<Lsn, OpenError>) {
    let (env, _) = env_on(disk, 9);
    let mut seen = Vec::new();
    let end = dump(&env, Path::new(DIR), Lsn(from), Lsn(to), &mut |shown| {
        seen.push((shown.record.lsn.0, shown.archived));
        Ok(())
    });
    (seen, end)
}

fn last_written(disk: &CrashStorage) -> (PathBuf, Vec<u8>, usize) {
    let written =
        |content: &[u8]| content.chunks(BLOCK).rposition(|block| block.iter().any(|byte| *byte != 0));
    let last = segments(disk).into_iter().rev().find_map(|(path, content)| {
        let block = written(&content)?;
        Some((path, content, block * BLOCK))
    });
    last.unwrap()
}

#[test]
fn a_sound_store_is_reported_whole() {
    let world = used();
    let report = verified(&world.disk);
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.end.unwrap().lsn, Lsn(12));
    assert_eq!((report.snapshots.len(), report.clean, report.torn), (2, false, None));
    let kinds: Vec<(u64, SegmentKind)> =
        report.segments.iter().map(|segment| (segment.number, segment.kind)).collect();
    let archived = |number| (number, SegmentKind::Archived);
    let expected = [
        archived(1),
        archived(2),
        archived(3),
        (4, SegmentKind::Sealed),
        (5, SegmentKind::Last),
        (6, SegmentKind::Spare),
    ];
    assert_eq!(kinds, expected);
    let records: u64 = report.segments.iter().map(coffer_wal::inspect::SegmentReport::records).sum();
    assert_eq!(records, 12);
}

#[test]
fn stat_tells_from_headers_alone_how_a_store_stands() {
    let world = used();
    let (env, _) = env_on(&world.disk, 9);
    let report = stat(&env, Path::new(DIR)).unwrap();
    assert_eq!((report.first_lsn, report.end.lsn), (Lsn(1), Lsn(12)));
    assert_eq!((report.hot_segments, report.spare_segments, report.archived_segments), (2, 1, 3));
    assert_eq!((report.hot_bytes, report.snapshots.len(), report.control.clean), (32 << 10, 2, false));
    assert!(report.archive_bytes >= 3 * 8192);
}

#[test]
fn a_dump_shows_each_record_once_from_the_archive_and_then_from_the_hot_log() {
    let world = used();
    let (all, end) = dumped(&world.disk, 0, u64::MAX);
    assert_eq!(end.unwrap(), Lsn(13));
    let expected: Vec<(u64, bool)> = (1..=12).map(|lsn| (lsn, lsn <= 6)).collect();
    assert_eq!(all, expected);
    let (some, end) = dumped(&world.disk, 5, 8);
    assert_eq!((some, end.unwrap()), (expected[4..8].to_vec(), Lsn(9)));
}

#[test]
fn looking_changes_nothing_and_waits_for_nobody_who_has_the_log_open() {
    let mut world = used();
    let before = world.disk.changes();
    verified(&world.disk);
    let _ = dumped(&world.disk, 1, 5);
    let (env, _) = env_on(&world.disk, 9);
    stat(&env, Path::new(DIR)).unwrap();
    assert_eq!(world.disk.changes(), before);
    world.disk.put_file(&Path::new(DIR).join("lock"), b"");
    let run = world.start().unwrap();
    assert!(matches!(stat(&env, Path::new(DIR)), Err(OpenError::Locked { .. })));
    drop(run);
    stat(&env, Path::new(DIR)).unwrap();
}

#[test]
fn a_directory_without_a_log_is_said_to_be_one() {
    let disk = CrashStorage::new();
    let (env, _) = env_on(&disk, 9);
    let error = verify(&env, Path::new(DIR), &mut |_| {}).map(drop).unwrap_err();
    assert!(error.to_string().contains("there is no log here"), "{error}");
}

#[test]
fn each_damaged_file_is_named_with_its_place_and_the_others_are_checked_all_the_same() {
    let world = used();
    let flip = |path: &Path, byte: usize| {
        let mut content = world.disk.read_file(path).unwrap();
        content[byte] ^= 1;
        world.disk.put_file(path, &content);
    };
    let archived = Path::new(DIR).join("archive/0000000000000002.arc");
    let snapshot = Path::new(DIR).join("snapshots/0000000000000001.snap");
    let (hot, ..) = last_written(&world.disk);
    flip(&archived, BLOCK + 50);
    flip(&snapshot, 70);
    flip(&hot, BLOCK + 300);
    let report = verified(&world.disk);
    let named: Vec<&PathBuf> = report.problems.iter().map(|problem| &problem.path).collect();
    for path in [&archived, &snapshot, &hot] {
        assert!(named.contains(&path), "{} is not in {:?}", path.display(), report.problems);
    }
    assert_eq!(report.snapshots.len(), 1);
}

#[test]
fn a_torn_write_is_reported_and_no_problem() {
    let mut world = World::new();
    let mut run = world.start().unwrap();
    for op in [Op::Append(vec![10]), Op::Write, Op::Append(vec![5000])] {
        world.apply(&mut run, &op).unwrap();
    }
    world.disk.stop_at_change(world.disk.changes());
    world.apply(&mut run, &Op::Write).unwrap_err();
    let torn = world.after_crash(&CrashPlan { sectors: Survival::Mask(0b101), names: Survival::None });
    let report = verified(&torn.disk);
    assert!(report.is_sound(), "{:?}", report.problems);
    assert_eq!(report.torn.unwrap().first_lsn, Lsn(2));
    assert_eq!(dumped(&torn.disk, 1, 100).0, [(1, false)]);
}

#[test]
fn dropping_the_last_batch_needs_a_damaged_last_batch_and_loses_nothing_else() {
    let world = used();
    let (env, _) = env_on(&world.disk, 9);
    let sound = drop_last_batch(&env, Path::new(DIR)).unwrap_err();
    assert!(matches!(sound, DropError::Sound { end: Lsn(12) }), "{sound}");
    let (path, mut content, offset) = last_written(&world.disk);
    content[offset + 200] ^= 1;
    world.disk.put_file(&path, &content);
    assert!(world.try_read().is_err());
    let report = drop_last_batch(&env, Path::new(DIR)).unwrap();
    assert_eq!((report.first_lsn, report.witnessed_lsn), (Lsn(12), Lsn(12)));
    assert_eq!((report.path, report.offset, report.bytes), (path, offset as u64, BLOCK as u64));
    let saved = world.disk.read_file(&report.saved_to.unwrap()).unwrap();
    assert_eq!(saved, content[offset..offset + BLOCK]);
    let mut shorter = world.after_crash(&LOST);
    shorter.model.acknowledged = 11;
    drop(shorter.recover("one batch was given up"));
    assert_eq!(shorter.model.records.len(), 11);
    shorter.disk = shorter.disk.kill();
    shorter.run(&[Op::Append(vec![77]), Op::Write]).unwrap();
    drop(shorter.after_crash(&LOST).recover("and the log goes on"));
}

#[test]
fn dropping_the_last_batch_can_be_interrupted_anywhere_and_called_again() {
    let damaged = {
        let world = used();
        let (path, mut content, offset) = last_written(&world.disk);
        content[offset + 10] ^= 1;
        world.disk.put_file(&path, &content);
        world
    };
    let whole = damaged.after_crash(&LOST);
    let (env, _) = env_on(&whole.disk, 9);
    drop_last_batch(&env, Path::new(DIR)).unwrap();
    for stop in 0..whole.disk.changes() {
        for sectors in [Survival::None, Survival::All, Survival::Seeded(stop), Survival::Seeded(!stop)] {
            let stopped = damaged.after_crash(&LOST);
            stopped.disk.stop_at_change(stop);
            let (env, _) = env_on(&stopped.disk, 9);
            drop_last_batch(&env, Path::new(DIR)).unwrap_err();
            let mut again = stopped.after_crash(&CrashPlan { sectors, names: Survival::None });
            let (env, _) = env_on(&again.disk, 9);
            let context = format!("stop {stop}, {sectors:?}");
            match drop_last_batch(&env, Path::new(DIR)) {
                Ok(_) | Err(DropError::Sound { .. }) => {}
                Err(error) => panic!("{context}: {error}"),
            }
            again.model.acknowledged = 11;
            drop(again.recover(&context));
            assert_eq!(again.model.records.len(), 11, "{context}");
        }
    }
}

/// As `used`, with snapshots of before and after the last batch, which is damaged.
fn snapshotted_and_damaged() -> World {
    let mut world = used();
    world.disk = world.disk.kill();
    world
        .run(&[Op::Snapshot, Op::Append(vec![60]), Op::Write, Op::Snapshot, Op::Snapshot, Op::Idle])
        .unwrap();
    let (path, mut content, offset) = last_written(&world.disk);
    content[offset + 200] ^= 1;
    world.disk.put_file(&path, &content);
    world
}

/// The ids of the snapshots that have the name of one.
fn snapshots_named(disk: &CrashStorage) -> Vec<String> {
    let names = disk.files().into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    names.filter(|name| name.ends_with(".snap")).collect()
}

#[test]
fn no_snapshot_that_shows_a_dropped_batch_outlives_it_wherever_dropping_is_cut_short() {
    let damaged = snapshotted_and_damaged();
    let whole = damaged.after_crash(&LOST);
    let (before, all) = (3, snapshots_named(&whole.disk).len());
    assert_eq!(all, before + 2, "two of before the batch that was purged to, and one right before");
    let (env, _) = env_on(&whole.disk, 9);
    let report = drop_last_batch(&env, Path::new(DIR)).unwrap();
    assert_eq!((report.first_lsn, report.snapshots_aside.len()), (Lsn(13), 2));
    let aside: Vec<_> = report.snapshots_aside.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(aside, ["0000000000000005.snap.aside", "0000000000000004.snap.aside"]);
    for stop in 0..whole.disk.changes() {
        for (sectors, names) in [
            (Survival::None, Survival::None),
            (Survival::All, Survival::None),
            (Survival::None, Survival::All),
            (Survival::Seeded(stop), Survival::Seeded(!stop)),
        ] {
            let stopped = damaged.after_crash(&LOST);
            stopped.disk.stop_at_change(stop);
            let (env, _) = env_on(&stopped.disk, 9);
            drop_last_batch(&env, Path::new(DIR)).unwrap_err();
            let mut again = stopped.after_crash(&CrashPlan { sectors, names });
            let context = format!("stop {stop}, {sectors:?}, {names:?}");
            let is_dropped = again.try_read().is_ok();
            assert!(!is_dropped || snapshots_named(&again.disk).len() == before, "{context}");
            let (env, _) = env_on(&again.disk, 9);
            match drop_last_batch(&env, Path::new(DIR)) {
                Ok(_) | Err(DropError::Sound { .. }) => {}
                Err(error) => panic!("{context}: {error}"),
            }
            assert_eq!(snapshots_named(&again.disk).len(), before, "{context}");
            again.model.acknowledged = 12;
            drop(again.recover(&context));
            again.disk = again.disk.kill();
            again.run(&[Op::Append(vec![77]), Op::Write, Op::Idle]).unwrap();
            assert!(verified(&again.disk.kill()).is_sound(), "{context}");
        }
    }
}

#[test]
fn a_snapshot_of_another_course_of_the_log_is_named_left_out_and_set_aside_though_its_numbers_fit() {
    let mut world = used();
    world.disk = world.disk.kill();
    let mut other = world.after_crash(&LOST);
    world.run(&[Op::Append(vec![60]), Op::Write, Op::Snapshot, Op::Idle]).unwrap();
    other.run(&[Op::Append(vec![61]), Op::Write, Op::Append(vec![62]), Op::Write, Op::Idle]).unwrap();
    let name = "snapshots/0000000000000003.snap";
    let (foreign, path) =
        (world.disk.read_file(&Path::new(DIR).join(name)).unwrap(), Path::new(DIR).join(name));
    let disk = other.disk.kill();
    disk.put_file(&path, &foreign);
    let problems = verified(&disk).problems;
    assert!(problems.len() == 1 && problems[0].what.contains("another record 13"), "{problems:?}");
    let (env, _) = env_on(&disk, 9);
    let opened = Log::open(small_options(), env).unwrap();
    assert_eq!(opened.snapshots().list().unwrap().len(), 2);
    let (_, found) = opened.snapshots().inspect().unwrap().swap_remove(0);
    let error = found.unwrap_err();
    assert!(error.is_foreign(), "{error}");
    assert!(disk.files().contains(&path), "looking changes nothing");
    drop(opened.assemble::<()>().unwrap());
    assert!(!disk.files().contains(&path));
    assert_eq!(disk.read_file(&path.with_extension("snap.aside")).unwrap(), foreign);
}

#[test]
fn damage_before_the_last_batch_is_never_dropped() {
    let world = used();
    let (path, mut content, offset) = last_written(&world.disk);
    content[offset - BLOCK + 200] ^= 1;
    world.disk.put_file(&path, &content);
    let before = segments(&world.disk);
    let (env, _) = env_on(&world.disk, 9);
    let refused = drop_last_batch(&env, Path::new(DIR)).unwrap_err();
    assert!(matches!(refused, DropError::NotLast { .. }), "{refused}");
    assert_eq!(segments(&world.disk), before);
}
