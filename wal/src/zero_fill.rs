//! Makes segments of zeros ahead of the writer, so that going live is one small write.
//!
//! A spare is filled under a temporary name, synced, renamed and its directory synced; so a file that has a
//! segment's name has a segment's size. The zero-filler and the writer share one maker: a writer that finds
//! no spare ready finishes the one that is being made, or makes one.
//! Failing to make a spare is no failed log write: it is reported as low space and tried again later, with a
//! new file. Absent on purpose: recycling of old segments. Tested below and by the fault tests.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::hot_log::segment_path;
use crate::journal::Gauges;
use crate::storage::{Access, AlignedBuf, File, Storage, publish, write_all_at};

/// Bytes of zeros written at once; small enough not to hold up the log's own writes for long: a write behind one waits twice as long as
/// one alone, behind a mebibyte five times.
const PIECE_BYTES: u64 = 256 << 10;

/// Pause between pieces while a spare is ready and nothing presses.
const PIECE_PAUSE: Duration = Duration::from_millis(1);

/// Pause between looks at the file system's free space, and between attempts after a failure.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// What spares are made of.
#[derive(Clone)]
pub(crate) struct SparePlan {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: u64,
    pub(crate) spares_wanted: usize,
    pub(crate) reserve_bytes: u64,
    pub(crate) direct_io: bool,
}

/// The spares that are ready, and the one being made.
pub(crate) struct Spares {
    plan: SparePlan,
    ready: Mutex<Ready>,
    changed: Condvar,
    maker: Mutex<Maker>,
    gauges: Arc<Gauges>,
    /// What the next snapshot still takes of the room that is kept for it.
    snapshot_bytes: AtomicU64,
    /// Bytes of the spare being made that are in its file.
    begun_bytes: AtomicU64,
}

/// The next snapshot's room while it is being written: what it has not taken of it yet is kept. When this is dropped, all of it is again.
pub(crate) struct LentRoom {
    spares: Arc<Spares>,
    bytes: u64,
}

impl LentRoom {
    /// So much of it is written.
    pub(crate) fn taken(&self, written: u64) {
        self.spares.keep_room(self.bytes.saturating_sub(written));
    }

    /// The snapshot is there: how large the one after it will be is told by [`Spares::keep_room`].
    pub(crate) fn spend(mut self) {
        self.bytes = 0;
    }
}

impl Drop for LentRoom {
    fn drop(&mut self) {
        self.spares.keep_room(self.bytes);
    }
}

struct Ready {
    numbers: VecDeque<u64>,
    closing: bool,
}

struct Maker {
    next_number: u64,
    zeros: AlignedBuf,
    current: Option<Unfinished>,
}

struct Unfinished {
    file: Box<dyn File>,
    temporary: PathBuf,
    written: u64,
}

impl Spares {
    /// With spares `ready` from an earlier run; new ones get the numbers after them, from `next_number`.
    pub(crate) fn new(plan: SparePlan, ready: Vec<u64>, next_number: u64, gauges: Arc<Gauges>) -> Spares {
        let piece =
            usize::try_from(plan.segment_bytes.min(PIECE_BYTES)).expect("at most a quarter of a mebibyte");
        gauges.segments_spare.store(ready.len() as u64, Ordering::Relaxed);
        Spares {
            plan,
            ready: Mutex::new(Ready { numbers: ready.into(), closing: false }),
            changed: Condvar::new(),
            maker: Mutex::new(Maker { next_number, zeros: AlignedBuf::zeroed(piece), current: None }),
            gauges,
            snapshot_bytes: AtomicU64::new(0),
            begun_bytes: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next spare's number; makes it when none is ready.
    ///
    /// # Errors
    /// What the storage reports when none is ready and none can be made.
    pub(crate) fn take(&self) -> io::Result<u64> {
        loop {
            if let Some(number) = self.pop() {
                return Ok(number);
            }
            self.advance()?;
        }
    }

    fn pop(&self) -> Option<u64> {
        let mut ready = self.lock();
        let number = ready.numbers.pop_front()?;
        self.gauges.segments_spare.store(ready.numbers.len() as u64, Ordering::Relaxed);
        drop(ready);
        self.changed.notify_all();
        Some(number)
    }

    /// Does one piece of work on the spare being made.
    fn advance(&self) -> io::Result<()> {
        let mut maker = self.maker.lock().unwrap_or_else(PoisonError::into_inner);
        let made = maker.advance(&self.plan);
        let begun = maker.current.as_ref().map_or(0, |current| current.written);
        self.begun_bytes.store(begun, Ordering::Relaxed);
        if let Some(number) = made? {
            let mut ready = self.lock();
            ready.numbers.push_back(number);
            self.gauges.segments_spare.store(ready.numbers.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Tells the zero-filler to stop.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Bytes that the wanted spares will still take which are not ready.
    pub(crate) fn missing_bytes(&self) -> u64 {
        let missing = self.plan.segment_bytes * self.missing() as u64;
        missing.saturating_sub(self.begun_bytes.load(Ordering::Relaxed))
    }

    fn missing(&self) -> usize {
        self.plan.spares_wanted.saturating_sub(self.lock().numbers.len())
    }

    /// From now on space is low where the next snapshot, of about this many bytes, would find no room: it alone lets old segments
    /// go. 0 when nothing is known of it.
    pub(crate) fn keep_room(&self, snapshot_bytes: u64) {
        self.snapshot_bytes.store(snapshot_bytes, Ordering::Relaxed);
    }

    /// Lets the next snapshot take its room.
    pub(crate) fn lend_room(self: &Arc<Spares>) -> LentRoom {
        LentRoom { spares: Arc::clone(self), bytes: self.snapshot_bytes.load(Ordering::Relaxed) }
    }

    /// What must be free beyond the spares. With a snapshot's room goes that of a segment, so that what is archived after writes are
    /// refused does not take it.
    fn reserve_bytes(&self) -> u64 {
        let reserve = self.plan.reserve_bytes;
        match self.snapshot_bytes.load(Ordering::Relaxed) {
            0 => reserve,
            snapshot => reserve + snapshot + self.plan.segment_bytes,
        }
    }

    /// Looks whether the file system has room for the missing spares and the reserve.
    fn look_at_space(&self) {
        let Ok(free) = self.plan.storage.free_bytes(&self.plan.dir) else { return };
        let needed = self.missing_bytes() + self.reserve_bytes();
        self.report_space(free, free < needed);
    }

    fn report_space(&self, free_bytes: u64, low: bool) {
        self.gauges.free_bytes.store(free_bytes, Ordering::Relaxed);
        if self.gauges.space_low.swap(low, Ordering::AcqRel) != low {
            if low {
                let reserve_bytes = self.reserve_bytes();
                tracing::warn!(
                    free_bytes,
                    reserve_bytes,
                    "too little space for the log's spare segments and its reserve"
                );
            } else {
                tracing::info!(free_bytes, "there is space for the log's spare segments again");
            }
        }
    }
}

impl Maker {
    /// Writes one piece; returns the spare's number when that was the last one.
    fn advance(&mut self, plan: &SparePlan) -> io::Result<Option<u64>> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.begin(plan)?,
        };
        let temporary = current.temporary.clone();
        match self.write_piece(current, plan) {
            Ok(number) => Ok(number),
            Err(error) => {
                // Half a spare is worth nothing; that its removal may fail as well changes nothing.
                let _ = plan.storage.remove(&temporary);
                Err(error)
            }
        }
    }

    fn begin(&self, plan: &SparePlan) -> io::Result<Unfinished> {
        let temporary = segment_path(&plan.dir, self.next_number).with_extension("seg.tmp");
        if plan.storage.exists(&temporary)? {
            plan.storage.remove(&temporary)?;
        }
        let access = if plan.direct_io { Access::CreateNewDirect } else { Access::CreateNew };
        let file = plan.storage.open(&temporary, access)?;
        Ok(Unfinished { file, temporary, written: 0 })
    }

    fn write_piece(&mut self, mut current: Unfinished, plan: &SparePlan) -> io::Result<Option<u64>> {
        let left = plan.segment_bytes - current.written;
        let bytes = self.zeros.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        write_all_at(&*current.file, &self.zeros[..bytes], current.written)?;
        current.written += bytes as u64;
        if current.written < plan.segment_bytes {
            self.current = Some(current);
            return Ok(None);
        }
        let number = self.next_number;
        publish(&*plan.storage, &*current.file, &current.temporary, &segment_path(&plan.dir, number))?;
        self.next_number += 1;
        Ok(Some(number))
    }
}

/// What a step of the zero-filler came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillStep {
    /// A piece was written; go on after this pause.
    Progress {
        /// How long to leave the disk to the log.
        pause: Duration,
    },
    /// All spares are there, or making one failed: look again when one is taken, or after this pause.
    Idle {
        /// How long until the next look.
        pause: Duration,
    },
    /// The log closes.
    Stopped,
}

/// Keeps the wanted number of spares ready.
pub struct ZeroFiller {
    spares: Arc<Spares>,
}

impl ZeroFiller {
    pub(crate) fn new(spares: Arc<Spares>) -> ZeroFiller {
        ZeroFiller { spares }
    }

    /// Does one piece of work.
    pub fn step(&mut self) -> FillStep {
        let (closing, ready) = {
            let state = self.spares.lock();
            (state.closing, state.numbers.len())
        };
        if closing {
            return FillStep::Stopped;
        }
        if self.spares.missing() == 0 {
            self.spares.look_at_space();
            return FillStep::Idle { pause: LOOK_PAUSE };
        }
        match self.spares.advance() {
            Ok(()) => FillStep::Progress { pause: if ready == 0 { Duration::ZERO } else { PIECE_PAUSE } },
            Err(error) => {
                let free_bytes = self.spares.plan.storage.free_bytes(&self.spares.plan.dir).unwrap_or(0);
                tracing::debug!(%error, "a spare segment could not be made");
                self.spares.report_space(free_bytes, true);
                FillStep::Idle { pause: LOOK_PAUSE }
            }
        }
    }

    /// Steps until the log closes.
    pub(crate) fn run(mut self) {
        loop {
            let (pause, until_taken) = match self.step() {
                FillStep::Progress { pause } => (pause, false),
                FillStep::Idle { pause } => (pause, true),
                FillStep::Stopped => return,
            };
            self.rest(pause, until_taken);
        }
    }

    fn rest(&self, pause: Duration, until_taken: bool) {
        let ready = self.spares.lock();
        if ready.closing || pause.is_zero() {
            return;
        }
        if until_taken && ready.numbers.len() < self.spares.plan.spares_wanted && !self.low() {
            return;
        }
        drop(self.spares.changed.wait_timeout(ready, pause));
    }

    fn low(&self) -> bool {
        self.spares.gauges.space_low.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::storage::crash::{CrashStorage, Fault};

    fn spares(disk: &CrashStorage) -> Arc<Spares> {
        disk.create_dir_all(Path::new("/wal")).unwrap();
        let plan = SparePlan {
            storage: Arc::new(disk.clone()),
            dir: PathBuf::from("/wal"),
            segment_bytes: (2 << 20) + 4096,
            spares_wanted: 2,
            reserve_bytes: 0,
            direct_io: true,
        };
        Arc::new(Spares::new(plan, Vec::new(), 7, Arc::new(Gauges::default())))
    }

    fn fill(spares: &Arc<Spares>) -> FillStep {
        let mut filler = ZeroFiller::new(Arc::clone(spares));
        loop {
            match filler.step() {
                FillStep::Progress { .. } => {}
                other => return other,
            }
        }
    }

    #[test]
    fn as_many_spares_are_made_as_are_wanted_and_each_one_taken_is_replaced() {
        let disk = CrashStorage::new();
        let spares = spares(&disk);
        assert_eq!(fill(&spares), FillStep::Idle { pause: LOOK_PAUSE });
        assert_eq!(spares.take().unwrap(), 7);
        fill(&spares);
        let names = [7, 8, 9].map(|number| segment_path(Path::new("/wal"), number));
        assert_eq!(disk.files(), names);
        for name in names {
            assert_eq!(disk.read_file(&name).unwrap(), vec![0; (2 << 20) + 4096]);
        }
        spares.close();
        assert_eq!(fill(&spares), FillStep::Stopped);
    }

    #[test]
    fn a_writer_that_finds_none_ready_finishes_the_one_that_is_being_made() {
        let disk = CrashStorage::new();
        let spares = spares(&disk);
        ZeroFiller::new(Arc::clone(&spares)).step();
        assert_eq!(disk.files().len(), 1);
        assert_eq!((spares.take().unwrap(), spares.take().unwrap()), (7, 8));
        assert_eq!(disk.files().len(), 2);
    }

    #[test]
    fn a_spare_that_fails_leaves_nothing_behind_and_space_is_low_until_one_succeeds() {
        let disk = CrashStorage::new();
        let spares = spares(&disk);
        ZeroFiller::new(Arc::clone(&spares)).step();
        disk.fail_call(disk.calls() + 1, Fault::Errno(28));
        assert_eq!(fill(&spares), FillStep::Idle { pause: LOOK_PAUSE });
        assert!(spares.gauges.space_low.load(Ordering::Relaxed));
        assert_eq!(disk.files(), [] as [PathBuf; 0]);
        fill(&spares);
        assert!(!spares.gauges.space_low.load(Ordering::Relaxed));
        assert_eq!(disk.files().len(), 2);
    }
}
