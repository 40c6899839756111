//! An archived segment gives back every record, keeps the chain, and finds every damage.

mod erase;
mod removed;
mod rotten;
mod tree;

use std::path::Path;

use sha2::{Digest, Sha256};

use super::*;
use crate::batch::{BATCH_HEADER_BYTES, BatchHeader, ChainEnd};
use crate::env::OsEnv;
use crate::error::ReadError;
use crate::frame::{FrameHeader, Lsn, RecordBuf, encode_frame};
use crate::reader::SegmentSource;
use crate::storage::crash::{CrashPlan, CrashStorage, Fault, Survival};

const STORE: StoreId = *b"a store's own id";
const DIR: &str = "/shard/archive";

fn archive_on(disk: &CrashStorage, shard: u16) -> Archive {
    let machine = Arc::new(OsEnv::new());
    let env = Env { storage: Arc::new(disk.clone()), clock: machine.clone(), entropy: machine };
    Archive::open(&env, PathBuf::from(DIR), STORE, shard).unwrap()
}

fn header(number: u64, chain: ChainEnd) -> ArchiveHeader {
    ArchiveHeader { store: STORE, shard: 0, number, epoch: 3, created_ns: 99, chain, erased: false }
}

/// The next batch of `count` records of about `bytes` each.
fn batch_after(chain: &ChainEnd, count: u32, bytes: usize) -> (BatchHeader, Vec<u8>) {
    let mut body = Vec::new();
    for at in 0..u64::from(count) {
        let lsn = chain.lsn.plus(at + 1);
        let fields = FrameHeader { time_ns: 1_000 + lsn.0, ..FrameHeader::default() };
        let public: Vec<u8> = (lsn.0.to_le_bytes()).into_iter().cycle().take(bytes).collect();
        encode_frame(&mut body, &fields, &public, b"name").unwrap();
    }
    let header = BatchHeader {
        length: u32::try_from(BATCH_HEADER_BYTES + body.len()).unwrap(),
        count,
        shard: 0,
        first_lsn: chain.lsn.next(),
        sequence: chain.sequence + 1,
        epoch: 3,
        time_ns: 1_000 + chain.lsn.0 + u64::from(count),
        mask: 0x0101_0101_0101_0101,
        previous_hash: chain.hash,
        body_hash: Sha256::digest(&body).into(),
        stored: 0,
    };
    (header, body)
}

/// Archives segment `number` with these batches (records, bytes of each) after `chain`.
fn archive_segment(
    archive: &Archive,
    number: u64,
    chain: ChainEnd,
    batches: &[(u32, usize)],
) -> Result<ChainEnd, ArchiveError> {
    let mut writer = archive.create(header(number, chain))?;
    let mut end = chain;
    for (count, bytes) in batches {
        let (header, body) = batch_after(&end, *count, *bytes);
        writer.batch(&header, &body)?;
        end = end.followed_by(&header).unwrap();
    }
    assert_eq!(writer.finish()?, end);
    Ok(end)
}

fn genesis() -> ChainEnd {
    ChainEnd::genesis(&STORE, 0)
}

fn read(archive: &Archive, from: u64, to: u64) -> Result<Vec<RecordBuf>, ReadError> {
    let mut records = Vec::new();
    archive.scan(Lsn(from), Lsn(to), &mut |record| {
        records.push(record.to_owned());
        Ok(())
    })?;
    Ok(records)
}

#[test]
fn every_record_is_found_across_batches_blocks_and_segments() {
    let archive = archive_on(&CrashStorage::new(), 0);
    let first =
        archive_segment(&archive, 1, genesis(), &[(3, 10), (200, 1000), (1, 0), (2, 90_000)]).unwrap();
    let second = archive_segment(&archive, 2, first, &[]).unwrap();
    let third = archive_segment(&archive, 3, second, &[(5, 40_000), (5, 40_000)]).unwrap();
    assert_eq!(archive.lsn_range(), Some((Lsn(1), third.lsn)));
    let all = read(&archive, 1, third.lsn.0).unwrap();
    let lsns: Vec<u64> = all.iter().map(|record| record.lsn.0).collect();
    assert_eq!(lsns, (1..=216).collect::<Vec<_>>());
    for record in &all {
        assert_eq!(record.header.time_ns, 1_000 + record.lsn.0);
        assert_eq!(read(&archive, record.lsn.0, record.lsn.0).unwrap(), std::slice::from_ref(record));
    }
    let beyond = read(&archive, 217, 300).unwrap_err();
    assert!(matches!(beyond, ReadError::Gone { .. }));
    assert_eq!(archive_segment(&archive, 4, third, &[(1, 1)]).unwrap().lsn, Lsn(217));
    assert_eq!(read(&archive, 217, 300).unwrap().len(), 1);
}

#[test]
fn a_gap_in_the_numbers_ends_the_unbroken_range() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let mut chain = genesis();
    for number in 1..=4 {
        chain = archive_segment(&archive, number, chain, &[(10, 10)]).unwrap();
    }
    disk.remove_file(&archive.path(2));
    let reopened = archive_on(&disk, 0);
    assert_eq!(reopened.numbers(), [1, 3, 4]);
    assert_eq!(reopened.lsn_range(), Some((Lsn(21), Lsn(40))));
    assert!(matches!(read(&reopened, 15, 15), Err(ReadError::Gone { .. })));
    assert_eq!(read(&reopened, 25, 35).unwrap().len(), 11);
}

#[test]
fn a_damaged_segment_costs_its_own_records_and_no_others() {
    const SEGMENTS: u64 = 9;
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let mut chain = genesis();
    for number in 1..=SEGMENTS {
        chain = archive_segment(&archive, number, chain, &[(10, 10)]).unwrap();
    }
    for damaged in 1..=SEGMENTS {
        let path = archive.path(damaged);
        let sound = disk.read_file(&path).unwrap();
        disk.put_file(&path, &sound[..sound.len() - 1]);
        let reopened = archive_on(&disk, 0);
        for lsn in 1..=chain.lsn.0 {
            let read = read(&reopened, lsn, lsn);
            if lsn.div_ceil(10) == damaged {
                assert!(
                    matches!(&read, Err(ReadError::Corrupt { path: at, .. }) if *at == path),
                    "{damaged}, {lsn}: {read:?}"
                );
            } else {
                assert_eq!(
                    read.unwrap().len(),
                    1,
                    "segment {damaged} is damaged, and record {lsn} is in another"
                );
            }
        }
        let (first, last) = reopened.lsn_range().unwrap();
        assert_eq!(first.0, if damaged == 1 { 11 } else { 1 });
        assert_eq!(last.0, if damaged == SEGMENTS { chain.lsn.0 - 10 } else { chain.lsn.0 });
        disk.put_file(&path, &sound);
    }
}

#[test]
fn a_batch_that_does_not_follow_is_refused() {
    let archive = archive_on(&CrashStorage::new(), 0);
    let mut writer = archive.create(header(1, genesis())).unwrap();
    let (first, body) = batch_after(&genesis(), 2, 10);
    writer.batch(&first, &body).unwrap();
    let refused = writer.batch(&first, &body).unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged { damage: ArchiveDamage::Chain, .. }));
}

#[test]
fn a_segment_that_holds_fewer_records_than_it_says_is_refused_at_the_first_that_lacks() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    archive_segment(&archive, 1, genesis(), &[(10, 10)]).unwrap();
    let mut bytes = disk.read_file(&archive.path(1)).unwrap();
    let (file_bytes, at) = (bytes.len() as u64, bytes.len() - layout::TRAILER_BYTES);
    let mut trailer = layout::Trailer::decode(&bytes[at..], file_bytes).unwrap();
    trailer.chain.lsn = Lsn(1 << 40);
    bytes[at..].copy_from_slice(&trailer.encode());
    disk.put_file(&archive.path(1), &bytes);
    let refused = read(&archive_on(&disk, 0), 5, 1 << 39).unwrap_err();
    assert!(matches!(refused, ReadError::Corrupt { lsn: Lsn(11), .. }), "{refused}");
}

#[test]
fn any_flipped_bit_is_found() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    archive_segment(&archive, 1, genesis(), &[(3, 10), (2, 500)]).unwrap();
    let path = archive.path(1);
    let sound = disk.read_file(&path).unwrap();
    for bit in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        disk.put_file(&path, &damaged);
        assert!(archive.verify(1).is_err(), "bit {bit}");
    }
}

#[test]
fn foreign_renamed_and_truncated_files_are_refused() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    archive_segment(&archive, 1, genesis(), &[(3, 10)]).unwrap();
    let sound = disk.read_file(&archive.path(1)).unwrap();
    disk.put_file(&archive.path(2), &sound);
    let damage_of = |result: Result<(), ArchiveError>| match result {
        Err(ArchiveError::Damaged { damage, .. }) => damage,
        other => panic!("{other:?}"),
    };
    assert_eq!(damage_of(archive.verify(2)), ArchiveDamage::WrongName);
    assert_eq!(damage_of(archive_on(&disk, 1).verify(1)), ArchiveDamage::WrongStore);
    for length in [0, 100, 4096] {
        disk.put_file(&archive.path(1), &sound[..length]);
        assert_eq!(damage_of(archive.verify(1)), ArchiveDamage::Length);
    }
}

#[test]
fn whichever_call_fails_or_stops_the_machine_only_whole_segments_are_archived() {
    let batches = [(3, 10), (2, 500)];
    let whole_run = CrashStorage::new();
    archive_segment(&archive_on(&whole_run, 0), 1, genesis(), &batches).unwrap();
    for call in 0..whole_run.calls() {
        for fault in [Fault::Errno(5), Fault::ShortWrite(512)] {
            let disk = CrashStorage::new();
            let Some(archive) = try_archive_on(&disk, call, fault) else { continue };
            let archived = archive_segment(&archive, 1, genesis(), &batches);
            assert_eq!(leftovers(&disk), 0, "call {call}, {fault:?}");
            check_whole_or_absent(&disk, archived.is_ok(), &format!("call {call}, {fault:?}"));
        }
    }
    for stop in 0..whole_run.changes() {
        let disk = CrashStorage::new();
        let archive = archive_on(&disk, 0);
        disk.stop_at_change(stop);
        assert!(archive_segment(&archive, 1, genesis(), &batches).is_err());
        for seed in 0..16 {
            let plan = CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
            check_whole_or_absent(&disk.crash(&plan), false, &format!("stop {stop}, seed {seed}"));
        }
    }
}

fn try_archive_on(disk: &CrashStorage, call: u64, fault: Fault) -> Option<Archive> {
    let machine = Arc::new(OsEnv::new());
    let env = Env { storage: Arc::new(disk.clone()), clock: machine.clone(), entropy: machine };
    disk.fail_call(call, fault);
    Archive::open(&env, PathBuf::from(DIR), STORE, 0).ok()
}

fn leftovers(disk: &CrashStorage) -> usize {
    disk.files().iter().filter(|path| path.extension() == Some("tmp".as_ref())).count()
}

/// What is archived is whole, and archiving again works.
fn check_whole_or_absent(disk: &CrashStorage, must_be_there: bool, context: &str) {
    let found = archive_on(disk, 0);
    assert!(found.holds(1) || !must_be_there, "{context}");
    for number in found.numbers() {
        found.verify(number).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(read(&found, 1, 5).unwrap().len(), 5, "{context}");
    }
    if !found.holds(1) {
        archive_segment(&found, 1, genesis(), &[(3, 10), (2, 500)]).unwrap();
    }
    found.verify(1).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(leftovers(disk), 0, "{context}");
    assert_eq!(found.path(1).parent(), Some(Path::new(DIR)));
}

#[test]
fn a_replay_shows_every_record_once_and_in_order() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let first = archive_segment(&archive, 1, genesis(), &[(3, 10), (200, 1000)]).unwrap();
    let last = archive_segment(&archive, 2, first, &[(7, 10)]).unwrap();
    let mut seen = Vec::new();
    let replayed = archive.replay(&mut |record| {
        seen.push(record.lsn.0);
        Ok(())
    });
    assert_eq!(replayed.unwrap(), ArchiveReplay { segments: 2, end: last });
    assert_eq!(seen, (1..=210).collect::<Vec<_>>());
}

#[test]
fn a_replay_refuses_a_missing_segment_and_one_that_does_not_follow() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let first = archive_segment(&archive, 1, genesis(), &[(3, 10)]).unwrap();
    archive_segment(&archive, 3, first, &[(7, 10)]).unwrap();
    assert!(archive.replay(&mut |_| Ok(())).unwrap_err().to_string().contains("missing"));
    archive_segment(&archive, 2, genesis(), &[(3, 20)]).unwrap();
    assert!(archive.replay(&mut |_| Ok(())).unwrap_err().to_string().contains("does not go on"));
}
