//! The control file: a witness, kept apart from the log, of how far the log had come.
//!
//! Two slots of 4 KiB are written in turn, each with a higher turn number than the other. What it says is a
//! lower bound: batches up to [`Control::last`] were durable. Without it, a log whose last blocks were lost
//! would look like a shorter log; with it, recovery refuses. All fields stand in a slot's first sector, which
//! a device writes whole or not at all; so a slot that does not verify is damage and not a torn write, and
//! the other slot answers for it. On opening, rotation, idleness and closing both slots get the same content.
//! Absent on purpose: anything that is needed to read the log.
//! Layout: `docs/WAL_FORMAT.md`, "Control file". Tested below and by the golden files.

use std::io;
use std::path::Path;

use crate::batch::{COUNT_LIMIT, ChainEnd, PADDING_BYTE};
use crate::bytes::{array_at, put, u16_at, u32_at, u64_at};
use crate::frame::Lsn;
use crate::segment::{FORMAT_VERSION, StoreId};
use crate::storage::{Access, AlignedBuf, BLOCK_BYTES, File, Storage, publish, read_up_to, write_all_at};

/// Snapshots that the control file names at most.
pub const SNAPSHOTS_NAMED_MAX: usize = 4;

/// Bytes of the control file.
pub const CONTROL_BYTES: usize = 2 * BLOCK_BYTES;

const MAGIC: [u8; 8] = *b"CofrCtrl";

const FORMAT_AT: usize = 8;
const SHARD_AT: usize = 12;
const CLEAN_AT: usize = 14;
const SNAPSHOT_COUNT_AT: usize = 15;
const STORE_AT: usize = 16;
const TURN_AT: usize = 32;
const EPOCH_AT: usize = 40;
const LIVE_SEGMENT_AT: usize = 48;
const SEQUENCE_AT: usize = 56;
const LSN_AT: usize = 64;
const TIME_AT: usize = 72;
const HASH_AT: usize = 80;
const SNAPSHOTS_AT: usize = 112;
const SNAPSHOT_BYTES: usize = 16;
const CRC_AT: usize = SNAPSHOTS_AT + SNAPSHOTS_NAMED_MAX * SNAPSHOT_BYTES;
const FIELDS_BYTES: usize = CRC_AT + 4;

/// A snapshot that existed when the witness was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotMark {
    /// The snapshot's id.
    pub id: u64,
    /// Records up to here are in it.
    pub start_lsn: Lsn,
}

/// What the witness says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The shard's number.
    pub shard: u16,
    /// The store's identity.
    pub store: StoreId,
    /// Grows with each write; the slot with the higher one is the newer.
    pub turn: u64,
    /// The latest run of an owner.
    pub epoch: u64,
    /// The segment that was live; 0 before the first.
    pub live_segment: u64,
    /// The last batch known to be durable.
    pub last: ChainEnd,
    /// The newest snapshots, oldest first, at most [`SNAPSHOTS_NAMED_MAX`].
    pub snapshots: Vec<SnapshotMark>,
    /// Whether the log was closed in good order right after `last`.
    pub clean: bool,
}

/// Why the control file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Neither slot verifies.
    #[error("both slots of the control file are damaged")]
    BothSlots,
    /// Written by another version of the format.
    #[error("the control file has format {found}, this program reads format {FORMAT_VERSION}")]
    Format {
        /// What the slot says.
        found: u32,
    },
    /// It cannot be read.
    #[error("the control file cannot be read: {0}")]
    Io(#[from] io::Error),
}

enum Slot {
    Valid(Control),
    Damaged,
    Format(u32),
}

impl Control {
    /// The witness of a store that was just made.
    #[must_use]
    pub fn new(store: StoreId, shard: u16) -> Control {
        Control {
            shard,
            store,
            turn: 0,
            epoch: 0,
            live_segment: 0,
            last: ChainEnd::genesis(&store, shard),
            snapshots: Vec::new(),
            clean: true,
        }
    }

    /// One slot as it stands on disk.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [PADDING_BYTE; BLOCK_BYTES];
        block[..FIELDS_BYTES].fill(0);
        put(&mut block, 0, &MAGIC);
        put(&mut block, FORMAT_AT, &FORMAT_VERSION.to_le_bytes());
        put(&mut block, SHARD_AT, &self.shard.to_le_bytes());
        block[CLEAN_AT] = u8::from(self.clean);
        put(&mut block, STORE_AT, &self.store);
        put(&mut block, TURN_AT, &self.turn.to_le_bytes());
        put(&mut block, EPOCH_AT, &self.epoch.to_le_bytes());
        put(&mut block, LIVE_SEGMENT_AT, &self.live_segment.to_le_bytes());
        put(&mut block, SEQUENCE_AT, &self.last.sequence.to_le_bytes());
        put(&mut block, LSN_AT, &self.last.lsn.0.to_le_bytes());
        put(&mut block, TIME_AT, &self.last.time_ns.to_le_bytes());
        put(&mut block, HASH_AT, &self.last.hash);
        self.put_snapshots(&mut block);
        let crc = crc32fast::hash(&block[..CRC_AT]);
        put(&mut block, CRC_AT, &crc.to_le_bytes());
        block
    }

    fn put_snapshots(&self, block: &mut [u8]) {
        let newest = self.snapshots.len().saturating_sub(SNAPSHOTS_NAMED_MAX);
        for (at, mark) in (SNAPSHOTS_AT..).step_by(SNAPSHOT_BYTES).zip(&self.snapshots[newest..]) {
            put(block, at, &mark.id.to_le_bytes());
            put(block, at + 8, &mark.start_lsn.0.to_le_bytes());
            block[SNAPSHOT_COUNT_AT] += 1;
        }
    }

    fn decode(block: &[u8]) -> Slot {
        let sound = block[..FORMAT_AT] == MAGIC
            && u32_at(block, CRC_AT) == crc32fast::hash(&block[..CRC_AT])
            && block[FIELDS_BYTES..].iter().all(|byte| *byte == PADDING_BYTE);
        if !sound {
            return Slot::Damaged;
        }
        let format = u32_at(block, FORMAT_AT);
        if format != FORMAT_VERSION {
            return Slot::Format(format);
        }
        let control = Control::decode_fields(block);
        if control.fits_the_format() { Slot::Valid(control) } else { Slot::Damaged }
    }

    fn fits_the_format(&self) -> bool {
        let counts = [self.turn, self.epoch, self.live_segment];
        counts.into_iter().all(|count| count < COUNT_LIMIT) && self.last.fits_the_format()
    }

    fn decode_fields(block: &[u8]) -> Control {
        let named = usize::from(block[SNAPSHOT_COUNT_AT]).min(SNAPSHOTS_NAMED_MAX);
        let marks = (SNAPSHOTS_AT..).step_by(SNAPSHOT_BYTES).take(named);
        Control {
            shard: u16_at(block, SHARD_AT),
            store: array_at(block, STORE_AT),
            turn: u64_at(block, TURN_AT),
            epoch: u64_at(block, EPOCH_AT),
            live_segment: u64_at(block, LIVE_SEGMENT_AT),
            last: ChainEnd {
                sequence: u64_at(block, SEQUENCE_AT),
                lsn: Lsn(u64_at(block, LSN_AT)),
                hash: array_at(block, HASH_AT),
                time_ns: u64_at(block, TIME_AT),
            },
            snapshots: marks
                .map(|at| SnapshotMark { id: u64_at(block, at), start_lsn: Lsn(u64_at(block, at + 8)) })
                .collect(),
            clean: block[CLEAN_AT] != 0,
        }
    }
}

/// The newer of the two slots that `bytes` hold, and whether the other one was damaged.
///
/// # Errors
/// [`ControlError`] when no slot can be used.
pub fn decode_control(bytes: &[u8]) -> Result<(Control, bool), ControlError> {
    if bytes.len() != CONTROL_BYTES {
        return Err(ControlError::BothSlots);
    }
    let (first, second) = bytes.split_at(BLOCK_BYTES);
    match (Control::decode(first), Control::decode(second)) {
        (Slot::Format(found), _) | (_, Slot::Format(found)) => Err(ControlError::Format { found }),
        (Slot::Valid(first), Slot::Valid(second)) => {
            Ok((if first.turn > second.turn { first } else { second }, false))
        }
        (Slot::Valid(one), Slot::Damaged) | (Slot::Damaged, Slot::Valid(one)) => Ok((one, true)),
        (Slot::Damaged, Slot::Damaged) => Err(ControlError::BothSlots),
    }
}

/// Reads the control file; `None` when there is none. Says whether one slot was damaged.
///
/// # Errors
/// [`ControlError`] when it is there and cannot be used.
pub fn read_control(
    storage: &dyn Storage,
    path: &Path,
    access: Access,
) -> Result<Option<(Control, bool)>, ControlError> {
    if !storage.exists(path)? {
        return Ok(None);
    }
    let file = storage.open(path, access)?;
    let mut bytes = AlignedBuf::zeroed(CONTROL_BYTES);
    let read = read_up_to(&*file, &mut bytes, 0)?;
    if file.bytes()? != CONTROL_BYTES as u64 {
        return Err(ControlError::BothSlots);
    }
    decode_control(&bytes[..read]).map(Some)
}

/// Makes the control file of a new store: both slots at once, under a temporary name first.
///
/// # Errors
/// What the storage reports.
pub fn create_control(storage: &dyn Storage, path: &Path, control: &Control) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    if storage.exists(&temporary)? {
        storage.remove(&temporary)?;
    }
    let file = storage.open(&temporary, Access::CreateNew)?;
    let mut bytes = AlignedBuf::with_capacity(CONTROL_BYTES);
    bytes.extend_from_slice(&Control { turn: control.turn + 2, ..control.clone() }.encode());
    bytes.extend_from_slice(&Control { turn: control.turn + 1, ..control.clone() }.encode());
    write_all_at(&*file, &bytes, 0)?;
    publish(storage, &*file, &temporary, path)
}

/// Writes the witness while the log is open.
pub struct ControlFile {
    file: Box<dyn File>,
    synced_by_write: bool,
    block: AlignedBuf,
}

impl ControlFile {
    /// Opens the existing control file for writing.
    ///
    /// # Errors
    /// What the storage reports.
    pub fn open(storage: &dyn Storage, path: &Path, access: Access) -> io::Result<ControlFile> {
        let file = storage.open(path, access)?;
        let synced_by_write = access == Access::WriteDirectSync;
        Ok(ControlFile { file, synced_by_write, block: AlignedBuf::zeroed(BLOCK_BYTES) })
    }

    /// Writes one slot, durably: the one whose turn it is. Counts the turn up.
    ///
    /// # Errors
    /// What the file reports; the slot's content is then unknown.
    pub fn write(&mut self, control: &mut Control) -> io::Result<()> {
        control.turn += 1;
        self.block.copy_from_slice(&control.encode());
        let slot = control.turn % 2 * BLOCK_BYTES as u64;
        write_all_at(&*self.file, &self.block, slot)?;
        if self.synced_by_write { Ok(()) } else { self.file.sync() }
    }

    /// Writes both slots, one after the other, so that either alone says all.
    ///
    /// # Errors
    /// As [`ControlFile::write`].
    pub fn write_both(&mut self, control: &mut Control) -> io::Result<()> {
        self.write(control)?;
        self.write(control)
    }

    /// The epoch that the file says now: higher than one's own when another owner has taken over.
    ///
    /// # Errors
    /// [`ControlError`] when it cannot be read.
    pub fn epoch_on_disk(&self) -> Result<u64, ControlError> {
        let mut bytes = AlignedBuf::zeroed(CONTROL_BYTES);
        let read = read_up_to(&*self.file, &mut bytes, 0)?;
        decode_control(&bytes[..read]).map(|(control, _)| control.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(turn: u64) -> Control {
        Control {
            turn,
            epoch: 3,
            live_segment: 8,
            last: ChainEnd { sequence: 90 + turn, lsn: Lsn(1_000), hash: [7; 32], time_ns: 11 },
            snapshots: vec![SnapshotMark { id: 5, start_lsn: Lsn(600) }],
            clean: false,
            ..Control::new([2; 16], 4)
        }
    }

    fn slots(first: u64, second: u64) -> Vec<u8> {
        [control(first).encode(), control(second).encode()].concat()
    }

    #[test]
    fn the_slot_with_the_higher_turn_counts() {
        assert_eq!(decode_control(&slots(4, 3)).unwrap(), (control(4), false));
        assert_eq!(decode_control(&slots(4, 5)).unwrap(), (control(5), false));
    }

    #[test]
    fn any_flipped_bit_is_found_and_the_other_slot_answers() {
        let bytes = slots(4, 5);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let other = if bit / 8 < BLOCK_BYTES { control(5) } else { control(4) };
            assert_eq!(decode_control(&damaged).unwrap(), (other, true), "bit {bit}");
        }
    }

    #[test]
    fn a_slot_with_numbers_that_no_log_reaches_is_damaged() {
        let last = control(1).last;
        for impossible in [
            Control { turn: u64::MAX, ..control(9) },
            Control { epoch: COUNT_LIMIT, ..control(9) },
            Control { last: ChainEnd { sequence: u64::MAX, ..last }, ..control(9) },
            Control { last: ChainEnd { lsn: Lsn(u64::MAX), ..last }, ..control(9) },
        ] {
            let bytes = [impossible.encode(), control(1).encode()].concat();
            assert_eq!(decode_control(&bytes).unwrap(), (control(1), true));
        }
    }

    #[test]
    fn two_damaged_slots_or_a_short_file_are_refused() {
        let mut bytes = slots(1, 2);
        bytes[100] ^= 1;
        bytes[BLOCK_BYTES + 100] ^= 1;
        assert!(matches!(decode_control(&bytes), Err(ControlError::BothSlots)));
        assert!(matches!(decode_control(&slots(1, 2)[1..]), Err(ControlError::BothSlots)));
    }

    #[test]
    fn only_the_newest_snapshots_are_named() {
        let marks = (1..7).map(|id| SnapshotMark { id, start_lsn: Lsn(id * 10) });
        let many = Control { snapshots: marks.collect(), ..control(1) };
        let Slot::Valid(read) = Control::decode(&many.encode()) else { panic!("valid") };
        assert_eq!(read.snapshots, many.snapshots[2..]);
    }
}
