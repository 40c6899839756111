//! The segments on disk that the archive has not replaced yet: their list, their index, reading from them.
//!
//! The writer notes each batch here once it is durable, so nothing that is not durable can be read. A segment
//! of an earlier run gets its index on the first read that needs it. Readers open files of their own.
//! Absent on purpose: a cache of records. Tested in `log/tests.rs` and by the integration tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use crate::batch::{BATCH_BYTES_LIMIT, BATCH_HEADER_BYTES, BatchHeader, ChainEnd, Hash, apply_mask};
use crate::bytes::index32;
use crate::error::{Place, ReadError, VisitError};
use crate::frame::{Lsn, Record, decode_frame};
use crate::segment::{SegmentHeader, segment_name};
use crate::storage::{Access, AlignedBuf, BLOCK_BYTES, File, Storage, read_exact_at};
use crate::walk::{SegmentWalk, WalkStep};

/// A segment that will never be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// The file.
    pub path: PathBuf,
    /// Its header.
    pub header: SegmentHeader,
    /// Where its batches end in the file; equal to the header's size when it has none.
    pub end: u64,
    /// The chain after its last batch.
    pub chain: ChainEnd,
}

/// All hot segments of a log.
pub struct HotLog {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    access: Access,
    segments: RwLock<BTreeMap<u64, Arc<HotSegment>>>,
    durable: AtomicU64,
    sealed: Mutex<u64>,
    sealed_more: Condvar,
}

/// Where a batch stands in its segment, in blocks.
#[derive(Clone, Copy, Debug)]
struct BatchPlace {
    first: Lsn,
    block: u32,
    blocks: u32,
}

struct HotSegment {
    path: PathBuf,
    header: SegmentHeader,
    file: OnceLock<Box<dyn File>>,
    index: RwLock<Option<Vec<BatchPlace>>>,
    end: OnceLock<(u64, ChainEnd)>,
}

impl HotLog {
    /// The segments in `dir`, of which none is known yet.
    #[must_use]
    pub(crate) fn new(storage: Arc<dyn Storage>, dir: PathBuf, access: Access) -> HotLog {
        HotLog {
            storage,
            dir,
            access,
            segments: RwLock::new(BTreeMap::new()),
            durable: AtomicU64::new(0),
            sealed: Mutex::new(0),
            sealed_more: Condvar::new(),
        }
    }

    /// Adds a segment of an earlier run, whose end is known.
    pub(crate) fn add_sealed(&self, header: SegmentHeader, end: u64, chain: ChainEnd) {
        let segment = self.segment(header, None);
        segment.end.get_or_init(|| (end, chain));
        self.insert(segment);
        self.durable.fetch_max(chain.lsn.0, Ordering::AcqRel);
        self.tell_sealed();
    }

    /// Adds the segment that is now being written.
    pub(crate) fn add_live(&self, header: SegmentHeader) {
        self.insert(self.segment(header, Some(Vec::new())));
    }

    fn segment(&self, header: SegmentHeader, index: Option<Vec<BatchPlace>>) -> HotSegment {
        HotSegment {
            path: self.dir.join(segment_name(header.number)),
            header,
            file: OnceLock::new(),
            index: RwLock::new(index),
            end: OnceLock::new(),
        }
    }

    fn insert(&self, segment: HotSegment) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.insert(segment.header.number, Arc::new(segment));
    }

    /// Notes a batch of segment `number` that is durable from now on.
    pub(crate) fn note_batch(&self, number: u64, header: &BatchHeader, offset: u64) {
        if let Some(segment) = self.by_number(number) {
            segment.note(header, offset);
        }
        self.durable.store(header.last_lsn().0, Ordering::Release);
    }

    /// Says that the live segment `number` has got its last batch.
    pub(crate) fn seal(&self, number: u64, end: u64, chain: ChainEnd) {
        if let Some(segment) = self.by_number(number) {
            segment.end.get_or_init(|| (end, chain));
        }
        self.tell_sealed();
    }

    fn tell_sealed(&self) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.sealed_more.notify_all();
    }

    /// Wakes whoever waits in [`HotLog::wait_sealed`], at closing time.
    pub(crate) fn wake_sealer(&self) {
        self.tell_sealed();
    }

    /// How many segments were sealed since the log was opened; closing counts as well.
    pub(crate) fn count_sealed(&self) -> u64 {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the count of sealings differs from `seen` or the time is over; returns the count.
    pub fn wait_sealed(&self, seen: u64, time: Duration) -> u64 {
        let count = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        if *count != seen {
            return *count;
        }
        *self.sealed_more.wait_timeout(count, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The sealed segments, oldest first.
    #[must_use]
    pub fn sealed(&self) -> Vec<SealedSegment> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let sealed = segments.values().filter_map(|segment| {
            let (end, chain) = *segment.end.get()?;
            Some(SealedSegment { path: segment.path.clone(), header: segment.header, end, chain })
        });
        sealed.collect()
    }

    /// The number of the oldest segment; `None` without segments.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.keys().next().copied()
    }

    /// How many segments there are, the live one included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The oldest record that can be read here; `None` without segments.
    #[must_use]
    pub fn first_lsn(&self) -> Option<Lsn> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.values().next().map(|segment| segment.header.first_lsn())
    }

    /// The last record that can be read here.
    #[must_use]
    pub fn durable_lsn(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Removes a sealed segment's file; whoever reads from it finishes. The name is gone durably.
    ///
    /// # Errors
    /// What the storage reports.
    pub(crate) fn remove(&self, number: u64) -> std::io::Result<()> {
        let path = self.dir.join(segment_name(number));
        self.segments.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
        self.storage.remove(&path)?;
        self.storage.sync_dir(&self.dir)
    }

    fn by_number(&self, number: u64) -> Option<Arc<HotSegment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// The segment that holds `lsn`: the newest that starts at or before it. Segments without records start
    /// at the same LSN as their successor and so never win.
    fn holding(&self, lsn: Lsn) -> Result<Arc<HotSegment>, ReadError> {
        let durable = self.durable_lsn();
        if lsn > durable {
            return Err(ReadError::NotDurable { lsn, durable });
        }
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let holding = segments.values().rev().find(|segment| segment.header.first_lsn() <= lsn);
        let first = segments.values().next().map_or(durable.next(), |first| first.header.first_lsn());
        holding.cloned().filter(|_| !lsn.is_none()).ok_or(ReadError::Gone { lsn, first })
    }

    /// Visits the records `from..=to` that are here, in order; stops early at the last durable one. Returns
    /// the LSN after the last visited.
    ///
    /// # Errors
    /// [`ReadError`]; records before the failing one have been visited.
    pub(crate) fn scan(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError> {
        let to = to.min(self.durable_lsn());
        let mut next = from;
        while next <= to {
            let segment = self.holding(next)?;
            let run = segment.run_from(self, next, to)?;
            next = segment.visit_run(self, &run, next, to, visit)?;
        }
        Ok(next)
    }

    /// The hash of the batch that holds a record, where a segment's header or end says it.
    pub(crate) fn hash_at_an_end(&self, lsn: Lsn) -> Option<Hash> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let chains =
            |segment: &HotSegment| [Some(segment.header.chain), segment.end.get().map(|(_, chain)| *chain)];
        let mut ends = segments.values().flat_map(|segment| chains(segment)).flatten();
        ends.find(|chain| chain.lsn == lsn).map(|chain| chain.hash)
    }

    /// The header of the batch that holds a record.
    pub(crate) fn batch_header(&self, lsn: Lsn) -> Result<BatchHeader, ReadError> {
        let segment = self.holding(lsn)?;
        let run = segment.run_from(self, lsn, lsn)?;
        let start = u64::from(run.block) * BLOCK_BYTES as u64;
        let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
        let read = read_exact_at(segment.file(self)?, &mut block, start);
        read.map_err(|source| segment.io(source))?;
        BatchHeader::decode(&block, segment.header.salt)
            .map_err(|error| segment.place(start, lsn).batch(error))
    }
}

/// Neighbouring batches that are read at once.
struct Run {
    block: u32,
    blocks: u32,
    first: Lsn,
}

impl HotSegment {
    fn note(&self, header: &BatchHeader, offset: u64) {
        let place = BatchPlace {
            first: header.first_lsn,
            block: blocks(offset),
            blocks: blocks(header.extent_bytes() as u64),
        };
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = index.as_mut() {
            places.push(place);
        }
    }

    fn place(&self, offset: u64, lsn: Lsn) -> Place {
        Place { path: self.path.clone(), offset, lsn }
    }

    fn io(&self, source: std::io::Error) -> ReadError {
        if source.kind() == std::io::ErrorKind::NotFound {
            // Removed between looking it up and opening it: the archive has it.
            let first = self.header.first_lsn();
            return ReadError::Gone { lsn: first, first };
        }
        ReadError::Io { path: self.path.clone(), source }
    }

    fn file(&self, log: &HotLog) -> Result<&dyn File, ReadError> {
        if let Some(file) = self.file.get() {
            return Ok(&**file);
        }
        let opened = log.storage.open(&self.path, log.access).map_err(|source| self.io(source))?;
        Ok(&**self.file.get_or_init(|| opened))
    }

    /// The batch that holds `from` and as many after it as one read takes and `to` asks for.
    fn run_from(&self, log: &HotLog, from: Lsn, to: Lsn) -> Result<Run, ReadError> {
        self.load_index(log)?;
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let places = index.as_deref().unwrap_or_default();
        let after = places.partition_point(|place| place.first <= from);
        let Some(place) = after.checked_sub(1).map(|at| places[at]) else {
            return Err(self.place(0, from).missing());
        };
        let mut run = Run { block: place.block, blocks: place.blocks, first: place.first };
        for next in places[after..].iter().take_while(|next| next.first <= to) {
            if index32(run.blocks + next.blocks) * BLOCK_BYTES > BATCH_BYTES_LIMIT {
                break;
            }
            run.blocks += next.blocks;
        }
        Ok(run)
    }

    /// Reads the run and visits its records from `from` to `to`; returns the LSN after the last one.
    fn visit_run(
        &self,
        log: &HotLog,
        run: &Run,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
    ) -> Result<Lsn, ReadError> {
        let start = u64::from(run.block) * BLOCK_BYTES as u64;
        let mut bytes = AlignedBuf::zeroed(index32(run.blocks) * BLOCK_BYTES);
        read_exact_at(self.file(log)?, &mut bytes, start).map_err(|source| self.io(source))?;
        let (mut at, mut lsn) = (0, run.first);
        while at < bytes.len() && lsn <= to {
            let place = self.place(start + at as u64, lsn);
            let header = BatchHeader::decode(&bytes[at..], self.header.salt)
                .map_err(|error| place.clone().batch(error))?;
            let length = index32(header.length);
            if header.first_lsn != lsn || at + length > bytes.len() {
                return Err(place.batch(crate::batch::BatchError::Chain));
            }
            let body = &mut bytes[at + BATCH_HEADER_BYTES..at + length];
            apply_mask(body, header.mask);
            visit_frames(body, &header, from..=to, &place, visit)?;
            lsn = header.last_lsn().next();
            at += header.extent_bytes();
        }
        Ok(lsn.min(to.next()))
    }

    fn load_index(&self, log: &HotLog) -> Result<(), ReadError> {
        if self.index.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let file = self.file(log)?;
        let (end, _) = *self.end.get().expect("a segment without an index is sealed");
        let mut walk = SegmentWalk::new(file, self.header, end);
        let mut places = Vec::new();
        loop {
            let (offset, lsn) = (walk.offset(), walk.chain().lsn.next());
            match walk.step().map_err(|source| self.io(source))? {
                WalkStep::Batch(batch) => places.push(BatchPlace {
                    first: batch.header.first_lsn,
                    block: blocks(batch.offset),
                    blocks: blocks(batch.header.extent_bytes() as u64),
                }),
                WalkStep::Invalid(error) => return Err(self.place(offset, lsn).batch(error)),
                WalkStep::Limit => break,
            }
        }
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = Some(places);
        Ok(())
    }
}

fn blocks(bytes: u64) -> u32 {
    u32::try_from(bytes / BLOCK_BYTES as u64).expect("a segment has fewer than 2^32 blocks")
}

fn visit_frames(
    body: &[u8],
    header: &BatchHeader,
    wanted: std::ops::RangeInclusive<Lsn>,
    place: &Place,
    visit: &mut dyn FnMut(Record<'_>) -> Result<(), VisitError>,
) -> Result<(), ReadError> {
    let (mut rest, mut lsn) = (body, header.first_lsn);
    while !rest.is_empty() && lsn <= *wanted.end() {
        if lsn < *wanted.start() {
            let skipped = crate::frame::frame_length(rest).map_err(|error| place.clone().frame(error))?;
            rest = &rest[skipped..];
        } else {
            let (record, after) = decode_frame(rest, lsn).map_err(|error| place.clone().frame(error))?;
            visit(record).map_err(|source| ReadError::Visit { lsn, source })?;
            rest = after;
        }
        lsn = lsn.next();
    }
    Ok(())
}

/// The file of a segment in a directory of segments.
pub(crate) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(segment_name(number))
}
