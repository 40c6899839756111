//! Walks one segment's batches in order and verifies each: what recovery, replay, the sealer and the offline
//! tools all read with.
//!
//! The walk stops at the first position that holds no valid next batch and says why; what that means (the
//! log's end, a torn write, damage) is for [`crate::recovery`] to decide.
//! Absent on purpose: skipping, repairing. Tested below and by the crash tests.

use std::io;

use crate::batch::{BATCH_BYTES_LIMIT, BatchError, BatchHeader, ChainEnd, open_batch_body};
use crate::bytes::index;
use crate::frame::{FrameError, Lsn, Record, decode_frame_unchecked};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::storage::{AlignedBuf, BLOCK_BYTES, File, read_up_to};

/// Bytes read at once: the largest batch must fit. More would be no faster, and a write of the log that comes behind it waits longer.
const WINDOW_BYTES: usize = BATCH_BYTES_LIMIT;

/// A walk over the batches of one segment.
pub struct SegmentWalk<'f> {
    file: &'f dyn File,
    header: SegmentHeader,
    chain: ChainEnd,
    offset: u64,
    limit: u64,
    window: AlignedBuf,
    window_start: u64,
    window_stale: bool,
}

/// What stands at one position of a segment.
#[derive(Debug)]
pub enum WalkStep<'a> {
    /// The next batch, verified.
    Batch(WalkedBatch<'a>),
    /// No valid next batch.
    Invalid(BatchError),
    /// The walk's limit.
    Limit,
}

/// A verified batch.
#[derive(Clone, Copy, Debug)]
pub struct WalkedBatch<'a> {
    /// Its header.
    pub header: BatchHeader,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its records' frames, unmasked.
    pub frames: &'a [u8],
}

impl<'a> WalkedBatch<'a> {
    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'a>, FrameError>> + use<'a> {
        Records { frames: self.frames, next: self.header.first_lsn }
    }
}

/// The records of frames that a batch's hash has vouched for.
struct Records<'a> {
    frames: &'a [u8],
    next: Lsn,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.frames.is_empty() {
            return None;
        }
        let decoded = decode_frame_unchecked(self.frames, self.next);
        self.next = self.next.next();
        match decoded {
            Ok((record, rest)) => {
                self.frames = rest;
                Some(Ok(record))
            }
            Err(error) => {
                self.frames = &[];
                Some(Err(error))
            }
        }
    }
}

impl<'f> SegmentWalk<'f> {
    /// Walks from the first batch up to `limit`: the file's length, or where the next segment says that this
    /// one ends. `file` is open for reading and its header block has been read already.
    #[must_use]
    pub fn new(file: &'f dyn File, header: SegmentHeader, limit: u64) -> SegmentWalk<'f> {
        SegmentWalk {
            file,
            header,
            chain: header.chain,
            offset: SEGMENT_HEADER_BYTES,
            limit,
            window: AlignedBuf::default(),
            window_start: SEGMENT_HEADER_BYTES,
            window_stale: true,
        }
    }

    /// Where the next batch is expected.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The last batch walked over.
    #[must_use]
    pub fn chain(&self) -> ChainEnd {
        self.chain
    }

    /// Reads and verifies what stands at the current position; moves on only over a valid batch.
    ///
    /// # Errors
    /// What the file reports.
    pub fn step(&mut self) -> io::Result<WalkStep<'_>> {
        if self.offset >= self.limit {
            return Ok(WalkStep::Limit);
        }
        self.fill(BLOCK_BYTES)?;
        let header = match self.expected_header() {
            Ok(header) => header,
            Err(error) => return Ok(WalkStep::Invalid(error)),
        };
        let extent = header.extent_bytes();
        self.fill(extent)?;
        let Some(chain) = self.chain.followed_by(&header) else {
            return Ok(WalkStep::Invalid(BatchError::Chain));
        };
        let offset = self.offset;
        let at = index(offset - self.window_start);
        // The records are unmasked in place: should the body be bad, these bytes are read again.
        match open_batch_body(&header, &mut self.window[at..at + extent]) {
            Ok(frames) => {
                self.offset += extent as u64;
                self.chain = chain;
                Ok(WalkStep::Batch(WalkedBatch { header, offset, frames }))
            }
            Err(error) => {
                self.window_stale = true;
                Ok(WalkStep::Invalid(error))
            }
        }
    }

    fn expected_header(&self) -> Result<BatchHeader, BatchError> {
        let at = index(self.offset - self.window_start);
        let header = BatchHeader::decode(&self.window[at..], self.header.salt)?;
        if header.shard != self.header.shard || header.epoch != self.header.epoch {
            return Err(BatchError::Owner);
        }
        if self.offset + header.extent_bytes() as u64 > self.limit {
            return Err(BatchError::PastTheEnd);
        }
        Ok(header)
    }

    /// Makes the window hold `bytes` from the current offset, reading as much ahead as it has room for.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        let window_end = self.window_start + self.window.len() as u64;
        if !self.window_stale && self.offset + bytes as u64 <= window_end {
            return Ok(());
        }
        let wanted = self.limit.saturating_sub(self.offset).min(WINDOW_BYTES as u64);
        self.window.resize(index(wanted).max(bytes), 0);
        self.window_start = self.offset;
        self.window_stale = false;
        let read = read_up_to(self.file, &mut self.window, self.offset)?;
        if read < bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the segment file ends within a batch"));
        }
        self.window.truncate(read);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::batch::{BatchOwner, begin_batch, seal_batch};
    use crate::frame::{FrameHeader, encode_frame};
    use crate::storage::crash::CrashStorage;
    use crate::storage::{Access, Storage};

    const PATH: &str = "/wal/segment";

    fn header() -> SegmentHeader {
        SegmentHeader {
            shard: 1,
            store: [3; 16],
            number: 1,
            epoch: 2,
            salt: 99,
            bytes: 64 << 10,
            created_ns: 0,
            previous_end: 0,
            chain: ChainEnd::genesis(&[3; 16], 1),
        }
    }

    /// A segment with a batch for each length, and where each batch begins.
    fn segment(bodies: &[usize]) -> (Vec<u8>, Vec<u64>) {
        let (mut content, mut chain, mut offsets) = (header().encode().to_vec(), header().chain, Vec::new());
        for bytes in bodies {
            let mut frame = Vec::new();
            encode_frame(&mut frame, &FrameHeader::default(), &vec![7; *bytes], b"").unwrap();
            let mut buf = AlignedBuf::default();
            begin_batch(&mut buf);
            buf.extend_from_slice(&frame);
            let owner = BatchOwner { shard: 1, epoch: 2, salt: 99 };
            chain = chain.followed_by(&seal_batch(&mut buf, 1, &chain, owner).unwrap()).unwrap();
            offsets.push(content.len() as u64);
            content.extend_from_slice(&buf);
        }
        content.resize(64 << 10, 0);
        (content, offsets)
    }

    fn open(content: &[u8]) -> Box<dyn File> {
        let disk = CrashStorage::new();
        disk.put_file(Path::new(PATH), content);
        disk.open(Path::new(PATH), Access::ReadDirect).unwrap()
    }

    #[test]
    fn batches_come_in_order_and_the_walk_stops_before_the_first_zeros() {
        let (content, offsets) = segment(&[10, 9_000, 100]);
        let file = open(&content);
        let mut walk = SegmentWalk::new(&*file, header(), 64 << 10);
        for (lsn, offset) in (1..).zip(offsets) {
            let WalkStep::Batch(batch) = walk.step().unwrap() else { panic!("batch {lsn}") };
            assert_eq!((batch.offset, batch.header.first_lsn), (offset, Lsn(lsn)));
            assert_eq!(batch.records().count(), 1);
        }
        let end = walk.offset();
        assert!(matches!(walk.step().unwrap(), WalkStep::Invalid(BatchError::NoHeader)));
        assert_eq!((walk.offset(), walk.chain().lsn), (end, Lsn(3)));
    }

    #[test]
    fn a_damaged_batch_is_not_passed_however_often_one_asks() {
        let (mut content, offsets) = segment(&[10, 9_000, 100]);
        content[usize::try_from(offsets[1]).unwrap() + 5_000] ^= 1;
        let file = open(&content);
        let mut walk = SegmentWalk::new(&*file, header(), 64 << 10);
        assert!(matches!(walk.step().unwrap(), WalkStep::Batch(_)));
        for _ in 0..3 {
            assert!(matches!(walk.step().unwrap(), WalkStep::Invalid(BatchError::BodyHash)));
            assert_eq!(walk.offset(), offsets[1]);
        }
    }

    #[test]
    fn a_walk_ends_at_its_limit_and_a_batch_beyond_it_does_not_count() {
        let (content, offsets) = segment(&[10, 9_000]);
        let file = open(&content);
        let mut walk = SegmentWalk::new(&*file, header(), offsets[1]);
        assert!(matches!(walk.step().unwrap(), WalkStep::Batch(_)));
        assert!(matches!(walk.step().unwrap(), WalkStep::Limit));
        let mut walk = SegmentWalk::new(&*file, header(), offsets[1] + 4096);
        assert!(matches!(walk.step().unwrap(), WalkStep::Batch(_)));
        assert!(matches!(walk.step().unwrap(), WalkStep::Invalid(BatchError::PastTheEnd)));
    }

    #[test]
    fn a_batch_that_is_sound_but_not_the_next_one_is_refused() {
        let (mut content, offsets) = segment(&[10, 20]);
        let second = usize::try_from(offsets[1]).unwrap();
        content.copy_within(second..second + 4096, 4096);
        let file = open(&content);
        let mut walk = SegmentWalk::new(&*file, header(), 64 << 10);
        assert!(matches!(walk.step().unwrap(), WalkStep::Invalid(BatchError::Chain)));
    }
}
