//! Opening, running and closing a log: where all its parts come together.
//!
//! `Log::open` looks and changes nothing that exists; `Opened::replay` reads; `Opened::start` begins a new
//! epoch with a segment of its own and starts the threads; `Log::close` drains, writes the clean witness and
//! lets go of the lock. A program that just ends is safe too: the next open finds what was durable.
//! Absent on purpose: what records mean, when to make snapshots. Tested below and in `wal/tests/`.

mod directory;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::Archive;
use crate::control::{ControlFile, SnapshotMark};
use crate::env::{Env, Spawn};
use crate::error::{Corruption, OpenError, VisitError};
use crate::frame::{Lsn, Record};
use crate::halt::{HaltReason, Halted};
use crate::hot_log::{HotLog, segment_path};
use crate::journal::{Gauges, Journal};
use crate::machines::{Machines, Running, SealerMachine};
use crate::open_batch::{Completion, HandOff};
use crate::options::{LogOptions, archive_dir, control_path, lock_path, snapshots_dir};
use crate::reader::{LogReader, SegmentSource};
use crate::recovery::{FoundEnd, Survey, TornReport, survey};
use crate::replay::{Replay, ReplayProgress, ReplaySummary};
use crate::sealer::{SealError, Sealer};
use crate::snapshot_file::{SnapshotError, SnapshotStore};
use crate::storage::{Access, AlignedBuf, LockGuard, publish, read_up_to, write_all_at};
use crate::writer::{Writer, WriterParts};
use crate::zero_fill::{SparePlan, Spares, ZeroFiller};

use self::directory::{create_store, lock};
pub(crate) use self::directory::{lock_to_read, no_log};

/// Where a log that was opened ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The last record; [`Lsn::NONE`] in a log without records.
    pub last_lsn: Lsn,
    /// The latest time of any record, in nanoseconds since 1970 UTC; 0 in a log without records.
    pub last_time_ns: u64,
    /// The last batch's hash.
    pub hash: crate::batch::Hash,
    /// Batches in the log since it was made.
    pub batches: u64,
    /// Whether the log was closed in good order.
    pub clean: bool,
    /// The write that a crash cut short, if there was one.
    pub torn: Option<TornReport>,
    /// Whether one of the two slots of the control file was damaged; the other one answered.
    pub control_slot_damaged: bool,
}

/// A log that was looked at and can be read, and started.
pub struct Opened {
    options: LogOptions,
    env: Env,
    /// `None` = on a medium that nobody can write; it cannot be started.
    lock: Option<Arc<dyn LockGuard>>,
    survey: Survey,
    end: End,
    snapshots: SnapshotStore,
    archive: Arc<Archive>,
    hot: Arc<HotLog>,
}

/// A running log.
pub struct Log<C: Completion> {
    journal: Journal<C>,
    hot: Arc<HotLog>,
    archive: Arc<Archive>,
    snapshots: SnapshotStore,
    marks: Arc<Mutex<Vec<SnapshotMark>>>,
    sealer: Sealer,
    spares: Arc<Spares>,
    running: Arc<Running>,
    torn_copy: Option<PathBuf>,
}

impl Log<()> {
    /// Opens the log in `options.dir`, or makes a new one when there is none: takes the lock, reads the
    /// witness, lists and checks the segments, finds the end. Changes no file that exists.
    ///
    /// # Errors
    /// [`OpenError`]; the lock is free again then.
    pub fn open(options: LogOptions, env: Env) -> Result<Opened, OpenError> {
        options.check()?;
        let dir = options.dir.clone();
        env.storage.create_dir_all(&options.wal_dir()).map_err(OpenError::io(options.wal_dir()))?;
        let lock = Some(Arc::from(lock(&*env.storage, &dir)?));
        let found = match survey(&*env.storage, &dir, options.shard)? {
            Some(found) => found,
            None => create_store(&options, &env)?,
        };
        Self::opened(options, env, lock, found)
    }

    /// Opens a log that is there to read it, and changes nothing: as [`Log::open`], but makes none, and reads one on a medium that cannot be
    /// written, such as a copy that is mounted so. That one cannot be started.
    ///
    /// # Errors
    /// [`OpenError`]; the lock is free again then.
    pub fn open_to_read(options: LogOptions, env: Env) -> Result<Opened, OpenError> {
        options.check()?;
        let dir = options.dir.clone();
        let lock = lock_to_read(&*env.storage, &dir)?.map(Arc::from);
        match survey(&*env.storage, &dir, options.shard)? {
            Some(found) => Self::opened(options, env, lock, found),
            None => Err(no_log(control_path(&dir))),
        }
    }

    fn opened(
        options: LogOptions,
        env: Env,
        lock: Option<Arc<dyn LockGuard>>,
        found: Survey,
    ) -> Result<Opened, OpenError> {
        let dir = options.dir.clone();
        let (store, shard) = (found.control.store, options.shard);
        let archive = Archive::open(&env, archive_dir(&dir), store, shard)
            .map_err(|error| OpenError::io(archive_dir(&dir))(std::io::Error::other(error)))?;
        check_oldest(&found, &archive, &options)?;
        let (archive, hot) = (Arc::new(archive), Arc::new(hot_log(&options, &env, &found)));
        let reader = LogReader::new(Arc::clone(&hot), Arc::clone(&archive) as Arc<dyn SegmentSource>);
        let snapshots = SnapshotStore::new(&env, snapshots_dir(&dir), store, shard).of_log(reader);
        let end = end_of(&found);
        Ok(Opened { options, env, lock, survey: found, end, snapshots, archive, hot })
    }
}

/// What is older than the oldest hot segment must be in the archive.
fn check_oldest(found: &Survey, archive: &Archive, options: &LogOptions) -> Result<(), OpenError> {
    let Some(oldest) = found.live.first() else { return Ok(()) };
    let before = oldest.header.number - 1;
    if before == 0 || archive.holds(before) {
        return Ok(());
    }
    Err(Corruption {
        path: segment_path(&options.wal_dir(), before),
        offset: 0,
        first_lsn: Lsn::FIRST,
        last_lsn: Some(oldest.header.chain.lsn),
        why: "the segment's file is missing, and the archive does not have it".to_owned(),
    }
    .into())
}

/// The hot segments that were found, none of which will be written again.
fn hot_log(options: &LogOptions, env: &Env, found: &Survey) -> HotLog {
    let hot = HotLog::new(Arc::clone(&env.storage), options.wal_dir(), options.read_access());
    let ends = found.live.iter().skip(1).map(|next| (next.header.previous_end, next.header.chain));
    let last_end = (found.end.offset, found.end.chain);
    for (segment, (end, chain)) in found.live.iter().zip(ends.chain([last_end])) {
        hot.add_sealed(segment.header, end, chain);
    }
    hot
}

fn end_of(found: &Survey) -> End {
    let FoundEnd { chain, torn, .. } = &found.end;
    End {
        last_lsn: chain.lsn,
        last_time_ns: chain.time_ns,
        hash: chain.hash,
        batches: chain.sequence,
        clean: found.control.clean,
        torn: torn.clone(),
        control_slot_damaged: found.control_slot_damaged,
    }
}

impl Opened {
    /// Where the log ends.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// The log's snapshots.
    #[must_use]
    pub fn snapshots(&self) -> &SnapshotStore {
        &self.snapshots
    }

    /// The log's archive.
    #[must_use]
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Reads single records of the log that was found, without starting it. They are all durable.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.hot), Arc::clone(&self.archive) as Arc<dyn SegmentSource>)
    }

    /// The number of the oldest hot segment; `None` before the first start.
    #[must_use]
    pub fn oldest_hot(&self) -> Option<u64> {
        self.survey.live.first().map(|segment| segment.header.number)
    }

    /// Random bytes chosen when the store was made.
    #[must_use]
    pub fn store_id(&self) -> [u8; 16] {
        self.survey.control.store
    }

    /// The snapshots that existed when the witness was last written.
    #[must_use]
    pub fn witnessed_snapshots(&self) -> &[SnapshotMark] {
        &self.survey.control.snapshots
    }

    /// Visits the records from `from` to the end, in order, from the archive and the hot log, and verifies
    /// every batch on the way. [`Lsn::NONE`] means from the first.
    ///
    /// # Errors
    /// [`OpenError`]: damage, records that are gone, a failing storage, or what `visit` said.
    pub fn replay(
        &mut self,
        from: Lsn,
        progress: &mut dyn FnMut(&ReplayProgress),
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<ReplaySummary, OpenError> {
        let replay = Replay {
            storage: &*self.env.storage,
            archive: &*self.archive,
            survey: &self.survey,
            from: from.max(Lsn::FIRST),
            progress,
            visit,
            counted: ReplayProgress::default(),
        };
        replay.run()
    }

    /// Begins a new epoch in a new segment and runs the log's machines on threads.
    ///
    /// # Errors
    /// [`OpenError`] when the storage fails or there is no thread to be had.
    pub fn start<C: Completion>(self, spawn: &dyn Spawn) -> Result<Log<C>, OpenError> {
        let dir = self.options.dir.clone();
        let (log, machines) = self.assemble()?;
        machines.spawn(spawn, &log.running).map_err(OpenError::io(dir))?;
        Ok(log)
    }

    /// As [`Opened::start`], but gives the machines to the caller, to step them by hand.
    ///
    /// # Errors
    /// [`OpenError`] when the storage fails.
    pub fn assemble<C: Completion>(self) -> Result<(Log<C>, Machines<C>), OpenError> {
        let Some(lock) = self.lock.clone() else {
            return Err(OpenError::io(lock_path(&self.options.dir))(ErrorKind::ReadOnlyFilesystem.into()));
        };
        self.make_durable_what_was_found()?;
        self.remove_unfinished_snapshots()?;
        self.set_foreign_snapshots_aside()?;
        let torn_copy = self.copy_torn_aside()?;
        let parts = self.shared_parts::<C>()?;
        parts.spares.keep_room(self.snapshots.newest_bytes().map_err(self.snapshots_failed())?);
        let journal = Journal { hand_off: Arc::clone(&parts.hand_off), gauges: Arc::clone(&parts.gauges) };
        let (hot, spares, marks) =
            (Arc::clone(&parts.hot), Arc::clone(&parts.spares), Arc::clone(&parts.snapshots));
        let writer =
            Writer::begin(parts, &self.env, &self.options).map_err(OpenError::io(&self.options.dir))?;
        let sealer =
            || Sealer::new(Arc::clone(&self.env.storage), Arc::clone(&hot), Arc::clone(&self.archive));
        let running = Arc::new(Running::new(lock));
        let machines = Machines {
            writer,
            zero_filler: ZeroFiller::new(Arc::clone(&spares)),
            sealer: SealerMachine::new(
                sealer(),
                Arc::clone(&hot),
                Arc::clone(&self.env.clock),
                Arc::clone(&running),
            ),
        };
        let sealer = sealer();
        let (archive, snapshots) = (self.archive, self.snapshots.beside(Arc::clone(&spares)));
        let log = Log { journal, hot, archive, snapshots, marks, sealer, spares, running, torn_copy };
        Ok((log, machines))
    }

    /// When the process before was killed, not the machine, what it left may be seen and yet not be durable:
    /// names, and the batch or the header that it was writing. The next segment builds on all of it.
    fn make_durable_what_was_found(&self) -> Result<(), OpenError> {
        let storage = &self.env.storage;
        if let Some(last) = self.survey.live.last() {
            let file = storage.open(&last.path, Access::Write).map_err(OpenError::io(&last.path))?;
            file.sync().map_err(OpenError::io(&last.path))?;
        }
        for dir in [self.options.dir.clone(), self.options.wal_dir()] {
            storage.sync_dir(&dir).map_err(OpenError::io(dir))?;
        }
        Ok(())
    }

    /// What a killed process had not finished is nobody's, and may have the very space that the new segment needs.
    fn remove_unfinished_snapshots(&self) -> Result<(), OpenError> {
        self.snapshots.remove_unfinished().map_err(self.snapshots_failed())
    }

    fn snapshots_failed(&self) -> impl Fn(SnapshotError) -> OpenError {
        let dir = snapshots_dir(&self.options.dir);
        move |error| OpenError::io(&dir)(std::io::Error::other(error))
    }

    /// What shows records that the log does not hold must not look like a snapshot of it when its numbers have been given again.
    fn set_foreign_snapshots_aside(&self) -> Result<(), OpenError> {
        let error = self.snapshots_failed();
        let mut names = Vec::new();
        for (name, found) in self.snapshots.inspect().map_err(&error)? {
            let Some(why) = found.err().filter(SnapshotError::is_foreign) else { continue };
            tracing::warn!(%why, "a snapshot is set aside; its records were given up, or the log was exchanged");
            names.push(name);
        }
        self.snapshots.set_aside(&names).map(drop).map_err(error)
    }

    fn shared_parts<C: Completion>(&self) -> Result<WriterParts<C>, OpenError> {
        let (options, end) = (&self.options, &self.survey.end);
        let gauges = Arc::new(Gauges::default());
        let control_at = control_path(&options.dir);
        let control_file = ControlFile::open(&*self.env.storage, &control_at, options.write_access())
            .map_err(OpenError::io(control_at))?;
        let newest_epoch = self.survey.live.last().map_or(0, |last| last.header.epoch);
        let mut control = self.survey.control.clone();
        control.epoch = control.epoch.max(newest_epoch) + 1;
        Ok(WriterParts {
            hand_off: Arc::new(HandOff::new(end.chain.lsn, options.batch_bytes_max)),
            hot: Arc::clone(&self.hot),
            spares: Arc::new(self.spares(&gauges)?),
            gauges,
            snapshots: Arc::new(Mutex::new(control.snapshots.clone())),
            control_file,
            control,
            previous_end: end.offset,
            chain: end.chain,
        })
    }

    /// Takes over the spares of an earlier run, as long as they have the size wanted; removes the others.
    fn spares(&self, gauges: &Arc<Gauges>) -> Result<Spares, OpenError> {
        let (storage, dir) = (&self.env.storage, self.options.wal_dir());
        let found = &self.survey.spares;
        let fitting = found.iter().take_while(|spare| spare.bytes == self.options.segment_bytes);
        let ready: Vec<u64> = fitting.map(|spare| spare.number).collect();
        for unfit in found.iter().skip(ready.len()).rev() {
            let path = segment_path(&dir, unfit.number);
            storage.remove(&path).map_err(OpenError::io(&path))?;
            storage.sync_dir(&dir).map_err(OpenError::io(&dir))?;
        }
        let newest = self.survey.live.last().map_or(0, |last| last.header.number);
        let next_number = newest + 1 + ready.len() as u64;
        let plan = SparePlan {
            storage: Arc::clone(storage),
            dir,
            segment_bytes: self.options.segment_bytes,
            spares_wanted: self.options.spare_segments,
            reserve_bytes: self.options.reserve_bytes,
            direct_io: self.options.direct_io,
        };
        Ok(Spares::new(plan, ready, next_number, Arc::clone(gauges)))
    }

    /// Keeps a copy of what a cut-short write left behind, for whoever wants to look at it.
    fn copy_torn_aside(&self) -> Result<Option<PathBuf>, OpenError> {
        let Some(torn) = &self.end.torn else { return Ok(None) };
        let copy = torn.path.with_extension(format!("{:x}.torn", torn.offset));
        let copied = self.copy_torn(torn, &copy);
        copied.map_err(OpenError::io(&copy))?;
        tracing::warn!(
            segment = %torn.path.display(), offset = torn.offset, bytes = torn.bytes, lsn = %torn.first_lsn,
            copy = %copy.display(), "a write was cut short and never acknowledged; the log ends before it"
        );
        Ok(Some(copy))
    }

    fn copy_torn(&self, torn: &TornReport, copy: &std::path::Path) -> std::io::Result<()> {
        let storage = &*self.env.storage;
        if storage.exists(copy)? {
            return Ok(());
        }
        let bytes = usize::try_from(torn.bytes).map_err(std::io::Error::other)?;
        let mut content = AlignedBuf::zeroed(bytes.next_multiple_of(crate::storage::BLOCK_BYTES));
        let segment = storage.open(&torn.path, Access::ReadDirect)?;
        let read = read_up_to(&*segment, &mut content, torn.offset)?;
        let temporary = copy.with_extension("tmp");
        if storage.exists(&temporary)? {
            storage.remove(&temporary)?;
        }
        let file = storage.open(&temporary, Access::CreateNew)?;
        write_all_at(&*file, &content[..read.min(bytes)], 0)?;
        publish(storage, &*file, &temporary, copy)
    }
}

impl<C: Completion> Log<C> {
    /// The handle that appends.
    #[must_use]
    pub fn journal(&self) -> Journal<C> {
        self.journal.clone()
    }

    /// A reader over hot log and archive.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        let archive: Arc<Archive> = Arc::clone(&self.archive);
        LogReader::new(Arc::clone(&self.hot), archive)
    }

    /// The log's snapshots.
    #[must_use]
    pub fn snapshots(&self) -> &SnapshotStore {
        &self.snapshots
    }

    /// The hot segments, for whoever inspects a running log.
    #[must_use]
    pub fn hot_log(&self) -> &Arc<HotLog> {
        &self.hot
    }

    /// The copy of what a cut-short write had left behind when this log was started.
    #[must_use]
    pub fn torn_copy(&self) -> Option<&std::path::Path> {
        self.torn_copy.as_deref()
    }

    /// Call after a snapshot was finished: removes older snapshots and the hot segments that are archived and
    /// that no kept snapshot needs, and lets the witness name the snapshots. Returns the segments removed.
    ///
    /// # Errors
    /// When a file cannot be removed, or the directory of snapshots cannot be read. The log goes on.
    pub fn purge(&self) -> Result<Vec<u64>, PurgeError> {
        self.snapshots.prune()?;
        let kept = self.snapshots.list()?;
        self.spares.keep_room(kept.first().map_or(0, |newest| newest.bytes));
        let marks = kept.iter().rev().map(|info| SnapshotMark { id: info.id, start_lsn: info.start_lsn });
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner) = marks.collect();
        let purged = self.sealer.purge(self.snapshots.purge_floor()?)?;
        let live = self.hot.count() as u64;
        self.journal.gauges.segments_live.store(live, std::sync::atomic::Ordering::Relaxed);
        Ok(purged)
    }

    /// Asks the machines to drain and stop, without waiting. What is appended from now on may be refused.
    pub fn begin_close(&self) {
        self.running.close();
        self.journal.hand_off.close();
        self.spares.close();
        self.hot.wake_sealer();
    }

    /// Drains what is appended, writes the clean witness, stops the machines and lets go of the lock.
    ///
    /// # Errors
    /// [`Halted`] when the log had halted or halts now; what was not durable by then is not in it.
    pub fn close(self) -> Result<(), Halted> {
        self.begin_close();
        let halted = self.journal.hand_off.wait_halted();
        self.running.wait_all_ended();
        if halted.reason == HaltReason::Closed { Ok(()) } else { Err(halted) }
    }
}

impl<C: Completion> Drop for Log<C> {
    /// Without [`Log::close`], the machines still drain and stop, on their own time.
    fn drop(&mut self) {
        self.begin_close();
    }
}

/// Why old segments or snapshots could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The snapshots.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The segments.
    #[error(transparent)]
    Segments(#[from] SealError),
}

#[cfg(test)]
mod tests;
