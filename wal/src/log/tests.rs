//! A log gives back what it acknowledged, numbers go on, and closing and reopening changes nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::env::{Clock, Entropy, OsEnv};
use crate::error::ReadError;
use crate::frame::{FrameHeader, RecordBuf, encode_frame};
use crate::options::Pacing;
use crate::sealer::SealStep;
use crate::stats::Space;
use crate::storage::Storage;
use crate::storage::crash::{CrashPlan, CrashStorage, Fault, Survival};
use crate::storage::os::OsStorage;
use crate::writer::WriterStep;
use crate::zero_fill::FillStep;

/// Time that moves a microsecond with each look.
#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now_ns(&self) -> u64 {
        1_763_000_000_000_000_000 + self.monotonic_ns()
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// Bytes that never repeat.
#[derive(Default)]
struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, out: &mut [u8]) {
        for piece in out.chunks_mut(8) {
            let next = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).to_le_bytes();
            piece.copy_from_slice(&next[..piece.len()]);
        }
    }
}

/// The disk after a power cut that takes all it can.
fn power_cut(disk: &CrashStorage) -> CrashStorage {
    disk.crash(&CrashPlan { sectors: Survival::None, names: Survival::None })
}

fn env(disk: &CrashStorage) -> Env {
    Env {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(TestClock::default()),
        entropy: Arc::new(TestEntropy::default()),
    }
}

fn small() -> LogOptions {
    LogOptions {
        dir: PathBuf::from("/data/shard-00"),
        segment_bytes: 32 << 10,
        batch_bytes_max: 16 << 10,
        record_bytes_max: 12 << 10,
        ..LogOptions::default()
    }
}

fn frame(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let header = FrameHeader { record_type: 1, time_ns: 77, ..FrameHeader::default() };
    encode_frame(&mut out, &header, text, b"who").unwrap();
    out
}

/// Remembers what was told, in order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(Lsn, bool)>>>);

impl Completion for Told {
    fn complete(self, lsn: Lsn, result: Result<(), Halted>) {
        self.0.lock().unwrap().push((lsn, result.is_ok()));
    }
}

impl Told {
    fn list(&self) -> Vec<(Lsn, bool)> {
        self.0.lock().unwrap().clone()
    }
}

fn drain(machines: &mut Machines<Told>) -> WriterStep {
    loop {
        match machines.writer.step() {
            WriterStep::Progress => {}
            other => return other,
        }
    }
}

fn close(log: Log<Told>, mut machines: Machines<Told>) {
    log.begin_close();
    assert_eq!(drain(&mut machines), WriterStep::Stopped);
    drop(machines);
    log.close().unwrap();
}

fn replayed(opened: &mut Opened, from: Lsn) -> Vec<RecordBuf> {
    let mut records = Vec::new();
    let mut visit = |record: Record<'_>| {
        records.push(record.to_owned());
        Ok(())
    };
    opened.replay(from, &mut |_| {}, &mut visit).unwrap();
    records
}

#[test]
fn an_empty_directory_becomes_an_empty_log() {
    let disk = CrashStorage::new();
    let mut opened = Log::open(small(), env(&disk)).unwrap();
    assert_eq!((opened.end().last_lsn, opened.end().clean, &opened.end().torn), (Lsn::NONE, true, &None));
    assert_eq!(replayed(&mut opened, Lsn::NONE), []);
}

#[test]
fn what_was_acknowledged_is_there_after_closing_and_after_a_crash() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    let told = Told::default();
    let journal = log.journal();
    assert_eq!(journal.append(&frame(b"one"), 1, Some(told.clone())), Lsn(1));
    let two = [frame(b"two"), frame(b"three")].concat();
    assert_eq!(journal.append(&two, 2, Some(told.clone())), Lsn(2));
    journal.after(Lsn(3), told.clone());
    journal.after(Lsn::NONE, told.clone());
    assert_eq!((journal.appended_lsn(), journal.durable_lsn()), (Lsn(3), Lsn::NONE));
    assert_eq!(told.list(), [(Lsn::NONE, true)]);
    drain(&mut machines);
    assert_eq!(told.list()[1..], [(Lsn(1), true), (Lsn(2), true), (Lsn(3), true)]);
    assert_eq!(log.reader().read(Lsn(2)).unwrap().public, b"two");
    assert!(matches!(log.reader().read(Lsn(4)), Err(ReadError::NotDurable { .. })));

    let mut crashed = Log::open(small(), env(&power_cut(&disk))).unwrap();
    assert_eq!(
        (crashed.end().last_lsn, crashed.end().clean, crashed.end().last_time_ns),
        (Lsn(3), false, 77)
    );
    assert_eq!(replayed(&mut crashed, Lsn(2)).len(), 2);

    close(log, machines);
    let mut reopened = Log::open(small(), env(&disk)).unwrap();
    assert_eq!((reopened.end().last_lsn, reopened.end().clean), (Lsn(3), true));
    let publics: Vec<_> =
        replayed(&mut reopened, Lsn::NONE).into_iter().map(|record| record.public).collect();
    assert_eq!(publics, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
}

#[test]
fn a_log_goes_on_over_many_segments_and_many_runs() {
    let disk = CrashStorage::new();
    let mut next = Lsn::FIRST;
    for run in 0..4u8 {
        let opened = Log::open(small(), env(&disk)).unwrap();
        assert_eq!(opened.end().last_lsn.next(), next);
        let (log, mut machines) = opened.assemble::<Told>().unwrap();
        let journal = log.journal();
        for at in 0..20u8 {
            assert_eq!(journal.append(&frame(&[run ^ at; 3000]), 1, None), next);
            next = next.next();
            drain(&mut machines);
            while matches!(machines.zero_filler.step(), FillStep::Progress { .. }) {}
        }
        let reader = log.reader();
        let mut seen = Lsn::FIRST;
        let after = reader
            .scan(Lsn::FIRST, Lsn(u64::MAX), &mut |record| {
                assert_eq!(record.lsn, seen);
                seen = seen.next();
                Ok(())
            })
            .unwrap();
        assert_eq!((after, seen), (next, next));
        assert_eq!(reader.read(Lsn(u64::from(run) * 20 + 4)).unwrap().public, [run ^ 3; 3000]);
        assert!(journal.stats().segments_live > 2, "{:?}", journal.stats());
        close(log, machines);
    }
    let mut opened = Log::open(small(), env(&disk)).unwrap();
    assert_eq!(replayed(&mut opened, Lsn(13)).len(), 68);
}

#[test]
fn sealed_segments_move_to_the_archive_and_reads_do_not_notice() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    let journal = log.journal();
    for at in 1..=30u8 {
        journal.append(&frame(&[at; 5000]), 1, None);
        drain(&mut machines);
    }
    while machines.sealer.step().unwrap() != SealStep::Idle {}
    assert_eq!(log.purge().unwrap(), [0; 0], "no snapshot, so nothing may go");
    for start in [10, 20] {
        let snapshot = log.snapshots().create(Lsn(start)).unwrap();
        let batch = log.reader().hash_at(Lsn(start)).unwrap();
        snapshot.finish(Lsn(start), &batch, journal.durable_lsn()).unwrap();
    }
    let headers = |log: &Log<Told>| -> Vec<_> {
        let reader = log.reader();
        (1..=30).map(|lsn| reader.batch_header(Lsn(lsn)).unwrap().hash()).collect()
    };
    let before = headers(&log);
    let purged = log.purge().unwrap();
    assert!(!purged.is_empty());
    assert_eq!(headers(&log), before, "a batch has the same hash in the archive");
    let mut read = 0;
    log.reader()
        .scan(Lsn(1), Lsn(30), &mut |record| {
            read += 1;
            assert_eq!((record.lsn, record.public), (Lsn(read), &[u8::try_from(read).unwrap(); 5000][..]));
            Ok(())
        })
        .unwrap();
    assert_eq!(read, 30);
    close(log, machines);
    let mut opened = Log::open(small(), env(&disk)).unwrap();
    assert_eq!(opened.witnessed_snapshots().len(), 2);
    assert_eq!(replayed(&mut opened, Lsn::NONE).len(), 30);
}

#[test]
fn a_segment_that_is_asked_to_end_is_sealed_at_once_and_one_without_records_is_not() {
    let disk = CrashStorage::new();
    let opened = Log::open(small(), env(&disk)).unwrap();
    let (log, mut machines) = opened.assemble::<Told>().unwrap();
    let sealed = |log: &Log<Told>| log.hot_log().sealed().len();
    log.journal().rotate();
    drain(&mut machines);
    assert_eq!((sealed(&log), log.hot_log().count()), (0, 1), "nothing stands in it");
    log.journal().append(&frame(b"one"), 1, None);
    drain(&mut machines);
    log.journal().rotate();
    drain(&mut machines);
    assert_eq!((sealed(&log), log.hot_log().count()), (1, 2));
    // Also when the next record waits already.
    log.journal().append(&frame(b"two"), 1, None);
    log.journal().rotate();
    log.journal().append(&frame(b"three"), 1, None);
    drain(&mut machines);
    assert_eq!(sealed(&log), 2);
    while machines.sealer.step().unwrap() != SealStep::Idle {}
    let mut read = 0;
    let scanned = log.reader().scan(Lsn::FIRST, Lsn(3), &mut |_| {
        read += 1;
        Ok(())
    });
    assert_eq!(scanned.unwrap(), Lsn(4));
    assert_eq!(read, 3);
    close(log, machines);
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_and_everyone_is_told() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    let (journal, told) = (log.journal(), Told::default());
    journal.append(&frame(b"kept"), 1, Some(told.clone()));
    drain(&mut machines);
    journal.append(&frame(b"lost"), 1, Some(told.clone()));
    disk.fail_call(disk.calls(), Fault::Errno(5));
    assert_eq!(drain(&mut machines), WriterStep::Stopped);
    journal.append(&frame(b"too late"), 1, Some(told.clone()));
    journal.after(Lsn(2), told.clone());
    journal.after(Lsn(1), told.clone());
    let expected = [(1, true), (2, false), (3, false), (2, false), (1, true)];
    assert_eq!(told.list(), expected.map(|(lsn, ok)| (Lsn(lsn), ok)));
    assert_eq!(journal.halted().unwrap().reason, HaltReason::Io);
    assert_eq!(journal.wait_durable(Lsn(2)), Err(journal.halted().unwrap()));
    drop(machines);
    assert_eq!(log.close().unwrap_err().reason, HaltReason::Io);
}

#[test]
fn without_room_for_spares_space_is_low_and_the_log_lives_on_what_it_has() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    let journal = log.journal();
    while matches!(machines.zero_filler.step(), FillStep::Progress { .. }) {}
    assert_eq!((journal.space(), journal.stats().segments_spare), (Space::Enough, 2));
    let used: u64 = disk.files().iter().map(|path| disk.read_file(path).unwrap().len() as u64).sum();
    disk.set_capacity_bytes(used + 4096);
    let mut appended = Lsn::NONE;
    while journal.halted().is_none() {
        appended = journal.append(&frame(&[1; 9000]), 1, None);
        drain(&mut machines);
        machines.zero_filler.step();
        if journal.stats().segments_spare < 2 {
            assert!(matches!(journal.space(), Space::Low { .. }));
        }
    }
    assert!(appended > Lsn(6), "two spares were used up first, and not only {appended} records");
    let opened = Log::open(small(), env(&power_cut(&disk))).unwrap();
    assert_eq!(opened.end().last_lsn.next(), appended);
}

#[test]
fn an_owner_that_another_one_has_overtaken_is_fenced() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    log.journal().append(&frame(b"mine"), 1, None);
    drain(&mut machines);
    // The same disk without the lock: as after someone removed the lock file.
    let path = control_path(&small().dir);
    let (mut control, _) =
        crate::control::read_control(&disk, &path, Access::Read).unwrap().expect("there is a control file");
    control.epoch += 1;
    control.turn += 2;
    let both = [control.encode(), control.encode()].concat();
    disk.put_file(&path, &both);
    log.begin_close();
    assert_eq!(drain(&mut machines), WriterStep::Stopped);
    drop(machines);
    assert_eq!(log.close().unwrap_err().reason, HaltReason::Fenced);
}

#[test]
fn one_subjects_records_are_found_from_the_last_backwards() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    let append = |previous: Lsn| {
        let mut out = Vec::new();
        encode_frame(&mut out, &FrameHeader { previous, ..FrameHeader::default() }, b"x", b"").unwrap();
        log.journal().append(&out, 1, None)
    };
    let first = append(Lsn::NONE);
    append(Lsn::NONE);
    let second = append(first);
    let third = append(Lsn::JUST_BEFORE);
    let broken = append(Lsn(9));
    drain(&mut machines);
    let mut seen = Vec::new();
    let mut visit = |record: RecordBuf| {
        seen.push(record.lsn);
        true
    };
    log.reader().subject_chain(third, &mut visit).unwrap();
    assert_eq!(seen, [third, second, first]);
    assert!(matches!(log.reader().subject_chain(broken, &mut |_| true), Err(ReadError::Corrupt { .. })));
}

#[test]
fn only_one_process_opens_a_log() {
    let disk = CrashStorage::new();
    let (log, machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    assert!(matches!(Log::open(small(), env(&disk)), Err(OpenError::Locked { .. })));
    close(log, machines);
    assert!(Log::open(small(), env(&disk)).is_ok());
}

/// A copy that is mounted so that nobody can write it is what one audits.
#[test]
fn a_log_is_read_where_nobody_can_write_it_and_only_read() {
    const READ_ONLY: i32 = 30;
    let disk = CrashStorage::new();
    assert!(Log::open_to_read(small(), env(&disk)).is_err(), "there is none, and none is made");
    assert_eq!(disk.files(), [] as [PathBuf; 0]);
    let (log, machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    close(log, machines);
    // Real disks have a file of it.
    drop(disk.open(&lock_path(&small().dir), Access::CreateNew).unwrap());
    let files = disk.files();
    // It looks for the lock, then takes it.
    disk.fail_call(disk.calls() + 1, Fault::Errno(READ_ONLY));
    let mut opened = Log::open_to_read(small(), env(&disk)).unwrap();
    assert!(replayed(&mut opened, Lsn::FIRST).is_empty());
    let started = opened.assemble::<Told>().err().unwrap();
    assert!(matches!(started, OpenError::NotWritable { .. }), "{started}");
    assert_eq!(disk.files(), files);
    let held = Log::open_to_read(small(), env(&disk)).unwrap();
    let locked = Log::open(small(), env(&disk)).err().unwrap();
    assert!(matches!(locked, OpenError::Locked { .. }), "{locked}");
    drop(held);
    Log::open(small(), env(&disk)).unwrap();
}

#[test]
fn an_append_larger_than_a_batch_is_split_and_completes_once() {
    let disk = CrashStorage::new();
    let (log, mut machines) = Log::open(small(), env(&disk)).unwrap().assemble::<Told>().unwrap();
    let (journal, told) = (log.journal(), Told::default());
    journal.append(&frame(b"before"), 1, Some(told.clone()));
    let large: Vec<u8> = (0..40u8).flat_map(|at| frame(&[at; 1000])).collect();
    assert_eq!(journal.append(&large, 40, Some(told.clone())), Lsn(2));
    drain(&mut machines);
    assert_eq!(told.list(), [(Lsn(1), true), (Lsn(2), true)]);
    assert_eq!(journal.durable_lsn(), Lsn(41));
    assert!(journal.stats().batches >= 3);
    assert_eq!(log.reader().read(Lsn(31)).unwrap().public, [29; 1000]);
}

#[test]
fn many_threads_on_real_files_get_dense_numbers_and_every_completion_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { dir: dir.path().to_owned(), pacing: Pacing::default(), ..small() };
    let machine = OsEnv::new();
    let real =
        Env { storage: Arc::new(OsStorage::new()), clock: Arc::new(machine), entropy: Arc::new(machine) };
    let log = Log::open(options.clone(), real.clone()).unwrap().start::<Told>(&machine).unwrap();
    let told = Told::default();
    std::thread::scope(|scope| {
        for writer in 0..4u8 {
            let (journal, told) = (log.journal(), told.clone());
            scope.spawn(move || {
                for at in 0..100u8 {
                    let lsn = journal.append(&frame(&[writer ^ at; 300]), 1, Some(told.clone()));
                    if at % 10 == 0 {
                        journal.wait_durable(lsn).unwrap();
                    }
                }
            });
        }
    });
    log.journal().wait_durable(Lsn(400)).unwrap();
    log.close().unwrap();
    assert_eq!(told.list(), (1..=400).map(|lsn| (Lsn(lsn), true)).collect::<Vec<_>>());
    let mut opened = Log::open(options, real).unwrap();
    assert!(opened.end().clean);
    assert_eq!(replayed(&mut opened, Lsn::NONE).len(), 400);
}
