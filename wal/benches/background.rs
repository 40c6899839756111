//! What the log's background work costs while it shares the machine with the log itself.
//!
//! - `archive`: one full segment of 64 MiB, from its hot file to a verified archived one.
//! - `snapshot`: 256 MiB in blocks of 64 KiB, written, synced and read back; and read alone.
//!
//! Real files in `TMPDIR`. Run with `cargo bench -p coffer-wal --bench background`.
#![expect(missing_docs, reason = "criterion's macros make public functions")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coffer_wal::storage::os::OsStorage;
use coffer_wal::{Env, FrameHeader, Log, LogOptions, Lsn, Machines, OsEnv, SealStep, encode_frame};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BLOCK: usize = 64 << 10;
const SNAPSHOT_BYTES: usize = 256 << 20;

fn assemble(dir: &Path) -> (Log<()>, Machines<()>) {
    let machine = OsEnv::new();
    let env =
        Env { storage: Arc::new(OsStorage::new()), clock: Arc::new(machine), entropy: Arc::new(machine) };
    let options = LogOptions { dir: dir.to_owned(), spare_segments: 0, ..LogOptions::default() };
    Log::open(options, env).and_then(coffer_wal::Opened::assemble).expect("a new log")
}

/// Records as a debit makes them: some 60 bytes nobody can guess, the rest much like its neighbours'.
fn frames(seed: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..1_000u64 {
        let mut public = Vec::with_capacity(300);
        for word in 0..8u64 {
            let mixed = (seed << 20 | number << 4 | word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            public.extend_from_slice(&(mixed ^ mixed >> 29).to_le_bytes());
        }
        public.extend((0..186u8).map(|at| at / 3));
        encode_frame(&mut out, &FrameHeader::default(), &public, b"").expect("a small record");
    }
    out
}

/// Appends until a segment is sealed.
fn fill_a_segment(log: &Log<()>, machines: &mut Machines<()>, seed: u64) {
    let sealed = log.hot_log().sealed().len();
    for call in 0.. {
        if log.hot_log().sealed().len() > sealed {
            return;
        }
        log.journal().append(&frames(seed * 1_000 + call), 1_000, None);
        while machines.writer.step() == coffer_wal::writer::WriterStep::Progress {}
    }
}

#[expect(clippy::disallowed_methods, reason = "measured by the machine's own clock")]
fn time(body: impl FnOnce()) -> Duration {
    let started = Instant::now();
    body();
    started.elapsed()
}

fn archive(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (log, mut machines) = assemble(dir.path());
    let mut group = c.benchmark_group("archive");
    group.sample_size(10).throughput(Throughput::Bytes(64 << 20));
    group.bench_function("one segment of 64 MiB", |b| {
        b.iter_custom(|rounds| {
            (0..rounds)
                .map(|round| {
                    fill_a_segment(&log, &mut machines, round);
                    time(|| {
                        let step = machines.sealer.step().expect("the disk works");
                        assert!(matches!(step, SealStep::Archived { .. }));
                    })
                })
                .sum()
        });
    });
    group.finish();
}

fn snapshot(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (log, _machines) = assemble(dir.path());
    let snapshots = log.snapshots();
    let content: Vec<u8> = (0..=250).cycle().take(BLOCK).collect();
    let mut group = c.benchmark_group("snapshot");
    group.sample_size(10).throughput(Throughput::Bytes(SNAPSHOT_BYTES as u64));
    let take = || {
        let mut writer = snapshots.create(Lsn::NONE).expect("the disk works");
        for _ in 0..SNAPSHOT_BYTES / BLOCK {
            writer.block(1, &content).expect("the disk works");
        }
        let newest = writer.finish(Lsn::NONE, &[0; 32], Lsn::NONE).expect("the disk works");
        snapshots.prune().expect("the disk works");
        newest
    };
    group.bench_function("write, sync and read back 256 MiB", |b| b.iter(take));
    let newest = take();
    group.bench_function("read and verify 256 MiB", |b| {
        b.iter(|| snapshots.verify(&newest).expect("a sound snapshot"));
    });
    group.finish();
}

criterion_group!(benches, archive, snapshot);
criterion_main!(benches);
