//! Damages a log that was closed or witnessed and checks that it is refused, never silently shortened.

use std::path::{Path, PathBuf};

use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};
use coffer_wal::{OpenError, ReadError};

use crate::world::{Body, DIR, Op, World, long, problems, segments};

const BLOCK: usize = 4096;
const CUT: CrashPlan = CrashPlan { sectors: Survival::None, names: Survival::None };

/// Two runs, three written segments, a masked batch, a rotation; witnessed, and cut off without closing.
fn witnessed() -> World {
    let mut world = World::new();
    world.run(&[Op::Append(vec![120, 64]), Op::Write, Op::Append(vec![1100]), Op::Write, Op::Close]).unwrap();
    world.disk = world.disk.kill();
    let batches = [vec![200], vec![30, 40], vec![0], vec![90]];
    let mut ops: Vec<Op> = batches.into_iter().flat_map(|sizes| [Op::Append(sizes), Op::Write]).collect();
    ops.extend([Op::Idle, Op::Fill]);
    world.run(&ops).unwrap();
    world.after_crash(&CUT)
}

fn segment_path(number: u64) -> PathBuf {
    Path::new(DIR).join("wal").join(format!("{number:016x}.seg"))
}

fn control_path() -> PathBuf {
    Path::new(DIR).join("control")
}

/// What reading the log from its first record to its end comes to.
fn outcome(disk: &CrashStorage) -> Result<Vec<Body>, OpenError> {
    let world = World { disk: disk.clone(), ..World::new() };
    world.try_read().map(|(_, records)| records)
}

fn is_refusal(error: &OpenError) -> bool {
    matches!(error, OpenError::Corrupt(_) | OpenError::FormatVersion { .. } | OpenError::WrongStore { .. })
}

#[track_caller]
fn assert_refused(disk: &CrashStorage, context: &str) {
    match outcome(disk) {
        Err(error) if is_refusal(&error) => {}
        Err(error) => panic!("{context}: refused, but as {error}"),
        Ok(records) => panic!("{context}: {} records were read", records.len()),
    }
}

/// Where the last written block of a segment ends.
fn written(content: &[u8]) -> usize {
    let last = content.chunks(BLOCK).rposition(|block| block.iter().any(|byte| *byte != 0));
    last.map_or(0, |last| (last + 1) * BLOCK)
}

/// The bits to flip: every bit of what is not padding, and of padding every 37th.
fn bits_of(content: &[u8], end: usize) -> impl Iterator<Item = usize> {
    (0..end * 8).filter(|bit| long() || content[bit / 8] != 0xA5 || bit % 37 == 0)
}

#[test]
fn every_flipped_bit_of_what_was_acknowledged_and_witnessed_is_refused() {
    let world = witnessed();
    assert_eq!(outcome(&world.disk).unwrap(), world.model.records);
    let mut flipped = 0;
    for (path, content) in segments(&world.disk) {
        for bit in bits_of(&content, written(&content)) {
            let mut damaged = content.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            world.disk.put_file(&path, &damaged);
            assert_refused(&world.disk, &format!("bit {bit} of {}", path.display()));
            flipped += 1;
            if flipped % 50 == 0 {
                assert_ne!(problems(&world.disk), [""; 0], "bit {bit} of {}", path.display());
            }
        }
        world.disk.put_file(&path, &content);
    }
    assert!(flipped > 20_000, "only {flipped} bits were flipped");
    assert_eq!(outcome(&world.disk).unwrap(), world.model.records);
}

#[test]
fn a_flipped_bit_in_one_slot_of_the_control_file_changes_nothing() {
    let world = witnessed();
    let content = world.disk.read_file(&control_path()).unwrap();
    for bit in bits_of(&content, content.len()) {
        let mut damaged = content.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        world.disk.put_file(&control_path(), &damaged);
        let (opened, records) = world.try_read().unwrap_or_else(|error| panic!("bit {bit}: {error}"));
        assert!(opened.end().control_slot_damaged, "bit {bit}");
        assert!(records == world.model.records, "bit {bit}");
    }
}

#[test]
fn a_slot_of_the_control_file_that_is_lost_whole_or_by_sectors_changes_nothing() {
    let world = witnessed();
    let content = world.disk.read_file(&control_path()).unwrap();
    for (start, bytes) in (0..2).flat_map(|slot| [512, BLOCK].map(|bytes| (slot * BLOCK, bytes))) {
        for fill in [0, 0xFF] {
            let mut damaged = content.clone();
            damaged[start..start + bytes].fill(fill);
            world.disk.put_file(&control_path(), &damaged);
            let (opened, records) = world.try_read().unwrap();
            assert!(opened.end().control_slot_damaged, "{bytes} bytes of {fill} at {start}");
            assert!(records == world.model.records, "{bytes} bytes of {fill} at {start}");
        }
    }
}

#[test]
fn with_either_slot_damaged_the_other_still_knows_how_far_the_log_had_come() {
    let world = witnessed();
    let content = world.disk.read_file(&control_path()).unwrap();
    let (last, _) = segments(&world.disk).into_iter().rfind(|(_, content)| written(content) > 0).unwrap();
    let sound = world.disk.read_file(&last).unwrap();
    let mut shortened = sound.clone();
    let end = written(&sound);
    shortened[end - BLOCK..end].fill(0);
    world.disk.put_file(&last, &shortened);
    for slot in 0..2 {
        let mut damaged = content.clone();
        damaged[slot * BLOCK + 60] ^= 1;
        world.disk.put_file(&control_path(), &damaged);
        assert_refused(&world.disk, &format!("the last batch is gone, slot {slot} is damaged"));
    }
}

#[test]
fn both_slots_damaged_a_cut_control_file_or_none_is_refused() {
    let world = witnessed();
    let content = world.disk.read_file(&control_path()).unwrap();
    let mut both = content.clone();
    both[60] ^= 1;
    both[BLOCK + 60] ^= 1;
    for (what, bytes) in [("both", &both[..]), ("one slot", &content[..BLOCK]), ("empty", &[])] {
        world.disk.put_file(&control_path(), bytes);
        assert_refused(&world.disk, what);
    }
    world.disk.remove_file(&control_path());
    assert_refused(&world.disk, "removed");
}

#[test]
fn a_witnessed_segment_that_is_removed_emptied_cut_or_zeroed_is_refused() {
    let world = witnessed();
    for (path, content) in segments(&world.disk).into_iter().filter(|(_, content)| written(content) > 0) {
        let name = path.display();
        world.disk.remove_file(&path);
        assert_refused(&world.disk, &format!("{name} removed"));
        for bytes in [0, 100, BLOCK, content.len() - BLOCK] {
            world.disk.put_file(&path, &content[..bytes]);
            assert_refused(&world.disk, &format!("{name} cut to {bytes} bytes"));
        }
        let longer = [&content[..], &[0; BLOCK]].concat();
        world.disk.put_file(&path, &longer);
        assert_refused(&world.disk, &format!("{name} grown by a block"));
        world.disk.put_file(&path, &vec![0; content.len()]);
        assert_refused(&world.disk, &format!("{name} zeroed"));
        world.disk.put_file(&path, &content);
    }
}

#[test]
fn every_witnessed_block_or_sector_that_turns_to_zeros_is_refused() {
    let world = witnessed();
    for (path, content) in segments(&world.disk) {
        for unit in [512, BLOCK] {
            for start in (0..written(&content)).step_by(unit) {
                let mut damaged = content.clone();
                damaged[start..start + unit].fill(0);
                world.disk.put_file(&path, &damaged);
                assert_refused(&world.disk, &format!("{unit} zeros at {start} of {}", path.display()));
            }
        }
        world.disk.put_file(&path, &content);
    }
}

#[test]
fn blocks_and_files_that_change_places_are_refused() {
    let world = witnessed();
    let written: Vec<(PathBuf, Vec<u8>)> =
        segments(&world.disk).into_iter().filter(|(_, content)| written(content) > 0).collect();
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        world.disk.put_file(&written[one].0, &written[other].1);
        assert_refused(&world.disk, &format!("{one} is a copy of {other}"));
        world.disk.put_file(&written[other].0, &written[one].1);
        assert_refused(&world.disk, &format!("{one} and {other} swapped"));
        world.disk.put_file(&written[one].0, &written[one].1);
        world.disk.put_file(&written[other].0, &written[other].1);
    }
    let (path, content) = &written[0];
    let mut swapped = content.clone();
    swapped[BLOCK..2 * BLOCK].copy_from_slice(&content[2 * BLOCK..3 * BLOCK]);
    swapped[2 * BLOCK..3 * BLOCK].copy_from_slice(&content[BLOCK..2 * BLOCK]);
    world.disk.put_file(path, &swapped);
    assert_refused(&world.disk, "two batches swapped");
}

#[test]
fn a_sound_batch_of_another_segment_does_not_pass() {
    let world = witnessed();
    let (first, second) = (segment_path(1), segment_path(2));
    let foreign = world.disk.read_file(&first).unwrap()[BLOCK..2 * BLOCK].to_vec();
    let mut content = world.disk.read_file(&second).unwrap();
    content[BLOCK..2 * BLOCK].copy_from_slice(&foreign);
    world.disk.put_file(&second, &content);
    assert_refused(&world.disk, "a batch of segment 1 in segment 2");
}

#[test]
fn an_older_copy_of_the_whole_log_under_a_newer_control_file_is_refused() {
    let mut world = World::new();
    world.run(&[Op::Append(vec![10]), Op::Write, Op::Close]).unwrap();
    let older = segments(&world.disk);
    world.disk = world.disk.kill();
    world.run(&[Op::Append(vec![20]), Op::Write, Op::Close]).unwrap();
    let disk = world.after_crash(&CUT).disk;
    for (path, _) in segments(&disk) {
        disk.remove_file(&path);
    }
    for (path, content) in older {
        disk.put_file(&path, &content);
    }
    assert_refused(&disk, "segments of yesterday, witness of today");
}

#[test]
fn files_of_another_store_are_named_as_such() {
    let world = witnessed();
    let mut other = World { runs: 77, ..World::new() };
    other.run(&[Op::Append(vec![10]), Op::Write, Op::Close]).unwrap();
    let foreign = other.disk.read_file(&segment_path(1)).unwrap();
    world.disk.put_file(&segment_path(1), &foreign);
    assert!(matches!(outcome(&world.disk), Err(OpenError::WrongStore { .. })));
    let control = other.disk.read_file(&control_path()).unwrap();
    let world = witnessed();
    world.disk.put_file(&control_path(), &control);
    assert!(matches!(outcome(&world.disk), Err(OpenError::WrongStore { .. })));
}

#[test]
fn a_last_batch_that_was_not_witnessed_is_refused_when_damaged_and_torn_only_with_a_hole() {
    // The second append is text; the third is zeros, which without a mask would look like holes.
    for appends in [vec![vec![10], vec![700]], vec![vec![10, 20], vec![1100]]] {
        let mut world = World::new();
        world
            .run(&appends.into_iter().flat_map(|sizes| [Op::Append(sizes), Op::Write]).collect::<Vec<_>>())
            .unwrap();
        let disk = world.after_crash(&CUT).disk;
        let content = disk.read_file(&segment_path(1)).unwrap();
        for bit in bits_of(&content, written(&content)).filter(|bit| bit / 8 >= 2 * BLOCK) {
            let mut damaged = content.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            disk.put_file(&segment_path(1), &damaged);
            assert_refused(&disk, &format!("bit {bit} of a batch that nobody witnessed"));
        }
    }
}

#[test]
fn a_segment_is_witnessed_before_its_first_batch_is_acknowledged() {
    let mut world = World::new();
    let full = [Op::Append(vec![7000]), Op::Write, Op::Append(vec![7000]), Op::Write];
    world.run(&full).unwrap();
    let world = world.after_crash(&CUT);
    assert_eq!(outcome(&world.disk).unwrap().len(), 2);
    let path = segment_path(2);
    let content = world.disk.read_file(&path).unwrap();
    assert!(written(&content) > BLOCK, "the second batch went to a new segment");
    world.disk.put_file(&path, &vec![0; content.len()]);
    assert_refused(&world.disk, "the segment that was just begun is zeroed");
    world.disk.remove_file(&path);
    assert_refused(&world.disk, "the segment that was just begun is removed");
}

#[test]
fn damage_in_a_running_log_is_an_error_of_the_read_and_of_nothing_else() {
    let mut world = World::new();
    let mut run = world.start().unwrap();
    for op in [Op::Append(vec![10]), Op::Write, Op::Append(vec![20]), Op::Write] {
        world.apply(&mut run, &op).unwrap();
    }
    let mut content = world.disk.read_file(&segment_path(1)).unwrap();
    content[BLOCK + 150] ^= 1;
    world.disk.put_file(&segment_path(1), &content);
    let reader = run.log.reader();
    let damaged = reader.read(coffer_wal::Lsn(1)).unwrap_err();
    assert!(matches!(damaged, ReadError::Corrupt { .. }), "{damaged}");
    assert_eq!(reader.read(coffer_wal::Lsn(2)).unwrap().public.len(), 20);
    world.apply(&mut run, &Op::Append(vec![30])).unwrap();
    world.apply(&mut run, &Op::Write).unwrap();
    assert_eq!(world.model.acknowledged, 3);
}
