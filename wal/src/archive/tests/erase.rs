//! An erased segment proves, chains and reads as before, but for what was erased; and no crash leaves it in between.

use super::*;
use crate::audit::{leaf_of_record, personal_hash};
use crate::error::VisitError;
use crate::frame::Record;
use crate::storage::BLOCK_BYTES;

const BATCHES: [(u32, usize); 4] = [(3, 10), (200, 1000), (1, 0), (2, 90_000)];
const RECORDS: u64 = 206;

/// Every third record.
fn is_chosen(lsn: Lsn) -> bool {
    lsn.0.is_multiple_of(3)
}

fn choose(record: &Record<'_>) -> Result<Option<Vec<u8>>, VisitError> {
    let fresh = is_chosen(record.lsn) && record.erased.is_none();
    Ok(fresh.then(|| b"-".to_vec()))
}

fn sample(disk: &CrashStorage) -> (Archive, ChainEnd) {
    let archive = archive_on(disk, 0);
    let first = archive_segment(&archive, 1, genesis(), &BATCHES).unwrap();
    let second = archive_segment(&archive, 2, first, &[(5, 40_000)]).unwrap();
    (archive, second)
}

#[test]
fn what_is_erased_is_gone_and_everything_else_is_as_it_was() {
    let disk = CrashStorage::new();
    let (archive, end) = sample(&disk);
    let before = read(&archive, 1, end.lsn.0).unwrap();
    let roots = (archive.chained_root(1).unwrap(), archive.chained_root(2).unwrap());
    assert_eq!(archive.erase(1, &mut choose).unwrap(), RECORDS / 3);
    for archive in [archive, archive_on(&disk, 0)] {
        archive.verify(1).unwrap();
        archive.verify(2).unwrap();
        assert_eq!((archive.chained_root(1).unwrap(), archive.chained_root(2).unwrap()), roots);
        assert!(archive.verify_chained_root(2).unwrap().is_some());
        assert_eq!(archive.replay(&mut |_| Ok(())).unwrap().end, end, "the chain of batches is what it was");
        for (was, is) in before.iter().zip(read(&archive, 1, end.lsn.0).unwrap()) {
            assert_eq!(leaf_of_record(&was.as_record()), leaf_of_record(&is.as_record()));
            if is_chosen(was.lsn) && was.lsn.0 <= RECORDS {
                assert_eq!((&*is.personal, is.erased), (&b"-"[..], Some(personal_hash(b"name"))));
                assert_eq!((&was.public, was.header), (&is.public, is.header));
            } else {
                assert_eq!(*was, is);
            }
        }
    }
}

#[test]
fn every_record_of_an_erased_segment_is_proven_as_before() {
    let (archive, _) = sample(&CrashStorage::new());
    let prove = |lsn| match archive.prove(Lsn(lsn)).unwrap() {
        Provable::Proven(proof) => *proof,
        other => panic!("{other:?}"),
    };
    let before: Vec<_> = (1..=RECORDS).map(prove).collect();
    archive.erase(1, &mut choose).unwrap();
    for was in before {
        let is = prove(was.record.lsn.0);
        assert_eq!((&was.path, was.before, was.segment), (&is.path, is.before, is.segment));
        let (was, is) = (was.record.as_record(), is.record.as_record());
        assert_eq!(leaf_of_record(&was), leaf_of_record(&is));
    }
}

#[test]
fn erasing_again_changes_nothing_and_erasing_more_keeps_what_was_erased() {
    let disk = CrashStorage::new();
    let (archive, end) = sample(&disk);
    archive.erase(1, &mut choose).unwrap();
    let once = disk.read_file(&archive.path(1)).unwrap();
    assert_eq!(archive.erase(1, &mut choose).unwrap(), 0);
    assert_eq!(disk.read_file(&archive.path(1)).unwrap(), once);
    archive.erase(1, &mut |record| Ok((record.lsn == Lsn(4)).then(Vec::new))).unwrap();
    archive.verify(1).unwrap();
    let erased = read(&archive, 1, end.lsn.0).unwrap().into_iter().filter(|record| record.erased.is_some());
    assert_eq!(erased.count() as u64, RECORDS / 3 + 1);
}

#[test]
fn a_segment_without_a_tree_is_erased_and_gets_none() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    let mut writer = archive.create(header(1, genesis())).unwrap().keeping(None);
    let (first, body) = batch_after(&genesis(), 4, 10);
    writer.batch(&first, &body).unwrap();
    writer.finish().unwrap();
    assert_eq!(archive.erase(1, &mut choose).unwrap(), 1);
    archive.verify(1).unwrap();
    assert_eq!(archive.chained_root(1).unwrap(), None);
    assert!(read(&archive, 3, 3).unwrap()[0].erased.is_some());
}

#[test]
fn any_flipped_bit_of_an_erased_segment_is_found() {
    let disk = CrashStorage::new();
    let archive = archive_on(&disk, 0);
    archive_segment(&archive, 1, genesis(), &[(3, 10), (2, 300)]).unwrap();
    archive.erase(1, &mut choose).unwrap();
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
fn a_hash_that_was_exchanged_with_all_checksums_made_to_fit_is_found_by_the_tree() {
    let disk = CrashStorage::new();
    let (archive, _) = sample(&disk);
    archive.erase(1, &mut choose).unwrap();
    let segment = archive.segment(1).unwrap();
    let header = *segment.header();
    let forged = |flip: bool| {
        let disk = CrashStorage::new();
        let copy = archive_on(&disk, 0);
        let mut writer = copy.create(header).unwrap().keeping(segment.tree().unwrap());
        let written = segment.batches(Lsn(1), Lsn(RECORDS), &mut |batch| {
            let mut body = batch.frames.to_vec();
            if flip && batch.header.first_lsn == Lsn(1) {
                body = forge(&batch);
            }
            writer.batch(&batch.header, &body).map_err(|error| error.at_record(Lsn(1)))
        });
        written.unwrap();
        writer.finish().map(|_| ())
    };
    forged(false).unwrap();
    let found = forged(true).unwrap_err();
    assert!(matches!(found, ArchiveError::Damaged { damage: ArchiveDamage::Tree, .. }), "{found}");
}

/// The batch with another hash in its first erased record, and checksums to it.
fn forge(batch: &crate::walk::WalkedBatch<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    for record in batch.records() {
        let record = record.unwrap();
        let Some(hash) = record.erased else {
            encode_frame(&mut body, &record.header, record.public, record.personal).unwrap();
            continue;
        };
        let mut other = *hash;
        other[0] ^= 1;
        let forged = Record { erased: Some(&other), ..record };
        crate::frame::encode_erased_frame(&mut body, &forged, record.personal).unwrap();
    }
    body
}

#[test]
fn an_erased_batch_in_a_file_that_says_it_has_none_is_neither_written_nor_read() {
    let disk = CrashStorage::new();
    let (archive, _) = sample(&disk);
    archive.erase(1, &mut choose).unwrap();
    let segment = archive.segment(1).unwrap();
    let copy = archive_on(&CrashStorage::new(), 0);
    let unmarked = ArchiveHeader { erased: false, ..*segment.header() };
    let mut writer = copy.create(unmarked).unwrap();
    let written = segment.batches(Lsn(1), Lsn(RECORDS), &mut |batch| {
        writer.batch(&batch.header, batch.frames).map_err(|error| error.at_record(Lsn(1)))
    });
    assert!(written.is_err());
    let path = archive.path(1);
    let mut file = disk.read_file(&path).unwrap();
    file[..BLOCK_BYTES].copy_from_slice(&unmarked.encode());
    disk.put_file(&path, &file);
    assert!(archive_on(&disk, 0).segment(1).unwrap().verify().is_err());
}

#[test]
fn whichever_call_fails_or_stops_the_machine_the_segment_is_as_it_was_or_erased() {
    let start = CrashStorage::new();
    let (archive, _) = sample(&start);
    let (calls, changes) = (start.calls(), start.changes());
    archive.erase(1, &mut choose).unwrap();
    let (calls_after, changes_after) = (start.calls(), start.changes());
    for call in calls..calls_after {
        for fault in [Fault::Errno(5), Fault::ShortWrite(512)] {
            let disk = CrashStorage::new();
            let (archive, end) = sample(&disk);
            disk.fail_call(call, fault);
            let erased = archive.erase(1, &mut choose).is_ok();
            check_before_or_after(&disk, end, erased, &format!("call {call}, {fault:?}"));
        }
    }
    for stop in changes..changes_after {
        let disk = CrashStorage::new();
        let (archive, end) = sample(&disk);
        disk.stop_at_change(stop);
        assert!(archive.erase(1, &mut choose).is_err());
        for seed in 0..16 {
            let plan = CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
            check_before_or_after(&disk.crash(&plan), end, false, &format!("stop {stop}, seed {seed}"));
        }
    }
}

/// The archive verifies, its first segment is erased whole or not at all, and erasing again finishes it.
fn check_before_or_after(disk: &CrashStorage, end: ChainEnd, must_be_erased: bool, context: &str) {
    let archive = archive_on(disk, 0);
    let erased =
        || read(&archive, 1, RECORDS).unwrap().iter().filter(|record| record.erased.is_some()).count();
    assert!(matches!(erased() as u64, 0 | 68), "{context}");
    assert!(!must_be_erased || erased() == 68, "{context}");
    for _ in 0..2 {
        assert_eq!(archive.replay(&mut |_| Ok(())).unwrap().end, end, "{context}");
        archive.erase(1, &mut choose).unwrap();
        assert_eq!(erased(), 68, "{context}");
    }
    let leftovers = disk.files().iter().filter(|path| path.extension() == Some("tmp".as_ref())).count();
    assert_eq!(leftovers, 0, "{context}");
}
