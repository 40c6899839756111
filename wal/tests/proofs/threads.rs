//! The log as programs use it: real files, real threads, many writers at once.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};

use coffer_wal::inspect::verify;
use coffer_wal::storage::Storage;
use coffer_wal::storage::os::OsStorage;
use coffer_wal::{
    Completion, Env, FrameHeader, Halted, Journal, Log, LogOptions, Lsn, OsEnv, Subject, encode_frame,
};

const WRITERS: u64 = 8;
const APPENDS: u64 = 300;

/// Sends the last LSN of its append when that is durable.
struct Notify(Sender<Result<Lsn, Halted>>, u64);

impl Completion for Notify {
    fn complete(self, lsn: Lsn, result: Result<(), Halted>) {
        let last = Lsn(lsn.0 + self.1 - 1);
        self.0.send(result.map(|()| last)).unwrap();
    }
}

fn options(dir: &std::path::Path) -> LogOptions {
    LogOptions {
        dir: dir.join("shard-00"),
        segment_bytes: 256 << 10,
        batch_bytes_max: 128 << 10,
        record_bytes_max: 64 << 10,
        ..LogOptions::default()
    }
}

fn env(storage: OsStorage) -> (Env, OsEnv) {
    let machine = OsEnv::new();
    let storage: Arc<dyn Storage> = Arc::new(storage);
    (Env { storage, clock: Arc::new(machine), entropy: Arc::new(machine) }, machine)
}

/// Appends one to three records at a time and waits for each; returns what was acknowledged.
fn write(journal: &Journal<Notify>, writer: u64) -> Vec<(Lsn, u64)> {
    let (sender, receiver) = channel();
    let mut acknowledged = Vec::new();
    for number in 0..APPENDS {
        let count = 1 + number % 3;
        let mut frames = Vec::new();
        for part in 0..count {
            let subject = Subject { kind: 1, tenant: 0, number: writer };
            let header = FrameHeader { subject, time_ns: number, ..FrameHeader::default() };
            let tag = number * 10 + part;
            encode_frame(&mut frames, &header, &tag.to_le_bytes(), &vec![0; 700]).unwrap();
        }
        let count32 = u32::try_from(count).unwrap();
        let first = journal.append(&frames, count32, Some(Notify(sender.clone(), count)));
        let last = receiver.recv().unwrap().unwrap();
        assert_eq!(last.0, first.0 + count - 1);
        acknowledged.extend((0..count).map(|part| (Lsn(first.0 + part), number * 10 + part)));
    }
    acknowledged
}

#[expect(clippy::disallowed_methods, reason = "the test's own threads")]
fn write_from_all(log: &Log<Notify>) -> Vec<Vec<(Lsn, u64)>> {
    let start = Arc::new(Barrier::new(usize::try_from(WRITERS).unwrap()));
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (journal, start) = (log.journal(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                write(&journal, writer)
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn write_close_and_read_back(storage: fn() -> OsStorage) {
    let dir = tempfile::tempdir().unwrap();
    let (env, machine) = env(storage());
    let log: Log<Notify> = Log::open(options(dir.path()), env.clone()).unwrap().start(&machine).unwrap();
    let acknowledged = write_from_all(&log);
    let reader = log.reader();
    for (writer, records) in (0..).zip(&acknowledged) {
        for (lsn, tag) in records.iter().step_by(17) {
            let record = reader.read(*lsn).unwrap();
            assert_eq!((record.header.subject.number, record.public), (writer, tag.to_le_bytes().to_vec()));
        }
    }
    log.close().unwrap();
    let report = verify(&env, &options(dir.path()).dir, &mut |_| {}).unwrap();
    assert!(report.is_sound() && report.clean, "{:?}", report.problems);
    let mut opened = Log::open(options(dir.path()), env).unwrap();
    let mut read: Vec<Vec<(Lsn, u64)>> = vec![Vec::new(); acknowledged.len()];
    let summary = opened.replay(Lsn::NONE, &mut |_| {}, &mut |record| {
        let tag = u64::from_le_bytes(record.public.try_into()?);
        read[usize::try_from(record.header.subject.number)?].push((record.lsn, tag));
        Ok(())
    });
    assert_eq!(summary.unwrap().records, WRITERS * APPENDS * 2);
    assert!(read == acknowledged, "each writer's records are there, in its own order");
}

#[test]
fn eight_writers_find_all_they_were_told_about_past_the_page_cache() {
    write_close_and_read_back(OsStorage::new);
}

#[test]
fn eight_writers_find_all_they_were_told_about_through_the_page_cache() {
    write_close_and_read_back(OsStorage::buffered);
}

#[test]
fn a_log_that_is_dropped_without_closing_lets_its_successor_in() {
    let dir = tempfile::tempdir().unwrap();
    let (env, machine) = env(OsStorage::new());
    let log: Log<()> = Log::open(options(dir.path()), env.clone()).unwrap().start(&machine).unwrap();
    let mut frames = Vec::new();
    encode_frame(&mut frames, &FrameHeader::default(), b"x", b"").unwrap();
    let lsn = log.journal().append(&frames, 1, None);
    log.journal().wait_durable(lsn).unwrap();
    drop(log);
    // The machines end on their own time; the lock is free when the last of them has.
    let opened = loop {
        match Log::open(options(dir.path()), env.clone()) {
            Err(coffer_wal::OpenError::Locked { .. }) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert_eq!(opened.end().last_lsn, lsn);
}
