//! The writer: takes batches from the hand-off, writes one at a time, and says when each is durable.
//!
//! A machine of steps: [`Writer::step`] decides, does one write at most, and says how long to wait; a thread
//! loops it, a test calls it by hand. It alone writes segments and the control file. The first failed or short
//! write or sync halts the log; nothing is retried, because nothing is known any more about those bytes.
//!
//! Absent on purpose: retries, anything that reads the log, when a write starts (`pace`). Tested in
//! `log/tests.rs` and by the crash tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::batch::{BatchOwner, ChainEnd, seal_batch};
use crate::control::{Control, ControlError, ControlFile, SnapshotMark};
use crate::env::{Clock, Entropy, Env};
use crate::halt::{HaltReason, Halted};
use crate::hot_log::{HotLog, segment_path};
use crate::journal::Gauges;
use crate::open_batch::{Completion, HandOff, TakenBatch};
use crate::options::LogOptions;
use crate::pace::Pace;
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::storage::{AlignedBuf, BLOCK_BYTES, File, Storage, write_all_at};
use crate::zero_fill::Spares;

/// What a step of the writer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterStep {
    /// Something was written; step again.
    Progress,
    /// Nothing to do until the open batch gathers this many appends, or the time is over.
    Wait {
        /// Appends to wait for.
        appends_min: u32,
        /// How long at most; `None` for as long as it takes.
        time: Option<Duration>,
    },
    /// The log is closed or has halted.
    Stopped,
}

/// Writes the log.
pub struct Writer<C: Completion> {
    hand_off: Arc<HandOff<C>>,
    hot: Arc<HotLog>,
    spares: Arc<Spares>,
    gauges: Arc<Gauges>,
    snapshots: Arc<Mutex<Vec<SnapshotMark>>>,
    clock: Arc<dyn Clock>,
    files: SegmentFiles,
    live: LiveSegment,
    chain: ChainEnd,
    witness: Witness,
    pace: Pace,
}

/// What a writer needs to begin with.
pub(crate) struct WriterParts<C: Completion> {
    pub(crate) hand_off: Arc<HandOff<C>>,
    pub(crate) hot: Arc<HotLog>,
    pub(crate) spares: Arc<Spares>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) snapshots: Arc<Mutex<Vec<SnapshotMark>>>,
    pub(crate) control_file: ControlFile,
    pub(crate) control: Control,
    /// The segment before the one that goes live, if any, and where it ends.
    pub(crate) previous_end: u64,
    pub(crate) chain: ChainEnd,
}

/// Makes segments live.
struct SegmentFiles {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    options: LogOptions,
}

struct LiveSegment {
    file: Box<dyn File>,
    header: SegmentHeader,
    offset: u64,
    sync_after_write: bool,
}

/// The control file and when it was last brought up to date.
struct Witness {
    file: ControlFile,
    control: Control,
    at_ns: u64,
    idle_ns: u64,
    interval_ns: u64,
}

impl<C: Completion> Drop for Writer<C> {
    /// A writer that ends without having stopped (a panic in a completion) must not leave anyone waiting.
    fn drop(&mut self) {
        self.hand_off.halt(&Halted::new(HaltReason::Io, "the log's writer ended without closing the log"));
    }
}

impl<C: Completion> Writer<C> {
    /// Makes the first spare live and puts the new epoch into the control file.
    ///
    /// # Errors
    /// What the storage reports.
    pub(crate) fn begin(
        parts: WriterParts<C>,
        env: &Env,
        options: &LogOptions,
    ) -> std::io::Result<Writer<C>> {
        let files = SegmentFiles {
            storage: Arc::clone(&env.storage),
            clock: Arc::clone(&env.clock),
            entropy: Arc::clone(&env.entropy),
            options: options.clone(),
        };
        let now = env.clock.monotonic_ns();
        let number = parts.spares.take()?;
        let live = files.go_live(number, &parts.control, parts.previous_end, parts.chain)?;
        let mut writer = Writer {
            hand_off: parts.hand_off,
            hot: parts.hot,
            spares: parts.spares,
            gauges: parts.gauges,
            snapshots: parts.snapshots,
            clock: Arc::clone(&env.clock),
            files,
            live,
            chain: parts.chain,
            witness: Witness {
                file: parts.control_file,
                control: parts.control,
                at_ns: now,
                idle_ns: options.witness_idle_ms * 1_000_000,
                interval_ns: options.witness_interval_ms * 1_000_000,
            },
            pace: Pace::new(options.pacing, now),
        };
        writer.witness.control.clean = false;
        writer.witness_both()?;
        writer.hot.add_live(writer.live.header);
        writer.count_segments();
        Ok(writer)
    }

    /// Does the next thing that is due.
    pub fn step(&mut self) -> WriterStep {
        let now = self.clock.monotonic_ns();
        let appends_min = self.pace.appends_needed(now);
        if let Some(batch) = self.hand_off.take(appends_min) {
            return self.write_batch(batch, now);
        }
        if self.hand_off.halted().is_some() {
            return WriterStep::Stopped;
        }
        if self.hand_off.is_closing() {
            return self.finish();
        }
        if self.hand_off.take_rotation() {
            return self.rotate_if_used();
        }
        self.rest(now, appends_min)
    }

    /// Steps until the log is closed or halts.
    pub(crate) fn run(mut self) {
        loop {
            match self.step() {
                WriterStep::Progress => {}
                WriterStep::Wait { appends_min, time } => self.hand_off.sleep(appends_min, time),
                WriterStep::Stopped => return,
            }
        }
    }

    fn write_batch(&mut self, mut batch: TakenBatch, started_ns: u64) -> WriterStep {
        let appends = batch.appends;
        if let Err(halted) = self.put_on_disk(&mut batch) {
            return self.halt(&halted);
        }
        let ended_ns = self.clock.monotonic_ns();
        let others = self.hand_off.complete(batch, ended_ns - started_ns);
        self.pace.wrote(started_ns, ended_ns, appends.saturating_add(others));
        // Also under load, when it is never idle.
        if self.hand_off.take_rotation() {
            return self.rotate_if_used();
        }
        if ended_ns - self.witness.at_ns >= self.witness.interval_ns {
            return self.bring_witness_up_to_date(false);
        }
        WriterStep::Progress
    }

    /// Seals the batch and writes it durably, in a new segment when the live one has no room.
    fn put_on_disk(&mut self, batch: &mut TakenBatch) -> Result<(), Halted> {
        let bytes = batch.bytes.len().next_multiple_of(BLOCK_BYTES) as u64;
        if self.live.offset + bytes > self.live.header.bytes {
            self.rotate()?;
        }
        let owner = BatchOwner {
            shard: self.live.header.shard,
            epoch: self.live.header.epoch,
            salt: self.live.header.salt,
        };
        let header = seal_batch(&mut batch.bytes, batch.count, &self.chain, owner).map_err(|error| {
            let last = batch.last;
            halted_by(format!("what was appended up to LSN {last} is not whole records: {error}"))
        })?;
        assert_eq!(header.last_lsn(), batch.last, "the hand-off and the writer count alike");
        let offset = self.live.offset;
        if offset + bytes > self.live.header.bytes {
            return Err(halted_by(format!("a batch of {bytes} bytes does not fit a segment")));
        }
        self.live.write(&batch.bytes).map_err(|error| {
            halted_by(format!("writing segment {} at offset {offset}: {error}", self.live.header.number))
        })?;
        self.chain = self.chain.followed_by(&header).expect("the writer sealed it to follow");
        self.hot.note_batch(self.live.header.number, &header, offset);
        Ok(())
    }

    /// A segment without batches has nothing to be sealed for.
    fn rotate_if_used(&mut self) -> WriterStep {
        if self.live.offset == SEGMENT_HEADER_BYTES {
            return WriterStep::Progress;
        }
        match self.rotate() {
            Ok(()) => WriterStep::Progress,
            Err(halted) => self.halt(&halted),
        }
    }

    fn rotate(&mut self) -> Result<(), Halted> {
        let (sealed, end) = (self.live.header.number, self.live.offset);
        let number =
            self.spares.take().map_err(|error| halted_by(format!("making a new segment: {error}")))?;
        self.live = self
            .files
            .go_live(number, &self.witness.control, end, self.chain)
            .map_err(|error| halted_by(format!("starting segment {number}: {error}")))?;
        self.hot.add_live(self.live.header);
        self.hot.seal(sealed, end, self.chain);
        self.count_segments();
        self.check_fence()?;
        self.witness_both().map_err(witness_failed)
    }

    fn count_segments(&self) {
        let live = self.hot.count() as u64;
        self.gauges.segments_live.store(live, std::sync::atomic::Ordering::Relaxed);
    }

    /// Nothing to write: says how long to wait, and brings the witness up to date after a while.
    fn rest(&mut self, now: u64, appends_min: u32) -> WriterStep {
        if appends_min > 1 {
            let until = self.pace.interval_end_ns().saturating_sub(now);
            return WriterStep::Wait { appends_min, time: Some(Duration::from_nanos(until)) };
        }
        if self.witness.control.last == self.chain {
            return WriterStep::Wait { appends_min, time: None };
        }
        let due = self.pace.ended_ns() + self.witness.idle_ns;
        if now >= due {
            return self.bring_witness_up_to_date(true);
        }
        WriterStep::Wait { appends_min, time: Some(Duration::from_nanos(due - now)) }
    }

    fn bring_witness_up_to_date(&mut self, both: bool) -> WriterStep {
        if let Err(halted) = self.check_fence() {
            return self.halt(&halted);
        }
        let written = if both { self.witness_both() } else { self.witness_one() };
        match written {
            Ok(()) => WriterStep::Progress,
            Err(error) => self.halt(&witness_failed(error)),
        }
    }

    fn witness_one(&mut self) -> std::io::Result<()> {
        self.prepare_witness();
        self.witness.file.write(&mut self.witness.control)
    }

    fn witness_both(&mut self) -> std::io::Result<()> {
        self.prepare_witness();
        self.witness.file.write_both(&mut self.witness.control)
    }

    fn prepare_witness(&mut self) {
        let control = &mut self.witness.control;
        control.last = self.chain;
        control.live_segment = self.live.header.number;
        control.epoch = self.live.header.epoch;
        control.snapshots.clone_from(&self.snapshots.lock().unwrap_or_else(PoisonError::into_inner));
        self.witness.at_ns = self.clock.monotonic_ns();
    }

    /// Another owner that opened this log in spite of the lock has put a higher epoch into the control file.
    fn check_fence(&self) -> Result<(), Halted> {
        let own = self.live.header.epoch;
        match self.witness.file.epoch_on_disk() {
            Ok(epoch) if epoch > own => {
                let detail = format!("another owner has taken over with epoch {epoch}; this one has {own}");
                Err(Halted::new(HaltReason::Fenced, &detail))
            }
            Ok(_) => Ok(()),
            Err(ControlError::Io(error)) => Err(witness_failed(error)),
            Err(error @ (ControlError::BothSlots | ControlError::Format { .. })) => {
                Err(halted_by(format!("the control file was changed by someone else: {error}")))
            }
        }
    }

    /// Everything is written: says so in the control file and stops.
    fn finish(&mut self) -> WriterStep {
        self.witness.control.clean = true;
        let witnessed = self.check_fence().and_then(|()| self.witness_both().map_err(witness_failed));
        match witnessed {
            Ok(()) => self.halt(&Halted::new(HaltReason::Closed, "the log was closed")),
            Err(halted) => self.halt(&halted),
        }
    }

    fn halt(&mut self, halted: &Halted) -> WriterStep {
        if halted.reason != HaltReason::Closed {
            tracing::error!(reason = %halted.reason, detail = %halted.detail, "the log has halted");
        }
        self.hand_off.halt(halted);
        WriterStep::Stopped
    }
}

fn halted_by(detail: String) -> Halted {
    Halted::new(HaltReason::Io, &detail)
}

fn witness_failed(error: std::io::Error) -> Halted {
    halted_by(format!("writing the control file: {error}"))
}

impl SegmentFiles {
    /// Writes the header of spare `number`, which makes it the live segment.
    fn go_live(
        &self,
        number: u64,
        control: &Control,
        previous_end: u64,
        chain: ChainEnd,
    ) -> std::io::Result<LiveSegment> {
        let path = segment_path(&self.options.wal_dir(), number);
        let file = self.storage.open(&path, self.options.write_access())?;
        let header = SegmentHeader {
            shard: control.shard,
            store: control.store,
            number,
            epoch: control.epoch,
            salt: self.salt(),
            bytes: file.bytes()?,
            created_ns: self.clock.now_ns(),
            previous_end,
            chain,
        };
        let mut block = AlignedBuf::with_capacity(BLOCK_BYTES);
        block.extend_from_slice(&header.encode());
        let mut live = LiveSegment { file, header, offset: 0, sync_after_write: !self.options.direct_io };
        live.write(&block)?;
        debug_assert_eq!(live.offset, SEGMENT_HEADER_BYTES);
        Ok(live)
    }

    fn salt(&self) -> u64 {
        let mut salt = [0; 8];
        self.entropy.fill(&mut salt);
        u64::from_le_bytes(salt)
    }
}

impl LiveSegment {
    /// Writes whole blocks at the segment's end, durably.
    fn write(&mut self, blocks: &[u8]) -> std::io::Result<()> {
        write_all_at(&*self.file, blocks, self.offset)?;
        if self.sync_after_write {
            self.file.sync()?;
        }
        self.offset += blocks.len() as u64;
        Ok(())
    }
}
