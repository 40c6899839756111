//! Finds a log's end, and tells a crash from damage. Reads only; changes no file.
//!
//! At the first position that holds no valid next batch, exactly one of three things is true:
//! - **End**: zeros to the end of the segment, nothing in later ones.
//! - **Torn**: the one write that was in flight did not finish. Either its first sector is zero, or its header
//!   is sound and some sector of its extent is zero; zeros follow, and nothing later. It was never
//!   acknowledged.
//! - **Corrupt**: anything else, and either of the above when the witness knows of a later batch.
//!
//! Older segments are verified by whoever reads them (replay, sealer, `verify`); here their headers must link.
//! Absent on purpose: skipping, truncating, guessing. Decision table: `docs/WAL_FORMAT.md`, "Recovery".
//! Tested in `tail.rs` and exhaustively by the crash tests.

mod tail;

use std::path::{Path, PathBuf};

use crate::batch::{BatchError, ChainEnd, has_unwritten_sector};
use crate::control::{Control, ControlError, read_control};
use crate::error::{Corruption, OpenError};
use crate::frame::Lsn;
use crate::hot_log::segment_path;
use crate::options::{control_path, wal_dir};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentHeaderError, segment_number};
use crate::storage::{Access, AlignedBuf, BLOCK_BYTES, File, Storage, read_up_to};
use crate::walk::{SegmentWalk, WalkStep};
use tail::{Verdict, judge, look_at_tail, read_extent};

/// What was found in a shard's directory.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The witness.
    pub control: Control,
    /// Whether one slot of the control file was damaged; the other one answered.
    pub control_slot_damaged: bool,
    /// The segments that went live, oldest first.
    pub live: Vec<FoundSegment>,
    /// The segments that did not go live yet, in order; they follow the live ones.
    pub spares: Vec<FoundSpare>,
    /// Where the log ends.
    pub end: FoundEnd,
}

/// A segment that went live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSegment {
    /// Its file.
    pub path: PathBuf,
    /// Its header.
    pub header: SegmentHeader,
}

/// A segment of zeros, ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSpare {
    /// Its number.
    pub number: u64,
    /// Its file's length in bytes.
    pub bytes: u64,
}

/// The end of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEnd {
    /// The last batch.
    pub chain: ChainEnd,
    /// Where it ends in the last live segment; 0 without segments.
    pub offset: u64,
    /// The write that a crash cut short, if there was one.
    pub torn: Option<TornReport>,
}

/// A write that a crash cut short. It was never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornReport {
    /// The segment.
    pub path: PathBuf,
    /// Where the write began.
    pub offset: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
    /// The first record that the write would have held.
    pub first_lsn: Lsn,
}

/// Looks at everything in a shard's directory; `None` when there is no log yet.
///
/// # Errors
/// [`OpenError`]: damage, foreign files, another format, or a failing storage.
pub fn survey(storage: &dyn Storage, dir: &Path, shard: u16) -> Result<Option<Survey>, OpenError> {
    let control = find_control(storage, dir, shard)?;
    let numbers = segment_numbers(storage, &wal_dir(dir))?;
    let Some((control, control_slot_damaged)) = control else {
        let Some(number) = numbers.first() else { return Ok(None) };
        let path = segment_path(&wal_dir(dir), *number);
        return Err(damage(&path, 0, Lsn::FIRST, None, "segments are here, but the control file is missing"));
    };
    let surveyor = Surveyor { storage, dir: wal_dir(dir), control: &control };
    let (live, spares) = surveyor.find_segments(&numbers)?;
    surveyor.check_links(&live)?;
    let end = surveyor.find_end(&live)?;
    surveyor.check_witness(&live, &end)?;
    Ok(Some(Survey { control, control_slot_damaged, live, spares, end }))
}

fn find_control(storage: &dyn Storage, dir: &Path, shard: u16) -> Result<Option<(Control, bool)>, OpenError> {
    let path = control_path(dir);
    match read_control(storage, &path, Access::ReadDirect) {
        Ok(Some((control, _))) if control.shard != shard => Err(OpenError::WrongStore { path }),
        Ok(found) => Ok(found),
        Err(ControlError::BothSlots) => {
            Err(damage(&path, 0, Lsn::FIRST, None, "both slots of the control file are damaged"))
        }
        Err(ControlError::Format { found }) => Err(OpenError::FormatVersion { path, found }),
        Err(ControlError::Io(source)) => Err(OpenError::io(path)(source)),
    }
}

fn segment_numbers(storage: &dyn Storage, dir: &Path) -> Result<Vec<u64>, OpenError> {
    if !storage.exists(dir).map_err(OpenError::io(dir))? {
        return Ok(Vec::new());
    }
    let entries = storage.list(dir).map_err(OpenError::io(dir))?;
    // Names are fixed-width hex, so their order is the numbers' order.
    Ok(entries.iter().filter_map(|entry| segment_number(&entry.name)).collect())
}

fn damage(path: &Path, offset: u64, first_lsn: Lsn, last_lsn: Option<Lsn>, why: &str) -> OpenError {
    Corruption { path: path.to_owned(), offset, first_lsn, last_lsn, why: why.to_owned() }.into()
}

struct Surveyor<'a> {
    storage: &'a dyn Storage,
    dir: PathBuf,
    control: &'a Control,
}

/// What a segment's file is.
enum Kind {
    Live(SegmentHeader),
    /// Zeros throughout.
    Unused,
    /// Zeros but for a header whose write did not finish.
    TornHeader,
}

impl Surveyor<'_> {
    fn damage(&self, path: &Path, offset: u64, first: Lsn, why: &str) -> OpenError {
        let known = self.control.last.lsn;
        damage(path, offset, first, (known >= first).then_some(known), why)
    }

    /// Sorts the segments into those that went live and the spares after them.
    fn find_segments(&self, numbers: &[u64]) -> Result<(Vec<FoundSegment>, Vec<FoundSpare>), OpenError> {
        let (mut live, mut spares): (Vec<FoundSegment>, Vec<FoundSpare>) = (Vec::new(), Vec::new());
        let mut expected = numbers.first().copied();
        for number in numbers.iter().copied() {
            let path = segment_path(&self.dir, number);
            if expected != Some(number) {
                return Err(self.missing(expected.unwrap_or(number), &live));
            }
            expected = number.checked_add(1);
            let file = self.storage.open(&path, Access::ReadDirect).map_err(OpenError::io(&path))?;
            let bytes = file.bytes().map_err(OpenError::io(&path))?;
            let first_lsn = live.last().map_or(Lsn::FIRST, |last| last.header.first_lsn());
            match self.kind_of(&path, &*file, bytes, number)? {
                Kind::Live(_) | Kind::TornHeader if !spares.is_empty() => {
                    let why = "a segment was written although the one before it never was";
                    return Err(self.damage(&path, 0, first_lsn, why));
                }
                Kind::Live(header) => live.push(FoundSegment { path, header }),
                Kind::Unused | Kind::TornHeader if number <= self.control.live_segment => {
                    let why = "the segment was live, and its header is gone";
                    return Err(self.damage(&path, 0, first_lsn, why));
                }
                Kind::Unused | Kind::TornHeader => spares.push(FoundSpare { number, bytes }),
            }
        }
        if live.last().map_or(0, |last| last.header.number) < self.control.live_segment {
            return Err(self.missing(live.last().map_or(1, |last| last.header.number + 1), &live));
        }
        Ok((live, spares))
    }

    fn missing(&self, number: u64, live: &[FoundSegment]) -> OpenError {
        let first_lsn = live.last().map_or(Lsn::FIRST, |last| last.header.first_lsn());
        self.damage(&segment_path(&self.dir, number), 0, first_lsn, "the segment's file is missing")
    }

    fn kind_of(&self, path: &Path, file: &dyn File, bytes: u64, number: u64) -> Result<Kind, OpenError> {
        let mut block = AlignedBuf::zeroed(BLOCK_BYTES);
        read_up_to(file, &mut block, 0).map_err(OpenError::io(path))?;
        let error = match SegmentHeader::decode(&block) {
            Ok(header) => return self.check_header(path, header, bytes, number).map(Kind::Live),
            Err(SegmentHeaderError::Format { found }) => {
                return Err(OpenError::FormatVersion { path: path.to_owned(), found });
            }
            Err(error) => error,
        };
        let tail = look_at_tail(file, SEGMENT_HEADER_BYTES, bytes, None).map_err(OpenError::io(path))?;
        if let Some(end) = tail.nonzero_end {
            let why = format!("{error}, yet there are bytes up to offset {end}");
            return Err(self.damage(path, 0, Lsn::FIRST, &why));
        }
        if error == SegmentHeaderError::Unwritten {
            return Ok(Kind::Unused);
        }
        if has_unwritten_sector(&block) {
            return Ok(Kind::TornHeader);
        }
        Err(self.damage(path, 0, self.control.last.lsn.next(), &error.to_string()))
    }

    fn check_header(
        &self,
        path: &Path,
        header: SegmentHeader,
        bytes: u64,
        number: u64,
    ) -> Result<SegmentHeader, OpenError> {
        if header.store != self.control.store || header.shard != self.control.shard {
            return Err(OpenError::WrongStore { path: path.to_owned() });
        }
        if header.number != number {
            let why = format!("the file holds segment {}, its name says {number}", header.number);
            return Err(self.damage(path, 0, header.first_lsn(), &why));
        }
        if header.bytes != bytes {
            let why = format!("the file has {bytes} bytes and should have {}", header.bytes);
            return Err(self.damage(path, bytes, header.first_lsn(), &why));
        }
        Ok(header)
    }

    /// Each header must be able to follow the one before; whether the batches between agree, replay tells.
    fn check_links(&self, live: &[FoundSegment]) -> Result<(), OpenError> {
        if let Some(FoundSegment { path, header }) = live.first().filter(|first| first.header.number == 1)
            && (header.chain != ChainEnd::genesis(&header.store, header.shard) || header.previous_end != 0)
        {
            return Err(self.damage(path, 0, Lsn::FIRST, "the first segment does not start the log"));
        }
        for pair in live.windows(2) {
            let (before, after) = (&pair[0].header, &pair[1].header);
            let fits = after.epoch >= before.epoch
                && after.chain.sequence >= before.chain.sequence
                && after.chain.lsn >= before.chain.lsn
                && (SEGMENT_HEADER_BYTES..=before.bytes).contains(&after.previous_end)
                && (after.previous_end > SEGMENT_HEADER_BYTES || after.chain == before.chain);
            if !fits {
                let why = "the segment's header does not follow the segment before it";
                return Err(self.damage(&pair[1].path, 0, before.first_lsn(), why));
            }
        }
        Ok(())
    }

    fn find_end(&self, live: &[FoundSegment]) -> Result<FoundEnd, OpenError> {
        let Some(FoundSegment { path, header }) = live.last() else {
            let chain = ChainEnd::genesis(&self.control.store, self.control.shard);
            return Ok(FoundEnd { chain, offset: 0, torn: None });
        };
        let file = self.storage.open(path, Access::ReadDirect).map_err(OpenError::io(path))?;
        let mut walk = SegmentWalk::new(&*file, *header, header.bytes);
        let error = loop {
            match walk.step().map_err(OpenError::io(path))? {
                WalkStep::Batch(batch) => {
                    check_against_witness(self.control, path, batch.offset, &walk.chain())?;
                }
                WalkStep::Invalid(error) => break Some(error),
                WalkStep::Limit => break None,
            }
        };
        let (chain, offset) = (walk.chain(), walk.offset());
        let torn = match error {
            None => None,
            Some(error) => self.judge_tail(&*file, path, header, offset, &chain, error)?,
        };
        Ok(FoundEnd { chain, offset, torn })
    }

    /// Decides what it means that there is no valid next batch at `offset`: `None` for the log's plain end.
    fn judge_tail(
        &self,
        file: &dyn File,
        path: &Path,
        header: &SegmentHeader,
        offset: u64,
        chain: &ChainEnd,
        error: BatchError,
    ) -> Result<Option<TornReport>, OpenError> {
        let tail =
            look_at_tail(file, offset, header.bytes, Some(header.salt)).map_err(OpenError::io(path))?;
        let Some(nonzero_end) = tail.nonzero_end else { return Ok(None) };
        let first_lsn = chain.lsn.next();
        let extent = read_extent(file, offset, header, chain).map_err(OpenError::io(path))?;
        match judge(&extent, offset, &tail) {
            Verdict::Torn => {
                let bytes = nonzero_end - offset;
                Ok(Some(TornReport { path: path.to_owned(), offset, bytes, first_lsn }))
            }
            Verdict::Corrupt(None) => Err(self.damage(path, offset, first_lsn, &error.to_string())),
            Verdict::Corrupt(Some(also)) => {
                Err(self.damage(path, offset, first_lsn, &format!("{error}; {also}")))
            }
        }
    }

    /// The log must reach as far as the witness says, and agree with it.
    fn check_witness(&self, live: &[FoundSegment], end: &FoundEnd) -> Result<(), OpenError> {
        let witnessed = self.control.last;
        let path = live.last().map_or(self.dir.as_path(), |last| last.path.as_path());
        let at_end = |why| Err(self.damage(path, end.offset, end.chain.lsn.next(), why));
        if end.chain.sequence < witnessed.sequence {
            return at_end("the log ends before the last batch that the control file knows of");
        }
        if self.control.clean && (end.chain.sequence > witnessed.sequence || end.torn.is_some()) {
            return at_end("the control file says that the log was closed before what stands here");
        }
        for segment in live {
            check_against_witness(self.control, &segment.path, 0, &segment.header.chain)?;
        }
        Ok(())
    }
}

/// When the witness speaks of this very batch, both must say the same.
pub(crate) fn check_against_witness(
    control: &Control,
    path: &Path,
    offset: u64,
    chain: &ChainEnd,
) -> Result<(), OpenError> {
    if chain.sequence != control.last.sequence || *chain == control.last {
        return Ok(());
    }
    let why = "the batch is not the one that the control file knows of";
    Err(damage(path, offset, chain.lsn, Some(control.last.lsn), why))
}
