//! A log on an in-memory disk, stepped by hand, and a model of what must be in it.
//!
//! The model knows two things: what was appended, and what was acknowledged. Whatever happens to the disk in
//! between, the log that is found afterwards must hold a prefix of the one that reaches at least to the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use coffer_wal::inspect::verify;
use coffer_wal::storage::crash::{CrashPlan, CrashStorage, Survival};
use coffer_wal::writer::WriterStep;
use coffer_wal::zero_fill::FillStep;
use coffer_wal::{
    Clock, Completion, Entropy, Env, FrameHeader, Halted, Log, LogOptions, Lsn, Machines, OpenError, Opened,
    SealStep, Subject, encode_frame,
};

pub(crate) const DIR: &str = "/data/shard-00";

/// Whether the long versions of the exhaustive tests were asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("COFFER_TEST_LONG").is_some_and(|value| value == "1")
}

/// Segments of four blocks: rotation comes after a few batches.
pub(crate) fn small_options() -> LogOptions {
    LogOptions {
        dir: PathBuf::from(DIR),
        segment_bytes: 16 << 10,
        spare_segments: 1,
        batch_bytes_max: 12 << 10,
        record_bytes_max: 8 << 10,
        ..LogOptions::default()
    }
}

#[derive(Default)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        1_763_000_000_000_000_000 + self.monotonic_ns()
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same bytes for the same seed.
pub(crate) struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> SeededEntropy {
        SeededEntropy(AtomicU64::new(seed << 32 | 1))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = (count.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56).to_le_bytes()[0];
        }
    }
}

type Answers = Vec<(Lsn, Result<(), Halted>)>;

/// Everyone who was told that something is durable, or never will be.
#[derive(Clone, Default)]
pub(crate) struct Told(pub(crate) Arc<Mutex<Answers>>);

pub(crate) struct Tell(Told, u64);

impl Completion for Tell {
    fn complete(self, lsn: Lsn, result: Result<(), Halted>) {
        // An append completes with its first record, when its last one is durable.
        self.0.0.lock().unwrap().push((Lsn(lsn.0 + self.1 - 1), result));
    }
}

impl Told {
    /// The last record that somebody was told is durable.
    pub(crate) fn acknowledged(&self) -> u64 {
        let told = self.0.lock().unwrap();
        told.iter().filter(|(_, result)| result.is_ok()).map(|(lsn, _)| lsn.0).max().unwrap_or(0)
    }
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) public: Vec<u8>,
    pub(crate) personal: Vec<u8>,
}

impl Body {
    /// Bytes that tell this record from every other one.
    pub(crate) fn tagged(tag: u64, bytes: usize) -> Body {
        let public = tag.to_le_bytes().into_iter().map(|byte| byte | 0x40).cycle().take(bytes).collect();
        Body { public, personal: tag.to_be_bytes().to_vec() }
    }

    /// Zeros, as far as a record can be: needs a mask to look written.
    pub(crate) fn zeros(bytes: usize) -> Body {
        Body { public: vec![0; bytes], personal: Vec::new() }
    }
}

/// What a run of the log does, in order.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Appends records of these many bytes in one call; 0 to 9 thousand. Even tags hold text, odd ones zeros.
    Append(Vec<usize>),
    /// Steps the writer until it waits.
    Write,
    /// Steps the zero-filler until it is idle.
    Fill,
    /// Lets the log be idle for longer than the witness waits.
    Idle,
    /// Archives what is sealed.
    Seal,
    /// Takes a snapshot of one block.
    Snapshot,
    /// Removes what snapshots and archive make superfluous.
    Purge,
    /// Closes in good order.
    Close,
}

/// What was appended, and how much of it was acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) records: Vec<Body>,
    pub(crate) acknowledged: u64,
    pub(crate) tags: u64,
}

/// A disk and what must be on it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) disk: CrashStorage,
    pub(crate) model: Model,
    pub(crate) options: LogOptions,
    pub(crate) runs: u64,
}

/// A log that runs, stepped by hand.
pub(crate) struct Run {
    pub(crate) log: Log<Tell>,
    pub(crate) machines: Machines<Tell>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) told: Told,
}

pub(crate) fn env_on(disk: &CrashStorage, seed: u64) -> (Env, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let entropy = Arc::new(SeededEntropy::new(seed));
    (Env { storage: Arc::new(disk.clone()), clock: clock.clone(), entropy }, clock)
}

impl World {
    pub(crate) fn new() -> World {
        World::with(small_options())
    }

    pub(crate) fn with(options: LogOptions) -> World {
        World { disk: CrashStorage::new(), model: Model::default(), options, runs: 0 }
    }

    /// The same model on the disk that a power cut leaves.
    pub(crate) fn after_crash(&self, plan: &CrashPlan) -> World {
        World { disk: self.disk.crash(plan), ..self.clone() }
    }

    /// The same model on the disk that a killed process leaves.
    pub(crate) fn after_kill(&self) -> World {
        World { disk: self.disk.kill(), ..self.clone() }
    }

    /// Opens and reads the log without looking at the model.
    pub(crate) fn try_read(&self) -> Result<(Opened, Vec<Body>), OpenError> {
        let (env, _) = env_on(&self.disk, self.runs);
        let mut opened = Log::open(self.options.clone(), env)?;
        let records = replay(&mut opened)?;
        Ok((opened, records))
    }

    /// Opens the log and checks what it holds against the model, which forgets what is lost.
    pub(crate) fn recover(&mut self, context: &str) -> Opened {
        let (opened, found) = self.try_read().unwrap_or_else(|error| panic!("{context}: {error}"));
        self.check(&found, context);
        assert_eq!(opened.end().last_lsn.0, found.len() as u64, "{context}");
        opened
    }

    fn check(&mut self, found: &[Body], context: &str) {
        let (kept, acknowledged) = (found.len() as u64, self.model.acknowledged);
        assert!(kept >= acknowledged, "{context}: {acknowledged} were acknowledged, {kept} are there");
        assert!(found.len() <= self.model.records.len(), "{context}: records that were never appended");
        for (lsn, (found, appended)) in (1..).zip(found.iter().zip(&self.model.records)) {
            assert!(found == appended, "{context}: LSN {lsn} is not what was appended");
        }
        self.model.records.truncate(found.len());
    }

    /// Opens, checks, and runs the log through `ops`. An error means that the machine stopped or a call
    /// failed; what was acknowledged before it is in the model.
    pub(crate) fn run(&mut self, ops: &[Op]) -> Result<(), String> {
        let mut run = self.start()?;
        ops.iter().try_for_each(|op| self.apply(&mut run, op))
    }

    pub(crate) fn start(&mut self) -> Result<Run, String> {
        self.runs += 1;
        let (env, clock) = env_on(&self.disk, self.runs);
        let mut opened = Log::open(self.options.clone(), env).map_err(|error| error.to_string())?;
        let found = replay(&mut opened).map_err(|error| error.to_string())?;
        self.check(&found, "at the start of a run");
        let (log, machines) = opened.assemble().map_err(|error| error.to_string())?;
        Ok(Run { log, machines, clock, told: Told::default() })
    }

    pub(crate) fn apply(&mut self, run: &mut Run, op: &Op) -> Result<(), String> {
        let applied = match op {
            Op::Append(sizes) => {
                self.append(run, sizes);
                Ok(())
            }
            Op::Write => run.write(),
            Op::Fill => {
                run.fill();
                Ok(())
            }
            Op::Idle => {
                run.clock.advance_ms(100);
                run.write()
            }
            Op::Seal => run.seal(),
            Op::Snapshot => run.snapshot(),
            Op::Purge => run.log.purge().map(drop).map_err(|error| error.to_string()),
            Op::Close => run.close(),
        };
        self.model.acknowledged = self.model.acknowledged.max(run.told.acknowledged());
        applied
    }

    fn append(&mut self, run: &Run, sizes: &[usize]) {
        let mut frames = Vec::new();
        let first = run.log.journal().appended_lsn().0 + 1;
        for (lsn, bytes) in (first..).zip(sizes) {
            self.model.tags += 1;
            let tag = self.model.tags;
            let body = if tag.is_multiple_of(2) { Body::tagged(tag, *bytes) } else { Body::zeros(*bytes) };
            let header = FrameHeader {
                record_type: 7,
                subject: Subject { kind: 1, tenant: 2, number: tag },
                time_ns: 1_000 + lsn,
                previous: Lsn(lsn - 1),
                ..FrameHeader::default()
            };
            encode_frame(&mut frames, &header, &body.public, &body.personal).unwrap();
            self.model.records.push(body);
        }
        let count = u32::try_from(sizes.len()).unwrap();
        let done = Tell(run.told.clone(), sizes.len() as u64);
        let given = run.log.journal().append(&frames, count, Some(done));
        assert_eq!(given.0, first);
    }
}

impl Run {
    fn write(&mut self) -> Result<(), String> {
        loop {
            match self.machines.writer.step() {
                WriterStep::Progress => {}
                // Nobody else will come: what the pacing waits for is time.
                WriterStep::Wait { time: Some(_), appends_min } if appends_min > 1 => {
                    self.clock.advance_ms(1)
                }
                WriterStep::Wait { .. } => return Ok(()),
                WriterStep::Stopped => return self.why_stopped(),
            }
        }
    }

    fn why_stopped(&self) -> Result<(), String> {
        self.log.journal().halted().map_or(Ok(()), |halted| Err(halted.to_string()))
    }

    fn fill(&mut self) {
        while let FillStep::Progress { .. } = self.machines.zero_filler.step() {}
    }

    fn seal(&mut self) -> Result<(), String> {
        while self.machines.sealer.step().map_err(|error| error.to_string())? != SealStep::Idle {}
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), String> {
        let durable = self.log.journal().durable_lsn();
        let error = |error: coffer_wal::SnapshotError| error.to_string();
        let mut writer = self.log.snapshots().create(durable).map_err(error)?;
        writer.block(1, &durable.0.to_le_bytes()).map_err(error)?;
        let batch = self.log.reader().hash_at(durable).map_err(|error| error.to_string())?;
        writer.finish(durable, &batch, durable).map(drop).map_err(error)
    }

    /// Closes by hand, but keeps the log so that its machines end with it.
    fn close(&mut self) -> Result<(), String> {
        self.log.begin_close();
        loop {
            match self.machines.writer.step() {
                WriterStep::Progress => {}
                WriterStep::Wait { .. } => self.clock.advance_ms(1),
                WriterStep::Stopped => break,
            }
        }
        let halted = self.log.journal().halted().expect("a writer that stopped has halted");
        if halted.reason == coffer_wal::HaltReason::Closed { Ok(()) } else { Err(halted.to_string()) }
    }
}

/// All records of a log, in order, with their LSNs checked.
pub(crate) fn replay(opened: &mut Opened) -> Result<Vec<Body>, OpenError> {
    let mut records = Vec::new();
    opened.replay(Lsn::NONE, &mut |_| {}, &mut |record| {
        assert_eq!(record.lsn.0, records.len() as u64 + 1, "records come in order");
        records.push(Body { public: record.public.to_vec(), personal: record.personal.to_vec() });
        Ok(())
    })?;
    Ok(records)
}

/// What the offline verification finds wrong.
pub(crate) fn problems(disk: &CrashStorage) -> Vec<String> {
    let (env, _) = env_on(disk, 0);
    match verify(&env, Path::new(DIR), &mut |_| {}) {
        Ok(report) => report.problems.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// Every path below the shard's directory of segments, with its content.
pub(crate) fn segments(disk: &CrashStorage) -> Vec<(PathBuf, Vec<u8>)> {
    let wal = Path::new(DIR).join("wal");
    let paths = disk.files().into_iter().filter(|path| path.starts_with(&wal));
    paths.map(|path| (path.clone(), disk.read_file(&path).unwrap())).collect()
}

/// Which subsets of so many sectors to try: all of them when they are few, otherwise the telling ones.
pub(crate) fn survivals(sectors: usize, all_up_to: usize) -> Vec<Survival> {
    if sectors <= all_up_to {
        return (0..1u64 << sectors).map(Survival::Mask).collect();
    }
    let bits = sectors.min(64);
    let full = u64::MAX >> (64 - bits);
    let prefixes = (0..bits).map(|kept| full & ((1 << kept) - 1));
    let suffixes = (0..bits).map(|lost| full & !((1 << lost) - 1));
    let holes = (0..bits).map(|hole| full & !(1 << hole));
    let singles = (0..bits).map(|kept| 1 << kept);
    let masks = prefixes.chain(suffixes).chain(holes).chain(singles).map(Survival::Mask);
    let coins = (0..if long() { 512 } else { 32 }).map(Survival::Seeded);
    [Survival::None, Survival::All].into_iter().chain(masks).chain(coins).collect()
}
