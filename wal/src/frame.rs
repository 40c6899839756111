//! A record and its frame: the 48 bytes that stand before every record, whoever wrote it.
//!
//! The log knows of a record only what stands here; its public and personal parts are opaque bytes. The
//! personal part (names, references, descriptions) stands apart so that it can be erased later: then its
//! hash stands in its place, and behind that what the parts' owner needs to read the record without it.
//! Absent on purpose: decoding of the parts, compression, any idea of a wallet, when to erase what.
//! Layout: `docs/WAL_FORMAT.md`, "Record frame". Tested in `tests` and by the golden files.

use std::fmt;

use crate::audit::personal_hash;
use crate::batch::Hash;
use crate::bytes::{index32, put, u16_at, u32_at, u64_at};

/// Bytes of the fixed frame before a record's public part.
pub const FRAME_HEADER_BYTES: usize = 48;

/// The largest frame of format 1, header included, in bytes.
pub const RECORD_BYTES_LIMIT: usize = 240 * 1024;

/// How much longer than [`RECORD_BYTES_LIMIT`] a frame may become by an erasure: the hash, and some room for what
/// is put in place of the personal part.
pub const ERASED_GROWTH_BYTES_LIMIT: usize = 4 * 1024;

/// Bytes of the hash that stands for an erased personal part.
const HASH_BYTES: usize = 32;

const CRC_AT: usize = 4;
const TYPE_AT: usize = 8;
const VERSION_AT: usize = 10;
const FLAGS_AT: usize = 11;
const PERSONAL_AT: usize = 12;
const SUBJECT_AT: usize = 16;
/// What became of the personal part: 0 = it is as it was written, 1 = its hash stands in its place.
const ERASED_AT: usize = 17;
const TIME_AT: usize = 32;
const PREVIOUS_AT: usize = 40;

/// Log sequence number: the number of a record, dense, from 1. [`Lsn::NONE`] stands for "no record".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// No record: comes before the first one.
    pub const NONE: Lsn = Lsn(0);

    /// The number of a log's first record.
    pub const FIRST: Lsn = Lsn(1);

    /// In a frame's `previous`: the record right before this one, for a writer that frames several records
    /// before it knows their LSNs. Readers see the real LSN.
    pub const JUST_BEFORE: Lsn = Lsn(u64::MAX);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Lsn {
        self.plus(1)
    }

    /// The number `records` after this one.
    #[must_use]
    pub fn plus(self, records: u64) -> Lsn {
        Lsn(self.0.checked_add(records).expect("no log holds 2^64 records"))
    }

    /// The number before this one; [`Lsn::NONE`] before the first.
    #[must_use]
    pub fn previous(self) -> Lsn {
        Lsn(self.0.saturating_sub(1))
    }

    /// Whether this stands for no record.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Lsn::NONE
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whom a record is about. Opaque to the log: it stores the three numbers and compares them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What sort of thing the subject is.
    pub kind: u8,
    /// The tenant it belongs to.
    pub tenant: u32,
    /// Its number within kind and tenant.
    pub number: u64,
}

/// The fields of a record's frame that its writer chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// What kind of record this is; says with `version` how to read the parts.
    pub record_type: u16,
    /// The version of the record type's encoding.
    pub version: u8,
    /// Bits for the writer's use.
    pub flags: u8,
    /// Whom the record is about.
    pub subject: Subject,
    /// When it was decided, in nanoseconds since 1970 UTC.
    pub time_ns: u64,
    /// The subject's record before this one, [`Lsn::NONE`], or, to write, [`Lsn::JUST_BEFORE`].
    pub previous: Lsn,
}

/// A frame would be longer than format 1 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of {bytes} bytes is larger than the {bytes_max} bytes that format 1 allows")]
pub struct RecordTooLarge {
    /// The frame's length, header included.
    pub bytes: usize,
    /// The limit it exceeds.
    pub bytes_max: usize,
}

/// Why bytes are not a valid frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer bytes than a frame needs.
    #[error("the frame needs {needed} bytes and {present} are there")]
    Short {
        /// Bytes that the frame claims or needs at least.
        needed: usize,
        /// Bytes that are there.
        present: usize,
    },
    /// The length field is below the header's or above the format's limit.
    #[error("the frame claims {bytes} bytes, outside what format 1 allows")]
    Length {
        /// The claimed length.
        bytes: usize,
    },
    /// The personal part is longer than the frame, or reserved bytes are set.
    #[error("the frame's fixed fields contradict each other")]
    Fields,
    /// The checksum does not match.
    #[error("the frame's checksum is {found:08x} and should be {computed:08x}")]
    Checksum {
        /// What the frame says.
        found: u32,
        /// What its bytes say.
        computed: u32,
    },
}

/// Builds one frame in place: the caller writes the parts straight into the buffer.
///
/// ```
/// use coffer_wal::{FrameBuilder, FrameHeader, Lsn, decode_frame};
/// let mut out = Vec::new();
/// let mut builder = FrameBuilder::begin(&mut out);
/// out.extend_from_slice(b"public");
/// builder.personal_starts(&out);
/// out.extend_from_slice(b"name");
/// builder.finish(&mut out, &FrameHeader { record_type: 7, ..FrameHeader::default() }).unwrap();
/// let (record, rest) = decode_frame(&out, Lsn(1)).unwrap();
/// assert_eq!((record.public, record.personal, rest.len()), (&b"public"[..], &b"name"[..], 0));
/// ```
#[derive(Debug)]
#[must_use = "a frame that is begun and not finished is no frame"]
pub struct FrameBuilder {
    start: usize,
    personal_start: Option<usize>,
}

impl FrameBuilder {
    /// Reserves the frame's fixed part at the end of `out`.
    pub fn begin(out: &mut Vec<u8>) -> FrameBuilder {
        let start = out.len();
        out.resize(start + FRAME_HEADER_BYTES, 0);
        FrameBuilder { start, personal_start: None }
    }

    /// Says that what is appended to `out` from here on is the personal part.
    pub fn personal_starts(&mut self, out: &[u8]) {
        self.personal_start = Some(out.len());
    }

    /// Fills in the fixed part and the checksum.
    ///
    /// # Errors
    /// [`RecordTooLarge`]; `out` is then cut back to where the frame began.
    pub fn finish(self, out: &mut Vec<u8>, header: &FrameHeader) -> Result<(), RecordTooLarge> {
        let bytes = out.len() - self.start;
        if bytes > RECORD_BYTES_LIMIT {
            out.truncate(self.start);
            return Err(RecordTooLarge { bytes, bytes_max: RECORD_BYTES_LIMIT });
        }
        let personal = out.len() - self.personal_start.unwrap_or(out.len());
        let frame = &mut out[self.start..];
        put(frame, 0, &length_field(bytes));
        put_header(frame, header, personal);
        let crc = frame_crc(frame);
        put(frame, CRC_AT, &crc.to_le_bytes());
        Ok(())
    }
}

fn length_field(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a frame's length is below RECORD_BYTES_LIMIT").to_le_bytes()
}

fn put_header(frame: &mut [u8], header: &FrameHeader, personal_bytes: usize) {
    put(frame, TYPE_AT, &header.record_type.to_le_bytes());
    frame[VERSION_AT] = header.version;
    frame[FLAGS_AT] = header.flags;
    put(frame, PERSONAL_AT, &length_field(personal_bytes));
    frame[SUBJECT_AT] = header.subject.kind;
    put(frame, SUBJECT_AT + 4, &header.subject.tenant.to_le_bytes());
    put(frame, SUBJECT_AT + 8, &header.subject.number.to_le_bytes());
    put(frame, TIME_AT, &header.time_ns.to_le_bytes());
    put(frame, PREVIOUS_AT, &header.previous.0.to_le_bytes());
}

/// Checksum over the whole frame but the checksum itself.
fn frame_crc(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..CRC_AT]);
    hasher.update(&frame[TYPE_AT..]);
    hasher.finalize()
}

/// Appends one whole frame to `out`.
///
/// # Errors
/// [`RecordTooLarge`]; `out` is then unchanged.
pub fn encode_frame(
    out: &mut Vec<u8>,
    header: &FrameHeader,
    public: &[u8],
    personal: &[u8],
) -> Result<(), RecordTooLarge> {
    let mut builder = FrameBuilder::begin(out);
    out.extend_from_slice(public);
    builder.personal_starts(out);
    out.extend_from_slice(personal);
    builder.finish(out, header)
}

/// Appends the frame of a record whose personal part is erased: the hash of what was written first stands in its place, and
/// `instead` behind it. A record that was erased before keeps the hash that it has. The audit tree's leaf stays the same.
///
/// # Errors
/// [`RecordTooLarge`]; `out` is then unchanged.
pub fn encode_erased_frame(
    out: &mut Vec<u8>,
    record: &Record<'_>,
    instead: &[u8],
) -> Result<(), RecordTooLarge> {
    let start = out.len();
    let bytes = FRAME_HEADER_BYTES + record.public.len() + HASH_BYTES + instead.len();
    let bytes_max = RECORD_BYTES_LIMIT + ERASED_GROWTH_BYTES_LIMIT;
    if bytes > bytes_max {
        return Err(RecordTooLarge { bytes, bytes_max });
    }
    out.resize(start + FRAME_HEADER_BYTES, 0);
    out.extend_from_slice(record.public);
    out.extend_from_slice(&record.erased.copied().unwrap_or_else(|| personal_hash(record.personal)));
    out.extend_from_slice(instead);
    let frame = &mut out[start..];
    put(frame, 0, &length_field(bytes));
    put_header(frame, &record.header, HASH_BYTES + instead.len());
    frame[ERASED_AT] = 1;
    let crc = frame_crc(frame);
    put(frame, CRC_AT, &crc.to_le_bytes());
    Ok(())
}

/// One record, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub lsn: Lsn,
    /// The frame's fields.
    pub header: FrameHeader,
    /// The part that proofs cover and that stays for ever.
    pub public: &'a [u8],
    /// The part that may be erased later; of an erased record, what was put in its place.
    pub personal: &'a [u8],
    /// The hash of the personal part that was erased; `None` while it is as it was written.
    pub erased: Option<&'a Hash>,
}

impl Record<'_> {
    /// Bytes of the whole frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        let hash = self.erased.map_or(0, |hash| hash.len());
        FRAME_HEADER_BYTES + self.public.len() + hash + self.personal.len()
    }

    /// A copy that owns its bytes.
    #[must_use]
    pub fn to_owned(&self) -> RecordBuf {
        RecordBuf {
            lsn: self.lsn,
            header: self.header,
            public: self.public.to_vec(),
            personal: self.personal.to_vec(),
            erased: self.erased.copied(),
        }
    }
}

/// One record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBuf {
    /// Its number.
    pub lsn: Lsn,
    /// The frame's fields.
    pub header: FrameHeader,
    /// The part that proofs cover and that stays for ever.
    pub public: Vec<u8>,
    /// The part that may be erased later; of an erased record, what was put in its place.
    pub personal: Vec<u8>,
    /// The hash of the personal part that was erased; `None` while it is as it was written.
    pub erased: Option<Hash>,
}

impl RecordBuf {
    /// The same record, borrowed.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        Record {
            lsn: self.lsn,
            header: self.header,
            public: &self.public,
            personal: &self.personal,
            erased: self.erased.as_ref(),
        }
    }
}

/// The whole length of the frame that `bytes` begin with, checked for plausibility only.
///
/// # Errors
/// [`FrameError::Short`] or [`FrameError::Length`].
pub fn frame_length(bytes: &[u8]) -> Result<usize, FrameError> {
    if bytes.len() < FRAME_HEADER_BYTES {
        return Err(FrameError::Short { needed: FRAME_HEADER_BYTES, present: bytes.len() });
    }
    let claimed = index32(u32_at(bytes, 0));
    let growth = if bytes[ERASED_AT] == 0 { 0 } else { ERASED_GROWTH_BYTES_LIMIT };
    if !(FRAME_HEADER_BYTES..=RECORD_BYTES_LIMIT + growth).contains(&claimed) {
        return Err(FrameError::Length { bytes: claimed });
    }
    if claimed > bytes.len() {
        return Err(FrameError::Short { needed: claimed, present: bytes.len() });
    }
    Ok(claimed)
}

/// The length of the personal part of a frame that [`frame_length`] has accepted, if the fixed fields can be.
pub(crate) fn personal_length(frame: &[u8]) -> Result<usize, FrameError> {
    let personal_bytes = index32(u32_at(frame, PERSONAL_AT));
    let least = match frame[ERASED_AT..SUBJECT_AT + 4] {
        [0, 0, 0] => 0,
        [1, 0, 0] => HASH_BYTES,
        _ => return Err(FrameError::Fields),
    };
    let fits = (least..=frame.len() - FRAME_HEADER_BYTES).contains(&personal_bytes);
    if fits { Ok(personal_bytes) } else { Err(FrameError::Fields) }
}

/// Whether a frame that [`frame_length`] has accepted is that of an erased record.
pub(crate) fn is_erased(frame: &[u8]) -> bool {
    frame[ERASED_AT] != 0
}

/// The time of a frame that [`frame_length`] has accepted.
pub(crate) fn frame_time_ns(frame: &[u8]) -> u64 {
    u64_at(frame, TIME_AT)
}

/// Reads and verifies the frame that `bytes` begin with; returns it and what follows.
///
/// # Errors
/// [`FrameError`] when the bytes are not one whole, valid frame.
pub fn decode_frame(bytes: &[u8], lsn: Lsn) -> Result<(Record<'_>, &[u8]), FrameError> {
    let length = frame_length(bytes)?;
    let (found, computed) = (u32_at(bytes, CRC_AT), frame_crc(&bytes[..length]));
    if found != computed {
        return Err(FrameError::Checksum { found, computed });
    }
    decode_frame_unchecked(bytes, lsn)
}

/// As [`decode_frame`], for bytes whose batch has already been verified as a whole.
///
/// # Errors
/// [`FrameError`] when the fixed fields cannot be; the checksum is not looked at.
pub fn decode_frame_unchecked(bytes: &[u8], lsn: Lsn) -> Result<(Record<'_>, &[u8]), FrameError> {
    let length = frame_length(bytes)?;
    let (frame, rest) = bytes.split_at(length);
    let personal_bytes = personal_length(frame)?;
    let parts = &frame[FRAME_HEADER_BYTES..];
    let (public, personal) = parts.split_at(parts.len() - personal_bytes);
    let (erased, personal) = match personal.split_first_chunk() {
        Some((hash, instead)) if is_erased(frame) => (Some(hash), instead),
        _ => (None, personal),
    };
    Ok((Record { lsn, header: header_of(frame, lsn), public, personal, erased }, rest))
}

fn header_of(frame: &[u8], lsn: Lsn) -> FrameHeader {
    let previous = Lsn(u64_at(frame, PREVIOUS_AT));
    FrameHeader {
        record_type: u16_at(frame, TYPE_AT),
        version: frame[VERSION_AT],
        flags: frame[FLAGS_AT],
        subject: Subject {
            kind: frame[SUBJECT_AT],
            tenant: u32_at(frame, SUBJECT_AT + 4),
            number: u64_at(frame, SUBJECT_AT + 8),
        },
        time_ns: frame_time_ns(frame),
        previous: if previous == Lsn::JUST_BEFORE { lsn.previous() } else { previous },
    }
}

#[cfg(test)]
mod tests;
