//! A snapshot gives back what was put in, or says that it cannot.

use sha2::{Digest, Sha256};

use super::*;
use crate::storage::crash::{CrashPlan, CrashStorage, Fault, Survival};

const STORE: [u8; 16] = *b"a store's own id";

struct FixedClock;

impl Clock for FixedClock {
    fn now_ns(&self) -> u64 {
        1_763_000_000_000_000_000
    }

    fn monotonic_ns(&self) -> u64 {
        0
    }
}

fn snapshots_on(disk: &CrashStorage, shard: u16) -> SnapshotStore {
    SnapshotStore {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(FixedClock),
        dir: PathBuf::from("/shard/snapshots"),
        store: STORE,
        shard,
        log: None,
        spares: None,
    }
}

fn blocks(seed: u8) -> Vec<SnapshotBlock> {
    let lengths = [0, 1, 100, 4096, 5000];
    let block = |(kind, length)| SnapshotBlock { kind, bytes: vec![seed ^ kind; length] };
    (0..).zip(lengths).map(block).collect()
}

fn take(snapshots: &SnapshotStore, start: u64, seed: u8) -> Result<SnapshotInfo, SnapshotError> {
    let mut writer = snapshots.create(Lsn(start))?;
    for block in blocks(seed) {
        writer.block(block.kind, &block.bytes)?;
    }
    writer.finish(Lsn(start + 5), &[seed; 32], Lsn(start + 5))
}

fn read(snapshots: &SnapshotStore, info: &SnapshotInfo) -> Result<Vec<SnapshotBlock>, SnapshotError> {
    snapshots.open(info)?.collect()
}

#[test]
fn a_snapshot_gives_back_its_blocks_and_what_it_says_about_itself() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    assert_eq!(snapshots.list().unwrap(), []);
    let info = take(&snapshots, 40, 7).unwrap();
    assert_eq!((info.id, info.start_lsn, info.highest_lsn, info.blocks), (1, Lsn(40), Lsn(45), 5));
    assert_eq!(info.bytes % 4096, 0);
    assert_eq!(snapshots.list().unwrap(), std::slice::from_ref(&info));
    assert_eq!(read(&snapshots, &info).unwrap(), blocks(7));
    snapshots.verify(&info).unwrap();
}

#[test]
fn an_empty_snapshot_is_one_block_long_on_disk() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let info = snapshots.create(Lsn::NONE).unwrap().finish(Lsn::NONE, &[0; 32], Lsn::NONE).unwrap();
    assert_eq!((info.bytes, info.blocks), (4096, 0));
    assert_eq!(read(&snapshots, &info).unwrap(), []);
}

#[test]
fn any_flipped_bit_is_found_whether_it_lies_in_an_end_a_block_or_the_fill() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let info = take(&snapshots, 40, 7).unwrap();
    let path = snapshots.path(info.id);
    let sound = disk.read_file(&path).unwrap();
    for bit in 0..sound.len() * 8 {
        // Every bit of the structured parts, every 13th of what is filled alike.
        let byte = bit / 8;
        if byte > 400 && byte < sound.len() - 200 && bit % 13 != 0 {
            continue;
        }
        let mut damaged = sound.clone();
        damaged[byte] ^= 1 << (bit % 8);
        disk.put_file(&path, &damaged);
        assert!(snapshots.verify(&info).is_err(), "bit {bit}");
    }
}

#[test]
fn a_truncated_or_foreign_or_renamed_snapshot_is_refused() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let info = take(&snapshots, 40, 7).unwrap();
    let path = snapshots.path(info.id);
    let sound = disk.read_file(&path).unwrap();
    assert!(matches!(snapshots_on(&disk, 1).verify(&info), Err(SnapshotError::WrongStore { .. })));
    disk.put_file(&snapshots.path(9), &sound);
    let listed: Vec<u64> = snapshots.list().unwrap().iter().map(|info| info.id).collect();
    assert_eq!(listed, [1]);
    for length in [0, 1, 4095, 4096, 8192, sound.len() - 1] {
        disk.put_file(&path, &sound[..length]);
        assert!(snapshots.verify(&info).is_err(), "length {length}");
    }
}

/// As a build before format 2 wrote it: no mark, and the hash over header and content.
#[test]
fn a_snapshot_of_format_1_is_read_and_has_no_mark() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let info = take(&snapshots, 40, 7).unwrap();
    assert!(info.mark.is_some());
    let path = snapshots.path(info.id);
    let mut bytes = disk.read_file(&path).unwrap();
    let trailer = bytes.len() - TRAILER_BYTES;
    bytes[8] = 1;
    let header_crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&header_crc.to_le_bytes());
    let mut seal = |mark: [u8; 8]| {
        let hash: [u8; 32] = Sha256::digest(&bytes[..trailer + 48]).into();
        bytes[trailer + 48..trailer + 80].copy_from_slice(&hash);
        bytes[trailer + 80..trailer + 88].copy_from_slice(&mark);
        let crc = crc32fast::hash(&bytes[trailer..trailer + 92]);
        bytes[trailer + 92..].copy_from_slice(&crc.to_le_bytes());
        disk.put_file(&path, &bytes);
    };
    seal([0; 8]);
    assert_eq!(snapshots.list().unwrap(), [SnapshotInfo { mark: None, ..info.clone() }]);
    assert_eq!(read(&snapshots, &info).unwrap(), blocks(7));
    seal([7; 8]);
    assert!(snapshots.verify(&info).is_err(), "format 1 has zeros there");
}

#[test]
fn a_newer_format_is_named_and_not_called_damage() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let info = take(&snapshots, 40, 7).unwrap();
    let path = snapshots.path(info.id);
    let mut bytes = disk.read_file(&path).unwrap();
    bytes[8] = 3;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    disk.put_file(&path, &bytes);
    assert!(matches!(
        snapshots.verify(&info),
        Err(SnapshotError::FormatVersion { found: 3, supported: 2, .. })
    ));
}

#[test]
fn a_snapshot_that_knows_more_than_the_log_is_refused() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let writer = snapshots.create(Lsn(1)).unwrap();
    let refused = writer.finish(Lsn(8), &[0; 32], Lsn(7)).unwrap_err();
    assert!(matches!(refused, SnapshotError::NotDurable { .. }));
    assert_eq!(snapshots.list().unwrap(), []);
}

#[test]
fn the_two_newest_are_kept_and_the_older_of_them_is_how_far_the_log_may_go() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let mut floors = Vec::new();
    for start in [10, 20, 30, 40] {
        take(&snapshots, start, 1).unwrap();
        snapshots.prune().unwrap();
        floors.push(snapshots.purge_floor().unwrap().0);
    }
    assert_eq!(floors, [0, 10, 20, 30]);
    let starts: Vec<u64> = snapshots.list().unwrap().iter().map(|info| info.start_lsn.0).collect();
    assert_eq!(starts, [40, 30]);
    assert_eq!(disk.files().len(), 2);
}

#[test]
fn wherever_the_machine_stops_the_earlier_snapshot_is_there_and_the_new_one_whole_or_absent() {
    let whole_run = CrashStorage::new();
    take(&snapshots_on(&whole_run, 0), 10, 1).unwrap();
    let first = whole_run.changes();
    take(&snapshots_on(&whole_run, 0), 20, 2).unwrap();
    for stop in first..whole_run.changes() {
        let disk = CrashStorage::new();
        let before = take(&snapshots_on(&disk, 0), 10, 1).unwrap();
        disk.stop_at_change(stop);
        assert!(take(&snapshots_on(&disk, 0), 20, 2).is_err(), "stop {stop}");
        for seed in 0..16 {
            let plan = CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
            let found = snapshots_on(&disk.crash(&plan), 0);
            let listed = found.list().unwrap();
            assert_eq!(listed.last(), Some(&before), "stop {stop}, seed {seed}");
            for info in &listed {
                let seed_of_it = if info.id == 1 { 1 } else { 2 };
                assert_eq!(read(&found, info).unwrap(), blocks(seed_of_it), "stop {stop}, seed {seed}");
            }
            take(&found, 30, 3).unwrap();
            found.prune().unwrap();
            assert_eq!(found.list().unwrap().len(), 2, "stop {stop}, seed {seed}");
        }
    }
}

#[test]
fn whichever_call_fails_no_snapshot_appears_that_is_not_whole() {
    let whole_run = CrashStorage::new();
    take(&snapshots_on(&whole_run, 0), 10, 1).unwrap();
    for call in 0..whole_run.calls() {
        for fault in [Fault::Errno(5), Fault::Errno(28), Fault::ShortWrite(4096)] {
            let disk = CrashStorage::new();
            disk.fail_call(call, fault);
            let taken = take(&snapshots_on(&disk, 0), 10, 1);
            let found = snapshots_on(&disk, 0);
            for info in found.list().unwrap() {
                assert_eq!(read(&found, &info).unwrap(), blocks(1), "call {call}, {fault:?}");
            }
            assert!(taken.is_err() || found.list().unwrap().len() == 1, "call {call}, {fault:?}");
            assert!(found.unfinished().unwrap().next().is_none(), "call {call}, {fault:?}");
        }
    }
}

#[test]
fn a_snapshot_that_is_given_up_gives_its_room_back() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    drop(snapshots.create(Lsn(10)).unwrap());
    assert_eq!(disk.files(), [] as [PathBuf; 0]);
    disk.set_capacity_bytes(3 << 20);
    let mut writer = snapshots.create(Lsn(10)).unwrap();
    let full = loop {
        if let Err(error) = writer.block(1, &[1; 1 << 20]) {
            break error;
        }
    };
    assert!(matches!(full, SnapshotError::NoRoom { .. }), "{full}");
    assert!(writer.bytes() > 2 << 20, "it had taken what there was");
    drop(writer);
    assert_eq!(disk.files(), [] as [PathBuf; 0]);
    take(&snapshots, 10, 1).unwrap();
}

#[test]
fn a_snapshot_is_not_begun_where_one_as_large_as_the_newest_does_not_fit() {
    let disk = CrashStorage::new();
    let snapshots = snapshots_on(&disk, 0);
    let bytes = take(&snapshots, 10, 1).unwrap().bytes;
    disk.set_capacity_bytes(2 * bytes - 1);
    let refused = snapshots.create(Lsn(20)).unwrap_err();
    let told =
        SnapshotError::NoRoom { dir: snapshots.dir.clone(), needed_bytes: bytes, free_bytes: bytes - 1 };
    assert_eq!(refused.to_string(), told.to_string());
    assert!(told.to_string().contains(&format!("{bytes} bytes, and {} are free", bytes - 1)), "{told}");
    assert_eq!(disk.files().len(), 1);
    disk.set_capacity_bytes(2 * bytes);
    take(&snapshots, 20, 2).unwrap();
}

#[test]
fn what_a_killed_process_had_not_finished_can_be_removed() {
    let disk = CrashStorage::new();
    let before = take(&snapshots_on(&disk, 0), 10, 1).unwrap();
    let writer = snapshots_on(&disk, 0).create(Lsn(20)).unwrap();
    let left = disk.kill();
    drop(writer);
    assert_eq!((disk.files().len(), left.files().len()), (1, 2));
    let found = snapshots_on(&left, 0);
    found.remove_unfinished().unwrap();
    assert_eq!((left.files().len(), found.list().unwrap()), (1, vec![before]));
}
