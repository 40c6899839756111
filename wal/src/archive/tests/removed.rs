//! An archive without its oldest segments is whole, knows where it begins, and tells removed from lost.

use super::*;

/// Five segments of ten records.
fn five(disk: &CrashStorage) -> (Archive, ChainEnd) {
    let archive = archive_on(disk, 0);
    let mut chain = genesis();
    for number in 1..=5 {
        chain = archive_segment(&archive, number, chain, &[(10, 10)]).unwrap();
    }
    (archive, chain)
}

fn replayed(archive: &Archive) -> Result<(u64, ChainEnd), crate::error::OpenError> {
    let mut records = 0;
    let replayed = archive.replay(&mut |_| {
        records += 1;
        Ok(())
    })?;
    Ok((records, replayed.end))
}

#[test]
fn what_is_removed_is_gone_and_the_rest_goes_on_from_where_it_was() {
    let disk = CrashStorage::new();
    let (archive, end) = five(&disk);
    let second = archive.chained_root(2).unwrap().map(|(_, chained)| chained);
    assert_eq!(archive.remove_through(2).unwrap(), [1, 2]);
    for archive in [archive, archive_on(&disk, 0)] {
        assert_eq!(archive.numbers(), [3, 4, 5]);
        let removed = archive.removed().unwrap();
        assert_eq!((removed.segment, removed.chain.lsn, removed.root), (2, Lsn(20), second));
        assert_eq!(replayed(&archive).unwrap(), (30, end));
        assert_eq!(archive.lsn_range(), Some((Lsn(21), Lsn(50))));
        assert!(matches!(read(&archive, 20, 20), Err(ReadError::Gone { .. })));
        assert!(archive.verify_chained_root(3).unwrap().is_some(), "the chain of roots goes on");
    }
}

#[test]
fn the_newest_segment_stays_and_the_next_one_follows_it() {
    let disk = CrashStorage::new();
    let (archive, end) = five(&disk);
    assert_eq!(archive.remove_through(u64::MAX).unwrap(), [1, 2, 3, 4]);
    assert_eq!(archive.remove_through(u64::MAX).unwrap(), []);
    archive_segment(&archive, 6, end, &[(10, 10)]).unwrap();
    assert!(archive.verify_chained_root(5).unwrap().is_some());
    assert!(archive.verify_chained_root(6).unwrap().is_some());
    assert_eq!(archive.remove_through(5).unwrap(), [5]);
    assert!(archive_on(&disk, 0).verify_chained_root(6).unwrap().is_some());
}

#[test]
fn a_reader_that_has_a_segment_open_finishes_it_and_nobody_keeps_it_open_after_that() {
    let disk = CrashStorage::new();
    let (archive, _) = five(&disk);
    let removing = archive.clone();
    let mut seen = Vec::new();
    let scanned = archive.scan(Lsn(1), Lsn(50), &mut |record| {
        if record.lsn == Lsn(3) {
            assert_eq!(removing.remove_through(2).unwrap(), [1, 2]);
        }
        seen.push(record.lsn.0);
        Ok(())
    });
    assert_eq!((scanned.unwrap(), seen), (Lsn(11), (1..=10).collect::<Vec<_>>()));
    assert!(matches!(read(&archive, 11, 11), Err(ReadError::Gone { .. })));
    assert!(matches!(archive.prove(Lsn(11)), Err(ReadError::Gone { .. })));
    assert_eq!(archive.prove(Lsn(51)).unwrap(), Provable::NotArchived);
    assert!(archive.lock_catalog().numbers_open().iter().all(|number| *number > 2));
}

#[test]
fn a_segment_that_was_removed_while_it_was_being_opened_is_let_go_of() {
    let disk = CrashStorage::new();
    let (archive, _) = five(&disk);
    // As a lookup does: it opens the file outside of the lock.
    let changes = archive.lock_catalog().changes();
    let segment = Arc::new(archive.segment(1).unwrap());
    archive.remove_through(2).unwrap();
    archive.lock_catalog().keep_open(&segment, changes);
    assert_eq!(archive.lock_catalog().numbers_open(), []);
    read(&archive, 21, 21).unwrap();
    assert!(archive.lock_catalog().numbers_open().contains(&3));
}

#[test]
fn a_segment_that_is_lost_is_told_from_one_that_was_removed() {
    let disk = CrashStorage::new();
    let (archive, _) = five(&disk);
    archive.remove_through(2).unwrap();
    disk.remove_file(&archive.path(3));
    assert!(replayed(&archive_on(&disk, 0)).unwrap_err().to_string().contains("missing"));
}

#[test]
fn any_flipped_bit_of_what_says_where_it_begins_is_found() {
    let disk = CrashStorage::new();
    let (archive, _) = five(&disk);
    archive.remove_through(2).unwrap();
    let path = archive.removed_path();
    let sound = disk.read_file(&path).unwrap();
    let machine = Arc::new(OsEnv::new());
    let env = Env { storage: Arc::new(disk.clone()), clock: machine.clone(), entropy: machine };
    for bit in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        disk.put_file(&path, &damaged);
        assert!(Archive::open(&env, PathBuf::from(DIR), STORE, 0).is_err(), "bit {bit}");
    }
}

#[test]
fn wherever_the_machine_stops_the_archive_is_whole_from_where_it_begins() {
    let start = CrashStorage::new();
    let (archive, _) = five(&start);
    let changes = start.changes();
    archive.remove_through(3).unwrap();
    for stop in changes..start.changes() {
        let disk = CrashStorage::new();
        let (archive, end) = five(&disk);
        disk.stop_at_change(stop);
        assert!(archive.remove_through(3).is_err());
        for seed in 0..16 {
            let plan = CrashPlan { sectors: Survival::Seeded(seed), names: Survival::Seeded(!seed) };
            let disk = disk.crash(&plan);
            let archive = archive_on(&disk, 0);
            let whole =
                replayed(&archive).unwrap_or_else(|error| panic!("stop {stop}, seed {seed}: {error}"));
            assert_eq!(whole.1, end, "stop {stop}, seed {seed}");
            archive.remove_through(3).unwrap();
            assert_eq!(archive.numbers(), [4, 5], "stop {stop}, seed {seed}");
            assert_eq!(replayed(&archive).unwrap(), (20, end), "stop {stop}, seed {seed}");
        }
    }
}
