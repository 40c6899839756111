//! What an append costs its caller, and what the disk gives back.
//!
//! - `append`: one 300-byte record into the open batch, nobody else there; the batches are thrown away.
//! - `seal`: hashing, masking and framing of whole batches, as the writer does outside of the lock.
//! - `replay`: a log on real files from its first record, with every hash and the chain verified.
//! - `durable`: real files in `TMPDIR`; a round is one record per appender, each awaited.
//!
//! Run with `cargo bench -p coffer-wal`.
#![expect(missing_docs, reason = "criterion's macros make public functions")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use coffer_wal::batch::{BatchOwner, ChainEnd, begin_batch, seal_batch};
use coffer_wal::open_batch::HandOff;
use coffer_wal::storage::AlignedBuf;
use coffer_wal::storage::os::OsStorage;
use coffer_wal::{
    Completion, Env, FrameHeader, Halted, Journal, Log, LogOptions, Lsn, OpenError, Opened, OsEnv, Record,
    encode_frame,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// Public bytes that make a frame of 300.
const PUBLIC_BYTES: usize = 300 - 48;

fn frame() -> Vec<u8> {
    let mut out = Vec::new();
    let public: Vec<u8> = (0..=255u8).cycle().take(PUBLIC_BYTES).collect();
    encode_frame(&mut out, &FrameHeader::default(), &public, b"").expect("a small record");
    out
}

/// A completion that costs what an engine's costs at least: it says so to someone.
struct Tell(Sender<Lsn>);

impl Completion for Tell {
    fn complete(self, lsn: Lsn, result: Result<(), Halted>) {
        result.expect("the benchmark's disk works");
        // The benchmark may be over already.
        let _ = self.0.send(lsn);
    }
}

/// The same without saying it to anyone.
struct Count;

impl Completion for Count {
    fn complete(self, _lsn: Lsn, _result: Result<(), Halted>) {}
}

fn append(c: &mut Criterion) {
    let frame = frame();
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    group.bench_function("300-byte record, uncontended", |b| {
        b.iter_custom(|rounds| {
            let hand_off = HandOff::<Count>::new(Lsn::NONE, 1 << 20);
            let mut spent = Duration::ZERO;
            let mut left = rounds;
            while left > 0 {
                let now = left.min(3_000);
                spent += time(|| {
                    for _ in 0..now {
                        hand_off.append(&frame, 1, Some(Count));
                    }
                });
                while let Some(batch) = hand_off.take(1) {
                    hand_off.complete(batch, 0);
                }
                left -= now;
            }
            spent
        });
    });
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn time(body: impl FnOnce()) -> Duration {
    let started = Instant::now();
    body();
    started.elapsed()
}

fn seal(c: &mut Criterion) {
    let frame = frame();
    let chain = ChainEnd { sequence: 0, lsn: Lsn::NONE, hash: [1; 32], time_ns: 0 };
    let owner = BatchOwner { shard: 0, epoch: 1, salt: 7 };
    let mut group = c.benchmark_group("seal");
    for records in [1u32, 64, 1_000, 3_000] {
        group.throughput(Throughput::Elements(u64::from(records)));
        group.bench_function(format!("{records} records"), |b| {
            let fill = || {
                let mut buf = AlignedBuf::with_capacity(1 << 20);
                begin_batch(&mut buf);
                (0..records).for_each(|_| buf.extend_from_slice(&frame));
                buf
            };
            let seal = |buf: &mut AlignedBuf| seal_batch(buf, records, &chain, owner).expect("whole frames");
            b.iter_batched_ref(fill, seal, BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn open(dir: &Path) -> Result<Opened, OpenError> {
    let machine = OsEnv::new();
    let env =
        Env { storage: Arc::new(OsStorage::new()), clock: Arc::new(machine), entropy: Arc::new(machine) };
    Log::open(LogOptions { dir: dir.to_owned(), ..LogOptions::default() }, env)
}

fn with_log(dir: &Path, body: impl FnOnce(&Journal<Tell>)) {
    let machine = OsEnv::new();
    let log = open(dir).and_then(|opened| opened.start::<Tell>(&machine)).expect("a new log");
    body(&log.journal());
    log.close().expect("the benchmark's disk works");
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn replay(c: &mut Criterion) {
    const RECORDS: u32 = 500_000;
    let (dir, frames) = (temporary(), frame().repeat(1_000));
    with_log(dir.path(), |journal| {
        for _ in 0..RECORDS / 1_000 {
            let first = journal.append(&frames, 1_000, None);
            journal.wait_durable(first).expect("the benchmark's disk works");
        }
    });
    let mut group = c.benchmark_group("replay");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(RECORDS)));
    group.bench_function("300-byte records", |b| {
        b.iter(|| {
            let mut records = 0u32;
            let mut visit = |_: Record<'_>| {
                records += 1;
                Ok(())
            };
            let mut opened = open(dir.path()).expect("a clean log");
            opened.replay(Lsn::FIRST, &mut |_| {}, &mut visit).expect("a sound log");
            assert_eq!(records, RECORDS);
        });
    });
    group.finish();
}

fn durable(c: &mut Criterion) {
    let frame = frame();
    let mut group = c.benchmark_group("durable");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for records in [1u64, 64, 1_000, 3_000] {
        group.throughput(Throughput::Elements(records));
        group.bench_function(format!("one append of {records} records, awaited"), |b| {
            let dir = temporary();
            with_log(dir.path(), |journal| {
                let frames = frame.repeat(usize::try_from(records).expect("a few thousand"));
                let count = u32::try_from(records).expect("a few thousand");
                let (sender, receiver) = channel();
                b.iter(|| {
                    journal.append(&frames, count, Some(Tell(sender.clone())));
                    receiver.recv().expect("the writer answers")
                });
            });
        });
    }
    for threads in [2u64, 64] {
        group.throughput(Throughput::Elements(threads));
        group.bench_function(format!("{threads} threads, one record each, awaited"), |b| {
            b.iter_custom(|rounds| threads_in_step(&frame, threads, rounds));
        });
    }
    group.finish();
}

/// Each thread appends a record and waits for it, `rounds` times; prints how full the batches were.
fn threads_in_step(frame: &[u8], threads: u64, rounds: u64) -> Duration {
    let mut spent = Duration::ZERO;
    let dir = temporary();
    with_log(dir.path(), |journal| {
        spent = time(|| {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let (sender, receiver) = channel();
                        for _ in 0..rounds {
                            journal.append(frame, 1, Some(Tell(sender.clone())));
                            receiver.recv().expect("the writer answers");
                        }
                    });
                }
            });
        });
        let stats = journal.stats();
        eprintln!(
            "{threads} threads: {:.1} records a batch, {} µs a write, {} µs a batch",
            stats.records as f64 / stats.batches as f64,
            stats.sync_ns / stats.batches / 1_000,
            spent.as_micros() / u128::from(stats.batches)
        );
    });
    spent
}

criterion_group!(benches, append, seal, replay, durable);
criterion_main!(benches);
